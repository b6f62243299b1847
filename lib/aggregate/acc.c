#include "aggregate/acc_ops.h"

#include "json/key.h"
#include "json/number.h"

/* Decimals are at most this long where it needs no look at them. */
#define PLAIN_DIGITS 1000

static const struct {
    const struct acc_ops *ops;
    const char *name; /* for messages */
} kinds[] = {
    [ACC_ROWS] = { &acc_ops_rows, "a count" },
    [ACC_COUNT] = { &acc_ops_count, "a count" },
    [ACC_SUM] = { &acc_ops_sum, "a sum" },
    [ACC_SQUARES] = { &acc_ops_squares, "a sum of squares" },
    [ACC_MIN] = { &acc_ops_min, "a minimum" },
    [ACC_MAX] = { &acc_ops_max, "a maximum" },
    [ACC_FIRST] = { &acc_ops_first, "a first value" },
    [ACC_LAST] = { &acc_ops_last, "a last value" },
    [ACC_ARG_MIN] = { &acc_ops_arg, "a value at a minimum" },
    [ACC_ARG_MAX] = { &acc_ops_arg, "a value at a maximum" },
    [ACC_DISTINCT] = { &acc_ops_distinct, "a set of values" },
    [ACC_HLL] = { &acc_ops_hll, "a HyperLogLog of this precision" },
    [ACC_VALUES] = { &acc_ops_values, "a list of numbers" },
    [ACC_SKETCH] = { &acc_ops_sketch, "a sketch of this relative error" },
    [ACC_TALLY] = { &acc_ops_tally, "a tally" },
    [ACC_LIST] = { &acc_ops_list, "a list" },
    [ACC_BUCKETS] = { &acc_ops_buckets, "a histogram of these buckets" },
};

void acc_init(struct acc *acc, enum acc_kind kind,
              const struct acc_param *param, struct budget *budget)
{
    *acc = (struct acc){ .kind = kind, .ops = kinds[kind].ops };
    if (param)
        acc->param = *param;
    sums_init(&acc->sums, budget);
    keyset_init(&acc->seen, budget);
    blocks_init(&acc->blocks, budget);
    acc->pool.budget = acc->text.budget = acc->scratch.budget = budget;
    if (acc->ops->start)
        acc->ops->start(acc);
}

void acc_reset(struct acc *acc)
{
    acc_write_end(acc);
    sums_free(&acc->sums);
    keyset_free(&acc->seen);
    blocks_free(&acc->blocks);
    region_free(&acc->pool);
    region_free(&acc->text);
    region_free(&acc->scratch);
    if (acc->ops->release)
        acc->ops->release(acc);
}

void acc_free(struct acc *acc)
{
    if (!acc->ops)
        return;
    acc_reset(acc);
    buf_free(&acc->key);
}

void acc_fit(struct acc *acc, size_t n)
{
    acc->cell = cell_size(n);
}

size_t acc_size(const struct acc *acc)
{
    return acc->ops->bytes + acc->ops->cells * acc->cell;
}

uint64_t acc_count(const struct acc *acc, const char *row)
{
    return *(const uint64_t *)(const void *)(row + acc->at);
}

/* ---- judging ---- */

int acc_refuse(const char **code, const char *name, struct buf *why,
               const char *text)
{
    *code = name;
    buf_addz(why, text);
    return 0;
}

int acc_refuse_value(int r, const char **code, struct buf *why, struct err *e)
{
    if (r == -1)
        return err_nomem(e);
    if (r == -2)
        return acc_refuse(code, "number_range", why,
                          "number outside the range of decimals");
    return acc_refuse(code, "too_deep", why, "value too deep to be compared");
}

/* True for the numbers that people write: no exponent, and so short that
 * neither range nor scale can be out of bounds. */
static bool plain_number(struct str t)
{
    if (t.n > PLAIN_DIGITS)
        return false;
    for (size_t i = 0; i < t.n; i++)
        if ((t.p[i] | 0x20) == 'e')
            return false;
    return true;
}

int acc_judge_number(struct acc *acc, struct str text, const char **code,
                     struct buf *why, struct err *e)
{
    if (plain_number(text))
        return 1;
    struct decimal d = DECIMAL_ZERO;
    int r = decimal_parse(&d, text);
    decimal_free(&d);
    if (r)
        return acc_refuse_value(r, code, why, e);
    acc->far = true;
    return 1;
}

int acc_judge_is_number(struct acc *acc, struct val v, struct val by,
                        const char *fn, const char **code, struct buf *why,
                        struct err *e)
{
    (void)by;
    if (v.type == JSON_NUMBER)
        return acc_judge_number(acc, v.raw, code, why, e);
    const char *article =
        v.type == JSON_ARRAY || v.type == JSON_OBJECT ? "an" : "a";
    buf_addf(why, "%s needs a number, this is %s %s", fn, article,
             json_type_name(v.type));
    *code = "type";
    return 0;
}

