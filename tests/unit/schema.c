#include "unit.h"

#include "base/buf.h"
#include "schema/limit.h"
#include "schema/schema.h"

#include <stdlib.h>

static char answer[65536];

static void answer_set(const char *text)
{
    snprintf(answer, sizeof(answer), "%s", text);
}

/* What a schema says to a record: "" for nothing, else "code path" for each
 * error with "; " between; "refused: ..." where the schema does not compile. */
static const char *say(const char *schema, const char *record, bool messages)
{
    const struct schema_error *x;
    struct err e = { 0 };
    size_t n = 0, used = 0;
    struct schema *s = schema_compile(str_of(schema), "s.json", NULL, &e);
    answer_set("");
    if (!s) {
        snprintf(answer, sizeof(answer), "refused %d: %s", (int)e.code, e.msg);
        return answer;
    }
    struct schema_run *r = schema_run_new(s);
    int fit = schema_check(r, str_of(record), &x, &n, &e);
    if (fit < 0)
        answer_set(e.msg);
    for (size_t i = 0; fit == 0 && i < n && used < sizeof(answer) - 1; i++)
        used += (size_t)snprintf(
            answer + used, sizeof(answer) - used, "%s%s %.*s%s%.*s",
            i ? "; " : "", x[i].code, STR_ARG(x[i].path), messages ? ": " : "",
            messages ? (int)x[i].message.n : 0, x[i].message.p);
    schema_run_free(r);
    schema_free(s);
    return answer;
}

static const char *errors(const char *schema, const char *record)
{
    return say(schema, record, false);
}

#define GOOD(schema, record) CHECK_STR(errors(schema, record), "")
#define BAD(schema, record, want) CHECK_STR(errors(schema, record), want)

static const char *coerced(const char *schema, const char *record)
{
    struct err e = { 0 };
    struct str out;
    struct schema *s = schema_compile(str_of(schema), "s.json", NULL, &e);
    answer_set(e.msg);
    if (!s)
        return answer;
    struct schema_run *r = schema_run_new(s);
    if (schema_coerce(r, str_of(record), &out, &e) == 0)
        snprintf(answer, sizeof(answer), "%.*s", STR_ARG(out));
    schema_run_free(r);
    schema_free(s);
    return answer;
}

/* ---- keywords */

TEST("type takes one name or several; integer is a whole value")
{
    GOOD("{\"type\":\"integer\"}", "1");
    GOOD("{\"type\":\"integer\"}", "1.0");
    GOOD("{\"type\":\"integer\"}", "1e400");
    GOOD("{\"type\":\"integer\"}", "-0");
    BAD("{\"type\":\"integer\"}", "1.5", "type ");
    BAD("{\"type\":\"integer\"}", "1e-1", "type ");
    GOOD("{\"type\":[\"integer\",\"null\"]}", "null");
    BAD("{\"type\":[\"integer\",\"null\"]}", "\"1\"", "type ");
    GOOD("{\"type\":\"boolean\"}", "false");
    BAD("{\"type\":\"object\"}", "[]", "type ");
    CHECK_STR(say("{\"type\":[\"number\",\"null\"]}", "\"abc\"", true),
              "type : is \"abc\", wants number or null");
}

TEST("enum and const compare by value")
{
    GOOD("{\"enum\":[1,\"a\",null,{\"x\":[1,2]}]}", "1.0");
    GOOD("{\"enum\":[1,\"a\",null,{\"x\":[1,2]}]}", "\"\\u0061\"");
    GOOD("{\"enum\":[{\"x\":[1,2],\"y\":0}]}", "{\"y\":-0,\"x\":[1.0,2]}");
    BAD("{\"enum\":[1,\"a\"]}", "\"1\"", "enum ");
    BAD("{\"enum\":[]}", "1", "enum ");
    GOOD("{\"const\":1e7000}", "10e6999");
    BAD("{\"const\":{\"a\":1}}", "{\"a\":2}", "const ");
    BAD("{\"const\":[1]}", "[1e9999]", "number_range ");
    BAD("{\"not\":{\"const\":[1]}}", "[1e9999]", "number_range ");
    CHECK_STR(say("{\"enum\":[\"a\",2]}", "3", true),
              "enum : is 3, wants one of: \"a\", 2");
    GOOD("{\"enum\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
         "\"i\"");
    BAD("{\"enum\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
        "\"j\"", "enum ");
}

