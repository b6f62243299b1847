#include "unit.h"

#include "contract/contract.h"
#include "schema/schema.h"

#include <stdlib.h>

#define HEAD                                                   \
    "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: " \
    "1.0.0\nstatus: active\n"
#define SCHEMA "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","

static struct err e;
static struct contract_options options;

static struct contract *load(const char *head, const char *body)
{
    struct buf b = { 0 };
    e = (struct err){ 0 };
    buf_addz(&b, head);
    buf_addz(&b, body);
    struct contract *c = contract_parse(buf_str(&b), "c.yaml", &options, &e);
    buf_free(&b);
    return c;
}

static const char *copy(struct str s)
{
    static char out[4000];
    snprintf(out, sizeof(out), "%.*s", STR_ARG(s));
    return out;
}

/* An error without its file. */
static const char *told(void)
{
    const char *msg = e.msg;
    if (strncmp(msg, "contract c.yaml, ", 17) == 0)
        msg += 17;
    return copy(str_of(msg));
}

/* The JSON Schema of a contract's text behind its first keywords, or "! " and
 * the error. */
static const char *schema_of(const char *head, const char *body)
{
    struct contract *c = load(head, body);
    if (!c)
        return told();
    struct schema *s = schema_compile(buf_str(&c->schema), "made", NULL, &e);
    if (!s)
        printf("# %s\n", e.msg);
    CHECK(s != NULL);
    schema_free(s);
    struct str text = buf_str(&c->schema);
    if (c->odcs && text.n > strlen(SCHEMA)) {
        text.p += strlen(SCHEMA);
        text.n -= strlen(SCHEMA);
    }
    const char *out = copy(text);
    contract_free(c);
    return out;
}

/* The schema of one property that has these keys. */
static const char *property(const char *keys)
{
    static char body[2000];
    static const char before[] = "\"type\":\"object\",\"properties\":{\"a\":{";
    snprintf(body, sizeof(body),
             "schema:\n- name: o\n  properties:\n  - {name: a, %s}\n", keys);
    const char *out = schema_of(HEAD, body);
    if (strncmp(out, before, strlen(before)) == 0)
        out += strlen(before) - 1;
    return out;
}

/* Checks and gates, with "; " between, of such a property. */
static const char *rules_of(const char *head, const char *body)
{
    struct buf b = { 0 };
    struct contract *c = load(head, body);
    if (!c)
        return told();
    for (size_t i = 0; i < c->n_checks; i++)
        buf_addf(&b, "%scheck %s", b.n ? "; " : "", c->checks[i].text);
    for (size_t i = 0; i < c->n_gates; i++)
        buf_addf(&b, "%s%s", b.n ? "; " : "", c->gates[i].text);
    const char *out = copy(buf_str(&b));
    buf_free(&b);
    contract_free(c);
    return out;
}

static const char *rules(const char *keys)
{
    static char body[2000];
    snprintf(body, sizeof(body),
             "schema:\n- name: o\n  properties:\n  - {name: a, %s}\n", keys);
    return rules_of(HEAD, body);
}

static const char *quality(const char *rule)
{
    static char keys[1000];
    snprintf(keys, sizeof(keys), "quality: [{%s}]", rule);
    return rules(keys);
}

static const char *object_quality(const char *rule)
{
    static char body[2000];
    snprintf(body, sizeof(body),
             "schema:\n- name: o\n  properties: [{name: a}, {name: 'b c', "
             "physicalName: b}]\n  quality: [{%s}]\n",
             rule);
    return rules_of(HEAD, body);
}

/* ---- what a file is */

TEST("a JSON Schema passes as it is, as YAML it becomes JSON")
{
    struct contract *c =
        contract_parse(STR(" { \"type\" : \"object\" } "), "s.json", NULL, &e);
    CHECK(c && !c->odcs && c->n_gates == 0);
    CHECK_STR(copy(buf_str(&c->schema)), " { \"type\" : \"object\" } ");
    contract_free(c);
    CHECK_STR(
        schema_of("", "type: object\nproperties:\n  n: {minimum: 1.50}\n"),
        "{\"type\":\"object\",\"properties\":{\"n\":{\"minimum\":1.50}}}");
    /* What is no YAML by its name or first byte is left to JSON's messages. */
    c = contract_parse(STR("{ \"type\" "), "s.json", NULL, &e);
    CHECK(c && !c->odcs);
    contract_free(c);
    c = contract_parse(STR("type: object"), "s.json", NULL, &e);
    CHECK_STR(copy(buf_str(&c->schema)), "type: object");
    contract_free(c);
    c = contract_parse(STR("type: object"), "/dev/fd/63", NULL, &e);
    CHECK_STR(copy(buf_str(&c->schema)), "{\"type\":\"object\"}");
    contract_free(c);
}

TEST("a contract may be JSON")
{
    struct contract *c = contract_parse(
        STR("{\"kind\":\"DataContract\",\"apiVersion\":\"v3.0.2\",\"id\":\"x\","
            "\"version\":\"1\",\"status\":\"active\",\"schema\":[{\"name\":"
            "\"o\",\"properties\":[{\"name\":\"\\ud83d\\ude00\","
            "\"unique\":true}]}]}"),
        "c.json", NULL, &e);
    CHECK(c && c->odcs);
    CHECK_STR(c && c->n_gates == 1 ? c->gates[0].text : NULL,
              "unique \"\xf0\x9f\x98\x80\"");
    contract_free(c);
}

