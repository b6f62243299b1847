#include "unit.h"

#include "base/decimal.h"
#include "base/digits.h"

#include <stdlib.h>

static struct decimal dec(const char *text)
{
    struct decimal d = DECIMAL_ZERO;
    CHECK(decimal_parse(&d, str_of(text)) == 0);
    return d;
}

/* The text of d, borrowed until the fourth next call; frees d. */
static const char *show(struct decimal d)
{
    static struct buf ring[4];
    static int at;
    struct buf *b = &ring[at++ & 3];
    buf_reset(b);
    CHECK(decimal_format(b, &d) == 0);
    decimal_free(&d);
    return buf_z(b);
}

typedef int (*op)(struct decimal *, const struct decimal *,
                  const struct decimal *);

static const char *calc(op f, const char *a, const char *b)
{
    struct decimal x = dec(a), y = dec(b), r = DECIMAL_ZERO;
    int rc = f(&r, &x, &y);
    decimal_free(&x);
    decimal_free(&y);
    if (rc == 0)
        return show(r);
    decimal_free(&r);
    return rc == -1 ? "no memory" : rc == -2 ? "out of range" : "by zero";
}

static const char *rounded(const char *a, int n)
{
    struct decimal x = dec(a);
    CHECK(decimal_round(&x, &x, n) == 0);
    return show(x);
}

static int cmp(const char *a, const char *b)
{
    struct decimal x = dec(a), y = dec(b);
    int c = decimal_cmp(&x, &y), back = decimal_cmp(&y, &x);
    CHECK((c > 0) == (back < 0) && (c == 0) == (back == 0));
    decimal_free(&x);
    decimal_free(&y);
    return (c > 0) - (c < 0);
}

