/* schemagen: schemas and values made of a row of choices, for tests of what
 * holds for all of them. The same choices give the same text, so a schema is
 * changed by changing some of its choices. */
#ifndef SCHEMAGEN_H
#define SCHEMAGEN_H

#include "base/buf.h"

#include <stdint.h>

struct schemagen {
    const uint8_t *p; /* choices; behind them all are 0 */
    size_t n, at;
    struct buf *out;
    bool old; /* draft-07 */
};

static unsigned gen_choose(struct schemagen *g, unsigned n)
{
    return g->at < g->n ? g->p[g->at++] % n : 0;
}

static const char *gen_key(struct schemagen *g)
{
    static const char *const keys[] = { "a", "b", "ab", "c" };
    return keys[gen_choose(g, 4)];
}

static void gen_scalar(struct schemagen *g)
{
    static const char *const values[] = {
        "null", "true",   "false",  "0",     "1",   "-1",
        "2",    "3",      "1.5",    "10",    "0.1", "1e1",
        "\"\"", "\"a\"",  "\"ab\"", "\"b\"", "2.0", "\"2020-01-31\"",
        "6",    "\"abc\""
    };
    buf_addz(g->out, values[gen_choose(g, 20)]);
}

static void gen_value(struct schemagen *g, unsigned depth)
{
    unsigned kind = depth ? gen_choose(g, 10) : 0;
    if (kind < 5) {
        gen_scalar(g);
        return;
    }
    bool object = kind < 8;
    unsigned n = gen_choose(g, 4);
    buf_addc(g->out, object ? '{' : '[');
    for (unsigned i = 0; i < n; i++) {
        buf_addz(g->out, i ? "," : "");
        if (object)
            buf_addf(g->out, "\"%s\":", gen_key(g));
        gen_value(g, depth - 1);
    }
    buf_addc(g->out, object ? '}' : ']');
}

static void gen_schema(struct schemagen *g, unsigned depth);

static void gen_list(struct schemagen *g, unsigned depth)
{
    unsigned n = 1 + gen_choose(g, 3);
    buf_addc(g->out, '[');
    for (unsigned i = 0; i < n; i++) {
        buf_addz(g->out, i ? "," : "");
        gen_schema(g, depth);
    }
    buf_addc(g->out, ']');
}

static void gen_members(struct schemagen *g, unsigned depth, bool pattern)
{
    static const char *const patterns[] = { "^a", "b$", "", "^[ab]+$" };
    unsigned n = 1 + gen_choose(g, 3), from = gen_choose(g, 4);
    static const char *const keys[] = { "a", "b", "ab", "c" };
    buf_addc(g->out, '{');
    for (unsigned i = 0; i < n; i++) {
        unsigned k = (from + i) % 4;
        buf_addf(g->out, "%s\"%s\":", i ? "," : "",
                 pattern ? patterns[k] : keys[k]);
        gen_schema(g, depth);
    }
    buf_addc(g->out, '}');
}

static void gen_names(struct schemagen *g)
{
    unsigned n = gen_choose(g, 3);
    buf_addc(g->out, '[');
    for (unsigned i = 0; i <= n; i++)
        buf_addf(g->out, "%s\"%s\"", i ? "," : "", gen_key(g));
    buf_addc(g->out, ']');
}

static void gen_number(struct schemagen *g)
{
    static const char *const numbers[] = { "0",   "1",  "2",  "3",
                                           "1.5", "-1", "10", "0.5" };
    buf_addz(g->out, numbers[gen_choose(g, 8)]);
}

static void gen_types(struct schemagen *g)
{
    static const char *const types[] = { "object", "string", "integer",
                                         "number", "array",  "null",
                                         "boolean" };
    if (gen_choose(g, 3)) {
        buf_addf(g->out, "\"%s\"", types[gen_choose(g, 7)]);
        return;
    }
    unsigned n = 1 + gen_choose(g, 3);
    buf_addc(g->out, '[');
    for (unsigned i = 0; i < n; i++)
        buf_addf(g->out, "%s\"%s\"", i ? "," : "", types[gen_choose(g, 7)]);
    buf_addc(g->out, ']');
}

static void gen_values(struct schemagen *g)
{
    unsigned n = gen_choose(g, 4);
    buf_addc(g->out, '[');
    for (unsigned i = 0; i <= n; i++) {
        buf_addz(g->out, i ? "," : "");
        gen_value(g, 1);
    }
    buf_addc(g->out, ']');
}