TEST("what is nearly a contract is no schema without rules")
{
    CHECK_STR(schema_of("", "apiVersion: v3.1.0\nschema: []\n"),
              "line 1, column 1 at its root: contract has no 'kind'");
    CHECK_STR(schema_of("", "apiVersion: apps/v1\nkind: Deployment\nid: x\n"
                            "version: 1.0.0\nstatus: a\n"),
              "line 2, column 7 at /kind: 'Deployment' is not DataContract");
    CHECK_STR(schema_of("", "dataContractSpecification: 1.1.0\n"),
              "contract c.yaml follows the Data Contract Specification; the "
              "Open Data Contract Standard is read");
    CHECK_STR(schema_of("", "kind: DataContract\napiVersion: v3.1.0\n"),
              "line 1, column 1 at its root: contract has no 'id'");
    CHECK_STR(schema_of("", "kind: DataContract\napiVersion: v2.2.2\nid: x\n"
                            "version: 1.0.0\nstatus: a\n"),
              "line 2, column 13 at /apiVersion: 'v2.2.2' is none of v3.0.0, "
              "v3.0.1, v3.0.2, v3.1.0");
    CHECK_STR(schema_of(HEAD, ""), "line 1, column 1 at its root: contract has "
                                   "no object in 'schema'");
    CHECK_STR(schema_of(HEAD, "schema:\n"),
              "line 1, column 1 at its root: contract has no object in "
              "'schema'");
}

TEST("keys that the standard does not know and wrong types are refused")
{
    CHECK_STR(schema_of(HEAD, "shcema: []\n"),
              "line 6, column 1 at its root: key 'shcema' is not known to the "
              "standard in a contract");
    CHECK_STR(schema_of(HEAD, "schema: {}\n"),
              "line 6, column 9 at /schema: is a mapping, wants a list");
    CHECK_STR(schema_of(HEAD, "schema: [{name: o, columns: []}]\n"),
              "line 6, column 20 at /schema/0: key 'columns' is not known to "
              "the standard in an object");
    CHECK_STR(property("requierd: true"),
              "line 9, column 15 at /schema/0/properties/0: key 'requierd' is "
              "not known to the standard in a property");
    CHECK_STR(property("required: no"),
              "line 9, column 25 at /schema/0/properties/0/required: is a "
              "string, wants a boolean");
    CHECK_STR(property("required: "),
              "line 9, column 25 at /schema/0/properties/0/required: is empty, "
              "wants a boolean");
    CHECK_STR(property("logicalType: int"),
              "line 9, column 28 at /schema/0/properties/0/logicalType: 'int' "
              "is none of string, date, timestamp, time, number, integer, "
              "object, array, boolean");
    CHECK_STR(property("logicalType: string, logicalTypeOptions: {minimum: 1}"),
              "line 9, column 57 at "
              "/schema/0/properties/0/logicalTypeOptions: key 'minimum' is not "
              "known to the standard in options of a string");
    CHECK_STR(property("logicalTypeOptions: {minimum: 1}"),
              "line 9, column 35 at /schema/0/properties/0: logicalTypeOptions "
              "without a logicalType");
    CHECK_STR(schema_of("", "kind: DataContract\napiVersion: v3.1.0\nid: x\n"
                            "version: 1.0\nstatus: a\n"),
              "line 4, column 10 at /version: is a number, wants a string");
}

TEST("metadata is read past, also where it is empty")
{
    CHECK_STR(
        schema_of(
            HEAD,
            "name: n\ntenant: t\ntags: [a]\nservers: [{anything: 1}]\n"
            "dataProduct: p\ndescription: {purpose: p}\ndomain: d\n"
            "support: [{}]\nprice: {priceAmount: 1}\nteam: [{}]\n"
            "roles:\nauthoritativeDefinitions: []\ncustomProperties: []\n"
            "contractCreatedTs: 2022-11-15T02:59:43+00:00\nschema:\n"
            "- name: o\n  physicalName: p\n  physicalType: table\n"
            "  description:\n  dataGranularityDescription: g\n"
            "  properties:\n  - name: a\n    id: i\n    logicalType: "
            "boolean\n    primaryKeyPosition: -1\n    physicalType: t\n"
            "    description: null\n    businessName: b\n    partitioned: "
            "true\n    partitionKeyPosition: 1\n    classification: c\n"
            "    encryptedName: e\n    transformSourceObjects: [x]\n"
            "    transformLogic: l\n    transformDescription: d\n"
            "    examples: [1, x]\n    criticalDataElement: false\n"
            "    tags:\n    customProperties: [{property: p, value: 1}]\n"),
        "\"type\":\"object\",\"properties\":{\"a\":{\"type\":["
        "\"boolean\",\"null\"]}}}");
}

TEST("of several objects one is said")
{
    const char *two = "schema:\n- name: a\n- name: b\n  properties: [{name: x, "
                      "logicalType: string}]\n";
    CHECK_STR(schema_of(HEAD, two),
              "contract c.yaml has 2 objects, say --object: a, b");
    CHECK(e.code == ERR_USAGE);
    options.object = "c";
    CHECK_STR(schema_of(HEAD, two),
              "contract c.yaml has no object 'c' but a, b");
    options.object = "b";
    CHECK_STR(schema_of(HEAD, two), "\"type\":\"object\",\"properties\":{"
                                    "\"x\":{\"type\":[\"string\",\"null\"]}}}");
    CHECK_STR(schema_of(HEAD, "schema: [{name: b}, {name: b}]\n"),
              "line 6, column 21 at /schema: name 'b' is given to two objects");
    CHECK_STR(schema_of("", "type: object\n"),
              "--object: c.yaml is a JSON Schema, no contract");
    options.object = NULL;
}

/* ---- properties */

TEST("logical types are types; null is a value of what is not required")
{
    CHECK_STR(property("logicalType: string"),
              "{\"type\":[\"string\",\"null\"]}}}");
    CHECK_STR(property("logicalType: integer, required: true"),
              "{\"type\":\"integer\"}},\"required\":[\"a\"]}");
    CHECK_STR(
        property("logicalType: number, primaryKey: true, required: false"),
        "{\"type\":\"number\"}},\"required\":[\"a\"]}");
    CHECK_STR(property("physicalType: varchar(2)"), "{}}}");
    CHECK_STR(property("required: true"),
              "{\"type\":[\"boolean\",\"number\",\"string\",\"array\","
              "\"object\"]}},\"required\":[\"a\"]}");
}

