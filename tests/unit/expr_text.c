#include "calc.h"

#include <sqlite3.h>

#define U "\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80" /* 2, 3 and 4 bytes */

TEST("substr is SQLite's, in every corner")
{
    static const char *const texts[] = { "", "a", "abcdef", U "xyz" };
    sqlite3 *db;
    sqlite3_stmt *st;
    CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "SELECT substr(?1,?2,?3), substr(?1,?2)", -1,
                             &st, NULL) == SQLITE_OK);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        for (int from = -9; from <= 9; from++)
            for (int n = -9; n <= 9; n++) {
                char text[200], want[100], record[100];
                sqlite3_reset(st);
                sqlite3_bind_text(st, 1, texts[i], -1, SQLITE_STATIC);
                sqlite3_bind_int(st, 2, from);
                sqlite3_bind_int(st, 3, n);
                CHECK(sqlite3_step(st) == SQLITE_ROW);
                snprintf(record, sizeof(record), "{\"s\":\"%s\"}", texts[i]);
                snprintf(text, sizeof(text), "substr(s, %d, %d)", from, n);
                snprintf(want, sizeof(want), "\"%s\"",
                         (const char *)sqlite3_column_text(st, 0));
                CHECK_STR(value(record, text), want);
                snprintf(text, sizeof(text), "substring(s, %d)", from);
                snprintf(want, sizeof(want), "\"%s\"",
                         (const char *)sqlite3_column_text(st, 1));
                CHECK_STR(value(record, text), want);
            }
    sqlite3_finalize(st);
    sqlite3_close(db);
    CHECK_STR(calc("substr('abc', 1000000000000, 1)"), "\"\"");
    CHECK_STR(calc("substr('abc', -1000000000000, 1000000000000)"), "\"abc\"");
    CHECK_STR(calc("substr('abc', 1.5)"), "!expr_type");
    CHECK_STR(calc("substr('abc', 1e20)"), "!expr_type");
    CHECK_STR(calc("substr(1, 1)"), "!expr_type");
}

TEST("null and missing arguments give NULL")
{
    static const char *const calls[] = { "substr(%s, 1)",
                                         "substr('a', %s)",
                                         "replace('a', %s, 'b')",
                                         "split(%s, ',')",
                                         "split_part('a', 'a', %s)",
                                         "ltrim(%s)",
                                         "trim('a', %s)",
                                         "instr('a', %s)",
                                         "starts_with(%s, 'a')",
                                         "lpad('a', %s)",
                                         "repeat(%s, 2)",
                                         "reverse(%s)",
                                         "initcap(%s)",
                                         "squeeze(%s)",
                                         "%s ~ 'a'",
                                         "'a' ~ %s",
                                         "'a' !~* %s",
                                         "regexp_replace('a', 'a', %s)",
                                         "regexp_extract(%s, 'a')",
                                         "regexp_like('a', 'a', %s)",
                                         "contains('a', %s)",
                                         "left('a', %s)",
                                         "octet_length(%s)",
                                         "char_length(%s)",
                                         "position(%s IN 'a')" };
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        static const char *const none[] = { "NULL", "MISSING", "n", "m" };
        for (int k = 0; k < 4; k++) {
            const char *hole = strstr(calls[i], "%s");
            char text[100];
            snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - calls[i]),
                     calls[i], none[k], hole + 2);
            CHECK_STR(value("{\"n\":null}", text), "null");
        }
    }
}

TEST("text is trimmed of spaces, or of the characters given")
{
    CHECK_STR(calc("ltrim('  a ')"), "\"a \"");
    CHECK_STR(calc("rtrim('  a ')"), "\"  a\"");
    CHECK_STR(calc("trim('xyaxy', 'yx')"), "\"a\"");
    CHECK_STR(calc("ltrim('xyaxy', 'yx')"), "\"axy\"");
    CHECK_STR(calc("rtrim('xyaxy', 'yx')"), "\"xya\"");
    CHECK_STR(calc("trim('xx', 'x')"), "\"\"");
    CHECK_STR(calc("trim(' a ', '')"), "\" a \"");
    CHECK_STR(calc("trim('" U "a" U "', '\xf0\x9f\x98\x80\xc3\xa9')"),
              "\"\xe6\x97\xa5\xf0\x9f\x98\x80"
              "a\xc3\xa9\xe6\x97\xa5\"");
    CHECK_STR(calc("trim('\xc3\xa9', '\xc3\xa8')"), "\"\xc3\xa9\"");
    CHECK_STR(calc("trim(1)"), "!expr_type");
    CHECK_STR(calc("trim('a', 1)"), "!expr_type");
    CHECK_STR(
        value("{\"s\":\" \\t a\\n\\u00a0\\u3000 b\\r\\n\"}", "squeeze(s)"),
        "\"a b\"");
    CHECK_STR(calc("squeeze('   ')"), "\"\"");
    CHECK_STR(calc("squeeze('a')"), "\"a\"");
}

