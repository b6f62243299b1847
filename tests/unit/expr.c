#include "calc.h"

#include <stdlib.h>

TEST("decimals are exact and keep their scale")
{
    CHECK_STR(calc("0.1 + 0.2"), "0.3");
    CHECK_STR(calc("1.10 + 1"), "2.10");
    CHECK_STR(calc("1.10 * 3"), "3.30");
    CHECK_STR(calc("10 / 4"), "2.5");
    CHECK_STR(calc("1 / 3"), "0.3333333333333333333333333333333333");
    CHECK_STR(calc("12345678901234567890123 + 1"), "12345678901234567890124");
    CHECK_STR(calc("-(2 - 5)"), "3");
    CHECK_STR(calc("- -2"), "2");
    CHECK_STR(calc("1e400 * 1"), "1e400");
    CHECK_STR(calc("99999999999999999999999999999999999999 * "
                   "99999999999999999999999999999999999999"),
              "99999999999999999999999999999999999998"
              "00000000000000000000000000000000000001");
    CHECK_STR(value("{\"avg\":12.30,\"n\":7,\"d\":100}",
                    "round(avg * n * d / 365 * 2, 2)"),
              "47.18");
}

TEST("operators bind as in SQL")
{
    CHECK_STR(calc("1 + 2 * 3"), "7");
    CHECK_STR(calc("(1 + 2) * 3"), "9");
    CHECK_STR(calc("10 - 4 - 3"), "3");
    CHECK_STR(calc("100 / 10 / 5"), "2");
    CHECK_STR(calc("-2 * -3"), "6");
    CHECK_STR(calc("1 + 1 = 2"), "true");
    CHECK_STR(calc("TRUE OR FALSE AND FALSE"), "true");
    CHECK_STR(calc("NOT 1 = 2"), "true");
    CHECK_STR(calc("NOT TRUE OR TRUE"), "true");
    CHECK_STR(calc("1 = NULL IS NULL"), "true");
    CHECK_STR(calc("'a' || 'b' = 'ab'"), "true");
    CHECK_STR(calc("1 BETWEEN 0 AND 2 AND 3 > 2"), "true");
    CHECK_STR(calc("not true is null"), "true");
}

TEST("a bare field copies its bytes")
{
    const char *r =
        "{\"a\":1.10,\"b\":{\"c\":[10, -0 ,1e400]},\"s\":\"\\u00e9x\","
        "\"odd name\":[1, 2],\"\":7,\"q\\\"q\":8,\"end\":{\"is\":9},"
        "\"\xc3\xa9\":5}";
    CHECK_STR(value(r, "a"), "1.10");
    CHECK_STR(value(r, "b.c[1]"), "-0");
    CHECK_STR(value(r, "b . c [ 2 ]"), "1e400");
    CHECK_STR(value(r, "b.c[3]"), "(missing)");
    CHECK_STR(value(r, "s"), "\"\\u00e9x\"");
    CHECK_STR(value(r, "\"odd name\""), "[1, 2]");
    CHECK_STR(value(r, "\"\""), "7");
    CHECK_STR(value(r, "\"q\"\"q\""), "8");
    CHECK_STR(value(r, "\"end\".is"), "9");
    CHECK_STR(value(r, "\xc3\xa9"), "5");
    CHECK_STR(value(r, "A"), "(missing)");
    CHECK_STR(value("{\"a\":12345678901234567890123}", "a"),
              "12345678901234567890123");
    CHECK_STR(value("{\"a\":1,\"a\":2}", "a"), "2");
}

TEST("literals pass as they are written")
{
    CHECK_STR(calc("1.10"), "1.10");
    CHECK_STR(calc("1e9999"), "1e9999");
    CHECK_STR(calc("'it''s'"), "\"it's\"");
    CHECK_STR(calc("'a\"b\\c'"), "\"a\\\"b\\\\c\"");
    CHECK_STR(calc("''"), "\"\"");
    CHECK_STR(calc("True"), "true");
    CHECK_STR(calc("null"), "null");
    CHECK_STR(calc("MISSING"), "(missing)");
}

