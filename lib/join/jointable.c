#include "join/jointable.h"

#include "base/seed.h"
#include "json/key.h"

#include <stdlib.h>

#define UNIT 8 /* bytes: rows lie in multiples of them */
#define AT_MAX (((uint64_t)1 << SLOTS_FREE_BITS) - 1)
#define FOLLOWS ((uint32_t)1 << 31)

void jointable_init(struct jointable *t, enum jointable_multi multi, bool timed,
                    struct budget *budget)
{
    *t = (struct jointable){ .rows.budget = budget,
                             .runs.budget = budget,
                             .seed = seed(3),
                             .multi = multi,
                             .timed = timed };
    t->head = timed ? sizeof(struct jointable_row)
                    : offsetof(struct jointable_row, time);
    slots_init(&t->slots, budget);
}

void jointable_free(struct jointable *t)
{
    slots_free(&t->slots);
    region_free(&t->rows);
    region_free(&t->runs);
    t->n = 0;
}

static struct jointable_row *row_at(const struct jointable *t, uint64_t place)
{
    return (struct jointable_row *)(void *)(t->rows.p + place * UNIT);
}

static struct str key_of(const struct jointable *t,
                         const struct jointable_row *r)
{
    return (struct str){ (const char *)r + t->head, r->key_n & ~FOLLOWS };
}

static size_t size_of(const struct jointable *t, size_t key_n, size_t n)
{
    return (t->head + key_n + n + UNIT - 1) / UNIT * UNIT;
}

/* Are all rows of a key kept, to be put in order at the end? */
static bool keeps_all(const struct jointable *t)
{
    return t->timed || t->multi == JOINTABLE_ALL;
}

static uint64_t tag_of(uint64_t hash)
{
    return (hash & ~AT_MAX) + 1;
}

/* The slot of key's first row, with *found; or where it belongs. */
static uint64_t *probe(const struct jointable *t, uint64_t tag, struct str key,
                       bool *found)
{
    uint64_t *at = slots_seek(&t->slots, tag);
    for (; *at && (*at ^ tag) <= AT_MAX; at++) {
        if (str_eq(key_of(t, row_at(t, *at & AT_MAX)), key)) {
            *found = true;
            return at;
        }
    }
    *found = false;
    return at;
}

void jointable_prefetch_row(const struct jointable *t, uint64_t hash)
{
    uint64_t tag = tag_of(hash);
    const uint64_t *slot = slots_seek(&t->slots, tag);
    /* Something is loaded in any case: which, nobody could guess. */
    const char *p = (const char *)slot;
    if (*slot - tag < AT_MAX)
        p = (const char *)row_at(t, *slot & AT_MAX);
    __builtin_prefetch(p);
    __builtin_prefetch(p + 64);
}

/* Has room for one more row. */
static int make_room(struct jointable *t, struct str key, struct str row,
                     struct err *e)
{
    if (key.n >= FOLLOWS || row.n > UINT32_MAX)
        return err_set(e, ERR_DATA, "a reference record is too long");
    if (t->rows.n / UNIT >= AT_MAX)
        return err_set(e, ERR_CONFIG, "more than 128 GiB of reference rows");
    if (region_reserve(&t->rows, UNIT + size_of(t, key.n, row.n), e))
        return -1;
    return slots_reserve(&t->slots, e);
}

/* Appends a row, for which there is room; returns its place. */
static uint64_t append(struct jointable *t, struct str key, struct str row,
                       const struct jointime *time)
{
    if (t->rows.n == 0)
        t->rows.n = UNIT;
    uint64_t place = t->rows.n / UNIT;
    struct jointable_row *r = row_at(t, place);
    r->link = 0;
    r->key_n = (uint32_t)key.n;
    r->n = (uint32_t)row.n;
    if (t->timed)
        r->time = *time;
    char *p = (char *)r + t->head;
    if (key.n)
        memcpy(p, key.p, key.n);
    if (row.n)
        memcpy(p + key.n, row.p, row.n);
    t->rows.n += size_of(t, key.n, row.n);
    t->n++;
    return place;
}

static int fail_key(struct str key, const char *why, struct err *e)
{
    struct buf text = { .max = 4096 };
    int r = 0;
    while (key.n && r == 0) {
        if (text.n)
            buf_addc(&text, ',');
        r = key_print(&text, &key);
    }
    err_set(e, ERR_DATA,
            "reference has several records of key %.*s%s: say with --multi "
            "what to do",
            (int)(text.n < 200 ? text.n : 200), text.n ? text.p : "", why);
    buf_free(&text);
    return -1;
}

/* Another row of a key whose first one is at `first`. */
static int add_again(struct jointable *t, uint64_t first, struct str key,
                     struct str row, const struct jointime *time, struct err *e)
{
    struct jointable_row *head = row_at(t, first);
    if (!keeps_all(t)) {
        if (t->multi == JOINTABLE_FAIL)
            return fail_key(key, "", e);
        if (t->multi == JOINTABLE_FIRST ||
            (t->multi == JOINTABLE_FLAG && head->link))
            return 0;
    }
    uint64_t place = append(t, key, row, time);
    struct jointable_row *r = row_at(t, place);
    r->key_n |= FOLLOWS;
    if (keeps_all(t))
        r->link = head->link; /* newest first; jointable_freeze turns them */
    head->link = place;
    return 0;
}