TEST("numbers keep the digits of their scale")
{
    static const char *const same[] = {
        "0",
        "0.0",
        "0.00",
        "1",
        "-1",
        "1.10",
        "-0.05",
        "0.001",
        "12345678901234567890123",
        "-12345678901234567890123.4500",
        "170141183460469231731687303715884105727",
        "-170141183460469231731687303715884105728",
        "170141183460469231731687303715884105728",
        "99999999999999999999999999999999999999",
        "100000000000000000000000000000000000000",
        "999999999999999999",
        "9999999999999999999",
        "-999999999999999999",
        "0.000000000000000000000000000000000000000000000000000000000000001",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        CHECK_STR(show(dec(same[i])), same[i]);
    CHECK_STR(show(dec("-0")), "0");
    CHECK_STR(show(dec("-0.0e1")), "0");
    CHECK_STR(show(dec("1e3")), "1000");
    CHECK_STR(show(dec("1E+3")), "1000");
    CHECK_STR(show(dec("1.5e-3")), "0.0015");
    CHECK_STR(show(dec("12.50e1")), "125.0");
    CHECK_STR(show(dec("1e33")), "1000000000000000000000000000000000");
    CHECK_STR(show(dec("1e34")), "1e34");
    CHECK_STR(show(dec("-123e400")), "-123e400");
}

TEST("a sum keeps the largest scale")
{
    struct decimal s = DECIMAL_ZERO;
    for (int i = 0; i < 10; i++)
        CHECK(decimal_add_text(&s, STR("0.1")) == 0);
    CHECK_STR(show(s), "1.0");
    CHECK_STR(calc(decimal_add, "0.1", "0.2"), "0.3");
    CHECK_STR(calc(decimal_add, "1.10", "1"), "2.10");
    CHECK_STR(calc(decimal_add, "1e3", "1"), "1001");
    CHECK_STR(calc(decimal_add, "1e3", "1e2"), "1100");
    CHECK_STR(calc(decimal_sub, "1.10", "1.1"), "0.00");
    CHECK_STR(calc(decimal_sub, "1", "2.5"), "-1.5");
    CHECK_STR(calc(decimal_mul, "1.10", "2.0"), "2.200");
    CHECK_STR(calc(decimal_mul, "-0", "5"), "0");
}

TEST("sums run past 128 bits and come back")
{
    struct decimal s = DECIMAL_ZERO;
    CHECK(decimal_add_text(&s, STR("0.5")) == 0);
    for (int i = 0; i < 20; i++)
        CHECK(decimal_add_text(
                  &s, STR("170141183460469231731687303715884105727")) == 0);
    CHECK(s.big != NULL);
    for (int i = 0; i < 20; i++)
        CHECK(decimal_add_text(
                  &s, STR("-170141183460469231731687303715884105727")) == 0);
    CHECK(s.big == NULL);
    CHECK_STR(show(s), "0.5");
    CHECK_STR(calc(decimal_add, "12345678901234567890123", "0.1"),
              "12345678901234567890123.1");
    CHECK_STR(
        calc(decimal_mul, "12345678901234567890123", "12345678901234567890123"),
        "152415787532388367504942236884722755800955129");
    CHECK_STR(
        calc(decimal_sub, "-170141183460469231731687303715884105728", "1"),
        "-170141183460469231731687303715884105729");
}

TEST("a quotient that ends within 34 digits is exact")
{
    CHECK_STR(calc(decimal_div, "1", "8"), "0.125");
    CHECK_STR(calc(decimal_div, "6", "2"), "3");
    CHECK_STR(calc(decimal_div, "1.10", "1"), "1.10");
    CHECK_STR(calc(decimal_div, "2.40", "2"), "1.20");
    CHECK_STR(calc(decimal_div, "10", "2.5"), "4");
    CHECK_STR(calc(decimal_div, "1000", "0.001"), "1000000");
    CHECK_STR(calc(decimal_div, "-100", "10"), "-10");
    CHECK_STR(calc(decimal_div, "0.00", "-7"), "0.00");
    CHECK_STR(calc(decimal_div, "1", "1024"), "0.0009765625");
    CHECK_STR(calc(decimal_div, "152415787532388367504942236884722755800955129",
                   "12345678901234567890123"),
              "12345678901234567890123");
}

TEST("other quotients are rounded half to even at 34 digits")
{
    CHECK_STR(calc(decimal_div, "1", "3"),
              "0.3333333333333333333333333333333333");
    CHECK_STR(calc(decimal_div, "2", "3"),
              "0.6666666666666666666666666666666667");
    CHECK_STR(calc(decimal_div, "-200", "3"),
              "-66.66666666666666666666666666666667");
    CHECK_STR(calc(decimal_div, "1", "12345678901234567890123"),
              "0.00000000000000000000008100000072900000663390305736125450");
    /* Ties: 35 digits that end in 5. */
    CHECK_STR(calc(decimal_div, "10000000000000000000000000000000001", "2"),
              "5000000000000000000000000000000000");
    CHECK_STR(calc(decimal_div, "10000000000000000000000000000000003", "2"),
              "5000000000000000000000000000000002");
    CHECK_STR(
        calc(decimal_div, "20000000000000000000000000000000000000005", "10"),
        "2000000000000000000000000000000000e6");
    CHECK_STR(calc(decimal_div, "99999999999999999999999999999999999", "1"),
              "1000000000000000000000000000000000e2");
}

TEST("division by zero is told from other failures")
{
    CHECK_STR(calc(decimal_div, "1", "0"), "by zero");
    CHECK_STR(calc(decimal_div, "0", "0.00"), "by zero");
}

TEST("what is outside the exponent range is refused")
{
    struct decimal d = dec("7");
    static const char *const far[] = { "1e6145",
                                       "-1e6145",
                                       "1e-6145",
                                       "10e6144",
                                       "1e999999999999999999999999",
                                       "1e-999999999999999999999999",
                                       "0.01e-6143" };
    for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++)
        CHECK(decimal_parse(&d, str_of(far[i])) == -2);
    CHECK_STR(show(d), "7");
    CHECK_STR(show(dec("1e6144")), "1e6144");
    CHECK_STR(show(dec("9.5e6144")), "95e6143");
    CHECK_STR(show(dec("0e999999999999999999999999")), "0");
    CHECK_STR(calc(decimal_mul, "1e4000", "1e2144"), "1e6144");
    CHECK_STR(calc(decimal_mul, "1e4000", "1e2145"), "out of range");
    CHECK_STR(calc(decimal_mul, "1e-4000", "1e-2145"), "out of range");
    CHECK_STR(calc(decimal_add, "9e6144", "1e6144"), "out of range");
    CHECK_STR(calc(decimal_div, "1e4000", "1e-4000"), "out of range");
    CHECK_STR(calc(decimal_sub, "1e6144", "1e6144"), "0");
}

