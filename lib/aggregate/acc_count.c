/* Counts of records and of values. A state is a uint64_t, written as such. */
#include "aggregate/acc_ops.h"

#include "json/number.h"

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    (void)acc, (void)v, (void)by, (void)e;
    ++*(uint64_t *)at.state;
    return 0;
}

static int take_rows(struct acc *acc, struct run *run, struct err *e)
{
    (void)e;
    if (run->one_row)
        *(uint64_t *)acc_state(acc, run, run->from) += run->to - run->from;
    else
        for (size_t i = run->from; i < run->to; i++)
            ++*(uint64_t *)acc_state(acc, run, i);
    return 0;
}

static int take_values(struct acc *acc, struct run *run, struct err *e)
{
    if (!run->gaps)
        return take_rows(acc, run, e);
    for (size_t i = run->from; i < run->to; i++)
        *(uint64_t *)acc_state(acc, run, i) += run->vals[i].type > JSON_NULL;
    return 0;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    (void)acc, (void)q, (void)e;
    return number_add_u64(out, *(const uint64_t *)at.state) ? err_nomem(e) : 0;
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    return print(acc, at, NULL, out, e);
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    uint64_t n, *count = at.state;
    if (!acc_read_count(state, &n) || n > INT64_MAX - *count)
        return acc_no_state(acc, e);
    *count += n;
    return 0;
}

const struct acc_ops acc_ops_rows = {
    .types = ACC_ALL_TYPES,
    .bytes = sizeof(uint64_t),
    .take = take,
    .take_run = take_rows,
    .print = print,
    .write = write,
    .absorb = absorb,
};

const struct acc_ops acc_ops_count = {
    .types = ACC_ALL_TYPES,
    .bytes = sizeof(uint64_t),
    .take = take,
    .take_run = take_values,
    .print = print,
    .write = write,
    .absorb = absorb,
};
