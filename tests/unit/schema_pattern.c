/* The simple matcher against PCRE2: the same pattern in a group, which the
 * simple matcher leaves alone, has to say the same. */
#include "unit.h"

#include "schema/pattern.h"
#include "schema/simple.h"

#include <stdint.h>
#include <stdlib.h>

static uint32_t seed = 1;

static uint32_t roll(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static const char *pick(const char *const *list, uint32_t n)
{
    return list[roll(n)];
}

#define PICK(list) pick(list, sizeof(list) / sizeof(*(list)))

static const char *const atoms[] = {
    "a",        "b",           "Z",       "0",
    "9",        "-",           "_",       "\\.",
    "\\\\",     "\\/",         "\\$",     "\\-",
    "\\d",      "\\w",         "\\s",     "\\D",
    "\\W",      "\\S",         ".",       "[a-c]",
    "[0-9]",    "[A-Z]",       "[^a]",    "[^0-9-]",
    "[a-zA-Z]", "[\\w-]",      "[-a]",    "[^-]",
    "[\\d.]",   "[\\]\\[]",    "[a\\-z]", "[0-9a-fA-F_]",
    "[ab-]",    "[\\w-a]",     "[^\\D]",  "[!-~]",
    "[ -0]",    "[]",          "[^]",     "[a-\\d]",
    "[b-a]",    "[[:alpha:]]", "[--a]",   "\\t",
    "\\x61",    "\\u0061",     "(a|b)",   "\\b",
    "\xc3\xa4", "[\xc3\xa4]",  "[a-b-c]", "[+--]",
    "]",        "}",           "{",       "a|b",
    "^",        "$",           "\\1",     "(?=a)",
    "\\@",      "\\_",         "@",       " ",
    "[\\0]",    "\\n",         "[\\n]",
};

static const char *const repeats[] = {
    "",    "",    "",     "",     "",      "*",     "+",     "?",
    "{2}", "{3}", "{0}",  "{1,}", "{0,2}", "{1,3}", "{2,2}", "{9}",
    "*?",  "++",  "{,2}", "{40}", "{70}",  "{2,1}",
};

static void add_row(struct buf *p)
{
    for (uint32_t n = roll(6); n > 0; n--) {
        /* Mostly what is simple, or few of these patterns would be. */
        uint32_t most = roll(8) ? 30 : sizeof(atoms) / sizeof(*atoms);
        buf_addz(p, atoms[roll(most)]);
        buf_addz(p, roll(4) ? pick(repeats, 16) : PICK(repeats));
    }
}

static void make_pattern(struct buf *p)
{
    static const char *const open[] = { "", "", "", "(", "(?:" };
    const char *group = PICK(open);
    buf_reset(p);
    buf_addz(p, roll(10) ? "^" : "");
    buf_addz(p, group);
    for (uint32_t n = *group ? 1 + roll(3) : 1; n > 0; n--) {
        add_row(p);
        buf_addz(p, n > 1 ? "|" : "");
    }
    buf_addz(p, *group ? ")" : "");
    buf_addz(p, roll(4) ? "$" : "");
}

static void make_subject(struct buf *t)
{
    static const char *const parts[] = {
        "a",  "b", "c",   "Z",        "0",          "9",
        "-",  ".", "_",   "\\",       "/",          "$",
        "]",  " ", "\n",  "\t",       "\xc3\xa4",   "\xed\xa0\x80",
        "\r", "@", "abc", "aaaaaaaa", "0123456789",
    };
    const uint32_t all = sizeof(parts) / sizeof(*parts);
    uint32_t most = roll(3) ? 10 : all;
    buf_reset(t);
    for (uint32_t n = roll(roll(8) ? 8 : 90); n > 0; n--)
        buf_addz(t, parts[roll(most)]);
}

/* A copy without a byte to spare, so that a sanitizer sees a read beyond. */
static int match(const struct pattern *p, struct pattern_run *r, struct str t)
{
    char *copy = malloc(t.n ? t.n : 1);
    memcpy(copy, t.p, t.n);
    int m = pattern_match(p, r, (struct str){ copy, t.n });
    free(copy);
    return m;
}

/* Patterns tried, those that were simple, and verdicts of "it matches". */
struct figures {
    unsigned tried, simple, matches;
};

static void compare(struct str text, struct pattern_run *r, struct figures *f)
{
    struct buf group = { 0 }, why = { 0 }, t = { 0 };
    buf_addz(&group, "(?:");
    buf_add_str(&group, text);
    buf_addc(&group, ')');
    struct pattern *p = pattern_new(text, NULL, &why);
    struct pattern *q = p ? pattern_new(buf_str(&group), NULL, &why) : NULL;
    struct simple *s = q ? simple_new(text) : NULL;
    f->tried += q != NULL;
    f->simple += s != NULL;
    for (int i = 0; s && i < 40; i++) {
        make_subject(&t);
        int have = match(p, r, buf_str(&t)), want = match(q, r, buf_str(&t));
        f->matches += have == 1;
        CHECK(have == want);
        if (have != want)
            printf("# pattern %.*s on '%.*s': %d\n", STR_ARG(text),
                   STR_ARG(buf_str(&t)), have);
    }
    simple_free(s);
    pattern_free(p);
    pattern_free(q);
    buf_free(&group);
    buf_free(&why);
    buf_free(&t);
}

TEST("simple patterns match what PCRE2 matches")
{
    struct pattern_run *r = pattern_run_new();
    struct figures f = { 0 };
    struct buf p = { 0 };
    for (int i = 0; i < 20000; i++) {
        make_pattern(&p);
        compare(buf_str(&p), r, &f);
    }
    /* The comparison was one: many were simple, and many subjects matched. */
    CHECK(f.simple > 4000 && f.simple < f.tried);
    CHECK(f.matches > 5000);
    printf("# %u patterns, %u simple, %u matches\n", f.tried, f.simple,
           f.matches);
    buf_free(&p);
    pattern_run_free(r);
}

static bool is_simple(const char *text)
{
    struct simple *s = simple_new(str_of(text));
    simple_free(s);
    return s != NULL;
}

TEST("the patterns of real schemas are simple")
{
    static const char *const good[] = {
        "^O[0-9]{8}-[0-9]{7,}$",
        "^[A-Z]{2}$",
        "^\\d+$",
        "^(web|app|store|phone)$",
        "^(?:GET|POST)$",
        "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"
        "[0-9a-fA-F]{12}$",
        "^[a-z][a-z0-9_]*$",
        "^\\+?[1-9]\\d{1,14}$",
        "^https://",
        "^$",
        "^\\d{4}-\\d{2}-\\d{2}$",
        "^.{1,64}$",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        CHECK(is_simple(good[i]) || (printf("# %s\n", good[i]), 0));
}

TEST("patterns with a choice of ways are left to PCRE2")
{
    static const char *const other[] = {
        "[0-9]",    "^a+a$",        "^\\w+\\d$", "^[a-z]*.b$", "^(a+)+$",
        "^a|b$",    "^(a|b)c$",     "^a*?$",     "^a*b?a$",    "^(a)(b)$",
        "^[\\w-a]", "^\\p{L}+$",    "^(a$|b)$",  "^\\bfoo",    "^(?=a)a$",
        "^[a-b-c]", "^[[:alpha:]]", "^a{,2}$",   "^\\x61$",    "^\xc3\xa4$",
    };
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
        CHECK(!is_simple(other[i]) || (printf("# %s\n", other[i]), 0));
}

UNIT_MAIN
