/* exact: what expressions of decimals come to, by GMP's rationals and by the
 * definitions in base/decimal.h. */
#ifndef TESTS_EXACT_H
#define TESTS_EXACT_H

#include "base/decimal.h"

#include <gmp.h>
#include <stdbool.h>
#include <stdlib.h>

/* A rational, and how many digits behind the point it is written with. */
struct exact {
    mpq_t v;
    long scale;
    bool range; /* outside what can be computed with */
};

static inline void exact_init(struct exact *x)
{
    mpq_init(x->v);
    x->scale = 0;
    x->range = false;
}

static inline void pow10_q(mpq_t out, long n)
{
    mpq_set_ui(out, 1, 1);
    mpz_ui_pow_ui(n < 0 ? mpq_denref(out) : mpq_numref(out), 10,
                  (unsigned long)labs(n));
}

/* out = v * 10^n */
static inline void shift_q(mpq_t out, const mpq_t v, long n)
{
    mpq_t ten;
    mpq_init(ten);
    pow10_q(ten, n);
    mpq_mul(out, v, ten);
    mpq_clear(ten);
}

/* The exponent of the first digit: floor(log10(|v|)); v is not 0. */
static inline long adjusted(const mpq_t v)
{
    mpq_t m;
    mpq_init(m);
    mpq_abs(m, v);
    long e = (long)mpz_sizeinbase(mpq_numref(m), 10) -
             (long)mpz_sizeinbase(mpq_denref(m), 10) + 2;
    do {
        shift_q(m, v, -e);
        mpq_abs(m, m);
        e--;
    } while (mpq_cmp_ui(m, 1, 1) < 0);
    mpq_clear(m);
    return e + 1;
}

/* What every operation ends with. */
static inline void exact_finish(struct exact *x)
{
    if (mpq_sgn(x->v) == 0) {
        x->scale = x->scale < 0 ? 0 : x->scale;
        if (x->scale > DECIMAL_SCALE_MAX)
            x->scale = DECIMAL_SCALE_MAX;
        return;
    }
    long e = adjusted(x->v);
    x->range |= e > DECIMAL_EXPONENT_MAX || e < -DECIMAL_EXPONENT_MAX;
}

enum halves { HALF_EVEN, HALF_AWAY, DOWN, UP };

/* The whole number that v becomes. */
static inline void round_q(mpz_t out, const mpq_t v, enum halves how)
{
    mpz_t rest;
    mpz_init(rest);
    mpz_fdiv_qr(out, rest, mpq_numref(v), mpq_denref(v));
    mpz_mul_2exp(rest, rest, 1);
    int half = mpz_cmp(rest, mpq_denref(v)); /* above floor: <, =, > 1/2 */
    bool even = mpz_even_p(out) != 0;
    bool up = how == UP          ? mpz_sgn(rest) != 0
              : how == DOWN      ? false
              : half != 0        ? half > 0
              : how == HALF_EVEN ? !even
                                 : mpq_sgn(v) > 0;
    if (up)
        mpz_add_ui(out, out, 1);
    mpz_clear(rest);
}

/* Rounds v to n digits behind the point. */
static inline void round_at(mpq_t v, long n, enum halves how)
{
    mpz_t whole;
    mpz_init(whole);
    shift_q(v, v, n);
    round_q(whole, v, how);
    mpq_set_z(v, whole);
    shift_q(v, v, -n);
    mpz_clear(whole);
}

/* True if v has no digits behind the n-th. */
static inline bool ends_at(const mpq_t v, long n)
{
    mpq_t m;
    mpq_init(m);
    shift_q(m, v, n);
    bool whole = mpz_cmp_ui(mpq_denref(m), 1) == 0;
    mpq_clear(m);
    return whole;
}

/* Exact if it ends within 34 digits, with the scale of the dividend less that
 * of the divisor if that is enough; else rounded to 34. */
static inline void exact_div(struct exact *r, const struct exact *a,
                             const struct exact *b)
{
    long ideal = a->scale - b->scale;
    mpq_div(r->v, a->v, b->v);
    r->scale = ideal;
    if (mpq_sgn(r->v) == 0)
        return;
    r->scale = DECIMAL_DIGITS - 1 - adjusted(r->v);
    if (!ends_at(r->v, r->scale)) {
        long before = adjusted(r->v);
        round_at(r->v, r->scale, HALF_EVEN);
        r->scale -= adjusted(r->v) > before; /* 99...9 went up */
        return;
    }
    while (r->scale > ideal && ends_at(r->v, r->scale - 1))
        r->scale--;
}

/* ---- what expressions do: do_add is a + b ..., n is digits or an exponent */

static inline long larger(long a, long b)
{
    return a > b ? a : b;
}

static inline void do_add(struct exact *r, const struct exact *a,
                          const struct exact *b, long n)
{
    (void)n;
    mpq_add(r->v, a->v, b->v);
    r->scale = larger(a->scale, b->scale);
}

static inline void do_sub(struct exact *r, const struct exact *a,
                          const struct exact *b, long n)
{
    (void)n;
    mpq_sub(r->v, a->v, b->v);
    r->scale = larger(a->scale, b->scale);
}

static inline void do_mul(struct exact *r, const struct exact *a,
                          const struct exact *b, long n)
{
    (void)n;
    mpq_mul(r->v, a->v, b->v);
    r->scale = a->scale + b->scale;
}

static inline void do_div(struct exact *r, const struct exact *a,
                          const struct exact *b, long n)
{
    (void)n;
    exact_div(r, a, b);
}

