#include "registry/avro_type.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>

#define SCHEMA_DEPTH 200
#define ITEMS_MAX 100000 /* fields, symbols or branches of one type */

struct build {
    struct avro *a;
    const struct avro_type **names; /* of n named types */
    size_t n, cap;
    unsigned depth;
    struct emit m; /* for its fault alone */
};

static const struct avro_type *type_of(struct build *b, const json_t *j,
                                       struct str space);

/* Always NULL. */
static void *no_memory(struct build *b)
{
    b->m.why->code = NULL;
    return NULL;
}

#define BAD(b, ...) ((void)emit_fault(&(b)->m, "bad_schema", __VA_ARGS__), NULL)

static struct str text_of(const json_t *j)
{
    return (struct str){ json_string_value(j), json_string_length(j) };
}

static struct str member(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    return json_is_string(v) ? text_of(v) : (struct str){ "", 0 };
}

static struct avro_type *new_type(struct build *b, enum avro_kind kind,
                                  struct str name)
{
    struct avro_type *t = arena_alloc(&b->a->arena, sizeof(*t));
    if (!t)
        return no_memory(b);
    *t = (struct avro_type){ .kind = kind };
    t->name = arena_dup(&b->a->arena, name);
    return t->name.p ? t : no_memory(b);
}

/* Copies of a buffer's contents in the arena; .p is NULL without memory. */
static struct str keep(struct build *b, struct buf *text)
{
    struct str s = text->failed ? (struct str){ NULL, 0 }
                                : arena_dup(&b->a->arena, buf_str(text));
    buf_free(text);
    return s;
}

/* Appends s as a JSON string; where it is none, text has failed. */
static void quote(struct build *b, struct buf *text, struct str s)
{
    struct emit m = { .out = text, .max = SIZE_MAX, .why = b->m.why };
    if (!emit_text(&m, s))
        text->failed = true;
}

/* What stands before a tagged value. */
static const struct avro_type *with_tag(struct build *b, struct avro_type *t)
{
    struct buf text = { 0 };
    if (!t)
        return NULL;
    quote(b, &text, t->name);
    buf_addc(&text, ':');
    t->tag = keep(b, &text);
    return t->tag.p ? t : no_memory(b);
}

/* ---- names */

/* The namespace of a full name. */
static struct str space_of(struct str name)
{
    while (name.n && name.p[name.n - 1] != '.')
        name.n--;
    if (name.n)
        name.n--;
    return name;
}

/* name as it is in full where the namespace is space; scratch is the
 * caller's. */
static struct str full_name(struct str name, struct str space,
                            struct buf *scratch)
{
    if (!space.n || memchr(name.p, '.', name.n))
        return name;
    buf_reset(scratch);
    buf_addf(scratch, "%.*s.%.*s", STR_ARG(space), STR_ARG(name));
    return buf_str(scratch);
}

static const struct avro_type *find(const struct build *b, struct str name)
{
    for (size_t i = 0; i < b->n; i++)
        if (str_eq(b->names[i]->name, name))
            return b->names[i];
    return NULL;
}

static const struct avro_type *add_name(struct build *b, struct avro_type *t)
{
    if (b->n == AVRO_NAMES_MAX)
        return BAD(b, "more than %d named types", AVRO_NAMES_MAX);
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 16;
        const struct avro_type **v = realloc(b->names, cap * sizeof(*b->names));
        if (!v)
            return no_memory(b);
        b->names = v;
        b->cap = cap;
    }
    return b->names[b->n++] = t;
}

