#include "base/bigint.h"

#include "base/digits.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(GMP_NUMB_BITS == 64, "limbs of 64 bits");

static struct bigint *make(mp_size_t limbs)
{
    struct bigint *b =
        malloc(sizeof(*b) + ((size_t)limbs + 1) * sizeof(mp_limb_t));
    if (b) {
        b->neg = false;
        b->n = limbs;
    }
    return b;
}

static mp_size_t trimmed(const mp_limb_t *p, mp_size_t n)
{
    while (n > 0 && p[n - 1] == 0)
        n--;
    return n;
}

static struct bigint *finish(struct bigint *b, bool neg)
{
    b->n = trimmed(b->limb, b->n);
    b->neg = neg && b->n > 0;
    return b;
}

void bigview_of(struct bigview *v, const struct bigint *b)
{
    v->p = b->limb;
    v->n = b->n;
    v->neg = b->neg;
}

void bigview_small(struct bigview *v, bigint_small s)
{
    bigint_usmall u = s < 0 ? -(bigint_usmall)s : (bigint_usmall)s;
    v->own[0] = (mp_limb_t)u;
    v->own[1] = (mp_limb_t)(u >> 64);
    v->p = v->own;
    v->n = trimmed(v->own, 2);
    v->neg = s < 0;
}

struct bigint *bigint_parse(bool neg, const char *a, size_t an, const char *b,
                            size_t bn)
{
    unsigned char *digits = malloc(an + bn + 1);
    /* 10^19 fits a limb, so 19 digits need at most one. */
    struct bigint *r = make((mp_size_t)((an + bn) / 19 + 2));
    if (!digits || !r) {
        free(digits);
        free(r);
        return NULL;
    }
    for (size_t i = 0; i < an; i++)
        digits[i] = (unsigned char)(a[i] - '0');
    for (size_t i = 0; i < bn; i++)
        digits[an + i] = (unsigned char)(b[i] - '0');
    r->n = an + bn ? mpn_set_str(r->limb, digits, an + bn, 10) : 0;
    free(digits);
    return finish(r, neg);
}

struct bigint *bigint_copy(const struct bigint *b)
{
    struct bigint *r = make(b->n);
    if (r) {
        memcpy(r->limb, b->limb, (size_t)b->n * sizeof(mp_limb_t));
        r->neg = b->neg;
    }
    return r;
}

static int cmp_limbs(const mp_limb_t *a, mp_size_t an, const mp_limb_t *b,
                     mp_size_t bn)
{
    if (an != bn)
        return an < bn ? -1 : 1;
    int c = an ? mpn_cmp(a, b, an) : 0;
    return (c > 0) - (c < 0);
}

struct bigint *bigint_add(const struct bigview *a, const struct bigview *b)
{
    if (cmp_limbs(a->p, a->n, b->p, b->n) < 0) {
        const struct bigview *t = a;
        a = b;
        b = t;
    }
    struct bigint *r = make(a->n + 1);
    if (!r)
        return NULL;
    r->limb[a->n] = 0;
    if (b->n == 0)
        memcpy(r->limb, a->p, (size_t)a->n * sizeof(mp_limb_t));
    else if (a->neg == b->neg)
        r->limb[a->n] = mpn_add(r->limb, a->p, a->n, b->p, b->n);
    else
        mpn_sub(r->limb, a->p, a->n, b->p, b->n);
    return finish(r, a->neg);
}

struct bigint *bigint_mul(const struct bigview *a, const struct bigview *b)
{
    if (a->n < b->n) {
        const struct bigview *t = a;
        a = b;
        b = t;
    }
    struct bigint *r = make(b->n ? a->n + b->n : 0);
    if (!r)
        return NULL;
    if (b->n)
        mpn_mul(r->limb, a->p, a->n, b->p, b->n);
    return finish(r, a->neg != b->neg);
}

/* Multiplies the n limbs at p by 10^k in place; returns their new number. */
static mp_size_t shift10(mp_limb_t *p, mp_size_t n, size_t k)
{
    while (k && n) {
        size_t step = k < 19 ? k : 19;
        mp_limb_t carry = mpn_mul_1(p, p, n, digits_pow10[step]);
        if (carry)
            p[n++] = carry;
        k -= step;
    }
    return n;
}

struct bigint *bigint_shift10(const struct bigview *a, size_t k)
{
    struct bigint *r = make(a->n + (mp_size_t)(k / 19) + 1);
    if (!r)
        return NULL;
    memcpy(r->limb, a->p, (size_t)a->n * sizeof(mp_limb_t));
    r->n = shift10(r->limb, a->n, k);
    r->neg = a->neg;
    return r;
}

