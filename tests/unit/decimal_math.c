#include "unit.h"

#include "base/decimal.h"

#include <stdlib.h>

static uint64_t seed = 20260131;

static uint64_t random_u64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct decimal dec(const char *text)
{
    struct decimal d = DECIMAL_ZERO;
    CHECK(decimal_parse(&d, str_of(text)) == 0);
    return d;
}

/* What a function of two numbers gives, or its code. */
static const char *apply(int (*f)(struct decimal *, const struct decimal *,
                                  const struct decimal *),
                         const char *x, const char *y)
{
    static char out[512];
    struct decimal a = dec(x), b = dec(y), d = DECIMAL_ZERO;
    struct buf text = { 0 };
    int rc = f(&d, &a, &b);
    if (rc)
        snprintf(out, sizeof(out), "%d", rc);
    else if (decimal_format(&text, &d) == 0)
        snprintf(out, sizeof(out), "%s", buf_z(&text));
    buf_free(&text);
    decimal_free(&a);
    decimal_free(&b);
    decimal_free(&d);
    return out;
}

static int root(struct decimal *d, const struct decimal *a,
                const struct decimal *b)
{
    (void)b;
    return decimal_sqrt(d, a);
}

static int power(struct decimal *d, const struct decimal *a,
                 const struct decimal *b)
{
    int64_t n = 0;
    CHECK(decimal_to_i64(b, &n));
    return decimal_power(d, a, n);
}

static int trunc_to(struct decimal *d, const struct decimal *a,
                    const struct decimal *b)
{
    int64_t n = 0;
    CHECK(decimal_to_i64(b, &n));
    return decimal_trunc(d, a, (int32_t)n);
}

TEST("mod has the sign of the dividend and the larger scale")
{
    CHECK_STR(apply(decimal_mod, "7", "3"), "1");
    CHECK_STR(apply(decimal_mod, "-7", "3"), "-1");
    CHECK_STR(apply(decimal_mod, "7", "-3"), "1");
    CHECK_STR(apply(decimal_mod, "-7", "-3"), "-1");
    CHECK_STR(apply(decimal_mod, "7.5", "2"), "1.5");
    CHECK_STR(apply(decimal_mod, "10", "3.00"), "1.00");
    CHECK_STR(apply(decimal_mod, "1e3", "7"), "6");
    CHECK_STR(apply(decimal_mod, "7e3", "2e3"), "1000");
    CHECK_STR(apply(decimal_mod, "0", "3"), "0");
    CHECK_STR(apply(decimal_mod, "5", "0.0"), "-3");
    CHECK_STR(apply(decimal_mod, "2", "5"), "2");
    CHECK_STR(apply(decimal_mod, "1e6000", "7"), "1");
    CHECK_STR(apply(decimal_mod,
                    "123456789012345678901234567890123456789012345", "97"),
              "24");
    CHECK_STR(
        apply(decimal_mod, "-170141183460469231731687303715884105728", "-1"),
        "0");
}

TEST("a = whole quotient times b plus rest, also past 128 bits")
{
    for (int i = 0; i < 3000 && !unit_failed; i++) {
        char x[100], y[100];
        snprintf(x, sizeof(x), "%s%llu%020llu.%03llu",
                 random_u64() % 2 ? "-" : "", (unsigned long long)random_u64(),
                 (unsigned long long)random_u64(),
                 (unsigned long long)(random_u64() % 1000));
        if (random_u64() % 2)
            strcpy(x, strchr(x, '.') - 5);
        snprintf(y, sizeof(y), "%s%llu.%02llu", random_u64() % 2 ? "-" : "",
                 (unsigned long long)(random_u64() >> random_u64() % 60) + 1,
                 (unsigned long long)(random_u64() % 100));
        if (*x == '0' && x[1] != '.')
            *x = '1';
        struct decimal a = dec(x), b = dec(y), r = DECIMAL_ZERO,
                       q = DECIMAL_ZERO, whole = DECIMAL_ZERO;
        const struct decimal zero = DECIMAL_ZERO;
        CHECK(decimal_mod(&r, &a, &b) == 0);
        /* a - r is a multiple of b, and r is smaller than b */
        CHECK(decimal_sub(&q, &a, &r) == 0);
        CHECK(decimal_mod(&whole, &q, &b) == 0 && decimal_is_zero(&whole));
        CHECK(decimal_is_zero(&r) ||
              (decimal_cmp(&r, &zero) > 0) == (decimal_cmp(&a, &zero) > 0));
        if (decimal_cmp(&r, &zero) < 0)
            decimal_neg(&r, &r);
        if (decimal_cmp(&b, &zero) < 0)
            decimal_neg(&b, &b);
        CHECK(decimal_cmp(&r, &b) < 0);
        decimal_free(&a);
        decimal_free(&b);
        decimal_free(&r);
        decimal_free(&q);
        decimal_free(&whole);
    }
}