TEST("bounds are exact at any length")
{
    GOOD("{\"minimum\":0.1}", "0.1");
    BAD("{\"minimum\":0.1}", "0.0999999999999999999999999", "minimum ");
    BAD("{\"exclusiveMinimum\":0}", "-0.0", "exclusive_minimum ");
    GOOD("{\"exclusiveMinimum\":0}", "1e-400");
    GOOD("{\"maximum\":12345678901234567890123}", "12345678901234567890123");
    BAD("{\"maximum\":12345678901234567890123}", "12345678901234567890123.1",
        "maximum ");
    BAD("{\"exclusiveMaximum\":1e3}", "1000", "exclusive_maximum ");
    GOOD("{\"exclusiveMaximum\":1e3}", "999.9999999999999999999");
    BAD("{\"minimum\":-2}", "-2.5", "minimum ");
    GOOD("{\"minimum\":-2,\"maximum\":-1}", "-1.5");
    BAD("{\"minimum\":0}", "-0.5", "minimum ");
    GOOD("{\"minimum\":5}", "\"a string is no number\"");
    CHECK_STR(say("{\"minimum\":0}", "-3", true),
              "minimum : is -3, minimum is 0");
}

TEST("a limit agrees with exact comparison around every edge")
{
    static const char *const texts[] = {
        "-1000000000000000000",
        "-999999999999999999",
        "-2",
        "-1.5",
        "-1.0",
        "-1",
        "-0.5",
        "-0",
        "0",
        "0.0",
        "0.5",
        "1",
        "1.0",
        "1e0",
        "10e-1",
        "1.5",
        "2",
        "999999999999999999",
        "1000000000000000000",
        "1e18",
        "9223372036854775808",
        "1e-400",
        "1e400",
    };
    const size_t n = sizeof(texts) / sizeof(*texts);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const char *t = texts[i];
            struct numscan s = number_scan(t, t + strlen(t));
            struct limit l = limit_of(str_of(texts[j]));
            double a = strtod(t, NULL), b = strtod(texts[j], NULL);
            int c = limit_cmp(&s, &l);
            if (a != b)
                CHECK((c < 0) == (a < b) && c != 0);
            CHECK(i != j || c == 0);
        }
}

TEST("multipleOf is exact")
{
    GOOD("{\"multipleOf\":0.01}", "19.99");
    GOOD("{\"multipleOf\":0.01}", "4.35");
    GOOD("{\"multipleOf\":0.01}", "12345678901234567890123.45");
    BAD("{\"multipleOf\":0.01}", "0.001", "multiple_of ");
    BAD("{\"multipleOf\":0.01}", "12345678901234567890123.456", "multiple_of ");
    GOOD("{\"multipleOf\":3}", "1000000000000000000000000000000002");
    BAD("{\"multipleOf\":3}", "1000000000000000000000000000000001",
        "multiple_of ");
    GOOD("{\"multipleOf\":7}", "-7e300");
    GOOD("{\"multipleOf\":999999999999999999}", "0");
    GOOD("{\"multipleOf\":2.5e2}", "1e3");
    CHECK(strstr(errors("{\"multipleOf\":0}", "1"), "greater than 0"));
    CHECK(strstr(errors("{\"multipleOf\":1.234567890123456789}", "1"),
                 "/multipleOf: has more than 18 significant digits"));
}

TEST("lengths count characters, not bytes and not escapes")
{
    GOOD("{\"minLength\":2,\"maxLength\":2}", "\"äö\"");
    GOOD("{\"minLength\":1,\"maxLength\":1}", "\"\\ud83d\\ude00\"");
    GOOD("{\"maxLength\":1}", "\"\\u00e4\"");
    BAD("{\"minLength\":3}", "\"äö\"", "min_length ");
    BAD("{\"maxLength\":1}", "\"ab\"", "max_length ");
    GOOD("{\"maxLength\":1e2}", "\"ab\"");
    GOOD("{\"minLength\":0,\"maxLength\":99999999999999999999}", "\"\"");
    BAD("{\"minLength\":99999999999999999999}", "\"ab\"", "min_length ");
}

TEST("patterns search in characters, with ECMA-262's dialect")
{
    GOOD("{\"pattern\":\"b\"}", "\"abc\"");
    BAD("{\"pattern\":\"^b\"}", "\"abc\"", "pattern ");
    BAD("{\"pattern\":\"^a$\"}", "\"a\\n\"", "pattern ");
    GOOD("{\"pattern\":\"^.$\"}", "\"ä\"");
    GOOD("{\"pattern\":\"^\\\\p{Letter}+$\"}", "\"é\"");
    GOOD("{\"pattern\":\"^\\\\u00e9[^]$\"}", "\"é\\n\"");
    BAD("{\"pattern\":\"^\\\\d$\"}", "\"\u0663\"", "pattern ");
    BAD("{\"pattern\":\"\"}", "\"\\ud800\"", "pattern ");
    CHECK(strstr(errors("{\"properties\":{\"a\":{\"pattern\":\"(\"}}}", "1"),
                 "refused 78: schema s.json at /properties/a/pattern: bad "
                 "regular expression: missing closing parenthesis"));
}