TEST("AND, OR and NOT are three-valued")
{
    static const char *const v[] = { "FALSE", "NULL", "TRUE" };
    static const char *const out[] = { "false", "null", "true" };
    char text[64], record[64];
    for (int a = 0; a < 3; a++) {
        snprintf(text, sizeof(text), "NOT %s", v[a]);
        CHECK_STR(calc(text), out[2 - a]);
        for (int b = 0; b < 3; b++) {
            /* Once folded, once from a record. */
            snprintf(text, sizeof(text), "%s AND %s", v[a], v[b]);
            CHECK_STR(calc(text), out[a < b ? a : b]);
            snprintf(text, sizeof(text), "%s OR %s", v[a], v[b]);
            CHECK_STR(calc(text), out[a > b ? a : b]);
            snprintf(record, sizeof(record), "{\"a\":%s,\"b\":%s}", out[a],
                     out[b]);
            CHECK_STR(value(record, "a AND b"), out[a < b ? a : b]);
            CHECK_STR(value(record, "a OR b"), out[a > b ? a : b]);
            CHECK_STR(value(record, "a OR b OR a"), out[a > b ? a : b]);
            CHECK_STR(value(record, "a AND b AND b"), out[a < b ? a : b]);
        }
    }
    CHECK_STR(calc("NULL = NULL"), "null");
    CHECK_STR(calc("NULL <> 1"), "null");
    CHECK_STR(value("{}", "x = 1"), "null");
    CHECK_STR(value("{}", "x OR TRUE"), "true");
}

TEST("what decides first spares the rest")
{
    CHECK_STR(value("{\"a\":\"x\"}", "a IS NULL AND a > 1"), "false");
    CHECK_STR(value("{\"a\":0}", "a = 0 OR 1 / a > 1"), "true");
    CHECK_STR(value("{\"a\":0}", "1 / a > 1 OR a = 0"), "!division_by_zero");
    CHECK_STR(value("{\"a\":0}", "CASE WHEN a = 0 THEN 0 ELSE 1 / a END"), "0");
    CHECK_STR(value("{\"a\":0}", "coalesce(a, 1 / 0)"), "0");
}

TEST("null and missing are told apart by IS alone")
{
    const char *r = "{\"n\":null,\"a\":1,\"t\":true,\"f\":false}";
    CHECK_STR(value(r, "n IS NULL"), "true");
    CHECK_STR(value(r, "m IS NULL"), "true");
    CHECK_STR(value(r, "n IS MISSING"), "false");
    CHECK_STR(value(r, "m IS MISSING"), "true");
    CHECK_STR(value(r, "a IS NOT NULL"), "true");
    CHECK_STR(value(r, "m IS NOT NULL"), "false");
    CHECK_STR(value(r, "n IS NOT MISSING"), "true");
    CHECK_STR(value(r, "n + 1"), "null");
    CHECK_STR(value(r, "m + 1"), "null");
    CHECK_STR(value(r, "-m"), "null");
    CHECK_STR(value(r, "upper(m)"), "null");
    CHECK_STR(value(r, "t IS TRUE"), "true");
    CHECK_STR(value(r, "n IS TRUE"), "false");
    CHECK_STR(value(r, "n IS NOT FALSE"), "true");
    CHECK_STR(value(r, "a IS TRUE"), "false");
}

