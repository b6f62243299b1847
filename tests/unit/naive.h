/* naive: a checker of JSON Schema that is small, slow and plain, and schemas
 * and values for it at random: what schema_check is held against.
 *
 * It follows the text of the drafts keyword by keyword over trees, computes
 * what is evaluated each time anew, and looks for anchors by searching. It
 * knows the keywords below, numbers that a double holds exactly, and
 * properties named a to f, so that a set of them is a number. */
#ifndef TESTS_UNIT_NAIVE_H
#define TESTS_UNIT_NAIVE_H

#include "base/buf.h"
#include "schema/schema.h"
#include "shaped.h"

/* From here on these are the library's of trees; ours have the same names. */
#define JSON_OBJECT TREE_OBJECT
#define JSON_ARRAY TREE_ARRAY
#define JSON_STRING TREE_STRING
#define JSON_INTEGER TREE_INTEGER
#define JSON_REAL TREE_REAL
#define JSON_TRUE TREE_TRUE
#define JSON_FALSE TREE_FALSE
#define JSON_NULL TREE_NULL
#define json_string tree_string
#include <jansson.h>
#undef json_string
#include <math.h>
#include <stdio.h>

#define NAIVE_MAX_DEPTH 100
#define NAIVE_MAX_STEPS 200000

/* ---- the checker */

struct naive {
    enum schema_draft draft;
    json_t *root;
    unsigned steps;
    bool lost; /* too deep, too long: no verdict */
};

/* What was evaluated: properties and items as bits. */
struct seen {
    uint32_t props, items;
};

/* The schema resources on the way here, the last one first. */
struct scope {
    const struct scope *up;
    json_t *resource;
    unsigned depth;
};

static bool naive_check(struct naive *w, json_t *schema, json_t *v,
                        const struct scope *scope, struct seen *out);

static uint32_t naive_bit(const char *key)
{
    return (uint32_t)1 << (key[0] - 'a');
}

/* Finds the schema below s, in the same resource, whose keyword has this
 * text. */
static json_t *naive_find(json_t *s, const char *keyword, const char *text,
                          bool top)
{
    json_t *child, *found = NULL;
    const char *key;
    size_t i;
    if (json_is_array(s)) {
        json_array_foreach(s, i, child) if (!found) found =
            naive_find(child, keyword, text, false);
        return found;
    }
    if (!json_is_object(s) || (!top && json_object_get(s, "$id")))
        return NULL;
    const char *have = json_string_value(json_object_get(s, keyword));
    if (have && strcmp(have, text) == 0)
        return s;
    json_object_foreach(s, key, child) if (!found &&
                                           strcmp(key, "const") != 0 &&
                                           strcmp(key, "enum") != 0) found =
        naive_find(child, keyword, text, false);
    return found;
}

/* All resources are the root and what stands in its $defs. */
static json_t *naive_resource(struct naive *w, const char *uri, size_t n)
{
    const char *key;
    json_t *s;
    json_object_foreach(json_object_get(w->root, "$defs"), key, s)
    {
        const char *id = json_string_value(json_object_get(s, "$id"));
        if (id && strlen(id) == n && memcmp(id, uri, n) == 0)
            return s;
    }
    return NULL;
}

static json_t *naive_anchor(json_t *resource, const char *name, bool *dynamic)
{
    json_t *s = naive_find(resource, "$dynamicAnchor", name, true);
    *dynamic = s != NULL;
    return s ? s : naive_find(resource, "$anchor", name, true);
}

/* Where a reference leads: sets *resource too. */
static json_t *naive_target(struct naive *w, const char *ref, json_t **resource,
                            bool *dynamic)
{
    const char *hash = strchr(ref, '#');
    *dynamic = false;
    if (hash != ref)
        *resource =
            naive_resource(w, ref, hash ? (size_t)(hash - ref) : strlen(ref));
    if (!hash || !hash[1])
        return *resource;
    if (hash[1] != '/')
        return naive_anchor(*resource, hash + 1, dynamic);
    json_t *defs = json_object_get(*resource, "$defs");
    json_t *to = json_object_get(defs, hash + strlen("#/$defs/"));
    if (json_object_get(to, "$id"))
        *resource = to;
    return to;
}