/* How twice the rest r compares with b, as *rest of bigint_div. */
static int judge_rest(mp_limb_t *r, const struct bigview *b)
{
    mp_size_t n = trimmed(r, b->n);
    if (n == 0)
        return 0;
    if (mpn_lshift(r, r, b->n, 1))
        return 3;
    return 2 + cmp_limbs(r, trimmed(r, b->n), b->p, b->n);
}

struct bigint *bigint_div(const struct bigview *a, const struct bigview *b,
                          int *rest)
{
    bool less = a->n < b->n;
    struct bigint *q = make(less ? 0 : a->n - b->n + 1);
    mp_limb_t *r = malloc((size_t)b->n * sizeof(mp_limb_t));
    if (!q || !r) {
        free(q);
        free(r);
        return NULL;
    }
    if (less) {
        memset(r, 0, (size_t)b->n * sizeof(mp_limb_t));
        memcpy(r, a->p, (size_t)a->n * sizeof(mp_limb_t));
    } else {
        mpn_tdiv_qr(q->limb, r, 0, a->p, a->n, b->p, b->n);
    }
    *rest = judge_rest(r, b);
    free(r);
    return finish(q, a->neg != b->neg);
}

struct bigint *bigint_rem(const struct bigview *a, const struct bigview *b)
{
    if (a->n < b->n) {
        struct bigint *r = make(a->n);
        if (r)
            memcpy(r->limb, a->p, (size_t)a->n * sizeof(mp_limb_t));
        return r ? finish(r, a->neg) : NULL;
    }
    struct bigint *q = make(a->n - b->n + 1), *r = make(b->n);
    if (q && r)
        mpn_tdiv_qr(q->limb, r->limb, 0, a->p, a->n, b->p, b->n);
    free(q);
    if (q && r)
        return finish(r, a->neg);
    free(r);
    return NULL;
}

struct bigint *bigint_sqrt(const struct bigview *a, bool *exact)
{
    struct bigint *r = make((a->n + 1) / 2);
    *exact = true;
    if (r && a->n)
        *exact = mpn_sqrtrem(r->limb, NULL, a->p, a->n) == 0;
    return r ? finish(r, false) : NULL;
}

int bigint_cmp10(const struct bigview *a, size_t k, const struct bigview *b)
{
    if (k == 0 || a->n == 0)
        return cmp_limbs(a->p, a->n, b->p, b->n);
    mp_limb_t p[BIGINT_LIMBS];
    if (a->n + (mp_size_t)(k / 19) + 2 > BIGINT_LIMBS)
        return 1; /* outside decimal's range: larger than any b */
    memcpy(p, a->p, (size_t)a->n * sizeof(mp_limb_t));
    mp_size_t n = shift10(p, a->n, k);
    return cmp_limbs(p, n, b->p, b->n);
}

size_t bigint_digits_guess(const struct bigview *a)
{
    return a->n ? mpn_sizeinbase(a->p, a->n, 10) : 0;
}

size_t bigint_digits(const struct bigview *a)
{
    if (a->n == 0)
        return 0;
    size_t guess = bigint_digits_guess(a);
    struct bigview one;
    bigview_small(&one, 1);
    return bigint_cmp10(&one, guess - 1, a) > 0 ? guess - 1 : guess;
}

bool bigint_to_small(const struct bigint *b, bigint_small *s)
{
    if (b->n > 2 || (b->n == 2 && b->limb[1] >> 63))
        return false;
    bigint_usmall u = b->n > 0 ? b->limb[0] : 0;
    if (b->n == 2)
        u |= (bigint_usmall)b->limb[1] << 64;
    *s = b->neg ? -(bigint_small)u : (bigint_small)u;
    return true;
}

char *bigint_format(const struct bigint *b, size_t *at, size_t *n)
{
    struct bigint *copy = bigint_copy(b); /* mpn_get_str destroys its input */
    size_t size = b->n ? mpn_sizeinbase(b->limb, b->n, 10) : 0;
    char *text = malloc(size + 2);
    if (!copy || !text) {
        free(copy);
        free(text);
        return NULL;
    }
    size_t len = 0;
    if (copy->n)
        len = mpn_get_str((unsigned char *)text, 10, copy->limb, copy->n);
    free(copy);
    size_t zeros = 0;
    while (zeros < len && text[zeros] == 0)
        zeros++;
    for (size_t i = zeros; i < len; i++)
        text[i] = (char)(text[i] + '0');
    *at = zeros;
    *n = len - zeros;
    return text;
}
