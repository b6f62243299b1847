/* References, what is left unevaluated, where errors say that their rule
 * stands, and the bounds of it all. */
#include "unit.h"

#include "base/buf.h"
#include "schema/schema.h"

#include <stdlib.h>

static char answer[8192];

/* "" where the record fits, else "PLACE-IN-SCHEMA: message" of each error, with
 * "; " between; "refused CODE: ..." where the schema does not compile. */
static const char *say(struct str schema, const char *record)
{
    const struct schema_error *x;
    struct err e = { 0 };
    size_t n = 0, used = 0;
    struct schema *s = schema_compile(schema, "s.json", NULL, &e);
    answer[0] = '\0';
    if (!s) {
        snprintf(answer, sizeof(answer), "refused %d: %s", (int)e.code, e.msg);
        return answer;
    }
    struct schema_run *r = schema_run_new(s);
    int fit = schema_check(r, str_of(record), &x, &n, &e);
    for (size_t i = 0; fit == 0 && i < n && used < sizeof(answer) - 1; i++)
        used += (size_t)snprintf(answer + used, sizeof(answer) - used,
                                 "%s%.*s: %.*s", i ? "; " : "",
                                 STR_ARG(x[i].schema), STR_ARG(x[i].message));
    schema_run_free(r);
    schema_free(s);
    return answer;
}

#define SAYS(schema, record, want) CHECK_STR(say(STR(schema), record), want)

TEST("an error says which keyword of the schema was broken")
{
    SAYS("{\"properties\":{\"a\":{\"$ref\":\"#/$defs/m\"}},\"$defs\":{\"m\":{"
         "\"type\":\"integer\",\"minimum\":3}}}",
         "{\"a\":1.5}",
         "/$defs/m/type: is 1.5, wants integer; "
         "/$defs/m/minimum: is 1.5, minimum is 3");
    SAYS("{\"properties\":{\"a~/b\":{\"items\":{\"minLength\":2}}},"
         "\"required\":[\"x\"],\"additionalProperties\":false}",
         "{\"a~/b\":[\"\"],\"c\":1}",
         "/properties/a~0~1b/items/minLength: is \"\", length 0, minimum is 2; "
         "/additionalProperties: is not in the schema; "
         "/required: is missing");
    SAYS("{\"allOf\":[{\"not\":{\"const\":1}},false]}", "1",
         "/allOf/0/not: fits the schema of \"not\"; "
         "/allOf/1: is not allowed");
}

TEST("in another document the place has its URI before it")
{
    SAYS("{\"$ref\":\"http://json-schema.org/draft-07/schema#\"}",
         "{\"title\":5}",
         "http://json-schema.org/draft-07/schema#/properties/title/type: is 5, "
         "wants string");
}

TEST("anyOf and oneOf tell what each of their schemas misses, the first four")
{
    SAYS("{\"anyOf\":[{\"type\":\"string\"},{\"required\":[\"a\"],"
         "\"minProperties\":1}]}",
         "{}",
         "/anyOf: fits none of the 2 schemas of anyOf (0: is {}, wants string; "
         "1: /a is missing and 1 more)");
    SAYS("{\"oneOf\":[{\"const\":1},{\"const\":2},{\"const\":3},{\"const\":4},"
         "{\"const\":5}]}",
         "0",
         "/oneOf: fits none of the 5 schemas of oneOf (0: is 0, wants 1; "
         "1: is 0, wants 2; 2: is 0, wants 3; 3: is 0, wants 4; ...)");
    /* Branches of branches are not told: no message without an end. */
    SAYS("{\"anyOf\":[{\"anyOf\":[{\"anyOf\":[false]}]}]}", "0",
         "/anyOf: fits none of the 1 schemas of anyOf (0: fits none of the 1 "
         "schemas of anyOf)");
}

