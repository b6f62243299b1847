#include "calc.h"

TEST("~ searches, ~* whatever the case, and ! negates")
{
    CHECK_STR(calc("'abc' ~ 'b'"), "true");
    CHECK_STR(calc("'abc' ~ '^b'"), "false");
    CHECK_STR(calc("'abc' ~ 'B'"), "false");
    CHECK_STR(calc("'abc' ~* 'B'"), "true");
    CHECK_STR(calc("'abc' !~ 'B'"), "true");
    CHECK_STR(calc("'abc' !~* 'B'"), "false");
    CHECK_STR(calc("'' ~ ''"), "true");
    CHECK_STR(calc("'\xc3\x89' ~* '^\xc3\xa9$'"), "true");
    CHECK_STR(calc("'\xe6\x97\xa5' ~ '^.$'"), "true");
    CHECK_STR(calc("'a' || 'b' ~ '^ab$' AND TRUE"), "true");
    CHECK_STR(calc("NOT 'a' ~ 'b'"), "true");
    CHECK_STR(value("{\"s\":\"a\\n\"}", "s ~ 'a$'"), "false");
    CHECK_STR(value("{\"s\":\"x1\",\"p\":\"^x[0-9]$\"}", "s ~ p"), "true");
    CHECK_STR(value("{\"s\":\"X1\",\"p\":\"^x[0-9]$\"}", "s ~* p"), "true");
    CHECK_STR(calc("1 ~ 'a'"), "!expr_type");
    CHECK_STR(calc("'a' ~ 1"), "!expr_type");
    CHECK_STR(value("{\"s\":\"a\\ud800\"}", "s ~ 'a'"), "!expr_regex");
    CHECK_STR(calc("regexp_like('A', 'a', 'i')"), "true");
    CHECK_STR(calc("regexp_like('x', 'a', 'g')"), "!expr_type");
    CHECK_STR(value("{\"s\":\"a\\nb\"}", "regexp_like(s, '^b$', 'm')"), "true");
    CHECK_STR(value("{\"s\":\"a\\nb\"}", "regexp_like(s, 'a.b', 's')"), "true");
    CHECK_STR(value("{\"s\":\"a\\nb\"}", "regexp_like(s, 'a.b')"), "false");
}

TEST("a pattern may ask not to be made code")
{
    CHECK_STR(calc("'ab' ~ '(*NO_JIT)^a.$'"), "true");
    CHECK_STR(calc("regexp_replace('aXb', '(*NO_JIT)x', '-', 'i')"), "\"a-b\"");
}

TEST("a constant pattern that is wrong is a usage error at its byte")
{
    CHECK_STR(usage("a ~ 'x(y'"),
              "--where: regular expression: missing closing parenthesis at "
              "byte 9\n"
              "  a ~ 'x(y'\n"
              "          ^");
    CHECK_STR(usage("a ~ 'it''s [z-a]'"),
              "--where: regular expression: range out of order in character "
              "class at byte 15\n"
              "  a ~ 'it''s [z-a]'\n"
              "                ^");
    CHECK(strstr(usage("regexp_replace(a, '*', '')"), "at byte 20") != NULL);
    CHECK(strstr(usage("a ~ 'x' || '('"), "at byte 9") != NULL);
    CHECK(strstr(usage("CASE WHEN FALSE THEN a ~ '(' END"), "byte") != NULL);
}

TEST("a pattern of a record that is wrong rejects the record")
{
    CHECK_STR(fault("{\"s\":\"x\",\"p\":\"(\"}", "s ~ p", "/p"),
              "regular expression '(': missing closing parenthesis at its "
              "byte 2 (--set c, byte 3)");
    CHECK_STR(value("{\"s\":\"x\",\"p\":\"\\ud800\"}", "s ~ p"), "!expr_regex");
}

