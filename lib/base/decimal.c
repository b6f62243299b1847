#include "base/decimal.h"

#include "base/bigint.h"
#include "base/digits.h"

#include <stdlib.h>

/* 10^38 is the largest power of ten below 2^127. */
#define SMALL_DIGITS 38
#define TEN19 digits_pow10[19]

/* 10^k for k of 0 to 38. */
static inline decimal_int pow10_small(int64_t k)
{
    decimal_int v = k < 19 ? 1 : (decimal_int)TEN19;
    return v * (decimal_int)digits_pow10[k < 19 ? k : k - 19];
}

static inline bigint_usmall magnitude(decimal_int v)
{
    return v < 0 ? -(bigint_usmall)v : (bigint_usmall)v;
}

static int64_t small_digits(decimal_int v)
{
    bigint_usmall u = magnitude(v);
    if (u == 0)
        return 0;
    uint64_t high = (uint64_t)(u >> 64);
    int bits =
        high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)u);
    int64_t guess = bits * 1233 >> 12; /* 1233 / 4096 > log10(2) */
    if (guess > SMALL_DIGITS)
        guess = SMALL_DIGITS;
    return guess + (u >= (bigint_usmall)pow10_small(guess));
}

static void view_of(struct bigview *v, const struct decimal *d)
{
    if (d->big)
        bigview_of(v, d->big);
    else
        bigview_small(v, d->small);
}

/* Number of digits of the coefficient, 0 for 0. */
static int64_t digits_of(const struct decimal *d)
{
    if (!d->big)
        return small_digits(d->small);
    struct bigview v;
    bigview_of(&v, d->big);
    return (int64_t)bigint_digits(&v);
}

bool decimal_is_zero(const struct decimal *d)
{
    return !d->big && d->small == 0;
}

void decimal_free(struct decimal *d)
{
    free(d->big);
    d->big = NULL;
}

/* Puts a small coefficient into d if the number is within range. */
static int store_small(struct decimal *d, decimal_int v, int64_t scale)
{
    if (v == 0) {
        if (scale < 0)
            scale = 0;
        if (scale > DECIMAL_SCALE_MAX)
            scale = DECIMAL_SCALE_MAX;
    } else if (scale < -DECIMAL_EXPONENT_MAX + 40 ||
               scale > DECIMAL_EXPONENT_MAX) {
        int64_t adjusted = small_digits(v) - 1 - scale;
        if (adjusted > DECIMAL_EXPONENT_MAX ||
            adjusted < -DECIMAL_EXPONENT_MAX || scale > DECIMAL_SCALE_MAX)
            return -2;
    }
    free(d->big);
    *d = (struct decimal){ .small = v, .scale = (int32_t)scale };
    return 0;
}

static bool adjusted_in_range(int64_t adjusted)
{
    return adjusted <= DECIMAL_EXPONENT_MAX &&
           adjusted >= -DECIMAL_EXPONENT_MAX;
}

/* Counts digits exactly only where it matters. */
static bool big_in_range(const struct bigint *b, int64_t scale)
{
    struct bigview v;
    bigview_of(&v, b);
    int64_t most = (int64_t)bigint_digits_guess(&v) - 1 - scale;
    bool high = adjusted_in_range(most), low = adjusted_in_range(most - 1);
    if (high == low)
        return high;
    return adjusted_in_range((int64_t)bigint_digits(&v) - 1 - scale);
}

/* Takes b as the coefficient of d: as a small one where it fits. */
static int store(struct decimal *d, struct bigint *b, int64_t scale)
{
    if (!b)
        return -1;
    decimal_int v;
    if (bigint_to_small(b, &v)) {
        free(b);
        return store_small(d, v, scale);
    }
    struct decimal r = { .big = b, .scale = (int32_t)scale };
    if (scale > DECIMAL_SCALE_MAX || !big_in_range(b, scale)) {
        free(b);
        return -2;
    }
    free(d->big);
    *d = r;
    return 0;
}

/* ---- reading */

