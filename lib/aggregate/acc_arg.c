/* The value of the record where another value is least or greatest; of equal
 * ones that of the first record. A state is a cell for `by` and one for the
 * value, written as [by,value] or null. */
#include "aggregate/acc_ops.h"

#define BY_CELL 24 /* holds a timestamp of seconds */

static int sign_of(const struct acc *acc)
{
    return acc->kind == ACC_ARG_MIN ? 1 : -1;
}

static struct cell *value_cell(void *state)
{
    return (struct cell *)(void *)((char *)state + BY_CELL);
}

static int judge(struct acc *acc, struct val v, struct val by, const char *fn,
                 const char **code, struct buf *why, struct err *e)
{
    (void)v, (void)fn;
    return by.type == JSON_NUMBER ? acc_judge_number(acc, by.raw, code, why, e)
                                  : 1;
}

/* Room for both cells, so that they change together or not at all. */
static int keep(struct acc *acc, struct acc_place at, struct val v,
                struct val by, bool keyed, struct err *e)
{
    size_t room = 2 * (v.raw.n + by.raw.n) + 2 * (CELL_UNIT + CELL_PADDING);
    if (v.raw.n > UINT32_MAX)
        return err_nomem(e);
    if (region_reserve(at.side, room, e))
        return -1;
    int r = keyed ? cell_set_keyed(at.state, BY_CELL, at.side, by.raw, e)
                  : cell_set(at.state, BY_CELL, at.side, by.raw, e);
    return r ? r : cell_set(value_cell(at.state), acc->cell, at.side, v.raw, e);
}

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    struct val have = cell_get(at.state, at.side);
    int order = -sign_of(acc);
    if (v.type <= JSON_NULL || by.type <= JSON_NULL)
        return 0;
    if (have.type != JSON_MISSING && order_cmp(by, have, &order) == -1)
        return err_nomem(e);
    return order * sign_of(acc) < 0 ? keep(acc, at, v, by, false, e) : 0;
}

/* The key of the second argument of record i, which is neither null nor
 * missing. */
static struct order_key by_key(const struct run *run, size_t i)
{
    const struct val *by = &run->by[i];
    if (by->type == JSON_STRING && !(run->no_keys >> i & 1))
        return order_key_string(by->raw.p + 1, by->raw.n - 2);
    if (by->type == JSON_NUMBER)
        return run->by_numbers[i];
    return (struct order_key){ .kind = ORDER_OTHER };
}

static int take_run(struct acc *acc, struct run *run, struct err *e)
{
    int sign = sign_of(acc);
    for (; run->from < run->to; run->from++) {
        size_t i = run->from;
        struct val v = run->vals[i], by = run->by[i];
        struct acc_place at = { acc_state(acc, run, i), run->side,
                                run->groups[i] };
        if (v.type <= JSON_NULL || by.type <= JSON_NULL)
            continue;
        struct order_key key = by_key(run, i);
        int order;
        int r = 0;
        if (!order_keys_cmp(key, cell_key(at.state, at.side), &order)) {
            if (key.kind != ORDER_OTHER && cell_is_empty(at.state))
                r = keep(acc, at, v, by, true, e);
            else
                r = take(acc, at, v, by, e);
        } else if (order * sign < 0) {
            r = keep(acc, at, v, by, true, e);
        }
        if (r)
            return r;
    }
    return 0;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    (void)acc, (void)q;
    struct val v = cell_get(value_cell(at.state), at.side);
    struct str text = v.type == JSON_MISSING ? STR("null") : v.raw;
    return buf_add_str(out, text) ? err_nomem(e) : 0;
}

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    (void)acc;
    if (cell_is_empty(at.state))
        return buf_addz(out, "null") ? err_nomem(e) : 0;
    buf_addc(out, '[');
    buf_add_str(out, cell_get(at.state, at.side).raw);
    buf_addc(out, ',');
    buf_add_str(out, cell_get(value_cell(at.state), at.side).raw);
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

static int absorb(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e)
{
    struct val by, v, more;
    if (state.type == JSON_NULL)
        return 0;
    if (state.type != JSON_ARRAY)
        return acc_no_state(acc, e);
    struct json_iter it = json_iter(state.raw);
    if (!json_next(&it, NULL, &by) || !json_next(&it, NULL, &v) ||
        json_next(&it, NULL, &more) || it.broken || v.type <= JSON_NULL)
        return acc_no_state(acc, e);
    if (acc_judge_absorbed(acc, v, by, e))
        return -1;
    return take(acc, at, v, by, e);
}

/* Both kinds: sign_of tells them apart. */
const struct acc_ops acc_ops_arg = {
    .types = ACC_ALL_TYPES,
    .by_types = ACC_ALL_TYPES,
    .by_numbers = true,
    .bytes = BY_CELL,
    .cells = 1,
    .judge = judge,
    .take = take,
    .take_run = take_run,
    .print = print,
    .write = write,
    .absorb = absorb,
};
