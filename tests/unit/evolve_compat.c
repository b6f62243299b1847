#include "unit.h"

#include "base/buf.h"
#include "evolve/compat.h"

#include <stdlib.h>

static char answer[16384];

static int add_line(void *context, const struct difference *d, struct err *e)
{
    static const char *const names[] = { "-", "backward", "forward", "both" };
    size_t *n = context;
    (void)e;
    int w = snprintf(answer + *n, sizeof(answer) - *n, "%s%.*s %.*s %s",
                     *n ? "; " : "", STR_ARG(d->kind), STR_ARG(d->pointer),
                     names[d->breaks]);
    *n += (size_t)w;
    return *n < sizeof(answer) ? 0 : -1;
}

/* "kind pointer what-it-breaks; ...", "" where there is no difference, or
 * "refused: ...". */
static const char *diff_of(const char *was, const char *now, bool format)
{
    struct compat_options options = { .direction = COMPAT_FULL,
                                      .no_format_assertion = !format };
    struct compat_result r;
    struct err e = { 0 };
    size_t n = 0;
    answer[0] = '\0';
    struct compat *c = compat_new(&options, &e);
    if (!c || compat_add_text(c, str_of(was), "old", NULL, &e) ||
        compat_add_text(c, str_of(now), "new", NULL, &e) ||
        compat_run(c, add_line, &n, &r, &e) < 0)
        snprintf(answer, sizeof(answer), "refused %d: %s", (int)e.code, e.msg);
    compat_free(c);
    return answer;
}

static const char *diff(const char *was, const char *now)
{
    return diff_of(was, now, true);
}

/* Both accept the same. */
#define SAME(was, now) CHECK_STR(diff(was, now), "")
#define DIFF(was, now, want) CHECK_STR(diff(was, now), want)

TEST("types are sets; integer lies within number")
{
    DIFF("{\"type\":\"integer\"}", "{\"type\":\"number\"}",
         "type_widened /type forward");
    DIFF("{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}",
         "type_narrowed /type backward");
    DIFF("{\"type\":\"string\"}", "{\"type\":\"integer\"}",
         "type_changed /type both");
    SAME("{\"type\":[\"integer\",\"number\"]}", "{\"type\":\"number\"}");
    SAME("{\"type\":\"number\",\"multipleOf\":1}", "{\"type\":\"integer\"}");
    SAME("{\"type\":\"boolean\"}", "{\"enum\":[true,false]}");
    SAME("{\"type\":[\"null\",\"boolean\"]}", "{\"enum\":[null,true,false]}");
    DIFF("{}", "{\"type\":\"object\"}", "type_added /type backward");
}

TEST("bounds are compared exactly, the exclusive ones too")
{
    DIFF("{\"minimum\":12345678901234567890.1}",
         "{\"minimum\":12345678901234567890.2}",
         "minimum_narrowed /minimum backward");
    SAME("{\"minimum\":1.0}", "{\"minimum\":1}");
    SAME("{\"type\":\"integer\",\"exclusiveMinimum\":0}",
         "{\"type\":\"integer\",\"minimum\":1}");
    SAME("{\"type\":\"integer\",\"maximum\":2.5}",
         "{\"type\":\"integer\",\"exclusiveMaximum\":3}");
    DIFF("{\"type\":\"number\",\"exclusiveMinimum\":0}",
         "{\"type\":\"number\",\"minimum\":0}",
         "exclusive_minimum_widened /exclusiveMinimum forward");
    SAME("{\"type\":\"integer\",\"minimum\":1,\"maximum\":3}",
         "{\"enum\":[3,2,1.0]}");
    SAME("{\"type\":\"number\",\"minimum\":2,\"maximum\":1}", "false");
    SAME("{\"minimum\":1,\"exclusiveMinimum\":1}", "{\"exclusiveMinimum\":1}");
}

TEST("multiples divide exactly")
{
    SAME("{\"multipleOf\":0.1}", "{\"multipleOf\":1e-1}");
    DIFF("{\"multipleOf\":0.3}", "{\"multipleOf\":0.1}",
         "multiple_of_changed /multipleOf forward");
    DIFF("{\"multipleOf\":0.25}", "{\"multipleOf\":0.1}",
         "multiple_of_changed /multipleOf both");
    SAME("{\"type\":\"integer\"}", "{\"type\":\"integer\",\"multipleOf\":0.5}");
}