TEST("options of strings and numbers are keywords, digit for digit")
{
    CHECK_STR(property("logicalType: string, required: true, "
                       "logicalTypeOptions: {minLength: 1, maxLength: 5, "
                       "pattern: '^\\d$', format: uuid}"),
              "{\"type\":\"string\",\"minLength\":1,\"maxLength\":5,"
              "\"pattern\":\"^\\\\d$\",\"format\":\"uuid\"}},"
              "\"required\":[\"a\"]}");
    CHECK_STR(property("logicalType: number, required: true, "
                       "logicalTypeOptions: {minimum: -0.10, exclusiveMaximum: "
                       "12345678901234567890.5, multipleOf: 0.01}"),
              "{\"type\":\"number\",\"minimum\":-0.10,\"exclusiveMaximum\":"
              "12345678901234567890.5,\"multipleOf\":0.01}},"
              "\"required\":[\"a\"]}");
    /* As in 3.0. */
    CHECK_STR(property("logicalType: integer, logicalTypeOptions: {minimum: 1, "
                       "exclusiveMinimum: true, maximum: 9, exclusiveMaximum: "
                       "false}"),
              "{\"type\":[\"integer\",\"null\"],\"exclusiveMinimum\":1,"
              "\"maximum\":9}}}");
    CHECK_STR(property("logicalType: integer, logicalTypeOptions: {minimum: 1, "
                       "format: u8}"),
              "{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"allOf\":[{"
              "\"minimum\":0,\"maximum\":255}]}}}");
    CHECK_STR(property("logicalType: string, logicalTypeOptions: {format: "
                       "password}"),
              "{\"type\":[\"string\",\"null\"]}}}");
    CHECK_STR(property("logicalType: string, logicalTypeOptions: {pattern: x, "
                       "format: byte}"),
              "{\"type\":[\"string\",\"null\"],\"pattern\":\"x\",\"allOf\":[{"
              "\"pattern\":\"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|"
              "[A-Za-z0-9+/]{3}=)?$\"}]}}}");
}

TEST("options that make no sense are refused in their place")
{
    CHECK_STR(property("logicalType: string, logicalTypeOptions: {maxLength: "
                       "-1}"),
              "line 9, column 68 at "
              "/schema/0/properties/0/logicalTypeOptions/maxLength: -1 is no "
              "whole number from 0 up");
    CHECK(
        strstr(property("logicalType: string, logicalTypeOptions: {minLength: "
                        "1.5}"),
               "1.5 is no whole number"));
    CHECK(strstr(property("logicalType: string, logicalTypeOptions: {pattern: "
                          "'('}"),
                 "line 9, column 66 at "
                 "/schema/0/properties/0/logicalTypeOptions/pattern: missing "
                 "closing parenthesis"));
    CHECK(strstr(property("logicalType: number, logicalTypeOptions: "
                          "{multipleOf: 0}"),
                 "0 is not above 0"));
    CHECK(strstr(property("logicalType: number, logicalTypeOptions: "
                          "{exclusiveMinimum: true}"),
                 "exclusiveMinimum is true, and there is no minimum"));
    CHECK(strstr(property("logicalType: integer, logicalTypeOptions: {format: "
                          "f64}"),
                 "format 'f64' is not known (--unchecked format passes over "
                 "it)"));
    CHECK(strstr(property("logicalType: string, logicalTypeOptions: {format: "
                          "iban}"),
                 "format 'iban' is not known"));
    CHECK(strstr(property("logicalType: boolean, logicalTypeOptions: {format: "
                          "x}"),
                 "a boolean has no logicalTypeOptions"));
    CHECK(strstr(property("logicalType: string, items: {}"),
                 "items are for logicalType array"));
    CHECK(strstr(property("logicalType: string, properties: []"),
                 "properties are for logicalType object"));
}

TEST("objects and arrays nest")
{
    CHECK_STR(property("logicalType: object, required: true, "
                       "logicalTypeOptions: {minProperties: 1, required: [x, "
                       "z, x]}, properties: [{name: x, required: true, "
                       "logicalType: string}, {name: y}]"),
              "{\"type\":\"object\",\"minProperties\":1,\"properties\":{\"x\":{"
              "\"type\":\"string\"},\"y\":{}},\"required\":[\"x\",\"z\"]}},"
              "\"required\":[\"a\"]}");
    CHECK_STR(property("required: true, items: {logicalType: object, "
                       "properties: [{name: x, logicalType: integer}]}, "
                       "logicalTypeOptions: {minItems: 1, maxItems: 3, "
                       "uniqueItems: true}, logicalType: array"),
              "{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,"
              "\"uniqueItems\":true,\"items\":{\"type\":[\"object\",\"null\"],"
              "\"properties\":{\"x\":{\"type\":[\"integer\",\"null\"]}}}}},"
              "\"required\":[\"a\"]}");
    CHECK_STR(property("items: {}, required: true"),
              "{\"type\":\"array\",\"items\":{}}},\"required\":[\"a\"]}");
    CHECK_STR(property("properties: [], required: true"),
              "{\"type\":\"object\",\"properties\":{}}},\"required\":[\"a\"]}");
}