/* The exponent behind 'e', saturating far outside the range. */
static int64_t parse_exponent(const char *p, const char *end)
{
    bool neg = false;
    if (p < end && (*p == '+' || *p == '-'))
        neg = *p++ == '-';
    int64_t v = 0;
    for (; p < end && v < INT64_MAX / 100; p++)
        v = v * 10 + (*p - '0');
    return neg ? -v : v;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Up to 18 digits, one point, no exponent: what numbers mostly look like.
 * Returns false where text is something else. */
static inline bool parse_short(struct str text, int64_t *v, int32_t *scale)
{
    uint64_t u;
    size_t neg = text.n && *text.p == '-';
    if (!digits_read(text.p + neg, text.n - neg, &u, scale))
        return false;
    *v = neg ? -(int64_t)u : (int64_t)u;
    return true;
}

static decimal_int read_small(struct str a, struct str b)
{
    bigint_usmall u = 0;
    for (size_t i = 0; i < a.n; i++)
        u = u * 10 + (unsigned)(a.p[i] - '0');
    for (size_t i = 0; i < b.n; i++)
        u = u * 10 + (unsigned)(b.p[i] - '0');
    return (decimal_int)u;
}

static int parse_long(struct decimal *d, struct str text)
{
    const char *p = text.p, *end = p + text.n;
    bool neg = p < end && *p == '-';
    p += neg;
    struct str whole = { p, 0 }, frac = { p, 0 };
    while (p < end && is_digit(*p))
        p++;
    whole.n = (size_t)(p - whole.p);
    if (p < end && *p == '.') {
        frac.p = ++p;
        while (p < end && is_digit(*p))
            p++;
        frac.n = (size_t)(p - frac.p);
    }
    int64_t scale =
        (int64_t)frac.n - (p < end ? parse_exponent(p + 1, end) : 0);
    while (whole.n && *whole.p == '0')
        whole.p++, whole.n--;
    if (whole.n == 0)
        while (frac.n && *frac.p == '0')
            frac.p++, frac.n--;

    /* Sizes are judged before any work is done on the digits. */
    size_t digits = whole.n + frac.n;
    int64_t adjusted = (int64_t)digits - 1 - scale;
    if (digits &&
        (adjusted > DECIMAL_EXPONENT_MAX || adjusted < -DECIMAL_EXPONENT_MAX ||
         scale > DECIMAL_SCALE_MAX))
        return -2;
    if (digits <= SMALL_DIGITS) {
        decimal_int v = read_small(whole, frac);
        return store_small(d, neg ? -v : v, scale);
    }
    return store(d, bigint_parse(neg, whole.p, whole.n, frac.p, frac.n), scale);
}

int decimal_parse(struct decimal *d, struct str json_number)
{
    int64_t v;
    int32_t scale;
    if (!parse_short(json_number, &v, &scale))
        return parse_long(d, json_number);
    free(d->big);
    *d = (struct decimal){ .small = v, .scale = scale };
    return 0;
}

int decimal_set_i64(struct decimal *d, int64_t v)
{
    return store_small(d, v, 0);
}

int decimal_copy(struct decimal *d, const struct decimal *a)
{
    if (d == a)
        return 0;
    struct decimal r = *a;
    if (a->big) {
        r.big = bigint_copy(a->big);
        if (!r.big)
            return -1;
    }
    free(d->big);
    *d = r;
    return 0;
}

/* ---- arithmetic */

/* Sets *out to v * 10^k; false where it does not fit. */
static inline bool shift_small(decimal_int v, int64_t k, decimal_int *out)
{
    if (k == 0 || v == 0) {
        *out = v;
        return true;
    }
    return k <= SMALL_DIGITS && !__builtin_mul_overflow(v, pow10_small(k), out);
}

/* a + b, or a - b, past 128 bits. */
static int add_big(struct decimal *d, const struct decimal *a,
                   const struct decimal *b, bool subtract)
{
    struct bigview x, y;
    view_of(&x, a);
    view_of(&y, b);
    y.neg ^= subtract;
    int64_t scale = a->scale > b->scale ? a->scale : b->scale;
    struct bigint *shifted = NULL;
    if (a->scale < scale)
        shifted = bigint_shift10(&x, (size_t)(scale - a->scale));
    else if (b->scale < scale)
        shifted = bigint_shift10(&y, (size_t)(scale - b->scale));
    if (a->scale != b->scale) {
        if (!shifted)
            return -1;
        bigview_of(a->scale < scale ? &x : &y, shifted);
    }
    int r = store(d, bigint_add(&x, &y), scale);
    free(shifted);
    return r;
}

static inline int add(struct decimal *d, const struct decimal *a,
                      const struct decimal *b, bool subtract)
{
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    decimal_int x, y, sum;
    if (!a->big && !b->big && shift_small(a->small, scale - a->scale, &x) &&
        shift_small(b->small, scale - b->scale, &y) &&
        !(subtract ? __builtin_sub_overflow(x, y, &sum)
                   : __builtin_add_overflow(x, y, &sum)))
        return store_small(d, sum, scale);
    return add_big(d, a, b, subtract);
}

int decimal_add(struct decimal *d, const struct decimal *a,
                const struct decimal *b)
{
    return add(d, a, b, false);
}

int decimal_sub(struct decimal *d, const struct decimal *a,
                const struct decimal *b)
{
    return add(d, a, b, true);
}

int decimal_neg(struct decimal *d, const struct decimal *a)
{
    const struct decimal zero = { .scale = a->scale };
    return add(d, &zero, a, true);
}

int decimal_mul(struct decimal *d, const struct decimal *a,
                const struct decimal *b)
{
    int64_t scale = (int64_t)a->scale + b->scale;
    decimal_int v;
    if (!a->big && !b->big && !__builtin_mul_overflow(a->small, b->small, &v))
        return store_small(d, v, scale);
    if (scale > DECIMAL_SCALE_MAX && !decimal_is_zero(a) && !decimal_is_zero(b))
        return -2;
    struct bigview x, y;
    view_of(&x, a);
    view_of(&y, b);
    return store(d, bigint_mul(&x, &y), scale);
}

/* The quotient's digits: two to four more than are kept, and what the division
 * left over (as in bigint_div). */
struct quotient {
    bigint_usmall q;
    int64_t scale;
    bool rest;
};

/* Divisors of 64 bits: long division in steps of 18 digits, stopping as soon
 * as it comes out even. */
static void divide_small(struct quotient *o, bigint_usmall a, uint64_t b,
                         int64_t shift)
{
    o->q = a / b;
    uint64_t r = (uint64_t)(a % b);
    while (r && shift > 0) {
        int64_t step = shift < 18 ? shift : 18;
        bigint_usmall ten = (bigint_usmall)pow10_small(step);
        bigint_usmall t = r * ten;
        o->q = o->q * ten + t / b;
        r = (uint64_t)(t % b);
        o->scale += step;
        shift -= step;
    }
    o->rest = r != 0;
}

static int divide_big(struct quotient *o, const struct decimal *a,
                      const struct decimal *b, int64_t shift)
{
    struct bigview x, y;
    view_of(&x, a);
    view_of(&y, b);
    struct bigint *shifted =
        bigint_shift10(shift < 0 ? &y : &x, (size_t)llabs(shift));
    if (!shifted)
        return -1;
    bigview_of(shift < 0 ? &y : &x, shifted);
    x.neg = y.neg = false;
    int rest;
    struct bigint *q = bigint_div(&x, &y, &rest);
    free(shifted);
    if (!q)
        return -1;
    decimal_int v = 0;
    bigint_to_small(q, &v); /* 38 digits at most: fits */
    free(q);
    o->q = (bigint_usmall)v;
    o->scale += shift;
    o->rest = rest != 0;
    return 0;
}

/* Cuts q to 34 digits, half to even. */
static void round_quotient(struct quotient *o)
{
    int64_t drop = small_digits((decimal_int)o->q) - DECIMAL_DIGITS;
    if (drop <= 0)
        return;
    bigint_usmall ten = (bigint_usmall)pow10_small(drop);
    bigint_usmall cut = o->q % ten;
    o->q /= ten;
    o->scale -= drop;
    bool up = cut > ten / 2 || (cut == ten / 2 && (o->rest || (o->q & 1)));
    o->q += up;
    o->rest = o->rest || cut != 0;
    if (o->q == (bigint_usmall)pow10_small(DECIMAL_DIGITS)) {
        o->q /= 10; /* 99...9 went up */
        o->scale--;
    }
}

/* Drops trailing zeros while the scale stays at least `least`. */
static void strip_quotient(struct quotient *o, int64_t least)
{
    for (int64_t k = 32; k > 0; k /= 2) {
        bigint_usmall ten = (bigint_usmall)pow10_small(k);
        while (o->scale - k >= least && o->q % ten == 0) {
            o->q /= ten;
            o->scale -= k;
        }
    }
}

int decimal_div(struct decimal *d, const struct decimal *a,
                const struct decimal *b)
{
    if (decimal_is_zero(b))
        return -3;
    int64_t ideal = (int64_t)a->scale - b->scale;
    if (decimal_is_zero(a))
        return store_small(d, 0, ideal);
    struct bigview x, y;
    view_of(&x, a);
    view_of(&y, b);
    bool neg = x.neg != y.neg;
    /* Enough for 36 digits, also where a guess is one too high: 35 to 38. */
    int64_t shift = DECIMAL_DIGITS + 2 + (int64_t)bigint_digits_guess(&y) -
                    (int64_t)bigint_digits_guess(&x);
    struct quotient o = { .scale = ideal };
    if (!a->big && y.n == 1 && shift >= 0)
        divide_small(&o, magnitude(a->small), y.p[0], shift);
    else if (divide_big(&o, a, b, shift))
        return -1;
    round_quotient(&o);
    if (!o.rest)
        strip_quotient(&o, ideal);
    decimal_int v = (decimal_int)o.q;
    return store_small(d, neg ? -v : v, o.scale);
}

/* Rounds away `drop` digits of a big coefficient. */
static int round_big(struct decimal *d, const struct decimal *a, int64_t drop)
{
    struct bigview one, x, y;
    bigview_small(&one, 1);
    struct bigint *ten = bigint_shift10(&one, (size_t)drop);
    if (!ten)
        return -1;
    view_of(&x, a);
    bigview_of(&y, ten);
    int rest;
    struct bigint *q = bigint_div(&x, &y, &rest);
    free(ten);
    if (q && rest >= 2) {
        struct bigview z;
        bigview_of(&z, q);
        bigview_small(&one, x.neg ? -1 : 1);
        z.neg = x.neg;
        struct bigint *up = bigint_add(&z, &one);
        free(q);
        q = up;
    }
    return store(d, q, a->scale - drop);
}

int decimal_round(struct decimal *d, const struct decimal *a, int32_t n)
{
    int64_t drop = (int64_t)a->scale - n;
    if (drop <= 0)
        return decimal_copy(d, a);
    int64_t digits = digits_of(a);
    if (drop > digits)
        return store_small(d, 0, n); /* below a tenth of the unit */
    if (a->big || drop > SMALL_DIGITS)
        return round_big(d, a, drop);
    decimal_int ten = pow10_small(drop);
    decimal_int q = a->small / ten, r = a->small % ten;
    if (magnitude(r) >= (bigint_usmall)ten / 2)
        q += a->small < 0 ? -1 : 1;
    return store_small(d, q, n);
}

/* ---- comparing */

static int sign_of(const struct decimal *d)
{
    if (d->big)
        return d->big->neg ? -1 : 1;
    return (d->small > 0) - (d->small < 0);
}

/* a and b at the larger of their scales, if that is as easily had as it mostly
 * is: a constant has few digits behind the point, or none. */
static bool same_scale(const struct decimal *a, const struct decimal *b,
                       decimal_int *x, decimal_int *y)
{
    int64_t k = (int64_t)a->scale - b->scale;
    if (a->big || b->big || k < -19 || k > 19)
        return false;
    *x = a->small;
    *y = b->small;
    if (k == 0)
        return true;
    if (*x != (int64_t)*x || *y != (int64_t)*y)
        return false;
    if (k < 0) /* 2^63 * 10^19 fits */
        *x *= (decimal_int)digits_pow10[-k];
    else
        *y *= (decimal_int)digits_pow10[k];
    return true;
}

int decimal_cmp(const struct decimal *a, const struct decimal *b)
{
    decimal_int u, t;
    if (same_scale(a, b, &u, &t))
        return (u > t) - (u < t);
    int s = sign_of(a);
    if (s != sign_of(b))
        return s - sign_of(b);
    if (s == 0)
        return 0;
    int64_t x = digits_of(a) - a->scale, y = digits_of(b) - b->scale;
    if (x != y)
        return x < y ? -s : s;
    struct bigview v, w;
    view_of(&v, a);
    view_of(&w, b);
    return a->scale <= b->scale
               ? s * bigint_cmp10(&v, (size_t)(b->scale - a->scale), &w)
               : -s * bigint_cmp10(&w, (size_t)(a->scale - b->scale), &v);
}

int decimal_add_scaled(struct decimal *sum, decimal_int v, int32_t scale)
{
    int64_t k = (int64_t)sum->scale - scale;
    decimal_int s;
    /* 2^63 * 10^19 fits. */
    if (!sum->big && k >= 0 && k <= 19 && v == (int64_t)v &&
        !__builtin_add_overflow(sum->small, v * (decimal_int)digits_pow10[k],
                                &s)) {
        sum->small = s;
        return 0;
    }
    struct decimal d = { .small = v, .scale = scale };
    return add(sum, sum, &d, false);
}

int decimal_add_text(struct decimal *sum, struct str json_number)
{
    int64_t v;
    int32_t scale;
    if (parse_short(json_number, &v, &scale))
        return decimal_add_short(sum, v, scale);
    struct decimal d = DECIMAL_ZERO;
    int r = decimal_parse(&d, json_number);
    if (r == 0)
        r = add(sum, sum, &d, false);
    decimal_free(&d);
    return r;
}

bool decimal_to_i64(const struct decimal *d, int64_t *v)
{
    if (decimal_is_zero(d)) {
        *v = 0;
        return true;
    }
    if (digits_of(d) - d->scale > 19)
        return false;
    struct decimal whole = DECIMAL_ZERO;
    decimal_int u = 0;
    bool fits = decimal_round(&whole, d, 0) == 0 && !whole.big &&
                decimal_cmp(&whole, d) == 0 &&
                shift_small(whole.small, -whole.scale, &u) && u >= INT64_MIN &&
                u <= INT64_MAX;
    decimal_free(&whole);
    if (fits)
        *v = (int64_t)u;
    return fits;
}

/* ---- writing */

/* Writes w in front of end, two digits a step; returns where it begins. */
static char *digits_before(char *end, uint64_t w)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324"
        "25262728293031323334353637383940414243444546474849"
        "50515253545556575859606162636465666768697071727374"
        "75767778798081828384858687888990919293949596979899";
    for (; w >= 100; w /= 100)
        memcpy(end -= 2, pairs + w % 100 * 2, 2);
    if (w >= 10)
        memcpy(end -= 2, pairs + w * 2, 2);
    else if (w)
        *--end = (char)('0' + w);
    return end;
}