/* a - b * trunc(a / b): the sign of a. */
static inline void do_mod(struct exact *r, const struct exact *a,
                          const struct exact *b, long n)
{
    (void)n;
    mpz_t whole;
    mpz_init(whole);
    mpq_div(r->v, a->v, b->v);
    mpz_tdiv_q(whole, mpq_numref(r->v), mpq_denref(r->v));
    mpq_set_z(r->v, whole);
    mpq_mul(r->v, r->v, b->v);
    mpq_sub(r->v, a->v, r->v);
    r->scale = larger(a->scale, b->scale);
    mpz_clear(whole);
}

/* Results that are operands in turn. */
static inline void do_chain(struct exact *r, const struct exact *a,
                            const struct exact *b, long n)
{
    struct exact x, y;
    exact_init(&x);
    exact_init(&y);
    do_add(&x, b, a, n);
    exact_finish(&x);
    do_mul(&y, &x, b, n);
    exact_finish(&y);
    exact_div(&x, a, b);
    exact_finish(&x);
    do_sub(r, &y, &x, n);
    r->range = x.range || y.range;
    mpq_clear(x.v);
    mpq_clear(y.v);
}

static inline void do_same(struct exact *r, const struct exact *a,
                           const struct exact *b, long n)
{
    (void)b;
    (void)n;
    mpq_set(r->v, a->v);
    r->scale = a->scale;
}

static inline void do_neg(struct exact *r, const struct exact *a,
                          const struct exact *b, long n)
{
    do_same(r, a, b, n);
    mpq_neg(r->v, r->v);
}

static inline void do_abs(struct exact *r, const struct exact *a,
                          const struct exact *b, long n)
{
    do_same(r, a, b, n);
    mpq_abs(r->v, r->v);
}

static inline void round_to(struct exact *r, const struct exact *a, long n,
                            enum halves how)
{
    do_same(r, a, a, n);
    if (a->scale <= n)
        return;
    round_at(r->v, n, how);
    r->scale = n;
}

static inline void do_round(struct exact *r, const struct exact *a,
                            const struct exact *b, long n)
{
    (void)b;
    round_to(r, a, n, HALF_AWAY);
}

static inline void do_floor(struct exact *r, const struct exact *a,
                            const struct exact *b, long n)
{
    (void)b;
    (void)n;
    round_to(r, a, 0, DOWN);
}

static inline void do_ceil(struct exact *r, const struct exact *a,
                           const struct exact *b, long n)
{
    (void)b;
    (void)n;
    round_to(r, a, 0, UP);
}

static inline void do_trunc(struct exact *r, const struct exact *a,
                            const struct exact *b, long n)
{
    (void)b;
    round_to(r, a, n, mpq_sgn(a->v) < 0 ? UP : DOWN);
}

static inline void do_sign(struct exact *r, const struct exact *a,
                           const struct exact *b, long n)
{
    (void)b;
    (void)n;
    mpq_set_si(r->v, mpq_sgn(a->v), 1);
    r->scale = 0;
}

/* a^n by its definition; below zero 1 / a^-n. */
static inline void do_power(struct exact *r, const struct exact *a,
                            const struct exact *b, long n)
{
    struct exact one, power;
    (void)b;
    exact_init(&one);
    exact_init(&power);
    mpq_set_ui(one.v, 1, 1);
    mpq_set(power.v, one.v);
    for (long i = labs(n); i > 0; i--)
        mpq_mul(power.v, power.v, a->v);
    power.scale = labs(n) * a->scale;
    exact_finish(&power);
    if (n < 0)
        exact_div(r, &one, &power);
    else
        do_same(r, &power, b, n);
    r->range = power.range;
    mpq_clear(one.v);
    mpq_clear(power.v);
}

/* The root of |a|, which no rational has to be: whole roots of a with as many
 * digits as are wanted, and one half up where that is still below. */
static inline void do_sqrt(struct exact *r, const struct exact *a,
                           const struct exact *b, long n)
{
    mpz_t root;
    mpq_t half, square;
    (void)b;
    (void)n;
    long ideal = a->scale > 0 ? (a->scale + 1) / 2 : a->scale / 2;
    r->scale = ideal;
    if (mpq_sgn(a->v) == 0)
        return;
    mpz_init(root);
    mpq_inits(half, square, NULL);
    long e = adjusted(a->v);
    r->scale = DECIMAL_DIGITS - 1 - (e - (e % 2 != 0 && e < 0)) / 2;
    shift_q(square, a->v, 2 * r->scale);
    mpz_tdiv_q(root, mpq_numref(square), mpq_denref(square));
    mpz_sqrt(root, root);
    mpq_set_z(r->v, root);
    mpq_mul(half, r->v, r->v);
    bool exact = mpq_equal(half, square) != 0;
    mpq_set_ui(half, 1, 2);
    mpq_add(half, half, r->v);
    mpq_mul(half, half, half);
    int above = mpq_cmp(square, half);
    if (above > 0 || (above == 0 && mpz_odd_p(root))) {
        mpz_add_ui(root, root, 1);
        mpq_set_z(r->v, root);
    }
    shift_q(r->v, r->v, -r->scale);
    while (exact && r->scale > ideal && ends_at(r->v, r->scale - 1))
        r->scale--;
    mpz_clear(root);
    mpq_clears(half, square, NULL);
}

/* Has an end within 34 digits more often than other roots have. */
static inline void do_root_of_square(struct exact *r, const struct exact *a,
                                     const struct exact *b, long n)
{
    struct exact square;
    exact_init(&square);
    do_mul(&square, a, a, n);
    exact_finish(&square);
    do_sqrt(r, &square, b, n);
    r->range = square.range;
    mpq_clear(square.v);
}

#endif