int acc_judge(struct acc *acc, struct val v, struct val by, const char *fn,
              const char **code, struct buf *why, struct err *e)
{
    if (!acc->ops->judge)
        return 1;
    return acc->ops->judge(acc, v, by, fn, code, why, e);
}

int acc_rehearse(const struct acc *acc, const char *row, struct val v,
                 const char **code, struct buf *why, struct err *e)
{
    if (!acc->ops->rehearse)
        return 1;
    return acc->ops->rehearse(acc, row + acc->at, v, code, why, e);
}

/* ---- taking ---- */

int acc_take(struct acc *acc, char *row, struct region *side, uint32_t group,
             struct val v, struct val by, struct err *e)
{
    struct acc_place at = { row + acc->at, side, group };
    return acc->ops->take(acc, at, v, by, e);
}

unsigned acc_types(enum acc_kind kind)
{
    return kinds[kind].ops->types;
}

unsigned acc_by_types(enum acc_kind kind)
{
    return kinds[kind].ops->by_types;
}

bool acc_wants_numbers(enum acc_kind kind)
{
    return kinds[kind].ops->numbers;
}

bool acc_wants_by_numbers(enum acc_kind kind)
{
    return kinds[kind].ops->by_numbers;
}

int acc_take_each(struct acc *acc, struct run *run, struct err *e)
{
    struct val by = { JSON_MISSING, { "", 0 } };
    for (; run->from < run->to; run->from++) {
        size_t i = run->from;
        struct acc_place at = { acc_state(acc, run, i), run->side,
                                run->groups[i] };
        if (run->by)
            by = run->by[i];
        if (!run_is_gap(run, i) && acc->ops->take(acc, at, run->vals[i], by, e))
            return -1;
    }
    return 0;
}

int acc_take_run(struct acc *acc, struct run *run, struct err *e)
{
    return acc->ops->take_run(acc, run, e);
}

/* ---- results and states ---- */

/* Who only looks at a state changes neither it nor the side region. */
static struct acc_place place_of(const struct acc *acc, const char *row,
                                 const struct region *side, uint32_t group)
{
    return (struct acc_place){ (void *)(uintptr_t)(row + acc->at),
                               (void *)(uintptr_t)side, group };
}

int acc_print(struct acc *acc, const char *row, const struct region *side,
              uint32_t group, const struct acc_question *q, struct buf *out,
              struct err *e)
{
    static const struct acc_question plain = { .ask = ASK_PLAIN };
    struct acc_place at = place_of(acc, row, side, group);
    if (acc->ops->print(acc, at, q ? q : &plain, out, e))
        return -1;
    return out->failed ? err_nomem(e) : 0;
}

int acc_write_begin(struct acc *acc, uint32_t n_groups, struct err *e)
{
    acc_write_end(acc);
    return acc->ops->write_begin ? acc->ops->write_begin(acc, n_groups, e) : 0;
}

void acc_write_end(struct acc *acc)
{
    if (acc->ops->write_end)
        acc->ops->write_end(acc);
}

int acc_write(struct acc *acc, const char *row, const struct region *side,
              uint32_t group, struct buf *out, struct err *e)
{
    struct acc_place at = place_of(acc, row, side, group);
    if (acc->ops->write(acc, at, out, e))
        return -1;
    return out->failed ? err_nomem(e) : 0;
}

int acc_no_state(const struct acc *acc, struct err *e)
{
    return err_set(e, ERR_DATA, "not the state of %s", kinds[acc->kind].name);
}

bool acc_read_count(struct val v, uint64_t *n)
{
    int64_t i;
    if (v.type != JSON_NUMBER || !number_to_i64(v.raw, &i) || i < 0)
        return false;
    *n = (uint64_t)i;
    return true;
}

int acc_judge_absorbed(struct acc *acc, struct val v, struct val by,
                       struct err *e)
{
    struct buf why = { 0 };
    const char *code;
    int r = v.type > JSON_NULL && by.type > JSON_NULL;
    if (r == 1)
        r = acc_judge(acc, v, by, "", &code, &why, e);
    buf_free(&why);
    return r == 0 ? acc_no_state(acc, e) : r == 1 ? 0 : -1;
}

int acc_absorb_values(struct acc *acc, struct acc_place at, struct val state,
                      struct err *e)
{
    struct val v;
    if (state.type != JSON_ARRAY)
        return acc_no_state(acc, e);
    struct json_iter it = json_iter(state.raw);
    while (json_next(&it, NULL, &v))
        if (acc_judge_absorbed(acc, v, v, e))
            return -1;
    if (it.broken)
        return acc_no_state(acc, e);
    it = json_iter(state.raw);
    while (json_next(&it, NULL, &v))
        if (acc->ops->take(acc, at, v, v, e))
            return -1;
    return 0;
}

int acc_absorb(struct acc *acc, char *row, struct region *side, uint32_t group,
               struct str state, struct err *e)
{
    struct acc_place at = { row + acc->at, side, group };
    return acc->ops->absorb(acc, at, json_val(state), e);
}