static bool naive_ref(struct naive *w, const char *ref, int kind, json_t *v,
                      const struct scope *scope, struct seen *out)
{
    json_t *resource = scope->resource, *to;
    bool dynamic;
    to = naive_target(w, ref, &resource, &dynamic);
    /* kind 1 is $dynamicRef, 2 is $recursiveRef; 0 $ref. */
    if (kind == 1 && dynamic)
        for (const struct scope *s = scope; s; s = s->up) {
            json_t *x =
                naive_anchor(s->resource, strchr(ref, '#') + 1, &dynamic);
            if (x && dynamic) {
                to = x;
                resource = s->resource;
            }
        }
    if (kind == 2 && json_is_true(json_object_get(to, "$recursiveAnchor")))
        for (const struct scope *s = scope; s; s = s->up)
            if (json_is_true(json_object_get(s->resource, "$recursiveAnchor")))
                to = resource = s->resource;
    const struct scope in = { scope, resource, scope->depth + 1 };
    return naive_check(w, to, v, &in, out);
}

static bool naive_type(const char *name, json_t *v)
{
    if (strcmp(name, "integer") == 0)
        return json_is_number(v) &&
               floor(json_number_value(v)) == json_number_value(v);
    return (strcmp(name, "number") == 0 && json_is_number(v)) ||
           (strcmp(name, "string") == 0 && json_is_string(v)) ||
           (strcmp(name, "boolean") == 0 && json_is_boolean(v)) ||
           (strcmp(name, "null") == 0 && json_is_null(v)) ||
           (strcmp(name, "array") == 0 && json_is_array(v)) ||
           (strcmp(name, "object") == 0 && json_is_object(v));
}

static bool naive_equal(json_t *a, json_t *b)
{
    json_t *x;
    const char *key;
    size_t i;
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        json_array_foreach(
            a, i, x) if (!naive_equal(x, json_array_get(b, i))) return false;
        return true;
    }
    if (json_is_object(a)) {
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach(a, key, x)
        {
            json_t *y = json_object_get(b, key);
            if (!y || !naive_equal(x, y))
                return false;
        }
        return true;
    }
    return json_equal(a, b);
}

static bool naive_scalar(json_t *s, json_t *v)
{
    json_t *k, *x;
    size_t i;
    if ((k = json_object_get(s, "type"))) {
        bool any = json_is_string(k) && naive_type(json_string_value(k), v);
        json_array_foreach(k, i, x) any |= naive_type(json_string_value(x), v);
        if (!any)
            return false;
    }
    if ((k = json_object_get(s, "const")) && !naive_equal(k, v))
        return false;
    if ((k = json_object_get(s, "enum"))) {
        bool any = false;
        json_array_foreach(k, i, x) any |= naive_equal(x, v);
        if (!any)
            return false;
    }
    if (json_is_number(v)) {
        double n = json_number_value(v);
#define LIMIT(name, wrong)                                              \
    if ((k = json_object_get(s, name)) && n wrong json_number_value(k)) \
        return false;
        LIMIT("minimum", <)
        LIMIT("maximum", >)
        LIMIT("exclusiveMinimum", <=)
        LIMIT("exclusiveMaximum", >=)
#undef LIMIT
        if ((k = json_object_get(s, "multipleOf")) &&
            fmod(n, json_number_value(k)) != 0)
            return false;
    }
    if (json_is_string(v)) {
        double n = (double)json_string_length(v); /* ASCII */
        if ((k = json_object_get(s, "minLength")) && n < json_number_value(k))
            return false;
        if ((k = json_object_get(s, "maxLength")) && n > json_number_value(k))
            return false;
        /* The one pattern that there is: ^a */
        if (json_object_get(s, "pattern") && json_string_value(v)[0] != 'a')
            return false;
    }
    return true;
}