TEST("fields have the physical name, or the name where that is wanted")
{
    const char *body = "schema:\n- name: o\n  properties:\n  - {name: a, "
                       "physicalName: p, required: true, logicalType: object, "
                       "logicalTypeOptions: {required: [x]}, properties: "
                       "[{name: x, physicalName: 'y z', unique: true}]}\n"
                       "  - {name: b, physicalName: null, primaryKey: true}\n";
    const char *any = "[\"boolean\",\"number\",\"string\",\"array\","
                      "\"object\"]";
    char want[500];
    snprintf(want, sizeof(want),
             "\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"object\","
             "\"properties\":{\"y z\":{}},\"required\":[\"y z\"]},\"b\":{"
             "\"type\":%s}},\"required\":[\"p\",\"b\"]}",
             any);
    CHECK_STR(schema_of(HEAD, body), want);
    CHECK_STR(rules_of(HEAD, body), "unique p.\"y z\"; unique b");
    options.logical_names = true;
    CHECK_STR(rules_of(HEAD, body), "unique a.x; unique b");
    options.logical_names = false;
    CHECK_STR(schema_of(HEAD, "schema:\n- name: o\n  properties:\n  - name: a\n"
                              "  - {name: b, physicalName: a}\n"),
              "line 10, column 5 at /schema/0/properties: field 'a' is given "
              "twice, first in line 9");
    CHECK(strstr(schema_of(HEAD, "schema:\n- name: o\n  properties:\n  - {}\n"),
                 "property has no name"));
    CHECK(strstr(schema_of(HEAD, "schema:\n- name: o\n  properties: [{name: "
                                 "''}]\n"),
                 "name is empty"));
}

/* ---- dates and times */

/* What the schema of a date says of values. */
static bool takes(const char *keys, const char *value)
{
    char text[400];
    snprintf(text, sizeof(text),
             "schema:\n- name: o\n  properties:\n  - {name: a, %s}\n", keys);
    struct contract *c = load(HEAD, text);
    if (!c) {
        printf("# %s\n", e.msg);
        CHECK(c != NULL);
        return false;
    }
    struct schema *s = schema_compile(buf_str(&c->schema), "made", NULL, &e);
    struct schema_run *r = schema_run_new(s);
    const struct schema_error *errors;
    size_t n;
    snprintf(text, sizeof(text), "{\"a\":\"%s\"}", value);
    int fit = schema_check(r, str_of(text), &errors, &n, &e);
    schema_run_free(r);
    schema_free(s);
    contract_free(c);
    return fit == 1;
}

static bool matches(const char *format, const char *value)
{
    char keys[200];
    snprintf(keys, sizeof(keys),
             "logicalType: timestamp, logicalTypeOptions: {format: \"%s\"}",
             format);
    return takes(keys, value);
}

TEST("times without a format are those of RFC 3339")
{
    CHECK_STR(property("logicalType: date, required: true"),
              "{\"type\":\"string\",\"format\":\"date\"}},\"required\":[\"a\"]"
              "}");
    CHECK_STR(property("logicalType: timestamp, required: true"),
              "{\"type\":\"string\",\"format\":\"date-time\"}},\"required\":["
              "\"a\"]}");
    CHECK(takes("logicalType: time", "08:30:00"));
    CHECK(takes("logicalType: time", "08:30:00.25+02:00"));
    CHECK(!takes("logicalType: time", "24:30:00"));
    CHECK(!takes("logicalType: time", "08:30"));
    const char *zoned =
        "logicalType: time, logicalTypeOptions: {timezone: true}";
    CHECK(takes(zoned, "08:30:00Z"));
    CHECK(!takes(zoned, "08:30:00"));
    const char *local =
        "logicalType: timestamp, logicalTypeOptions: {timezone: false}";
    CHECK(takes(local, "2024-02-29T08:30:00.5"));
    CHECK(!takes(local, "2024-02-29T08:30:00Z"));
    CHECK(!takes(local, "2023-02-29T08:30:00"));
    /* Before 3.1 there was no timestamp. */
    CHECK_STR(schema_of("kind: DataContract\napiVersion: v3.0.2\nid: x\n"
                        "version: 1.0.0\nstatus: a\n",
                        "schema: [{name: o, properties: [{name: a, "
                        "logicalType: date}]}]\n"),
              "\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\","
              "\"null\"],\"anyOf\":[{\"format\":\"date\"},{\"format\":"
              "\"date-time\"}]}}}");
}

TEST("formats match what is in the calendar")
{
    CHECK(matches("yyyy-MM-dd HH:mm:ss", "2024-12-31 23:59:59"));
    CHECK(!matches("yyyy-MM-dd HH:mm:ss", "2024-12-31T23:59:59"));
    CHECK(!matches("yyyy-MM-dd HH:mm:ss", "2024-12-31 23:59:60"));
    CHECK(!matches("yyyy-MM-dd HH:mm:ss", "x2024-12-31 23:59:59"));
    CHECK(matches("YYYY-MM-DDTHH:mm:ss.SSSZ", "2024-12-31T23:59:59.123Z"));
    CHECK(matches("yyyy-MM-ddTHH:mm:ssZ", "2024-12-31T23:59:59+10:00"));
    CHECK(matches("yyyy-MM-ddTHH:mm:ssZ", "2024-12-31T23:59:59+1000"));
    CHECK(!matches("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-12-31T23:59:59+1000"));
    CHECK(matches("yyyy-MM-dd'T'HH:mm:ssXX", "2024-12-31T23:59:59+1000"));
    CHECK(matches("yyyyMMddHHX", "2024123123+10"));
    CHECK(!matches("yyyy-MM-dd HHxxx", "2024-12-31 23Z"));
    CHECK(matches("yyyy-MM-dd'at''s'HH", "2024-12-31at's23"));
    CHECK(matches("yyyy-MM-dd[ HH]", "2024-12-31"));
    CHECK(matches("yyyy-MM-dd[ HH]", "2024-12-31 01"));
    CHECK(matches("d.M.yyyy H", "1.2.2024 3"));
    CHECK(matches("d.M.yyyy H", "29.02.2024 23"));
    CHECK(!matches("d.M.yyyy H", "29.2.2023 23"));
}

