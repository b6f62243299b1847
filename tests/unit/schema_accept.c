/* The quick way against the walk: what it accepts, the walk accepts, and casts
 * would not change it; and what is good and plain, it does accept. */
#include "unit.h"

#include "base/buf.h"
#include "schema/schema.h"
#include "shaped.h"

static uint32_t seed = 1;

static uint32_t roll(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof(*(list)))
#define PICK(list) (list)[roll(COUNT(list))]

struct bench {
    struct schema *schema;
    struct schema_run *run;
    struct shaper shaper;
};

static bool bench_open(struct bench *b, struct str schema)
{
    struct err e = { 0 };
    *b = (struct bench){ 0 };
    b->schema = schema_compile(schema, "test", NULL, &e);
    b->run = b->schema ? schema_run_new(b->schema) : NULL;
    return b->run != NULL;
}

static void bench_close(struct bench *b)
{
    schema_run_free(b->run);
    schema_free(b->schema);
    shaper_free(&b->shaper);
}

static int walk(struct bench *b, struct str text)
{
    const struct schema_error *x;
    struct err e;
    size_t n;
    return schema_check(b->run, text, &x, &n, &e);
}

static bool accepts(struct bench *b, struct str text)
{
    const struct shaped *at = shaper_next(&b->shaper, text, roll(70));
    return at && schema_accept(b->run, at);
}

static bool cast_changes(struct bench *b, struct str text)
{
    struct str out;
    struct err e;
    return schema_coerce(b->run, text, &out, &e) != 0 || !str_eq(out, text);
}

/* ---- generated schemas and records ---- */

static const char *const keys[] = {
    "a",
    "b",
    "c",
    "d",
    "id",
    "name_of_15_bytes",
    "exactly_16_bytes",
    "a_key_that_is_longer_than_that",
    "",
    "\xc3\xa4",
    "\\u0061",
    "b\\n",
};

static const char *const strings[] = {
    "",
    "a",
    "ab",
    "abc",
    "pending",
    "fifteen bytes..",
    "sixteen bytes...",
    "this one is longer than any word may be",
    "\xc3\xa4",
    "\xc3\xa4\xc3\xb6\xe2\x82\xac",
    "\\u0061",
    "a\\n",
    "\\\"",
    "2024-01-31",
    "2024-02-29",
    "2023-02-29",
    "2024-01-31T10:22:56Z",
    "2024-01-31T10:22:56.5+01:00",
    "2024-01-31 10:22:56Z",
    "A12-345",
    "0000",
    "a@example.org",
};

static const char *const numbers[] = {
    "0",
    "-0",
    "1",
    "1.0",
    "1.5",
    "-1",
    "0.5",
    "1e2",
    "1E-2",
    "7",
    "100",
    "0.01",
    "12345678",
    "1234567",
    "123456789",
    "-1.5",
    "9999999.9999999",
    "1e400",
    "19.99",
    "3",
    "-12345678.25",
    "123456789012345678901",
    "2",
    "10",
    "0e1",
    "0.0",
};

static void add_string(struct buf *b)
{
    buf_addf(b, "\"%s\"", PICK(strings));
}

static void add_spaces(struct buf *b)
{
    static const char *const spaces[] = { " ", "  ", "\t" };
    if (roll(40) == 0)
        buf_addz(b, PICK(spaces));
}

static void add_object(struct buf *b, int depth);

static void add_value(struct buf *b, int depth)
{
    static const char *const literals[] = { "true", "false", "null" };
    uint32_t n = roll(depth > 0 ? 10 : 8);
    add_spaces(b);
    if (n < 3) {
        add_string(b);
    } else if (n < 6) {
        buf_addz(b, PICK(numbers));
    } else if (n < 8) {
        buf_addz(b, PICK(literals));
    } else if (n < 9) {
        buf_addc(b, '[');
        for (uint32_t i = roll(4); i > 0; i--) {
            add_value(b, depth - 1);
            buf_addz(b, i > 1 ? "," : "");
        }
        buf_addc(b, ']');
    } else {
        add_object(b, depth);
    }
    add_spaces(b);
}

