#include "unit.h"

#include "base/err.h"
#include "profile/compare.h"
#include "profile/frequent.h"
#include "profile/patterns.h"
#include "profile/psi.h"

#include <math.h>
#include <stdlib.h>

/* ---- the index ---- */

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

/* Values from the formula in Python, with shares of at least 0.0001. */
TEST("the population stability index is that of its formula")
{
    const uint64_t even[10] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    CHECK(near(psi_of(even, even, 10), 0));
    CHECK(near(psi_of((const uint64_t[]){ 50, 30, 20 },
                      (const uint64_t[]){ 40, 30, 30 }, 3),
               0.1 * log(1.25) + 0.1 * log(1.5)));
    CHECK(near(psi_of((const uint64_t[]){ 50, 30, 20 },
                      (const uint64_t[]){ 40, 30, 30 }, 3),
               0.06286086594223742));
    CHECK(near(psi_of((const uint64_t[]){ 1000, 2000, 3000, 4000 },
                      (const uint64_t[]){ 4000, 3000, 2000, 1000 }, 4),
               0.9128696382935673));
}

TEST("a share of nothing counts as the least share")
{
    CHECK(near(psi_of((const uint64_t[]){ 100, 900 },
                      (const uint64_t[]){ 0, 1000 }, 2),
               (0.0001 - 0.1) * log(0.0001 / 0.1) + 0.1 * log(1 / 0.9)));
    CHECK(near(
        psi_of((const uint64_t[]){ 0, 0 }, (const uint64_t[]){ 1, 2 }, 2), 0));
}

/* Chi square's 99.9% quantiles from a table: 9 degrees 27.88, 1 degree 10.83,
 * 49 degrees 85.35; the cube root is a little off where there are few. */
TEST("what chance explains is the quantile of chi square")
{
    CHECK(fabs(psi_chance(10, 1000, 1000) * 500 - 27.88) < 0.2);
    CHECK(fabs(psi_chance(2, 1000, 1000) * 500 - 10.83) < 0.4);
    CHECK(fabs(psi_chance(50, 1000, 500) * 1000 / 3 - 85.35) < 0.1);
}

TEST("two shares of few values do not differ, of many they do")
{
    CHECK(!psi_shares_differ(6, 10, 5, 10));
    CHECK(!psi_shares_differ(510, 1000, 500, 1000));
    CHECK(psi_shares_differ(51000, 100000, 50000, 100000));
    CHECK(psi_shares_differ(0, 1000, 50, 1000));
    CHECK(!psi_shares_differ(10, 10, 20, 20));
    CHECK(!psi_shares_differ(0, 0, 5, 10));
}

/* ---- frequent values ---- */

static void add(struct frequent *f, unsigned value)
{
    char text[32];
    snprintf(text, sizeof(text), "v%u", value);
    struct hash128 h = hash128(str_of(text));
    struct frequent_entry *e = frequent_find(f, h);
    if (e)
        e->count++;
    else
        CHECK(frequent_add(f, h, JSON_STRING, str_of(text)) != NULL);
}

TEST("values are counted exactly while there is room")
{
    struct budget budget = { 0 };
    struct frequent f;
    frequent_init(&f, 64, &budget);
    for (unsigned i = 0; i < 6400; i++)
        add(&f, i % 64);
    CHECK(f.n == 64 && !f.full && f.lost == 0);
    for (uint32_t i = 0; i < f.n; i++)
        CHECK(f.v[i].count == 100);
    frequent_free(&f);
    CHECK(budget.used == 0);
}

TEST("of more values the frequent ones stay, within the error")
{
    struct budget budget = { 0 };
    struct frequent f;
    unsigned counts[10000] = { 0 };
    uint32_t random = 7, found = 0;
    frequent_init(&f, 256, &budget);
    for (unsigned i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        unsigned v = random >> 30 ? random >> 12 & 8191 : random >> 12 & 7;
        counts[v]++;
        add(&f, v);
    }
    CHECK(f.full && f.lost > 0 && f.lost < 200000 / 128);
    for (uint32_t i = 0; i < f.n; i++) {
        struct str s = frequent_text(&f, &f.v[i]);
        char text[32];
        snprintf(text, sizeof(text), "%.*s", STR_ARG(s));
        unsigned v = (unsigned)strtoul(text + 1, NULL, 10);
        CHECK(f.v[i].count <= counts[v]);
        CHECK(f.v[i].count + f.lost >= counts[v]);
        found += v < 8;
    }
    CHECK(found == 8);
    frequent_free(&f);
}

TEST("a budget that is used up makes a table full early")
{
    struct budget budget = { .max = 8192 };
    struct frequent f;
    frequent_init(&f, 4096, &budget);
    for (unsigned i = 0; i < 2000; i++)
        add(&f, i);
    CHECK(f.full && f.cap < 256);
    CHECK(budget.used <= budget.max);
    frequent_free(&f);
}