/* Every day of some years, and days that are none. */
TEST("a format takes each day of the calendar and no other")
{
    static const int length[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    static const int years[] = { 0, 4, 100, 400, 1900, 2000, 2023, 2024, 2100 };
    struct contract *c =
        load(HEAD, "schema: [{name: o, properties: [{name: a, logicalType: "
                   "date, logicalTypeOptions: {format: dd/MM/yyyy}}]}]\n");
    struct schema *s =
        c ? schema_compile(buf_str(&c->schema), "made", NULL, &e) : NULL;
    struct schema_run *r = s ? schema_run_new(s) : NULL;
    CHECK(r != NULL);
    for (size_t i = 0; r && i < sizeof(years) / sizeof(*years); i++)
        for (int month = 0; month <= 13; month++)
            for (int day = 0; day <= 32; day++) {
                int y = years[i];
                bool leap = (y % 4 == 0 && y % 100) || y % 400 == 0;
                int days = month < 1 || month > 12
                               ? 0
                               : length[month - 1] + (month == 2 && leap);
                char text[60];
                const struct schema_error *errors;
                size_t n;
                snprintf(text, sizeof(text), "{\"a\":\"%02d/%02d/%04d\"}", day,
                         month, y);
                int fit = schema_check(r, str_of(text), &errors, &n, &e);
                if (fit != (day >= 1 && day <= days))
                    printf("# %s\n", text);
                CHECK(fit == (day >= 1 && day <= days));
            }
    schema_run_free(r);
    schema_free(s);
    contract_free(c);
}

TEST("formats that cannot be told are refused, or go unchecked")
{
    static const char *const bad[] = {
        "yy-MM-dd",   "dd MMM yyyy", "hh:mm a", "yyyy-DDD", "EEE",
        "z",          "yyyy-MM-dd'", "[yyyy",   "yyyy]",    "yyyy yyyy",
        "HH:mm:ss.n", "{yyyy}",      "",        "literal",  "-"
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char keys[200];
        snprintf(keys, sizeof(keys),
                 "logicalType: timestamp, logicalTypeOptions: {format: \"%s\", "
                 "minimum: '2020-01-01'}",
                 bad[i]);
        if (!strstr(property(keys), "is not known (--unchecked format"))
            printf("# %s\n", bad[i]);
        CHECK(strstr(property(keys), "is not known (--unchecked format"));
        options.unchecked = CONTRACT_FORMAT;
        CHECK_STR(property(keys), "{\"type\":[\"string\",\"null\"]}}}");
        options.unchecked = 0;
    }
    CHECK(strstr(property("logicalType: time, logicalTypeOptions: {format: "
                          "yyyy-MM-dd}"),
                 "format of a time has a date"));
    CHECK(strstr(property("logicalType: date, logicalTypeOptions: {format: "
                          "'HH:mm'}"),
                 "format of a date has a time of day"));
    CHECK(strstr(property("logicalType: time, logicalTypeOptions: {format: "
                          "'HH:mm', timezone: true}"),
                 "format has no zone, and timezone is true"));
    CHECK(strstr(property("logicalType: time, logicalTypeOptions: "
                          "{defaultTimezone: Mars}"),
                 "'Mars' is no time zone that is known"));
}

TEST("bounds of times are checks")
{
    CHECK_STR(rules("logicalType: date, logicalTypeOptions: {minimum: "
                    "2020-01-01, exclusiveMaximum: '2021-01-01'}"),
              "check \"a\" >= '2020-01-01'; check \"a\" < '2021-01-01'");
    CHECK_STR(rules("logicalType: timestamp, logicalTypeOptions: {minimum: "
                    "'2020-01-01T00:00:00+10:00'}"),
              "check seconds(\"a\", '2019-12-31T14:00:00Z') >= 0");
    CHECK_STR(rules("logicalType: timestamp, logicalTypeOptions: {maximum: "
                    "'2020-01-01T00:00:00', defaultTimezone: Europe/Berlin}"),
              "check seconds(\"a\", '2019-12-31T23:00:00Z') <= 0");
    CHECK_STR(rules("logicalType: time, logicalTypeOptions: {format: 'HH:mm', "
                    "exclusiveMinimum: '08:30'}"),
              "check \"a\" > '08:30'");
    CHECK_STR(rules("logicalType: date, logicalTypeOptions: {minimum: "
                    "2020-01-01, exclusiveMinimum: true}"),
              "check \"a\" > '2020-01-01'");
    CHECK(strstr(rules("logicalType: date, logicalTypeOptions: {minimum: "
                       "2020-02-30}"),
                 "/minimum: '2020-02-30' is not of the format"));
    CHECK(strstr(rules("logicalType: timestamp, logicalTypeOptions: {minimum: "
                       "soon}"),
                 "'soon' is no time"));
    CHECK(strstr(rules("logicalType: date, logicalTypeOptions: {format: "
                       "dd.MM.yyyy, minimum: 01.01.2020}"),
                 "cannot be compared (--unchecked range"));
    CHECK(strstr(rules("logicalType: time, logicalTypeOptions: {minimum: "
                       "'08:30:00'}"),
                 "cannot be compared (--unchecked range"));
    CHECK(strstr(rules("logicalType: array, items: {logicalType: date, "
                       "logicalTypeOptions: {minimum: 2020-01-01}}"),
                 "/items/logicalTypeOptions/minimum: bounds of times within "
                 "arrays cannot be compared (--unchecked items"));
}

/* ---- rules of all records */

TEST("keys are unique, those of the primary key together")
{
    CHECK_STR(rules("unique: true"), "unique a");
    CHECK_STR(rules("unique: true, primaryKey: true"), "unique a");
    CHECK_STR(rules_of(HEAD, "schema:\n- name: o\n  properties:\n  - {name: a, "
                             "primaryKey: true}\n  - {name: b, properties: "
                             "[{name: 'c.d', primaryKey: true}]}\n"),
              "unique a, b.\"c.d\"");
    CHECK(strstr(rules("items: {properties: [{name: x, unique: true}]}"),
                 "keys within arrays cannot be compared (--unchecked items"));
    CHECK(strstr(rules("relationships: [{to: o.id}]"),
                 "keys of another object cannot be looked up (--unchecked "
                 "relationships"));
    CHECK_STR(rules("relationships: []"), "");
}

TEST("metrics become gates")
{
    CHECK_STR(quality("metric: nullValues, mustBe: 0"), "null count of a = 0");
    CHECK_STR(
        quality("metric: nullValues, mustBeLessThan: 1.50, unit: percent, "
                "severity: Warning"),
        "warn: null share of a < 1.50%");
    CHECK_STR(quality("type: library, metric: missingValues, arguments: "
                      "{missingValues: [null, '', 'it''s']}, "
                      "mustBeLessOrEqualTo: 5"),
              "count of a in (null, '', 'it''s') <= 5");
    CHECK_STR(quality("metric: invalidValues, arguments: {validValues: [x, "
                      "null, 1.0, true]}, mustBeLessThan: 5"),
              "count of a not in ('x', 1.0, true) < 5");
    CHECK_STR(quality("metric: invalidValues, arguments: {validValues: [x]}, "
                      "mustBe: 0.0"),
              "values of a in ('x')");
    CHECK_STR(quality("metric: invalidValues, arguments: {pattern: '^x''$'}, "
                      "mustBeBetween: [0, 10], unit: percent"),
              "share of a not matching '^x''$' > 0% and < 10%");
    CHECK_STR(quality("metric: duplicateValues, mustNotBeBetween: [1, 3]"),
              "duplicate count of a <= 1 or >= 3");
    CHECK_STR(quality("metric: duplicateValues, mustBe: 0"), "unique a");
    CHECK_STR(quality("metric: duplicateValues, mustNotBe: 7, "
                      "mustBeGreaterOrEqualTo: 1, mustBeGreaterThan: 0"),
              "duplicate count of a <> 7; duplicate count of a > 0; duplicate "
              "count of a >= 1");
    CHECK_STR(object_quality("metric: rowCount, mustBeGreaterThan: 1000000"),
              "rows > 1000000");
    CHECK_STR(object_quality("metric: duplicateValues, mustBe: 0, arguments: "
                             "{properties: [a, 'b c']}"),
              "unique a, b");
    CHECK_STR(
        object_quality("metric: duplicateValues, mustBeLessThan: 1, unit: "
                       "percent, arguments: {properties: [a]}"),
        "duplicate share of a < 1%");
}

TEST("rules of 3.0 are known")
{
    CHECK_STR(quality("rule: duplicateCount, mustBeLessThan: 10, unit: rows, "
                      "name: Fewer than 10 duplicate names"),
              "duplicate count of a < 10");
    CHECK_STR(quality("rule: validValues, validValues: [pounds]"),
              "values of a in ('pounds')");
    CHECK_STR(quality("rule: validValues, validValues: [1], mustBeLessThan: 2"),
              "count of a not in (1) < 2");
    CHECK_STR(object_quality("rule: rowCount, mustBeBetween: [100, 120]"),
              "rows > 100 and < 120");
    CHECK(strstr(quality("rule: nullCheck"), "metric 'nullCheck' is not known "
                                             "(--unchecked metric"));
}

TEST("a rule's id or name names its gate, where it can and is not taken")
{
    CHECK_STR(quality("id: no_nulls-1, metric: nullValues, mustBe: 0"),
              "no_nulls-1: null count of a = 0");
    CHECK_STR(
        quality("name: no.nulls, metric: nullValues, mustBe: 0, severity: "
                "info"),
        "warn: no.nulls: null count of a = 0");
    CHECK_STR(quality("id: 1st, metric: nullValues, mustBe: 0"),
              "null count of a = 0");
    CHECK_STR(quality("id: warn, metric: nullValues, mustBe: 0"),
              "null count of a = 0");
    CHECK_STR(rules("quality: [{id: x, metric: nullValues, mustBe: 0}, {id: x, "
                    "metric: nullValues, mustBeLessThan: 5}]"),
              "x: null count of a = 0; null count of a < 5");
}

TEST("a rule that is said twice fails if one of them does")
{
    CHECK_STR(rules("unique: true, quality: [{metric: duplicateValues, mustBe: "
                    "0, severity: info}]"),
              "unique a");
    CHECK_STR(rules("quality: [{metric: nullValues, mustBe: 0, severity: info},"
                    " {metric: nullValues, mustBe: 0}]"),
              "null count of a = 0");
}

TEST("rules that cannot be judged are refused, each kind by its name")
{
    CHECK(strstr(quality("type: sql, query: SELECT 1, mustBe: 0"),
                 "(--unchecked sql passes over it)"));
    CHECK(strstr(quality("type: custom, engine: soda, implementation: x"),
                 "(--unchecked custom passes over it)"));
    CHECK(strstr(quality("metric: freshness, mustBe: 0"),
                 "metric 'freshness' is not known (--unchecked metric"));
    CHECK(strstr(quality("metric: invalidValues, arguments: {validValues: [x], "
                         "pattern: y}, mustBe: 0"),
                 "(--unchecked metric passes over it)"));
    CHECK(strstr(rules("items: {quality: [{metric: nullValues, mustBe: 0}]}"),
                 "(--unchecked items passes over it)"));
    options.unchecked = CONTRACT_ALL;
    CHECK_STR(quality("type: sql, query: SELECT 1, mustBe: 0"), "");
    CHECK_STR(quality("type: custom, engine: soda, implementation: {a: 1}"),
              "");
    CHECK_STR(quality("metric: freshness, mustBe: 0"), "");
    CHECK_STR(rules("relationships: [{to: o.id}]"), "");
    CHECK_STR(rules("items: {unique: true, quality: [{metric: nullValues, "
                    "mustBe: 0}]}"),
              "");
    options.unchecked = 0;
}

TEST("rules that make no sense are refused, whatever goes unchecked")
{
    static const struct {
        const char *rule, *why;
    } bad[] = {
        { "metric: nullValues", "rule has no mustBe and nothing like it" },
        { "mustBe: 0", "rule has no metric" },
        { "metric: rowCount, mustBe: 0", "rowCount is for objects" },
        { "metric: nullValues, mustBe: x", "/mustBe: is no number" },
        { "metric: nullValues, mustBe: 101, unit: percent",
          "101 is no percentage from 0 to 100" },
        { "metric: nullValues, mustBeLessThan: '5'",
          "is a string, wants a number" },
        { "metric: nullValues, mustBeBetween: [1]", "wants two numbers" },
        { "metric: nullValues, mustBeBetween: [2, 2.0]", "lower one first" },
        { "metric: nullValues, mustBeBetween: [1, x]", "wants two numbers" },
        { "metric: nullValues, mustBe: 0, unit: kg", "unit 'kg' is neither" },
        { "metric: nullValues, mustBe: 0, arguments: {x: 1}",
          "this metric takes no arguments" },
        { "metric: nullValues, mustBe: 1e9999", "1e9999 is out of range" },
        { "metric: missingValues, mustBe: 0", "needs the argument" },
        { "metric: missingValues, mustBe: 0, arguments: {missingValues: []}",
          "no values are given" },
        { "metric: invalidValues, mustBe: 0",
          "neither validValues nor pattern" },
        { "metric: invalidValues, mustBe: 0, pattern: x",
          "key 'pattern' is not known to the standard in a quality rule" },
        { "metric: invalidValues, mustBe: 0, arguments: {pattern: '('}",
          "/arguments/pattern: missing closing parenthesis" },
        { "metric: invalidValues, mustBe: 0, arguments: {validValues: [[]]}",
          "a list is no value of this property" },
        { "type: foo, metric: nullValues", "'foo' is none of library, text" },
        { "metric: nullValues, query: x, mustBe: 0",
          "key is for rules of another type" },
        { "metric: nullValues, rule: rowCount, mustBe: 0",
          "rule has a metric, too" },
        { "metric: nullValues, mustBeEqual: 0", "key 'mustBeEqual' is not" },
    };
    options.unchecked = CONTRACT_ALL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *have = quality(bad[i].rule);
        if (!strstr(have, bad[i].why))
            printf("# %s: %s\n", bad[i].rule, have);
        CHECK(strstr(have, bad[i].why) && e.code == ERR_CONFIG);
    }
    CHECK(strstr(rules("logicalType: string, quality: [{metric: invalidValues, "
                       "mustBe: 0, arguments: {validValues: [1]}}]"),
                 "/validValues/0: a number is no value of this property"));
    CHECK(strstr(object_quality("metric: nullValues, mustBe: 0"),
                 "nullValues is for properties, not objects"));
    CHECK(strstr(object_quality("metric: rowCount, mustBe: 5, unit: percent"),
                 "rowCount is no share"));
    CHECK(strstr(object_quality("metric: duplicateValues, mustBe: 0"),
                 "needs the argument properties"));
    CHECK(strstr(object_quality("metric: duplicateValues, mustBe: 0, "
                                "arguments: {properties: [z]}"),
                 "/properties/0: 'z' is no property of the object"));
    options.unchecked = 0;
}