TEST("comparison is by value, and never across types")
{
    const char *r = "{\"i\":1,\"d\":1.0,\"s\":\"1\",\"e\":\"\\u0061\","
                    "\"big\":1e9999,\"o\":{},\"t\":true}";
    CHECK_STR(value(r, "i = d"), "true");
    CHECK_STR(value(r, "i == 1e0"), "true");
    CHECK_STR(value(r, "i != 2"), "true");
    CHECK_STR(value(r, "e = 'a'"), "true");
    CHECK_STR(value(r, "'a' < 'b'"), "true");
    CHECK_STR(value(r, "'Z' < 'a'"), "true");
    CHECK_STR(value(r, "'a' < 'aa'"), "true");
    CHECK_STR(value(r, "'2024-02-01' > '2024-01-31'"), "true");
    CHECK_STR(value(r, "2 < 10"), "true");
    CHECK_STR(value(r, "t > FALSE"), "true");
    CHECK_STR(value(r, "s = 1"), "!expr_type");
    CHECK_STR(value(r, "t = 1"), "!expr_type");
    CHECK_STR(value(r, "o = o"), "!expr_type");
    CHECK_STR(value(r, "s < i"), "!expr_type");
    CHECK_STR(value(r, "s = NULL"), "null");
    CHECK_STR(value(r, "big > 1"), "!number_range");
    CHECK_STR(value(r, "big"), "1e9999");
}

TEST("a fault says what is wrong, where, and in which field")
{
    CHECK_STR(fault("{\"a\":{\"b/c\":\"x\"}}", "a.\"b/c\" < 3", "/a/b~1c"),
              "cannot compare string \"x\" with number 3 (--set c, byte 9)");
    CHECK_STR(fault("{\"l\":[1,true]}", "2 * l[1]", "/l/1"),
              "'*' needs numbers, not boolean (--set c, byte 3)");
    CHECK_STR(fault("{\"a\":0}", "1 / a", ""),
              "division by zero (--set c, byte 3)");
    CHECK_STR(fault("{\"a\":1e9000}", "1 + a", "/a"),
              "number 1e9000 is too large or too small to compute with "
              "(--set c, byte 3)");
    CHECK_STR(fault("{\"a\":1e6000}", "a * a", ""),
              "result is outside the range of numbers (--set c, byte 3)");
    CHECK_STR(fault("{\"a\":\"31.12.2024\"}", "date(a)", "/a"),
              "string \"31.12.2024\" is neither a date nor a date-time "
              "(--set c, byte 1)");
    CHECK_STR(fault("{\"a\":5}", "NOT a", "/a"),
              "a condition must be a boolean, not number 5 (--set c, byte 1)");
    CHECK_STR(fault("{\"a\":\"a long text that goes on and on and on, 50+ "
                    "bytes\"}",
                    "-a", "/a"),
              "'-' needs a number, not string \"a long text that goes on and "
              "on and on, ...\" (--set c, byte 1)");
}

TEST("IN, BETWEEN and LIKE follow SQL, NULL included")
{
    CHECK_STR(value("{\"a\":2}", "a IN (1, 2.0, 3)"), "true");
    CHECK_STR(value("{\"a\":4}", "a IN (1, 2, 3)"), "false");
    CHECK_STR(value("{\"a\":4}", "a NOT IN (1, 2, 3)"), "true");
    CHECK_STR(value("{\"a\":4}", "a IN (1, NULL)"), "null");
    CHECK_STR(value("{\"a\":1}", "a IN (1, NULL)"), "true");
    CHECK_STR(value("{}", "a IN (1)"), "null");
    CHECK_STR(value("{\"a\":4,\"b\":4}", "a IN (1, b)"), "true");
    CHECK_STR(value("{\"a\":-4}", "a IN (-5, -4)"), "true");
    CHECK_STR(value("{\"a\":\"x\"}", "a IN ('y', 'x')"), "true");
    CHECK_STR(value("{\"a\":\"x\"}", "a IN (1)"), "!expr_type");
    CHECK_STR(value("{\"a\":5}", "a BETWEEN 1 AND 5"), "true");
    CHECK_STR(value("{\"a\":6}", "a BETWEEN 1 AND 5"), "false");
    CHECK_STR(value("{\"a\":6}", "a NOT BETWEEN 1 AND 5"), "true");
    CHECK_STR(value("{\"a\":0}", "a BETWEEN 1 AND NULL"), "false");
    CHECK_STR(value("{\"a\":3}", "a BETWEEN 1 AND NULL"), "null");
    CHECK_STR(calc("'abc' LIKE 'a%'"), "true");
    CHECK_STR(calc("'abc' LIKE 'A%'"), "false");
    CHECK_STR(calc("'abc' LIKE '_b_'"), "true");
    CHECK_STR(calc("'\xc3\xa9' LIKE '_'"), "true");
    CHECK_STR(calc("'abc' NOT LIKE '%d%'"), "true");
    CHECK_STR(calc("'' LIKE '%'"), "true");
    CHECK_STR(calc("'' LIKE '_'"), "false");
    CHECK_STR(calc("'a%c' LIKE 'a!%c' ESCAPE '!'"), "true");
    CHECK_STR(calc("'abc' LIKE 'a!%c' ESCAPE '!'"), "false");
    CHECK_STR(calc("'aXbXbc' LIKE '%Xb_'"), "true");
    CHECK_STR(calc("'x' LIKE NULL"), "null");
    CHECK_STR(calc("'x' LIKE 'x' ESCAPE 'no'"), "!expr_type");
}

