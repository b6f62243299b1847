#include "schema/compile.h"

#include "json/number.h"

#define D07 (1u << DRAFT_07)
#define D19 (1u << DRAFT_2019_09)
#define D20 (1u << DRAFT_2020_12)
#define ALL (D07 | D19 | D20)

/* Each reader below takes a keyword's value v, that stands at `at`, and puts
 * what it says to `to`: a field of the node or of one of its parts, as the
 * table at the end lays down. 0 or -1. */

static int wrong(struct frame *f, const struct where *at, const char *wants)
{
    return compile_fail(f->c, at, "wants %s", wants);
}

static size_t array_size(struct val v)
{
    struct json_iter it = json_iter(v.raw);
    struct val e;
    size_t n = 0;
    while (json_next(&it, NULL, &e))
        n++;
    return n;
}

/* A count: a whole number from 0 on, 2.0 too. Beyond what any record can hold
 * it is cut. */
static int count_in(struct frame *f, struct val v, const struct where *at,
                    void *to)
{
    const int64_t most = (int64_t)1 << 48;
    int64_t i = most;
    if (v.type != JSON_NUMBER || !number_is_integer(v.raw) ||
        number_cmp(v.raw, STR("0")) < 0)
        return wrong(f, at, "a whole number, 0 or more");
    *(uint64_t *)to =
        number_to_i64(v.raw, &i) && i < most ? (uint64_t)i : (uint64_t)most;
    return 0;
}

/* The text of a bound. Exponents farther out than this are not told apart. */
static int bound_in(struct frame *f, struct val v, const struct where *at,
                    struct str *text)
{
    const int64_t most = 100000000000;
    struct number n = number_parse(v.raw);
    if (n.adjusted > most || n.adjusted < -most)
        return compile_fail(f->c, at, "is out of range");
    *text = arena_dup(&f->c->s->arena, v.raw);
    return text->p ? 0 : compile_nomem(f->c);
}

static int limit_in(struct frame *f, struct val v, const struct where *at,
                    void *to)
{
    struct str text;
    if (v.type != JSON_NUMBER)
        return wrong(f, at, "a number");
    if (bound_in(f, v, at, &text))
        return -1;
    *(struct limit *)to = limit_of(text);
    return 0;
}

static int multiple_in(struct frame *f, struct val v, const struct where *at,
                       void *to)
{
    struct str text;
    if (v.type != JSON_NUMBER || number_cmp(v.raw, STR("0")) <= 0)
        return wrong(f, at, "a number greater than 0");
    if (bound_in(f, v, at, &text))
        return -1;
    return multiple_of(to, text)
               ? 0
               : compile_fail(f->c, at, "has more than %d significant digits",
                              MULTIPLE_DIGITS);
}

static int flag_in(struct frame *f, struct val v, const struct where *at,
                   void *to)
{
    if (v.type != JSON_TRUE && v.type != JSON_FALSE)
        return wrong(f, at, "true or false");
    *(bool *)to = v.type == JSON_TRUE;
    return 0;
}

static int text_in(struct frame *f, struct val v, const struct where *at,
                   void *to)
{
    if (v.type != JSON_STRING)
        return wrong(f, at, "a string");
    return compile_text(f->c, (struct str){ v.raw.p + 1, v.raw.n - 2 }, to);
}

static int schema_in(struct frame *f, struct val v, const struct where *at,
                     void *to)
{
    const struct node *n = compile_schema(f->c, v, at, f->context);
    *(const struct node **)to = n;
    return n ? 0 : -1;
}

static int list_in(struct frame *f, struct val v, const struct where *at,
                   void *to)
{
    struct node_list *l = to;
    struct json_iter it;
    struct val e;
    if (v.type != JSON_ARRAY || array_size(v) == 0)
        return wrong(f, at, "a list of schemas, at least one");
    l->n = array_size(v);
    l->v = compile_alloc(f->c, l->n * sizeof(*l->v));
    if (!l->v)
        return -1;
    it = json_iter(v.raw);
    for (size_t i = 0; json_next(&it, NULL, &e); i++) {
        struct where here = { .up = at, .kind = WHERE_INDEX, .index = i };
        if (schema_in(f, e, &here, &l->v[i]))
            return -1;
    }
    return 0;
}