TEST("patterns and formats only ever equal themselves")
{
    DIFF("{\"pattern\":\"^a\"}", "{\"pattern\":\"^b\"}",
         "pattern_changed /pattern both");
    DIFF("{}", "{\"pattern\":\"a\"}", "pattern_added /pattern backward");
    SAME("{\"pattern\":\".*\"}", "{}");
    DIFF("{\"format\":\"date\"}", "{\"format\":\"date-time\"}",
         "format_changed /format both");
    CHECK_STR(diff_of("{\"format\":\"date\"}", "{}", false), "");
    DIFF("{\"enum\":[\"ab\",\"b\"]}",
         "{\"enum\":[\"ab\",\"b\"],\"pattern\":\"b\"}", "");
    DIFF("{\"enum\":[\"2024-01-01\"]}",
         "{\"enum\":[\"2024-01-01\"],\"format\":\"date\"}", "");
}

TEST("values of enum come and go one by one")
{
    DIFF("{\"enum\":[1,\"a\",null]}", "{\"enum\":[1.0,\"b\",null]}",
         "enum_value_added /enum forward; enum_value_removed /enum backward");
    SAME("{\"const\":{\"a\":1,\"b\":[2]}}",
         "{\"enum\":[{\"b\":[2.0],\"a\":1}]}");
    DIFF("{\"enum\":[\"a\",\"b\"]}", "{\"type\":\"string\"}",
         "enum_removed /enum forward");
    /* What the old schema itself refuses is not missed. */
    SAME("{\"type\":\"string\",\"enum\":[\"a\",1]}", "{\"const\":\"a\"}");
    DIFF("{\"enum\":[\"a\",\"abcd\"]}",
         "{\"enum\":[\"a\",\"abcd\"],\"maxLength\":2}",
         "max_length_narrowed /maxLength backward");
}