/* A record, enum or fixed, entered under its full name. */
static struct avro_type *named(struct build *b, enum avro_kind kind,
                               const json_t *j, struct str space)
{
    struct buf scratch = { .max = 1 << 20 };
    struct str name = member(j, "name"), own = member(j, "namespace");
    if (!name.n)
        return BAD(b, "a named type without a name");
    /* An empty namespace given is the null namespace. */
    name = full_name(name, json_object_get(j, "namespace") ? own : space,
                     &scratch);
    struct avro_type *t = scratch.failed ? no_memory(b)
                          : find(b, name)
                              ? BAD(b, "'%.*s' is defined twice", STR_ARG(name))
                              : new_type(b, kind, name);
    buf_free(&scratch);
    if (!t || !with_tag(b, t) || !add_name(b, t))
        return NULL;
    return t;
}

/* ---- primitive types, and references by name */

static const char *const primitives[] = {
    "null", "boolean", "int", "long", "float", "double", "bytes", "string"
};
#define N_PRIMITIVES (sizeof(primitives) / sizeof(*primitives))

static const struct avro_type *by_name(struct build *b, struct str name,
                                       struct str space)
{
    struct buf scratch = { .max = 1 << 20 };
    for (size_t i = 0; i < N_PRIMITIVES; i++)
        if (str_eq(name, str_of(primitives[i])))
            return with_tag(b, new_type(b, (enum avro_kind)i, name));
    struct str full = full_name(name, space, &scratch);
    const struct avro_type *t = find(b, full);
    if (scratch.failed)
        no_memory(b);
    else if (!t && !(t = find(b, name)))
        (void)BAD(b, "type '%.*s' is not defined", STR_ARG(full));
    buf_free(&scratch);
    return t;
}

/* ---- logical types: what does not fit its type is ignored, as the
 * specification says */

struct time_type {
    const char *name;
    enum avro_kind on;
    enum avro_logical logical;
    int64_t per_second;
};

static const struct time_type time_types[] = {
    { "date", AVRO_INT, AVRO_DATE, 1 },
    { "time-millis", AVRO_INT, AVRO_CLOCK, 1000 },
    { "time-micros", AVRO_LONG, AVRO_CLOCK, 1000000 },
    { "timestamp-millis", AVRO_LONG, AVRO_TIME, 1000 },
    { "timestamp-micros", AVRO_LONG, AVRO_TIME, 1000000 },
    { "timestamp-nanos", AVRO_LONG, AVRO_TIME, 1000000000 },
    { "local-timestamp-millis", AVRO_LONG, AVRO_LOCAL_TIME, 1000 },
    { "local-timestamp-micros", AVRO_LONG, AVRO_LOCAL_TIME, 1000000 },
    { "local-timestamp-nanos", AVRO_LONG, AVRO_LOCAL_TIME, 1000000000 },
};

/* Digits that every number of so many bytes in two's complement has room for.
 */
static double digits_in(size_t bytes)
{
    return (8 * (double)bytes - 1) * 0.30102999566398119521;
}

static void set_decimal(struct avro_type *t, const json_t *j)
{
    const json_t *scale = json_object_get(j, "scale");
    double digits = json_number_value(json_object_get(j, "precision"));
    double s = json_number_value(scale);
    if (!(digits >= 1 && digits <= INT_MAX && s >= 0 && s <= digits) ||
        (scale && !json_is_number(scale)))
        return;
    if (t->kind == AVRO_FIXED && digits > digits_in(t->size))
        return;
    t->logical = AVRO_DECIMAL;
    t->scale = (int32_t)s;
}

static void set_logical(struct avro_type *t, const json_t *j)
{
    struct str name = member(j, "logicalType");
    bool bytes = t->kind == AVRO_BYTES || t->kind == AVRO_FIXED;
    for (size_t i = 0; i < sizeof(time_types) / sizeof(*time_types); i++) {
        const struct time_type *l = &time_types[i];
        if (t->kind == l->on && str_eq(name, str_of(l->name))) {
            t->logical = l->logical;
            t->per_second = l->per_second;
        }
    }
    if (bytes && str_eq(name, STR("decimal")))
        set_decimal(t, j);
    if (t->kind == AVRO_FIXED && t->size == 16 && str_eq(name, STR("uuid")))
        t->logical = AVRO_UUID;
    if (t->kind == AVRO_FIXED && t->size == 12 && str_eq(name, STR("duration")))
        t->logical = AVRO_DURATION;
}

