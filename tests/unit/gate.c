#include "unit.h"

#include "quality/gate.h"

/* The error of text: the first line of the message without "--expect: ", or ""
 * where it is a gate. */
static const char *wrong(const char *text)
{
    static char out[400];
    struct gate g;
    struct err e = { 0 };
    out[0] = '\0';
    if (gate_parse(&g, text, &e)) {
        CHECK(e.code == ERR_USAGE);
        CHECK(strncmp(e.msg, "--expect: ", 10) == 0);
        snprintf(out, sizeof(out), "%.*s", (int)strcspn(e.msg + 10, "\n"),
                 e.msg + 10);
    }
    gate_free(&g);
    return out;
}

/* "NAME|LABEL|MEASURE AS WRITTEN|BOUND AS WRITTEN", "warn " before it. */
static const char *parts(const char *text)
{
    static char out[1100];
    struct gate g;
    struct err e = { 0 };
    if (gate_parse(&g, text, &e))
        snprintf(out, sizeof(out), "! %s", e.msg);
    else
        snprintf(out, sizeof(out), "%s%.*s|%.*s|%.*s|%.*s",
                 g.rule.warn ? "warn " : "", STR_ARG(g.rule.name),
                 STR_ARG(buf_str(&g.label)), STR_ARG(g.shows),
                 STR_ARG(g.wants));
    gate_free(&g);
    return out;
}

TEST("measures, bounds and names are taken apart")
{
    CHECK_STR(parts("rows >= 1"), "rows >= 1|rows|rows|>= 1");
    CHECK_STR(parts(" few : rows >= 1"),
              "! --expect: measure expected: rows, "
              "rejects, reject share, null, missing, "
              "distinct or duplicate share or count "
              "of, share or count of, sum, mean, "
              "min, max or stddev of, newest, "
              "unique, values of at byte 2\n"
              "   few : rows >= 1\n   ^");
    CHECK_STR(parts("few: rows >= 1 "), "few|rows|rows|>= 1");
    CHECK_STR(parts("warn: rows >= 1"), "warn rows >= 1|rows|rows|>= 1");
    CHECK_STR(parts("WARN:few-1.x:rows>=1"), "warn few-1.x|rows|rows|>=1");
    CHECK_STR(parts("NULL  SHARE of a.b[0] <= 5%"),
              "NULL  SHARE of a.b[0] <= 5%|null share of /a/b/0|"
              "NULL  SHARE of a.b[0]|<= 5%");
    CHECK_STR(parts("m: mean of \"odd \"\"name\".x between 1 and 2"),
              "m|mean of /odd \"name/x|mean of \"odd \"\"name\".x|"
              "between 1 and 2");
    CHECK_STR(parts("m: avg of /a~1b/0 within 30% of baseline"),
              "m|mean of /a~1b/0|avg of /a~1b/0|within 30% of baseline");
    CHECK_STR(parts("u: unique a, b.c"), "u||unique a, b.c|no repeats");
    CHECK_STR(parts("v: values of s in ('a', 'it''s', -1.5, TRUE)"),
              "v||values of s|in ('a', 'it''s', -1.5, TRUE)");
    CHECK_STR(parts("v: values of s in a file.txt"),
              "v||values of s|in a file.txt");
    CHECK_STR(parts("n: newest at within 2h of now"),
              "n||newest at|within 2h of now");
    CHECK_STR(parts("missing count of between between 0 and 3"),
              "missing count of between between 0 and 3|"
              "missing count of /between|missing count of between|"
              "between 0 and 3");
    CHECK_STR(parts("d: duplicate share of a, \"b c\" < 1%"),
              "d|duplicate share of /a, /b c|duplicate share of a, \"b c\"|"
              "< 1%");
    CHECK_STR(parts("c: count of a  NOT in (NULL, 'x') < 5"),
              "c|count of /a NOT in (NULL, 'x')|"
              "count of a  NOT in (NULL, 'x')|< 5");
    CHECK_STR(parts("c: share of a in 'f' between 0 and 1"),
              "c|share of /a in 'f'|share of a in 'f'|between 0 and 1");
    CHECK_STR(parts("c: count of a matching '^it''s \\d+$' = 0"),
              "c|count of /a matching '^it''s \\d+$'|"
              "count of a matching '^it''s \\d+$'|= 0");
}

