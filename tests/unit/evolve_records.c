/* What schemas and records have to do with each other beyond validation:
 * inference, drift, defaults. */
#include "unit.h"

#include "evolve/defaults.h"
#include "evolve/drift.h"
#include "evolve/infer.h"
#include "record/reader.h"
#include "schema/schema.h"

#include <stdlib.h>

static struct buf answer;

/* The records of text, line by line, with their shapes: one run of `each`. */
static int each_record(const char *text,
                       int (*each)(void *context, const struct reader_line *l),
                       void *context)
{
    struct reader r;
    struct err e;
    struct reader_line l;
    struct buf block = { 0 };
    size_t n = strlen(text);
    int result = reader_init(&r, NULL, 16 << 20, 256, &e);
    buf_add(&block, text, n);
    for (int i = 0; i < 64; i++)
        buf_addc(&block, ' ');
    reader_use(&r, (struct str){ block.p, n }, 0, 0, true);
    while (result == 0 && reader_next(&r, &l, &e) == 1)
        result = each(context, &l);
    reader_free(&r);
    buf_free(&block);
    return result;
}

/* ---- inference */

static int infer_line(void *context, const struct reader_line *l)
{
    struct err e;
    return infer_add(context, l->line.text, &e);
}

static const char *inferred(bool strict, const char *records)
{
    struct err e;
    struct infer *i = infer_new(strict, &e);
    buf_reset(&answer);
    CHECK(i && each_record(records, infer_line, i) == 0);
    CHECK(infer_write(i, &answer, false, &e) == 0);
    infer_free(i);
    static const char head[] =
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",";
    const char *text = buf_z(&answer);
    CHECK(strncmp(text, head, strlen(head)) == 0);
    return text + strlen(head);
}

static int check_line(void *context, const struct reader_line *l)
{
    const struct schema_error *x;
    struct err e;
    size_t n;
    return schema_check(context, l->line.text, &x, &n, &e) == 1 ? 0 : -1;
}

/* Every record fits the schema inferred from all of them. */
static bool fits(bool strict, const char *records)
{
    struct err e;
    (void)inferred(strict, records);
    struct schema *s = schema_compile(buf_str(&answer), "s", NULL, &e);
    struct schema_run *r = s ? schema_run_new(s) : NULL;
    bool ok = r && each_record(records, check_line, r) == 0;
    if (!s)
        printf("# %s\n", e.msg);
    schema_run_free(r);
    schema_free(s);
    return ok;
}

#define INFER(records, want) CHECK_STR(inferred(false, records), want)