static void gen_keyword(struct schemagen *g, unsigned depth)
{
    static const char *const numeric[] = { "minimum", "maximum",
                                           "exclusiveMinimum",
                                           "exclusiveMaximum" };
    static const char *const counts[] = { "minLength",     "maxLength",
                                          "minItems",      "maxItems",
                                          "minProperties", "maxProperties" };
    static const char *const multiples[] = { "1", "2", "0.5", "3", "6", "0.1" };
    static const char *const one[] = { "not",
                                       "items",
                                       "additionalProperties",
                                       "contains",
                                       "propertyNames",
                                       "unevaluatedItems",
                                       "unevaluatedProperties" };
    static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
    static const char *const patterns[] = { "^a", "b$", "", "a" };
    unsigned k = gen_choose(g, depth ? 24 : 10);
    switch (k) {
    case 0:
    case 1:
    case 2:
        buf_addz(g->out, "\"type\":");
        gen_types(g);
        break;
    case 3:
    case 4:
        buf_addf(g->out, "\"%s\":", numeric[gen_choose(g, 4)]);
        gen_number(g);
        break;
    case 5:
    case 6:
        buf_addf(g->out, "\"%s\":%u", counts[gen_choose(g, 6)],
                 gen_choose(g, 4));
        break;
    case 7:
        buf_addf(g->out, "\"multipleOf\":%s", multiples[gen_choose(g, 6)]);
        break;
    case 8:
        if (gen_choose(g, 3) == 0) {
            buf_addf(g->out, "\"pattern\":\"%s\"", patterns[gen_choose(g, 4)]);
        } else if (gen_choose(g, 4) == 0) {
            buf_addz(g->out, "\"format\":\"date\"");
        } else if (gen_choose(g, 2)) {
            buf_addz(g->out, "\"enum\":");
            gen_values(g);
        } else {
            buf_addz(g->out, "\"const\":");
            gen_value(g, 1);
        }
        break;
    case 9:
        buf_addz(g->out, "\"required\":");
        gen_names(g);
        break;
    case 10:
    case 11:
    case 12:
        buf_addz(g->out, "\"properties\":");
        gen_members(g, depth - 1, false);
        break;
    case 13:
        buf_addz(g->out, "\"patternProperties\":");
        gen_members(g, depth - 1, true);
        break;
    case 14:
    case 15:
    case 16:
        buf_addf(g->out, "\"%s\":", one[gen_choose(g, 7)]);
        gen_schema(g, depth - 1);
        break;
    case 17:
    case 18:
        buf_addf(g->out, "\"%s\":", lists[gen_choose(g, 3)]);
        gen_list(g, depth - 1);
        break;
    case 19:
        buf_addz(g->out, g->old ? "\"items\":" : "\"prefixItems\":");
        gen_list(g, depth - 1);
        if (g->old && gen_choose(g, 2)) {
            buf_addz(g->out, ",\"additionalItems\":");
            gen_schema(g, depth - 1);
        }
        break;
    case 20:
        buf_addz(g->out, "\"if\":");
        gen_schema(g, depth - 1);
        buf_addz(g->out, ",\"then\":");
        gen_schema(g, depth - 1);
        buf_addz(g->out, ",\"else\":");
        gen_schema(g, depth - 1);
        break;
    case 21:
        buf_addf(g->out, "\"%s\":{\"%s\":",
                 g->old ? "dependencies" : "dependentSchemas", gen_key(g));
        gen_schema(g, depth - 1);
        buf_addc(g->out, '}');
        break;
    case 22:
        buf_addf(g->out, "\"%s\":{\"%s\":",
                 g->old ? "dependencies" : "dependentRequired", gen_key(g));
        gen_names(g);
        buf_addc(g->out, '}');
        break;
    default:
        switch (gen_choose(g, 4)) {
        case 0: buf_addz(g->out, "\"uniqueItems\":true"); break;
        case 1:
            buf_addf(g->out, "\"minContains\":%u,\"maxContains\":%u",
                     gen_choose(g, 3), gen_choose(g, 3));
            break;
        default: buf_addf(g->out, "\"$ref\":\"#/$defs/d%u\"", gen_choose(g, 2));
        }
    }
}

static void gen_schema(struct schemagen *g, unsigned depth)
{
    unsigned n = gen_choose(g, 8);
    if (n == 7) {
        buf_addz(g->out, gen_choose(g, 3) ? "true" : "false");
        return;
    }
    n = n < 3 ? 1 : n - 2;
    buf_addc(g->out, '{');
    for (unsigned i = 0; i < n; i++) {
        buf_addz(g->out, i ? "," : "");
        gen_keyword(g, depth);
    }
    buf_addc(g->out, '}');
}

/* A whole schema of the n choices, with two definitions that may refer to each
 * other and to themselves. */
static void gen_document(struct buf *out, const uint8_t *p, size_t n)
{
    struct schemagen g = { p, n, 0, out, false };
    g.old = gen_choose(&g, 4) == 0;
    buf_addf(out, "{\"$schema\":\"%s\",\"$defs\":{\"d0\":",
             g.old ? "http://json-schema.org/draft-07/schema#"
                   : "https://json-schema.org/draft/2020-12/schema");
    gen_schema(&g, 2);
    buf_addz(out, ",\"d1\":");
    gen_schema(&g, 2);
    buf_addz(out, "},\"allOf\":[");
    gen_schema(&g, 3);
    buf_addz(out, gen_choose(&g, 4) == 1 ? "],\"unevaluatedProperties\":false}"
                                         : "]}");
}

/* A value of the n choices. */
static void gen_instance(struct buf *out, const uint8_t *p, size_t n)
{
    struct schemagen g = { p, n, 0, out, false };
    gen_value(&g, 3);
}

#endif
