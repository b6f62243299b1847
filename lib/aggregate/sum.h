/* sum: exact running sums, 16 bytes each in rows of a table.
 *
 * A sum is v * 10^-scale for as long as 64 bits hold it; from then on it is one
 * of the wide ones: decimals (base/decimal.h) that all sums of an accumulator
 * keep in one region. A zeroed sum is 0. Sums hold no pointers: rows may move.
 * Not thread-safe. */
#ifndef AGGREGATE_SUM_H
#define AGGREGATE_SUM_H

#include "base/decimal.h"
#include "base/digits.h"
#include "base/err.h"
#include "table/region.h"

struct sum {
    int64_t v;
    int32_t scale; /* 0 to 18 */
    uint32_t wide; /* number of the decimal, from 1 */
};

struct sums {
    struct region wide; /* struct decimal */
};

/* Big coefficients (base/bigint.h) are not charged to budget. */
void sums_init(struct sums *all, struct budget *budget);
void sums_free(struct sums *all);

/* The sum as a decimal, in place or put into room; borrowed until the next
 * change of any. */
const struct decimal *sum_get(const struct sums *all, const struct sum *s,
                              struct decimal *room);

/* Adds v * 10^-scale, with scale from 0 to 18. 0 or -1 with e. */
int sum_add_wide(struct sums *all, struct sum *s, decimal_int v, int32_t scale,
                 struct err *e);

/* Adds a JSON number. 0 or -1 with e; ERR_BUG where that leaves the range of
 * decimals. */
int sum_add_text(struct sums *all, struct sum *s, struct str number,
                 struct err *e);

/* Adds d. 0 or -1 with e; ERR_DATA where that leaves the range of decimals. The
 * sum is the same as before then. */
int sum_add_decimal(struct sums *all, struct sum *s, const struct decimal *d,
                    struct err *e);

/* Adds as sum_add_wide, if that goes within 64 bits; else returns false and
 * changes nothing. */
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

/* Adds v * 10^-scale in whichever way it goes. */
static inline int sum_add(struct sums *all, struct sum *s, int64_t v,
                          int32_t scale, struct err *e)
{
    return sum_add_narrow(s, v, scale) ? 0 : sum_add_wide(all, s, v, scale, e);
}

#endif
