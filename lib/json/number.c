#include "json/number.h"

#include <limits.h>

#define EXPONENT_CAP ((int64_t)1 << 40)

static int64_t parse_exponent(const char *p, const char *end)
{
    bool neg = false;
    if (p < end && (*p == '+' || *p == '-'))
        neg = *p++ == '-';
    int64_t v = 0;
    for (; p < end; p++)
        if (v < EXPONENT_CAP)
            v = v * 10 + (*p - '0');
    if (v > EXPONENT_CAP)
        v = EXPONENT_CAP;
    return neg ? -v : v;
}

static size_t trailing_zeros(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[s.n - 1 - n] == '0')
        n++;
    return n;
}

struct number number_parse(struct str text)
{
    const char *p = text.p, *end = text.p + text.n;
    struct number n = { 0 };
    if (p < end && *p == '-') {
        n.neg = true;
        p++;
    }
    n.whole.p = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    n.whole.n = (size_t)(p - n.whole.p);
    n.frac = (struct str){ p, 0 };
    if (p < end && *p == '.') {
        n.frac.p = ++p;
        while (p < end && *p >= '0' && *p <= '9')
            p++;
        n.frac.n = (size_t)(p - n.frac.p);
    }
    int64_t exp = p < end ? parse_exponent(p + 1, end) : 0;

    while (n.whole.n && *n.whole.p == '0')
        n.whole.p++, n.whole.n--;
    n.adjusted = exp + (int64_t)n.whole.n - 1;
    if (n.whole.n == 0) {
        while (n.frac.n && *n.frac.p == '0') {
            n.frac.p++, n.frac.n--;
            n.adjusted--;
        }
    }
    n.zero = n.whole.n == 0 && n.frac.n == 0;
    if (n.zero) {
        n.neg = false;
        n.adjusted = 0;
        return n;
    }
    size_t fz = trailing_zeros(n.frac);
    n.digits = n.whole.n + n.frac.n - fz;
    if (fz == n.frac.n)
        n.digits -= trailing_zeros(n.whole);
    return n;
}

bool number_in_range(const struct number *n)
{
    return n->adjusted <= NUMBER_EXPONENT_MAX &&
           n->adjusted >= -NUMBER_EXPONENT_MAX;
}

static inline char digit_at(const struct number *n, size_t i)
{
    return i < n->whole.n ? n->whole.p[i] : n->frac.p[i - n->whole.n];
}

static int cmp_magnitude(const struct number *a, const struct number *b)
{
    if (a->zero || b->zero)
        return (int)b->zero - (int)a->zero;
    if (a->adjusted != b->adjusted)
        return a->adjusted < b->adjusted ? -1 : 1;
    size_t m = a->digits < b->digits ? a->digits : b->digits;
    for (size_t i = 0; i < m; i++) {
        char x = digit_at(a, i), y = digit_at(b, i);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a->digits < b->digits ? -1 : a->digits > b->digits;
}

int number_cmp(struct str at, struct str bt)
{
    struct number a = number_parse(at), b = number_parse(bt);
    if (a.neg != b.neg)
        return a.neg ? -1 : 1;
    int c = cmp_magnitude(&a, &b);
    return a.neg ? -c : c;
}

bool number_is_integer(struct str text)
{
    struct number n = number_parse(text);
    return n.zero || n.adjusted >= (int64_t)n.digits - 1;
}

bool number_scaled_i64(struct str text, unsigned places, int64_t *v)
{
    struct number n = number_parse(text);
    if (n.zero) {
        *v = 0;
        return true;
    }
    int64_t top = n.adjusted + (int64_t)places;
    if (top > 18 || top < (int64_t)n.digits - 1)
        return false;
    uint64_t u = 0;
    for (size_t i = 0; i <= (size_t)top; i++) {
        unsigned d = i < n.digits ? (unsigned)(digit_at(&n, i) - '0') : 0;
        u = u * 10 + d; /* 19 digits fit in 64 bits */
    }
    if (u > (uint64_t)INT64_MAX + n.neg)
        return false;
    *v = n.neg ? (int64_t)(0 - u) : (int64_t)u;
    return true;
}

bool number_to_i64(struct str text, int64_t *v)
{
    return number_scaled_i64(text, 0, v);
}

int number_add_u64(struct buf *out, uint64_t v)
{
    char text[20], *p = text + sizeof(text);
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return buf_add(out, p, (size_t)(text + sizeof(text) - p));
}

/* "e" and a number of at most four digits; keys are made of many of them. */
static int add_exponent(struct buf *out, int exponent)
{
    char text[8], *p = text + sizeof(text);
    unsigned u = exponent < 0 ? -(unsigned)exponent : (unsigned)exponent;
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (exponent < 0)
        *--p = '-';
    *--p = 'e';
    return buf_add(out, p, (size_t)(text + sizeof(text) - p));
}

int number_canon(struct buf *out, struct str text)
{
    struct number n = number_parse(text);
    if (n.zero)
        return buf_addc(out, '0');
    if (!number_in_range(&n))
        return -2;
    if (n.neg)
        buf_addc(out, '-');
    size_t whole = n.digits < n.whole.n ? n.digits : n.whole.n;
    buf_add(out, n.whole.p, whole);
    buf_add(out, n.frac.p, n.digits - whole);
    return add_exponent(out, (int)n.adjusted);
}