TEST("a pattern that never ends rejects the record, soon")
{
    const char *r = "{\"s\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\","
                    "\"p\":\"^(a|aa)+$\"}";
    CHECK_STR(value(r, "s ~ '^(a|aa)+$'"), "!expr_regex");
    CHECK_STR(value(r, "s ~ p"), "!expr_regex");
    CHECK_STR(value(r, "regexp_replace(s, '^(a|aa)+$', 'x', 'g')"),
              "!expr_regex");
    CHECK_STR(value(r, "regexp_extract(s, '(?=(a|aa)+$)')"), "!expr_regex");
}

TEST("patterns of records are cached, and right when they change")
{
    struct expr_set *x = expr_new(&plain);
    struct err e;
    CHECK(expr_add(x, "1", STR("s ~ p"), &e) == 0);
    for (int i = 0; i < 4000 && !unit_failed; i++) {
        char record[100];
        struct expr_fault f;
        int n = i % 5 ? i % 7 : i % 300; /* some often, some seldom */
        snprintf(record, sizeof(record), "{\"s\":\"x%d\",\"p\":\"^x%d%s$\"}", n,
                 n, i % 3 ? "" : "y");
        expr_begin(x);
        CHECK(expr_load(x, str_of(record), NULL) == 0);
        CHECK(expr_test(x, 0, &f) == (i % 3 != 0));
    }
    expr_free(x);
}

TEST("regexp_replace fills in groups, once or everywhere")
{
    CHECK_STR(calc("regexp_replace('a1b2', '[0-9]', '#')"), "\"a#b2\"");
    CHECK_STR(calc("regexp_replace('a1b2', '[0-9]', '#', 'g')"), "\"a#b#\"");
    CHECK_STR(calc("regexp_replace('A1', 'a', 'x', 'ig')"), "\"x1\"");
    CHECK_STR(calc("regexp_replace('john doe', '(\\w+) (\\w+)', '\\2, \\1')"),
              "\"doe, john\"");
    CHECK_STR(calc("regexp_replace('ab', 'a', '<\\&\\0\\\\\\q\\')"),
              "\"<aa\\\\\\\\q\\\\b\"");
    CHECK_STR(calc("regexp_replace('ab', '(x)?a', '[\\1\\9]')"), "\"[]b\"");
    CHECK_STR(calc("regexp_replace('abc', '', '-', 'g')"), "\"-a-b-c-\"");
    CHECK_STR(calc("regexp_replace('\xc3\xa9\xe6\x97\xa5', 'x*', '-', 'g')"),
              "\"-\xc3\xa9-\xe6\x97\xa5-\"");
    CHECK_STR(calc("regexp_replace('aaa', 'a*?', '-', 'g')"), "\"-a-a-a-\"");
    CHECK_STR(calc("regexp_replace('abc', 'x', '-')"), "\"abc\"");
    CHECK_STR(calc("regexp_replace('', '^', '-')"), "\"-\"");
    CHECK_STR(calc("regexp_replace('a', 'a', 'b', 'q')"), "!expr_type");
    CHECK_STR(calc("regexp_replace('aXbX', '(?<=a)X', '')"), "\"abX\"");
}

TEST("regexp_extract takes the whole or a group, NULL where there is none")
{
    CHECK_STR(calc("regexp_extract('order 42!', '[0-9]+')"), "\"42\"");
    CHECK_STR(calc("regexp_extract('a=b', '(.)=(.)', 2)"), "\"b\"");
    CHECK_STR(calc("regexp_extract('a=b', '(.)=(.)', 0)"), "\"a=b\"");
    CHECK_STR(calc("regexp_extract('a=b', '(.)=(.)', 3)"), "!expr_type");
    CHECK_STR(calc("regexp_extract('a=b', '(x)?=', 1)"), "null");
    CHECK_STR(calc("regexp_extract('a', 'b')"), "null");
    CHECK_STR(calc("regexp_extract('a', 'b*')"), "\"\"");
}

UNIT_MAIN
