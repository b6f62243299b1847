#include "table/contest.h"

#include "base/seed.h"
#include "json/order.h"

#include <string.h>

/* The best record of a key. For FIRST there is none, for LAST the number is
 * all of it. */
struct best {
    uint64_t number;
    uint64_t at; /* of its value in the region */
    uint32_t n, cap;
};

/* Values get room in powers of two from here on: most that follow fit into the
 * place of the one before, and what is left behind is less than what is used.
 */
#define VALUE_LEAST 32

/* A number that no record has: what was best is in a part, and all that
 * follows with that key goes there too. */
#define MOVED UINT64_MAX

#define TICK_EVERY 4096 /* items */

void contest_init(struct contest *c, enum contest_rule rule,
                  struct budget *budget, size_t memory, const char *dir)
{
    *c = (struct contest){ .rule = rule,
                           .budget = budget,
                           .memory = memory,
                           .dir = dir,
                           .best.budget = budget,
                           .values.budget = budget };
    if (rule == CONTEST_FIRST)
        keyset_init_unnumbered(&c->keys, budget);
    else
        keyset_init(&c->keys, budget);
}

static void free_tables(struct contest *c)
{
    keyset_free(&c->keys);
    region_free(&c->best);
    region_free(&c->values);
}

void contest_free(struct contest *c)
{
    free_tables(c);
    if (c->parted)
        spill_free(&c->parts);
    c->parted = false;
    buf_free(&c->item);
}

/* ---- parts ---- */

static bool has_values(const struct contest *c)
{
    return c->rule == CONTEST_MAX || c->rule == CONTEST_MIN;
}

static bool has_value(struct val v)
{
    return v.type > JSON_NULL;
}

/* A part's item is the key, or the length of the key, the key and the value,
 * nothing where it is null or missing. */
static int make_item(struct contest *c, struct str key, struct val value,
                     struct str *item, struct err *e)
{
    uint32_t n = (uint32_t)key.n;
    *item = key;
    if (!has_values(c))
        return 0;
    buf_reset(&c->item);
    buf_add(&c->item, &n, sizeof(n));
    buf_add_str(&c->item, key);
    if (has_value(value))
        buf_add_str(&c->item, value.raw);
    *item = buf_str(&c->item);
    return c->item.failed ? err_nomem(e) : 0;
}

static void read_item(const struct contest *c, struct str item, struct str *key,
                      struct val *value)
{
    uint32_t n;
    *key = item;
    *value = (struct val){ .type = JSON_MISSING };
    if (!has_values(c))
        return;
    memcpy(&n, item.p, sizeof(n));
    *key = (struct str){ item.p + sizeof(n), n };
    struct str raw = { key->p + n, item.n - sizeof(n) - n };
    if (raw.n)
        *value = (struct val){ json_type_of(*raw.p), raw };
}

int contest_defer(struct contest *c, struct str key, uint64_t number,
                  struct val value, struct err *e)
{
    struct str item;
    if (!c->parted && spill_init(&c->parts, c->memory, c->dir, e))
        return -1;
    c->parted = true;
    c->deferred++;
    /* A hash of its own: that of the tables would put all keys of a part into
     * one corner of the next table. */
    uint64_t hash = XXH3_64bits_withSeed(key.p, key.n, seed(5));
    return make_item(c, key, value, &item, e) ||
                   spill_add(&c->parts,
                             spill_part_of(&c->parts, hash, c->level), number,
                             item, e)
               ? -1
               : 0;
}

/* ---- tables ---- */

static struct best *best_of(const struct contest *c, uint32_t key)
{
    return (struct best *)(void *)c->best.p + key;
}

static struct val value_of(const struct contest *c, const struct best *b)
{
    struct str raw = { c->values.p + b->at, b->n };
    if (!b->n)
        return (struct val){ .type = JSON_MISSING };
    return (struct val){ json_type_of(*raw.p), raw };
}

