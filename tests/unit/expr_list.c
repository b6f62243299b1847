#include "calc.h"

TEST("elements and slices count from 0, or from the end")
{
    const char *r = "{\"a\":[10,\"x\",null,[1, 2],{\"k\":1.50}],"
                    "\"o\":{\"k\":1.50,\"k\":2,\"\\u0061\":3},\"e\":[]}";
    CHECK_STR(value(r, "element(a, 0)"), "10");
    CHECK_STR(value(r, "element(a, 1) || '!'"), "\"x!\"");
    CHECK_STR(value(r, "element(a, 2)"), "null");
    CHECK_STR(value(r, "element(a, -2)"), "[1, 2]");
    CHECK_STR(value(r, "element(element(a, -1), 'k')"), "1.50");
    CHECK_STR(value(r, "element(a, 5)"), "null");
    CHECK_STR(value(r, "element(a, -6)"), "null");
    CHECK_STR(value(r, "element(a, 1.5)"), "!expr_type");
    CHECK_STR(value(r, "element(a, 'k')"), "!expr_type");
    CHECK_STR(value(r, "element(o, 'k')"), "2");
    CHECK_STR(value(r, "element(o, 'a') + 1"), "4");
    CHECK_STR(value(r, "element(o, 'z')"), "null");
    CHECK_STR(value(r, "element(o, 1)"), "!expr_type");
    CHECK_STR(value(r, "element('abc', 1)"), "!expr_type");
    CHECK_STR(value(r, "element(m, 1)"), "null");
    CHECK_STR(value(r, "slice(a, 1, 3)"), "[\"x\",null]");
    CHECK_STR(value(r, "slice(a, -2)"), "[[1, 2],{\"k\":1.50}]");
    CHECK_STR(value(r, "slice(a, 0, -4)"), "[10]");
    CHECK_STR(value(r, "slice(a, -99, 1)"), "[10]");
    CHECK_STR(value(r, "slice(a, 3, 2)"), "[]");
    CHECK_STR(value(r, "slice(e, 0, 9)"), "[]");
    CHECK_STR(value(r, "slice(o, 0, 9)"), "!expr_type");
    CHECK_STR(value(r, "slice(a, 0, NULL)"), "null");
}

TEST("arrays are searched and summed up, nulls aside")
{
    const char *r = "{\"a\":[1,2.0,\"x\",null,true,[1]],\"n\":[0.1,null,0.2],"
                    "\"s\":[\"b\",\"\\u0061\"],\"e\":[],\"u\":[null],"
                    "\"mix\":[1,\"a\"],\"nest\":[[1]],"
                    "\"big\":[99999999999999999999999999999999999999999,1]}";
    CHECK_STR(value(r, "contains(a, 2)"), "true");
    CHECK_STR(value(r, "contains(a, '2')"), "false");
    CHECK_STR(value(r, "contains(a, 'x')"), "true");
    CHECK_STR(value(r, "contains(a, TRUE)"), "true");
    CHECK_STR(value(r, "contains(a, FALSE)"), "false");
    CHECK_STR(value(r, "contains(a, NULL)"), "null");
    CHECK_STR(value(r, "contains(a, e)"), "!expr_type");
    CHECK_STR(value(r, "contains(e, 1)"), "false");
    CHECK_STR(value(r, "array_sum(n)"), "0.3");
    CHECK_STR(value(r, "array_sum(e)"), "null");
    CHECK_STR(value(r, "array_sum(u)"), "null");
    CHECK_STR(value(r, "array_sum(a)"), "!expr_type");
    CHECK_STR(value(r, "array_sum(big)"),
              "100000000000000000000000000000000000000000");
    CHECK_STR(value(r, "array_min(n)"), "0.1");
    CHECK_STR(value(r, "array_max(n)"), "0.2");
    CHECK_STR(value(r, "array_min(s)"), "\"\\u0061\"");
    CHECK_STR(value(r, "array_max(big)"),
              "99999999999999999999999999999999999999999");
    CHECK_STR(value(r, "array_min(big)"), "1");
    CHECK_STR(value(r, "array_max(e)"), "null");
    CHECK_STR(value(r, "array_max(mix)"), "!expr_type");
    CHECK_STR(value(r, "array_max(nest)"), "!expr_type");
    CHECK_STR(value(r, "array_max(1)"), "!expr_type");
    CHECK_STR(value(r, "join(s, ', ')"), "\"b, a\"");
    CHECK_STR(value(r, "join(n, '')"), "\"0.10.2\"");
    CHECK_STR(value(r, "join(e, '-')"), "\"\"");
    CHECK_STR(value(r, "join(a, '-')"), "!expr_type");
    CHECK_STR(value(r, "join(s, 1)"), "!expr_type");
}

