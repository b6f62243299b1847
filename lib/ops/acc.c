#include "ops/acc.h"

#include "json/key.h"
#include "json/number.h"
#include "ops/extreme.h"

void acc_init(struct acc *acc, enum acc_kind kind, struct budget *budget)
{
    *acc = (struct acc){ .kind = kind };
    sums_init(&acc->sums, budget);
    keyset_init(&acc->seen, budget);
}

void acc_free(struct acc *acc)
{
    sums_free(&acc->sums);
    keyset_free(&acc->seen);
    buf_free(&acc->key);
    buf_free(&acc->full);
}

void acc_fit(struct acc *acc, size_t n)
{
    acc->cell = cell_size(n);
}

size_t acc_size(const struct acc *acc)
{
    switch (acc->kind) {
    case ACC_SUM: return sizeof(struct sum);
    case ACC_MIN:
    case ACC_MAX:
    case ACC_FIRST:
    case ACC_LAST: return acc->cell;
    default: return sizeof(uint64_t);
    }
}

static struct sum *sum_in(char *row, const struct acc *acc)
{
    return (struct sum *)(void *)(row + acc->at);
}

static struct cell *cell_in(char *row, const struct acc *acc)
{
    return (struct cell *)(void *)(row + acc->at);
}

static uint64_t *count_in(char *row, const struct acc *acc)
{
    return (uint64_t *)(void *)(row + acc->at);
}

uint64_t acc_count(const struct acc *acc, const char *row)
{
    return *(const uint64_t *)(const void *)(row + acc->at);
}

/* The sum in a row, in place or put into room. */
static const struct decimal *sum_of(const struct acc *acc, const char *row,
                                    struct decimal *room)
{
    return sum_get(&acc->sums,
                   (const struct sum *)(const void *)(row + acc->at), room);
}

/* ---- judging ---- */

static int refuse(const char **code, const char *name, struct buf *why,
                  const char *text)
{
    *code = name;
    buf_addz(why, text);
    return 0;
}

/* What json/key and base/decimal say of a value they cannot take. */
static int refuse_value(int r, const char **code, struct buf *why,
                        struct err *e)
{
    if (r == -1)
        return err_nomem(e);
    if (r == -2)
        return refuse(code, "number_range", why,
                      "number outside the range of decimals");
    return refuse(code, "too_deep", why, "value too deep to be compared");
}

/* True for the numbers that people write: no exponent, and so short that
 * neither range nor scale can be out of bounds. */
static bool plain_number(struct str t)
{
    if (t.n > 1000)
        return false;
    for (size_t i = 0; i < t.n; i++)
        if ((t.p[i] | 0x20) == 'e')
            return false;
    return true;
}

static int judge_number(struct acc *acc, struct str text, const char **code,
                        struct buf *why, struct err *e)
{
    if (plain_number(text))
        return 1;
    struct decimal d = DECIMAL_ZERO;
    int r = decimal_parse(&d, text);
    decimal_free(&d);
    if (r)
        return refuse_value(r, code, why, e);
    acc->far = true;
    return 1;
}

static int judge_sum(struct acc *acc, struct val v, const char *fn,
                     const char **code, struct buf *why, struct err *e)
{
    if (v.type == JSON_NUMBER)
        return judge_number(acc, v.raw, code, why, e);
    const char *article =
        v.type == JSON_ARRAY || v.type == JSON_OBJECT ? "an" : "a";
    buf_addf(why, "%s needs a number, this is %s %s", fn, article,
             json_type_name(v.type));
    *code = "type";
    return 0;
}

static int judge_distinct(struct acc *acc, struct val v, const char **code,
                          struct buf *why, struct err *e)
{
    buf_reset(&acc->key);
    int r = key_add(&acc->key, v);
    return r ? refuse_value(r, code, why, e) : 1;
}

int acc_judge(struct acc *acc, struct val v, const char *fn, const char **code,
              struct buf *why, struct err *e)
{
    switch (acc->kind) {
    case ACC_SUM: return judge_sum(acc, v, fn, code, why, e);
    case ACC_DISTINCT: return judge_distinct(acc, v, code, why, e);
    case ACC_MIN:
    case ACC_MAX:
        return v.type == JSON_NUMBER ? judge_number(acc, v.raw, code, why, e)
                                     : 1;
    default: return 1;
    }
}

struct val acc_judged(const struct acc *acc, struct val v)
{
    if (acc->kind == ACC_DISTINCT)
        v.raw = buf_str(&acc->key);
    return v;
}

int acc_rehearse(const struct acc *acc, const char *row, struct val v,
                 const char **code, struct buf *why, struct err *e)
{
    if (acc->kind != ACC_SUM)
        return 1;
    struct decimal d = DECIMAL_ZERO, room;
    int r = decimal_copy(&d, sum_of(acc, row, &room));
    if (r == 0)
        r = decimal_add_text(&d, v.raw);
    decimal_free(&d);
    if (r == -2)
        return refuse(code, "number_range", why,
                      "with this number the sum leaves the range of decimals");
    return r ? err_nomem(e) : 1;
}

/* ---- taking ---- */

/* All groups share one set: the group's number stands before the key. */
static int take_distinct(struct acc *acc, uint64_t *count, uint32_t group,
                         struct str value, struct err *e)
{
    buf_reset(&acc->full);
    buf_add(&acc->full, &group, sizeof(group));
    if (buf_add_str(&acc->full, value))
        return err_nomem(e);
    struct str key = buf_str(&acc->full);
    uint32_t number;
    int r = keyset_insert(&acc->seen, keyset_hash(&acc->seen, key), key,
                          &number, e);
    *count += r == 1;
    return r < 0 ? -1 : 0;
}