TEST("CASE, COALESCE, NULLIF and CAST choose and convert")
{
    const char *r = "{\"a\":2,\"s\":\"1.10\",\"n\":null}";
    CHECK_STR(value(r, "CASE WHEN a = 1 THEN 'x' WHEN a = 2 THEN 'y' END"),
              "\"y\"");
    CHECK_STR(value(r, "CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' ELSE 'z' END"),
              "\"y\"");
    CHECK_STR(value(r, "CASE a WHEN 3 THEN 'x' ELSE 'z' END || '!'"), "\"z!\"");
    CHECK_STR(value(r, "CASE WHEN n = 1 THEN 1 END"), "null");
    CHECK_STR(value(r, "CASE WHEN a = 2 THEN MISSING ELSE 1 END"), "(missing)");
    CHECK_STR(value(r, "coalesce(m, n, a, 9)"), "2");
    CHECK_STR(value(r, "coalesce(m, n)"), "null");
    CHECK_STR(value(r, "coalesce(n, m)"), "(missing)");
    CHECK_STR(value(r, "nullif(a, 2.0)"), "null");
    CHECK_STR(value(r, "nullif(a, 3)"), "2");
    CHECK_STR(value(r, "nullif(n, 3)"), "null");
    CHECK_STR(value(r, "cast(s AS number)"), "1.10");
    CHECK_STR(value(r, "cast(s AS decimal) + 1"), "2.10");
    CHECK_STR(value(r, "cast(' 7 ' AS number)"), "7");
    CHECK_STR(value(r, "cast('007' AS number)"), "!expr_cast");
    CHECK_STR(value(r, "cast('' AS number)"), "!expr_cast");
    CHECK_STR(value(r, "cast(a AS string) || s"), "\"21.10\"");
    CHECK_STR(value(r, "cast(0.10 + a AS text)"), "\"2.10\"");
    CHECK_STR(value(r, "cast('true' AS boolean)"), "true");
    CHECK_STR(value(r, "cast(a AS boolean)"), "!expr_cast");
    CHECK_STR(value(r, "cast(n AS number)"), "null");
}