TEST("arrays and objects are made of values of all types")
{
    const char *r = "{\"a\":[1, 2],\"n\":null,\"s\":\"\\u00e9\"}";
    CHECK_STR(value(r, "array(1.50, 'x', n, m, a, s, TRUE)"),
              "[1.50,\"x\",null,null,[1, 2],\"\\u00e9\",true]");
    CHECK_STR(value(r, "array()"), "[]");
    CHECK_STR(value(r, "array(1 + 1, 'a' || 'b', 0.5 * 3)"), "[2,\"ab\",1.5]");
    CHECK_STR(value(r, "object('a', a, 'n', n, 'm', m, 'x\"', 1 + 1)"),
              "{\"a\":[1, 2],\"n\":null,\"x\\\"\":2}");
    CHECK_STR(value(r, "object()"), "{}");
    CHECK_STR(value(r, "object(s, 1)"), "{\"\xc3\xa9\":1}");
    CHECK_STR(value(r, "array(array(), object(), n, array())"),
              "[[],{},null,[]]");
    CHECK_STR(value(r, "length(array()) + length(a)"), "2");
    CHECK_STR(value(r, "coalesce(n, array())"), "[]");
    CHECK_STR(value(r, "array(CASE WHEN n IS NULL THEN array() END, a)"),
              "[[],[1, 2]]");
    CHECK_STR(value(r, "object('a')"), "!expr_type");
    CHECK_STR(value(r, "object(1, 2)"), "!expr_type");
    CHECK_STR(value(r, "object(n, 2)"), "!expr_type");
    CHECK_STR(value(r, "length(split('a b c', ' '))"), "3");
}

TEST("objects are taken apart as they are written")
{
    const char *r = "{\"o\":{\"k\":1.50, \"\\u0061\" : [1, 2]},\"e\":{}}";
    CHECK_STR(value(r, "keys(o)"), "[\"k\",\"\\u0061\"]");
    CHECK_STR(value(r, "values(o)"), "[1.50,[1, 2]]");
    CHECK_STR(value(r, "keys(e)"), "[]");
    CHECK_STR(value(r, "keys(m)"), "null");
    CHECK_STR(value(r, "keys('x')"), "!expr_type");
    CHECK_STR(value(r, "contains(keys(o), 'a')"), "true");
    CHECK_STR(value(r, "typeof(o)"), "\"object\"");
    CHECK_STR(value(r, "typeof(values(o))"), "\"array\"");
    CHECK_STR(value(r, "typeof(m)"), "\"missing\"");
    CHECK_STR(calc("typeof(NULL)"), "\"null\"");
    CHECK_STR(calc("typeof(1 = 1)"), "\"boolean\"");
    CHECK_STR(calc("typeof(1)"), "\"number\"");
    CHECK_STR(calc("typeof('')"), "\"string\"");
}

TEST("JSON in strings is read and written, on one line")
{
    CHECK_STR(calc("json_parse('{\"a\": [1, 2.50]}')"), "{\"a\": [1, 2.50]}");
    CHECK_STR(calc("json_parse(' 1.50 ') + 1"), "2.50");
    CHECK_STR(calc("json_parse('\"x\\u0061\"') || '!'"), "\"xa!\"");
    CHECK_STR(calc("json_parse('null')"), "null");
    CHECK_STR(value("{\"s\":\"{\\n\\\"a\\\":\\r\\n1}\"}", "json_parse(s)"),
              "{\"a\":1}");
    CHECK_STR(calc("json_parse('{')"), "!expr_json");
    CHECK_STR(calc("json_parse('')"), "!expr_json");
    CHECK_STR(calc("json_parse('1 2')"), "!expr_json");
    CHECK_STR(calc("json_parse(1)"), "!expr_type");
    CHECK_STR(value("{\"s\":\"\\\"\\ud800\\\"\"}", "json_parse(s)"),
              "!expr_json");
    CHECK_STR(value("{\"o\":{\"a\":\"x\"}}", "json_text(o)"),
              "\"{\\\"a\\\":\\\"x\\\"}\"");
    CHECK_STR(calc("json_text('a')"), "\"\\\"a\\\"\"");
    CHECK_STR(calc("json_text(0.5 + 1)"), "\"1.5\"");
    CHECK_STR(calc("json_text(MISSING)"), "null");
    CHECK_STR(
        value("{\"o\":[1,{\"a\":\"\xc3\xa9\"}]}", "json_parse(json_text(o))"),
        "[1,{\"a\":\"\xc3\xa9\"}]");
}