TEST("types, presence, objects and arrays are those seen")
{
    INFER("{\"a\":1,\"b\":\"x\"}\n{\"a\":2.5,\"c\":null}\n",
          "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},"
          "\"b\":{\"type\":\"string\"},\"c\":{\"type\":\"null\"}},"
          "\"required\":[\"a\"]}");
    INFER("{\"a\":1}\n{\"a\":null}\n{\"a\":true}\n",
          "\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "[\"boolean\",\"integer\",\"null\"]}},\"required\":[\"a\"]}");
    INFER("{\"a\":[1,\"x\"]}\n{\"a\":[]}\n",
          "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\","
          "\"items\":{\"type\":[\"integer\",\"string\"]}}},"
          "\"required\":[\"a\"]}");
    INFER("{\"a\":{\"b\":1}}\n{\"a\":{\"b\":2,\"c\":3}}\n{\"a\":7}\n",
          "\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "[\"integer\",\"object\"],\"properties\":{\"b\":{\"type\":"
          "\"integer\"},\"c\":{\"type\":\"integer\"}},"
          "\"required\":[\"b\"]}},\"required\":[\"a\"]}");
    INFER("", "\"type\":\"object\"}");
    INFER("{}\n", "\"type\":\"object\"}");
    INFER("{\"a\":[]}\n",
          "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\"}},"
          "\"required\":[\"a\"]}");
}

TEST("duplicate keys count once, escaped keys are the keys they spell")
{
    INFER("{\"a\":1,\"a\":2}\n{\"b\":1}\n",
          "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},"
          "\"b\":{\"type\":\"integer\"}}}");
    INFER("{\"\\u0061\":1}\n{\"a\":1}\n",
          "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
          "\"required\":[\"a\"]}");
    CHECK(fits(true, "{\"\\ud800\":1,\"q\\\"\":\"\\ud800\"}\n{}\n"));
}

/* n records made of a line with %d in it. */
static const char *many(struct buf *b, const char *line, int n)
{
    buf_reset(b);
    for (int i = 0; i < n; i++) {
        for (const char *p = line; *p; p++) {
            if (p[0] == '%' && p[1] == 'd')
                buf_addf(b, "%d", i), p++;
            else if (p[0] == '%' && p[1] == 'm')
                buf_addf(b, "%d", i % 3), p++;
            else
                buf_addc(b, *p);
        }
        buf_addc(b, '\n');
    }
    return buf_z(b);
}

TEST("strictly, with enumerations, formats, lengths and bounds")
{
    struct buf b = { 0 };
    many(&b,
         "{\"id\":%d,\"s\":\"k%m\",\"d\":\"2026-01-0%m\",\"u\":"
         "\"http://h/%d\",\"t\":\"text %d\"}",
         9);
    CHECK_STR(inferred(true, buf_z(&b)),
              "\"type\":\"object\",\"properties\":{\"id\":{\"type\":"
              "\"integer\",\"minimum\":0,\"maximum\":8},\"s\":{\"type\":"
              "\"string\",\"minLength\":2,\"maxLength\":2},\"d\":{\"type\":"
              "\"string\",\"minLength\":10,\"maxLength\":10},\"u\":{\"type\":"
              "\"string\",\"format\":\"uri\"},\"t\":{\"type\":\"string\","
              "\"minLength\":6,\"maxLength\":6}},\"required\":[\"id\",\"s\","
              "\"d\",\"u\",\"t\"],\"additionalProperties\":false}");
    many(&b, "{\"s\":\"k%m\",\"w\":\"2026-01-1%m\"}", 30);
    CHECK(
        strstr(inferred(true, buf_z(&b)),
               "\"s\":{\"type\":\"string\",\"enum\":[\"k0\",\"k1\",\"k2\"]}"));
    CHECK(fits(true, buf_z(&b)));
    buf_addz(&b, "{\"s\":null}\n");
    CHECK(strstr(inferred(true, buf_z(&b)),
                 "\"s\":{\"type\":[\"string\",\"null\"],\"enum\":[\"k0\","
                 "\"k1\",\"k2\",null]}"));
    CHECK(fits(true, buf_z(&b)));
    buf_free(&b);
}

TEST("strict bounds keep the digits of numbers of any length")
{
    CHECK_STR(inferred(true, "{\"n\":12345678901234567890.10}\n{\"n\":-0.0}\n"),
              "\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"number\","
              "\"minimum\":-0.0,\"maximum\":12345678901234567890.10}},"
              "\"required\":[\"n\"],\"additionalProperties\":false}");
    CHECK(fits(true, "{\"n\":1234567890123456789012345678901234567890123456}\n"
                     "{\"n\":1}\n{\"n\":1e400}\n"));
}

TEST("formats need every string to be of them")
{
    static const char *const formats[][2] = {
        { "2026-01-31", "\"format\":\"date\"" },
        { "2026-01-31T10:00:00Z", "\"format\":\"date-time\"" },
        { "123e4567-e89b-12d3-a456-426614174000", "\"format\":\"uuid\"" },
        { "a@b.example", "\"format\":\"email\"" },
        { "127.0.0.1", "\"format\":\"ipv4\"" },
        { "::1", "\"format\":\"ipv6\"" },
        { "https://h.example/a?b=%20#c", "\"format\":\"uri\"" },
    };
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
        struct buf b = { 0 };
        buf_addf(&b, "{\"a\":\"%s\"}\n", formats[i][0]);
        CHECK(strstr(inferred(true, buf_z(&b)), formats[i][1]) != NULL);
        CHECK(fits(true, buf_z(&b)));
        buf_addz(&b, "{\"a\":\"http://h/ \"}\n");
        CHECK(strstr(inferred(true, buf_z(&b)), "format") == NULL);
        buf_free(&b);
    }
}

TEST("an object whose keys are data becomes a map")
{
    struct buf b = { 0 };
    many(&b, "{\"kind\":\"x\",\"by_id\":{\"id%d\":{\"n\":%d}}}", 5000);
    const char *text = inferred(false, buf_z(&b));
    CHECK_STR(text,
              "\"type\":\"object\",\"properties\":{\"kind\":{\"type\":"
              "\"string\"},\"by_id\":{\"type\":\"object\","
              "\"additionalProperties\":{\"type\":\"object\",\"properties\":"
              "{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}}},"
              "\"required\":[\"kind\",\"by_id\"]}");
    CHECK(fits(true, buf_z(&b)));
    many(&b, "{\"id%d\":1,\"all\":true}", 5000);
    CHECK(strstr(inferred(false, buf_z(&b)),
                 "\"properties\":{\"all\":{\"type\":\"boolean\"}},"
                 "\"required\":[\"all\"],\"additionalProperties\":"
                 "{\"type\":\"integer\"}}") != NULL);
    CHECK(fits(true, buf_z(&b)));
    buf_free(&b);
}

TEST("a record of very many keys, or very deep, is described in bounded space")
{
    struct buf b = { 0 };
    buf_addc(&b, '{');
    for (int i = 0; i < 100000; i++)
        buf_addf(&b, "%s\"k%d\":%s", i ? "," : "", i, i % 2 ? "1" : "\"s\"");
    buf_addz(&b, "}\n");
    CHECK(strlen(inferred(false, buf_z(&b))) < 1000);
    CHECK(fits(true, buf_z(&b)));
    buf_reset(&b);
    for (int i = 0; i < 250; i++)
        buf_addz(&b, i % 2 ? "{\"a\":" : "{\"b\":");
    buf_addc(&b, '1');
    for (int i = 0; i < 250; i++)
        buf_addc(&b, '}');
    buf_addc(&b, '\n');
    CHECK(fits(true, buf_z(&b)));
    /* Trees of keys: more places than are told apart. */
    buf_reset(&b);
    for (int i = 0; i < 300; i++) {
        buf_addc(&b, '{');
        for (int k = 0; k < 100; k++)
            buf_addf(&b, "%s\"a%d\":{\"b%d\":%d}", k ? "," : "", k,
                     (i * 7 + k) % 300, i);
        buf_addz(&b, "}\n");
    }
    CHECK(fits(true, buf_z(&b)));
    buf_free(&b);
}

/* ---- drift */

struct watch {
    struct drift_run *run;
    uint64_t line;
};

static int look_line(void *context, const struct reader_line *l)
{
    struct watch *w = context;
    struct err e;
    size_t n;
    if (drift_look(w->run, l->line.text, l->shaped, &e))
        return -1;
    w->line++;
    uint64_t *const *lines = drift_lines(w->run, &n);
    for (size_t i = 0; i < n; i++)
        *lines[i] = w->line;
    return 0;
}

/* "kind pointer records line; ..." */
static const char *drift_of(const char *schema, const char *records,
                            const char *more)
{
    struct rules set;
    struct err e = { 0 };
    struct drift_report report;
    CHECK(rules_init(&set, NULL, 0, &e) == 0);
    struct document *doc = rules_parse(&set, str_of(schema), "s", NULL, &e);
    struct watch w = { drift_run_new(&set, doc, &e), 0 };
    buf_reset(&answer);
    CHECK(each_record(records, look_line, &w) == 0);
    if (more) {
        struct watch other = { drift_run_new(&set, doc, &e), w.line };
        CHECK(each_record(more, look_line, &other) == 0);
        CHECK(drift_merge(w.run, other.run, &e) == 0);
        drift_run_free(other.run);
    }
    CHECK(drift_report(w.run, &drift_policy_default, NULL, &report, &e) == 0);
    for (size_t i = 0; i < report.n; i++)
        buf_addf(&answer, "%s%s %.*s %d %d", i ? "; " : "",
                 drift_kind_name(report.v[i].kind),
                 STR_ARG(report.v[i].pointer), (int)report.v[i].records,
                 (int)report.v[i].line);
    if (report.others)
        buf_addf(&answer, " and %d", (int)report.others);
    drift_run_free(w.run);
    rules_free(&set);
    return buf_z(&answer);
}

#define DRIFT(schema, records, want) \
    CHECK_STR(drift_of(schema, records, NULL), want)

TEST("fields that the schema does not name are counted by record")
{
    static const char s[] = "{\"properties\":{\"a\":{},\"o\":{\"properties\":"
                            "{\"p\":{}}},\"l\":{\"items\":{\"properties\":"
                            "{\"q\":{}}}},\"free\":{}}}";
    DRIFT(s,
          "{\"a\":1,\"x\":1,\"o\":{\"p\":1},\"l\":[{\"q\":1}],\"free\":1}\n"
          "{\"a\":1,\"x\":2,\"free\":{\"any\":1},\"o\":{\"y\":1,\"y\":2}}\n"
          "{\"l\":[{\"z\":1},{\"z\":2}]}\n{\"x\":3}\n",
          "add /x 3 1; add /l/*/z 1 3; add /o/y 1 2");
    /* An unknown field is one, whatever is in it. */
    DRIFT(s,
          "{\"a\":1,\"o\":{\"p\":1},\"l\":[{\"q\":1}],\"free\":1,"
          "\"n~\":{\"b\":{\"c\":1}}}\n",
          "add /n~0 1 1");
}

TEST("maps, patterns and what is not described have no unknown fields")
{
    DRIFT("{\"properties\":{\"a\":{}},\"additionalProperties\":"
          "{\"type\":\"string\"}}",
          "{\"a\":1,\"b\":\"x\"}\n", "");
    DRIFT("{\"properties\":{\"a\":{}},\"patternProperties\":{\"^x_\":{}}}",
          "{\"a\":1,\"x_1\":1,\"y\":1}\n", "add /y 1 1");
    DRIFT("{\"type\":\"object\"}", "{\"a\":1}\n", "");
    DRIFT("{\"properties\":{\"a\":{}},\"required\":[\"b\"]}",
          "{\"a\":1,\"b\":1}\n", "");
    DRIFT("{\"properties\":{\"a\":{}},\"additionalProperties\":false}",
          "{\"a\":1,\"b\":1}\n", "add /b 1 1");
}

TEST("properties that no record has are missed, if it could have them")
{
    static const char s[] =
        "{\"$ref\":\"#/$defs/r\",\"$defs\":{\"r\":{\"properties\":{\"a\":{},"
        "\"b\":{},\"no\":false,\"o\":{\"properties\":{\"p\":{},\"q\":{}}}}}},"
        "\"anyOf\":[{\"properties\":{\"c\":{}}},{}]}";
    DRIFT(s, "{\"a\":1}\n{\"a\":1}\n", "remove /b 2 0; remove /o 2 0");
    DRIFT(s, "{\"a\":1,\"b\":1,\"o\":{\"p\":1}}\n{\"o\":null,\"c\":1}\n",
          "remove /o/q 2 0");
    DRIFT(s, "", "");
    /* What recurs is followed as far as records go. */
    DRIFT("{\"$defs\":{\"n\":{\"properties\":{\"v\":{},\"n\":"
          "{\"$ref\":\"#/$defs/n\"}}}},\"$ref\":\"#/$defs/n\"}",
          "{\"v\":1,\"n\":{\"v\":1,\"w\":1,\"n\":null}}\n", "add /n/w 1 1");
}

TEST("records of one shape with other keys are told apart")
{
    struct buf b = { 0 };
    many(&b, "{\"a\":1}\n{\"b\":1}\n{\"b\":2}", 100);
    DRIFT("{\"properties\":{\"a\":{}}}", buf_z(&b), "add /b 200 2");
    buf_free(&b);
}

TEST("many unknown fields are counted in bounded space")
{
    struct buf b = { 0 };
    many(&b, "{\"a\":1,\"k%d\":1}", 30000);
    const char *text = drift_of("{\"properties\":{\"a\":{}}}", buf_z(&b), NULL);
    CHECK(strstr(text, " and 20002") != NULL);
    buf_free(&b);
}

TEST("what threads saw is one sum")
{
    CHECK_STR(drift_of("{\"properties\":{\"a\":{},\"b\":{}}}",
                       "{\"x\":1}\n{\"x\":1}\n",
                       "{\"a\":1,\"x\":{\"y\":1}}\n{\"z\":1}\n"),
              "add /x 3 1; add /z 1 4; remove /b 4 0");
}

TEST("a policy names kinds and rules")
{
    struct err e = { 0 };
    struct drift_policy p = drift_policy_default;
    CHECK(drift_policy_parse(&p, "", &e) == 0);
    CHECK(p.rule[DRIFT_ADD] == DRIFT_ALLOW &&
          p.rule[DRIFT_REMOVE] == DRIFT_APPROVE &&
          p.rule[DRIFT_TYPE] == DRIFT_BLOCK);
    CHECK(drift_policy_parse(&p, "type=allow,add=block", &e) == 0);
    CHECK(p.rule[DRIFT_ADD] == DRIFT_BLOCK &&
          p.rule[DRIFT_TYPE] == DRIFT_ALLOW);
    static const char *const bad[] = {
        "add", "add=",      "add=no", "x=allow", "add=allow,add=block",
        ",",   "add=allow "
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK(drift_policy_parse(&p, bad[i], &e) == -1);
        CHECK(e.code == ERR_USAGE);
    }
}

/* ---- defaults */

struct filling {
    struct defaults_run *run;
    bool shapes;
};

static int fill_line(void *context, const struct reader_line *l)
{
    struct filling *f = context;
    struct err e;
    struct str out;
    /* Twice: the second time a whole record is known by its keys. */
    for (int i = 0; i < 2; i++)
        if (defaults_fill(f->run, l->line.text, f->shapes ? l->shaped : NULL,
                          &out, &e))
            return -1;
    buf_add_str(&answer, out);
    return buf_addc(&answer, '\n');
}

static const char *filled(const char *schema, const char *records)
{
    struct rules set;
    struct err e = { 0 };
    struct buf first = { 0 };
    buf_reset(&answer);
    CHECK(rules_init(&set, NULL, 0, &e) == 0);
    struct document *doc = rules_parse(&set, str_of(schema), "s", NULL, &e);
    struct defaults *d = doc ? defaults_new(&set, doc, false, &e) : NULL;
    for (int i = 0; d && i < 2; i++) {
        struct filling f = { defaults_run_new(d), i == 0 };
        buf_reset(&answer);
        CHECK(each_record(records, fill_line, &f) == 0);
        defaults_run_free(f.run);
        if (i == 0)
            buf_add_str(&first, buf_str(&answer));
    }
    if (!d)
        buf_addf(&answer, "refused %d: %s", (int)e.code, e.msg);
    else
        CHECK_STR(buf_z(&first), buf_z(&answer));
    buf_free(&first);
    defaults_free(d);
    rules_free(&set);
    return buf_z(&answer);
}

#define FILL(schema, records, want) CHECK_STR(filled(schema, records), want)

TEST("missing properties get their default, byte for byte")
{
    static const char s[] =
        "{\"properties\":{\"a\":{\"default\":1.50},\"b\":{\"default\":"
        "12345678901234567890123},\"c\":{\"default\":\"\\u00e9\\n\"}}}";
    FILL(s, "{}\n",
         "{\"a\":1.50,\"b\":12345678901234567890123,"
         "\"c\":\"\\u00e9\\n\"}\n");
    FILL(s, "{ \"b\" : 1 , \"x\":2 }\n{\"a\":1,\"b\":2,\"c\":3}\n",
         "{ \"b\" : 1 , \"x\":2,\"a\":1.50,\"c\":\"\\u00e9\\n\" }\n"
         "{\"a\":1,\"b\":2,\"c\":3}\n");
    /* Null is there; an escaped key is the key. */
    FILL(s, "{\"a\":null,\"\\u0062\":1,\"c\":1}\n",
         "{\"a\":null,\"\\u0062\":1,\"c\":1}\n");
    FILL("{\"properties\":{\"a\\\"\":{\"default\":{ \"x\" : [ 1,\n 2 ] }}}}",
         "{}\n", "{\"a\\\"\":{\"x\":[1,2]}}\n");
}

TEST("defaults are found through properties, references and allOf alone")
{
    FILL("{\"allOf\":[{\"$ref\":\"#/$defs/d\"},{\"properties\":{\"b\":"
         "{\"default\":2}}}],\"properties\":{\"o\":{\"properties\":{\"p\":"
         "{\"$ref\":\"#/$defs/v\"}}}},\"$defs\":{\"d\":{\"properties\":"
         "{\"a\":{\"default\":1}}},\"v\":{\"default\":3}}}",
         "{\"o\":{}}\n{\"o\":1}\n{\"o\":{\"p\":0}}\n",
         "{\"o\":{\"p\":3},\"b\":2,\"a\":1}\n{\"o\":1,\"b\":2,\"a\":1}\n"
         "{\"o\":{\"p\":0},\"b\":2,\"a\":1}\n");
    FILL("{\"anyOf\":[{\"properties\":{\"a\":{\"default\":1}}}],"
         "\"items\":{\"default\":1},\"properties\":{\"l\":{\"items\":"
         "{\"properties\":{\"b\":{\"default\":1}}}}}}",
         "{\"l\":[{}]}\n", "{\"l\":[{}]}\n");
}

TEST("a recursive schema fills what is there, and no more")
{
    FILL("{\"$defs\":{\"n\":{\"properties\":{\"v\":{\"default\":0},\"n\":"
         "{\"$ref\":\"#/$defs/n\"}}}},\"$ref\":\"#/$defs/n\"}",
         "{\"n\":{\"n\":{}}}\n", "{\"n\":{\"n\":{\"v\":0},\"v\":0},\"v\":0}\n");
}

TEST("a default that its own schema refuses is refused")
{
    FILL("{\"properties\":{\"a\":{\"type\":\"string\",\"default\":1}}}", "{}\n",
         "refused 78: schema s at /properties/a/default: the default does not "
         "fit its own schema (type)");
}

UNIT_MAIN