/* Schemas kept for $ref: compiled, so that what is wrong in them shows; of
 * other documents only what is used. */
static int defs_in(struct frame *f, struct val v, const struct where *at,
                   void *to)
{
    struct json_iter it = json_iter(v.raw);
    struct str key;
    struct val e;
    const struct node *n;
    (void)to;
    if (v.type != JSON_OBJECT)
        return wrong(f, at, "an object of schemas");
    while (json_next(&it, &key, &e)) {
        struct where here = { .up = at, .kind = WHERE_KEY, .key = key };
        if (f->c->doc->main && !compile_is_done(f->c, e) &&
            schema_in(f, e, &here, &n))
            return -1;
    }
    return 0;
}

static int any_ref_in(struct frame *f, enum ref_kind kind, struct val v,
                      const struct where *at, void *to)
{
    struct str text;
    if (text_in(f, v, at, &text))
        return -1;
    return compile_ref(f, kind, text, to, at);
}

static int ref_in(struct frame *f, struct val v, const struct where *at,
                  void *to)
{
    return any_ref_in(f, REF_PLAIN, v, at, to);
}

static int dynamic_ref_in(struct frame *f, struct val v, const struct where *at,
                          void *to)
{
    return any_ref_in(f, REF_DYNAMIC, v, at, to);
}

static int recursive_ref_in(struct frame *f, struct val v,
                            const struct where *at, void *to)
{
    return any_ref_in(f, REF_RECURSIVE, v, at, to);
}

