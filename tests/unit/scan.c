#include "unit.h"

#include "json/check.h"
#include "json/select.h"

#include <stdlib.h>

static const char *const kernels[] = { "scalar", "avx2", "avx512", "neon" };
#define KERNELS (sizeof(kernels) / sizeof(*kernels))

static uint64_t seed = 0x9e3779b97f4a7c15u;

/* xorshift64 (Marsaglia 2003): the same numbers at every run. */
static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

/* Everything that a scan of text says, as text. The block is offered in
 * pieces of `step` bytes, as a slow pipe would. */
static void transcript(struct buf *out, struct str text, size_t step)
{
    static char block[8192 + SCAN_PADDING];
    struct scan s = { 0 };
    struct scan_line l;
    buf_reset(out);
    memset(block, '"', sizeof(block)); /* what lies behind must not matter */
    for (size_t n = 0;;) {
        size_t more = text.n - n < step ? text.n - n : step;
        memcpy(block + n, text.p + n, more);
        n += more;
        bool last = n == text.n;
        while (scan_next(&s, (struct str){ block, n }, last, &l) > 0) {
            buf_addf(out, "%u-%u/%u:", l.start, l.end, l.flags);
            for (uint32_t i = 0; i < l.n; i++)
                buf_addf(out, "%c%u ", l.tok[i], l.pos[i]);
            buf_addc(out, '\n');
        }
        if (last)
            break;
    }
    scan_free(&s);
}

/* A line of JSON, or of what is almost that. */
static void add_line(struct buf *b)
{
    static const char *const bits[] = {
        "{",         "}",
        "[",         "]",
        ":",         ",",
        "\"",        "\\",
        "\\\"",      "\"a\"",
        "\"k\":",    "1",
        "-2.50",     "true",
        "null",      " ",
        "\t",        "\r",
        "\xc3\xa9",  "\x80",
        "\x01",      "x",
        "\\\\",      "\\u00e9",
        "{\"a\":1}", "\"long string of many letters without any quote\"",
        "[1,2,3]",   "{\"a\":{\"b\":[]}}",
        "false",     "1e5",
        "\\n",       "              ",
        "\xad",      "\xb5",
        "\xfb",      "\xa2",
    };
    if (random_below(2)) {
        buf_addz(b, "{\"id\":");
        buf_addf(b, "%u", random_below(1000000));
        buf_addz(b, ",\"name\":\"");
        for (uint32_t n = random_below(90); n > 0; n--)
            buf_addc(b, "abc de\xc3"[random_below(6)]);
        buf_addz(b, random_below(8) ? "\",\"v\":[1.5,null]}" : "\\\\\"}");
    }
    if (random_below(3) == 0)
        for (uint32_t n = random_below(30); n > 0; n--)
            buf_addz(b, bits[random_below(sizeof(bits) / sizeof(*bits))]);
    buf_addc(b, '\n');
}

TEST("all kernels say the same, at every alignment and block boundary")
{
    struct buf text = { 0 }, want = { 0 }, have = { 0 };
    printf("# kernels:");
    for (size_t k = 0; k < KERNELS; k++)
        if (scan_use(kernels[k]))
            printf(" %s", kernels[k]);
    printf("\n");
    for (int round = 0; round < 400; round++) {
        buf_reset(&text);
        for (uint32_t n = random_below(5) + 1; n > 0; n--)
            add_line(&text);
        if (random_below(3) == 0 && text.n)
            text.n -= random_below((uint32_t)text.n);
        CHECK(scan_use("scalar"));
        transcript(&want, buf_str(&text), text.n + 1);
        for (size_t k = 0; k < KERNELS; k++) {
            if (!scan_use(kernels[k]))
                continue;
            size_t step = random_below(3) ? random_below(200) + 1 : 8192;
            transcript(&have, buf_str(&text), step);
            if (!str_eq(buf_str(&want), buf_str(&have)))
                printf("# %s, step %zu:\n# %.*s\n", kernels[k], step,
                       STR_ARG(buf_str(&text)));
            CHECK(str_eq(buf_str(&want), buf_str(&have)));
        }
    }
    buf_free(&text);
    buf_free(&want);
    buf_free(&have);
}

/* Accepted by way of the shape? */
static bool shape_accepts(struct shape_cache *c, struct str text)
{
    static char block[65536 + SCAN_PADDING];
    struct scan s = { 0 };
    struct scan_line l;
    bool good = false;
    memcpy(block, text.p, text.n);
    if (scan_next(&s, (struct str){ block, text.n }, true, &l) > 0 &&
        l.end == text.n) {
        const struct shape *sh = shape_of(c, &l, 256);
        good = sh && shape_check(sh, block, &l);
    }
    scan_free(&s);
    return good;
}