TEST("parts of text are taken, replaced and split")
{
    CHECK_STR(calc("replace('aXbXc', 'X', '--')"), "\"a--b--c\"");
    CHECK_STR(calc("replace('aaa', 'aa', 'b')"), "\"ba\"");
    CHECK_STR(calc("replace('abc', '', 'x')"), "\"abc\"");
    CHECK_STR(calc("replace('abc', 'abc', '')"), "\"\"");
    CHECK_STR(calc("replace('" U "', '\xe6\x97\xa5', 'x')"),
              "\"\xc3\xa9x\xf0\x9f\x98\x80\"");
    CHECK_STR(calc("split('a,b,,c', ',')"), "[\"a\",\"b\",\"\",\"c\"]");
    CHECK_STR(calc("split('', ',')"), "[\"\"]");
    CHECK_STR(calc("split(',', ',')"), "[\"\",\"\"]");
    CHECK_STR(calc("split('a\"b', 'x')"), "[\"a\\\"b\"]");
    CHECK_STR(calc("split('" U "', '')"),
              "[\"\xc3\xa9\",\"\xe6\x97\xa5\",\"\xf0\x9f\x98\x80\"]");
    CHECK_STR(calc("split('', '')"), "[\"\"]");
    CHECK_STR(calc("split_part('a--b--c', '--', 2)"), "\"b\"");
    CHECK_STR(calc("split_part('a--b--c', '--', 4)"), "\"\"");
    CHECK_STR(calc("split_part('a--b--c', '--', -1)"), "\"c\"");
    CHECK_STR(calc("split_part('a--b--c', '--', -3)"), "\"a\"");
    CHECK_STR(calc("split_part('a--b--c', '--', -4)"), "\"\"");
    CHECK_STR(calc("split_part('abc', '', 1)"), "\"abc\"");
    CHECK_STR(calc("split_part('abc', '', 2)"), "\"\"");
    CHECK_STR(calc("split_part('abc', ',', 0)"), "!expr_type");
    CHECK_STR(calc("left('" U "', 2)"), "\"\xc3\xa9\xe6\x97\xa5\"");
    CHECK_STR(calc("left('abc', -1)"), "\"ab\"");
    CHECK_STR(calc("left('abc', -9)"), "\"\"");
    CHECK_STR(calc("left('abc', 9)"), "\"abc\"");
    CHECK_STR(calc("right('" U "', 1)"), "\"\xf0\x9f\x98\x80\"");
    CHECK_STR(calc("right('abc', -1)"), "\"bc\"");
    CHECK_STR(calc("right('abc', 9)"), "\"abc\"");
    CHECK_STR(calc("right('abc', 0)"), "\"\"");
}

TEST("text is joined, filled, turned and repeated")
{
    CHECK_STR(calc("concat('a', NULL, 1.50, TRUE, MISSING, 'b')"),
              "\"a1.50trueb\"");
    CHECK_STR(calc("concat(NULL)"), "\"\"");
    CHECK_STR(value("{\"a\":[1]}", "concat('x', a)"), "!expr_type");
    CHECK_STR(value("{\"a\":1,\"b\":2}", "concat(a + b, a * 1.0)"), "\"31.0\"");
    CHECK_STR(calc("lpad('7', 3, '0')"), "\"007\"");
    CHECK_STR(calc("lpad('x', 6, 'abc')"), "\"abcabx\"");
    CHECK_STR(calc("rpad('x', 6, 'abc')"), "\"xabcab\"");
    CHECK_STR(calc("rpad('x', 3)"), "\"x  \"");
    CHECK_STR(calc("lpad('abc', 2)"), "\"ab\"");
    CHECK_STR(calc("rpad('abc', -2)"), "\"\"");
    CHECK_STR(calc("lpad('abc', 5, '')"), "\"abc\"");
    CHECK_STR(calc("lpad('a', 3, '\xc3\xa9')"), "\"\xc3\xa9\xc3\xa9"
                                                "a\"");
    CHECK_STR(calc("reverse('" U "')"),
              "\"\xf0\x9f\x98\x80\xe6\x97\xa5\xc3\xa9\"");
    CHECK_STR(calc("reverse('')"), "\"\"");
    CHECK_STR(calc("repeat('ab', 3)"), "\"ababab\"");
    CHECK_STR(calc("repeat('ab', 0)"), "\"\"");
    CHECK_STR(calc("repeat('ab', -1)"), "\"\"");
    CHECK_STR(calc("repeat('', 999999999999)"), "\"\"");
    CHECK_STR(calc("length(repeat('a', 1000))"), "1000");
    CHECK_STR(calc("repeat('ab', 999999999999)"), "!expr_size");
    CHECK_STR(calc("lpad('ab', 999999999999)"), "!expr_size");
    CHECK_STR(value("{\"s\":\"ab\"}", "length(replace(repeat('a', 20), 'a', "
                                      "repeat(s, 4000000)))"),
              "!expr_size");
}