TEST("functions for numbers and text")
{
    CHECK_STR(calc("round(2.345, 2)"), "2.35");
    CHECK_STR(calc("round(-2.5)"), "-3");
    CHECK_STR(calc("ROUND(1250, -2)"), "1300");
    CHECK_STR(calc("round(1, 1.5)"), "!expr_type");
    CHECK_STR(calc("round(1, 99999)"), "!expr_type");
    CHECK_STR(calc("abs(-1.50)"), "1.50");
    CHECK_STR(calc("floor(-1.5)"), "-2");
    CHECK_STR(calc("floor(1.99)"), "1");
    CHECK_STR(calc("ceil(-1.5)"), "-1");
    CHECK_STR(calc("ceil(1.01)"), "2");
    CHECK_STR(calc("ceil(2.00)"), "2");
    CHECK_STR(calc("lower('A\xc3\x89Z')"), "\"a\xc3\xa9z\"");
    CHECK_STR(calc("upper('a\xc3\xa9z')"), "\"A\xc3\x89Z\"");
    CHECK_STR(calc("trim('  a b ')"), "\"a b\"");
    CHECK_STR(calc("length('\xc3\xa9\xf0\x9f\x98\x80')"), "2");
    CHECK_STR(value("{\"a\":[1,[2,3]]}", "length(a)"), "2");
    CHECK_STR(value("{\"a\":\"\\u00e9\\n\"}", "length(a)"), "2");
    CHECK_STR(value("{\"a\":\"x\\n\\u00c9\\\"\"}", "lower(a) || '-'"),
              "\"x\\n\xc3\xa9\\\"-\"");
    CHECK_STR(calc("lower(1)"), "!expr_type");
    CHECK_STR(calc("length(1)"), "!expr_type");
}

TEST("a lone surrogate stays an escape when its string is changed")
{
    CHECK_STR(value("{\"a\":\"X\\ud800Y\\udfff\"}", "lower(a)"),
              "\"x\\ud800y\\udfff\"");
    CHECK_STR(value("{\"a\":\"\\ud800\"}", "a || '\xed\x95\x9c'"),
              "\"\\ud800\xed\x95\x9c\"");
    CHECK_STR(value("{\"a\":\"\\ud83d\\ude00\"}", "a || ''"),
              "\"\xf0\x9f\x98\x80\"");
}

TEST("dates are days in the zone of the run")
{
    struct expr_env berlin = { .tz = "Europe/Berlin" };
    const char *r = "{\"t\":\"2024-03-31T23:30:00Z\"}";
    CHECK_STR(value(r, "date(t)"), "\"2024-03-31\"");
    CHECK_STR(value_in(&berlin, r, "date(t)"), "\"2024-04-01\"");
    CHECK_STR(calc("date('2024-02-29')"), "\"2024-02-29\"");
    CHECK_STR(calc("date('2010-12-01 08:26:00')"), "\"2010-12-01\"");
    CHECK_STR(value_in(&berlin, "{}", "date('2010-12-01 23:26:00')"),
              "\"2010-12-01\"");
    CHECK_STR(calc("days('2024-03-01', '2024-02-28')"), "2");
    CHECK_STR(calc("days('2024-02-28', '2024-03-01')"), "-2");
    CHECK_STR(calc("days('2024-03-01T00:00:00Z', '2024-02-29T23:59:59Z')"),
              "1");
    CHECK_STR(calc("days('2010-12-09', '2010-12-01') + 1"), "9");
    CHECK_STR(calc("days(NULL, '2024-02-28')"), "null");
    CHECK_STR(calc("seconds('2024-03-01', '2024-02-28')"), "172800");
    CHECK_STR(calc("seconds('2024-03-01T00:00:00+01:00', '2024-03-01')"),
              "-3600");
    CHECK_STR(calc("seconds('2024-03-01 00:00:00.25', '2024-03-01T00:00:00Z')"),
              "0.25");
    CHECK_STR(value_in(&berlin, "{\"t\":\"2024-03-01T00:00:00\"}",
                       "seconds(t, '2024-03-01T00:00:00Z')"),
              "-3600");
    CHECK_STR(calc("seconds(MISSING, '2024-02-28')"), "null");
    CHECK_STR(calc("seconds('2024-02-28', 'soon')"), "!expr_date");
    CHECK_STR(calc("seconds(1, '2024-02-28')"), "!expr_type");
    CHECK_STR(calc("date('2023-02-29')"), "!expr_date");
    CHECK_STR(calc("date('0000-01-01T00:00:00+01:00')"), "!expr_date");
    CHECK_STR(calc("date(20240229)"), "!expr_type");
}