/* Digits of a coefficient: 39 at most, and zeros before it. */
#define TEXT_ROOM 96
#define ZEROS_MOST 40

/* Writes the digits of v, at least `least` of them (ZEROS_MOST at most), to the
 * end of text. */
static struct str small_text(char text[TEXT_ROOM], decimal_int v, size_t least)
{
    bigint_usmall u = magnitude(v);
    char *end = text + TEXT_ROOM, *p = end, *chunk = end;
    while (u >> 64) {
        p = digits_before(chunk, (uint64_t)(u % TEN19));
        u /= TEN19;
        chunk -= 19;
        while (p > chunk)
            *--p = '0';
    }
    p = digits_before(p, (uint64_t)u);
    while ((size_t)(end - p) < least)
        *--p = '0';
    return (struct str){ p, (size_t)(end - p) };
}

static int add_zeros(struct buf *out, size_t n)
{
    if (buf_reserve(out, n))
        return -1;
    memset(out->p + out->n, '0', n);
    out->n += n;
    return 0;
}

static int write_digits(struct buf *out, struct str digits, int32_t scale)
{
    if (scale < 0) {
        buf_add_str(out, digits);
        size_t zeros = (size_t) - (int64_t)scale;
        if (digits.n + zeros > DECIMAL_DIGITS)
            return buf_addf(out, "e%zu", zeros);
        return add_zeros(out, zeros);
    }
    size_t behind = (size_t)scale;
    size_t whole = digits.n > behind ? digits.n - behind : 0;
    if (whole)
        buf_add(out, digits.p, whole);
    else
        buf_addc(out, '0');
    if (behind) {
        buf_addc(out, '.');
        add_zeros(out, behind - (digits.n - whole));
        buf_add(out, digits.p + whole, digits.n - whole);
    }
    return out->failed ? -1 : 0;
}