TEST("the content model decides what a new property breaks")
{
    /* Open: old records may hold anything there. */
    DIFF("{\"properties\":{\"a\":{\"type\":\"string\"}}}",
         "{\"properties\":{\"a\":{\"type\":\"string\"},"
         "\"b\":{\"type\":\"string\"}}}",
         "property_added /properties/b backward");
    /* Closed: they may not. */
    DIFF("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},"
         "\"b\":{\"type\":\"string\"}},\"additionalProperties\":false}",
         "property_added /properties/b forward");
    /* Partly open: they hold what fits. */
    SAME("{\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":{\"type\":\"string\"}}",
         "{\"properties\":{\"a\":{\"type\":\"string\"},"
         "\"b\":{\"type\":\"string\"}},"
         "\"additionalProperties\":{\"type\":\"string\"}}");
    DIFF("{\"properties\":{\"a\":{}},\"additionalProperties\":false}",
         "{\"additionalProperties\":false}",
         "property_removed /properties/a backward");
    DIFF("{}", "{\"additionalProperties\":false}",
         "additional_properties_narrowed /additionalProperties backward");
    SAME("{\"properties\":{\"a\":{}}}", "{}");
}

TEST("required, counts of properties and their names")
{
    DIFF("{\"required\":[\"a\"]}", "{\"required\":[\"b\"]}",
         "required_added /required backward; "
         "required_removed /required forward");
    SAME("{\"required\":[\"a\",\"b\"]}",
         "{\"required\":[\"b\",\"a\"],\"minProperties\":2}");
    SAME("{\"properties\":{\"a\":{}},\"additionalProperties\":false}",
         "{\"properties\":{\"a\":{}},\"additionalProperties\":false,"
         "\"maxProperties\":1}");
    SAME("{\"propertyNames\":{\"enum\":[\"a\",\"b\"]}}",
         "{\"properties\":{\"a\":{},\"b\":{}},\"additionalProperties\":false}");
    DIFF("{\"propertyNames\":{\"maxLength\":3}}",
         "{\"propertyNames\":{\"maxLength\":2}}",
         "max_length_narrowed /propertyNames/maxLength backward");
    /* An object that must have what it cannot have is none. */
    SAME("{\"type\":\"object\",\"required\":[\"a\"],"
         "\"properties\":{\"a\":false}}",
         "false");
}

TEST("pattern properties are weighed by class of name")
{
    SAME("{\"patternProperties\":{\"^a\":{\"type\":\"string\"},"
         "\"b$\":{\"type\":\"string\"}}}",
         "{\"patternProperties\":{\"b$\":{\"type\":\"string\"},"
         "\"^a\":{\"type\":\"string\"}}}");
    DIFF("{\"patternProperties\":{\"^a\":{\"minLength\":2}}}",
         "{\"patternProperties\":{\"^a\":{\"minLength\":1}}}",
         "min_length_widened /patternProperties/^a/minLength forward");
    SAME("{\"patternProperties\":{\"^a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":{\"type\":\"string\"}}",
         "{\"additionalProperties\":{\"type\":\"string\"}}");
    /* A named property has to fit its patterns too. */
    DIFF("{\"properties\":{\"ab\":{\"type\":\"string\"}}}",
         "{\"properties\":{\"ab\":{\"type\":\"string\"}},"
         "\"patternProperties\":{\"^a\":{\"maxLength\":1}}}",
         "pattern_properties_narrowed /patternProperties/^a backward; "
         "property_removed /properties/ab backward");
}

TEST("dependencies hold where the property is there")
{
    SAME("{\"dependentRequired\":{\"a\":[\"b\"],\"b\":[\"c\"]}}",
         "{\"dependentRequired\":{\"a\":[\"c\",\"b\"],\"b\":[\"c\"]}}");
    SAME("{\"properties\":{\"a\":false}}",
         "{\"properties\":{\"a\":false},"
         "\"dependentRequired\":{\"a\":[\"b\"]}}");
    DIFF("{}", "{\"dependentSchemas\":{\"a\":{\"minProperties\":2}}}",
         "dependent_schemas_changed /dependentSchemas/a backward");
    SAME("{\"minProperties\":2}",
         "{\"minProperties\":2,"
         "\"dependentSchemas\":{\"a\":{\"minProperties\":2}}}");
    DIFF("{\"required\":[\"a\"],"
         "\"dependentSchemas\":{\"a\":{\"type\":\"null\"}}}",
         "{\"not\":{\"type\":\"object\",\"required\":[\"a\"]}}",
         "required_removed /required forward");
}

TEST("arrays are compared place by place")
{
    SAME("{\"prefixItems\":[{\"type\":\"string\"}],"
         "\"items\":{\"type\":\"string\"}}",
         "{\"items\":{\"type\":\"string\"}}");
    SAME("{\"type\":\"array\",\"prefixItems\":[{},{}],\"items\":false}",
         "{\"type\":\"array\",\"maxItems\":2}");
    SAME("{\"prefixItems\":[{},false]}", "{\"maxItems\":1}");
    SAME("{\"maxItems\":1}", "{\"maxItems\":1,\"uniqueItems\":true}");
    DIFF("{}", "{\"items\":{\"type\":\"string\"}}",
         "items_narrowed /items backward");
    SAME("{\"contains\":{\"const\":1}}",
         "{\"contains\":{\"const\":1},\"minItems\":1}");
    DIFF("{\"contains\":{\"type\":\"integer\"}}",
         "{\"contains\":{\"type\":\"number\"}}",
         "contains_widened /contains forward");
    SAME("{\"items\":{\"type\":\"string\"},\"minItems\":2}",
         "{\"items\":{\"type\":\"string\"},\"minItems\":2,"
         "\"contains\":{\"type\":\"string\"},\"minContains\":2}");
    SAME("{\"items\":{\"type\":\"string\"}}",
         "{\"items\":{\"type\":\"string\"},"
         "\"contains\":{\"type\":\"null\"},\"minContains\":0,"
         "\"maxContains\":0}");
}

TEST("alternatives are tried, split and left over")
{
    SAME("{\"type\":[\"string\",\"integer\"]}",
         "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}");
    SAME("{\"type\":\"number\"}",
         "{\"type\":\"number\",\"anyOf\":[{\"maximum\":10},{\"minimum\":5}]}");
    DIFF("{\"type\":\"number\"}",
         "{\"type\":\"number\",\"anyOf\":[{\"maximum\":5},{\"minimum\":10}]}",
         "any_of_changed /anyOf backward");
    SAME("{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
         "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}");
    SAME("{\"type\":[\"string\",\"null\"]}",
         "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}");
    DIFF("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\","
         "\"maxLength\":5}]}",
         "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\","
         "\"maxLength\":4}]}",
         "max_length_narrowed /anyOf/1/maxLength backward");
}

TEST("unions told apart by a constant are compared kind by kind")
{
    static const char was[] =
        "{\"type\":\"object\",\"required\":[\"kind\"],\"oneOf\":["
        "{\"properties\":{\"kind\":{\"const\":\"a\"},"
        "\"x\":{\"type\":\"integer\"}}},"
        "{\"properties\":{\"kind\":{\"const\":\"b\"}}}]}";
    static const char now[] =
        "{\"type\":\"object\",\"required\":[\"kind\"],\"oneOf\":["
        "{\"properties\":{\"kind\":{\"const\":\"c\"}}},"
        "{\"properties\":{\"kind\":{\"const\":\"b\"}}},"
        "{\"properties\":{\"kind\":{\"const\":\"a\"},"
        "\"x\":{\"type\":\"number\"}}}]}";
    static const char apart[] =
        "{\"type\":\"object\",\"required\":[\"kind\"],"
        "\"properties\":{\"kind\":{\"enum\":[\"a\",\"b\"]}},"
        "\"if\":{\"properties\":{\"kind\":{\"const\":\"a\"}}},"
        "\"then\":{\"properties\":{\"x\":{\"type\":\"integer\"}}}}";
    CHECK(!strstr(diff(was, now), "backward"));
    CHECK(!strstr(diff(was, now), "both"));
    CHECK(strstr(diff(was, now), "forward") != NULL);
    SAME(was, apart);
}

TEST("not and conditions")
{
    DIFF("{\"not\":{\"type\":\"string\"}}", "{\"not\":{\"minLength\":3}}",
         "not_changed /not both");
    SAME("{\"not\":{\"not\":{\"type\":\"string\"}}}", "{\"type\":\"string\"}");
    SAME("{\"not\":{\"type\":[\"string\",\"null\",\"array\",\"object\","
         "\"boolean\"]}}",
         "{\"type\":\"number\"}");
    SAME("{\"if\":{\"type\":\"string\"},\"then\":{\"minLength\":1},"
         "\"else\":{\"type\":\"null\"}}",
         "{\"type\":[\"string\",\"null\"],\"minLength\":1}");
    SAME("{\"if\":true,\"then\":{\"type\":\"string\"}}",
         "{\"type\":\"string\"}");
}

TEST("references are followed, recursive ones as well")
{
    SAME("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"string\"}}}",
         "{\"type\":\"string\"}");
    DIFF("{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"v\":"
         "{\"type\":\"integer\"},\"next\":{\"$ref\":\"#/$defs/n\"}}}},"
         "\"$ref\":\"#/$defs/n\"}",
         "{\"$defs\":{\"m\":{\"type\":\"object\",\"properties\":{\"v\":"
         "{\"type\":\"number\"},\"next\":{\"$ref\":\"#/$defs/m\"}}}},"
         "\"$ref\":\"#/$defs/m\"}",
         "type_widened /$defs/n/properties/v/type forward");
    /* Nothing finite is of this kind. */
    SAME("{\"$defs\":{\"n\":{\"type\":\"object\",\"required\":[\"n\"],"
         "\"properties\":{\"n\":{\"$ref\":\"#/$defs/n\"}}}},"
         "\"$ref\":\"#/$defs/n\"}",
         "false");
    SAME("{\"$ref\":\"#x\",\"$defs\":{\"a\":{\"$anchor\":\"x\","
         "\"type\":\"null\"}}}",
         "{\"$id\":\"http://h/a\",\"$ref\":\"b\",\"$defs\":{\"a\":"
         "{\"$id\":\"b\",\"type\":\"null\"}}}");
    SAME("{\"$dynamicRef\":\"#n\",\"$defs\":{\"a\":{\"$dynamicAnchor\":\"n\","
         "\"type\":\"null\"}}}",
         "{\"type\":\"null\"}");
    /* In draft-07 a reference hides what stands beside it. */
    SAME("{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
         "\"properties\":{\"a\":{\"$ref\":\"#/definitions/s\","
         "\"maxLength\":1}},\"definitions\":{\"s\":{\"type\":\"string\"}}}",
         "{\"properties\":{\"a\":{\"type\":\"string\"}}}");
}

TEST("dialects are compared by what they mean")
{
    SAME("{\"$schema\":\"http://json-schema.org/draft-04/schema#\","
         "\"minimum\":1,\"exclusiveMinimum\":true}",
         "{\"exclusiveMinimum\":1}");
    SAME("{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
         "\"items\":[{\"type\":\"null\"}],\"additionalItems\":false}",
         "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
         "\"prefixItems\":[{\"type\":\"null\"}],\"items\":false}");
}

/* unevaluatedProperties: false beside what a names. */
#define CLOSED(a) "{" a ",\"unevaluatedProperties\":false}"

TEST("unevaluated properties are weighed through references and allOf")
{
    SAME("{\"properties\":{\"a\":{}},\"unevaluatedProperties\":false}",
         "{\"properties\":{\"a\":{}},\"additionalProperties\":false}");
    SAME(CLOSED("\"$defs\":{\"b\":{\"properties\":{\"a\":{}},"
                "\"allOf\":[{\"patternProperties\":{\"^x\":{}}}]}},"
                "\"$ref\":\"#/$defs/b\",\"properties\":{\"c\":{}}"),
         "{\"properties\":{\"a\":{},\"c\":{}},"
         "\"patternProperties\":{\"^x\":{}},\"additionalProperties\":false}");
    DIFF("{}", CLOSED("\"allOf\":[{\"properties\":{\"a\":{}}}]"),
         "unevaluated_properties_narrowed /unevaluatedProperties backward");
    /* Where somebody says something of all properties, none is left over. */
    SAME(CLOSED("\"allOf\":[{\"additionalProperties\":true}]"), "true");
    SAME(CLOSED("\"allOf\":[{\"unevaluatedProperties\":true}]"), "true");
    SAME(CLOSED("\"allOf\":[{\"properties\":{\"a\":{}},"
                "\"allOf\":[true],\"unevaluatedProperties\":"
                "{\"type\":\"integer\"}}]"),
         "{\"properties\":{\"a\":{}},"
         "\"additionalProperties\":{\"type\":\"integer\"}}");
    DIFF(CLOSED("\"allOf\":[{\"properties\":{\"a\":{}}}]"),
         CLOSED("\"allOf\":[{\"properties\":{\"a\":{},\"b\":{}}}]"),
         "property_added /allOf/0/properties/b forward");
    DIFF(CLOSED("\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}}}]"),
         CLOSED("\"allOf\":[{\"properties\":{\"a\":{\"type\":\"number\"}}}]"),
         "type_widened /allOf/0/properties/a/type forward");
}

TEST("beside alternatives they are passed where both sides say the same")
{
    DIFF(CLOSED("\"title\":\"x\",\"anyOf\":[{\"properties\":{\"a\":{}}},true]"),
         CLOSED("\"anyOf\":[{\"properties\":{\"a\":{}}},true]"), "");
    DIFF(CLOSED("\"anyOf\":[{\"properties\":{\"a\":{}}},true]"),
         CLOSED("\"anyOf\":[true,{\"properties\":{\"a\":{}}}]"),
         "unevaluated_properties_changed /unevaluatedProperties both");
    /* The two keywords do not hide each other. */
    DIFF("{\"unevaluatedItems\":false,\"allOf\":[{\"properties\":{\"a\":{}}}],"
         "\"unevaluatedProperties\":false}",
         "{\"allOf\":[{\"properties\":{\"a\":{}}}],"
         "\"unevaluatedProperties\":false}",
         "unevaluated_items_changed /unevaluatedItems forward");
}

TEST("defaults that change are told and break nothing")
{
    DIFF("{\"properties\":{\"a\":{\"default\":1}}}",
         "{\"properties\":{\"a\":{\"default\":2}}}",
         "default_changed /properties/a/default -");
    DIFF("{\"properties\":{\"a\":{\"default\":1}}}",
         "{\"properties\":{\"a\":{\"default\":1.0}}}", "");
}

TEST("what is no schema is refused with its place")
{
    static const struct {
        const char *schema, *want;
    } bad[] = {
        { "", "refused 78: schema old, line 1: " },
        { "[]", "refused 78: schema old at its root: is an array" },
        { "{\"a\":\n1,}", "refused 78: schema old, line 2: " },
        { "{\"type\":\"int\"}",
          "refused 78: schema old at /type: unknown type \"int\"" },
        { "{\"properties\":{\"a\":{\"pattern\":\"[\"}}}",
          "refused 78: schema old at /properties/a/pattern: bad regular" },
        { "{\"$ref\":\"#/x\"}",
          "refused 78: schema old at /$ref: reference \"#/x\" leads nowhere" },
        { "{\"$ref\":\"http://h/x\"}",
          "refused 78: schema old at /$ref: reference \"http://h/x\" leads to "
          "http://h/x, which is not at hand" },
        { "{\"$ref\":\"#\"}",
          "refused 78: schema old at its root: refers to itself" },
        { "{\"allOf\":[{\"not\":{\"$ref\":\"#/allOf/0\"}}]}",
          "refused 78: schema old at /allOf/0: refers to itself" },
        { "{\"$schema\":\"http://json-schema.org/draft-03/schema#\"}",
          "refused 78: schema old at /$schema: unknown dialect" },
        { "{\"minLength\":-1}",
          "refused 78: schema old at /minLength: is -1, wants a whole" },
        { "{\"required\":\"a\"}",
          "refused 78: schema old at /required: is \"a\", wants a list" },
        { "{\"items\":[{}]}", "refused 78: schema old at /items: wants a" },
        { "{\"anyOf\":[]}", "refused 78: schema old at /anyOf: is an array" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *have = diff(bad[i].schema, "true");
        CHECK(strncmp(have, bad[i].want, strlen(bad[i].want)) == 0);
        if (strncmp(have, bad[i].want, strlen(bad[i].want)) != 0)
            printf("# have %s\n", have);
    }
}

TEST("a comparison that takes too long gives up, and says so")
{
    struct buf was = { 0 }, now = { 0 };
    buf_addz(&was, "{\"allOf\":[");
    buf_addz(&now, "{\"allOf\":[");
    for (int i = 0; i < 12; i++) {
        buf_addf(&was,
                 "%s{\"oneOf\":[{\"maxLength\":%d},{\"minItems\":%d},"
                 "{\"maximum\":%d},{\"required\":[\"a%d\"]}]}",
                 i ? "," : "", i + 3, i, i, i);
        buf_addf(&now,
                 "%s{\"oneOf\":[{\"maxLength\":%d},{\"minItems\":%d},"
                 "{\"maximum\":%d},{\"required\":[\"b%d\"]}]}",
                 i ? "," : "", i + 2, i, i + 1, i);
    }
    buf_addz(&was, "]}");
    buf_addz(&now, "]}");
    CHECK(strstr(diff(buf_z(&was), buf_z(&now)), "too_complex") != NULL);
    buf_free(&was);
    buf_free(&now);
}

TEST("chains of references are followed only so far")
{
    struct buf b = { 0 };
    buf_addz(&b, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < 20000; i++)
        buf_addf(&b, "\"d%d\":{\"$ref\":\"#/$defs/d%d\"},", i, i + 1);
    buf_addz(&b, "\"d20000\":true}}");
    CHECK(strstr(diff(buf_z(&b), "true"), "references nest too deep") != NULL);
    buf_free(&b);
}

static const char *run_kind(unsigned direction, bool transitive,
                            const char *const *texts, size_t n)
{
    struct compat_options options = { .direction = direction,
                                      .transitive = transitive };
    struct compat_result r = { 0 };
    struct err e = { 0 };
    size_t at = 0;
    answer[0] = '\0';
    struct compat *c = compat_new(&options, &e);
    for (size_t i = 0; c && i < n; i++)
        CHECK(compat_add_text(c, str_of(texts[i]), "v", NULL, &e) == 0);
    int ok = c ? compat_run(c, add_line, &at, &r, &e) : -1;
    compat_free(c);
    snprintf(answer, sizeof(answer), "%d of %d: %s", (int)r.incompatible,
             (int)r.differences,
             ok < 0 ? e.msg
             : ok   ? "yes"
                    : "no");
    return answer;
}

TEST("kinds: one direction or both, one version or all")
{
    static const char *const v[] = { "{\"type\":\"integer\",\"maximum\":9}",
                                     "{\"type\":\"string\"}",
                                     "{\"type\":\"string\",\"maxLength\":3}" };
    CHECK_STR(run_kind(COMPAT_BACKWARD, false, v, 3), "1 of 1: no");
    CHECK_STR(run_kind(COMPAT_FORWARD, false, v, 3), "0 of 1: yes");
    CHECK_STR(run_kind(COMPAT_FULL, false, v, 3), "1 of 1: no");
    CHECK_STR(run_kind(COMPAT_FORWARD, true, v, 3), "1 of 2: no");
    CHECK_STR(run_kind(COMPAT_FULL, true, v, 1),
              "0 of 0: at least two versions of a schema are wanted");
}

UNIT_MAIN
