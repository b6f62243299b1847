/* limit: bounds and multiples of numbers, exact on their text. */
#ifndef SCHEMA_LIMIT_H
#define SCHEMA_LIMIT_H

#include "base/str.h"

#include <stdint.h>

/* A number read once: enough of it to decide most comparisons. */
struct numscan {
    struct str text;
    int64_t whole;   /* digits before the point, without sign; valid if digits
                        is at most NUMSCAN_DIGITS */
    unsigned digits; /* before the point */
    bool neg, frac, exp;
};

#define NUMSCAN_DIGITS 18

/* Reads the number that starts at p, up to end at most. */
struct numscan number_scan(const char *p, const char *end);

/* True if the value is whole. */
bool numscan_is_integer(const struct numscan *s);

struct limit {
    struct str text; /* .p NULL: no limit */
    int64_t v;       /* its value if small */
    bool small;      /* whole and of at most NUMSCAN_DIGITS digits */
};

/* A limit from JSON number text, which is borrowed. */
struct limit limit_of(struct str text);

/* <0, 0 or >0: the number against the limit, by value, at any length. */
int limit_cmp(const struct numscan *s, const struct limit *l);

/* coef * 10^exp, coef > 0 without trailing zeros. */
struct multiple {
    struct str text; /* .p NULL: none */
    uint64_t coef;
    int64_t exp;
};

#define MULTIPLE_DIGITS 18

/* Reads a divisor > 0; false where it has more than MULTIPLE_DIGITS
 * significant digits. text is borrowed. */
bool multiple_of(struct multiple *m, struct str text);

/* True if number is an integer times m, exactly, at any length and exponent. */
bool multiple_divides(const struct multiple *m, struct str number);

/* What a schema says about numbers. */
struct number_rules {
    struct limit min, max, above, below; /* above, below: exclusive */
    struct multiple multiple;
};

/* True if the number keeps to all of u; what messages need aside, this is the
 * whole of it. */
bool number_fits(const struct number_rules *u, const struct numscan *s);

/* Whole numbers: every number of at least lo and at most hi keeps to the
 * limits (not the multiple) of u. INT64_MAX and INT64_MIN: none is known. */
struct bounds {
    int64_t lo, hi;
};
struct bounds bounds_of(const struct number_rules *u);

#endif