/* What mostly comes: a short coefficient with a few digits behind the point. */
static int format_short(struct buf *out, const struct decimal *d)
{
    char text[TEXT_ROOM];
    size_t behind = (size_t)d->scale;
    struct str digits = small_text(text, d->small, behind + 1);
    if (buf_reserve(out, digits.n + 2))
        return -1;
    size_t whole = digits.n - behind;
    char *p = out->p + out->n, *from = p;
    if (d->small < 0)
        *p++ = '-';
    memcpy(p, digits.p, whole);
    p += whole;
    if (behind) {
        *p++ = '.';
        memcpy(p, digits.p + whole, behind);
        p += behind;
    }
    out->n += (size_t)(p - from);
    return 0;
}

int decimal_format(struct buf *out, const struct decimal *d)
{
    if (!d->big && d->scale >= 0 && d->scale < ZEROS_MOST)
        return format_short(out, d);
    if (sign_of(d) < 0)
        buf_addc(out, '-');
    if (!d->big) {
        char text[TEXT_ROOM];
        return write_digits(out, small_text(text, d->small, 0), d->scale);
    }
    size_t at, n;
    char *text = bigint_format(d->big, &at, &n);
    if (!text)
        return -1;
    int r = write_digits(out, (struct str){ text + at, n }, d->scale);
    free(text);
    return r;
}