TEST("powers are exact")
{
    CHECK_STR(apply(power, "2", "10"), "1024");
    CHECK_STR(apply(power, "1.1", "3"), "1.331");
    CHECK_STR(apply(power, "-2", "3"), "-8");
    CHECK_STR(apply(power, "-2", "4"), "16");
    CHECK_STR(apply(power, "0", "0"), "1");
    CHECK_STR(apply(power, "0", "5"), "0");
    CHECK_STR(apply(power, "0", "-1"), "-3");
    CHECK_STR(apply(power, "2", "-2"), "0.25");
    CHECK_STR(apply(power, "3", "-1"), "0.3333333333333333333333333333333333");
    CHECK_STR(apply(power, "1", "1000000"), "1");
    CHECK_STR(apply(power, "-1", "999999"), "-1");
    CHECK_STR(apply(power, "2", "130"),
              "1361129467683753853853498429727072845824");
    CHECK_STR(apply(power, "10", "1000000"), "-2");
    CHECK_STR(apply(power, "1.000000001", "1000000"), "-2");
    CHECK_STR(apply(power, "7", "1"), "7");
}

TEST("trunc goes towards zero")
{
    CHECK_STR(apply(trunc_to, "2.99", "0"), "2");
    CHECK_STR(apply(trunc_to, "-2.99", "0"), "-2");
    CHECK_STR(apply(trunc_to, "2.999", "2"), "2.99");
    CHECK_STR(apply(trunc_to, "-0.009", "2"), "0.00");
    CHECK_STR(apply(trunc_to, "1999", "-3"), "1000");
    CHECK_STR(apply(trunc_to, "9", "-1"), "0");
    CHECK_STR(apply(trunc_to, "1.5", "9"), "1.5");
    CHECK_STR(apply(trunc_to, "0", "-9000"), "0");
    CHECK_STR(
        apply(trunc_to, "99999999999999999999999999999999999999999.9", "0"),
        "99999999999999999999999999999999999999999");
}

TEST("roots are exact where they end, else of 34 digits")
{
    CHECK_STR(apply(root, "0", "0"), "0");
    CHECK_STR(apply(root, "0.00", "0"), "0.0");
    CHECK_STR(apply(root, "1", "0"), "1");
    CHECK_STR(apply(root, "4.00", "0"), "2.0");
    CHECK_STR(apply(root, "2.25", "0"), "1.5");
    CHECK_STR(apply(root, "1e4", "0"), "100");
    CHECK_STR(apply(root, "2", "0"), "1.414213562373095048801688724209698");
    CHECK_STR(apply(root, "0.5", "0"), "0.7071067811865475244008443621048490");
    CHECK_STR(apply(root, "10", "0"), "3.162277660168379331998893544432719");
    CHECK_STR(apply(root,
                    "15241578753238836750495351562536198787501905199875019"
                    "052100",
                    "0"),
              "123456789012345678901234567890");
    CHECK_STR(apply(root, "1e6001", "0"),
              "3162277660168379331998893544432719e2967");
}

TEST("a root is the nearest of 34 digits")
{
    const struct decimal half = { .small = 5, .scale = 1 };
    for (int i = 0; i < 3000 && !unit_failed; i++) {
        char x[200];
        int n = snprintf(
            x, sizeof(x), "%llu",
            (unsigned long long)(random_u64() >> random_u64() % 60) + 1);
        while (n < (int)(random_u64() % 120))
            n += snprintf(x + n, sizeof(x) - (size_t)n, "%llu",
                          (unsigned long long)(random_u64() % 100000));
        snprintf(x + n, sizeof(x) - (size_t)n, "e%d",
                 (int)(random_u64() % 100) - 50);
        struct decimal a = dec(x), r = DECIMAL_ZERO, low = DECIMAL_ZERO,
                       high = DECIMAL_ZERO, step = DECIMAL_ZERO;
        CHECK(decimal_sqrt(&r, &a) == 0);
        const struct decimal unit = { .small = 1, .scale = r.scale };
        CHECK(decimal_mul(&step, &unit, &half) == 0);
        CHECK(decimal_sub(&low, &r, &step) == 0 &&
              decimal_mul(&low, &low, &low) == 0 && decimal_cmp(&low, &a) <= 0);
        CHECK(decimal_add(&high, &r, &step) == 0 &&
              decimal_mul(&high, &high, &high) == 0 &&
              decimal_cmp(&high, &a) >= 0);
        CHECK(!r.big);
        decimal_free(&a);
        decimal_free(&r);
        decimal_free(&low);
        decimal_free(&high);
        decimal_free(&step);
    }
}

UNIT_MAIN