TEST("the run's interval is there as variables, if there is one")
{
    struct expr_env env = { .date = STR("2024-05-01"),
                            .start = STR("2024-05-01T00:00:00Z"),
                            .end = STR("2024-05-02T00:00:00Z") };
    CHECK_STR(value_in(&env, "{\"d\":\"2024-04-21\"}", "days($date, d)"), "10");
    CHECK_STR(value_in(&env, "{\"t\":\"2024-05-01T12:00:00Z\"}",
                       "t >= $start AND t < $end"),
              "true");
    CHECK_STR(usage("days($date, d)"), "--where: $date needs --date at byte 6\n"
                                       "  days($date, d)\n"
                                       "       ^");
    CHECK_STR(calc("$today"),
              "test: unknown variable (there are $date, $start and $end) at "
              "byte 1");
}

TEST("a usage error points at the byte")
{
    CHECK_STR(usage("status = )"),
              "--where: a value expected, not ')' at byte 10\n"
              "  status = )\n"
              "           ^");
    CHECK_STR(usage("a = "),
              "--where: a value expected, but the expression ends at byte 5\n"
              "  a = \n"
              "      ^");
    CHECK_STR(usage(""),
              "--where: a value expected, but the expression ends at byte 1\n"
              "  \n"
              "  ^");
    CHECK_STR(usage("\xc3\xa9 = \xc3\xa9 b"),
              "--where: an operator or the end expected, not 'b' at byte 9\n"
              "  \xc3\xa9 = \xc3\xa9 b\n"
              "        ^");
    CHECK_STR(usage("a\n= 'x"),
              "--where: string without closing quote at byte 5\n"
              "  a = 'x\n"
              "      ^");
    CHECK_STR(calc("a < b < c"), "test: comparisons cannot be chained: use AND "
                                 "or parentheses at byte 7");
    CHECK_STR(calc("nope(1)"), "test: unknown function at byte 1");
    CHECK_STR(calc("days(1)"), "test: days takes 2 arguments, not 1 at byte 1");
    CHECK_STR(calc("round()"),
              "test: round takes 1 to 2 arguments, not 0 at byte 1");
    CHECK_STR(calc("1 +"),
              "test: a value expected, but the expression ends at byte 4");
    CHECK_STR(calc("1 2"),
              "test: an operator or the end expected, not '2' at byte 3");
    CHECK_STR(calc("(1"),
              "test: ')' expected, but the expression ends at byte 3");
    CHECK_STR(calc("a.[0]"), "test: a field name expected, not '[' at byte 3");
    CHECK_STR(calc("a[-1]"),
              "test: an index (0 or more) expected, not '-' at byte 3");
    CHECK_STR(calc("a[1.5]"),
              "test: an index (0 or more) expected, not '1.5' at byte 3");
    CHECK_STR(calc("007"), "test: number with leading zero at byte 1");
    CHECK_STR(calc("1."), "test: digit expected behind the point at byte 3");
    CHECK_STR(calc("1e"), "test: digit of the exponent expected at byte 3");
    CHECK_STR(calc("12ab"), "test: letter in a number at byte 3");
    CHECK_STR(calc("a ; b"), "test: unexpected character at byte 3");
    CHECK_STR(calc("1 -- 2"), "test: '--' (put a space between two minus "
                              "signs) at byte 3");
    CHECK_STR(calc("a NOT 1"),
              "test: IN, BETWEEN or LIKE expected, not '1' at byte 7");
    CHECK_STR(calc("a IS 1"),
              "test: NULL, MISSING, TRUE or FALSE expected, not '1' at byte 6");
    CHECK_STR(calc("CASE END"), "test: a value expected, not 'END' at byte 6");
    CHECK_STR(calc("CASE WHEN 1 THEN 2"),
              "test: WHEN, ELSE or END expected, but the expression ends at "
              "byte 19");
    CHECK_STR(calc("CAST(1 AS blob)"),
              "test: NUMBER, INTEGER, DECIMAL, STRING, BOOLEAN, DATE or "
              "TIMESTAMP expected, not 'blob' at byte 11");
    CHECK_STR(calc("end + 1"), "test: a value expected, not 'end' at byte 1");
    CHECK_STR(calc("a = \xff"), "test: invalid UTF-8 at byte 5");
}

