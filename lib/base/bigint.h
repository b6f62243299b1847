/* bigint: whole numbers past 128 bits, for decimal alone.
 *
 * Values are immutable: every operation returns a new one, owned, freed with
 * free, or NULL without memory. The limbs are GMP's (mpn layer), the memory is
 * ours, so that a failed allocation is an error and not an abort. Sizes are
 * bounded by decimal's range: BIGINT_LIMBS holds every operand. */
#ifndef BASE_BIGINT_H
#define BASE_BIGINT_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 bigint_small;
__extension__ typedef unsigned __int128 bigint_usmall;

/* 10^(65536 + 6145 + 40) needs 3722 limbs of 64 bits. */
#define BIGINT_LIMBS 3800

struct bigint {
    bool neg;
    mp_size_t n; /* limbs; the highest is not 0, none for 0 */
    mp_limb_t limb[];
};

/* An operand, borrowed: of a bigint, or of a small value kept in `own`. */
struct bigview {
    const mp_limb_t *p;
    mp_size_t n;
    bool neg;
    mp_limb_t own[2];
};

/* Fill *v, which must stay where it is while it is used. */
void bigview_of(struct bigview *v, const struct bigint *b);
void bigview_small(struct bigview *v, bigint_small s);

/* From n digits '0' to '9' in two parts. */
struct bigint *bigint_parse(bool neg, const char *a, size_t an, const char *b,
                            size_t bn);

struct bigint *bigint_copy(const struct bigint *b);
struct bigint *bigint_add(const struct bigview *a, const struct bigview *b);
struct bigint *bigint_mul(const struct bigview *a, const struct bigview *b);

/* a * 10^k. Time grows with limbs times k. */
struct bigint *bigint_shift10(const struct bigview *a, size_t k);

/* a / b, truncated; *rest tells what was cut off: 0 nothing, 1 less than half
 * of b, 2 exactly half, 3 more. b is not 0. */
struct bigint *bigint_div(const struct bigview *a, const struct bigview *b,
                          int *rest);

/* What a / b, truncated, leaves; it has a's sign. b is not 0. */
struct bigint *bigint_rem(const struct bigview *a, const struct bigview *b);

/* The root of |a|, rounded down; *exact tells whether nothing was cut off. */
struct bigint *bigint_sqrt(const struct bigview *a, bool *exact);

/* Compares |a| * 10^k with |b|: <0, 0, >0. Needs no memory. */
int bigint_cmp10(const struct bigview *a, size_t k, const struct bigview *b);

/* Number of decimal digits of |a|; 0 for 0. Needs no memory. */
size_t bigint_digits(const struct bigview *a);

/* Number of digits, maybe one too many. Cheap. */
size_t bigint_digits_guess(const struct bigview *a);

/* The value, if it fits. */
bool bigint_to_small(const struct bigint *b, bigint_small *s);

/* The digits of |b| as text, owned; *at is where they begin, *n how many. */
char *bigint_format(const struct bigint *b, size_t *at, size_t *n);

#endif