TEST("a catastrophic pattern is an error of the record, also under not")
{
    static char text[50003];
    memset(text, 'a', sizeof(text) - 1);
    text[0] = text[sizeof(text) - 2] = '"';
    text[sizeof(text) - 3] = '!';
    BAD("{\"pattern\":\"(a+)+$\"}", text, "pattern_limit ");
    BAD("{\"not\":{\"pattern\":\"(a+)+$\"}}", text, "pattern_limit ");
    BAD("{\"if\":{\"pattern\":\"(a+)+$\"},\"then\":true}", text,
        "pattern_limit ");
    BAD("{\"pattern\":\"(a+)+$\",\"maxLength\":3}", text,
        "max_length ; pattern_limit ");
}

TEST("a record of many catastrophic values is given up as a whole")
{
    struct buf v = { 0 };
    buf_addc(&v, '[');
    for (int i = 0; i < 1000; i++)
        buf_addf(&v, "%s\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"",
                 i ? "," : "");
    buf_addc(&v, ']');
    const char *have =
        errors("{\"items\":{\"pattern\":\"^(a+)+$\"}}", buf_z(&v));
    CHECK(strncmp(have, "pattern_limit /0; pattern_limit /1; ", 36) == 0);
    CHECK(strstr(have, "pattern_limit /10") && !strstr(have, "/11"));
    buf_free(&v);
}

TEST("formats are asserted, unknown ones noted")
{
    GOOD("{\"format\":\"date\"}", "\"2024-02-29\"");
    BAD("{\"format\":\"date\"}", "\"2023-02-29\"", "format ");
    GOOD("{\"format\":\"date-time\"}", "\"2024-02-29T23:59:59.5+01:00\"");
    BAD("{\"format\":\"date-time\"}", "\"2024-02-29 23:59:59Z\"", "format ");
    BAD("{\"format\":\"date-time\"}", "\"2024-02-29T23:59:59\"", "format ");
    GOOD("{\"format\":\"email\"}", "\"o'neil+x@sub.example.com\"");
    BAD("{\"format\":\"email\"}", "\"a@b@c\"", "format ");
    BAD("{\"format\":\"email\"}", "\"a@-b.c\"", "format ");
    BAD("{\"format\":\"email\"}", "\"\"", "format ");
    GOOD("{\"format\":\"ipv6\"}", "\"::1\"");
    BAD("{\"format\":\"ipv4\"}", "\"1.2.3.256\"", "format ");
    BAD("{\"format\":\"uuid\"}", "\"2eb8aa08-aa98-11ea-b4aa73b441d16380\"",
        "format ");
    GOOD("{\"format\":\"phone\"}", "\"no number at all\"");
    BAD("{\"format\":\"uri\"}", "\"no uri at all\"", "format ");
    GOOD("{\"format\":\"date\"}", "5");
    struct err e;
    struct schema_options o = { .no_format_assertion = true };
    struct schema *s = schema_compile(
        STR("{\"x-a\":1,\"properties\":{\"a\":{\"format\":\"phone\"},\"b\":"
            "{\"format\":\"date\"}}}"),
        "s", &o, &e);
    const struct schema_error *x;
    size_t n;
    struct schema_run *r = schema_run_new(s);
    CHECK(schema_check(r, STR("{\"b\":\"no date\"}"), &x, &n, &e) == 1);
    struct buf b = { 0 };
    buf_add_str(&b, schema_notes(s));
    CHECK_STR(buf_z(&b), "/x-a: unknown keyword\n"
                         "/properties/a/format: format \"phone\" is not "
                         "checked\n");
    buf_free(&b);
    schema_run_free(r);
    schema_free(s);
}

TEST("items, prefixItems, contains and their counts")
{
    BAD("{\"items\":{\"type\":\"integer\"}}", "[1,\"a\",2,null]",
        "type /1; type /3");
    BAD("{\"prefixItems\":[{\"type\":\"integer\"}],\"items\":false}", "[1,2,3]",
        "additional_item /1; additional_item /2");
    BAD("{\"minItems\":2}", "[ ]", "min_items ");
    BAD("{\"maxItems\":2}", "[1, 2 , 3]", "max_items ");
    BAD("{\"uniqueItems\":true}", "[1,{\"a\":1,\"b\":2},1.0,{\"b\":2,\"a\":1}]",
        "unique_items ; unique_items ");
    CHECK_STR(say("{\"uniqueItems\":true}", "[5,3,3.0]", true),
              "unique_items : items 1 and 2 are equal");
    BAD("{\"uniqueItems\":true}", "[1,1e9999]", "number_range ");
    BAD("{\"contains\":{\"const\":1}}", "[2,3]", "contains ");
    BAD("{\"contains\":{\"const\":1},\"minContains\":2}", "[1,3]",
        "min_contains ");
    BAD("{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1]",
        "max_contains ");
    GOOD("{\"contains\":{\"const\":1},\"minContains\":0}", "[]");
    CHECK(strstr(errors("{\"items\":[{}]}", "1"), "prefixItems"));
    BAD("{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"items\":"
        "[{\"type\":\"null\"}],\"additionalItems\":false}",
        "[1,2]", "type /0; additional_item /1");
}

