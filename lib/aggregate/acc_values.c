/* All numbers of a group, for exact percentiles. A state is a chain of words
 * (aggregate/chain.h), each a number of up to 58 bits and its scale; longer
 * ones, and those with exponents, are kept as text in a region of their own. A
 * state is written as an array of the numbers, with their scales, in order.
 *
 * A percentile is selected (aggregate/ranks.h) among the numbers brought to the
 * largest of their scales, which is that of results too, as it is of sums. What
 * that takes is reserved along with the numbers: once they could be taken, the
 * budget does not stand in the way of the result. */
#include "aggregate/acc_ops.h"
#include "aggregate/chain.h"
#include "aggregate/ranks.h"

#include "json/number.h"

#include <stdlib.h>

/* The low bits of a word: the scale, or TEXT; above them the number, or where
 * its text lies. */
#define SCALE_BITS 5
#define SCALE_MASK ((1 << SCALE_BITS) - 1)
#define TEXT SCALE_MASK
#define NUMBER_MAX (((int64_t)1 << (63 - SCALE_BITS)) - 1)

static inline uint64_t pack(int64_t v, int32_t scale)
{
    return (uint64_t)v << SCALE_BITS | (uint64_t)scale;
}

static inline bool is_text(uint64_t w)
{
    return (w & SCALE_MASK) == TEXT;
}

static inline int64_t number_in(uint64_t w)
{
    return (int64_t)w >> SCALE_BITS; /* GCC and Clang keep the sign */
}

static inline bool fits_word(int64_t v)
{
    return v <= NUMBER_MAX && v >= -NUMBER_MAX;
}

static struct str text_of(const struct acc *acc, uint64_t w)
{
    const char *p = acc->text.p + (w >> SCALE_BITS);
    uint32_t n;
    memcpy(&n, p, sizeof(n));
    return (struct str){ p + sizeof(n), n };
}

/* ---- taking ---- */

/* A new chunk comes with as much room for selection. */
static int add_word(struct acc *acc, struct chain *c, uint64_t w, struct err *e)
{
    if (c->used == c->cap &&
        region_reserve(&acc->scratch, chain_size(c) + 2 * c->cap + 64, e))
        return -1;
    return chain_add_word(c, &acc->pool, w, e);
}

static int add_text(struct acc *acc, struct chain *c, struct str text,
                    struct err *e)
{
    uint32_t n = (uint32_t)text.n;
    uint64_t w = (uint64_t)acc->text.n << SCALE_BITS | TEXT;
    if (text.n > UINT32_MAX)
        return err_nomem(e);
    if (region_reserve(&acc->text, sizeof(n) + text.n, e) ||
        add_word(acc, c, w, e))
        return -1;
    memcpy(acc->text.p + acc->text.n, &n, sizeof(n));
    memcpy(acc->text.p + acc->text.n + sizeof(n), text.p, text.n);
    acc->text.n += sizeof(n) + text.n;
    return 0;
}

static int take(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e)
{
    size_t neg = *v.raw.p == '-';
    uint64_t u;
    int32_t scale;
    (void)by;
    if (!digits_read(v.raw.p + neg, v.raw.n - neg, &u, &scale) ||
        !fits_word((int64_t)u))
        return add_text(acc, at.state, v.raw, e);
    int64_t number = neg ? -(int64_t)u : (int64_t)u;
    return add_word(acc, at.state, pack(number, scale), e);
}

static int take_run(struct acc *acc, struct run *run, struct err *e)
{
    for (; run->from < run->to; run->from++) {
        size_t i = run->from;
        struct chain *c = acc_state(acc, run, i);
        int64_t v = (int64_t)run->numbers[i].high;
        if (run_is_gap(run, i))
            continue;
        if (fits_word(v) ? add_word(acc, c, pack(v, run->numbers[i].scale), e)
                         : add_text(acc, c, run->vals[i].raw, e))
            return -1;
    }
    return 0;
}

/* ---- results ---- */

/* The numbers of one group, made ready for selection; and whose they are. */
struct acc_selection {
    struct ranks ranks;
    uint32_t group;
    uint64_t size; /* of its chain: 0 where there is none */
    int32_t scale; /* the largest one */
    bool sorted;   /* words in scratch; else numbers of this scale */
};

static int decimal_of(const struct acc *acc, uint64_t w, struct decimal *d)
{
    if (is_text(w))
        return decimal_parse(d, text_of(acc, w));
    *d = (struct decimal){ .small = number_in(w),
                           .scale = (int32_t)(w & SCALE_MASK) };
    return 0;
}