TEST("a line is accepted by its shape exactly if the grammar accepts it")
{
    static const char *const more[] = {
        "{\"a\":1}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1.5e+3}",
        "{\"a\":tru}",
        "{\"a\":truex}",
        "{\"a\":nul}",
        "{\"a\":1 2}",
        "{\"a\":\"x\"y}",
        "{\"a\":y\"x\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12e4\"}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\":[1,]}",
        "{\"a\":[}",
        "{}}",
        "{}{}",
        "[]",
        "1",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "\"a\"",
        "{\"a\":\\\"b\"}",
        "{\"a\":\"b\\\"}",
        "\\{}",
        "{\"a\":-0}",
        "{\"a\":-01}",
        "{\"a\":1-2}",
        "{\"a\":1.2.3}",
        "{\"a\":0}",
        "{\"a\":00}",
        "{\"a\" :\t1 , \"b\":[ ] }",
        " {} ",
        "{\"a\":1e}",
        "{\"a\":--1}",
        "{\"a\":0.0}",
        "{\"a\":0x1}",
    };
    struct shape_cache *c = shape_cache_new();
    struct json_fault f;
    struct buf text = { 0 };
    unsigned yes = 0, no = 0;
    for (size_t k = 0; k < KERNELS; k++) {
        if (!scan_use(kernels[k]))
            continue;
        for (size_t i = 0; i < 20000; i++) {
            buf_reset(&text);
            if (i < sizeof(more) / sizeof(*more)) {
                buf_addz(&text, more[i]);
            } else {
                add_line(&text);
                text.n--; /* the line feed */
                if (text.n && random_below(3) == 0)
                    text.p[random_below((uint32_t)text.n)] =
                        (char)random_below(256);
                if (memchr(text.p, '\n', text.n))
                    continue;
            }
            bool want = json_check_object(buf_str(&text), 256, &f) == 0;
            bool have = shape_accepts(c, buf_str(&text));
            if (want != have)
                printf("# %s: %.*s\n", kernels[k], STR_ARG(buf_str(&text)));
            CHECK(want == have);
            yes += want;
            no += !want;
        }
    }
    CHECK(yes > 5000 && no > 5000);
    shape_cache_free(c);
    buf_free(&text);
}

/* Digits, points, minuses and now and then what numbers do not have. */
static void add_almost_number(struct buf *b)
{
    static const char often[] = "0123456789012345678900.-",
                      seldom[] = "eE+. x\"t]\xd0\xb0";
    for (uint32_t n = random_below(12) + 1; n > 0; n--) {
        if (random_below(12))
            buf_addc(b, often[random_below(sizeof(often) - 1)]);
        else
            buf_addc(b, seldom[random_below(sizeof(seldom) - 1)]);
    }
    if (random_below(8) == 0) /* longer than a step */
        for (uint32_t n = random_below(140); n > 0; n--)
            buf_addc(b, "0123456789"[random_below(10)]);
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)? */
static bool is_plain(struct str t)
{
    size_t i = t.n && t.p[0] == '-', from = i, point;
    while (i < t.n && t.p[i] >= '0' && t.p[i] <= '9')
        i++;
    if (i == from || (t.p[from] == '0' && i != from + 1))
        return false;
    if (i == t.n || t.p[i] != '.')
        return i == t.n;
    for (point = i++; i < t.n && t.p[i] >= '0' && t.p[i] <= '9';)
        i++;
    return i == t.n && i > point + 1;
}

/* The whole line's flags and whether it is accepted, the text offered in two
 * pieces. */
static bool accepts_pieces(struct shape_cache *c, struct str text, size_t cut,
                           unsigned *flags)
{
    static char block[1024 + SCAN_PADDING];
    struct scan s = { 0 };
    struct scan_line l;
    memset(block, '7', sizeof(block));
    memcpy(block, text.p, cut);
    bool good = false;
    int r = scan_next(&s, (struct str){ block, cut }, false, &l);
    memcpy(block, text.p, text.n);
    if (r == 0)
        r = scan_next(&s, (struct str){ block, text.n }, false, &l);
    if (r > 0 && l.end == text.n - 1) {
        const struct shape *sh = shape_of(c, &l, 256);
        good = sh && !(l.flags & SCAN_FAULT) && shape_check(sh, block, &l);
        *flags = l.flags;
    }
    scan_free(&s);
    return good;
}