static void add_object(struct buf *b, int depth)
{
    buf_addc(b, '{');
    uint32_t from = roll(COUNT(keys)), most = roll(10) ? 4 : COUNT(keys);
    for (uint32_t i = 0, n = roll(5); i < n; i++) {
        /* Mostly different keys. */
        const char *key = roll(20) ? keys[(from + i) % most] : PICK(keys);
        buf_addf(b, "%s\"%s\":", i ? "," : "", key);
        add_value(b, depth - 1);
    }
    buf_addc(b, '}');
}

static void add_schema(struct buf *b, int depth);

static void add_list(struct buf *b, const char *keyword, int depth)
{
    buf_addf(b, "\"%s\":[", keyword);
    for (uint32_t i = 1 + roll(3); i > 0; i--) {
        add_schema(b, depth - 1);
        buf_addz(b, i > 1 ? "," : "");
    }
    buf_addc(b, ']');
}

static void add_map(struct buf *b, const char *keyword, int depth)
{
    buf_addf(b, "\"%s\":{", keyword);
    for (uint32_t i = 0, n = 1 + roll(4); i < n; i++) {
        buf_addf(b, "%s\"%s\":", i ? "," : "",
                 i && roll(8) ? keys[i] : PICK(keys));
        add_schema(b, depth - 1);
    }
    buf_addc(b, '}');
}

/* A keyword about values of one type. */
static void add_flat(struct buf *b)
{
    static const char *const types[] = {
        "\"string\"",
        "\"number\"",
        "\"integer\"",
        "\"boolean\"",
        "\"null\"",
        "\"object\"",
        "\"array\"",
        "[\"string\",\"null\"]",
        "[\"integer\",\"string\"]",
        "[\"object\",\"array\",\"number\"]",
    };
    static const char *const limits[] = {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
    };
    static const char *const multiples[] = { "1", "0.01", "0.5", "3", "7e1" };
    static const char *const patterns[] = {
        "^[a-z]*$", "^\\\\d+$",         "a", "^[A-Z]\\\\d{2}-", "(a+)+b|.",
        "^.{1,3}$", "^(a|ab|pending)$",
    };
    static const char *const formats[] = { "date", "date-time", "email",
                                           "uuid" };
    switch (roll(8)) {
    case 0:
    case 1: buf_addf(b, "\"type\":%s", PICK(types)); break;
    case 2: buf_addf(b, "\"%s\":%s", PICK(limits), PICK(numbers)); break;
    case 3: buf_addf(b, "\"multipleOf\":%s", PICK(multiples)); break;
    case 4:
        buf_addf(b, "\"minLength\":%u,\"maxLength\":%u", roll(4), 1 + roll(9));
        break;
    case 5: buf_addf(b, "\"pattern\":\"%s\"", PICK(patterns)); break;
    case 6: buf_addf(b, "\"format\":\"%s\"", PICK(formats)); break;
    default:
        buf_addz(b, "\"enum\":[");
        for (uint32_t i = 1 + roll(roll(4) ? 4 : 12); i > 0; i--) {
            roll(3) ? add_string(b) : add_value(b, 1);
            buf_addz(b, i > 1 ? "," : "");
        }
        buf_addc(b, ']');
        break;
    }
}

static void add_deep(struct buf *b, int depth)
{
    static const char *const inner[] = {
        "items",    "additionalProperties", "not",   "if", "then", "else",
        "contains", "propertyNames",        "const",
    };
    static const char *const lists[] = { "allOf", "anyOf", "oneOf",
                                         "prefixItems" };
    static const char *const maps[] = { "properties", "dependentSchemas" };
    const char *word;
    switch (roll(9)) {
    case 0:
    case 1:
        word = PICK(inner);
        buf_addf(b, "\"%s\":", word);
        strcmp(word, "const") ? add_schema(b, depth - 1) : add_value(b, 1);
        break;
    case 2: add_list(b, PICK(lists), depth); break;
    case 3:
    case 4: add_map(b, PICK(maps), depth); break;
    case 5:
        buf_addf(b, "\"patternProperties\":{\"%s\":", roll(2) ? "^[ab]$" : "e");
        add_schema(b, depth - 1);
        buf_addc(b, '}');
        break;
    case 6: buf_addf(b, "\"required\":[\"%s\"]", PICK(keys)); break;
    case 7:
        buf_addf(b, "\"minProperties\":%u,\"maxProperties\":%u", roll(3),
                 1 + roll(5));
        break;
    default:
        buf_addf(b, "\"minItems\":%u,\"maxItems\":%u,\"uniqueItems\":%s",
                 roll(2), 1 + roll(4), roll(2) ? "true" : "false");
        break;
    }
}