static bool naive_array(struct naive *w, json_t *s, json_t *v,
                        const struct scope *scope, struct seen *out)
{
    json_t *items = json_object_get(s, "items"), *x, *k;
    json_t *prefix = w->draft == DRAFT_2020_12
                         ? json_object_get(s, "prefixItems")
                     : json_is_array(items) ? items
                                            : NULL;
    json_t *rest = prefix && w->draft != DRAFT_2020_12
                       ? json_object_get(s, "additionalItems")
                       : items;
    json_t *contains = json_object_get(s, "contains");
    size_t i, j, n = json_array_size(v), found = 0;
    struct seen unused;
    json_array_foreach(v, i, x)
    {
        json_t *by =
            i < json_array_size(prefix) ? json_array_get(prefix, i) : rest;
        if (by) {
            if (!naive_check(w, by, x, scope, &unused))
                return false;
            out->items |= (uint32_t)1 << i;
        }
        if (contains && naive_check(w, contains, x, scope, &unused)) {
            found++;
            if (w->draft == DRAFT_2020_12)
                out->items |= (uint32_t)1 << i;
        }
    }
    if (contains) {
        json_t *min = json_object_get(s, "minContains");
        json_t *max = json_object_get(s, "maxContains");
        bool counts = w->draft != DRAFT_07;
        if ((double)found < (min && counts ? json_number_value(min) : 1) ||
            (max && counts && (double)found > json_number_value(max)))
            return false;
    }
    if ((k = json_object_get(s, "minItems")) &&
        (double)n < json_number_value(k))
        return false;
    if ((k = json_object_get(s, "maxItems")) &&
        (double)n > json_number_value(k))
        return false;
    if (json_is_true(json_object_get(s, "uniqueItems")))
        for (i = 0; i < n; i++)
            for (j = 0; j < i; j++)
                if (naive_equal(json_array_get(v, i), json_array_get(v, j)))
                    return false;
    return true;
}

static bool naive_depends(struct naive *w, json_t *map, json_t *v,
                          const struct scope *scope, struct seen *out)
{
    const char *key;
    json_t *what, *name;
    size_t i;
    json_object_foreach(map, key, what)
    {
        if (!json_object_get(v, key))
            continue;
        if (json_is_array(what)) {
            json_array_foreach(
                what, i, name) if (!json_object_get(v,
                                                    json_string_value(
                                                        name))) return false;
        } else if (!naive_check(w, what, v, scope, out)) {
            return false;
        }
    }
    return true;
}

static bool naive_object(struct naive *w, json_t *s, json_t *v,
                         const struct scope *scope, struct seen *out)
{
    json_t *props = json_object_get(s, "properties"), *x, *k;
    json_t *patterns = json_object_get(s, "patternProperties");
    json_t *more = json_object_get(s, "additionalProperties");
    json_t *names = json_object_get(s, "propertyNames");
    const char *key;
    size_t i;
    struct seen unused;
    json_object_foreach(v, key, x)
    {
        bool named = false;
        /* The one pattern that there is: ^a */
        json_t *by[] = { json_object_get(props, key),
                         key[0] == 'a' ? json_object_get(patterns, "^a")
                                       : NULL };
        for (i = 0; i < 2; i++) {
            if (by[i] && !naive_check(w, by[i], x, scope, &unused))
                return false;
            named |= by[i] != NULL;
        }
        if (!named && more && !naive_check(w, more, x, scope, &unused))
            return false;
        if (named || more)
            out->props |= naive_bit(key);
        if (names) {
            json_t *name = json_stringn(key, strlen(key));
            bool ok = naive_check(w, names, name, scope, &unused);
            json_decref(name);
            if (!ok)
                return false;
        }
    }
    json_array_foreach(
        json_object_get(s, "required"), i,
        x) if (!json_object_get(v, json_string_value(x))) return false;
    double n = (double)json_object_size(v);
    if ((k = json_object_get(s, "minProperties")) && n < json_number_value(k))
        return false;
    if ((k = json_object_get(s, "maxProperties")) && n > json_number_value(k))
        return false;
    if (w->draft != DRAFT_07 &&
        (!naive_depends(w, json_object_get(s, "dependentRequired"), v, scope,
                        out) ||
         !naive_depends(w, json_object_get(s, "dependentSchemas"), v, scope,
                        out)))
        return false;
    return naive_depends(w, json_object_get(s, "dependencies"), v, scope, out);
}