/* ---- service levels */

static const char *sla(const char *keys)
{
    static char body[2000];
    snprintf(body, sizeof(body),
             "schema:\n- name: o\n  physicalName: p\n  properties:\n"
             "  - {name: t, physicalName: ts, logicalType: timestamp}\n"
             "  - {name: d, logicalType: date}\n  - {name: s, logicalType: "
             "string}\n  - {name: n, properties: [{name: u, logicalType: "
             "date}]}\n  - {name: l, logicalType: timestamp, "
             "logicalTypeOptions: {timezone: false, defaultTimezone: "
             "Europe/Berlin}}\nslaProperties: [{%s}]\n",
             keys);
    return rules_of(HEAD, body);
}

TEST("latency is the age of the newest record at the end of the date")
{
    CHECK_STR(sla("property: latency, value: 4, unit: d, element: o.t"),
              "newest ts within 4d of date");
    CHECK_STR(sla("property: Ly, value: 1.5, unit: hours, element: p.ts"),
              "newest ts within 90m of date");
    CHECK_STR(sla("property: freshness, value: 0.25, unit: s, element: t"),
              "newest ts within 250ms of date");
    CHECK_STR(sla("id: late, property: latency, value: 2, unit: w, element: "
                  "'t, o.n.u'"),
              "late: newest ts within 14d of date; newest n.u within 14d of "
              "date");
    CHECK_STR(rules_of(HEAD, "schema: [{name: o, properties: [{name: t, "
                             "logicalType: date}]}]\nslaDefaultElement: t\n"
                             "slaProperties: [{property: latency, value: 1, "
                             "unit: d}]\n"),
              "newest t within 1d of date");
    options.object = "a";
    CHECK_STR(rules_of(HEAD, "schema: [{name: a}, {name: b}]\nslaProperties: "
                             "[{property: latency, value: 1, unit: d, element: "
                             "b.t}]\n"),
              "");
    options.object = NULL;
}

