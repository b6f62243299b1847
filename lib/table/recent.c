#include "table/recent.h"

#include <string.h>

struct entry {
    int64_t time;
    uint32_t older; /* entry of the same key, NONE: no other */
};

#define NONE UINT32_MAX
#define COPY_FROM 65536 /* entries: fewer are not worth it */

static void table_init(struct recent_table *t, size_t memory)
{
    *t = (struct recent_table){ .budget.max = memory };
    keyset_init(&t->keys, &t->budget);
    t->last.budget = t->times.budget = &t->budget;
}

static void table_free(struct recent_table *t)
{
    keyset_free(&t->keys);
    region_free(&t->last);
    region_free(&t->times);
}

void recent_init(struct recent *r, int64_t window, size_t memory)
{
    *r = (struct recent){ .window = window, .horizon = INT64_MIN };
    table_init(&r->t[0], memory / 2);
    table_init(&r->t[1], memory / 2);
}

void recent_free(struct recent *r)
{
    table_free(&r->t[0]);
    table_free(&r->t[1]);
}

void recent_forget(struct recent *r, int64_t horizon)
{
    if (horizon > r->horizon)
        r->horizon = horizon;
}

static uint32_t *last_of(const struct recent_table *t, uint32_t key)
{
    return (uint32_t *)(void *)t->last.p + key;
}

static struct entry *entry(const struct recent_table *t, uint32_t i)
{
    return (struct entry *)(void *)t->times.p + i;
}

static uint64_t entries(const struct recent_table *t)
{
    return t->times.n / sizeof(struct entry);
}

/* Has room for one more entry, of a key that may be new: so that what comes
 * next changes all of the table or nothing. */
static int reserve(struct recent_table *t, struct err *e)
{
    if (entries(t) == NONE)
        return err_set(e, ERR_CONFIG, "more than %u keys in a window", NONE);
    return region_reserve(&t->last, sizeof(uint32_t), e) ||
                   region_reserve(&t->times, sizeof(struct entry), e)
               ? -1
               : 0;
}

/* Adds an entry to a key, which is_new or has others. Room is reserved. */
static void add(struct recent_table *t, uint32_t key, bool is_new, int64_t time)
{
    uint32_t at = (uint32_t)entries(t);
    if (is_new)
        t->last.n += sizeof(uint32_t);
    *entry(t, at) = (struct entry){ time, is_new ? NONE : *last_of(t, key) };
    *last_of(t, key) = at;
    t->times.n += sizeof(struct entry);
}

/* Copies what is not forgotten into the other table. */
static int copy(struct recent *r, struct err *e)
{
    struct recent_table *from = &r->t[r->now], *to = &r->t[!r->now];
    struct str key;
    size_t at = 0;
    uint32_t number;
    for (uint32_t i = 0; keyset_next(&from->keys, &at, &key); i++) {
        bool is_new = true;
        for (uint32_t j = *last_of(from, i); j != NONE;
             j = entry(from, j)->older) {
            if (entry(from, j)->time <= r->horizon)
                continue;
            if (reserve(to, e) ||
                (is_new && keyset_insert(&to->keys, keyset_hash(&to->keys, key),
                                         key, &number, e) < 0))
                return -1;
            add(to, number, is_new, entry(from, j)->time);
            is_new = false;
        }
    }
    table_free(from);
    r->now = !r->now;
    r->live = entries(to);
    r->copies++;
    return 0;
}

static bool is_near(const struct recent *r, const struct recent_table *t,
                    uint32_t key, int64_t time)
{
    for (uint32_t i = *last_of(t, key); i != NONE; i = entry(t, i)->older) {
        int64_t was = entry(t, i)->time;
        if ((was > time ? was - time : time - was) < r->window)
            return true;
    }
    return false;
}

static int try_pass(struct recent *r, struct hash128 hash, struct str key,
                    int64_t time, struct err *e)
{
    struct recent_table *t = &r->t[r->now];
    uint32_t number;
    if (reserve(t, e))
        return -1;
    int new = keyset_insert(&t->keys, hash, key, &number, e);
    if (new < 0 || (new == 0 && is_near(r, t, number, time)))
        return new;
    add(t, number, new == 1, time);
    return 1;
}

int recent_pass(struct recent *r, struct hash128 hash, struct str key,
                int64_t t, struct err *e)
{
    struct budget *b = &r->t[r->now].budget;
    uint64_t n = entries(&r->t[r->now]);
    if (n >= COPY_FROM && n >= 2 * r->live && copy(r, e))
        return -1;
    b = &r->t[r->now].budget;
    b->refused = false;
    int done = try_pass(r, hash, key, t, e);
    if (done >= 0 || !b->refused)
        return done;
    /* One more try, if enough is old: else a copy would be due at once. */
    n = entries(&r->t[r->now]);
    int failed = copy(r, e);
    if (failed && e->code != ERR_CONFIG)
        return -1;
    if (failed || r->live > n - n / 8)
        return err_set(e, ERR_CONFIG,
                       "the keys of a window need more than --memory allows");
    *e = (struct err){ 0 };
    return try_pass(r, hash, key, t, e);
}