int acc_take(struct acc *acc, char *row, struct region *side, uint32_t group,
             struct val v, struct err *e)
{
    struct cell *c = cell_in(row, acc);
    switch (acc->kind) {
    case ACC_ROWS:
    case ACC_COUNT: ++*count_in(row, acc); return 0;
    case ACC_SUM: return sum_add_text(&acc->sums, sum_in(row, acc), v.raw, e);
    case ACC_MIN: return extreme_take(c, acc->cell, side, v, 1, e);
    case ACC_MAX: return extreme_take(c, acc->cell, side, v, -1, e);
    case ACC_FIRST:
        return cell_is_empty(c) ? cell_set(c, acc->cell, side, v.raw, e) : 0;
    case ACC_LAST: return cell_set(c, acc->cell, side, v.raw, e);
    case ACC_DISTINCT:
        return take_distinct(acc, count_in(row, acc), group, v.raw, e);
    }
    return 0;
}

/* ---- taking a run of records ---- */

#define TYPE(type) (1U << (type))
#define TYPES_ALL (TYPE(JSON_OBJECT + 1) - 1)

unsigned acc_types(enum acc_kind kind)
{
    switch (kind) {
    case ACC_SUM: return TYPE(JSON_NUMBER);
    case ACC_DISTINCT:
        return TYPES_ALL & ~(TYPE(JSON_ARRAY) | TYPE(JSON_OBJECT));
    default: return TYPES_ALL;
    }
}

bool acc_wants_numbers(enum acc_kind kind)
{
    return kind == ACC_SUM || kind == ACC_MIN || kind == ACC_MAX ||
           kind == ACC_DISTINCT;
}

static void count_rows(const struct acc *acc, const struct run *run)
{
    if (run->one_row)
        *count_in(run->rows[run->from], acc) += run->to - run->from;
    else
        for (size_t i = run->from; i < run->to; i++)
            ++*count_in(run->rows[i], acc);
}

static void count_values(const struct acc *acc, const struct run *run)
{
    if (run->gaps)
        for (size_t i = run->from; i < run->to; i++)
            *count_in(run->rows[i], acc) += run->vals[i].type > JSON_NULL;
    else
        count_rows(acc, run);
}

/* Sums of one row: numbers of one scale are added up before it is touched. */
static int add_to_one_row(struct acc *acc, struct sum *s, const struct run *run,
                          struct err *e)
{
    for (size_t i = run->from; i < run->to;) {
        int32_t scale = run->numbers[i].scale;
        decimal_int part = 0; /* 64 numbers of 18 digits fit */
        size_t n = 0;
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

static int add_values(struct acc *acc, const struct run *run, struct err *e)
{
    if (run->one_row)
        return add_to_one_row(acc, sum_in(run->rows[run->from], acc), run, e);
    for (size_t i = run->from; i < run->to; i++) {
        int64_t v = (int64_t)run->numbers[i].high;
        int32_t scale = run->numbers[i].scale;
        if (!run_is_gap(run, i) &&
            sum_add(&acc->sums, sum_in(run->rows[i], acc), v, scale, e))
            return -1;
    }
    return 0;
}

/* All others, one by one. */
static int take_each(struct acc *acc, const struct run *run, struct err *e)
{
    for (size_t i = run->from; i < run->to; i++) {
        struct val v = run->vals[i];
        if (run_is_gap(run, i))
            continue;
        if (acc->kind == ACC_DISTINCT) {
            buf_reset(&acc->key);
            int r = key_add(&acc->key, v);
            if (r)
                return r == -1 ? err_nomem(e)
                               : err_set(e, ERR_BUG, "value without a key");
            v = acc_judged(acc, v);
        }
        if (acc_take(acc, run->rows[i], run->side, run->groups[i], v, e))
            return -1;
    }
    return 0;
}

int acc_take_run(struct acc *acc, const struct run *run, struct err *e)
{
    switch (acc->kind) {
    case ACC_ROWS: count_rows(acc, run); return 0;
    case ACC_COUNT: count_values(acc, run); return 0;
    case ACC_SUM: return add_values(acc, run, e);
    case ACC_MIN: return extreme_take_run(run, acc->at, acc->cell, 1, e);
    case ACC_MAX: return extreme_take_run(run, acc->at, acc->cell, -1, e);
    default: return take_each(acc, run, e);
    }
}

/* ---- results ---- */

void acc_print(const struct acc *acc, const char *row,
               const struct region *side, struct buf *out)
{
    struct val v;
    struct decimal room;
    switch (acc->kind) {
    case ACC_SUM: decimal_format(out, sum_of(acc, row, &room)); return;
    case ACC_MIN:
    case ACC_MAX:
    case ACC_FIRST:
    case ACC_LAST:
        v = cell_get((const struct cell *)(const void *)(row + acc->at), side);
        buf_add_str(out, v.type == JSON_MISSING ? STR("null") : v.raw);
        return;
    default: number_add_u64(out, acc_count(acc, row));
    }
}

int acc_print_average(const struct acc *sum, const char *row, uint64_t count,
                      struct buf *out)
{
    struct decimal n = DECIMAL_ZERO, avg = DECIMAL_ZERO, room;
    int r = decimal_set_i64(&n, (int64_t)count);
    if (r == 0)
        r = decimal_div(&avg, sum_of(sum, row, &room), &n);
    if (r == 0)
        decimal_format(out, &avg);
    decimal_free(&n);
    decimal_free(&avg);
    return r;
}