/* A branch: what it evaluates counts if it fits. */
static bool naive_branch(struct naive *w, json_t *s, json_t *v,
                         const struct scope *scope, struct seen *out)
{
    struct seen own = { 0, 0 };
    bool fit = naive_check(w, s, v, scope, &own);
    if (fit) {
        out->props |= own.props;
        out->items |= own.items;
    }
    return fit;
}

static size_t naive_count(struct naive *w, json_t *list, json_t *v,
                          const struct scope *scope, struct seen *out)
{
    size_t i, n = 0;
    json_t *x;
    json_array_foreach(list, i, x) n += naive_branch(w, x, v, scope, out);
    return n;
}

static bool naive_in_place(struct naive *w, json_t *s, json_t *v,
                           const struct scope *scope, struct seen *out)
{
    static const char *const refs[] = { "$ref", "$dynamicRef",
                                        "$recursiveRef" };
    json_t *k;
    struct seen unused = { 0, 0 };
    for (int i = 0; i < 3; i++)
        if ((k = json_object_get(s, refs[i])) &&
            (i == 0 || (i == 1 ? w->draft == DRAFT_2020_12
                               : w->draft == DRAFT_2019_09)) &&
            !naive_ref(w, json_string_value(k), i, v, scope, out))
            return false;
    if ((k = json_object_get(s, "allOf")) &&
        naive_count(w, k, v, scope, out) != json_array_size(k))
        return false;
    if ((k = json_object_get(s, "anyOf")) && !naive_count(w, k, v, scope, out))
        return false;
    if ((k = json_object_get(s, "oneOf")) &&
        naive_count(w, k, v, scope, out) != 1)
        return false;
    if ((k = json_object_get(s, "not")) && naive_check(w, k, v, scope, &unused))
        return false;
    if ((k = json_object_get(s, "if"))) {
        bool is = naive_branch(w, k, v, scope, out);
        k = json_object_get(s, is ? "then" : "else");
        if (k && !naive_check(w, k, v, scope, out))
            return false;
    }
    return true;
}

static bool naive_rest(struct naive *w, json_t *s, json_t *v,
                       const struct scope *scope, struct seen *out)
{
    json_t *k, *x;
    const char *key;
    size_t i;
    struct seen unused;
    if (w->draft == DRAFT_07)
        return true;
    k = json_object_get(s, "unevaluatedProperties");
    if (k)
        json_object_foreach(v, key, x)
        {
            if (!(out->props & naive_bit(key)) &&
                !naive_check(w, k, x, scope, &unused))
                return false;
            out->props |= naive_bit(key);
        }
    k = json_object_get(s, "unevaluatedItems");
    if (k)
        json_array_foreach(v, i, x)
        {
            if (!(out->items >> i & 1) && !naive_check(w, k, x, scope, &unused))
                return false;
            out->items |= (uint32_t)1 << i;
        }
    /* cppcheck-suppress missingReturn ; it does not know the macros */
    return true;
}

/* Does v fit the schema? *out gets what it evaluates, beside what is there. */
static bool naive_check(struct naive *w, json_t *s, json_t *v,
                        const struct scope *scope, struct seen *out)
{
    struct seen own = { 0, 0 };
    struct scope in = *scope;
    if (json_is_boolean(s))
        return json_is_true(s);
    in.depth++;
    if (in.depth > NAIVE_MAX_DEPTH || ++w->steps > NAIVE_MAX_STEPS || !s) {
        w->lost = true;
        return false;
    }
    bool hidden = w->draft == DRAFT_07 && json_object_get(s, "$ref");
    const char *ref = json_string_value(json_object_get(s, "$ref"));
    bool fit =
        hidden ? naive_ref(w, ref, 0, v, &in, &own)
               : naive_scalar(s, v) &&
                     (!json_is_array(v) || naive_array(w, s, v, &in, &own)) &&
                     (!json_is_object(v) || naive_object(w, s, v, &in, &own)) &&
                     naive_in_place(w, s, v, &in, &own) &&
                     naive_rest(w, s, v, &in, &own);
    out->props |= own.props;
    out->items |= own.items;
    return fit;
}