/* ---- complex types */

static bool count_of(struct build *b, const json_t *list, const char *what,
                     struct str name, size_t *n)
{
    *n = json_array_size(list);
    if (json_is_array(list) && *n <= ITEMS_MAX)
        return true;
    (void)BAD(b, "%s of '%.*s' are not a list of at most %d", what,
              STR_ARG(name), ITEMS_MAX);
    return false;
}

/* What stands before a field's value. */
static struct str lead_of(struct build *b, struct str name, bool first)
{
    struct buf text = { 0 };
    if (!first)
        buf_addc(&text, ',');
    quote(b, &text, name);
    buf_addc(&text, ':');
    return keep(b, &text);
}

static bool field_of(struct build *b, struct avro_type *t, const json_t *j,
                     size_t i)
{
    struct avro_field *f = &t->fields[i];
    struct str name = member(j, "name");
    if (!name.n) {
        (void)BAD(b, "field %zu of '%.*s' has no name", i, STR_ARG(t->name));
        return false;
    }
    f->name = arena_dup(&b->a->arena, name);
    f->lead = lead_of(b, name, i == 0);
    if (!f->name.p || !f->lead.p) {
        no_memory(b);
        return false;
    }
    f->type = type_of(b, json_object_get(j, "type"), space_of(t->name));
    return f->type || emit_within(&b->m, name);
}

static const struct avro_type *record_of(struct build *b, const json_t *j,
                                         struct str space)
{
    const json_t *fields = json_object_get(j, "fields");
    struct avro_type *t = named(b, AVRO_RECORD, j, space);
    size_t n;
    if (!t || !count_of(b, fields, "fields", t->name, &n))
        return NULL;
    t->fields = arena_alloc(&b->a->arena, n * sizeof(*t->fields));
    if (!t->fields)
        return no_memory(b);
    for (size_t i = 0; i < n; i++)
        if (!field_of(b, t, json_array_get(fields, i), i))
            return NULL;
    t->n = n;
    return t;
}

static const struct avro_type *enum_of(struct build *b, const json_t *j,
                                       struct str space)
{
    const json_t *symbols = json_object_get(j, "symbols");
    struct avro_type *t = named(b, AVRO_ENUM, j, space);
    size_t n;
    if (!t || !count_of(b, symbols, "symbols", t->name, &n))
        return NULL;
    t->symbols = arena_alloc(&b->a->arena, n * sizeof(*t->symbols));
    if (!t->symbols)
        return no_memory(b);
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(symbols, i);
        struct buf text = { 0 };
        if (!json_is_string(s))
            return BAD(b, "symbol %zu of '%.*s' is no string", i,
                       STR_ARG(t->name));
        quote(b, &text, text_of(s));
        t->symbols[i] = keep(b, &text);
        if (!t->symbols[i].p)
            return no_memory(b);
    }
    t->n = n;
    return t;
}

static const struct avro_type *fixed_of(struct build *b, const json_t *j,
                                        struct str space)
{
    double size = json_number_value(json_object_get(j, "size"));
    struct avro_type *t = named(b, AVRO_FIXED, j, space);
    if (!t)
        return NULL;
    if (!(size >= 0 && size <= INT_MAX) ||
        !json_is_number(json_object_get(j, "size")))
        return BAD(b, "'%.*s' has no size", STR_ARG(t->name));
    t->size = (size_t)size;
    set_logical(t, j);
    return t;
}

/* An array or a map. */
static const struct avro_type *list_of(struct build *b, enum avro_kind kind,
                                       const json_t *of, struct str space)
{
    struct avro_type *t =
        new_type(b, kind, kind == AVRO_MAP ? STR("map") : STR("array"));
    if (!with_tag(b, t))
        return NULL;
    t->of = arena_alloc(&b->a->arena, sizeof(const struct avro_type *));
    if (!t->of)
        return no_memory(b);
    t->of[0] = type_of(b, of, space);
    return t->of[0] ? t : NULL;
}

