#include "quality/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int set_count(struct reading *r, uint64_t n)
{
    r->has = true;
    return decimal_set_i64(&r->value, (int64_t)n);
}

/* A part of nothing is nothing. */
static int set_share(struct reading *r, uint64_t part, uint64_t whole)
{
    struct decimal n = DECIMAL_ZERO;
    r->part = part;
    r->whole = whole;
    int rc = set_count(r, part);
    if (rc == 0 && whole)
        rc = decimal_set_i64(&n, (int64_t)whole);
    if (rc == 0 && whole)
        rc = decimal_div(&r->value, &r->value, &n);
    decimal_free(&n);
    return rc;
}

static int set_mean(struct reading *r, const struct gauge *g)
{
    struct decimal n = DECIMAL_ZERO;
    int rc = decimal_set_i64(&n, (int64_t)g->n);
    if (rc == 0)
        rc = decimal_div(&r->value, &g->sum, &n);
    decimal_free(&n);
    return rc;
}

/* (n * sum of squares - square of the sum) / (n * (n - 1)): the numerator is
 * exact, so nothing cancels. */
static int variance(struct decimal *v, const struct gauge *g)
{
    struct decimal n = DECIMAL_ZERO, m = DECIMAL_ZERO, square = DECIMAL_ZERO;
    int rc = decimal_set_i64(&n, (int64_t)g->n);
    if (rc == 0)
        rc = decimal_set_i64(&m, (int64_t)g->n - 1);
    if (rc == 0)
        rc = decimal_mul(v, &n, &g->squares);
    if (rc == 0)
        rc = decimal_mul(&square, &g->sum, &g->sum);
    if (rc == 0)
        rc = decimal_sub(v, v, &square);
    if (rc == 0)
        rc = decimal_mul(&n, &n, &m);
    if (rc == 0)
        rc = decimal_div(v, v, &n);
    decimal_free(&n);
    decimal_free(&m);
    decimal_free(&square);
    return rc;
}

/* The shortest decimal that is this double. */
static int set_double(struct decimal *d, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return decimal_parse(d, str_of(text));
}

static int set_stddev(struct reading *r, const struct gauge *g)
{
    struct decimal v = DECIMAL_ZERO;
    struct buf text = { 0 };
    int rc = variance(&v, g);
    if (rc == 0)
        rc = decimal_format(&text, &v);
    const char *z = rc == 0 ? buf_z(&text) : NULL;
    if (rc == 0)
        rc = z ? 0 : -1;
    if (z) {
        double root = (double)sqrtl(strtold(z, NULL));
        rc = isfinite(root) ? set_double(&r->value, root) : -2;
    }
    decimal_free(&v);
    buf_free(&text);
    return rc;
}

/* Values that the gauge could not take. */
static void note_bad(struct reading *r, const struct gauge *g, const char *why)
{
    r->part = g->bad;
    r->whole = g->n + g->bad;
    r->why = g->bad ? why : NULL;
}

/* The statistics of numbers; -2 where one is out of range. */
static int read_numbers(struct reading *r, enum measure m,
                        const struct gauge *g)
{
    note_bad(r, g, "not numbers to compute with");
    if (r->why || g->n < (m == MEASURE_STDDEV ? 2u : 1u))
        return 0;
    r->has = true;
    switch (m) {
    case MEASURE_SUM: return g->far ? -2 : decimal_copy(&r->value, &g->sum);
    case MEASURE_MEAN: return g->far ? -2 : set_mean(r, g);
    case MEASURE_STDDEV: return g->far ? -2 : set_stddev(r, g);
    case MEASURE_MIN: return decimal_copy(&r->value, &g->min);
    default: return decimal_copy(&r->value, &g->max);
    }
}

static int read_keys(struct reading *r, enum measure m, const struct gauge *g)
{
    note_bad(r, g, "not comparable");
    if (r->why)
        return 0;
    if (m == MEASURE_DISTINCT_COUNT)
        return set_count(r, g->keys.n);
    if (m == MEASURE_DISTINCT_SHARE)
        return g->n ? set_share(r, g->keys.n, g->n) : 0;
    if (m == MEASURE_DUPLICATE_COUNT)
        return set_count(r, g->n - g->keys.n);
    if (m == MEASURE_DUPLICATE_SHARE)
        return set_share(r, g->n - g->keys.n, g->n);
    r->part = g->n - g->keys.n;
    r->whole = g->n;
    return set_count(r, r->part);
}

static int read_newest(struct reading *r, const struct gauge *g)
{
    note_bad(r, g, "not times");
    r->has = !g->bad && g->n;
    return r->has ? decimal_set_i64(&r->value, g->newest) : 0;
}

static int read_among(struct reading *r, enum measure m, const struct gauge *g,
                      uint64_t rows)
{
    uint64_t n = g->bad + (g->takes_null ? g->nulls + g->missing : 0);
    if (g->far) {
        r->why = "has values whose match takes too many steps";
        return 0;
    }
    if (m == MEASURE_AMONG_SHARE)
        return set_share(r, n, rows);
    r->part = n;
    r->whole = g->n;
    return set_count(r, n);
}

int reading_take(struct reading *r, enum measure m, const struct gauges *gauges,
                 const struct gauge *g, uint64_t read, uint64_t rejected)
{
    int rc = 0;
    *r = (struct reading){ 0 };
    switch (m) {
    case MEASURE_ROWS: rc = set_count(r, gauges->rows); break;
    case MEASURE_REJECTS: rc = set_count(r, rejected); break;
    case MEASURE_REJECT_SHARE: rc = set_share(r, rejected, read); break;
    case MEASURE_NULL_COUNT: rc = set_count(r, g->nulls + g->missing); break;
    case MEASURE_NULL_SHARE:
        rc = set_share(r, g->nulls + g->missing, gauges->rows);
        break;
    case MEASURE_MISSING_COUNT: rc = set_count(r, g->missing); break;
    case MEASURE_MISSING_SHARE:
        rc = set_share(r, g->missing, gauges->rows);
        break;
    case MEASURE_DISTINCT_COUNT:
    case MEASURE_DISTINCT_SHARE:
    case MEASURE_DUPLICATE_COUNT:
    case MEASURE_DUPLICATE_SHARE:
    case MEASURE_REPEATS: rc = read_keys(r, m, g); break;
    case MEASURE_SUM:
    case MEASURE_MEAN:
    case MEASURE_MIN:
    case MEASURE_MAX:
    case MEASURE_STDDEV: rc = read_numbers(r, m, g); break;
    case MEASURE_NEWEST: rc = read_newest(r, g); break;
    case MEASURE_AMONG_COUNT:
    case MEASURE_AMONG_SHARE:
    case MEASURE_OUTSIDERS: rc = read_among(r, m, g, gauges->rows); break;
    }
    if (rc == -2) {
        r->has = false;
        r->part = 0;
        r->why = "is outside the range of numbers";
    }
    return rc == -1 ? -1 : 0;
}

void reading_free(struct reading *r)
{
    decimal_free(&r->value);
}
