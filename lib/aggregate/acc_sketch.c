/* Numbers by size, for approximate percentiles (aggregate/ddsketch.h). A state
 * is a sketch, written as [error,zeros,[bucket,count,...],[bucket,count,...]]:
 * the positive numbers' and the negative ones', each ascending by bucket. */
#include "aggregate/acc_ops.h"
#include "aggregate/ddsketch.h"

#include "json/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define INDEX_MOST (INT32_MAX / 2)

static void start(struct acc *acc)
{
    double *error = &acc->param.error;
    if (!(*error >= DDSKETCH_ERROR_LEAST && *error <= DDSKETCH_ERROR_MOST))
        *error = DDSKETCH_ERROR_DEFAULT;
    acc->shape = ddsketch_shape_of(*error);
}

/* Both ways give the same double for the same text. */
static double short_number(int64_t v, int32_t scale)
{
    return (double)v / (double)digits_pow10[scale];
}

/* -1 without memory. */
static int to_double(struct acc *acc, struct str text, double *v)
{
    size_t neg = *text.p == '-';
    uint64_t u;
    int32_t scale;
    if (digits_read(text.p + neg, text.n - neg, &u, &scale)) {
        *v = short_number(neg ? -(int64_t)u : (int64_t)u, scale);
        return 0;
    }
    buf_reset(&acc->key);
    buf_add_str(&acc->key, text);
    const char *z = buf_z(&acc->key);
    if (!z)
        return -1;
    *v = strtod(z, NULL);
    return 0;
}

static int judge(struct acc *acc, struct val v, struct val by, const char *fn,
                 const char **code, struct buf *why, struct err *e)
{
    double x = 0;
    int r = acc_judge_is_number(acc, v, by, fn, code, why, e);
    if (r != 1)
        return r;
    if (to_double(acc, v.raw, &x))
        return err_nomem(e);
    if (isinf(x))
        return acc_refuse(code, "number_range", why,
                          "number too large for an approximate percentile");
    return 1;
}

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    double x = 0;
    (void)by;
    if (to_double(acc, v.raw, &x))
        return err_nomem(e);
    return ddsketch_add(at.state, &acc->shape, &acc->blocks,
                        ddsketch_bucket_of(&acc->shape, x), e);
}

static int take_run(struct acc *acc, struct run *run, struct err *e)
{
    for (; run->from < run->to; run->from++) {
        size_t i = run->from;
        const struct order_key *k = &run->numbers[i];
        if (run_is_gap(run, i))
            continue;
        double x = short_number((int64_t)k->high, k->scale);
        if (ddsketch_add(acc_state(acc, run, i), &acc->shape, &acc->blocks,
                         ddsketch_bucket_of(&acc->shape, x), e))
            return -1;
    }
    return 0;
}

/* ---- results ---- */

/* The shortest text that is this double. */
static int add_double(struct buf *out, double v)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return buf_addz(out, text);
}

/* The bucket in which the number of this rank (0-based) is; sign 0: zeros. */
static struct ddsketch_bucket at_rank(const struct ddsketch *s,
                                      const struct ddsketch_bucket *all,
                                      size_t n, uint64_t rank)
{
    bool zeros = false;
    for (size_t i = 0; i <= n; i++) {
        if (!zeros && (i == n || all[i].sign == 1)) {
            zeros = true;
            if (rank < s->zeros)
                break;
            rank -= s->zeros;
        }
        if (i < n && rank < all[i].count)
            return all[i];
        rank -= i < n ? all[i].count : 0;
    }
    return (struct ddsketch_bucket){ 0 };
}

/* The rank that p asks for: floor(p * (n - 1)), or ceil(p * n) - 1. */
static int rank_of(const struct acc_question *q, uint64_t n, uint64_t *rank)
{
    bool disc = q->ask == ASK_PERCENTILE_DISC;
    struct decimal x = { .small = (decimal_int)(disc ? n : n - 1) };
    struct decimal whole = DECIMAL_ZERO;
    int64_t k = 0;
    int r = decimal_mul(&x, &x, &q->p);
    if (r == 0)
        r = decimal_round(&whole, &x, 0);
    if (r == 0 && !decimal_to_i64(&whole, &k))
        r = -2;
    if (r == 0) {
        int order = decimal_cmp(&whole, &x);
        k += disc ? order < 0 : -(order > 0);
        k -= disc;
        *rank = k < 0 ? 0 : (uint64_t)k >= n ? n - 1 : (uint64_t)k;
    }
    decimal_free(&x);
    decimal_free(&whole);
    return r;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    const struct ddsketch *s = at.state;
    struct ddsketch_bucket *all;
    uint64_t rank = 0;
    if (q->ask != ASK_PERCENTILE && q->ask != ASK_PERCENTILE_DISC)
        return err_set(e, ERR_BUG, "not a question for a sketch");
    if (s->n == 0)
        return buf_addz(out, "null") ? err_nomem(e) : 0;
    int r = rank_of(q, s->n, &rank);
    if (r == -2)
        return err_set(e, ERR_BUG, "percentile that is not within 0 and 1");
    long n = r ? -1 : ddsketch_buckets(s, &acc->shape, &acc->blocks, &all);
    if (n < 0)
        return err_nomem(e);
    struct ddsketch_bucket b = at_rank(s, all, (size_t)n, rank);
    free(all);
    r = b.sign ? add_double(out, ddsketch_middle(&acc->shape, &b))
               : buf_addc(out, '0');
    return r ? err_nomem(e) : 0;
}