static const struct avro_type *union_of(struct build *b, const json_t *list,
                                        struct str space)
{
    struct avro_type *t = new_type(b, AVRO_UNION, STR("union"));
    size_t n;
    if (!t || !count_of(b, list, "branches", t->name, &n))
        return NULL;
    t->of = arena_alloc(&b->a->arena, n * sizeof(const struct avro_type *));
    if (!t->of)
        return no_memory(b);
    for (size_t i = 0; i < n; i++) {
        t->of[i] = type_of(b, json_array_get(list, i), space);
        if (!t->of[i])
            return NULL;
        if (t->of[i]->kind == AVRO_UNION)
            return BAD(b, "a union within a union");
    }
    t->n = n;
    return t;
}

static const struct avro_type *object_type(struct build *b, const json_t *j,
                                           struct str space)
{
    const json_t *type = json_object_get(j, "type");
    if (!json_is_string(type)) /* {"type":{...}} and {"type":[...]} */
        return type_of(b, type, space);
    struct str name = text_of(type);
    if (str_eq(name, STR("record")) || str_eq(name, STR("error")))
        return record_of(b, j, space);
    if (str_eq(name, STR("enum")))
        return enum_of(b, j, space);
    if (str_eq(name, STR("fixed")))
        return fixed_of(b, j, space);
    if (str_eq(name, STR("array")))
        return list_of(b, AVRO_ARRAY, json_object_get(j, "items"), space);
    if (str_eq(name, STR("map")))
        return list_of(b, AVRO_MAP, json_object_get(j, "values"), space);
    for (size_t i = 0; i < N_PRIMITIVES; i++) {
        if (!str_eq(name, str_of(primitives[i])))
            continue;
        struct avro_type *t = new_type(b, (enum avro_kind)i, name);
        if (t)
            set_logical(t, j);
        return with_tag(b, t);
    }
    return by_name(b, name, space);
}

static const struct avro_type *type_of(struct build *b, const json_t *j,
                                       struct str space)
{
    const struct avro_type *t;
    if (++b->depth > SCHEMA_DEPTH)
        return BAD(b, "a schema nested more than %d levels deep", SCHEMA_DEPTH);
    if (json_is_string(j))
        t = by_name(b, text_of(j), space);
    else if (json_is_array(j))
        t = union_of(b, j, space);
    else if (json_is_object(j))
        t = object_type(b, j, space);
    else
        return BAD(b, "a type is missing");
    b->depth--;
    return t;
}

static const struct avro_type *compile(struct build *b, struct str schema)
{
    json_error_t why;
    struct str space = { "", 0 };
    /* Defaults may be numbers of any size; none of them is needed. */
    json_t *j = json_loadb(schema.p, schema.n,
                           JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &why);
    if (!j)
        return BAD(b, "the schema is not JSON: %s", why.text);
    b->depth = 0;
    const struct avro_type *t = type_of(b, j, space);
    json_decref(j);
    return t;
}

int avro_new(struct avro **a, struct str schema, const struct str *before,
             size_t n_before, struct registry_fault *why)
{
    struct avro *new = calloc(1, sizeof(*new));
    struct build b = { .a = new, .m = { .why = why } };
    bool good = new != NULL;
    why->code = NULL;
    for (size_t i = 0; good && i < n_before; i++)
        good = compile(&b, before[i]) != NULL;
    if (good)
        new->top = compile(&b, schema);
    free(b.names);
    if (good && new->top) {
        *a = new;
        return 1;
    }
    avro_free(new);
    return why->code ? 0 : -1;
}

void avro_free(struct avro *a)
{
    if (!a)
        return;
    arena_free(&a->arena);
    free(a);
}