int jointable_add(struct jointable *t, uint64_t hash, struct str key,
                  struct str row, const struct jointime *time, struct err *e)
{
    bool found;
    if (make_room(t, key, row, e))
        return -1;
    uint64_t *slot = probe(t, tag_of(hash), key, &found);
    if (found)
        return add_again(t, *slot & AT_MAX, key, row, time, e);
    uint64_t place = append(t, key, row, time);
    slots_put(&t->slots, slot, (hash & ~AT_MAX) | place);
    return 0;
}

bool jointable_next(const struct jointable *t, size_t *at, struct str *key,
                    struct str *row, struct jointime *time)
{
    if (*at == 0)
        *at = UNIT;
    if (*at >= t->rows.n)
        return false;
    const struct jointable_row *r = row_at(t, *at / UNIT);
    *key = key_of(t, r);
    *row = jointable_row(t, r);
    if (t->timed)
        *time = r->time;
    *at += size_of(t, key->n, row->n);
    return true;
}

/* ---- runs: all rows of a key, in order ---- */

static int by_time(const void *a, const void *b, void *table)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    const struct jointable *t = table;
    int c = t->timed ? jointime_cmp(row_at(t, x)->time, row_at(t, y)->time) : 0;
    return c ? c : x < y ? -1 : x > y;
}

/* Of rows of one time the one that stays; how many remain. */
static int64_t settle_times(const struct jointable *t, uint64_t *v, size_t n,
                            struct err *e)
{
    size_t kept = 0;
    if (t->multi == JOINTABLE_FLAG)
        return (int64_t)n;
    for (size_t i = 0; i < n; i++) {
        if (kept && jointime_cmp(row_at(t, v[kept - 1])->time,
                                 row_at(t, v[i])->time) == 0) {
            if (t->multi == JOINTABLE_FAIL)
                return fail_key(key_of(t, row_at(t, v[i])), " and one time", e);
            if (t->multi == JOINTABLE_LAST)
                v[kept - 1] = v[i];
            continue;
        }
        v[kept++] = v[i];
    }
    return (int64_t)kept;
}

static int add_run(struct jointable *t, uint64_t first, struct err *e)
{
    struct region *g = &t->runs;
    size_t n = 0, at = g->n ? g->n : sizeof(uint64_t);
    for (uint64_t i = first; i; i = row_at(t, i)->link)
        n++;
    if (region_reserve(g, (n + 2) * sizeof(uint64_t), e))
        return -1;
    uint64_t *run = (uint64_t *)(void *)(g->p + at), *v = run + 1;
    n = 0;
    for (uint64_t i = first; i; i = row_at(t, i)->link)
        v[n++] = i;
    qsort_r(v, n, sizeof(*v), by_time, t);
    int64_t kept = t->timed ? settle_times(t, v, n, e) : (int64_t)n;
    if (kept < 0)
        return -1;
    *run = (uint64_t)kept;
    g->n = at + ((size_t)kept + 1) * sizeof(uint64_t);
    row_at(t, first)->link = at / sizeof(uint64_t);
    return 0;
}

int jointable_freeze(struct jointable *t, struct err *e)
{
    if (!keeps_all(t))
        return 0;
    /* Links of rows that follow others are needed until their run is made, and
     * their first row stands before them. */
    for (size_t at = UNIT; at < t->rows.n;) {
        struct jointable_row *r = row_at(t, at / UNIT);
        if (!(r->key_n & FOLLOWS) && r->link && add_run(t, at / UNIT, e))
            return -1;
        at += size_of(t, r->key_n & ~FOLLOWS, r->n);
    }
    return 0;
}

/* ---- looking up ---- */

const struct jointable_row *jointable_find(const struct jointable *t,
                                           uint64_t hash, struct str key)
{
    bool found;
    const uint64_t *slot = probe(t, tag_of(hash), key, &found);
    return found ? row_at(t, *slot & AT_MAX) : NULL;
}

static bool is_recent(const struct jointable_row *r, const struct jointime *at,
                      uint64_t max_us)
{
    return !max_us || (uint64_t)at->v - (uint64_t)r->time.v <= max_us;
}

/* The last of n rows that is not after time. */
static int64_t match_time(const struct jointable *t, const uint64_t *v,
                          size_t n, const struct jointime *time,
                          uint64_t max_us, const uint64_t **rows)
{
    size_t low = 0, high = n; /* rows before low are not after time */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (jointime_cmp(row_at(t, v[mid])->time, *time) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0 || !is_recent(row_at(t, v[low - 1]), time, max_us))
        return 0;
    if (t->multi == JOINTABLE_FLAG && low > 1 &&
        jointime_cmp(row_at(t, v[low - 2])->time,
                     row_at(t, v[low - 1])->time) == 0)
        return -1;
    *rows = &v[low - 1];
    return 1;
}

int64_t jointable_match(const struct jointable *t,
                        const struct jointable_row *first,
                        const struct jointime *time, uint64_t max_us,
                        const uint64_t **rows)
{
    *rows = NULL;
    if (!first->link)
        return !time || (jointime_cmp(first->time, *time) <= 0 &&
                         is_recent(first, time, max_us));
    if (t->multi == JOINTABLE_FLAG && !t->timed)
        return -1;
    if (!keeps_all(t)) { /* the last one */
        *rows = &first->link;
        return 1;
    }
    const uint64_t *run =
        (const uint64_t *)(const void *)t->runs.p + first->link;
    if (time)
        return match_time(t, run + 1, *run, time, max_us, rows);
    *rows = run + 1;
    return (int64_t)*run;
}
