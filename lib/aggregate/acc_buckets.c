/* Counts of numbers by ranges of equal width: bucket i is from low + i * width
 * on and below the next one. A state is a block of counts (aggregate/blocks.h):
 * those of the buckets, and of what is below and above them. It is written as
 * [low,width,below,above,count,...], printed as an object. */
#include "aggregate/acc_ops.h"

#include "json/number.h"

#include <stdlib.h>

/* Low and width as whole numbers of one scale, where 64 bits hold them. */
#define SHORT_SCALE 18

struct counts {
    uint32_t place;
    uint32_t taken; /* any at all */
};

static uint64_t *counts_in(const struct acc *acc, const struct counts *c)
{
    return blocks_at(&acc->blocks, c->place);
}

/* The counts of what is below and above stand behind the others. */
static size_t below_at(const struct acc *acc)
{
    return acc->param.n;
}

static size_t above_at(const struct acc *acc)
{
    return (size_t)acc->param.n + 1;
}

static unsigned block_log(const struct acc *acc)
{
    size_t bytes = ((size_t)acc->param.n + 2) * sizeof(uint64_t);
    unsigned log = BLOCKS_LOG_LEAST;
    while ((size_t)1 << log < bytes)
        log++;
    return log;
}

static int make_counts(struct acc *acc, struct counts *c, struct err *e)
{
    return c->place ? 0
                    : blocks_get(&acc->blocks, block_log(acc), &c->place, e);
}

/* d * 10^(scale - d's), if 18 digits hold that. */
static bool scaled(const struct decimal *d, int32_t scale, int64_t *v)
{
    int32_t k = scale - d->scale;
    if (d->big || k < 0 || k > SHORT_SCALE || d->small != (int64_t)d->small ||
        __builtin_mul_overflow((int64_t)d->small, (int64_t)digits_pow10[k], v))
        return false;
    return *v <= INT64_MAX / 8 && *v >= INT64_MIN / 8;
}

/* Finds the count that v * 10^-scale belongs to with words alone. */
static bool place_short(const struct acc *acc, int64_t v, int32_t scale,
                        size_t *at)
{
    const struct acc_param *p = &acc->param;
    struct decimal d = { .small = v, .scale = scale };
    int64_t low, width;
    int32_t most =
        p->low.scale > p->width.scale ? p->low.scale : p->width.scale;
    most = scale > most ? scale : most;
    if (!scaled(&p->low, most, &low) || !scaled(&p->width, most, &width) ||
        !scaled(&d, most, &v))
        return false;
    int64_t i = v < low ? -1 : (v - low) / width;
    *at = i < 0 ? below_at(acc) : i < p->n ? (size_t)i : above_at(acc);
    return true;
}

/* Compares d with low + i * width. */
static int cmp_edge(const struct acc *acc, const struct decimal *d, int64_t i,
                    int *order)
{
    struct decimal edge = { .small = i };
    int r = decimal_mul(&edge, &edge, &acc->param.width);
    if (r == 0)
        r = decimal_add(&edge, &edge, &acc->param.low);
    if (r == 0)
        *order = decimal_cmp(d, &edge);
    decimal_free(&edge);
    return r;
}

/* The same for any number, by bisection: exactly. */
static int place_decimal(const struct acc *acc, const struct decimal *d,
                         size_t *at)
{
    int64_t from = -1, to = acc->param.n; /* edges: at most d; or above it */
    int order = 0;
    int r = cmp_edge(acc, d, to, &order);
    if (r == 0 && order >= 0) {
        *at = above_at(acc);
        return 0;
    }
    while (r == 0 && to - from > 1) {
        int64_t middle = from + (to - from) / 2;
        r = cmp_edge(acc, d, middle, &order);
        *(order >= 0 ? &from : &to) = middle;
    }
    *at = from < 0 ? below_at(acc) : (size_t)from;
    return r;
}

static int count_at(struct acc *acc, struct counts *c, size_t at, struct err *e)
{
    if (make_counts(acc, c, e))
        return -1;
    counts_in(acc, c)[at]++;
    c->taken = 1;
    return 0;
}

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    struct decimal d = DECIMAL_ZERO;
    size_t place = 0;
    (void)by;
    int r = decimal_parse(&d, v.raw);
    if (r == 0)
        r = place_decimal(acc, &d, &place);
    decimal_free(&d);
    return r ? err_nomem(e) : count_at(acc, at.state, place, e);
}