static unsigned type_bits(struct str name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {
        { "null", TYPE_BIT(JSON_NULL) },     { "boolean", TYPE_BOOLEAN },
        { "number", TYPE_NUMBER },           { "integer", TYPE_INTEGER },
        { "string", TYPE_BIT(JSON_STRING) }, { "array", TYPE_BIT(JSON_ARRAY) },
        { "object", TYPE_BIT(JSON_OBJECT) },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (str_eq(name, str_of(types[i].name)))
            return types[i].bits;
    return 0;
}

static int type_in(struct frame *f, struct val v, const struct where *at,
                   void *to)
{
    struct json_iter it = json_iter(v.raw);
    struct val e = v;
    bool list = v.type == JSON_ARRAY;
    unsigned types = 0;
    while (!list || json_next(&it, NULL, &e)) {
        struct str name;
        if (text_in(f, e, at, &name))
            return -1;
        unsigned bits = type_bits(name);
        if (!bits)
            return compile_fail(f->c, at, "unknown type \"%.*s\"",
                                STR_ARG(name));
        types |= bits;
        if (!list)
            break;
    }
    *(unsigned *)to = types;
    return types ? 0 : wrong(f, at, "at least one type");
}

static int values_in(struct frame *f, struct val v, bool single,
                     const struct where *at, void *to)
{
    bool bad;
    struct values *s = values_new(&f->c->s->arena, v, single, &bad);
    if (!s && bad)
        return compile_fail(f->c, at, "holds a number that is out of range");
    *(struct values **)to = s;
    return s ? 0 : compile_nomem(f->c);
}

static int enum_in(struct frame *f, struct val v, const struct where *at,
                   void *to)
{
    if (v.type != JSON_ARRAY)
        return wrong(f, at, "a list of values");
    return values_in(f, v, false, at, to);
}

static int const_in(struct frame *f, struct val v, const struct where *at,
                    void *to)
{
    return values_in(f, v, true, at, to);
}

static int compile_pattern(struct frame *f, struct str text,
                           const struct where *at, struct pattern **out)
{
    struct buf why = { .max = 4096 };
    struct schema *s = f->c->s;
    struct pattern *p = pattern_new(text, s->patterns, &why);
    int r = 0;
    if (p)
        *out = s->patterns = p;
    else if (why.n)
        r = compile_fail(f->c, at, "bad regular expression: %s", buf_z(&why));
    else
        r = compile_nomem(f->c);
    buf_free(&why);
    return r;
}

static int pattern_in(struct frame *f, struct val v, const struct where *at,
                      void *to)
{
    struct string_rules *u = to;
    struct pattern *p;
    if (text_in(f, v, at, &u->pattern_text) ||
        compile_pattern(f, u->pattern_text, at, &p))
        return -1;
    u->pattern = p;
    return 0;
}

static int format_in(struct frame *f, struct val v, const struct where *at,
                     void *to)
{
    struct str name;
    if (text_in(f, v, at, &name))
        return -1;
    enum format format = format_find(name);
    if (format == FORMAT_NONE)
        compile_note(f->c, at, "format \"%.*s\" is not checked", STR_ARG(name));
    if (f->c->format_assertion || f->dialect->asserts_formats)
        *(enum format *)to = format;
    return 0;
}

/* ---- arrays ---- */

/* The schema of what stands behind a prefix. */
static int rest_in(struct frame *f, struct val v, const struct where *at,
                   struct array_rules *u)
{
    if (v.type != JSON_FALSE)
        return schema_in(f, v, at, &u->rest);
    u->rest =
        compile_false(f->c, at, "additional_item", "is one item too many");
    return u->rest ? 0 : -1;
}

static int items_in(struct frame *f, struct val v, const struct where *at,
                    void *to)
{
    struct array_rules *u = to;
    if (v.type != JSON_ARRAY)
        return rest_in(f, v, at, u);
    if (f->dialect->draft == DRAFT_2020_12)
        return compile_fail(f->c, at,
                            "wants a schema; a list of them is prefixItems, or "
                            "needs the $schema of draft-07 or 2019-09");
    return array_size(v) ? list_in(f, v, at, &u->prefix) : 0;
}

static int contains_in(struct frame *f, struct val v, const struct where *at,
                       void *to)
{
    struct array_rules *u = to;
    u->contains_evaluates = f->dialect->draft == DRAFT_2020_12;
    return schema_in(f, v, at, &u->contains);
}

static int additional_items_in(struct frame *f, struct val v,
                               const struct where *at, void *to)
{
    const struct node *unused;
    if (f->v[KW_ITEMS].type == JSON_ARRAY)
        return rest_in(f, v, at, to);
    return schema_in(f, v, at, &unused);
}

/* ---- objects ---- */

static int properties_in(struct frame *f, struct val v, const struct where *at,
                         void *to)
{
    struct object_rules *u = to;
    struct json_iter it = json_iter(v.raw);
    struct str key;
    struct val e;
    if (v.type != JSON_OBJECT)
        return wrong(f, at, "an object of schemas");
    while (json_next(&it, &key, &e)) {
        struct where here = { .up = at, .kind = WHERE_KEY, .key = key };
        uint32_t i = prop_add(f->c, u, key);
        if (i == NO_PROP || schema_in(f, e, &here, &u->props[i].schema))
            return -1;
    }
    return 0;
}

/* A list of property names, as indexes. */
static int names_in(struct frame *f, struct val v, const struct where *at,
                    struct object_rules *u, struct needs *out)
{
    struct json_iter it = json_iter(v.raw);
    struct val e;
    if (v.type != JSON_ARRAY)
        return wrong(f, at, "a list of property names");
    out->n = 0;
    out->v = compile_alloc(f->c, array_size(v) * sizeof(*out->v));
    if (!out->v)
        return -1;
    while (json_next(&it, NULL, &e)) {
        if (e.type != JSON_STRING)
            return wrong(f, at, "a list of property names");
        uint32_t i =
            prop_add(f->c, u, (struct str){ e.raw.p + 1, e.raw.n - 2 });
        if (i == NO_PROP)
            return -1;
        out->v[out->n++] = i;
    }
    return 0;
}

static int required_in(struct frame *f, struct val v, const struct where *at,
                       void *to)
{
    struct object_rules *u = to;
    struct needs names;
    if (names_in(f, v, at, u, &names))
        return -1;
    for (size_t i = 0; i < names.n; i++)
        u->props[names.v[i]].required = true;
    return 0;
}

static int pattern_properties_in(struct frame *f, struct val v,
                                 const struct where *at, void *to)
{
    struct object_rules *u = to;
    struct json_iter it = json_iter(v.raw);
    struct str key;
    struct val e;
    if (v.type != JSON_OBJECT)
        return wrong(f, at, "an object of schemas");
    u->patterns = compile_alloc(f->c, array_size(v) * sizeof(*u->patterns));
    if (!u->patterns)
        return -1;
    while (json_next(&it, &key, &e)) {
        struct where here = { .up = at, .kind = WHERE_KEY, .key = key };
        struct str text;
        size_t i = 0;
        if (compile_text(f->c, key, &text))
            return -1;
        while (i < u->n_patterns && !str_eq(u->patterns[i].text, text))
            i++;
        u->patterns[i].text = text;
        if (compile_pattern(f, text, &here, &u->patterns[i].pattern) ||
            schema_in(f, e, &here, &u->patterns[i].schema))
            return -1;
        u->n_patterns += i == u->n_patterns;
    }
    return 0;
}

static int additional_properties_in(struct frame *f, struct val v,
                                    const struct where *at, void *to)
{
    if (v.type != JSON_FALSE)
        return schema_in(f, v, at, to);
    const struct node *n =
        compile_false(f->c, at, "additional_property", "is not in the schema");
    *(const struct node **)to = n;
    return n ? 0 : -1;
}

/* What is left when all other keywords have been looked at. */
static int unevaluated_in(struct frame *f, struct val v, const struct where *at,
                          void *to)
{
    if (v.type != JSON_FALSE)
        return schema_in(f, v, at, to);
    bool items = str_eq(at->key, STR("unevaluatedItems"));
    const struct node *n = compile_false(
        f->c, at, items ? "unevaluated_item" : "unevaluated_property",
        items ? "is one item too many" : "is not in the schema");
    *(const struct node **)to = n;
    return n ? 0 : -1;
}

/* What the presence of a property asks for: a list of names or a schema. Slot
 * 1 is for dependencies, 0 for its successors, since all may stand together. */
static int dependents_in(struct frame *f, struct val v, const struct where *at,
                         struct object_rules *u, int slot, bool lists,
                         bool schemas)
{
    struct json_iter it = json_iter(v.raw);
    struct str key;
    struct val e;
    if (v.type != JSON_OBJECT)
        return wrong(f, at, "an object");
    u->linked = true;
    while (json_next(&it, &key, &e)) {
        struct where here = { .up = at, .kind = WHERE_KEY, .key = key };
        struct needs needs = { 0 };
        const struct node *n = NULL;
        uint32_t i = prop_add(f->c, u, key);
        if (i == NO_PROP)
            return -1;
        if (lists && (!schemas || e.type == JSON_ARRAY)
                ? names_in(f, e, &here, u, &needs)
                : schema_in(f, e, &here, &n))
            return -1;
        if (lists)
            u->props[i].needs[slot] = needs;
        if (schemas)
            u->props[i].dependent[slot] = n;
    }
    return 0;
}

static int dependent_required_in(struct frame *f, struct val v,
                                 const struct where *at, void *to)
{
    return dependents_in(f, v, at, to, 0, true, false);
}

static int dependent_schemas_in(struct frame *f, struct val v,
                                const struct where *at, void *to)
{
    return dependents_in(f, v, at, to, 0, false, true);
}

static int dependencies_in(struct frame *f, struct val v,
                           const struct where *at, void *to)
{
    return dependents_in(f, v, at, to, 1, true, true);
}

/* ---- the table ---- */

enum part { NODE, NUMBER, STRING, ARRAY, OBJECT, IN_PLACE, UNEVALUATED };

static const struct row {
    const char *name;
    unsigned drafts; /* that know the keyword */
    enum part part;
    size_t offset; /* of what the reader fills */
    int (*read)(struct frame *f, struct val v, const struct where *at,
                void *to);
} rows[KW_N] = {
#define ROW(part, type, field, read) part, offsetof(struct type, field), read
#define IN_NODE(field, read) ROW(NODE, node, field, read)
#define IN_NUMBER(field, read) ROW(NUMBER, number_rules, field, read)
#define IN_STRING(field, read) ROW(STRING, string_rules, field, read)
#define IN_ARRAY(field, read) ROW(ARRAY, array_rules, field, read)
#define IN_OBJECT(field, read) ROW(OBJECT, object_rules, field, read)
#define IN_PLACE(field, read) ROW(IN_PLACE, in_place, field, read)
#define REST(field, read) ROW(UNEVALUATED, unevaluated, field, read)
    [KW_REF] = { "$ref", ALL, IN_PLACE(ref, ref_in) },
    [KW_DYNAMIC_REF] = { "$dynamicRef", D20,
                         IN_PLACE(dynamic, dynamic_ref_in) },
    [KW_RECURSIVE_REF] = { "$recursiveRef", D19,
                           IN_PLACE(dynamic, recursive_ref_in) },
    [KW_TYPE] = { "type", ALL, IN_NODE(types, type_in) },
    [KW_ENUM] = { "enum", ALL, IN_NODE(choices, enum_in) },
    [KW_CONST] = { "const", ALL, IN_NODE(constant, const_in) },
    [KW_MINIMUM] = { "minimum", ALL, IN_NUMBER(min, limit_in) },
    [KW_MAXIMUM] = { "maximum", ALL, IN_NUMBER(max, limit_in) },
    [KW_EXCLUSIVE_MINIMUM] = { "exclusiveMinimum", ALL,
                               IN_NUMBER(above, limit_in) },
    [KW_EXCLUSIVE_MAXIMUM] = { "exclusiveMaximum", ALL,
                               IN_NUMBER(below, limit_in) },
    [KW_MULTIPLE_OF] = { "multipleOf", ALL, IN_NUMBER(multiple, multiple_in) },
    [KW_MIN_LENGTH] = { "minLength", ALL, IN_STRING(min, count_in) },
    [KW_MAX_LENGTH] = { "maxLength", ALL, IN_STRING(max, count_in) },
    [KW_PATTERN] = { "pattern", ALL, STRING, 0, pattern_in },
    [KW_FORMAT] = { "format", ALL, IN_STRING(format, format_in) },
    [KW_PREFIX_ITEMS] = { "prefixItems", D20, IN_ARRAY(prefix, list_in) },
    [KW_ITEMS] = { "items", ALL, ARRAY, 0, items_in },
    [KW_ADDITIONAL_ITEMS] = { "additionalItems", D07 | D19, ARRAY, 0,
                              additional_items_in },
    [KW_MIN_ITEMS] = { "minItems", ALL, IN_ARRAY(min, count_in) },
    [KW_MAX_ITEMS] = { "maxItems", ALL, IN_ARRAY(max, count_in) },
    [KW_UNIQUE_ITEMS] = { "uniqueItems", ALL, IN_ARRAY(unique, flag_in) },
    [KW_CONTAINS] = { "contains", ALL, ARRAY, 0, contains_in },
    [KW_MIN_CONTAINS] = { "minContains", D19 | D20,
                          IN_ARRAY(min_contains, count_in) },
    [KW_MAX_CONTAINS] = { "maxContains", D19 | D20,
                          IN_ARRAY(max_contains, count_in) },
    [KW_PROPERTIES] = { "properties", ALL, OBJECT, 0, properties_in },
    [KW_REQUIRED] = { "required", ALL, OBJECT, 0, required_in },
    [KW_PATTERN_PROPERTIES] = { "patternProperties", ALL, OBJECT, 0,
                                pattern_properties_in },
    [KW_ADDITIONAL_PROPERTIES] = { "additionalProperties", ALL,
                                   IN_OBJECT(additional,
                                             additional_properties_in) },
    [KW_PROPERTY_NAMES] = { "propertyNames", ALL, IN_OBJECT(names, schema_in) },
    [KW_MIN_PROPERTIES] = { "minProperties", ALL, IN_OBJECT(min, count_in) },
    [KW_MAX_PROPERTIES] = { "maxProperties", ALL, IN_OBJECT(max, count_in) },
    [KW_DEPENDENT_REQUIRED] = { "dependentRequired", D19 | D20, OBJECT, 0,
                                dependent_required_in },
    [KW_DEPENDENT_SCHEMAS] = { "dependentSchemas", D19 | D20, OBJECT, 0,
                               dependent_schemas_in },
    [KW_DEPENDENCIES] = { "dependencies", ALL, OBJECT, 0, dependencies_in },
    [KW_ALL_OF] = { "allOf", ALL, IN_PLACE(all, list_in) },
    [KW_ANY_OF] = { "anyOf", ALL, IN_PLACE(any, list_in) },
    [KW_ONE_OF] = { "oneOf", ALL, IN_PLACE(one, list_in) },
    [KW_NOT] = { "not", ALL, IN_PLACE(negated, schema_in) },
    [KW_IF] = { "if", ALL, IN_PLACE(cond, schema_in) },
    [KW_THEN] = { "then", ALL, IN_PLACE(then, schema_in) },
    [KW_ELSE] = { "else", ALL, IN_PLACE(otherwise, schema_in) },
    [KW_UNEVALUATED_ITEMS] = { "unevaluatedItems", D19 | D20,
                               REST(items, unevaluated_in) },
    [KW_UNEVALUATED_PROPERTIES] = { "unevaluatedProperties", D19 | D20,
                                    REST(properties, unevaluated_in) },
    [KW_DEFS] = { "$defs", ALL, NODE, 0, defs_in },
    [KW_DEFINITIONS] = { "definitions", ALL, NODE, 0, defs_in },
};

/* The part of f's node, made at the first call with "no limit" in it. NULL: no
 * memory. */
static void *part_of(struct frame *f, enum part part)
{
    struct node *n = f->n;
#define MAKE(field) (n->field = compile_alloc(f->c, sizeof(*n->field)))
    switch (part) {
    case NODE: return n;
    case NUMBER: return n->number ? n->number : MAKE(number);
    case IN_PLACE: return n->in_place ? n->in_place : MAKE(in_place);
    case UNEVALUATED:
        return n->unevaluated ? n->unevaluated : MAKE(unevaluated);
    case STRING:
        if (!n->string && MAKE(string))
            n->string->max = NO_LIMIT;
        return n->string;
    case ARRAY:
        if (!n->array && MAKE(array)) {
            n->array->max = n->array->max_contains = NO_LIMIT;
            n->array->min_contains = 1;
        }
        return n->array;
    case OBJECT:
        if (!n->object && MAKE(object))
            n->object->max = NO_LIMIT;
        return n->object;
    }
#undef MAKE
    return NULL;
}

int keyword_compile(struct frame *f, enum keyword k)
{
    const struct row *row = &rows[k];
    struct where at = { .up = f->at,
                        .kind = WHERE_KEY,
                        .key = str_of(row->name) };
    char *part = part_of(f, row->part);
    return part ? row->read(f, f->v[k], &at, part + row->offset) : -1;
}

const char *keyword_name(enum keyword k, unsigned *drafts)
{
    *drafts = rows[k].drafts;
    return rows[k].name;
}