TEST("1e6144 and 1e-6144 add up exactly")
{
    struct decimal a = dec("1e6144"), b = dec("1e-6144");
    CHECK(decimal_add(&a, &a, &b) == 0);
    CHECK(a.scale == 6144);
    struct buf text = { 0 };
    CHECK(decimal_format(&text, &a) == 0);
    CHECK(text.n == 1 + 6144 + 1 + 6144);
    CHECK(text.p[0] == '1' && text.p[text.n - 1] == '1');
    CHECK(decimal_sub(&a, &a, &b) == 0);
    struct decimal c = dec("1e6144");
    CHECK(decimal_cmp(&a, &c) == 0);
    decimal_free(&a);
    decimal_free(&b);
    decimal_free(&c);
    buf_free(&text);
}

TEST("numbers of 10,000 digits compute, within the range")
{
    enum { N = 10000 };
    char *text = malloc(N + 3);
    memset(text, '9', N + 2);
    text[0] = '0';
    text[1] = '.';
    text[N + 2] = '\0';
    struct decimal d = dec(text), sum = DECIMAL_ZERO, one = dec("1");
    CHECK(decimal_add(&sum, &d, &d) == 0); /* 1.99...98 */
    CHECK(decimal_mul(&d, &d, &d) == 0);   /* 0.99...9800...01 */
    CHECK(d.scale == 2 * N);
    CHECK(decimal_cmp(&d, &one) < 0 && decimal_cmp(&sum, &one) > 0);
    /* 2x - x^2 with x = 1 - e is 1 - e^2. */
    CHECK(decimal_sub(&d, &sum, &d) == 0);
    struct buf out = { 0 };
    CHECK(decimal_format(&out, &d) == 0);
    CHECK(out.n == 2 + 2 * N && strspn(out.p + 2, "9") == 2 * N);
    CHECK(decimal_sub(&d, &one, &d) == -2); /* 1e-20000 */
    text[0] = '9';
    text[1] = '9';
    CHECK(decimal_parse(&d, str_of(text)) == -2);
    decimal_free(&d);
    decimal_free(&sum);
    decimal_free(&one);
    buf_free(&out);
    free(text);
}

TEST("more digits behind the point than the limit are refused, not computed")
{
    size_t n = DECIMAL_SCALE_MAX;
    char *text = malloc(n + 4);
    memset(text, '1', n + 3);
    text[0] = '0';
    text[1] = '.';
    struct decimal d = DECIMAL_ZERO, r = DECIMAL_ZERO;
    CHECK(decimal_parse(&d, (struct str){ text, n + 3 }) == -2);
    CHECK(decimal_parse(&d, (struct str){ text, n + 2 }) == 0);
    CHECK(decimal_mul(&r, &d, &d) == -2);
    CHECK(decimal_add(&r, &d, &d) == 0);
    CHECK(decimal_cmp(&r, &d) > 0);
    CHECK(decimal_div(&r, &d, &r) == 0);
    CHECK_STR(show(r), "0.5");
    decimal_free(&d);
    free(text);
}

TEST("a result may be its own operand")
{
    struct decimal d = dec("1.5");
    CHECK(decimal_add(&d, &d, &d) == 0);
    CHECK(decimal_mul(&d, &d, &d) == 0);
    CHECK(decimal_neg(&d, &d) == 0);
    CHECK_STR(show(d), "-9.00");
    d = dec("123456789012345678901234567890123456789012345");
    CHECK(decimal_add(&d, &d, &d) == 0);
    CHECK(decimal_copy(&d, &d) == 0);
    CHECK(decimal_sub(&d, &d, &d) == 0);
    CHECK_STR(show(d), "0");
    d = dec("123456789012345678901234567890123456789012345");
    CHECK(decimal_div(&d, &d, &d) == 0);
    CHECK_STR(show(d), "1");
    d = dec("123456789012345678901234567890123456789012345.5");
    CHECK(decimal_round(&d, &d, 0) == 0);
    CHECK(decimal_neg(&d, &d) == 0);
    CHECK_STR(show(d), "-123456789012345678901234567890123456789012346");
}

TEST("rounding is half away from zero and keeps a smaller scale")
{
    CHECK_STR(rounded("2.345", 2), "2.35");
    CHECK_STR(rounded("-2.345", 2), "-2.35");
    CHECK_STR(rounded("2.344999", 2), "2.34");
    CHECK_STR(rounded("1.5", 2), "1.5");
    CHECK_STR(rounded("0.5", 0), "1");
    CHECK_STR(rounded("0.49", 0), "0");
    CHECK_STR(rounded("-0.4", 0), "0");
    CHECK_STR(rounded("1250", -2), "1300");
    CHECK_STR(rounded("1249", -2), "1200");
    CHECK_STR(rounded("49", -2), "0");
    CHECK_STR(rounded("50", -2), "100");
    CHECK_STR(rounded("1e-6000", 3), "0.000");
    CHECK_STR(rounded("0.005", 2), "0.01");
    CHECK_STR(rounded("99999999999999999999999999999999999999.5", 0),
              "100000000000000000000000000000000000000");
    CHECK_STR(
        rounded("5123456789012345678901234567890123456789012345.678", -45),
        "5e45");
    CHECK_STR(rounded("7", -2147483647), "0");
    CHECK_STR(rounded("7", 2147483647), "7");
}