static int take_run(struct acc *acc, struct run *run, struct err *e)
{
    for (; run->from < run->to; run->from++) {
        size_t i = run->from, at;
        struct acc_place place = { acc_state(acc, run, i), run->side,
                                   run->groups[i] };
        const struct order_key *k = &run->numbers[i];
        if (run_is_gap(run, i))
            continue;
        if (place_short(acc, (int64_t)k->high, k->scale, &at)
                ? count_at(acc, place.state, at, e)
                : take(acc, place, run->vals[i], run->vals[i], e))
            return -1;
    }
    return 0;
}

static uint64_t count_of(const struct acc *acc, const struct counts *c,
                         size_t at)
{
    return c->place ? counts_in(acc, c)[at] : 0;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    const struct counts *c = at.state;
    (void)q;
    if (!c->taken)
        return buf_addz(out, "null") ? err_nomem(e) : 0;
    buf_addz(out, "{\"low\":");
    decimal_format(out, &acc->param.low);
    buf_addz(out, ",\"width\":");
    decimal_format(out, &acc->param.width);
    buf_addz(out, ",\"counts\":[");
    for (size_t i = 0; i < acc->param.n; i++) {
        if (i > 0)
            buf_addc(out, ',');
        number_add_u64(out, count_of(acc, c, i));
    }
    buf_addz(out, "],\"below\":");
    number_add_u64(out, count_of(acc, c, below_at(acc)));
    buf_addz(out, ",\"above\":");
    number_add_u64(out, count_of(acc, c, above_at(acc)));
    return buf_addc(out, '}') ? err_nomem(e) : 0;
}

/* ---- states ---- */

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    const struct counts *c = at.state;
    buf_addc(out, '[');
    decimal_format(out, &acc->param.low);
    buf_addc(out, ',');
    decimal_format(out, &acc->param.width);
    buf_addc(out, ',');
    number_add_u64(out, count_of(acc, c, below_at(acc)));
    buf_addc(out, ',');
    number_add_u64(out, count_of(acc, c, above_at(acc)));
    for (size_t i = 0; i < acc->param.n; i++) {
        buf_addc(out, ',');
        number_add_u64(out, count_of(acc, c, i));
    }
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

/* 1 if the next value is this number, 0 if not, -1 without memory. */
static int next_is(struct json_iter *it, const struct decimal *want)
{
    struct decimal d = DECIMAL_ZERO;
    struct val v;
    if (!json_next(it, NULL, &v) || v.type != JSON_NUMBER)
        return 0;
    int r = decimal_parse(&d, v.raw);
    r = r == 0 ? decimal_cmp(&d, want) == 0 : r == -1 ? -1 : 0;
    decimal_free(&d);
    return r;
}

/* Reads the counts behind low and width, and adds them where c is not NULL.
 * False where they are no counts, or not as many. */
static bool add_counts(struct acc *acc, struct counts *c, struct json_iter it,
                       const struct counts *have)
{
    size_t n = (size_t)acc->param.n + 2, i = 0;
    struct val v;
    uint64_t count;
    for (; json_next(&it, NULL, &v); i++) {
        size_t at = i == 0 ? below_at(acc) : i == 1 ? above_at(acc) : i - 2;
        if (i >= n || !acc_read_count(v, &count) ||
            count > (uint64_t)INT64_MAX - count_of(acc, have, at))
            return false;
        if (c) {
            counts_in(acc, c)[at] += count;
            c->taken |= count > 0;
        }
    }
    return i == n && !it.broken;
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    if (state.type != JSON_ARRAY)
        return acc_no_state(acc, e);
    struct json_iter it = json_iter(state.raw);
    int r = next_is(&it, &acc->param.low);
    if (r == 1)
        r = next_is(&it, &acc->param.width);
    if (r == -1)
        return err_nomem(e);
    if (r == 0 || !add_counts(acc, NULL, it, at.state))
        return acc_no_state(acc, e);
    if (make_counts(acc, at.state, e))
        return -1;
    add_counts(acc, at.state, it, at.state);
    return 0;
}

const struct acc_ops acc_ops_buckets = {
    .types = ACC_TYPE(JSON_NUMBER),
    .numbers = true,
    .bytes = sizeof(struct counts),
    .judge = acc_judge_is_number,
    .take = take,
    .take_run = take_run,
    .print = print,
    .write = write,
    .absorb = absorb,
};
