#include "unit.h"

#include "accbox.h"
#include "aggregate/ranks.h"

#include "json/number.h"

#define MOST 6000
#define TEXT 48

/* ---- ranks ---- */

static int cmp_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Numbers in one of some patterns. */
static int64_t pattern(unsigned kind, size_t i, size_t n, uint64_t *seed)
{
    uint64_t x = box_random(seed);
    switch (kind) {
    case 0: return (int64_t)x;
    case 1: return (int64_t)(x % 3);
    case 2: return (int64_t)i;
    case 3: return -(int64_t)i;
    case 4: return 7;
    case 5: return (int64_t)(i < n / 2 ? i : n - i);
    case 6: return x % 50 ? 0 : (int64_t)x;
    case 7:
        return i % 2 ? INT64_MAX - (int64_t)(x % 5)
                     : INT64_MIN + (int64_t)(x % 5);
    case 8: return (int64_t)1 << (x % 63);
    default: return (int64_t)(x % n);
    }
}

TEST("the number at a rank is that of a sorted array, in whatever order the "
     "ranks are asked for")
{
    static int64_t v[MOST], sorted[MOST];
    static const size_t sizes[] = { 1, 2, 3, 40, 41, 100, 1000, MOST };
    uint64_t seed = 1;
    for (unsigned kind = 0; kind < 10; kind++) {
        for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
            size_t n = sizes[s];
            struct ranks r;
            for (size_t i = 0; i < n; i++)
                sorted[i] = v[i] = pattern(kind, i, n, &seed);
            qsort(sorted, n, sizeof(*sorted), cmp_i64);
            ranks_start(&r, v, n);
            for (int i = 0; i < 400; i++) {
                size_t k = box_random(&seed) % n;
                CHECK(ranks_get(&r, k) == sorted[k]);
            }
            qsort(v, n, sizeof(*v), cmp_i64);
            CHECK(memcmp(v, sorted, n * sizeof(*v)) == 0);
        }
    }
}

/* ---- percentiles ---- */

static char texts[MOST][TEXT];

static int cmp_texts(const void *a, const void *b)
{
    return number_cmp(str_of(a), str_of(b));
}

/* What the percentile of sorted texts should be, by plain decimals: v0 + (v1 -
 * v0) * (p * (n - 1) - k). p has two digits behind the point. */
static void expect(struct buf *out, size_t n, unsigned p, bool disc)
{
    struct decimal v0 = DECIMAL_ZERO, v1 = DECIMAL_ZERO, x = DECIMAL_ZERO;
    size_t at = disc ? (p * n + 99) / 100 : p * (n - 1);
    size_t k = disc ? at - (at > 0) : at / 100;
    struct decimal frac = { .small = (decimal_int)(at % 100), .scale = 2 };
    CHECK(decimal_parse(&v0, str_of(texts[k])) == 0);
    for (size_t i = 0; i < n; i++) { /* the largest scale */
        CHECK(decimal_parse(&x, str_of(texts[i])) == 0);
        struct decimal zero = { .scale = x.scale };
        CHECK(decimal_add(&v0, &v0, &zero) == 0);
    }
    if (!disc && at % 100) { /* a whole place adds no digits */
        CHECK(decimal_parse(&v1, str_of(texts[k + (k + 1 < n)])) == 0);
        CHECK(decimal_sub(&v1, &v1, &v0) == 0);
        CHECK(decimal_mul(&v1, &v1, &frac) == 0);
        CHECK(decimal_add(&v0, &v0, &v1) == 0);
    }
    buf_reset(out);
    decimal_format(out, &v0);
    decimal_free(&v0);
    decimal_free(&v1);
    decimal_free(&x);
}