TEST("a latency that cannot be judged is refused")
{
    CHECK(strstr(sla("property: latency, value: 4, unit: d"),
                 "latency has no element (--unchecked sla"));
    CHECK(strstr(sla("property: latency, value: 4, element: t"),
                 "latency has no unit"));
    CHECK(strstr(sla("property: latency, value: 4, unit: y, element: t"),
                 "unit 'y' is no length of time that is always the same"));
    CHECK(strstr(sla("property: latency, value: PT4H, unit: h, element: t"),
                 "'PT4H' is no number"));
    CHECK(strstr(sla("property: latency, value: 4, unit: h, element: x"),
                 "element 'x' is no property of an object"));
    CHECK(strstr(sla("property: latency, value: 4, unit: h, element: s"),
                 "element 's' is no date and no timestamp"));
    CHECK(strstr(sla("property: latency, value: 4, unit: h, element: t, "
                     "valueExt: 5"),
                 "valueExt"));
    CHECK(strstr(sla("property: latency, unit: h, element: t"),
                 "service level has no value"));
    CHECK(strstr(sla("property: latency, value: 4, unit: h, element: l"),
                 "times without a zone are in Europe/Berlin, and --tz is UTC"));
    CHECK(e.code == ERR_USAGE);
    options.tz = "Europe/Berlin";
    CHECK_STR(sla("property: latency, value: 4, unit: h, element: l"),
              "newest l within 4h of date");
    options.tz = NULL;
    options.unchecked = CONTRACT_SLA;
    CHECK_STR(sla("property: latency, value: 4, unit: d"), "");
    CHECK_STR(sla("property: beauty, value: 4"), "");
    options.unchecked = 0;
}