/* ---- schemas and values at random */

/* Decisions: from bytes, and when they are used up from a generator. */
struct dice {
    const uint8_t *p;
    size_t n;
    uint32_t seed;
    enum schema_draft draft;
};

static uint32_t roll(struct dice *d, uint32_t n)
{
    if (d->n) {
        d->n--;
        return *d->p++ % n;
    }
    d->seed = d->seed * 1664525u + 1013904223u;
    return (d->seed >> 8) % n;
}

#define PICK_OF(d, list) \
    (list)[roll(d, (uint32_t)(sizeof(list) / sizeof(*(list))))]

static void make_value(struct buf *b, struct dice *d, unsigned depth)
{
    static const char *const plain[] = { "0",      "1",     "2",    "1.5",
                                         "-1",     "\"a\"", "\"\"", "\"bb\"",
                                         "\"ab\"", "true",  "null", "1.0" };
    uint32_t kind = roll(d, depth ? 4 : 2);
    if (kind < 2) {
        buf_addz(b, PICK_OF(d, plain));
    } else if (kind == 2) {
        buf_addc(b, '[');
        for (uint32_t n = roll(d, 4); n > 0; n--) {
            make_value(b, d, depth - 1);
            buf_addz(b, n > 1 ? "," : "");
        }
        buf_addc(b, ']');
    } else {
        uint32_t set = roll(d, 64);
        bool first = true;
        buf_addc(b, '{');
        for (int i = 0; i < 6; i++) {
            if (!(set >> i & 1))
                continue;
            buf_addf(b, "%s\"%c\":", first ? "" : ",", 'a' + i);
            make_value(b, d, depth - 1);
            first = false;
        }
        buf_addc(b, '}');
    }
}

static void make_schema(struct buf *b, struct dice *d, unsigned depth);

static void make_list(struct buf *b, struct dice *d, unsigned depth)
{
    buf_addc(b, '[');
    for (uint32_t n = 1 + roll(d, 3); n > 0; n--) {
        make_schema(b, d, depth - 1);
        buf_addz(b, n > 1 ? "," : "");
    }
    buf_addc(b, ']');
}

static void make_map(struct buf *b, struct dice *d, unsigned depth)
{
    uint32_t at = roll(d, 4);
    buf_addc(b, '{');
    for (uint32_t n = 1 + roll(d, 3); n > 0; n--, at++) {
        buf_addf(b, "\"%c\":", (int)('a' + at));
        make_schema(b, d, depth - 1);
        buf_addz(b, n > 1 ? "," : "");
    }
    buf_addc(b, '}');
}

/* One keyword with its value. What a draft does not know, it ignores, and so
 * have both checkers to. */