/* ---- states ---- */

static void write_sign(const struct ddsketch_bucket *all, long n, uint32_t sign,
                       struct buf *out)
{
    bool first = true;
    buf_addz(out, ",[");
    for (long k = 0; k < n; k++) {
        const struct ddsketch_bucket *b = &all[sign == 1 ? k : n - 1 - k];
        if (b->sign != sign)
            continue;
        buf_addf(out, first ? "%d," : ",%d,", b->index);
        number_add_u64(out, b->count);
        first = false;
    }
    buf_addc(out, ']');
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    const struct ddsketch *s = at.state;
    struct ddsketch_bucket *all;
    long n = ddsketch_buckets(s, &acc->shape, &acc->blocks, &all);
    if (n < 0)
        return err_nomem(e);
    buf_addc(out, '[');
    add_double(out, acc->param.error);
    buf_addc(out, ',');
    number_add_u64(out, s->zeros);
    write_sign(all, n, 1, out);
    write_sign(all, n, 2, out);
    free(all);
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

/* Reads the buckets of one sign and adds them to s, if it is not NULL, and
 * their counts to *n. */
static int absorb_sign(struct acc *acc, struct ddsketch *s, struct val v,
                       uint32_t sign, uint64_t *n, struct err *e)
{
    struct ddsketch_bucket b = { .sign = sign };
    int64_t index;
    if (v.type != JSON_ARRAY)
        return acc_no_state(acc, e);
    struct json_iter it = json_iter(v.raw);
    while (json_next(&it, NULL, &v)) {
        if (v.type != JSON_NUMBER || !number_to_i64(v.raw, &index) ||
            index > INDEX_MOST || index < -INDEX_MOST ||
            !json_next(&it, NULL, &v) || !acc_read_count(v, &b.count) ||
            b.count == 0 || b.count > (uint64_t)INT64_MAX - *n)
            return acc_no_state(acc, e);
        *n += b.count;
        b.index = (int32_t)index;
        if (s && ddsketch_add(s, &acc->shape, &acc->blocks, b, e))
            return -1;
    }
    return it.broken ? acc_no_state(acc, e) : 0;
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    struct ddsketch *s = at.state;
    struct val error, zeros, positive, negative, more;
    struct ddsketch_bucket none = { 0 };
    double d = 0;
    if (state.type != JSON_ARRAY)
        return acc_no_state(acc, e);
    struct json_iter it = json_iter(state.raw);
    if (!json_next(&it, NULL, &error) || !json_next(&it, NULL, &zeros) ||
        !json_next(&it, NULL, &positive) || !json_next(&it, NULL, &negative) ||
        json_next(&it, NULL, &more) || it.broken || error.type != JSON_NUMBER)
        return acc_no_state(acc, e);
    if (to_double(acc, error.raw, &d))
        return err_nomem(e);
    uint64_t n = s->n;
    if (d != acc->param.error || !acc_read_count(zeros, &none.count) ||
        none.count > (uint64_t)INT64_MAX - n)
        return acc_no_state(acc, e);
    n += none.count;
    if (absorb_sign(acc, NULL, positive, 1, &n, e) ||
        absorb_sign(acc, NULL, negative, 2, &n, e))
        return -1;
    n = 0;
    if (absorb_sign(acc, s, positive, 1, &n, e) ||
        absorb_sign(acc, s, negative, 2, &n, e))
        return -1;
    return ddsketch_add(s, &acc->shape, &acc->blocks, none, e);
}

const struct acc_ops acc_ops_sketch = {
    .types = ACC_TYPE(JSON_NUMBER),
    .numbers = true,
    .bytes = sizeof(struct ddsketch),
    .start = start,
    .judge = judge,
    .take = take,
    .take_run = take_run,
    .print = print,
    .write = write,
    .absorb = absorb,
};