#define ORDER                                                             \
    "{\"type\":\"object\",\"required\":[\"id\",\"qty\"],\"properties\":{" \
    "\"id\":{\"type\":\"integer\"},\"qty\":{\"minimum\":1},"              \
    "\"a/b\":{\"type\":\"string\"}},\"additionalProperties\":false}"

TEST("every error of a record is reported, with its place")
{
    GOOD(ORDER, "{\"id\":1,\"qty\":2,\"a/b\":\"x\"}");
    GOOD(ORDER, " { \"qty\" : 2 , \"id\" : 1 } ");
    BAD(ORDER, "{}", "required /id; required /qty");
    BAD(ORDER, "{\"qty\":0,\"x~y\":1,\"a/b\":5,\"\\u0078\":2}",
        "minimum /qty; additional_property /x~0y; type /a~1b; "
        "additional_property /x; required /id");
    CHECK_STR(say(ORDER, "{\"id\":1}", true), "required /qty: is missing");
}

TEST("keys are compared by characters, however they are spelled")
{
    GOOD(ORDER, "{\"i\\u0064\":1,\"q\\u0074y\":1}");
    GOOD(ORDER, "{\"id\":1,\"qty\":1,\"a\\/b\":\"x\"}");
    BAD("{\"required\":[\"\\u00e4\\\"\"]}", "{}", "required /ä\"");
    GOOD("{\"required\":[\"\\u00e4\\\"\"]}", "{\"ä\\u0022\":1}");
}

TEST("patternProperties, propertyNames and the numbers of properties")
{
    const char *s = "{\"properties\":{\"n_a\":{\"minimum\":0}},"
                    "\"patternProperties\":{\"^n_\":{\"type\":\"integer\"},"
                    "\"_s$\":{\"type\":\"string\"}},"
                    "\"additionalProperties\":{\"type\":\"null\"}}";
    GOOD(s, "{\"n_a\":1,\"n_b\":-2,\"x_s\":\"\",\"other\":null}");
    BAD(s, "{\"n_a\":-1.5,\"n_b\":\"\",\"n_s\":\"\",\"other\":1}",
        "minimum /n_a; type /n_a; type /n_b; type /n_s; type /other");
    BAD("{\"propertyNames\":{\"maxLength\":2}}", "{\"ab\":1,\"abc\":2}",
        "max_length /abc");
    CHECK_STR(
        say("{\"propertyNames\":{\"pattern\":\"^[a-z]$\"}}", "{\"A\":1}", true),
        "pattern /A: name is \"A\", wants to match ^[a-z]$");
    BAD("{\"minProperties\":2}", "{\"a\":1}", "min_properties ");
    BAD("{\"maxProperties\":1}", "{\"a\":1,\"b\":1}", "max_properties ");
    BAD("{\"dependentRequired\":{\"a\":[\"b\",\"c\"]}}", "{\"a\":1,\"c\":1}",
        "dependent_required /b");
    BAD("{\"dependentSchemas\":{\"a\":{\"required\":[\"b\"]}}}", "{\"a\":1}",
        "required /b");
    BAD("{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"maxProperties\":1}}}",
        "{\"a\":1,\"c\":1}", "dependent_required /b; max_properties ");
}

TEST("of duplicate keys the last counts, in every keyword")
{
    GOOD(ORDER, "{\"id\":\"x\",\"id\":1,\"qty\":0,\"qty\":1}");
    BAD(ORDER, "{\"id\":1,\"qty\":1,\"i\\u0064\":\"x\"}", "type /id");
    GOOD("{\"additionalProperties\":{\"type\":\"null\"}}",
         "{\"a\":1,\"a\":2,\"a\":null}");
    BAD("{\"minProperties\":2}", "{\"a\":1,\"\\u0061\":2}", "min_properties ");
    GOOD("{\"maxProperties\":1}", "{\"a\":1,\"\\u0061\":2}");
    GOOD("{\"not\":{\"properties\":{\"a\":{\"type\":\"null\"}}}}",
         "{\"a\":null,\"a\":1}");
    BAD("{\"not\":{\"properties\":{\"a\":{\"type\":\"null\"}}}}",
        "{\"a\":1,\"a\":null}", "not ");
    GOOD("{\"oneOf\":[{\"properties\":{\"a\":{\"type\":\"null\"}}},"
         "{\"properties\":{\"a\":{\"type\":\"integer\"}}}]}",
         "{\"a\":null,\"a\":1}");
    BAD("{\"if\":{\"properties\":{\"a\":{\"const\":1}}},\"then\":false}",
        "{\"a\":2,\"a\":1}", "false_schema ");
    BAD("{\"contains\":{\"properties\":{\"a\":{\"const\":1}}},"
        "\"maxContains\":1}",
        "[{\"a\":2,\"a\":1},{\"a\":1}]", "max_contains ");
    GOOD("{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}},false]}",
         "{\"a\":2,\"a\":1}");
}