/* Copies the words of a chain; returns how many. */
static size_t gather(const struct acc *acc, const struct chain *c,
                     uint64_t *words)
{
    uint32_t place = 0;
    size_t n, at = 0;
    const char *p;
    while ((p = chain_next(c, &acc->pool, &place, &n))) {
        memcpy(words + at, p, n);
        at += n / sizeof(*words);
    }
    return at;
}

/* Sets *scale to the largest one. -1 without memory. */
static int largest_scale(const struct acc *acc, const uint64_t *words, size_t n,
                         int32_t *scale)
{
    int32_t most = INT32_MIN;
    for (size_t i = 0; i < n; i++) {
        struct decimal d = DECIMAL_ZERO;
        int32_t s = (int32_t)(words[i] & SCALE_MASK);
        if (s == TEXT) {
            if (decimal_of(acc, words[i], &d))
                return -1;
            s = d.scale;
            decimal_free(&d);
        }
        most = s > most ? s : most;
    }
    *scale = most;
    return 0;
}

/* Words become numbers of this scale; false, with none changed, where one does
 * not fit. */
static bool bring_to_scale(uint64_t *words, size_t n, int32_t scale)
{
    uint64_t wrong = scale > 18;
    for (size_t i = 0; !wrong && i < n; i++) {
        int64_t v;
        int32_t k = scale - (int32_t)(words[i] & SCALE_MASK);
        wrong = is_text(words[i]) ||
                __builtin_mul_overflow(number_in(words[i]),
                                       (int64_t)digits_pow10[k], &v);
    }
    for (size_t i = 0; !wrong && i < n; i++) {
        int32_t k = scale - (int32_t)(words[i] & SCALE_MASK);
        words[i] = (uint64_t)(number_in(words[i]) * (int64_t)digits_pow10[k]);
    }
    return !wrong;
}

static struct str word_text(const struct acc *acc, uint64_t w, struct buf *room)
{
    struct decimal d;
    if (is_text(w))
        return text_of(acc, w);
    decimal_of(acc, w, &d);
    buf_reset(room);
    decimal_format(room, &d); /* has the memory: see sort_words */
    return buf_str(room);
}

struct word_order {
    const struct acc *acc;
    struct buf *a, *b;
};

static int cmp_words(const void *x, const void *y, void *arg)
{
    const struct word_order *o = arg;
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return number_cmp(word_text(o->acc, a, o->a), word_text(o->acc, b, o->b));
}

/* The rare way, for numbers that no 64 bits hold at one scale. */
static int sort_words(const struct acc *acc, uint64_t *words, size_t n)
{
    struct buf a = { 0 }, b = { 0 };
    struct word_order o = { acc, &a, &b };
    int r = buf_reserve(&a, 64) || buf_reserve(&b, 64) ? -1 : 0;
    if (r == 0)
        qsort_r(words, n, sizeof(*words), cmp_words, &o);
    buf_free(&a);
    buf_free(&b);
    return r;
}

/* Makes the selection that of this group, if it is not. */
static int select_group(struct acc *acc, struct acc_place at, struct err *e)
{
    const struct chain *c = at.state;
    struct acc_selection *s = acc->selection;
    if (!s)
        s = acc->selection = calloc(1, sizeof(*s));
    if (!s)
        return err_nomem(e);
    if (s->size == chain_size(c) && s->group == at.group)
        return 0;
    s->size = 0;
    if (region_reserve(&acc->scratch, chain_size(c), e))
        return -1;
    uint64_t *words = (uint64_t *)(void *)acc->scratch.p;
    size_t n = gather(acc, c, words);
    if (largest_scale(acc, words, n, &s->scale))
        return err_nomem(e);
    s->sorted = !bring_to_scale(words, n, s->scale);
    if (s->sorted && sort_words(acc, words, n))
        return err_nomem(e);
    ranks_start(&s->ranks, (int64_t *)(void *)words, n);
    s->group = at.group;
    s->size = chain_size(c);
    return 0;
}

/* The number at place k, with the largest scale. */
static int value_at(struct acc *acc, size_t k, struct decimal *d)
{
    struct acc_selection *s = acc->selection;
    const struct decimal zero = { .scale = s->scale };
    if (s->sorted) {
        int r = decimal_of(acc, (uint64_t)s->ranks.v[k], d);
        return r ? r : decimal_add(d, d, &zero);
    }
    *d =
        (struct decimal){ .small = ranks_get(&s->ranks, k), .scale = s->scale };
    return 0;
}