/* The kinds of numbers that a group may have. */
static void number(char *out, unsigned kind, uint64_t *seed)
{
    uint64_t x = box_random(seed);
    const char *sign = x & 1 && kind ? "-" : "";
    unsigned a = (unsigned)(x >> 8) % 100000, b = (unsigned)(x >> 40) % 100;
    switch (kind) {
    case 0: snprintf(out, TEXT, "%u.%02u", a, b); break;
    case 1: snprintf(out, TEXT, "%s%u", sign, a % 5); break;
    case 2: /* scales that differ */
        snprintf(out, TEXT, x & 2 ? "%s%u" : "%s%u.%02u", sign, a, b);
        break;
    case 3: snprintf(out, TEXT, "%s%u%017u", sign, 1 + a, b); break;
    case 4: /* of no common scale in 64 bits */
        snprintf(out, TEXT, x & 2 ? "%s9%015u" : "%s0.%015u", sign, a);
        break;
    case 5: snprintf(out, TEXT, "%s%ue%d", sign, 1 + a, (int)b - 50); break;
    default: snprintf(out, TEXT, "%s%u%040u.5", sign, 1 + b, a); break;
    }
}

static void hold_against_sorted(unsigned kind, size_t n, uint64_t *seed)
{
    static const unsigned ps[] = { 95, 50, 99, 0, 100, 25, 1, 33, 95 };
    struct buf want = { 0 };
    struct box b;
    box_open(&b, ACC_VALUES, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        number(texts[i], kind, seed);
        CHECK(box_take(&b, i % 2, texts[i]) == 1);
        CHECK(box_take(&b, 2, texts[i]) == 1);
    }
    qsort(texts, n, TEXT, cmp_texts);
    for (size_t i = 0; i < sizeof(ps) / sizeof(*ps); i++) {
        char p[32];
        snprintf(p, sizeof(p), "%u.%02u", ps[i] / 100, ps[i] % 100);
        expect(&want, n, ps[i], false);
        CHECK_STR(box_ask(&b, 2, ASK_PERCENTILE, p, 0), buf_z(&want));
        expect(&want, n, ps[i], true);
        CHECK_STR(box_ask(&b, 2, ASK_PERCENTILE_DISC, p, 0), buf_z(&want));
        box_ask(&b, 0, ASK_PERCENTILE, p, 0); /* another group in between */
    }
    buf_free(&want);
    CHECK(box_close(&b));
}

TEST("percentiles are those of a sorted list, whatever the numbers")
{
    static const size_t sizes[] = { 1, 2, 3, 11, 100, 1001 };
    uint64_t seed = 3;
    for (unsigned kind = 0; kind < 7; kind++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
            hold_against_sorted(kind, sizes[s], &seed);
    hold_against_sorted(0, MOST, &seed);
}

static void take_all(struct box *b, const char *const *v)
{
    for (; *v; v++)
        CHECK(box_take(b, 0, *v) == 1);
}

TEST("a percentile has the largest scale of the numbers and the digits of p")
{
    struct box b;
    box_open(&b, ACC_VALUES, NULL, 0);
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE, "0.5", 0), "null");
    take_all(&b, (const char *const[]){ "10", "20.0", "40", "30", NULL });
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE, "0.5", 0), "25.00");
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE, "0.95", 0), "38.500");
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE, "1", 0), "40.0");
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE_DISC, "0.5", 0), "20.0");
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE_DISC, "0.51", 0), "30.0");
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE_DISC, "0", 0), "10.0");
    CHECK_STR(box_write(&b, 0), "[10,20.0,40,30]");
    take_all(&b, (const char *const[]){ "1e30", NULL });
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE_DISC, "1", 0),
              "1000000000000000000000000000000.0");
    CHECK_STR(box_ask(&b, 0, ASK_PERCENTILE_DISC, "0.5", 0), "30.0");
    CHECK(box_close(&b));
}

TEST("once numbers could be taken the budget does not stand in the way of "
     "their percentiles")
{
    char text[TEXT];
    uint64_t seed = 9;
    struct box b;
    box_open(&b, ACC_VALUES, NULL, (size_t)1 << 20);
    for (int r = 1; r == 1;) {
        number(text, 0, &seed);
        r = box_take(&b, 0, text);
    }
    CHECK(b.budget.refused);
    const char *p50 = box_ask(&b, 0, ASK_PERCENTILE, "0.5", 0);
    CHECK(p50[0] >= '1' && p50[0] <= '9' && strlen(p50) > 6);
    CHECK(box_close(&b));
}

UNIT_MAIN