TEST("duplicates are found among few members and among many")
{
    for (int n = 1; n < 70; n++) {
        char text[1024], want[64] = "{\"a\":\"x\"";
        size_t used = (size_t)snprintf(text, sizeof(text), "%s", want);
        for (int i = 1; i < n; i++)
            used += (size_t)snprintf(text + used, sizeof(text) - used,
                                     ",\"m%d\":{\"a\":%d}", i, i);
        snprintf(text + used, sizeof(text) - used, ",\"\\u0061\":%d}", n);
        GOOD("{\"properties\":{\"a\":{\"type\":\"integer\"}}}", text);
        BAD("{\"properties\":{\"a\":{\"type\":\"string\"}}}", text, "type /a");
        snprintf(want, sizeof(want), "{\"maxProperties\":%d}", n);
        GOOD(want, text);
        snprintf(want, sizeof(want), "{\"minProperties\":%d}", n + 1);
        BAD(want, text, "min_properties ");
    }
}

TEST("of duplicate keywords in a schema the last counts")
{
    GOOD("{\"type\":\"string\",\"type\":\"integer\"}", "1");
    GOOD("{\"properties\":{\"a\":false,\"a\":true}}", "{\"a\":1}");
}

TEST("allOf, anyOf, oneOf, not and if join schemas")
{
    BAD("{\"allOf\":[{\"minimum\":3},{\"multipleOf\":2}]}", "1",
        "minimum ; multiple_of ");
    GOOD("{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "5");
    BAD("{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "1", "any_of ");
    BAD("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "5", "one_of ");
    BAD("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "0", "one_of ");
    GOOD("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "1");
    BAD("{\"not\":{\"type\":\"null\"}}", "null", "not ");
    const char *s = "{\"if\":{\"required\":[\"a\"]},\"then\":"
                    "{\"required\":[\"b\"]},\"else\":{\"required\":[\"c\"]}}";
    BAD(s, "{\"a\":1}", "required /b");
    BAD(s, "{}", "required /c");
    GOOD(s, "{\"a\":1,\"b\":1}");
    GOOD("true", "1");
    BAD("false", "1", "false_schema ");
}

/* ---- references */

TEST("references by JSON Pointer are followed, also in circles of data")
{
    const char *tree = "{\"type\":\"object\",\"properties\":{\"v\":{\"$ref\":"
                       "\"#/$defs/v\"},\"kids\":{\"items\":{\"$ref\":\"#\"}}},"
                       "\"$defs\":{\"v\":{\"type\":\"integer\"}}}";
    GOOD(tree, "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[{\"v\":3}]}]}");
    BAD(tree, "{\"kids\":[{\"v\":2,\"kids\":[{\"v\":\"3\"},5]}]}",
        "type /kids/0/kids/0/v; type /kids/0/kids/1");
    BAD("{\"$ref\":\"#/a~1b/c%25d/1\",\"a/b\":{\"c%d\":[1,{\"type\":\"null\"}]"
        "}}",
        "1", "type ");
    GOOD("{\"$id\":\"https://example.com/s.json\",\"properties\":{\"a\":"
         "{\"$ref\":\"https://example.com/s.json#/$defs/n\"}},\"$defs\":{\"n\":"
         "{\"type\":\"null\"}}}",
         "{\"a\":null}");
    /* "#" means the embedded schema that has an $id of its own. */
    BAD("{\"type\":\"object\",\"properties\":{\"a\":{\"$id\":"
        "\"https://example.com/a\",\"type\":\"array\",\"items\":{\"anyOf\":[{"
        "\"type\":\"null\"},{\"$ref\":\"#\"}]}}}}",
        "{\"a\":[[null],{}]}", "any_of /a/1");
}

TEST("references that lead nowhere, elsewhere or back at once are refused")
{
    CHECK(strstr(errors("{\"$ref\":\"#/nope\"}", "1"),
                 "at /$ref: reference \"#/nope\" leads nowhere"));
    CHECK(strstr(errors("{\"$ref\":\"other.json\"}", "1"),
                 "leads to other.json, which is not at hand"));
    CHECK(strstr(errors("{\"$ref\":\"#name\"}", "1"), "leads nowhere"));
    CHECK(strstr(errors("{\"$dynamicRef\":\"#name\"}", "1"), "leads nowhere"));
    CHECK(strstr(errors("{\"$ref\":\"#\"}", "1"),
                 "refused 78: schema s.json at its root: refers to itself"));
    CHECK(strstr(errors("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"anyOf\":[{"
                        "\"not\":{\"$ref\":\"#/$defs/a\"}}]}}}",
                        "1"),
                 "refers to itself without an end"));
}

TEST("up to draft-07 a reference hides what stands beside it")
{
    const char *tail = "\"$ref\":\"#/definitions/n\",\"minimum\":5,"
                       "\"definitions\":{\"n\":{\"type\":\"integer\"}}}";
    char s[256];
    snprintf(s, sizeof(s),
             "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",%s",
             tail);
    GOOD(s, "1");
    snprintf(s, sizeof(s), "{%s", tail);
    BAD(s, "1", "minimum ");
}

/* ---- schemas that are refused */

TEST("a malformed schema is refused with the place")
{
    static const char *const cases[][2] = {
        { "", "line 1: " },
        { "{\"a\":\n1,}", "line 2: " },
        { "[]", "at its root: is an array, wants a schema" },
        { "5", "at its root: is a number, wants a schema" },
        { "{\"type\":\"int\"}", "/type: unknown type \"int\"" },
        { "{\"type\":[]}", "/type: wants at least one type" },
        { "{\"type\":5}", "/type: wants a string" },
        { "{\"minimum\":\"1\"}", "/minimum: wants a number" },
        { "{\"exclusiveMinimum\":true}", "/exclusiveMinimum: wants a number" },
        { "{\"minLength\":-1}", "/minLength: wants a whole number" },
        { "{\"minLength\":1.5}", "/minLength: wants a whole number" },
        { "{\"required\":\"a\"}", "/required: wants a list" },
        { "{\"required\":[1]}", "/required: wants a list" },
        { "{\"properties\":[]}", "/properties: wants an object" },
        { "{\"properties\":{\"a\":1}}", "/properties/a: is a number" },
        { "{\"items\":5}", "/items: is a number" },
        { "{\"allOf\":[]}", "/allOf: wants a list of schemas" },
        { "{\"allOf\":[{},3]}", "/allOf/1: is a number" },
        { "{\"uniqueItems\":1}", "/uniqueItems: wants true or false" },
        { "{\"enum\":1}", "/enum: wants a list" },
        { "{\"const\":[1e9999]}", "/const: holds a number that is out of" },
        { "{\"format\":1}", "/format: wants a string" },
        { "{\"$defs\":{\"x\":{\"pattern\":\"[\"}}}",
          "/$defs/x/pattern: bad regular expression" },
        { "{\"patternProperties\":{\"*\":{}}}",
          "/patternProperties/*: bad regular expression" },
        { "{\"dependentRequired\":{\"a\":{}}}",
          "/dependentRequired/a: wants a list" },
        { "{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}",
          "/$schema: unknown dialect" },
        { "{\"$schema\":5}", "/$schema: wants a string" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *have = errors(cases[i][0], "{}");
        CHECK(strncmp(have, "refused 78: schema s.json ", 26) == 0);
        if (!strstr(have, cases[i][1]))
            CHECK_STR(have, cases[i][1]);
    }
}

/* ---- sizes */

TEST("10,000 properties are found, in any order")
{
    struct buf s = { 0 }, good = { 0 }, bad = { 0 };
    buf_addz(&s, "{\"additionalProperties\":false,\"required\":[\"p9999\","
                 "\"p0\"],\"properties\":{");
    buf_addc(&good, '{');
    buf_addc(&bad, '{');
    for (int i = 0; i < 10000; i++) {
        buf_addf(&s, "%s\"p%d\":{\"const\":%d}", i ? "," : "", i, i);
        buf_addf(&good, "%s\"p%d\":%d", i ? "," : "", 9999 - i, 9999 - i);
        if (i != 9999)
            buf_addf(&bad, "%s\"p%d\":%d", i ? "," : "", i, i == 777 ? 0 : i);
    }
    buf_addz(&s, "}}");
    buf_addc(&good, '}');
    buf_addz(&bad, ",\"p10000\":1}");
    GOOD(buf_z(&s), buf_z(&good));
    BAD(s.p, buf_z(&bad),
        "const /p777; additional_property /p10000; required /p9999");
    buf_free(&s);
    buf_free(&good);
    buf_free(&bad);
}

TEST("a schema nested too deep is refused, references in a row are not")
{
    struct buf s = { 0 };
    for (int i = 0; i < 10000; i++)
        buf_addz(&s, "{\"items\":");
    buf_addz(&s, "{}");
    for (int i = 0; i < 10000; i++)
        buf_addc(&s, '}');
    CHECK(strstr(errors(buf_z(&s), "1"), "nested too deep"));
    buf_reset(&s);
    buf_addz(&s, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    for (int i = 0; i < 300; i++)
        buf_addf(&s, "\"%d\":{\"$ref\":\"#/$defs/%d\"},", i, i + 1);
    buf_addz(&s, "\"300\":{\"type\":\"null\"}}}");
    BAD(buf_z(&s), "1", "type ");
    buf_reset(&s);
    buf_addz(&s, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    for (int i = 0; i < 10000; i++)
        buf_addf(&s, "\"%d\":{\"$ref\":\"#/$defs/%d\"},", i, i + 1);
    buf_addz(&s, "\"10000\":{\"type\":\"null\"}}}");
    const char *have = errors(buf_z(&s), "1");
    CHECK(strcmp(have, "type ") == 0 || strstr(have, "lead to each other"));
    buf_reset(&s);
    buf_addz(&s, "{\"$defs\":{\"0\":{\"type\":\"null\"}");
    for (int i = 1; i < 1000; i++)
        buf_addf(&s, ",\"%d\":{\"minimum\":%d,\"$ref\":\"#/$defs/%d\"}", i, i,
                 i - 1);
    buf_addz(&s, "}}");
    CHECK(
        strstr(errors(buf_z(&s), "1"), "schemas in a row lead to each other"));
    buf_free(&s);
}

TEST("a schema that branches at every level ends in bounded time")
{
    struct buf v = { 0 }, want = { 0 };
    buf_addz(&want, "too_complex ");
    for (int i = 0; i < 100; i++) {
        buf_addz(&v, "{\"a\":");
        buf_addz(&want, "/a");
    }
    buf_addz(&v, "1");
    for (int i = 0; i < 100; i++)
        buf_addc(&v, '}');
    /* Branches that differ: the same one twice would be asked once. */
    const char *have =
        errors("{\"properties\":{\"a\":{\"allOf\":[{\"$ref\":\"#\"},"
               "{\"$ref\":\"#\",\"minItems\":1},"
               "{\"$ref\":\"#\",\"minItems\":2}]}}}",
               buf_z(&v));
    CHECK(strncmp(have, buf_z(&want), 40) == 0);
    buf_free(&v);
    buf_free(&want);
}

TEST("deep data under a schema that follows it ends as an error")
{
    struct buf v = { 0 };
    for (int i = 0; i < 60000; i++)
        buf_addc(&v, '[');
    for (int i = 0; i < 60000; i++)
        buf_addc(&v, ']');
    CHECK(strstr(errors("{\"items\":{\"$ref\":\"#\"}}", buf_z(&v)),
                 "too_deep /0/0/0"));
    buf_free(&v);
}

TEST("errors beyond the limit are counted")
{
    struct buf v = { 0 };
    const struct schema_error *x = NULL;
    struct err e;
    size_t n = 0;
    buf_addc(&v, '[');
    for (int i = 0; i < 5000; i++)
        buf_addz(&v, i ? ",1" : "1");
    buf_addc(&v, ']');
    struct schema *s =
        schema_compile(STR("{\"items\":{\"type\":\"null\"}}"), "s", NULL, &e);
    struct schema_run *r = schema_run_new(s);
    CHECK(schema_check(r, buf_str(&v), &x, &n, &e) == 0);
    CHECK(n == SCHEMA_MAX_ERRORS);
    CHECK_STR(x[n - 1].code, "more_errors");
    CHECK(str_eq(x[n - 1].message, STR("4001 more errors")));
    CHECK(str_eq(x[3].path, STR("/3")) && str_eq(x[3].rule, STR("/*")));
    /* and the runner is as new for the next record */
    CHECK(schema_check(r, STR("[null]"), &x, &n, &e) == 1);
    CHECK(schema_check(r, STR("[1]"), &x, &n, &e) == 0 && n == 1);
    schema_run_free(r);
    schema_free(s);
    buf_free(&v);
}

TEST("bytes that are no JSON are never read past their end")
{
    static const char record[] =
        "{\"id\":1,\"qty\":[1,{\"a\":\"\\u00e4\"}],\"a/b\":true}";
    for (size_t n = 0; n < sizeof(record) - 1; n++) {
        char *copy = malloc(n + 1); /* exact, for the sanitizer */
        memcpy(copy, record, n);
        copy[n] = '\0';
        CHECK(strstr(errors(ORDER, copy), "not_json"));
        free(copy);
    }
}

TEST("a value in a message is cut at a character")
{
    CHECK_STR(say("{\"type\":\"null\"}",
                  "\"ääääääääääääääääääääääääääääääääääääääääää\"", true),
              "type : is \"äääääääääääääääääääääääääääää..., wants null");
}

/* ---- casts */

#define CSV                                                                \
    "{\"required\":[\"r\"],\"properties\":{\"n\":{\"type\":\"number\"},"   \
    "\"i\":{\"type\":\"integer\"},\"b\":{\"type\":\"boolean\"},"           \
    "\"z\":{\"type\":[\"integer\",\"null\"]},\"s\":{\"type\":\"string\"}," \
    "\"e\":{\"type\":[\"string\",\"integer\"]},\"r\":{\"type\":\"integer\"}}}"

TEST("strings are cast digit for digit where the schema wants another type")
{
    CHECK_STR(coerced(CSV, "{\"n\":\"1.50\", \"i\" :\"12\",\"b\":\"true\"}"),
              "{\"n\":1.50, \"i\" :12,\"b\":true}");
    CHECK_STR(coerced(CSV, "{\"n\":\"12345678901234567890123\"}"),
              "{\"n\":12345678901234567890123}");
    CHECK_STR(coerced(CSV, "{\"s\":\"12\",\"e\":\"12\",\"other\":\"12\"}"),
              "{\"s\":\"12\",\"e\":\"12\",\"other\":\"12\"}");
    CHECK_STR(coerced(CSV, "{\"i\":\"1.0\",\"n\":\"-0\",\"z\":\"7\"}"),
              "{\"i\":1.0,\"n\":-0,\"z\":7}");
}

TEST("what does not spell a value of the type stays a string")
{
    const char *s = "{\"n\":\"+1\",\"i\":\"1.5\",\"b\":\"TRUE\",\"z\":\"007\"}";
    CHECK_STR(coerced(CSV, s), s);
    s = "{\"n\":\" 1\",\"i\":\"1,000\",\"b\":\"1\",\"z\":\"null\"}";
    CHECK_STR(coerced(CSV, s), s);
    s = "{\"n\":\"\\u0031\",\"n\":\"NaN\",\"n\":\".5\",\"n\":\"1.\"}";
    CHECK_STR(coerced(CSV, s), s);
}

TEST("an empty string becomes null, or its member goes where it may")
{
    CHECK_STR(coerced(CSV, "{\"z\":\"\",\"s\":\"\"}"),
              "{\"z\":null,\"s\":\"\"}");
    CHECK_STR(coerced(CSV, "{\"n\":\"\",\"s\":\"x\"}"), "{\"s\":\"x\"}");
    CHECK_STR(coerced(CSV, "{\"s\":\"x\", \"n\":\"\"}"), "{\"s\":\"x\"}");
    CHECK_STR(coerced(CSV, "{ \"n\":\"\" }"), "{  }");
    CHECK_STR(coerced(CSV, "{\"n\":\"\",\"i\":\"\",\"s\":1,\"b\":\"\","
                           "\"i\":\"\"}"),
              "{\"s\":1}");
    CHECK_STR(coerced(CSV, "{\"s\":1,\"n\":\"\",\"i\":\"\",\"z\":\"2\"}"),
              "{\"s\":1,\"z\":2}");
    CHECK_STR(coerced(CSV, "{\"r\":\"\"}"), "{\"r\":\"\"}");
    CHECK_STR(coerced("{\"additionalProperties\":false}", "{\"x\":\"\"}"),
              "{\"x\":\"\"}");
    CHECK_STR(coerced("{\"items\":{\"type\":\"integer\"}}", "[\"\",\"1\"]"),
              "[\"\",1]");
}

TEST("casts reach through references, combinations and containers")
{
    CHECK_STR(coerced("{\"properties\":{\"a\":{\"$ref\":\"#/$defs/i\"}},"
                      "\"$defs\":{\"i\":{\"type\":\"integer\"}}}",
                      "{\"a\":\"1\"}"),
              "{\"a\":1}");
    CHECK_STR(coerced("{\"properties\":{\"a\":{\"anyOf\":[{\"type\":"
                      "\"integer\"},{\"type\":\"null\"}]}}}",
                      "{\"a\":\"\"}"),
              "{\"a\":null}");
    CHECK_STR(coerced("{\"allOf\":[{\"properties\":{\"a\":{\"items\":{"
                      "\"type\":\"number\"}}}},{\"properties\":{\"b\":{"
                      "\"properties\":{\"c\":{\"type\":\"boolean\"}}}}}]}",
                      "{\"a\":[\"1\",\"x\",\"2\"],\"b\":{\"c\":\"false\"}}"),
              "{\"a\":[1,\"x\",2],\"b\":{\"c\":false}}");
    CHECK_STR(coerced("{\"allOf\":[{\"properties\":{\"a\":{\"type\":"
                      "\"integer\"}}},{\"properties\":{\"a\":{\"type\":"
                      "[\"integer\",\"string\"]}}}]}",
                      "{\"a\":\"1\"}"),
              "{\"a\":1}");
    CHECK_STR(coerced("{\"patternProperties\":{\"^n_\":{\"type\":\"number\"}},"
                      "\"additionalProperties\":{\"type\":\"boolean\"}}",
                      "{\"n_x\":\"2\",\"y\":\"true\"}"),
              "{\"n_x\":2,\"y\":true}");
    CHECK_STR(coerced("{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"properties\""
                      ":{\"v\":{\"type\":\"integer\"},\"k\":{\"$ref\":"
                      "\"#/$defs/t\"}}}}}",
                      "{\"v\":\"1\",\"k\":{\"v\":\"2\",\"k\":{\"v\":\"3\"}}}"),
              "{\"v\":1,\"k\":{\"v\":2,\"k\":{\"v\":3}}}");
}

UNIT_MAIN