/* No room in the budget, or in the format of a table: no failure. */
static int close_tables(struct contest *c, struct err *e)
{
    if (c->why.code != ERR_CONFIG) {
        *e = c->why;
        return -1;
    }
    c->full = true;
    return 0;
}

/* Stores value as that of b: 0; 1 where there is no room. */
static int store(struct contest *c, struct best *b, struct val value,
                 struct err *e)
{
    size_t n = has_value(value) ? value.raw.n : 0, cap = VALUE_LEAST;
    if (n > b->cap) {
        while (cap < n)
            cap *= 2;
        if (region_reserve(&c->values, cap, &c->why))
            return close_tables(c, e) ? -1 : 1;
        b->at = c->values.n;
        b->cap = (uint32_t)cap;
        c->values.n += cap;
    }
    if (n)
        memcpy(c->values.p + b->at, value.raw.p, n);
    b->n = (uint32_t)n;
    return 0;
}

/* Does value win against that of b? 1, 0, -1. */
static int wins(const struct contest *c, const struct best *b, struct val value,
                struct err *e)
{
    int order = 0;
    if (!has_value(value))
        return 0;
    if (!b->n)
        return 1;
    int r = order_cmp(value, value_of(c, b), &order);
    if (r == -1)
        return err_nomem(e);
    /* r of -3: too deep to be compared, so it does not win. */
    return r == 0 && (c->rule == CONTEST_MAX ? order > 0 : order < 0);
}

/* The key is there. */
static int enter_known(struct contest *c, uint32_t at, struct str key,
                       uint64_t number, struct val value, struct err *e)
{
    if (c->rule == CONTEST_FIRST)
        return 0;
    if (c->rule == CONTEST_LAST) {
        ((uint64_t *)(void *)c->best.p)[at] = number;
        return 0;
    }
    struct best *b = best_of(c, at);
    if (b->number == MOVED)
        return contest_defer(c, key, number, value, e);
    int r = wins(c, b, value, e);
    if (r <= 0)
        return r;
    r = store(c, b, value, e);
    if (r == 0)
        b->number = number;
    if (r <= 0)
        return r;
    if (contest_defer(c, key, b->number, value_of(c, b), e))
        return -1;
    b->number = MOVED;
    return contest_defer(c, key, number, value, e);
}

/* Has room for what a new key needs beside itself. */
static int reserve_best(struct contest *c, struct err *e)
{
    if (c->rule == CONTEST_FIRST)
        return 0;
    return region_reserve(
        &c->best, has_values(c) ? sizeof(struct best) : sizeof(uint64_t), e);
}

/* The best of the key that was added last. 0, or 1 where its value has no
 * room: it is in a part then. */
static int add_best(struct contest *c, struct str key, uint64_t number,
                    struct val value, struct err *e)
{
    if (c->rule == CONTEST_LAST) {
        memcpy(c->best.p + c->best.n, &number, sizeof(number));
        c->best.n += sizeof(number);
        return 0;
    }
    struct best b = { .number = number };
    int r = store(c, &b, value, e);
    if (r > 0) {
        b.number = MOVED;
        r = contest_defer(c, key, number, value, e);
    }
    memcpy(c->best.p + c->best.n, &b, sizeof(b));
    c->best.n += sizeof(b);
    return r;
}

/* Enters a record: 1 where its key is a new one in the tables, 0, -1. */
static int enter(struct contest *c, struct hash128 hash, struct str key,
                 uint64_t number, struct val value, struct err *e)
{
    uint32_t at;
    if (!c->full) {
        int r = reserve_best(c, &c->why);
        if (r == 0)
            r = keyset_insert(&c->keys, hash, key, &at, &c->why);
        if (r == 0)
            return enter_known(c, at, key, number, value, e);
        if (r == 1)
            return c->rule != CONTEST_FIRST &&
                           add_best(c, key, number, value, e) < 0
                       ? -1
                       : 1;
        if (close_tables(c, e))
            return -1;
    }
    if (keyset_find(&c->keys, hash, key, &at))
        return enter_known(c, at, key, number, value, e);
    return contest_defer(c, key, number, value, e);
}