static void add_schema(struct buf *b, int depth)
{
    if (roll(20) == 0) {
        buf_addz(b, roll(3) ? "true" : "false");
        return;
    }
    if (depth > 0 && roll(20) == 0) {
        buf_addz(b, "{\"$ref\":\"#/$defs/t\"}");
        return;
    }
    buf_addc(b, '{');
    for (uint32_t i = 1 + roll(3); i > 0; i--) {
        depth > 0 && roll(3) ? add_deep(b, depth) : add_flat(b);
        buf_addz(b, i > 1 ? "," : "");
    }
    buf_addc(b, '}');
}

/* A root that is about objects: properties, and something else. */
static void make_schema(struct buf *b)
{
    buf_reset(b);
    buf_addz(b, "{\"$defs\":{\"t\":");
    add_schema(b, 0);
    buf_addz(b, "},");
    add_map(b, "properties", 3);
    for (uint32_t i = roll(3); i > 0; i--) {
        buf_addc(b, ',');
        add_deep(b, 3);
    }
    buf_addc(b, '}');
}

struct figures {
    unsigned schemas, records, good, accepted, wrong;
};

static void compare(struct bench *b, struct str schema, struct str record,
                    struct figures *f)
{
    bool quick = accepts(b, record);
    bool good = walk(b, record) == 1;
    f->records++;
    f->good += good;
    f->accepted += quick;
    if (!quick || (good && !cast_changes(b, record)))
        return;
    f->wrong++;
    if (f->wrong < 10)
        printf("# %.*s accepts %.*s\n", STR_ARG(schema), STR_ARG(record));
}

static struct figures generate(unsigned schemas)
{
    struct figures f = { 0 };
    struct buf schema = { 0 }, record = { 0 };
    struct bench b;
    while (f.schemas < schemas) {
        make_schema(&schema);
        if (!bench_open(&b, buf_str(&schema))) {
            bench_close(&b);
            continue;
        }
        f.schemas++;
        for (int i = 0; i < 60; i++) {
            buf_reset(&record);
            add_object(&record, 3);
            compare(&b, buf_str(&schema), buf_str(&record), &f);
        }
        bench_close(&b);
    }
    buf_free(&schema);
    buf_free(&record);
    return f;
}

TEST("what the quick way accepts, the walk accepts and casts leave alone")
{
    static const char *const kernels[] = { "scalar", "avx2", "avx512", "neon" };
    for (uint32_t i = 0; i < COUNT(kernels); i++) {
        if (!scan_use(kernels[i]))
            continue;
        struct figures f = generate(3000);
        CHECK(f.wrong == 0);
        /* The comparison was one. */
        CHECK(f.good > f.records / 5 && f.accepted > f.good / 2);
        printf("# %s: %u records, %u good, %u accepted\n", kernels[i],
               f.records, f.good, f.accepted);
    }
}

/* ---- what is good and plain is accepted ---- */

static const char *verdicts(const char *schema, const char *record)
{
    struct bench b;
    const char *say = "refused";
    if (bench_open(&b, str_of(schema))) {
        bool quick = accepts(&b, str_of(record));
        int fit = walk(&b, str_of(record));
        say = quick && fit == 1 ? "quick" : fit == 1 ? "walk" : "bad";
        if (quick && fit != 1)
            say = "wrong";
    }
    bench_close(&b);
    return say;
}

#define QUICK(schema, record) CHECK_STR(verdicts(schema, record), "quick")
#define WALK(schema, record) CHECK_STR(verdicts(schema, record), "walk")
#define BAD(schema, record) CHECK_STR(verdicts(schema, record), "bad")