TEST("text is measured and searched by characters")
{
    CHECK_STR(calc("char_length('" U "')"), "3");
    CHECK_STR(calc("octet_length('" U "')"), "9");
    CHECK_STR(calc("instr('" U "x', 'x')"), "4");
    CHECK_STR(calc("strpos('abc', 'd')"), "0");
    CHECK_STR(calc("instr('abc', '')"), "1");
    CHECK_STR(calc("instr('', '')"), "1");
    CHECK_STR(calc("position('c' IN 'a' || 'bc')"), "3");
    CHECK_STR(calc("position('c', 'b')"),
              "test: IN expected, not ',' at byte 13");
    CHECK_STR(calc("starts_with('abc', 'ab')"), "true");
    CHECK_STR(calc("starts_with('abc', 'abcd')"), "false");
    CHECK_STR(calc("starts_with('abc', '')"), "true");
    CHECK_STR(calc("ends_with('abc', 'bc')"), "true");
    CHECK_STR(calc("ends_with('abc', 'b')"), "false");
    CHECK_STR(calc("contains('abc', 'b')"), "true");
    CHECK_STR(calc("contains('abc', 'd')"), "false");
    CHECK_STR(calc("contains('', '')"), "true");
    CHECK_STR(calc("contains(1, 'd')"), "!expr_type");
    CHECK_STR(calc("initcap('hELLO wORLD-of \xc3\xa9"
                   "CLAIRS 3rd')"),
              "\"Hello World-Of \xc3\x89"
              "clairs 3rd\"");
}

TEST("lone surrogates stay whole characters")
{
    const char *r = "{\"s\":\"a\\ud800b\"}";
    CHECK_STR(value(r, "reverse(s)"), "\"b\\ud800a\"");
    CHECK_STR(value(r, "substr(s, 2, 1)"), "\"\\ud800\"");
    CHECK_STR(value(r, "split(s, '')"), "[\"a\",\"\\ud800\",\"b\"]");
    CHECK_STR(value(r, "char_length(s)"), "3");
    CHECK_STR(value(r, "initcap(s)"), "\"A\\ud800B\"");
    CHECK_STR(value(r, "mask(s)"), "\"***\"");
}

TEST("% and mod, sign, powers, roots, least and greatest")
{
    CHECK_STR(calc("7 % 3"), "1");
    CHECK_STR(calc("-7 % 3"), "-1");
    CHECK_STR(calc("7.5 % -2"), "1.5");
    CHECK_STR(calc("1 + 7 % 4 * 2"), "7");
    CHECK_STR(calc("mod(1, 0)"), "!division_by_zero");
    CHECK_STR(value("{\"a\":10}", "a % 4 = 2"), "true");
    CHECK_STR(value("{\"a\":\"x\"}", "a % 4"), "!expr_type");
    CHECK_STR(calc("NULL % 4"), "null");
    CHECK_STR(calc("sign(-0.5)"), "-1");
    CHECK_STR(calc("sign(0.0)"), "0");
    CHECK_STR(calc("sign(1e400)"), "1");
    CHECK_STR(calc("trunc(-2.99)"), "-2");
    CHECK_STR(calc("trunc(2.999, 2)"), "2.99");
    CHECK_STR(calc("trunc(1999, -3)"), "1000");
    CHECK_STR(calc("trunc(1, 0.5)"), "!expr_type");
    CHECK_STR(calc("power(1.1, 2)"), "1.21");
    CHECK_STR(calc("pow(2, -2)"), "0.25");
    CHECK_STR(calc("power(2, 0.5)"), "!expr_type");
    CHECK_STR(calc("power(0, -1)"), "!division_by_zero");
    CHECK_STR(calc("power(10, 100000)"), "!number_range");
    CHECK_STR(calc("sqrt(2)"), "1.414213562373095048801688724209698");
    CHECK_STR(calc("sqrt(-1)"), "!number_range");
    CHECK_STR(calc("sqrt('4')"), "!expr_type");
    CHECK_STR(calc("ceiling(1.2)"), "2");
    CHECK_STR(calc("least(3, NULL, 1.0, 2)"), "1.0");
    CHECK_STR(calc("greatest(3, MISSING, 1, 2)"), "3");
    CHECK_STR(calc("greatest('a', 'c', 'b')"), "\"c\"");
    CHECK_STR(calc("least(NULL, MISSING)"), "null");
    CHECK_STR(calc("least(1, 'a')"), "!expr_type");
    CHECK_STR(calc("least()"),
              "test: least takes 1 argument or more, not 0 at byte 1");
    CHECK_STR(value("{\"a\":99999999999999999999999999999999999999999999}",
                    "greatest(1, a, a + 1) - a"),
              "1");
}

UNIT_MAIN