TEST("comparison is by value")
{
    CHECK(cmp("1", "1.0") == 0);
    CHECK(cmp("1e3", "1000.00") == 0);
    CHECK(cmp("-0", "0.000") == 0);
    CHECK(cmp("2", "10") < 0);
    CHECK(cmp("-2", "-10") > 0);
    CHECK(cmp("-1", "1") < 0);
    CHECK(cmp("0", "-1e-6144") > 0);
    CHECK(cmp("1e6144", "1e-6144") > 0);
    CHECK(cmp("170141183460469231731687303715884105728",
              "170141183460469231731687303715884105727") > 0);
    CHECK(cmp("170141183460469231731687303715884105728",
              "170141183460469231731687303715884105728.000") == 0);
    CHECK(cmp("99999999999999999999999999999999999999999.9", "1e41") < 0);
    CHECK(cmp("-99999999999999999999999999999999999999999.9", "-1e41") > 0);
}

TEST("comparison is by value where the scales are nineteen digits apart")
{
    CHECK(cmp("9223372036854775807", "9223372036854775807.0") == 0);
    CHECK(cmp("-9223372036854775808", "-9223372036854775808.0") == 0);
    CHECK(cmp("-9223372036854775808", "0.0000000000000000001") < 0);
    CHECK(cmp("9223372036854775807", "0.9223372036854775807") > 0);
    CHECK(cmp("1", "1.0000000000000000001") < 0);
    CHECK(cmp("1", "1.00000000000000000001") < 0);
    CHECK(cmp("-1", "-1.00000000000000000001") > 0);
    CHECK(cmp("1", "0.99999999999999999999") > 0);
    CHECK(cmp("9223372036854775808", "9223372036854775808.1") < 0);
}

TEST("whole values convert to int64 where they fit")
{
    static const struct {
        const char *text;
        bool fits;
        int64_t v;
    } cases[] = {
        { "0.00", true, 0 },
        { "12.00", true, 12 },
        { "12.01", false, 0 },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775807", true, INT64_MAX },
        { "9223372036854775808", false, 0 },
        { "9e18", true, 9000000000000000000 },
        { "1e19", false, 0 },
        { "5.00000000000000000000000000000000000000000000000000", true, 5 },
        { "5.00000000000000000000000000000000000000000000000001", false, 0 }
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct decimal d = dec(cases[i].text);
        int64_t v = 0;
        CHECK(decimal_to_i64(&d, &v) == cases[i].fits);
        CHECK(v == cases[i].v);
        decimal_free(&d);
    }
    struct decimal d = DECIMAL_ZERO;
    CHECK(decimal_set_i64(&d, INT64_MIN) == 0);
    CHECK_STR(show(d), "-9223372036854775808");
}

/* ---- an independent computation: digits in arrays, as on paper */

enum { PAPER = 400 };

struct paper {
    bool neg;
    int scale;
    unsigned char d[PAPER]; /* units first */
};

static uint64_t seed = 88172645463325252u;

static unsigned chance(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % n);
}

static void random_number(char *text, struct paper *p)
{
    int digits = 1 + (int)chance(chance(3) ? 20 : 60);
    memset(p, 0, sizeof(*p));
    p->scale = (int)chance((unsigned)digits + 3);
    p->neg = chance(2);
    for (int i = 0; i < digits; i++)
        p->d[i] = (unsigned char)(chance(4) ? chance(10) : chance(2) * 9);
    int top = digits > p->scale ? digits - 1 : p->scale;
    while (top > p->scale && p->d[top] == 0)
        top--;
    if (p->neg)
        *text++ = '-';
    for (int i = top; i >= 0; i--) {
        *text++ = (char)('0' + p->d[i]);
        if (i == p->scale && i > 0)
            *text++ = '.';
    }
    *text = '\0';
}

