#include "schema/limit.h"

#include "json/number.h"

__extension__ typedef unsigned __int128 wide;

struct numscan number_scan(const char *p, const char *end)
{
    struct numscan s = { .text = { p, 0 } };
    uint64_t whole = 0;
    const char *q = p;
    if (q < end && *q == '-') {
        s.neg = true;
        q++;
    }
    const char *first = q;
    for (; q < end && *q >= '0' && *q <= '9'; q++)
        whole = whole * 10 + (uint64_t)(*q - '0');
    s.digits = q - first > 1000 ? 1000 : (unsigned)(q - first);
    s.whole = s.digits <= NUMSCAN_DIGITS ? (int64_t)whole : 0;
    if (q < end && *q == '.') {
        s.frac = true;
        for (q++; q < end && *q >= '0' && *q <= '9';)
            q++;
    }
    if (q < end && (*q | 0x20) == 'e') {
        s.exp = true;
        q++;
        if (q < end && (*q == '+' || *q == '-'))
            q++;
        while (q < end && *q >= '0' && *q <= '9')
            q++;
    }
    s.text.n = (size_t)(q - p);
    return s;
}

bool numscan_is_integer(const struct numscan *s)
{
    return (!s->frac && !s->exp) || number_is_integer(s->text);
}

struct limit limit_of(struct str text)
{
    struct limit l = { .text = text };
    l.small = number_to_i64(text, &l.v) && l.v > -1000000000000000000 &&
              l.v < 1000000000000000000;
    return l;
}

int limit_cmp(const struct numscan *s, const struct limit *l)
{
    /* Where the whole parts differ they decide: a fraction only moves a
     * number away from zero, by less than 1. */
    if (l->small && !s->exp && s->digits <= NUMSCAN_DIGITS) {
        int64_t v = s->neg ? -s->whole : s->whole;
        if (v != l->v)
            return v < l->v ? -1 : 1;
        if (!s->frac)
            return 0;
    }
    return number_cmp(s->text, l->text);
}

static inline unsigned digit_at(const struct number *n, size_t i)
{
    char c = i < n->whole.n ? n->whole.p[i] : n->frac.p[i - n->whole.n];
    return (unsigned)(c - '0');
}

/* The significant digits as a number, modulo m. */
static uint64_t digits_mod(const struct number *n, uint64_t m)
{
    uint64_t r = 0;
    for (size_t i = 0; i < n->digits; i++)
        r = (uint64_t)(((wide)r * 10 + digit_at(n, i)) % m);
    return r;
}

static uint64_t pow10_mod(uint64_t e, uint64_t m)
{
    uint64_t r = 1 % m, b = 10 % m;
    for (; e; e >>= 1) {
        if (e & 1)
            r = (uint64_t)((wide)r * b % m);
        b = (uint64_t)((wide)b * b % m);
    }
    return r;
}

bool multiple_of(struct multiple *m, struct str text)
{
    struct number n = number_parse(text);
    if (n.zero || n.neg || n.digits > MULTIPLE_DIGITS)
        return false;
    uint64_t c = 0;
    for (size_t i = 0; i < n.digits; i++)
        c = c * 10 + digit_at(&n, i);
    *m = (struct multiple){ text, c, n.adjusted + 1 - (int64_t)n.digits };
    return true;
}

bool multiple_divides(const struct multiple *m, struct str number)
{
    struct number n = number_parse(number);
    if (n.zero)
        return true;
    int64_t exp = n.adjusted + 1 - (int64_t)n.digits;
    /* number / m = c / coef * 10^(exp - m->exp) with c the digits of number.
     * c does not end in 0, so it is no multiple of a power of ten. */
    if (exp < m->exp)
        return false;
    uint64_t r = digits_mod(&n, m->coef);
    uint64_t p = pow10_mod((uint64_t)(exp - m->exp), m->coef);
    return (wide)r * p % m->coef == 0;
}

bool number_fits(const struct number_rules *u, const struct numscan *s)
{
    return (!u->min.text.p || limit_cmp(s, &u->min) >= 0) &&
           (!u->max.text.p || limit_cmp(s, &u->max) <= 0) &&
           (!u->above.text.p || limit_cmp(s, &u->above) > 0) &&
           (!u->below.text.p || limit_cmp(s, &u->below) < 0) &&
           (!u->multiple.text.p || multiple_divides(&u->multiple, s->text));
}

/* The whole part of a limit that is a fraction; false where it is too long. */
static bool whole_part(const struct limit *l, struct numscan *s)
{
    *s = number_scan(l->text.p, l->text.p + l->text.n);
    return !s->exp && s->digits <= NUMSCAN_DIGITS;
}

/* The least whole number above l, or equal to it unless strict. */
static int64_t whole_above(const struct limit *l, bool strict)
{
    struct numscan s;
    if (!l->text.p)
        return INT64_MIN;
    if (l->small)
        return l->v + strict;
    if (!whole_part(l, &s))
        return INT64_MAX;
    return s.neg ? -s.whole : s.whole + 1;
}

static int64_t whole_below(const struct limit *l, bool strict)
{
    struct numscan s;
    if (!l->text.p)
        return INT64_MAX;
    if (l->small)
        return l->v - strict;
    if (!whole_part(l, &s))
        return INT64_MIN;
    return s.neg ? -s.whole - 1 : s.whole;
}

struct bounds bounds_of(const struct number_rules *u)
{
    int64_t min = whole_above(&u->min, false);
    int64_t above = whole_above(&u->above, true);
    int64_t max = whole_below(&u->max, false);
    int64_t below = whole_below(&u->below, true);
    return (struct bounds){ min > above ? min : above,
                            max < below ? max : below };
}
