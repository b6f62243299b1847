/* The least, greatest, first and last value. A state is a cell
 * (aggregate/cell.h), written as the value that it holds, or null. */
#include "aggregate/acc_ops.h"
#include "aggregate/extreme.h"

static int judge_order(struct acc *acc, struct val v, struct val by,
                       const char *fn, const char **code, struct buf *why,
                       struct err *e)
{
    (void)by, (void)fn;
    return v.type == JSON_NUMBER ? acc_judge_number(acc, v.raw, code, why, e)
                                 : 1;
}

static int take_min(struct acc *acc, struct acc_place at, struct val v,
                    struct val by, struct err *e)
{
    (void)by;
    return extreme_take(at.state, acc->cell, at.side, v, 1, e);
}

static int take_max(struct acc *acc, struct acc_place at, struct val v,
                    struct val by, struct err *e)
{
    (void)by;
    return extreme_take(at.state, acc->cell, at.side, v, -1, e);
}

static int take_first(struct acc *acc, struct acc_place at, struct val v,
                      struct val by, struct err *e)
{
    (void)by;
    if (!cell_is_empty(at.state))
        return 0;
    return cell_set(at.state, acc->cell, at.side, v.raw, e);
}

static int take_last(struct acc *acc, struct acc_place at, struct val v,
                     struct val by, struct err *e)
{
    (void)by;
    return cell_set(at.state, acc->cell, at.side, v.raw, e);
}

/* Where a run of extremes fails, what was taken can be taken again. */
static int take_run_min(struct acc *acc, struct run *run, struct err *e)
{
    return extreme_take_run(run, acc->at, acc->cell, 1, e);
}

static int take_run_max(struct acc *acc, struct run *run, struct err *e)
{
    return extreme_take_run(run, acc->at, acc->cell, -1, e);
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    (void)acc, (void)q;
    struct val v = cell_get(at.state, at.side);
    struct str text = v.type == JSON_MISSING ? STR("null") : v.raw;
    return buf_add_str(out, text) ? err_nomem(e) : 0;
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    return print(acc, at, NULL, out, e);
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    if (state.type == JSON_NULL)
        return 0;
    if (acc_judge_absorbed(acc, state, state, e))
        return -1;
    return acc->ops->take(acc, at, state, state, e);
}

const struct acc_ops acc_ops_min = {
    .types = ACC_ALL_TYPES,
    .numbers = true,
    .cells = 1,
    .judge = judge_order,
    .take = take_min,
    .take_run = take_run_min,
    .print = print,
    .write = write,
    .absorb = absorb,
};

const struct acc_ops acc_ops_max = {
    .types = ACC_ALL_TYPES,
    .numbers = true,
    .cells = 1,
    .judge = judge_order,
    .take = take_max,
    .take_run = take_run_max,
    .print = print,
    .write = write,
    .absorb = absorb,
};

const struct acc_ops acc_ops_first = {
    .types = ACC_ALL_TYPES,
    .cells = 1,
    .take = take_first,
    .take_run = acc_take_each,
    .print = print,
    .write = write,
    .absorb = absorb,
};

const struct acc_ops acc_ops_last = {
    .types = ACC_ALL_TYPES,
    .cells = 1,
    .take = take_last,
    .take_run = acc_take_each,
    .print = print,
    .write = write,
    .absorb = absorb,
};