/* d becomes whole: the next one at most it, or at least it. */
static int to_whole(struct decimal *d, bool up)
{
    struct decimal whole = DECIMAL_ZERO, one = { .small = up ? 1 : -1 };
    int r = decimal_round(&whole, d, 0);
    if (r == 0) {
        int order = decimal_cmp(&whole, d);
        if (up ? order < 0 : order > 0)
            r = decimal_add(&whole, &whole, &one);
    }
    if (r == 0)
        r = decimal_copy(d, &whole);
    decimal_free(&whole);
    return r;
}

/* v0 + (v1 - v0) * frac at the place p * (n - 1). */
static int continuous(struct acc *acc, const struct decimal *p, size_t n,
                      struct decimal *v0)
{
    struct decimal v1 = DECIMAL_ZERO, at = DECIMAL_ZERO, frac = DECIMAL_ZERO;
    struct decimal last = { .small = (decimal_int)n - 1 };
    int64_t k = 0;
    int r = decimal_mul(&frac, p, &last);
    if (r == 0)
        r = decimal_copy(&at, &frac);
    if (r == 0)
        r = to_whole(&at, false);
    if (r == 0)
        r = decimal_sub(&frac, &frac, &at);
    if (r == 0 && !decimal_to_i64(&at, &k))
        r = -2;
    if (r == 0)
        r = value_at(acc, (size_t)k, v0);
    /* A place that is whole is a value's, and adds no digits to it. */
    if (r == 0 && !decimal_is_zero(&frac)) {
        r = value_at(acc, (size_t)k + 1, &v1);
        if (r == 0)
            r = decimal_sub(&v1, &v1, v0);
        if (r == 0)
            r = decimal_mul(&v1, &v1, &frac);
        if (r == 0)
            r = decimal_add(v0, v0, &v1);
    }
    decimal_free(&v1);
    decimal_free(&at);
    decimal_free(&frac);
    return r;
}

/* The value number ceil(p * n), from 1. */
static int discrete(struct acc *acc, const struct decimal *p, size_t n,
                    struct decimal *v)
{
    struct decimal at = DECIMAL_ZERO, all = { .small = (decimal_int)n };
    int64_t k = 0;
    int r = decimal_mul(&at, p, &all);
    if (r == 0)
        r = to_whole(&at, true);
    if (r == 0 && !decimal_to_i64(&at, &k))
        r = -2;
    if (r == 0)
        r = value_at(acc, k > 0 ? (size_t)k - 1 : 0, v);
    decimal_free(&at);
    return r;
}

static int print(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e)
{
    struct decimal v = DECIMAL_ZERO;
    const struct decimal zero = DECIMAL_ZERO, one = { .small = 1 };
    size_t n = chain_size(at.state) / sizeof(uint64_t);
    if (n == 0)
        return buf_addz(out, "null") ? err_nomem(e) : 0;
    if ((q->ask != ASK_PERCENTILE && q->ask != ASK_PERCENTILE_DISC) ||
        decimal_cmp(&q->p, &zero) < 0 || decimal_cmp(&q->p, &one) > 0)
        return err_set(e, ERR_BUG, "not a question for all values");
    if (select_group(acc, at, e))
        return -1;
    int r = q->ask == ASK_PERCENTILE ? continuous(acc, &q->p, n, &v)
                                     : discrete(acc, &q->p, n, &v);
    if (r == 0)
        r = decimal_format(out, &v);
    decimal_free(&v);
    if (r == -2)
        return err_set(e, ERR_DATA, "percentile outside the range of decimals");
    return r ? err_nomem(e) : 0;
}

/* ---- states ---- */

static int write(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e)
{
    uint32_t place = 0;
    size_t n;
    const char *p;
    bool first = true;
    buf_addc(out, '[');
    while ((p = chain_next(at.state, &acc->pool, &place, &n))) {
        const uint64_t *words = (const uint64_t *)(const void *)p;
        for (size_t i = 0; i < n / sizeof(*words); i++, first = false) {
            struct decimal d;
            if (!first)
                buf_addc(out, ',');
            if (is_text(words[i])) {
                buf_add_str(out, text_of(acc, words[i]));
                continue;
            }
            decimal_of(acc, words[i], &d);
            decimal_format(out, &d);
        }
    }
    return buf_addc(out, ']') ? err_nomem(e) : 0;
}

static void release(struct acc *acc)
{
    free(acc->selection);
    acc->selection = NULL;
}

const struct acc_ops acc_ops_values = {
    .types = ACC_TYPE(JSON_NUMBER),
    .numbers = true,
    .bytes = sizeof(struct chain),
    .judge = acc_judge_is_number,
    .take = take,
    .take_run = take_run,
    .print = print,
    .write = write,
    .absorb = acc_absorb_values,
    .release = release,
};