TEST("plain numbers need no second look, and nothing else goes without one")
{
    struct shape_cache *c = shape_cache_new();
    struct json_fault f;
    struct buf text = { 0 }, number = { 0 };
    unsigned plain = 0, good = 0, bad = 0;
    for (int i = 0; i < 60000; i++) {
        buf_reset(&text);
        buf_reset(&number);
        add_almost_number(&number);
        bool list = random_below(9) == 0;
        buf_addf(&text, "{\"%*s\":%s%.*s%s}\n", (int)random_below(130), "k",
                 list ? "[1.5,-0 ," : "", STR_ARG(buf_str(&number)),
                 list ? ",10.25]" : "");
        bool want =
            json_check_object((struct str){ text.p, text.n - 1 }, 256, &f) == 0;
        size_t cut = random_below((uint32_t)text.n + 1);
        for (size_t k = 0; k < KERNELS; k++) {
            unsigned flags = 0;
            if (!scan_use(kernels[k]))
                continue;
            bool have = accepts_pieces(c, buf_str(&text), cut, &flags);
            if (want != have || (is_plain(buf_str(&number)) && flags))
                printf("# %s, cut at %zu, flags %u: %.*s", kernels[k], cut,
                       flags, STR_ARG(buf_str(&text)));
            CHECK(want == have);
            CHECK(!is_plain(buf_str(&number)) || flags == 0);
        }
        plain += is_plain(buf_str(&number));
        good += want;
        bad += !want;
    }
    printf("# %u plain, %u good, %u bad\n", plain, good, bad);
    CHECK(plain > 5000 && good > plain && bad > 5000);
    shape_cache_free(c);
    buf_free(&text);
    buf_free(&number);
}

/* The values that select finds by both ways, which have to agree. */
static void pick_both(struct select *s, struct shape_cache *c, struct str text)
{
    static char block[65536 + SCAN_PADDING];
    struct scan sc = { 0 };
    struct scan_line l;
    struct val run[8], pick[8];
    memcpy(block, text.p, text.n);
    struct str copy = { block, text.n };
    CHECK(scan_next(&sc, copy, true, &l) == 1);
    struct shaped sh = { shape_of(c, &l, 256), &l, block };
    CHECK(sh.shape != NULL);
    if (sh.shape) {
        CHECK(select_run(s, copy, run) == 0);
        CHECK(select_pick(s, copy, &sh, pick) == 0);
        for (size_t i = 0; i < select_size(s); i++) {
            bool same = run[i].type == pick[i].type &&
                        (run[i].type == JSON_MISSING ||
                         (run[i].raw.p == pick[i].raw.p &&
                          run[i].raw.n == pick[i].raw.n));
            if (!same)
                printf("# slot %zu of %.*s\n", i, STR_ARG(text));
            CHECK(same);
        }
    }
    scan_free(&sc);
}

/* A random object over few keys, so that shapes repeat with other keys. */
static void add_object(struct buf *b, int depth)
{
    static const char *const keys[] = { "a", "b", "c", "a\\u0062", "ab", "" };
    buf_addc(b, '{');
    for (uint32_t n = random_below(4), i = 0; i < n; i++) {
        buf_addf(b, "%s%s\"%s\"%s:", i ? "," : "", random_below(9) ? "" : " ",
                 keys[random_below(6)], random_below(9) ? "" : " ");
        switch (random_below(depth < 3 ? 5 : 3)) {
        case 0: buf_addf(b, "%u", random_below(100)); break;
        case 1: buf_addz(b, "\"x\\\"y\""); break;
        case 2: buf_addz(b, "null "); break;
        case 3: add_object(b, depth + 1); break;
        default:
            buf_addz(b, "[1, ");
            add_object(b, depth + 1);
            buf_addc(b, ']');
        }
    }
    buf_addc(b, '}');
}

TEST("fields are picked by shape exactly as by walking")
{
    struct err e;
    struct path *paths;
    size_t n;
    CHECK(path_list_parse(&paths, &n, STR("a,b.a,c.b.a,a.b,ab,b[1].a,a[0],b"),
                          &e) == 0);
    struct select *s = select_new();
    for (size_t i = 0; i < n; i++)
        CHECK(select_add(s, &paths[i]) >= 0);
    struct shape_cache *c = shape_cache_new();
    struct buf b = { 0 };
    for (int i = 0; i < 30000; i++) {
        buf_reset(&b);
        add_object(&b, 0);
        pick_both(s, c, buf_str(&b));
    }
    buf_free(&b);
    shape_cache_free(c);
    select_free(s);
    path_list_free(paths, n);
}

TEST("a line feed inside a string ends the line and its string")
{
    struct buf out = { 0 };
    for (size_t k = 0; k < KERNELS; k++) {
        if (!scan_use(kernels[k]))
            continue;
        transcript(&out, STR("{\"a\n{\"b\":1}\n\"\\\n{}\n"), 100);
        CHECK_STR(buf_z(&out), "0-3/4:{0 \"1 \n"
                               "4-11/0:{4 \"5 :8 09 }10 \n"
                               "12-14/5:\"12 \n"
                               "15-17/0:{15 }16 \n");
    }
    buf_free(&out);
}

TEST("$PIPE_SIMD names the kernel")
{
    CHECK(!scan_use("sse9"));
    CHECK(scan_use("scalar"));
    CHECK_STR(scan_kernel(), "scalar");
}

UNIT_MAIN