TEST("of a long expression the part around the byte is shown")
{
    char text[600];
    memset(text, 'a', sizeof(text));
    text[299] = ' ';
    text[300] = ')';
    text[599] = '\0';
    const char *msg = usage(text);
    const char *line = strchr(msg, '\n');
    CHECK(line != NULL);
    const char *caret = line ? strchr(line + 1, '\n') : NULL;
    CHECK(caret != NULL);
    if (line && caret) {
        CHECK(caret - line < 80);
        CHECK(line[strlen(caret) - 1] == ')');
    }
}

TEST("depth is bounded, length of a chain is not")
{
    enum { N = 20000 };
    static char text[3 * N + 100];
    memset(text, '(', N);
    text[N] = '\0';
    CHECK_STR(calc(text), "test: expression nested too deeply at byte 501");
    memset(text, '-', 1);
    for (int i = 0; i < N; i++)
        memcpy(text + 2 * i, "- ", 2);
    strcpy(text + 2 * N, "1");
    CHECK(strstr(calc(text), "nested too deeply") != NULL);
    for (int i = 0; i < N; i++)
        memcpy(text + 2 * i, "1+", 2);
    strcpy(text + 2 * N, "1");
    CHECK(strstr(calc(text), "nested too deeply") != NULL);
    strcpy(text, "a IN (0");
    for (int i = 0; i < N; i++)
        strcpy(text + 7 + 2 * i, ",2");
    strcpy(text + 7 + 2 * N, ",3)");
    CHECK_STR(value("{\"a\":3}", text), "true");
    strcpy(text, "a");
    for (int i = 0; i < 5000; i++)
        strcpy(text + 1 + 5 * i, " or a");
    CHECK_STR(value("{\"a\":false}", text), "false");
    CHECK_STR(value("{\"a\":true}", text), "true");
    memset(text, ' ', sizeof(text) - 1);
    struct err e = { 0 };
    struct expr_set *x = expr_new(&plain);
    CHECK(expr_add(x, "test", (struct str){ text, 65537 }, &e) == -1);
    expr_free(x);
}

TEST("a condition is TRUE or not; what is no boolean is a fault")
{
    struct expr_set *x = expr_new(&plain);
    struct err e;
    struct expr_fault f;
    CHECK(expr_add(x, "--where", STR("a"), &e) == 0);
    static const struct {
        const char *record;
        int want;
    } cases[] = { { "{\"a\":true}", 1 }, { "{\"a\":false}", 0 },
                  { "{\"a\":null}", 0 }, { "{}", 0 },
                  { "{\"a\":1}", -1 },   { "{\"a\":\"true\"}", -1 } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        expr_begin(x);
        expr_load(x, str_of(cases[i].record), NULL);
        CHECK(expr_test(x, 0, &f) == cases[i].want);
    }
    CHECK_STR(f.code, "expr_type");
    expr_free(x);
}