static void make_keyword(struct buf *b, struct dice *d, unsigned depth)
{
    static const char *const fixed[] = {
        "\"type\":\"object\"",
        "\"type\":\"integer\"",
        "\"type\":[\"array\",\"object\",\"null\"]",
        "\"type\":[\"string\",\"number\"]",
        "\"const\":1",
        "\"const\":{\"a\":1}",
        "\"enum\":[1,\"a\",[],{}]",
        "\"minimum\":1",
        "\"maximum\":1",
        "\"exclusiveMinimum\":0",
        "\"exclusiveMaximum\":1.5",
        "\"multipleOf\":0.5",
        "\"multipleOf\":2",
        "\"minLength\":1",
        "\"maxLength\":1",
        "\"pattern\":\"^a\"",
        "\"minItems\":1",
        "\"maxItems\":2",
        "\"uniqueItems\":true",
        "\"minProperties\":2",
        "\"maxProperties\":2",
        "\"required\":[\"a\"]",
        "\"required\":[\"b\",\"c\"]",
        "\"dependentRequired\":{\"a\":[\"b\"]}",
        "\"dependencies\":{\"b\":[\"c\"]}",
        "\"minContains\":0",
        "\"minContains\":2",
        "\"maxContains\":1",
    };
    static const char *const refs[] = {
        "\"$ref\":\"#\"",
        "\"$ref\":\"#/$defs/p\"",
        "\"$ref\":\"urn:r\"",
        "\"$ref\":\"urn:s\"",
        "\"$ref\":\"urn:r#/$defs/q\"",
        "\"$ref\":\"urn:s#n\"",
        "\"$dynamicRef\":\"#d\"",
        "\"$dynamicRef\":\"urn:s#d\"",
        "\"$recursiveRef\":\"#\"",
    };
    static const char *const single[] = {
        "items",
        "contains",
        "additionalProperties",
        "propertyNames",
        "not",
        "unevaluatedProperties",
        "unevaluatedItems",
        "additionalItems",
    };
    static const char *const lists[] = { "allOf", "anyOf", "oneOf",
                                         "prefixItems" };
    static const char *const maps[] = { "properties", "properties",
                                        "dependentSchemas", "dependencies" };
    uint32_t kind = roll(d, depth ? 12 : 3);
    if (kind == 11) {
        buf_addf(b, "\"%s\":", PICK_OF(d, single));
        make_schema(b, d, depth - 1);
    } else if (kind == 10) {
        buf_addf(b, "\"%s\":", PICK_OF(d, maps));
        make_map(b, d, depth);
    } else if (kind < 1 && roll(d, 4) == 0) {
        buf_addz(b, PICK_OF(d, refs));
    } else if (kind < 3) {
        buf_addz(b, PICK_OF(d, fixed));
    } else if (kind < 5) {
        buf_addf(b, "\"%s\":", PICK_OF(d, single));
        make_schema(b, d, depth - 1);
    } else if (kind < 7) {
        const char *name = PICK_OF(d, lists);
        bool items = d->draft != DRAFT_2020_12 && name == lists[3];
        buf_addf(b, "\"%s\":", items ? "items" : name);
        make_list(b, d, depth);
    } else if (kind < 9) {
        buf_addf(b, "\"%s\":", PICK_OF(d, maps));
        make_map(b, d, depth);
    } else if (roll(d, 2)) {
        buf_addz(b, "\"if\":");
        make_schema(b, d, depth - 1);
        buf_addz(b, ",\"then\":");
        make_schema(b, d, depth - 1);
        buf_addz(b, ",\"else\":");
        make_schema(b, d, depth - 1);
    } else {
        buf_addz(b, "\"patternProperties\":{\"^a\":");
        make_schema(b, d, depth - 1);
        buf_addc(b, '}');
    }
}

static void make_keywords(struct buf *b, struct dice *d, unsigned depth)
{
    for (uint32_t n = 1 + roll(d, 3); n > 0; n--) {
        make_keyword(b, d, depth);
        buf_addz(b, n > 1 ? "," : "");
    }
}

static void make_schema(struct buf *b, struct dice *d, unsigned depth)
{
    uint32_t kind = roll(d, 12);
    if (kind < 2) {
        buf_addz(b, kind ? "true" : "false");
        return;
    }
    buf_addc(b, '{');
    make_keywords(b, d, depth);
    buf_addc(b, '}');
}

/* A document with two resources beside its own, each with a dynamic anchor, so
 * that references have somewhere to go. */