TEST("CAST: whole numbers, decimals of a size, dates and timestamps")
{
    static const struct expr_env berlin = { .tz = "Europe/Berlin" };
    CHECK_STR(calc("CAST(' 12 ' AS INTEGER) + 1"), "13");
    CHECK_STR(calc("CAST(1.0 AS INT)"), "1");
    CHECK_STR(calc("CAST(1e3 AS BIGINT)"), "1000");
    CHECK_STR(calc("CAST(1.5 AS INTEGER)"), "!expr_cast");
    CHECK_STR(calc("CAST('1.5' AS INTEGER)"), "!expr_cast");
    CHECK_STR(calc("CAST(TRUE AS INTEGER)"), "!expr_cast");
    CHECK_STR(calc("CAST('99999999999999999999999999999999999999999' AS "
                   "INTEGER)"),
              "99999999999999999999999999999999999999999");
    CHECK_STR(calc("CAST('1.005' AS DECIMAL(10, 2))"), "1.01");
    CHECK_STR(calc("CAST(-1.005 AS NUMERIC(10,2))"), "-1.01");
    CHECK_STR(calc("CAST(1 AS DECIMAL(3, 2))"), "1.00");
    CHECK_STR(calc("CAST(9.99 AS DECIMAL(3, 2))"), "9.99");
    CHECK_STR(calc("CAST(9.995 AS DECIMAL(3, 2))"), "!expr_cast");
    CHECK_STR(calc("CAST(-10 AS DECIMAL(3, 2))"), "!expr_cast");
    CHECK_STR(calc("CAST(12.6 AS DECIMAL(2))"), "13");
    CHECK_STR(calc("CAST(1.10 AS DECIMAL)"), "1.10");
    CHECK_STR(calc("CAST(1 AS DECIMAL(0))"),
              "test: a number of digits from 1 to 1000 expected, not '0' at "
              "byte 19");
    CHECK_STR(calc("CAST(1 AS DECIMAL(2, 3))"),
              "test: a number of digits from 0 to 2 expected, not '3' at byte "
              "22");
    CHECK_STR(fault("{\"a\":100}", "CAST(a AS DECIMAL(4, 2))", "/a"),
              "cannot cast number 100 to a decimal of 4 digits, 2 behind the "
              "point (--set c, byte 1)");
    CHECK_STR(calc("CAST('2024-05-17T23:30:00Z' AS DATE)"), "\"2024-05-17\"");
    CHECK_STR(value_in(&berlin, "{}", "CAST('2024-05-17T23:30:00Z' AS DATE)"),
              "\"2024-05-18\"");
    CHECK_STR(value_in(&berlin, "{}", "CAST('2024-05-17 10:00:00' AS DATE)"),
              "\"2024-05-17\"");
    CHECK_STR(value_in(&berlin, "{}", "'2024-05-17'::timestamp"),
              "\"2024-05-17T00:00:00+02:00\"");
    CHECK_STR(calc("'2024-05-17T10:00:00+02:00'::TIMESTAMP"),
              "\"2024-05-17T08:00:00Z\"");
    CHECK_STR(calc("CAST('2024-02-30' AS DATE)"), "!expr_cast");
    CHECK_STR(calc("CAST(20240230 AS DATE)"), "!expr_cast");
    CHECK_STR(calc("CAST('true' AS BOOL)"), "true");
    CHECK_STR(calc("CAST(1 AS VARCHAR) || ''"), "\"1\"");
}

TEST("TRY_CAST gives NULL where CAST is an error, and :: binds tightest")
{
    CHECK_STR(calc("TRY_CAST('x' AS NUMBER)"), "null");
    CHECK_STR(calc("TRY_CAST('12' AS NUMBER)"), "12");
    CHECK_STR(calc("try_cast(1.5 AS integer)"), "null");
    CHECK_STR(calc("try_cast('2024-13-01' AS date)"), "null");
    CHECK_STR(calc("try_cast(1e9999 AS integer)"), "null");
    CHECK_STR(value("{\"a\":[1]}", "try_cast(a AS string)"), "null");
    CHECK_STR(value("{\"a\":\"7\"}", "a::int + 1"), "8");
    CHECK_STR(value("{\"a\":\"7\"}", "-a::int * 2"), "-14");
    CHECK_STR(calc("1.50::text || 'x'"), "\"1.50x\"");
    CHECK_STR(calc("'1'::number::text"), "\"1\"");
    CHECK_STR(calc("(1 + 1)::text"), "\"2\"");
    CHECK_STR(calc("NULL::int"), "null");
    CHECK(strstr(calc("1::blob"), "TIMESTAMP expected, not 'blob'") != NULL);
}

UNIT_MAIN