static const char *paper_text(const struct paper *p)
{
    static char text[PAPER + 8];
    char *t = text;
    int top = PAPER - 1;
    while (top > p->scale && p->d[top] == 0)
        top--;
    bool zero = true;
    for (int i = 0; i < PAPER; i++)
        zero = zero && p->d[i] == 0;
    if (p->neg && !zero)
        *t++ = '-';
    for (int i = top; i >= 0; i--) {
        *t++ = (char)('0' + p->d[i]);
        if (i == p->scale && i > 0)
            *t++ = '.';
    }
    *t = '\0';
    return text;
}

static void paper_shift(struct paper *p, int k)
{
    memmove(p->d + k, p->d, (size_t)(PAPER - k));
    memset(p->d, 0, (size_t)k);
}

static int paper_cmp(const struct paper *a, const struct paper *b)
{
    for (int i = PAPER - 1; i >= 0; i--)
        if (a->d[i] != b->d[i])
            return a->d[i] < b->d[i] ? -1 : 1;
    return 0;
}

/* a -= b, with a >= b */
static void paper_take(struct paper *a, const struct paper *b)
{
    int borrow = 0;
    for (int i = 0; i < PAPER; i++) {
        int v = a->d[i] - b->d[i] - borrow;
        borrow = v < 0;
        a->d[i] = (unsigned char)(v + 10 * borrow);
    }
}

static struct paper paper_add(struct paper a, struct paper b)
{
    int scale = a.scale > b.scale ? a.scale : b.scale;
    paper_shift(&a, scale - a.scale);
    paper_shift(&b, scale - b.scale);
    a.scale = b.scale = scale;
    if (a.neg != b.neg) {
        if (paper_cmp(&a, &b) < 0) {
            paper_take(&b, &a);
            return b;
        }
        paper_take(&a, &b);
        return a;
    }
    int carry = 0;
    for (int i = 0; i < PAPER; i++) {
        int v = a.d[i] + b.d[i] + carry;
        carry = v / 10;
        a.d[i] = (unsigned char)(v % 10);
    }
    return a;
}

static struct paper paper_mul(const struct paper *a, const struct paper *b)
{
    struct paper r = { .neg = a->neg != b->neg, .scale = a->scale + b->scale };
    for (int i = 0; i < PAPER / 2; i++) {
        int carry = 0;
        for (int j = 0; i + j < PAPER; j++) {
            int v = r.d[i + j] + a->d[i] * b->d[j] + carry;
            r.d[i + j] = (unsigned char)(v % 10);
            carry = v / 10;
        }
    }
    return r;
}

/* Long division, digit by digit, until 34 digits stand or nothing is left. */
static const char *paper_div(struct paper a, struct paper b)
{
    static char text[PAPER];
    char digits[40];
    int n = 0, scale = a.scale - b.scale, ideal = scale;
    bool neg = a.neg != b.neg, zero = true;
    for (int i = 0; i < PAPER; i++)
        zero = zero && a.d[i] == 0;
    if (zero) {
        struct paper z = { .scale = scale < 0 ? 0 : scale };
        return strcpy(text, paper_text(&z));
    }
    /* Lift b above a, then walk down. */
    int up = 0;
    while (paper_cmp(&a, &b) >= 0) {
        paper_shift(&b, 1);
        up++;
    }
    struct paper none = { 0 };
    while (n < DECIMAL_DIGITS) {
        if (up > 0) { /* one place down: b / 10 */
            memmove(b.d, b.d + 1, PAPER - 1);
            b.d[PAPER - 1] = 0;
            up--;
        } else {
            if (scale >= ideal && paper_cmp(&a, &none) == 0)
                break;
            paper_shift(&a, 1);
            scale++;
        }
        char q = '0';
        while (paper_cmp(&a, &b) >= 0) {
            paper_take(&a, &b);
            q++;
        }
        if (n || q != '0')
            digits[n++] = q;
    }
    struct paper r = { .neg = neg, .scale = scale };
    for (int i = 0; i < n; i++)
        r.d[n - 1 - i] = (unsigned char)(digits[i] - '0');
    if (up > 0) { /* the test's numbers are kept short of that */
        return "too long";
    }
    struct paper twice = paper_add((struct paper){ .d = { 0 } }, a);
    twice.neg = false;
    twice.scale = 0;
    twice = paper_add(twice, twice);
    b.neg = false;
    b.scale = 0;
    int c = paper_cmp(&twice, &b);
    if (c > 0 || (c == 0 && r.d[0] % 2)) {
        struct paper unit = { .neg = neg, .scale = scale, .d = { 1 } };
        r = paper_add(r, unit);
        if (r.d[DECIMAL_DIGITS]) {
            memmove(r.d, r.d + 1, PAPER - 1);
            r.scale--;
        }
    }
    if (r.scale < 0)
        return "negative scale";
    return strcpy(text, paper_text(&r));
}