/* ---- patterns ---- */

static const char *pattern_of(const char *text)
{
    static char out[PATTERN_BYTES + 1];
    static char padded[1024];
    struct patterns p = { 0 };
    bool ascii = true;
    memset(padded, 'x', sizeof(padded)); /* what stands behind is no matter */
    size_t n = strlen(text);
    memcpy(padded, text, n);
    for (size_t i = 0; i < n; i++)
        ascii &= (unsigned char)text[i] < 0x80;
    if (patterns_take(&p, (struct str){ padded, n }, ascii, 1))
        return "no memory";
    memcpy(out, p.v[0].text, PATTERN_BYTES);
    out[PATTERN_BYTES] = '\0';
    patterns_free(&p);
    return out;
}

TEST("a pattern has the class of each character")
{
    CHECK_STR(pattern_of("AB12-x"), "AA99-a");
    CHECK_STR(pattern_of("2026-01-31T08:00:00Z"), "9999-99-99A99:99:99A");
    CHECK_STR(pattern_of("[@`{/:"), "[@`{/:");
    CHECK_STR(pattern_of("azAZ09"), "aaAA99");
    CHECK_STR(pattern_of("a\tb\x7f"), "acac");
    CHECK_STR(pattern_of("12345678901234567890123456789012"),
              "99999999999999999999999999999999");
}

TEST("runs of long texts, and of others than ASCII, are drawn together")
{
    CHECK_STR(pattern_of("The quick brown fox jumps over the dog"),
              "A+a+ a+ a+ a+ a+ a+ a+ a+");
    CHECK_STR(pattern_of("M\xc3\xbcller 12"), "A+u+a+ 9+");
    CHECK_STR(pattern_of("a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9"),
              "a+9+a+9+a+9+a+9+a+9+a+9+a+9+...");
}

TEST("what is known by its form goes by its name")
{
    CHECK_STR(pattern_of(""), "empty");
    CHECK_STR(pattern_of("a.b@example.org"), "email");
    CHECK_STR(pattern_of("@example.org"), "@aaaaaaa.aaa");
    CHECK_STR(pattern_of("https://example.org/x"), "url");
    CHECK_STR(pattern_of("01234567-89ab-cdef-0123-456789abcdef"), "uuid");
    CHECK_STR(pattern_of("01234567-89ab-cdef-0123-456789abcdeg"),
              "9+-9+a+-a+-9+-9+a+");
}

TEST("past their number patterns are drawn together, and none is lost")
{
    struct patterns p = { 0 };
    uint64_t all = 0;
    for (unsigned i = 0; i < 2000; i++) {
        char text[64] = { 0 };
        for (unsigned bit = 0; bit < 11; bit++)
            text[bit] = i >> bit & 1 ? 'a' : '7';
        CHECK(patterns_take(&p, (struct str){ text, 11 }, true, 2) == 0);
    }
    patterns_sort(&p);
    CHECK(p.drawn && p.n <= PATTERNS_MAX);
    for (uint32_t i = 0; i < p.n; i++) {
        all += p.v[i].count;
        CHECK(i == 0 || p.v[i].count <= p.v[i - 1].count);
    }
    CHECK(all + p.other == 4000);
    patterns_free(&p);
}

/* ---- a profile, written and read ---- */

static int profile_of(struct summary *s, const struct summary *base,
                      const char *const *lines, unsigned times)
{
    struct err e = { 0 };
    struct profile_limits limits = { 100, (size_t)16 << 20, true };
    struct profile *p = profile_new(&limits, &e);
    int r = p ? 0 : -1;
    for (unsigned t = 0; r == 0 && t < times; t++)
        for (size_t i = 0; r == 0 && lines[i]; i++) {
            struct select_record rec = { str_of(lines[i]), NULL };
            r = profile_take(p, &rec, 1, &e);
        }
    if (r == 0)
        r = profile_end(p, &e);
    if (r == 0)
        r = summary_fill(s, p, 50, base, &e);
    profile_free(p);
    return r;
}

static const char *const orders[] = {
    "{\"id\":1,\"c\":\"DE\",\"n\":1.50,\"l\":[{\"q\":1},{\"q\":null}]}",
    "{\"id\":2,\"c\":\"FR\",\"n\":null,\"l\":[]}",
    "{\"id\":3,\"c\":\"DE\",\"x\":true,\"c\":\"GB\"}", NULL
};