TEST("one set serves many expressions, and a bound field changes them")
{
    struct expr_set *x = expr_new(&plain);
    struct err e;
    struct expr_fault f;
    struct val v;
    struct path b;
    CHECK(expr_add(x, "1", STR("a + b"), &e) == 0);
    CHECK(expr_add(x, "2", STR("b * 2"), &e) == 1);
    CHECK(path_parse(&b, STR("b"), &e) == 0);
    int slot = expr_field(x, &b);
    expr_begin(x);
    CHECK(expr_load(x, STR("{\"a\":1,\"b\":2}"), NULL) == 0);
    CHECK(expr_eval(x, 0, &v, &f) == 0 && str_eq(v.raw, STR("3")));
    CHECK(str_eq(expr_slot(x, slot).raw, STR("2")));
    expr_bind(x, slot, v);
    CHECK(expr_eval(x, 1, &v, &f) == 0 && str_eq(v.raw, STR("6")));
    CHECK(!expr_overlaps(x, 1, &b));
    path_free(&b);
    CHECK(path_parse(&b, STR("b.c"), &e) == 0);
    CHECK(expr_overlaps(x, 1, &b));
    path_free(&b);
    CHECK(path_parse(&b, STR("/b"), &e) == 0);
    CHECK(!expr_overlaps(x, 1, &b));
    path_free(&b);
    expr_free(x);
}

TEST("no cut of an expression does harm")
{
    static const char text[] =
        "CASE a.\"b\"[0] WHEN 1.5e1 THEN 'x''y' ELSE NOT c IN (1, -2) OR d "
        "NOT BETWEEN 1 AND 2 || upper(trim('q')) LIKE '_%' ESCAPE '!' AND "
        "coalesce(x, $date, MISSING) IS NOT MISSING END";
    for (size_t n = 0; n < sizeof(text); n++) {
        struct expr_set *x = expr_new(&plain);
        struct err e = { 0 };
        char *copy = malloc(n ? n : 1); /* so that reading past it shows */
        memcpy(copy, text, n);
        int i = expr_add(x, "cut", (struct str){ copy, n }, &e);
        CHECK(i == 0 || (e.code == ERR_USAGE && strchr(e.msg, '^')));
        free(copy);
        expr_free(x);
    }
}

/* ---- what is read */

static void check_reads(const char *text, const char *want)
{
    struct err e = { 0 };
    struct buf out = { 0 };
    struct path p;
    unsigned use;
    size_t at = 0;
    struct expr_set *x = expr_new(&plain);
    /* Another expression of the set is not asked. */
    CHECK(expr_add(x, "first", STR("other + a"), &e) == 0);
    int i = expr_add(x, "test", str_of(text), &e);
    CHECK(i == 1);
    while (i == 1 && expr_reads(x, i, &at, &p, &use)) {
        buf_addz(&out, out.n ? " " : "");
        for (size_t k = 0; k < p.n; k++)
            if (p.steps[k].key.p)
                buf_addf(&out, "%s%.*s", k ? "." : "", STR_ARG(p.steps[k].key));
            else
                buf_addf(&out, "[%zu]", p.steps[k].index);
        buf_addz(&out, use & EXPR_DECIDES ? "?" : "");
        buf_addz(&out, use & EXPR_HIDES ? "#" : "");
    }
    CHECK_STR(buf_z(&out), want);
    CHECK(expr_is_field(x, i) == (strcmp(text, want) == 0 && *want));
    buf_free(&out);
    expr_free(x);
}

TEST("an expression tells which fields it reads, and how")
{
    check_reads("1 + 2", "");
    check_reads("a", "a");
    check_reads("a.b[0]", "a.b[0]");
    check_reads("\"odd name\" || 'x'", "odd name");
    check_reads("a + b * a", "a b a");
    check_reads("sha256(a)", "a#");
    check_reads("mask(upper(a), 4) || b", "a# b");
    check_reads("hmac_sha256(a, k)", "a# k#");
    check_reads("CASE WHEN a > 1 THEN b ELSE c END", "a? b c");
    check_reads("CASE k WHEN a THEN b WHEN 2 THEN sha256(c) END", "k? a? b c#");
    check_reads("CASE WHEN CASE WHEN a THEN b END THEN c END", "a? b? c");
    check_reads("a IN (b, 1) AND c BETWEEN d AND 9", "a b c d");
    check_reads("coalesce(a, b, 0)", "a b");
    check_reads("CAST(a AS number)", "a");
}

UNIT_MAIN