TEST("random sums, products and comparisons agree with paper")
{
    char a[PAPER], b[PAPER];
    struct paper x, y;
    for (int i = 0; i < 3000; i++) {
        random_number(a, &x);
        random_number(b, &y);
        struct paper r = paper_add(x, y);
        CHECK_STR(calc(decimal_add, a, b), paper_text(&r));
        r = paper_mul(&x, &y);
        CHECK_STR(calc(decimal_mul, a, b), paper_text(&r));
        y.neg = !y.neg;
        r = paper_add(x, y);
        CHECK_STR(calc(decimal_sub, a, b), paper_text(&r));
        bool zero = strspn(paper_text(&r), "0.") == strlen(paper_text(&r));
        CHECK(cmp(a, b) == (zero ? 0 : r.neg ? -1 : 1));
    }
}

TEST("random quotients agree with long division")
{
    char a[PAPER], b[PAPER];
    struct paper x, y;
    int compared = 0;
    for (int i = 0; i < 1500; i++) {
        random_number(a, &x);
        random_number(b, &y);
        if (strspn(b, "-0.") == strlen(b))
            continue;
        const char *want = paper_div(x, y);
        if (want[0] == 't' || want[0] == 'n')
            continue;
        CHECK_STR(calc(decimal_div, a, b), want);
        compared++;
    }
    CHECK(compared > 700);
}

/* ---- short numbers, by words ---- */

static uint64_t random_u64(void)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x * 2685821657736338717u >> 16;
}

TEST("a number read by words is the number read digit by digit")
{
    char text[64];
    unsigned good = 0, bad = 0;
    for (int i = 0; i < 300000 && !unit_failed; i++) {
        static const char others[] = ".-e+E :/9\xff";
        size_t n = 1 + random_u64() % 20;
        memset(text, "0359,}. "[random_u64() % 8], sizeof(text));
        for (size_t k = 0; k < n; k++)
            text[k] = (char)('0' + random_u64() % 10);
        if (random_u64() % 3)
            text[random_u64() % n] = '.';
        if (random_u64() % 4 == 0)
            text[random_u64() % n] = others[random_u64() % 11];
        bool neg = random_u64() % 3 == 0;
        if (neg)
            text[0] = '-';
        if (n == 1 && neg)
            continue; /* no number at all */
        uint64_t want = 0;
        int64_t have = 0;
        int32_t want_scale = 0, scale = 0;
        bool ok = digits_read(text + neg, n - neg, &want, &want_scale);
        if (!neg && *text == '-')
            continue;
        bool same = digits_read_padded(text, n, &have, &scale) == ok;
        if (ok)
            same = same && scale == want_scale &&
                   have == (neg ? -(int64_t)want : (int64_t)want);
        if (!same)
            printf("# %.*s\n", (int)n, text);
        CHECK(same);
        good += ok;
        bad += !ok;
    }
    CHECK(good > 100000 && bad > 50000);
}

TEST("numbers added by their digits sum up as those added as text")
{
    for (int round = 0; round < 2000 && !unit_failed; round++) {
        struct decimal a = DECIMAL_ZERO, b = DECIMAL_ZERO;
        for (int i = 0; i < 40; i++) {
            char text[64];
            int64_t v = (int64_t)(random_u64() % 1000000000000000000u);
            int32_t scale = (int32_t)(random_u64() % 19);
            if (round % 2)
                v %= 1000;
            if (random_u64() % 2)
                v = -v;
            snprintf(text, sizeof(text), "%llde-%d", (long long)v, scale);
            CHECK(decimal_add_short(&a, v, scale) == 0);
            CHECK(decimal_add_text(&b, str_of(text)) == 0);
        }
        struct buf x = { 0 }, y = { 0 };
        CHECK(decimal_format(&x, &a) == 0 && decimal_format(&y, &b) == 0);
        CHECK_STR(buf_z(&x), buf_z(&y));
        buf_free(&x);
        buf_free(&y);
        decimal_free(&a);
        decimal_free(&b);
    }
}

UNIT_MAIN