TEST("$id resolves against what is around it, as RFC 3986 has it")
{
    static const char *const cases[][2] = {
        { "b", "https://example.com/x/b" },
        { "./b", "https://example.com/x/b" },
        { "../b", "https://example.com/b" },
        { "/b", "https://example.com/b" },
        { "../../../b", "https://example.com/b" },
        { "//other.example/b", "https://other.example/b" },
        { "?q", "https://example.com/x/a?q" },
        { "y/./z/../b", "https://example.com/x/y/b" },
        { "urn:x:y", "urn:x:y" },
        { "b/..", "https://example.com/x/" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char s[512];
        snprintf(s, sizeof(s),
                 "{\"$id\":\"https://example.com/x/a\",\"$ref\":\"%s\","
                 "\"$defs\":{\"b\":{\"$id\":\"%s\",\"type\":\"null\"}}}",
                 cases[i][1], cases[i][0]);
        CHECK_STR(say(str_of(s), "null"), "");
        CHECK_STR(say(str_of(s), "1"), "/$defs/b/type: is 1, wants null");
    }
}

TEST("one name for two schemas is refused")
{
    CHECK(strstr(say(STR("{\"$defs\":{\"a\":{\"$id\":\"x:1\"},\"b\":{\"$id\":"
                         "\"x:1\"}}}"),
                     "1"),
                 "refused 78: schema s.json at /$defs/b/$id: another schema "
                 "has this $id"));
    CHECK(strstr(say(STR("{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{"
                         "\"$anchor\":\"x\"}}}"),
                     "1"),
                 "another schema has the anchor \"x\""));
}

TEST("unevaluated members follow a record of any depth in one walk")
{
    struct buf v = { 0 };
    for (int i = 0; i < 200; i++)
        buf_addz(&v, "{\"c\":");
    buf_addz(&v, "{\"x\":1}");
    for (int i = 0; i < 200; i++)
        buf_addc(&v, '}');
    const char *s = "{\"unevaluatedProperties\":false,\"anyOf\":[{"
                    "\"properties\":{\"c\":{\"$ref\":\"#\"}}}]}";
    const char *have = say(str_of(s), buf_z(&v));
    CHECK(strncmp(have, "/anyOf: fits none", 17) == 0);
    buf_free(&v);
}

TEST("of duplicate members only the last can be left over")
{
    const char *s = "{\"properties\":{\"a\":true},\"unevaluatedProperties\":{"
                    "\"type\":\"null\"}}";
    CHECK_STR(say(str_of(s), "{\"b\":1,\"a\":1,\"b\":null}"), "");
    CHECK(strstr(say(str_of(s), "{\"b\":null,\"b\":1}"), "wants null"));
}

TEST("more than a hundred members are told apart")
{
    struct buf s = { 0 }, v = { 0 };
    buf_addz(&s, "{\"allOf\":[{\"properties\":{");
    for (int i = 0; i < 300; i++) {
        buf_addf(&s, "%s\"p%d\":true", i ? "," : "", i);
        buf_addf(&v, "%c\"p%d\":1", i ? ',' : '{', i);
    }
    buf_addz(&s, "}}],\"unevaluatedProperties\":false}");
    buf_addz(&v, ",\"q\":1}");
    CHECK_STR(say(buf_str(&s), buf_z(&v)),
              "/unevaluatedProperties: is not in the schema");
    buf_free(&s);
    buf_free(&v);
}

TEST("dynamic references in more ways than can be kept apart are refused")
{
    /* Any subset of the resources may have been entered before another. */
    struct buf s = { 0 };
    buf_addz(&s, "{\"$id\":\"x:0\",\"properties\":{\"a\":{\"$ref\":\"x:1\"}},"
                 "\"$defs\":{");
    for (int i = 1; i < 40; i++) {
        buf_addf(&s, "%s\"d%d\":{\"$id\":\"x:%d\",\"properties\":{",
                 i > 1 ? "," : "", i, i);
        for (int k = 1; k < 40; k++)
            buf_addf(&s, "%s\"p%d\":{\"$ref\":\"x:%d\"}", k > 1 ? "," : "", k,
                     k);
        buf_addf(&s, "},\"$defs\":{\"t\":{\"$dynamicAnchor\":\"t%d\"}}}", i);
    }
    buf_addz(&s, "}}");
    CHECK(
        strstr(say(buf_str(&s), "{}"), "dynamic references lead to more than"));
    buf_free(&s);
}

TEST("ten thousand references and anchors cost no more than they are")
{
    struct buf s = { 0 };
    buf_addz(&s, "{\"properties\":{");
    for (int i = 0; i < 10000; i++)
        buf_addf(&s, "%s\"p%d\":{\"$ref\":\"#a%d\"}", i ? "," : "", i, i);
    buf_addz(&s, "},\"$defs\":{");
    for (int i = 0; i < 10000; i++)
        buf_addf(&s, "%s\"d%d\":{\"$anchor\":\"a%d\",\"const\":%d}",
                 i ? "," : "", i, i, i);
    buf_addz(&s, "}}");
    CHECK_STR(say(buf_str(&s), "{\"p9999\":9999}"), "");
    CHECK_STR(say(buf_str(&s), "{\"p77\":78}"),
              "/$defs/d77/const: is 78, wants 77");
    buf_free(&s);
}

TEST("escapes that ECMA-262 does not have are refused, not taken for others")
{
    static const char *const bad[] = {
        "\\\\Z", "\\\\A",  "\\\\h",      "\\\\R",   "\\\\Qa\\\\E",   "(*FAIL)",
        "a++",   "\\\\1",  "(?P<n>a)",   "(?#c)",   "(?>a)",         "\\\\pL",
        "[b-a]", "x{2,1}", "\\\\p{Xan}", "(?|a|b)", "\\\\u{110000}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char s[64];
        snprintf(s, sizeof(s), "{\"pattern\":\"%s\"}", bad[i]);
        CHECK(strstr(say(str_of(s), "\"\""), "bad regular expression") ||
              (printf("# %s\n", bad[i]), 0));
    }
}

TEST("classes, controls and code points are those of ECMA-262")
{
    static const char *const good[][2] = {
        { "^\\\\v$", "\"\\u000b\"" },
        { "^[[:alpha:]]$", "\"a]\"" },
        { "^\\\\s[\\\\s][^\\\\S]$", "\"\\u00a0\\ufeff\\u2029\"" },
        { "^[\\\\b]$", "\"\\u0008\"" },
        { "^\\\\u{1f600}\\\\ud83d\\\\ude00$",
          "\"\\ud83d\\ude00\\ud83d\\ude00\"" },
        { "^[\\\\ud83d\\\\ude00-\\\\u{1f602}]$", "\"\\ud83d\\ude01\"" },
        { "^\\\\p{Script=Greek}\\\\p{Lu}\\\\P{gc=Nd}$", "\"\\u03b1Bc\"" },
        { "^(?<x>a)\\\\k<x>\\\\1$", "\"aaa\"" },
        { "^.$", "\"\\u0085\"" },
        { "^a{,2}$", "\"a{,2}\"" },
        { "^[^]$", "\"\\n\"" },
        { "(?i)^ab$", "\"AB\"" },
        { "^\\\\@\\\\-\\\\_$", "\"@-_\"" },
        { "^\\\\cJ\\\\0$", "\"\\n\\u0000\"" },
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        char s[128];
        snprintf(s, sizeof(s), "{\"pattern\":\"%s\"}", good[i][0]);
        CHECK_STR(say(str_of(s), good[i][1]), "");
    }
    CHECK(*say(STR("{\"pattern\":\"^.$\"}"), "\"\\u2028\""));
    CHECK(*say(STR("{\"pattern\":\"\\\\ud800\"}"), "\"\\ud83d\\ude00\""));
}

UNIT_MAIN
