/* Decimal's less common operations, on top of the common ones. */
#include "base/bigint.h"
#include "base/decimal.h"

#include <stdlib.h>

static void view_of(struct bigview *v, const struct decimal *d)
{
    if (d->big)
        bigview_of(v, d->big);
    else
        bigview_small(v, d->small);
}

/* Sets *d to what r has as its parts, in their proper form and within range;
 * takes r. */
static int settle(struct decimal *d, struct decimal *r)
{
    const struct decimal zero = { .scale = r->scale };
    int rc = decimal_add(d, r, &zero);
    decimal_free(r);
    return rc;
}

int decimal_trunc(struct decimal *d, const struct decimal *a, int32_t n)
{
    const struct decimal unit = { .small = 1, .scale = n };
    const struct decimal zero = DECIMAL_ZERO;
    struct decimal r = DECIMAL_ZERO;
    int sign = decimal_cmp(a, &zero);
    int rc = decimal_round(&r, a, n);
    if (rc == 0 && decimal_cmp(&r, a) * sign > 0)
        rc = sign > 0 ? decimal_sub(&r, &r, &unit) : decimal_add(&r, &r, &unit);
    if (rc) {
        decimal_free(&r);
        return rc;
    }
    decimal_free(d);
    *d = r;
    return 0;
}

/* ---- the rest of a division */

/* Sets *out to v * 10^k; false where 128 bits are too few. */
static bool shifted(decimal_int v, int64_t k, decimal_int *out)
{
    for (; k > 0 && v; k--)
        if (__builtin_mul_overflow(v, (decimal_int)10, &v))
            return false;
    *out = v;
    return true;
}

static int mod_big(struct decimal *d, const struct decimal *a,
                   const struct decimal *b, int32_t scale)
{
    struct bigview x, y;
    view_of(&x, a);
    view_of(&y, b);
    struct bigint *p = bigint_shift10(&x, (size_t)(scale - a->scale));
    struct bigint *q = bigint_shift10(&y, (size_t)(scale - b->scale));
    struct decimal r = { .scale = scale };
    if (p && q) {
        bigview_of(&x, p);
        bigview_of(&y, q);
        r.big = bigint_rem(&x, &y);
    }
    free(p);
    free(q);
    return r.big ? settle(d, &r) : -1;
}

int decimal_mod(struct decimal *d, const struct decimal *a,
                const struct decimal *b)
{
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    decimal_int x, y;
    if (decimal_is_zero(b))
        return -3;
    if (scale < 0)
        scale = 0; /* nothing of 1e3 is left in its zeros */
    if (a->big || b->big || !shifted(a->small, scale - a->scale, &x) ||
        !shifted(b->small, scale - b->scale, &y))
        return mod_big(d, a, b, scale);
    /* The least of all numbers by -1 would overflow. */
    struct decimal r = { .small = y == -1 ? 0 : x % y, .scale = scale };
    return settle(d, &r);
}

/* ---- powers */

int decimal_power(struct decimal *d, const struct decimal *a, int64_t n)
{
    const struct decimal one = { .small = 1 };
    struct decimal r = one, base = DECIMAL_ZERO;
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
    int rc = n < 0 && decimal_is_zero(a) ? -3 : decimal_copy(&base, a);
    while (rc == 0 && left) {
        if (left & 1)
            rc = decimal_mul(&r, &r, &base);
        left >>= 1;
        if (rc == 0 && left)
            rc = decimal_mul(&base, &base, &base);
    }
    if (rc == 0 && n < 0)
        rc = decimal_div(&r, &one, &r);
    decimal_free(&base);
    if (rc) {
        decimal_free(&r);
        return rc;
    }
    decimal_free(d);
    *d = r;
    return 0;
}

/* ---- roots */

/* The root of a's coefficient times 10^k. */
static int root_of(struct decimal *r, const struct decimal *a, int64_t k,
                   bool *exact)
{
    struct bigview x;
    view_of(&x, a);
    struct bigint *radicand = bigint_shift10(&x, (size_t)k);
    if (!radicand)
        return -1;
    bigview_of(&x, radicand);
    struct bigint *root = bigint_sqrt(&x, exact);
    free(radicand);
    if (!root)
        return -1;
    struct decimal found = { .big = root,
                             .scale = (int32_t)((a->scale + k) / 2) };
    return settle(r, &found);
}

int decimal_sqrt(struct decimal *d, const struct decimal *a)
{
    const struct decimal ten = { .small = 10, .scale = 1 };
    const struct decimal one = { .small = 1 };
    int32_t ideal = a->scale / 2 + (a->scale > 0 && a->scale % 2);
    struct decimal r = DECIMAL_ZERO;
    struct bigview x;
    bool exact;
    if (decimal_is_zero(a))
        return settle(d, &(struct decimal){ .scale = ideal });
    /* 71 digits or more give a root of 36 or more; 73 give 37, which fits 128
     * bits with one more. */
    view_of(&x, a);
    int64_t k = 72 - (int64_t)bigint_digits_guess(&x);
    if (k < 0)
        k = 0;
    k += (a->scale + k) % 2 != 0;
    int rc = root_of(&r, a, k, &exact);
    if (rc)
        return rc;
    while (exact && !r.big && r.scale > ideal && r.small % 10 == 0) {
        r.small /= 10;
        r.scale--;
    }
    if (!exact) { /* a digit more that stands for all that follow */
        const struct decimal rest = { .small = 1, .scale = r.scale + 1 };
        rc = decimal_mul(&r, &r, &ten);
        if (rc == 0)
            rc = decimal_add(&r, &r, &rest);
    }
    if (rc == 0) /* rounds */
        rc = decimal_div(d, &r, &one);
    decimal_free(&r);
    return rc;
}