static bool range_is(const char *text, const char *low, const char *high)
{
    struct gate g;
    struct err e = { 0 };
    struct buf out = { 0 };
    bool good = gate_parse(&g, text, &e) == 0;
    if (good) {
        if (g.bound.has_low)
            decimal_format(&out, &g.bound.low);
        good = strcmp(buf_z(&out), low) == 0;
        buf_reset(&out);
        if (g.bound.has_high)
            decimal_format(&out, &g.bound.high);
        good = good && strcmp(buf_z(&out), high) == 0;
    }
    buf_free(&out);
    gate_free(&g);
    return good;
}

TEST("bounds are exact; a percentage is a hundredth")
{
    CHECK(range_is("rows between 900 and 1100", "900", "1100"));
    CHECK(range_is("rows = 5", "5", "5"));
    CHECK(range_is("rows < 5", "", "5"));
    CHECK(range_is("null share of a <= 5%", "", "0.05"));
    CHECK(range_is("null share of a <= 0.125%", "", "0.00125"));
    CHECK(range_is("distinct share of a >= 1", "1", ""));
    CHECK(range_is("rows > 5 and <= 7", "5", "7"));
    CHECK(range_is("rows < 5 or >= 7", "5", "7"));
    CHECK(range_is("sum of a between -12345678901234567890123456789012345678901"
                   " and 0.10",
                   "-12345678901234567890123456789012345678901", "0.10"));
}

TEST("values in a list become JSON")
{
    struct gate g;
    struct err e = { 0 };
    CHECK(gate_parse(&g, "values of s in ('a\"b', 'it''s', 1.50, true, FALSE)",
                     &e) == 0);
    CHECK_STR(buf_z(&g.values), "\"a\\\"b\"\n\"it's\"\n1.50\ntrue\nfalse\n");
    gate_free(&g);
    CHECK(gate_parse(&g, "values of s in 'it''s a file'", &e) == 0);
    CHECK_STR(buf_z(&g.file), "it's a file");
    gate_free(&g);
}