#define P(rules) "{\"properties\":{\"a\":{" rules "}}}"

TEST("each rule has its quick way")
{
    QUICK(P("\"type\":\"string\""), "{\"a\":\"\\n\"}");
    QUICK(P("\"enum\":[\"a\",\"b\"]"), "{ \"a\" : \"b\" }");
    QUICK(P("\"enum\":[\"sixteen bytes...\"]"), "{\"a\":\"sixteen bytes...\"}");
    QUICK(P("\"const\":\"\""), "{\"a\":\"\"}");
    QUICK(P("\"const\":12"), "{\"a\":12.0}");
    QUICK(P("\"const\":[1]"), "{\"a\":[1.0]}");
    QUICK(P("\"enum\":[null]"), "{\"a\":null}");
    QUICK(P("\"minLength\":2,\"maxLength\":2"), "{\"a\":\"\xc3\xa4x\"}");
    QUICK(P("\"pattern\":\"(a|b)+c\""), "{\"a\":\"aabc\"}");
    QUICK(P("\"format\":\"uuid\""),
          "{\"a\":\"01234567-89ab-cdef-0123-456789abcdef\"}");
    QUICK(P("\"type\":\"integer\",\"minimum\":-5"), "{\"a\":-5}");
    QUICK(P("\"type\":\"integer\""), "{\"a\":10e-1}");
    QUICK(P("\"type\":\"number\",\"exclusiveMinimum\":0"), "{\"a\":0.01}");
    QUICK(P("\"multipleOf\":0.01"), "{\"a\":19.99}");
    QUICK(P("\"minimum\":0.5,\"maximum\":99.5"), "{\"a\":99.49}");
    QUICK(P("\"items\":{\"type\":\"integer\"},\"minItems\":1"), "{\"a\":[1]}");
    QUICK(P("\"contains\":{\"type\":\"null\"}"), "{\"a\":[1,null]}");
    QUICK(P("\"uniqueItems\":true"), "{\"a\":[1,2]}");
    QUICK("{\"required\":[\"a\"],\"additionalProperties\":false,"
          "\"properties\":{\"a\":{},\"b\":{}}}",
          "{\"a\":1}");
    QUICK("{\"required\":[\"exactly_16_bytes\"],\"propertyNames\":"
          "{\"minLength\":3}}",
          "{\"exactly_16_bytes\":1,\"\\u0061bc\":2}");
    QUICK("{\"dependentRequired\":{\"a\":[\"b\"]},\"dependentSchemas\":"
          "{\"a\":{\"minProperties\":2}}}",
          "{\"a\":1,\"b\":2}");
    QUICK(P("\"anyOf\":[{\"type\":\"string\",\"format\":\"date\"},"
            "{\"type\":\"null\"}]"),
          "{\"a\":\"2024-01-31\"}");
    QUICK(P("\"oneOf\":[{\"required\":[\"x\"]},{\"required\":[\"y\"]}]"),
          "{\"a\":{\"y\":1}}");
    QUICK(P("\"not\":{\"type\":\"null\"},\"if\":{\"type\":\"string\"},"
            "\"then\":{\"minLength\":1},\"else\":false"),
          "{\"a\":\"x\"}");
    QUICK(P("\"if\":{\"const\":\"x\"},\"then\":true,\"else\":false"),
          "{\"a\":\"x\"}");
    QUICK("{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"properties\":{\"a\":"
          "{\"$ref\":\"#/$defs/t\"},\"n\":{\"type\":\"integer\"}}}}}",
          "{\"a\":{\"a\":{\"n\":1}}}");
}

TEST("what depends on more than shape, keys and plain values is walked")
{
    WALK(P("\"minLength\":1"), "{\"a\":\"\\n\"}");
    WALK(P("\"type\":\"string\""), "{\"a\":\"x\",\"a\":\"y\"}");
    WALK(P("\"type\":\"string\""), "{\"a\":1,\"a\":\"y\"}");
    WALK("{\"anyOf\":[{\"required\":[\"a\"]},{\"properties\":{\"b\":{\"not\":"
         "{\"const\":\"x\"}}}}],\"not\":{\"properties\":{\"b\":{\"const\":1}},"
         "\"required\":[\"b\"]}}",
         "{\"b\":2}");
    BAD("{\"not\":{\"properties\":{\"a\":{\"type\":\"string\"}}}}",
        "{\"a\":1,\"a\":\"x\"}");
    BAD(P("\"oneOf\":[{\"maxLength\":3},{\"minLength\":2}]"),
        "{\"a\":\"abc\"}");
    BAD("{\"required\":[\"a\"]}", "{\"b\":1}");
    BAD("false", "{}");
}

