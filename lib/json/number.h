/* number: JSON numbers as text, exact at any length.
 *
 * The text must be a JSON number (json_number_valid). Nothing here goes
 * through a double. */
#ifndef JSON_NUMBER_H
#define JSON_NUMBER_H

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

/* A number's adjusted exponent (that of its first significant digit) may be
 * at most this far from 0 where we compute, compare or key by it. */
#define NUMBER_EXPONENT_MAX 6144

/* A number taken apart: value = (-1)^neg * 0.d1 d2 d3 ... * 10^(adjusted + 1),
 * where d1 is the first significant digit. Borrows from the text. */
struct number {
    bool neg; /* false for -0 */
    bool zero;
    int64_t adjusted;       /* 10^adjusted is the weight of the first digit;
                               saturates far outside NUMBER_EXPONENT_MAX */
    struct str whole, frac; /* digits before and behind the point, with the
                               leading zeros of the value dropped */
    size_t digits;          /* significant digits: first to last nonzero one */
};

/* Takes text apart. */
struct number number_parse(struct str text);

/* False where the adjusted exponent is outside +-NUMBER_EXPONENT_MAX. */
bool number_in_range(const struct number *n);

/* <0, 0 or >0 by value, at any length. */
int number_cmp(struct str a, struct str b);

/* True if the value is a whole number (1.0 and 1e3 are). */
bool number_is_integer(struct str text);

/* The value as int64, if it is a whole number that fits. */
bool number_to_i64(struct str text, int64_t *v);

/* The value times 10^places as int64, if that is a whole number that fits. */
bool number_scaled_i64(struct str text, unsigned places, int64_t *v);

/* Appends the one spelling that all numbers of this value share: "0", or sign,
 * significant digits, 'e', adjusted exponent. Returns 0, -1 if out failed, -2
 * if not number_in_range. */
int number_canon(struct buf *out, struct str text);

/* Appends v in decimal. 0 or -1. */
int number_add_u64(struct buf *out, uint64_t v);

#endif
