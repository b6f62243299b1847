/* Exact sums of numbers and of their squares (aggregate/sum.h). A state is
 * written as the number that it is, with its scale. */
#include "aggregate/acc_ops.h"

const struct decimal *acc_sum_of(const struct acc *acc, const void *state,
                                 struct decimal *room)
{
    return sum_get(&acc->sums, state, room);
}

static int rehearse(const struct acc *acc, const void *state, struct val v,
                    const char **code, struct buf *why, struct err *e)
{
    struct decimal d = DECIMAL_ZERO, room;
    int r = decimal_parse(&d, v.raw);
    if (r == 0 && acc->kind == ACC_SQUARES)
        r = decimal_mul(&d, &d, &d);
    if (r == 0)
        r = decimal_add(&d, &d, acc_sum_of(acc, state, &room));
    decimal_free(&d);
    if (r == -2)
        return acc_refuse(code, "number_range", why,
                          "with this number the sum leaves the range of "
                          "decimals");
    return r ? err_nomem(e) : 1;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    struct decimal room;
    (void)q;
    return decimal_format(out, acc_sum_of(acc, at.state, &room)) ? err_nomem(e)
                                                                 : 0;
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    return print(acc, at, NULL, out, e);
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    struct decimal d = DECIMAL_ZERO;
    if (state.type != JSON_NUMBER)
        return acc_no_state(acc, e);
    int r = decimal_parse(&d, state.raw);
    if (r == 0)
        r = sum_add_decimal(&acc->sums, at.state, &d, e);
    else if (r == -2)
        r = acc_no_state(acc, e);
    else
        r = err_nomem(e);
    decimal_free(&d);
    return r;
}

/* ---- sums ---- */

static int take_sum(struct acc *acc, struct acc_place at, struct val v,
                    struct val by, struct err *e)
{
    (void)by;
    return sum_add_text(&acc->sums, at.state, v.raw, e);
}

/* Sums of one row: numbers of one scale are added up before it is touched. */
static int add_to_one_row(struct acc *acc, struct sum *s, struct run *run,
                          struct err *e)
{
    for (size_t i = run->from; i < run->to;) {
        int32_t scale = run->numbers[i].scale;
        decimal_int part = 0; /* 64 numbers of 18 digits fit */
        size_t n = 0;
        run->from = i;
        for (; i < run->to; i++) {
            if (run_is_gap(run, i))
                continue;
            if (run->numbers[i].scale != scale)
                break;
            part += (int64_t)run->numbers[i].high;
            n++;
        }
        int64_t v = (int64_t)part;
        if (n && (v != part || !sum_add_narrow(s, v, scale)) &&
            sum_add_wide(&acc->sums, s, part, scale, e))
            return -1;
    }
    return 0;
}

static int take_run_sum(struct acc *acc, struct run *run, struct err *e)
{
    if (run->one_row)
        return add_to_one_row(acc, acc_state(acc, run, run->from), run, e);
    for (size_t i = run->from; i < run->to; i++) {
        int64_t v = (int64_t)run->numbers[i].high;
        int32_t scale = run->numbers[i].scale;
        if (!run_is_gap(run, i) &&
            sum_add(&acc->sums, acc_state(acc, run, i), v, scale, e)) {
            run->from = i;
            return -1;
        }
    }
    return 0;
}

const struct acc_ops acc_ops_sum = {
    .types = ACC_TYPE(JSON_NUMBER),
    .numbers = true,
    .bytes = sizeof(struct sum),
    .judge = acc_judge_is_number,
    .rehearse = rehearse,
    .take = take_sum,
    .take_run = take_run_sum,
    .print = print,
    .write = write,
    .absorb = absorb,
};

/* ---- sums of squares ---- */

/* A number that is not plain is squared to see whether that can be done. */
static int judge_squares(struct acc *acc, struct val v, struct val by,
                         const char *fn, const char **code, struct buf *why,
                         struct err *e)
{
    struct decimal d = DECIMAL_ZERO;
    int r = acc_judge_is_number(acc, v, by, fn, code, why, e);
    if (r != 1 || !acc->far)
        return r;
    r = decimal_parse(&d, v.raw);
    if (r == 0)
        r = decimal_mul(&d, &d, &d);
    decimal_free(&d);
    if (r == -2)
        return acc_refuse(code, "number_range", why,
                          "square of the number outside the range of decimals");
    return r ? err_nomem(e) : 1;
}

static int take_squares(struct acc *acc, struct acc_place at, struct val v,
                        struct val by, struct err *e)
{
    struct decimal d = DECIMAL_ZERO;
    (void)by;
    int r = decimal_parse(&d, v.raw);
    if (r == 0)
        r = decimal_mul(&d, &d, &d);
    r = r ? err_nomem(e) : sum_add_decimal(&acc->sums, at.state, &d, e);
    decimal_free(&d);
    return r;
}

static int take_run_squares(struct acc *acc, struct run *run, struct err *e)
{
    for (; run->from < run->to; run->from++) {
        size_t i = run->from;
        decimal_int v = (int64_t)run->numbers[i].high; /* of 18 digits */
        struct decimal d = { .small = v * v,
                             .scale = 2 * run->numbers[i].scale };
        if (!run_is_gap(run, i) &&
            sum_add_decimal(&acc->sums, acc_state(acc, run, i), &d, e))
            return -1;
    }
    return 0;
}

const struct acc_ops acc_ops_squares = {
    .types = ACC_TYPE(JSON_NUMBER),
    .numbers = true,
    .bytes = sizeof(struct sum),
    .judge = judge_squares,
    .rehearse = rehearse,
    .take = take_squares,
    .take_run = take_run_squares,
    .print = print,
    .write = write,
    .absorb = absorb,
};

int acc_print_average(const struct acc *sum, const char *row, uint64_t count,
                      struct buf *out)
{
    struct decimal n = DECIMAL_ZERO, avg = DECIMAL_ZERO, room;
    int r = decimal_set_i64(&n, (int64_t)count);
    if (r == 0)
        r = decimal_div(&avg, acc_sum_of(sum, row + sum->at, &room), &n);
    if (r == 0)
        r = decimal_format(out, &avg);
    decimal_free(&n);
    decimal_free(&avg);
    return r;
}
