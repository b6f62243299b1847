/* decimal: exact decimal numbers: coefficient * 10^-scale.
 *
 * The coefficient lives in 128 bits and moves to a big integer (GMP) where it
 * outgrows them. +, - and sums keep the largest scale of their inputs, * adds
 * scales, / is exact if the quotient ends within 34 significant digits and is
 * rounded half-even to 34 otherwise (IEEE 754 decimal128's precision). Zero
 * has no sign. Adjusted exponents outside +-6144 are refused, and so are more
 * than 65536 digits behind the point. A quotient keeps the scale of the
 * dividend less that of the divisor where it can (1.10 / 1 is 1.10). */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

__extension__ typedef __int128 decimal_int;

struct bigint;

struct decimal {
    decimal_int small;  /* the coefficient while big is NULL */
    struct bigint *big; /* owned, or NULL */
    int32_t scale;      /* digits behind the point; negative for 1e3 */
};

#define DECIMAL_ZERO ((struct decimal){ 0 })
#define DECIMAL_DIGITS 34
#define DECIMAL_EXPONENT_MAX 6144
#define DECIMAL_SCALE_MAX 65536

/* All operations return 0, or -1 (no memory), or -2 (out of range), or -3
 * (division by zero); the result is untouched unless 0. A result may be one of
 * the operands. Every struct decimal starts as DECIMAL_ZERO and ends with
 * decimal_free. */
int decimal_parse(struct decimal *d, struct str json_number);
int decimal_set_i64(struct decimal *d, int64_t v);
int decimal_copy(struct decimal *d, const struct decimal *a);
int decimal_add(struct decimal *d, const struct decimal *a,
                const struct decimal *b);
int decimal_sub(struct decimal *d, const struct decimal *a,
                const struct decimal *b);
int decimal_mul(struct decimal *d, const struct decimal *a,
                const struct decimal *b);
int decimal_div(struct decimal *d, const struct decimal *a,
                const struct decimal *b);
int decimal_neg(struct decimal *d, const struct decimal *a);

/* Rounds half away from zero to n digits behind the point, as SQL's round()
 * does on numerics; the result has scale n, or the scale of a where that is
 * smaller. n may be negative. */
int decimal_round(struct decimal *d, const struct decimal *a, int32_t n);

/* The same towards zero. */
int decimal_trunc(struct decimal *d, const struct decimal *a, int32_t n);

/* What the whole quotient a / b, truncated, leaves: a's sign, and the larger of
 * both scales. Exact. -3 if b is zero. */
int decimal_mod(struct decimal *d, const struct decimal *a,
                const struct decimal *b);

/* a^n, exact for n >= 0 (0^0 is 1), else 1 / a^-n, rounded as a quotient is; -3
 * for zero to a negative n. -2 comes before memory or time run away. */
int decimal_power(struct decimal *d, const struct decimal *a, int64_t n);

/* The square root of a >= 0: exact if it ends within 34 significant digits,
 * with half of a's scale if that will do, else rounded half-even to 34. */
int decimal_sqrt(struct decimal *d, const struct decimal *a);

/* <0, 0, >0 by value. */
int decimal_cmp(const struct decimal *a, const struct decimal *b);
bool decimal_is_zero(const struct decimal *d);

/* Adds a JSON number to a running sum without a temporary. */
int decimal_add_text(struct decimal *sum, struct str json_number);

/* Adds v * 10^-scale, with scale from 0 to 18, to a running sum. */
int decimal_add_scaled(struct decimal *sum, decimal_int v, int32_t scale);

/* The same for what digits_read gives: the hot path of aggregates. */
static inline int decimal_add_short(struct decimal *sum, int64_t v,
                                    int32_t scale)
{
    decimal_int s;
    if (scale == sum->scale && !sum->big &&
        !__builtin_add_overflow(sum->small, (decimal_int)v, &s)) {
        sum->small = s;
        return 0;
    }
    return decimal_add_scaled(sum, v, scale);
}

/* Appends d as a JSON number in plain notation with all digits of its scale:
 * 1.10 stays 1.10. A negative scale is written out in zeros up to 34 digits,
 * with an exponent beyond. 0 or -1. */
int decimal_format(struct buf *out, const struct decimal *d);

/* The value as int64 if it is whole and fits. */
bool decimal_to_i64(const struct decimal *d, int64_t *v);

void decimal_free(struct decimal *d);

#endif