/* A schema that takes a and b in every order, c or not. */
#define ABC                                                               \
    "{\"required\":[\"a\",\"b\"],\"additionalProperties\":false,"         \
    "\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"minimum\":5}," \
    "\"c\":{\"maximum\":3}}}"

TEST("other keys under a shape that is known have a plan of their own")
{
    static const struct {
        const char *record;
        bool good;
    } rows[] = {
        { "{\"a\":1,\"b\":5}", true },  { "{\"b\":5,\"a\":1}", true },
        { "{\"a\":1,\"b\":4}", false }, { "{\"b\":4,\"a\":9}", false },
        { "{\"a\":1,\"c\":5}", false }, { "{\"a\":1,\"x\":5}", false },
        { "{\"b\":5,\"b\":5}", false }, { "{\"a\":1,\"b\":50}", true },
    };
    struct bench b;
    CHECK(bench_open(&b, STR(ABC)));
    for (int turn = 0; turn < 200; turn++)
        for (uint32_t i = 0; i < COUNT(rows); i++) {
            bool quick = accepts(&b, str_of(rows[i].record));
            CHECK(!quick || rows[i].good);
            CHECK(quick || !rows[i].good || turn > 0);
        }
    bench_close(&b);
}

TEST("a hundred shapes live side by side")
{
    struct bench b;
    struct buf t = { 0 };
    unsigned quick = 0;
    CHECK(bench_open(
        &b, STR("{\"properties\":{\"v\":{\"items\":{\"minimum\":0}}}}")));
    for (int turn = 0; turn < 10; turn++)
        for (int n = 0; n < 100; n++) {
            buf_reset(&t);
            buf_addz(&t, "{\"v\":[0");
            for (int i = 0; i < n; i++)
                buf_addf(&t, ",%d", turn * i);
            buf_addz(&t, "]}");
            quick += accepts(&b, buf_str(&t));
        }
    CHECK(quick == 1000);
    buf_free(&t);
    bench_close(&b);
}

TEST("shapes and keys without end, and records of any size, are judged too")
{
    struct bench b;
    struct buf t = { 0 };
    CHECK(bench_open(&b, STR("{\"additionalProperties\":{\"minimum\":0}}")));
    for (int i = 0; i < 3000; i++) {
        bool good = roll(3) > 0;
        buf_reset(&t);
        buf_addf(&t, "{\"k%d\":%d", i, good ? 1 : -1);
        for (uint32_t k = roll(i % 100 ? 30 : 2000); k > 0; k--)
            buf_addf(&t, ",\"%u\":%s", k, roll(2) ? "7" : "null");
        buf_addc(&t, '}');
        bool quick = accepts(&b, buf_str(&t));
        CHECK(!quick || good);
        CHECK(walk(&b, buf_str(&t)) == good);
    }
    buf_free(&t);
    bench_close(&b);
}

TEST("what takes more steps than a plan holds is walked")
{
    struct buf t = { 0 };
    buf_addz(&t, "{\"k0\":\"ab\"");
    for (int i = 1; i < 1000; i++)
        buf_addf(&t, ",\"k%d\":\"ab\"", i);
    buf_addc(&t, '}');
    QUICK("{\"additionalProperties\":{\"minLength\":1}}", buf_z(&t));
    WALK("{\"additionalProperties\":{\"minLength\":1,\"pattern\":\"b$\","
         "\"enum\":[\"ab\"],\"allOf\":[{\"pattern\":\"^a\"},{\"maxLength\":2}]}"
         "}",
         buf_z(&t));
    buf_free(&t);
}

UNIT_MAIN