TEST("what is of the service is noted, what is not known is refused")
{
    CHECK_STR(sla("property: retention, value: 3, unit: y, element: o.t"), "");
    CHECK_STR(sla("property: TD, value: 3, unit: h"), "");
    CHECK_STR(sla("property: errorRate, value: 0.5, unit: percent"),
              "reject share <= 0.5%");
    CHECK(strstr(sla("property: errorRate, value: 5"),
                 "errorRate is no percentage of records (--unchecked sla"));
    CHECK(strstr(sla("property: beauty, value: 4"),
                 "service level 'beauty' is not known (--unchecked sla"));
    CHECK(strstr(sla("property: latency, vlaue: 4"), "key 'vlaue'"));
    struct contract *c = load(
        HEAD, "schema: [{name: o, quality: [{type: text, description: fine}], "
              "properties: [{name: a}]}]\nslaProperties: [{property: "
              "availability, value: 99}]\n");
    CHECK_STR(copy(buf_str(&c->notes)),
              "line 6 at /schema/0/properties/0: no logicalType: values of any "
              "type pass\n"
              "line 6 at /schema/0/quality/0: a rule in prose: not checked\n"
              "line 7 at /slaProperties/0: availability is of the service: not "
              "checked\n");
    contract_free(c);
}

/* ---- places */

static const char *place(const struct contract *c, const char *pointer)
{
    struct buf b = { 0 };
    CHECK(contract_place(c, str_of(pointer), &b) == 0);
    const char *out = copy(buf_str(&b));
    buf_free(&b);
    return out;
}

TEST("places of the schema are told as places of the contract")
{
    struct contract *c = load(
        HEAD,
        "schema:\n- name: x\n- name: o\n  properties:\n  - {name: a}\n  - "
        "{name: b, physicalName: 'b/~', logicalType: array, items: "
        "{logicalType: object, properties: [{name: c, logicalType: integer, "
        "logicalTypeOptions: {minimum: 1, format: u8}}]}}\n  - {name: d, "
        "logicalType: time}\n  - {name: type, logicalType: date}\n");
    CHECK(c == NULL);
    options.object = "o";
    c = load(
        HEAD,
        "schema:\n- name: x\n- name: o\n  properties:\n  - {name: a}\n  - "
        "{name: b, physicalName: 'b/~', logicalType: array, items: "
        "{logicalType: object, properties: [{name: c, logicalType: integer, "
        "logicalTypeOptions: {minimum: 1, format: u8}}]}}\n  - {name: d, "
        "logicalType: time}\n  - {name: type, logicalType: date}\n");
    options.object = NULL;
    CHECK_STR(place(c, ""), "/schema/1");
    CHECK_STR(place(c, "/required"), "/schema/1/properties");
    CHECK_STR(place(c, "/type"), "/schema/1");
    CHECK_STR(place(c, "/properties/b~1~0/type"),
              "/schema/1/properties/1/logicalType");
    CHECK_STR(place(c, "/properties/b~1~0/items/properties/c/minimum"),
              "/schema/1/properties/1/items/properties/0/logicalTypeOptions/"
              "minimum");
    CHECK_STR(place(c, "/properties/b~1~0/items/properties/c/allOf/0/maximum"),
              "/schema/1/properties/1/items/properties/0/logicalTypeOptions/"
              "format");
    CHECK_STR(place(c, "/properties/d/pattern"),
              "/schema/1/properties/2/logicalType");
    CHECK_STR(place(c, "/properties/type/format"),
              "/schema/1/properties/3/logicalType");
    CHECK_STR(place(c, "/properties/a"), "/schema/1/properties/0");
    contract_free(c);
}

TEST("errors of records name the place in the contract")
{
    struct contract *c =
        load(HEAD, "schema: [{name: o, properties: [{name: x}, {name: a, "
                   "logicalType: array, items: {logicalType: integer, "
                   "logicalTypeOptions: {minimum: 1}}}]}]\n");
    struct schema_options o = { .place = contract_place, .place_of = c };
    struct schema *s = schema_compile(buf_str(&c->schema), "made", &o, &e);
    struct schema_run *r = schema_run_new(s);
    const struct schema_error *errors = NULL;
    size_t n = 0;
    CHECK(schema_check(r, STR("{\"a\":[1,0]}"), &errors, &n, &e) == 0);
    CHECK_STR(n ? copy(errors[0].schema) : "",
              "/schema/0/properties/1/items/logicalTypeOptions/minimum");
    schema_run_free(r);
    schema_free(s);
    contract_free(c);
}

TEST("kinds of rules are a list")
{
    unsigned kinds;
    CHECK(contract_kinds(&kinds, "sql,custom,items", &e) == 0 &&
          kinds == (CONTRACT_SQL | CONTRACT_CUSTOM | CONTRACT_ITEMS));
    CHECK(contract_kinds(&kinds,
                         "sql,custom,metric,relationships,sla,format,range,"
                         "items",
                         &e) == 0 &&
          kinds == CONTRACT_ALL);
    CHECK(contract_kinds(&kinds, "sql,", &e) == -1 && e.code == ERR_USAGE);
    CHECK(contract_kinds(&kinds, "SQL", &e) == -1);
    CHECK(contract_kinds(&kinds, "", &e) == -1);
}

UNIT_MAIN
