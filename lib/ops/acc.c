#include "ops/acc.h"

#include "json/key.h"
#include "json/number.h"
#include "json/order.h"
#include "ops/cell.h"

/* A sum in a row: v * 10^-scale, with a scale of 0 to 18, for as long as 64
 * bits hold it; from then on the decimal whose number, from 1, is wide. */
struct sum {
    int64_t v;
    int32_t scale;
    uint32_t wide;
};

void acc_init(struct acc *acc, enum acc_kind kind, struct budget *budget)
{
    *acc = (struct acc){ .kind = kind, .wide.budget = budget };
    keyset_init(&acc->seen, budget);
}

static struct decimal *wide_sums(const struct acc *acc)
{
    return (struct decimal *)(void *)acc->wide.p;
}

void acc_free(struct acc *acc)
{
    for (size_t i = 0; i < acc->wide.n / sizeof(struct decimal); i++)
        decimal_free(&wide_sums(acc)[i]);
    region_free(&acc->wide);
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

/* ---- sums ---- */

/* The sum in a row, in place or put into room. */
static const struct decimal *sum_of(const struct acc *acc, const char *row,
                                    struct decimal *room)
{
    const struct sum *s = (const struct sum *)(const void *)(row + acc->at);
    if (s->wide)
        return &wide_sums(acc)[s->wide - 1];
    *room = (struct decimal){ .small = s->v, .scale = s->scale };
    return room;
}

/* The decimal of a sum, made where it has none yet; NULL with e. */
static struct decimal *sum_widen(struct acc *acc, struct sum *s, struct err *e)
{
    struct decimal d = { .small = s->v, .scale = s->scale };
    if (!s->wide) {
        if (acc->wide.n / sizeof(d) >= UINT32_MAX) {
            err_nomem(e);
            return NULL;
        }
        if (region_add(&acc->wide, &d, sizeof(d), e))
            return NULL;
        s->wide = (uint32_t)(acc->wide.n / sizeof(d));
    }
    return &wide_sums(acc)[s->wide - 1];
}

/* Adds v * 10^-scale, scale from 0 to 18, within 64 bits; false where that does
 * not go. */
static inline bool sum_add_narrow(struct sum *s, int64_t v, int32_t scale)
{
    int64_t have = s->v, all;
    if (s->wide)
        return false;
    if (s->scale > scale) {
        if (__builtin_mul_overflow(v, (int64_t)digits_pow10[s->scale - scale],
                                   &v))
            return false;
        scale = s->scale;
    } else if (s->scale < scale &&
               __builtin_mul_overflow(
                   have, (int64_t)digits_pow10[scale - s->scale], &have)) {
        return false;
    }
    if (__builtin_add_overflow(have, v, &all))
        return false;
    s->v = all;
    s->scale = scale;
    return true;
}

static int sum_add_wide(struct acc *acc, struct sum *s, decimal_int v,
                        int32_t scale, struct err *e)
{
    struct decimal *d = sum_widen(acc, s, e);
    if (!d)
        return -1;
    return decimal_add_scaled(d, v, scale) ? err_nomem(e) : 0;
}

static int sum_add_text(struct acc *acc, struct sum *s, struct str number,
                        struct err *e)
{
    struct decimal *d = sum_widen(acc, s, e);
    if (!d)
        return -1;
    int r = decimal_add_text(d, number);
    if (r == -2) /* acc_judge and acc_rehearse have seen to it */
        return err_set(e, ERR_BUG, "sum left the range of decimals");
    return r ? err_nomem(e) : 0;
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

/* Keeps the lesser of both (sign 1) or the greater (-1). */
static int take_extreme(const struct acc *acc, struct cell *c,
                        struct region *side, struct val v, int sign, bool keyed,
                        struct err *e)
{
    struct val have = cell_get(c, side);
    int order = 0;
    if (have.type != JSON_MISSING) {
        if (order_cmp(v, have, &order) == -1)
            return err_nomem(e);
        if (order * sign >= 0)
            return 0;
    }
    return keyed ? cell_set_keyed(c, acc->cell, side, v.raw, e)
                 : cell_set(c, acc->cell, side, v.raw, e);
}

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
    int r = keyset_insert(&acc->seen, hash128(key), key, &number, e);
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
    case ACC_SUM: return sum_add_text(acc, sum_in(row, acc), v.raw, e);
    case ACC_MIN: return take_extreme(acc, c, side, v, 1, false, e);
    case ACC_MAX: return take_extreme(acc, c, side, v, -1, false, e);
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

static inline bool is_gap(const struct acc_run *run, size_t i)
{
    return run->gaps && run->vals[i].type <= JSON_NULL;
}

static void run_rows(const struct acc *acc, const struct acc_run *run)
{
    if (run->one_row)
        *count_in(run->rows[run->from], acc) += run->to - run->from;
    else
        for (size_t i = run->from; i < run->to; i++)
            ++*count_in(run->rows[i], acc);
}

static void run_count(const struct acc *acc, const struct acc_run *run)
{
    if (run->gaps)
        for (size_t i = run->from; i < run->to; i++)
            *count_in(run->rows[i], acc) += run->vals[i].type > JSON_NULL;
    else
        run_rows(acc, run);
}

/* Sums of one row: numbers of one scale are added up before it is touched. */
static int sum_one_row(struct acc *acc, struct sum *s,
                       const struct acc_run *run, struct err *e)
{
    for (size_t i = run->from; i < run->to;) {
        int32_t scale = run->numbers[i].scale;
        decimal_int part = 0; /* 64 numbers of 18 digits fit */
        size_t n = 0;
        for (; i < run->to; i++) {
            if (is_gap(run, i))
                continue;
            if (run->numbers[i].scale != scale)
                break;
            part += (int64_t)run->numbers[i].high;
            n++;
        }
        int64_t v = (int64_t)part;
        if (n && (v != part || !sum_add_narrow(s, v, scale)) &&
            sum_add_wide(acc, s, part, scale, e))
            return -1;
    }
    return 0;
}

static int run_sum(struct acc *acc, const struct acc_run *run, struct err *e)
{
    if (run->one_row)
        return sum_one_row(acc, sum_in(run->rows[run->from], acc), run, e);
    for (size_t i = run->from; i < run->to; i++) {
        int64_t v = (int64_t)run->numbers[i].high;
        int32_t scale = run->numbers[i].scale;
        struct sum *s = sum_in(run->rows[i], acc);
        if (!is_gap(run, i) && !sum_add_narrow(s, v, scale) &&
            sum_add_wide(acc, s, v, scale, e))
            return -1;
    }
    return 0;
}

static inline struct order_key key_at(const struct acc_run *run, size_t i)
{
    const struct val *v = &run->vals[i];
    if (v->type == JSON_STRING && !(run->no_keys >> i & 1))
        return order_key_string(v->raw.p + 1, v->raw.n - 2);
    if (v->type == JSON_NUMBER)
        return run->numbers[i];
    return (struct order_key){ .kind = ORDER_OTHER };
}

/* True if value i goes before what c holds (sign 1), or behind it (-1), for
 * all that keys tell; else *told is false. */
static inline bool is_better(const struct acc_run *run, size_t i,
                             struct order_key best, int sign, bool *told)
{
    int order = 0;
    *told = order_keys_cmp(key_at(run, i), best, &order);
    return order * sign < 0;
}

/* The general case of one value: slower, and the only one that there need be.
 */
__attribute__((noinline)) static int
take_by_value(const struct acc *acc, struct cell *c, const struct acc_run *run,
              size_t i, int sign, struct err *e)
{
    struct region *side = run->side;
    bool told, keyed = key_at(run, i).kind != ORDER_OTHER;
    bool better = is_better(run, i, cell_key(c, side), sign, &told);
    if (!told)
        return take_extreme(acc, c, side, run->vals[i], sign, keyed, e);
    return better ? cell_set_keyed(c, acc->cell, side, run->vals[i].raw, e) : 0;
}

/* What makes the order of words the other way round where sign is -1. */
static inline uint64_t flip(int sign)
{
    return sign > 0 ? 0 : ~(uint64_t)0;
}

/* One cell for the whole run of strings: the best so far stays in registers.
 * Returns the first value that keys do not tell from it, or run->to. */
static inline size_t best_string(const struct acc_run *run, size_t from,
                                 int sign, struct order_key *best, size_t *at)
{
    const struct val *vals = run->vals;
    uint64_t f = flip(sign), high = best->high ^ f, low = best->low ^ f;
    size_t i = from, to = run->to;
    for (; i < to; i++) {
        const char *p = vals[i].raw.p + 1;
        size_t n = vals[i].raw.n - 2;
        uint64_t x = order_high(p, n) ^ f;
        if (x > high)
            continue;
        uint64_t y = order_low(p, n) ^ f;
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
    best->high = high ^ f;
    best->low = low ^ f;
    return i;
}

/* The same for values of any kind. */
static inline size_t best_value(const struct acc_run *run, size_t from,
                                int sign, struct order_key *best, size_t *at)
{
    size_t i = from;
    bool told;
    for (; i < run->to; i++) {
        if (is_gap(run, i))
            continue;
        if (is_better(run, i, *best, sign, &told)) {
            *best = key_at(run, i);
            *at = i;
        }
        if (!told)
            break;
    }
    return i;
}

/* What is in the cell is looked at only where keys do not tell. */
static int extreme_one_row(const struct acc *acc, struct cell *c,
                           const struct acc_run *run, int sign, struct err *e)
{
    struct region *side = run->side;
    for (size_t i = run->from; i < run->to; i++) {
        struct order_key best = cell_key(c, side);
        size_t at = run->to; /* of the best, where it is not in the cell */
        if (run->strings && best.kind == ORDER_STRING)
            i = best_string(run, i, sign, &best, &at);
        else
            i = best_value(run, i, sign, &best, &at);
        if (at < run->to &&
            cell_set_keyed(c, acc->cell, side, run->vals[at].raw, e))
            return -1;
        if (i < run->to && take_by_value(acc, c, run, i, sign, e))
            return -1;
    }
    return 0;
}

/* Rows of their own: strings against strings that lie in the cells. */
static int extreme_strings(const struct acc *acc, const struct acc_run *run,
                           int sign, struct err *e)
{
    const struct val *vals = run->vals;
    char *const *rows = run->rows;
    size_t at = acc->at, size = acc->cell;
    uint64_t f = flip(sign);
    for (size_t i = run->from; i < run->to; i++) {
        struct cell *c = (struct cell *)(void *)(rows[i] + at);
        struct str raw = vals[i].raw;
        if (!cell_has_string(c)) {
            if (take_by_value(acc, c, run, i, sign, e))
                return -1;
            continue;
        }
        const char *p = raw.p + 1, *q = cell_bytes(c) + 1;
        size_t n = raw.n - 2, m = cell_length(c) - 2;
        uint64_t x = order_high(p, n), y = order_high(q, m);
        if (x == y) {
            x = order_low(p, n);
            y = order_low(q, m);
        }
        if ((x ^ f) > (y ^ f))
            continue;
        if (x == y) {
            if ((n > 16 || m > 16) && take_by_value(acc, c, run, i, sign, e))
                return -1;
        } else if (cell_set_keyed(c, size, run->side, raw, e)) {
            return -1;
        }
    }
    return 0;
}

static int run_extreme(const struct acc *acc, const struct acc_run *run,
                       int sign, struct err *e)
{
    if (run->one_row)
        return extreme_one_row(acc, cell_in(run->rows[run->from], acc), run,
                               sign, e);
    if (run->strings)
        return extreme_strings(acc, run, sign, e);
    for (size_t i = run->from; i < run->to; i++)
        if (!is_gap(run, i) &&
            take_by_value(acc, cell_in(run->rows[i], acc), run, i, sign, e))
            return -1;
    return 0;
}

/* All others, one by one. */
static int run_each(struct acc *acc, const struct acc_run *run, struct err *e)
{
    for (size_t i = run->from; i < run->to; i++) {
        struct val v = run->vals[i];
        if (is_gap(run, i))
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

int acc_take_run(struct acc *acc, const struct acc_run *run, struct err *e)
{
    switch (acc->kind) {
    case ACC_ROWS: run_rows(acc, run); return 0;
    case ACC_COUNT: run_count(acc, run); return 0;
    case ACC_SUM: return run_sum(acc, run, e);
    case ACC_MIN: return run_extreme(acc, run, 1, e);
    case ACC_MAX: return run_extreme(acc, run, -1, e);
    default: return run_each(acc, run, e);
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