TEST("mistakes are told with their byte")
{
    CHECK_STR(wrong(""), "nothing to judge at byte 1");
    CHECK_STR(wrong("warn: x:"), "nothing to judge at byte 9");
    CHECK_STR(wrong("rows"),
              "bound expected: a comparison, 'between' or 'within' at byte 5");
    CHECK_STR(wrong("rowss > 1") + 1, "easure expected: rows, rejects, reject "
                                      "share, null, missing, distinct or "
                                      "duplicate share or count of, share or "
                                      "count of, sum, mean, min, max or stddev "
                                      "of, newest, unique, values of at byte "
                                      "1");
    CHECK_STR(wrong("rows > "), "number expected at byte 7");
    CHECK_STR(wrong("rows > 01"), "not a number as JSON writes it at byte 8");
    CHECK_STR(wrong("rows > 5 x"), "end expected at byte 10");
    CHECK_STR(wrong("rows > 5%"), "a percentage is for shares only at byte 8");
    CHECK_STR(wrong("rows > 5 or < 6"), "end expected at byte 10");
    CHECK_STR(wrong("rows >= 5 and > 6"), "'<' expected at byte 15");
    CHECK_STR(wrong("rows > 5 and < 4"),
              "upper bound is below the lower one at byte 14");
    CHECK_STR(wrong("rows < 5 or > 4"),
              "upper bound is below the lower one at byte 13");
    CHECK_STR(wrong("count a = 1"), "'of' expected at byte 7");
    CHECK_STR(wrong("count of a = 1"),
              "'in' or 'matching' expected at byte 12");
    CHECK_STR(wrong("count of a in f = 1"),
              "list of values, or a file in quotes, expected at byte 15");
    CHECK_STR(wrong("count of a in (NUL) = 1"),
              "string, number, TRUE, FALSE or NULL expected at byte 16");
    CHECK_STR(wrong("values of a in (NULL)"),
              "string, number, TRUE or FALSE expected at byte 17");
    CHECK_STR(wrong("count of a matching x = 1"),
              "regular expression in quotes expected at byte 21");
    CHECK(strstr(wrong("count of a matching '(' = 1"), "at byte 21"));
    CHECK_STR(wrong("share of a in (1) < 2"),
              "a share is from 0 to 1, or 0% to 100% at byte 21");
    CHECK_STR(wrong("rows between 5 or 6"), "'and' expected at byte 16");
    CHECK_STR(wrong("rows between 6 and 5"),
              "upper bound is below the lower one at byte 20");
    CHECK_STR(wrong("rows within 30 of baseline"),
              "percentage expected at byte 13");
    CHECK_STR(wrong("rows within -3% of baseline"),
              "percentage expected at byte 13");
    CHECK_STR(wrong("null share of a <= 5"),
              "a share is from 0 to 1, or 0% to 100% at byte 20");
    CHECK_STR(wrong("null part of a <= 5"),
              "'share' or 'count' expected at byte 6");
    CHECK_STR(wrong("mean amount > 1"), "'of' expected at byte 6");
    CHECK_STR(wrong("mean of > 1"), "field expected at byte 9");
    CHECK_STR(wrong("mean of a..b > 1"),
              "field path 'a..b': empty key at byte 3 at byte 9");
    CHECK_STR(wrong("mean of \"a > 1"), "name without closing '\"' at byte 9");
    CHECK_STR(wrong("mean of \"a\"b > 1"), "'.' or '[' expected at byte 12");
    CHECK_STR(wrong("unique a, a"), "field is given twice at byte 11");
    CHECK_STR(wrong("unique a, "), "field expected at byte 10");
    CHECK_STR(wrong("values of s"), "'in' expected at byte 12");
    CHECK_STR(wrong("values of s in"),
              "file or list of values expected at byte 15");
    CHECK_STR(wrong("values of s in -"),
              "standard input has the records at byte 16");
    CHECK_STR(wrong("values of s in ('a' 'b')"), "')' expected at byte 21");
    CHECK_STR(wrong("values of s in ('a', b)"),
              "string, number, TRUE or FALSE expected at byte 22");
    CHECK_STR(wrong("values of s in ('a"),
              "string without closing quote at byte 17");
    CHECK_STR(wrong("newest t within 2 of now"),
              "time expected, such as 30m, 2h or 1d at byte 17");
    CHECK_STR(wrong("newest t within 36526d of now"),
              "more than a century at byte 17");
    CHECK_STR(wrong("newest t within 99999999999999999999ms of now"),
              "time expected, such as 30m, 2h or 1d at byte 17");
    CHECK_STR(wrong("newest t within 2h of then"),
              "'date' or 'now' expected at byte 23");
    CHECK_STR(wrong("newest t within 10% of baseline"),
              "time expected, such as 30m, 2h or 1d at byte 17");
}

TEST("the caret stands below the byte")
{
    struct gate g;
    struct err e = { 0 };
    CHECK(gate_parse(&g, "few: rows betwen 1 and 2", &e) == -1);
    CHECK_STR(e.msg, "--expect: bound expected: a comparison, 'between' or "
                     "'within' at byte 11\n"
                     "  few: rows betwen 1 and 2\n"
                     "            ^");
    gate_free(&g);
}

TEST("text that is not UTF-8 or too long is refused")
{
    static char longer[RULE_TEXT_MAX + 2];
    struct gate g;
    struct err e = { 0 };
    CHECK(gate_parse(&g, "mean of \xff > 1", &e) == -1 && e.code == ERR_USAGE);
    gate_free(&g);
    memset(longer, 'x', sizeof(longer) - 1);
    CHECK(gate_parse(&g, longer, &e) == -1 && e.code == ERR_USAGE);
    gate_free(&g);
}

TEST("every beginning of a gate is an error or a gate, and nothing else")
{
    static const char *const gates[] = {
        "warn: n.1: null share of \"a b\".c[12] between 1.5% and 1e-1",
        "values of /a/b in ('x', 1, true, 'it''s')",
        "newest t within 200ms of date",
        "mean of x within 12.5% of baseline",
    };
    for (size_t i = 0; i < sizeof(gates) / sizeof(*gates); i++)
        for (size_t n = 0; n <= strlen(gates[i]); n++) {
            char text[100];
            struct gate g;
            struct err e = { 0 };
            snprintf(text, n + 1, "%s", gates[i]);
            CHECK(gate_parse(&g, text, &e) == 0 || e.code == ERR_USAGE);
            CHECK(n < strlen(gates[i]) || e.code == ERR_NONE);
            gate_free(&g);
        }
}

UNIT_MAIN