int contest_enter(struct contest *c, struct hash128 hash, struct str key,
                  uint64_t number, struct val value, struct err *e)
{
    return enter(c, hash, key, number, value, e) < 0 ? -1 : 0;
}

/* ---- the end ---- */

static void set_bits(const struct contest *c, struct bits *bits)
{
    const uint64_t *last = (const uint64_t *)(const void *)c->best.p;
    for (uint32_t i = 0; c->rule == CONTEST_LAST && i < c->keys.n; i++)
        bits_set(bits, last[i]);
    for (uint32_t i = 0; has_values(c) && i < c->keys.n; i++)
        if (best_of(c, i)->number != MOVED)
            bits_set(bits, best_of(c, i)->number);
}

struct ticker {
    int (*tick)(void *ctx);
    void *ctx;
};

static int settle(struct contest *c, struct bits *bits, const struct ticker *t,
                  struct err *e);

/* Enters all of part i of c into sub. */
static int replay(struct contest *c, unsigned i, struct contest *sub,
                  struct bits *bits, const struct ticker *t, struct err *e)
{
    uint64_t number, n = 0;
    struct str item, key;
    struct val value;
    int r = spill_rewind(&c->parts, i, e);
    while (r == 0 && (r = spill_next(&c->parts, i, &number, &item, e)) == 1) {
        read_item(c, item, &key, &value);
        r = enter(sub, keyset_hash(&sub->keys, key), key, number, value, e);
        if (r == 1 && c->rule == CONTEST_FIRST)
            bits_set(bits, number);
        r = r < 0 || (++n % TICK_EVERY == 0 && t->tick && t->tick(t->ctx)) ? -1
                                                                           : 0;
        if (r)
            return -1;
    }
    return r;
}

/* Has it taken a key for good? Not where the values of all went to parts. */
static bool has_settled(const struct contest *c)
{
    if (!has_values(c))
        return c->keys.n > 0;
    for (uint32_t i = 0; i < c->keys.n; i++)
        if (best_of(c, i)->number != MOVED)
            return true;
    return false;
}

/* A part is a contest at the next level. At the last one its parts go by the
 * same bits: they shrink by what fits into memory only, but they do, or
 * it fails. */
static int settle_part(struct contest *c, unsigned i, struct bits *bits,
                       const struct ticker *t, struct err *e)
{
    struct contest sub;
    contest_init(&sub, c->rule, c->budget, c->memory, c->dir);
    sub.level = c->level + 1 < SPILL_LEVELS ? c->level + 1 : c->level;
    int r = replay(c, i, &sub, bits, t, e);
    spill_drop(&c->parts, i);
    bool finer = sub.keys.n > 0 && sub.level > c->level;
    if (r == 0 && sub.deferred && !finer && !has_settled(&sub))
        r = err_set(e, ERR_CONFIG,
                    "a key needs more than the %zu MiB that --memory allows",
                    c->memory >> 20);
    if (r == 0)
        r = settle(&sub, bits, t, e);
    contest_free(&sub);
    c->deferred += sub.deferred;
    if (c->deepest < sub.deepest + 1)
        c->deepest = sub.deepest + 1;
    return r;
}

static int settle(struct contest *c, struct bits *bits, const struct ticker *t,
                  struct err *e)
{
    set_bits(c, bits);
    free_tables(c);
    if (!c->parted)
        return 0;
    int r = spill_seal(&c->parts, e);
    for (unsigned i = 0; r == 0 && i < c->parts.n; i++)
        if (c->parts.v[i].items)
            r = settle_part(c, i, bits, t, e);
    return r;
}

int contest_settle(struct contest *c, struct bits *bits, int (*tick)(void *ctx),
                   void *ctx, struct err *e)
{
    struct ticker t = { tick, ctx };
    int r = settle(c, bits, &t, e);
    contest_free(c);
    return r;
}
