#include "aggregate/extreme.h"

/* Takes v by its value; keyed tells whether it has a key. */
static int take(struct cell *c, size_t size, struct region *side, struct val v,
                int sign, bool keyed, struct err *e)
{
    struct val have = cell_get(c, side);
    int order = 0;
    if (have.type != JSON_MISSING) {
        if (order_cmp(v, have, &order) == -1)
            return err_nomem(e);
        if (order * sign >= 0)
            return 0;
    }
    return keyed ? cell_set_keyed(c, size, side, v.raw, e)
                 : cell_set(c, size, side, v.raw, e);
}

int extreme_take(struct cell *c, size_t size, struct region *side, struct val v,
                 int sign, struct err *e)
{
    return take(c, size, side, v, sign, false, e);
}

/* ---- one cell for the whole run ---- */

/* What turns the order of words round where sign is -1. */
static inline uint64_t turn(int sign)
{
    return sign > 0 ? 0 : ~(uint64_t)0;
}

/* Strings against *best, a string: the best so far stays in registers, and *at
 * becomes its place if it is in the run. Returns the first value whose key does
 * not tell its order, or r->to. */
static size_t best_string(const struct run *r, size_t from, int sign,
                          struct order_key *best, size_t *at)
{
    const struct val *vals = r->vals;
    uint64_t t = turn(sign), high = best->high ^ t, low = best->low ^ t;
    size_t i = from, to = r->to;
    for (; i < to; i++) {
        const char *p = vals[i].raw.p + 1;
        size_t n = vals[i].raw.n - 2;
        uint64_t x = order_high(p, n) ^ t;
        if (x > high)
            continue;
        uint64_t y = order_low(p, n) ^ t;
        if (x == high && y > low)
            continue;
        if (x == high && y == low) {
            if (n > 16 || best->scale)
                break;
            continue;
        }
        high = x;
        low = y;
        best->scale = n > 16;
        *at = i;
    }
    best->high = high ^ t;
    best->low = low ^ t;
    return i;
}

/* The same for values of any kind. */
static size_t best_value(const struct run *r, size_t from, int sign,
                         struct order_key *best, size_t *at)
{
    size_t i = from;
    int order;
    for (; i < r->to; i++) {
        if (run_is_gap(r, i))
            continue;
        struct order_key k = run_key(r, i);
        if (!order_keys_cmp(k, *best, &order))
            break;
        if (order * sign < 0) {
            *best = k;
            *at = i;
        }
    }
    return i;
}

/* What is in the cell is looked at only where keys do not tell. */
static int take_one_row(const struct run *r, struct cell *c, size_t size,
                        int sign, struct err *e)
{
    for (size_t i = r->from; i < r->to; i++) {
        struct order_key best = cell_key(c, r->side);
        size_t at = r->to; /* of the best, where it is not in the cell */
        if (r->strings && best.kind == ORDER_STRING)
            i = best_string(r, i, sign, &best, &at);
        else
            i = best_value(r, i, sign, &best, &at);
        if (at < r->to && cell_set_keyed(c, size, r->side, r->vals[at].raw, e))
            return -1;
        if (i < r->to && take(c, size, r->side, r->vals[i], sign,
                              run_key(r, i).kind != ORDER_OTHER, e))
            return -1;
    }
    return 0;
}

/* ---- a row for each record ---- */

static inline struct cell *cell_at(char *row, size_t at)
{
    return (struct cell *)(void *)(row + at);
}

/* Takes value i by its key, if that tells. */
static inline int take_by_key(const struct run *r, size_t i, struct cell *c,
                              size_t size, int sign, struct err *e)
{
    struct order_key k = run_key(r, i);
    int order;
    if (!order_keys_cmp(k, cell_key(c, r->side), &order))
        return take(c, size, r->side, r->vals[i], sign, k.kind != ORDER_OTHER,
                    e);
    return order * sign < 0
               ? cell_set_keyed(c, size, r->side, r->vals[i].raw, e)
               : 0;
}

/* Strings against strings that lie in the cells themselves. */
static int take_strings(const struct run *r, size_t at, size_t size, int sign,
                        struct err *e)
{
    const struct val *vals = r->vals;
    char *const *rows = r->rows;
    uint64_t t = turn(sign);
    for (size_t i = r->from; i < r->to; i++) {
        struct cell *c = cell_at(rows[i], at);
        struct str raw = vals[i].raw;
        const char *p = raw.p + 1, *q = cell_bytes(c) + 1;
        size_t n = raw.n - 2, m = cell_length(c) - 2;
        bool told = false;
        if (cell_has_string(c)) {
            uint64_t x = order_high(p, n), y = order_high(q, m);
            if (x == y) {
                x = order_low(p, n);
                y = order_low(q, m);
            }
            told = x != y;
            if ((x ^ t) > (y ^ t) || (!told && n <= 16 && m <= 16))
                continue;
        }
        if (told ? cell_set_keyed(c, size, r->side, raw, e)
                 : take_by_key(r, i, c, size, sign, e))
            return -1;
    }
    return 0;
}

int extreme_take_run(const struct run *r, size_t at, size_t size, int sign,
                     struct err *e)
{
    if (r->one_row)
        return take_one_row(r, cell_at(r->rows[r->from], at), size, sign, e);
    if (r->strings)
        return take_strings(r, at, size, sign, e);
    for (size_t i = r->from; i < r->to; i++)
        if (!run_is_gap(r, i) &&
            take_by_key(r, i, cell_at(r->rows[i], at), size, sign, e))
            return -1;
    return 0;
}