TEST("fields, types, twins of keys and elements are told apart")
{
    struct summary s;
    CHECK(profile_of(&s, NULL, orders, 1) == 0);
    CHECK(s.records == 3 && s.n_fields == 7 && s.twins == 0);
    const struct summary_field *f = summary_find(&s, STR("c"));
    CHECK(f && f->strings.n == 3 && f->distinct == 3 && f->all_values);
    f = summary_find(&s, STR("n"));
    CHECK(f && f->null == 1 && f->missing == 1 && f->numbers.n == 1);
    CHECK(f && str_eq(f->numbers.sum, STR("1.50")));
    f = summary_find(&s, STR("l[].q"));
    CHECK(f && f->of == 2 && f->null == 1 && f->missing == 0);
    f = summary_find(&s, STR("x"));
    CHECK(f && f->trues == 1 && f->missing == 2);
    summary_free(&s);
}

TEST("a profile that was written is read as it was")
{
    struct summary s, back;
    struct buf one = { 0 }, two = { 0 };
    struct err e = { 0 };
    CHECK(profile_of(&s, NULL, orders, 50) == 0);
    CHECK(summary_json(&s, &one, &e) == 0 && buf_addc(&one, '}') == 0);
    CHECK(summary_read(&back, buf_str(&one), &e) == 0);
    /* Bars are for the page alone, and not read. */
    for (size_t i = 0; i < s.n_fields; i++)
        s.fields[i].numbers.n_bars = 0;
    buf_reset(&one);
    CHECK(summary_json(&s, &one, &e) == 0);
    CHECK(summary_json(&back, &two, &e) == 0);
    CHECK(str_eq(buf_str(&one), buf_str(&two)));
    summary_free(&s);
    summary_free(&back);
    buf_free(&one);
    buf_free(&two);
}

TEST("of what was written each shorter start is refused")
{
    struct summary s, back;
    struct buf text = { 0 };
    struct err e = { 0 };
    CHECK(profile_of(&s, NULL, orders, 1) == 0);
    CHECK(summary_json(&s, &text, &e) == 0 && buf_addc(&text, '}') == 0);
    for (size_t n = 0; n < text.n; n++) {
        e = (struct err){ 0 };
        CHECK(summary_read(&back, (struct str){ text.p, n }, &e) == -1);
        CHECK(e.code == ERR_CONFIG);
        summary_free(&back);
    }
    summary_free(&s);
    buf_free(&text);
}

/* ---- comparing ---- */

static const struct compare_rules rules = {
    .psi = 0.2,
    .shift = 0.1,
    .volume = 0.3,
    .fresh = 0.01,
    .range = COMPARE_OFF,
    .distinct = COMPARE_OFF,
    .least_sample = 100,
};

static size_t findings(const char *const *before, unsigned n,
                       const char *const *after, unsigned m, const char *metric)
{
    struct summary base, now;
    struct comparison c;
    struct err e = { 0 };
    size_t found = 0;
    CHECK(profile_of(&base, NULL, before, n) == 0);
    CHECK(profile_of(&now, &base, after, m) == 0);
    CHECK(compare_run(&c, &now, &base, &rules, &e) == 0);
    for (size_t i = 0; i < c.n; i++)
        found += c.v[i].fails && strcmp(c.v[i].metric, metric) == 0;
    if (!metric[0])
        found = c.failed;
    compare_free(&c);
    summary_free(&base);
    summary_free(&now);
    return found;
}

TEST("the same stream has not drifted")
{
    CHECK(findings(orders, 200, orders, 200, "") == 0);
    CHECK(findings(orders, 200, orders, 250, "") == 0);
}

TEST("what changes is found by its name")
{
    static const char *const a[] = { "{\"c\":\"x\",\"n\":1}",
                                     "{\"c\":\"y\",\"n\":2}", NULL };
    static const char *const b[] = { "{\"c\":\"x\",\"n\":1}",
                                     "{\"c\":\"x\",\"n\":null}",
                                     "{\"c\":\"z\",\"n\":\"2\"}", NULL };
    static const char *const c[] = { "{\"c\":\"x\"}", NULL };
    CHECK(findings(a, 500, b, 333, "complete") == 1);
    CHECK(findings(a, 500, b, 333, "new_type") == 1);
    CHECK(findings(a, 500, b, 333, "new_values") == 2);
    CHECK(findings(a, 500, b, 333, "lost_values") == 2);
    CHECK(findings(a, 500, b, 333, "volume") == 0);
    CHECK(findings(a, 500, c, 1000, "lost_field") == 1);
    CHECK(findings(a, 500, c, 600, "volume") == 1);
}

TEST("few values are not judged")
{
    static const char *const a[] = { "{\"c\":\"x\"}", NULL };
    static const char *const b[] = { "{\"c\":9}", NULL };
    CHECK(findings(a, 99, b, 99, "") == 0);
    CHECK(findings(a, 100, b, 100, "") > 0);
}

UNIT_MAIN