static void make_document(struct buf *b, struct dice *d)
{
    const bool flags[] = { roll(d, 2) == 1, roll(d, 2) == 1, roll(d, 2) == 1 };
    const char *on =
        d->draft == DRAFT_2019_09 ? "\"$recursiveAnchor\":true," : "";
    buf_addf(b, "{\"$id\":\"urn:root\",%s", flags[0] ? on : "");
    make_keywords(b, d, 3);
    buf_addz(b, ",\"$defs\":{\"p\":");
    make_schema(b, d, 1);
    buf_addz(b, ",\"d\":{\"$dynamicAnchor\":\"d\",");
    make_keywords(b, d, 1);
    buf_addf(b, "},\"r\":{\"$id\":\"urn:r\",%s", flags[1] ? on : "");
    make_keywords(b, d, 2);
    buf_addz(b, ",\"$defs\":{\"p\":true,\"q\":");
    make_schema(b, d, 1);
    buf_addz(b, ",\"d\":{\"$dynamicAnchor\":\"d\",");
    make_keywords(b, d, 1);
    buf_addf(b, "}}},\"s\":{\"$id\":\"urn:s\",%s", flags[2] ? on : "");
    make_keywords(b, d, 2);
    buf_addz(b, ",\"$defs\":{\"p\":false,\"n\":{\"$anchor\":\"n\",");
    make_keywords(b, d, 1);
    buf_addz(b, "},\"d\":{\"$dynamicAnchor\":\"d\",");
    make_keywords(b, d, 1);
    buf_addz(b, "}}}}}");
}

/* ---- one against the other */

struct naive_counts {
    unsigned schemas, refused, values, good, quick, lost;
};

/* Compares on one value. False: they differ. */
static bool naive_value(struct schema_run *run, struct naive *w,
                        struct shaper *shaper, struct str text,
                        struct naive_counts *n)
{
    const struct schema_error *errors;
    struct err e = { 0 };
    size_t n_errors;
    json_t *v = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
    const struct scope root = { NULL, w->root, 0 };
    struct seen unused = { 0, 0 };
    w->lost = false;
    w->steps = 0;
    bool want = naive_check(w, w->root, v, &root, &unused);
    bool have = schema_check(run, text, &errors, &n_errors, &e) == 1;
    const struct shaped *at =
        json_is_object(v) ? shaper_next(shaper, text, 0) : NULL;
    bool quick = at && schema_accept(run, at);
    json_decref(v);
    n->values++;
    n->good += have;
    n->quick += quick;
    n->lost += w->lost;
    return (w->lost || want == have) && (!quick || have);
}

/* Makes a document and values, and compares. False where the checkers differ;
 * what they differ on is printed. */
static bool naive_round(struct dice *d, struct naive_counts *n)
{
    static const enum schema_draft drafts[] = { DRAFT_2020_12, DRAFT_2020_12,
                                                DRAFT_2019_09, DRAFT_07 };
    struct buf schema = { 0 }, value = { 0 };
    struct shaper shaper = { 0 };
    struct err e = { 0 };
    bool ok = true;
    d->draft = PICK_OF(d, drafts);
    make_document(&schema, d);
    const struct schema_options o = { .draft = d->draft };
    struct schema *s = schema_compile(buf_str(&schema), "random", &o, &e);
    struct schema_run *run = s ? schema_run_new(s) : NULL;
    n->schemas++;
    n->refused += !s;
    /* Circles that consume nothing, and names that the draft does not have. */
    if (!s && !strstr(e.msg, "itself without an end") &&
        !strstr(e.msg, "leads nowhere") && !strstr(e.msg, "not at hand") &&
        !strstr(e.msg, "in a row")) {
        ok = false;
        printf("# refused: %s\n", e.msg);
    }
    struct naive w = { .draft = d->draft };
    if (run)
        w.root = json_loadb(schema.p, schema.n, 0, NULL);
    for (int i = 0; ok && run && i < 12; i++) {
        buf_reset(&value);
        make_value(&value, d, 3);
        ok = naive_value(run, &w, &shaper, buf_str(&value), n);
    }
    if (!ok)
        printf("# draft %d: %.*s\n# on %.*s\n", (int)d->draft,
               STR_ARG(buf_str(&schema)), STR_ARG(buf_str(&value)));
    json_decref(w.root);
    shaper_free(&shaper);
    schema_run_free(run);
    schema_free(s);
    buf_free(&schema);
    buf_free(&value);
    return ok;
}

#endif
