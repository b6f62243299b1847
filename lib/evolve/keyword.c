/* keyword: what each keyword of a schema says, read into its rule. */
#include "evolve/rule_read.h"

#include "json/number.h"

#include <stdlib.h>

#define D04 RULE_DRAFT_04
#define D06 RULE_DRAFT_06
#define D07 RULE_DRAFT_07
#define D19 RULE_DRAFT_2019
#define D20 RULE_DRAFT_2020
#define FROM07 (D07 | D19 | D20)
#define FROM06 (D06 | FROM07)
#define ALL (D04 | FROM06)

#define NAMES_SHOWN 100 /* bytes of a value in a message */

static int wrong(struct rule_reader *r, const struct tree *t, const char *want)
{
    int n = t->raw.n < NAMES_SHOWN ? (int)t->raw.n : NAMES_SHOWN;
    bool container = t->type == JSON_ARRAY || t->type == JSON_OBJECT;
    if (container)
        return rule_fail(r, t, "is an %s, wants %s", json_type_name(t->type),
                         want);
    return rule_fail(r, t, "is %.*s, wants %s", n, t->raw.p, want);
}

/* ---- parts, made when a keyword first needs them ---- */

#define PART(name, init)                                                      \
    static struct name##_part *name(struct rule_reader *r, struct rule *rule) \
    {                                                                         \
        if (!rule->name) {                                                    \
            rule->name = rule_alloc(r, sizeof(*rule->name));                  \
            if (rule->name)                                                   \
                *rule->name = (struct name##_part)init;                       \
        }                                                                     \
        return rule->name;                                                    \
    }
#define NONE(...)   \
    {               \
        __VA_ARGS__ \
    }
PART(number, NONE(0))
PART(string, NONE(.max = RULE_NO_MAX))
PART(array,
     NONE(.max = RULE_NO_MAX, .min_contains = 1, .max_contains = RULE_NO_MAX))
PART(object, NONE(.max = RULE_NO_MAX))
PART(place, NONE(0))
#undef PART

/* ---- values of keywords ---- */

static int count_of(struct rule_reader *r, const struct tree *t, uint64_t *to)
{
    int64_t v;
    if (t->type != JSON_NUMBER || !number_is_integer(t->text) ||
        (t->text.p[0] == '-' && !number_parse(t->text).zero))
        return wrong(r, t, "a whole number, 0 or more");
    *to = number_to_i64(t->text, &v) ? (uint64_t)v : RULE_NO_MAX - 1;
    return 0;
}

static int text_of(struct rule_reader *r, const struct tree *t, struct str *to)
{
    if (t->type != JSON_STRING)
        return wrong(r, t, "a string");
    *to = t->text;
    return 0;
}

static int pattern_of(struct rule_reader *r, const struct tree *at,
                      struct str text, struct pattern **to)
{
    struct buf why = { .max = 4096 };
    struct pattern *p = pattern_new(text, r->set->patterns, &why);
    int result = 0;
    if (p)
        *to = r->set->patterns = p;
    else if (why.n)
        result = rule_fail(r, at, "bad regular expression: %s", buf_z(&why));
    else
        result = err_nomem(r->e);
    buf_free(&why);
    return result;
}

static int rule_to(struct rule_reader *r, struct tree *t, struct rule **to)
{
    *to = rule_of(r, t);
    return *to ? 0 : -1;
}

static int list_to(struct rule_reader *r, struct tree *t, struct rule_list *to,
                   bool may_be_empty)
{
    if (t->type != JSON_ARRAY || (t->n == 0 && !may_be_empty))
        return wrong(r, t, "a list of schemas");
    to->v = rule_alloc(r, (t->n + 1) * sizeof(*to->v));
    if (!to->v)
        return -1;
    for (uint32_t i = 0; i < t->n; i++)
        if (rule_to(r, &t->v[i], &to->v[i]))
            return -1;
    to->n = t->n;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int names_to(struct rule_reader *r, const struct tree *t,
                    struct names *to)
{
    if (t->type != JSON_ARRAY)
        return wrong(r, t, "a list of property names");
    to->v = rule_alloc(r, (t->n + 1) * sizeof(*to->v));
    if (!to->v)
        return -1;
    for (uint32_t i = 0; i < t->n; i++)
        if (text_of(r, &t->v[i], &to->v[i]))
            return -1;
    qsort(to->v, t->n, sizeof(*to->v), by_text);
    for (uint32_t i = 0; i < t->n; i++)
        if (to->n == 0 || !str_eq(to->v[to->n - 1], to->v[i]))
            to->v[to->n++] = to->v[i];
    return 0;
}

/* ---- any value ---- */

static int type_of_name(struct rule_reader *r, const struct tree *t,
                        unsigned *bits)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {
        { "null", KIND_NULL },       { "boolean", KIND_BOOLEAN },
        { "integer", KIND_INTEGER }, { "number", KIND_NUMBER },
        { "string", KIND_STRING },   { "array", KIND_ARRAY },
        { "object", KIND_OBJECT },
    };
    if (t->type != JSON_STRING)
        return wrong(r, t, "the name of a type");
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (str_eq(t->text, str_of(types[i].name))) {
            *bits |= types[i].bits;
            return 0;
        }
    int n = t->text.n < NAMES_SHOWN ? (int)t->text.n : NAMES_SHOWN;
    return rule_fail(r, t, "unknown type \"%.*s\"", n, t->text.p);
}

static int read_type(struct rule_reader *r, struct rule *rule, struct tree *t)
{
    rule->types = 0;
    if (t->type != JSON_ARRAY)
        return type_of_name(r, t, &rule->types);
    for (uint32_t i = 0; i < t->n; i++)
        if (type_of_name(r, &t->v[i], &rule->types))
            return -1;
    return t->n ? 0 : wrong(r, t, "at least one type");
}

static int read_enum(struct rule_reader *r, struct rule *rule, struct tree *t)
{
    rule->choices = t;
    return t->type == JSON_ARRAY ? 0 : wrong(r, t, "a list of values");
}

static int read_const(struct rule_reader *r, struct rule *rule, struct tree *t)
{
    (void)r;
    rule->constant = t;
    return 0;
}

/* ---- numbers ---- */

/* Of the two keywords for one side the tighter one counts. */
static void tighten(struct number_part *n)
{
    n->min = n->minimum;
    n->max = n->maximum;
    n->above = n->below = false;
    if (n->exclusive_minimum.p &&
        (!n->min.p || number_cmp(n->exclusive_minimum, n->min) >= 0)) {
        n->min = n->exclusive_minimum;
        n->above = true;
    }
    if (n->exclusive_maximum.p &&
        (!n->max.p || number_cmp(n->exclusive_maximum, n->max) <= 0)) {
        n->max = n->exclusive_maximum;
        n->below = true;
    }
}

#define BOUND(name, field)                                                    \
    static int name(struct rule_reader *r, struct rule *rule, struct tree *t) \
    {                                                                         \
        struct number_part *n = number(r, rule);                              \
        if (t->type != JSON_NUMBER)                                           \
            return wrong(r, t, "a number");                                   \
        if (!n)                                                               \
            return -1;                                                        \
        n->field = t->text;                                                   \
        tighten(n);                                                           \
        return 0;                                                             \
    }
BOUND(read_minimum, minimum)
BOUND(read_maximum, maximum)
BOUND(read_above, exclusive_minimum)
BOUND(read_below, exclusive_maximum)
#undef BOUND

/* In draft-04 they are true or false and change the bound beside them. */
static int read_exclusive(struct rule_reader *r, struct rule *rule,
                          struct tree *t, bool above)
{
    struct number_part *n = number(r, rule);
    if (t->type != JSON_TRUE && t->type != JSON_FALSE)
        return wrong(r, t, "true or false");
    if (!n)
        return -1;
    if (t->type == JSON_TRUE && above) {
        n->exclusive_minimum = n->minimum;
        n->minimum.p = NULL;
    } else if (t->type == JSON_TRUE) {
        n->exclusive_maximum = n->maximum;
        n->maximum.p = NULL;
    }
    tighten(n);
    return 0;
}

static int read_exclusive_minimum(struct rule_reader *r, struct rule *rule,
                                  struct tree *t)
{
    return r->doc->draft == D04 ? read_exclusive(r, rule, t, true)
                                : read_above(r, rule, t);
}

static int read_exclusive_maximum(struct rule_reader *r, struct rule *rule,
                                  struct tree *t)
{
    return r->doc->draft == D04 ? read_exclusive(r, rule, t, false)
                                : read_below(r, rule, t);
}

static int read_multiple(struct rule_reader *r, struct rule *rule,
                         struct tree *t)
{
    struct number_part *n = number(r, rule);
    if (t->type != JSON_NUMBER || number_cmp(t->text, STR("0")) <= 0)
        return wrong(r, t, "a number above 0");
    if (n)
        n->multiple = t->text;
    return n ? 0 : -1;
}

/* ---- strings, and plain values of the other parts ---- */

#define VALUE(name, part, reader_of, field)                                   \
    static int name(struct rule_reader *r, struct rule *rule, struct tree *t) \
    {                                                                         \
        struct part##_part *p = part(r, rule);                                \
        return p ? reader_of(r, t, &p->field) : -1;                           \
    }
VALUE(read_min_length, string, count_of, min)
VALUE(read_max_length, string, count_of, max)
VALUE(read_format, string, text_of, format)
VALUE(read_encoding, string, text_of, encoding)
VALUE(read_media, string, text_of, media)
VALUE(read_min_items, array, count_of, min)
VALUE(read_max_items, array, count_of, max)
VALUE(read_contains, array, rule_to, contains)
VALUE(read_min_contains, array, count_of, min_contains)
VALUE(read_max_contains, array, count_of, max_contains)
VALUE(read_min_properties, object, count_of, min)
VALUE(read_max_properties, object, count_of, max)
VALUE(read_required, object, names_to, required)
VALUE(read_property_names, object, rule_to, names)
VALUE(read_not, place, rule_to, negated)
VALUE(read_if, place, rule_to, cond)
VALUE(read_then, place, rule_to, then)
VALUE(read_else, place, rule_to, otherwise)
#undef VALUE

static int read_pattern(struct rule_reader *r, struct rule *rule,
                        struct tree *t)
{
    struct string_part *s = string(r, rule);
    if (!s || text_of(r, t, &s->pattern_text))
        return -1;
    return pattern_of(r, t, s->pattern_text, &s->pattern);
}

#define LIST(name, field)                                                     \
    static int name(struct rule_reader *r, struct rule *rule, struct tree *t) \
    {                                                                         \
        struct place_part *p = place(r, rule);                                \
        return p ? list_to(r, t, &p->field, false) : -1;                      \
    }
LIST(read_all_of, all)
LIST(read_any_of, any)
LIST(read_one_of, one)
#undef LIST

/* ---- arrays ---- */

static int rest_to(struct rule_reader *r, struct rule *rule, struct tree *t,
                   const char *name)
{
    struct array_part *a = array(r, rule);
    if (!a)
        return -1;
    a->rest_name = name;
    return rule_to(r, t, &a->rest);
}

static int prefix_to(struct rule_reader *r, struct rule *rule, struct tree *t,
                     const char *name)
{
    struct array_part *a = array(r, rule);
    if (!a)
        return -1;
    a->prefix_name = name;
    return list_to(r, t, &a->prefix, true);
}

static int read_prefix_items(struct rule_reader *r, struct rule *rule,
                             struct tree *t)
{
    return prefix_to(r, rule, t, "prefixItems");
}

static int read_items(struct rule_reader *r, struct rule *rule, struct tree *t)
{
    if (t->type != JSON_ARRAY)
        return rest_to(r, rule, t, "items");
    if (r->doc->draft == D20)
        return rule_fail(r, t,
                         "wants a schema; a list of them is prefixItems, or "
                         "needs the $schema of draft-07 or 2019-09");
    return prefix_to(r, rule, t, "items");
}

/* It has a meaning only beside a list of items. */
static int read_additional_items(struct rule_reader *r, struct rule *rule,
                                 struct tree *t)
{
    const struct tree *items = tree_get(rule->tree, STR("items"));
    struct rule *unused;
    if (!items || items->type != JSON_ARRAY)
        return rule_to(r, t, &unused);
    return rest_to(r, rule, t, "additionalItems");
}

static int read_unique(struct rule_reader *r, struct rule *rule, struct tree *t)
{
    struct array_part *a = array(r, rule);
    if (t->type != JSON_TRUE && t->type != JSON_FALSE)
        return wrong(r, t, "true or false");
    if (a)
        a->unique = t->type == JSON_TRUE;
    return a ? 0 : -1;
}

/* ---- objects ---- */

static int read_properties(struct rule_reader *r, struct rule *rule,
                           struct tree *t)
{
    struct object_part *o = object(r, rule);
    if (t->type != JSON_OBJECT)
        return wrong(r, t, "an object of schemas");
    if (!o)
        return -1;
    o->property = rule_alloc(r, (t->n + 1) * sizeof(struct rule *));
    for (uint32_t i = 0; o->property && i < t->n; i++)
        if (rule_to(r, &t->v[i], &o->property[i]))
            return -1;
    o->properties = t;
    return o->property ? 0 : -1;
}

static int read_pattern_properties(struct rule_reader *r, struct rule *rule,
                                   struct tree *t)
{
    struct object_part *o = object(r, rule);
    if (t->type != JSON_OBJECT)
        return wrong(r, t, "an object of schemas");
    if (!o)
        return -1;
    o->patterns = rule_alloc(r, (t->n + 1) * sizeof(*o->patterns));
    for (uint32_t i = 0; o->patterns && i < t->n; i++) {
        struct pattern_part *p = &o->patterns[i];
        p->text = t->keys[i];
        if (pattern_of(r, &t->v[i], p->text, &p->pattern) ||
            rule_to(r, &t->v[i], &p->rule))
            return -1;
        o->n_patterns++;
    }
    return o->patterns ? 0 : -1;
}

static int read_additional(struct rule_reader *r, struct rule *rule,
                           struct tree *t)
{
    struct object_part *o = object(r, rule);
    if (!o)
        return -1;
    o->additional_name = "additionalProperties";
    return rule_to(r, t, &o->additional);
}

static int dependents(struct rule_reader *r, struct rule *rule, struct tree *t,
                      const char *keyword, bool lists, bool schemas)
{
    struct object_part *o = object(r, rule);
    if (t->type != JSON_OBJECT)
        return wrong(r, t, "an object");
    if (!o)
        return -1;
    struct dependent *v =
        rule_alloc(r, (o->n_dependents + t->n + 1) * sizeof(*v));
    if (!v)
        return -1;
    if (o->n_dependents)
        memcpy(v, o->dependents, o->n_dependents * sizeof(*v));
    o->dependents = v;
    for (uint32_t i = 0; i < t->n; i++) {
        struct dependent d = { .key = t->keys[i], .keyword = keyword };
        bool list = lists && (!schemas || t->v[i].type == JSON_ARRAY);
        if (list ? names_to(r, &t->v[i], &d.names)
                 : rule_to(r, &t->v[i], &d.rule))
            return -1;
        v[o->n_dependents++] = d;
    }
    return 0;
}

static int read_dependent_required(struct rule_reader *r, struct rule *rule,
                                   struct tree *t)
{
    return dependents(r, rule, t, "dependentRequired", true, false);
}

static int read_dependent_schemas(struct rule_reader *r, struct rule *rule,
                                  struct tree *t)
{
    return dependents(r, rule, t, "dependentSchemas", false, true);
}

static int read_dependencies(struct rule_reader *r, struct rule *rule,
                             struct tree *t)
{
    return dependents(r, rule, t, "dependencies", true, true);
}

/* ---- references and definitions ---- */

static int read_ref(struct rule_reader *r, struct rule *rule, struct tree *t)
{
    return place(r, rule) ? rule_refer(r, rule, t, false, false) : -1;
}

static int read_dynamic_ref(struct rule_reader *r, struct rule *rule,
                            struct tree *t)
{
    return place(r, rule) ? rule_refer(r, rule, t, true, false) : -1;
}

static int read_recursive_ref(struct rule_reader *r, struct rule *rule,
                              struct tree *t)
{
    return place(r, rule) ? rule_refer(r, rule, t, false, true) : -1;
}

static int read_definitions(struct rule_reader *r, struct rule *rule,
                            struct tree *t)
{
    (void)rule;
    if (t->type != JSON_OBJECT)
        return wrong(r, t, "an object of schemas");
    for (uint32_t i = 0; i < t->n; i++)
        if (!rule_of(r, &t->v[i]))
            return -1;
    return 0;
}

/* ---- unevaluated* ---- */

/* True where other schemas may have evaluated members of the same value. */
static bool has_company(const struct rule *rule)
{
    if (rule->place)
        return true;
    for (size_t i = 0; rule->object && i < rule->object->n_dependents; i++)
        if (rule->object->dependents[i].rule)
            return true;
    return false;
}

/* Without company unevaluated* is additional*, and nothing where that is there
 * too. With it, we pass. */
static int read_unevaluated(struct rule_reader *r, struct rule *rule)
{
    struct tree *items = tree_get(rule->tree, STR("unevaluatedItems"));
    struct tree *props = tree_get(rule->tree, STR("unevaluatedProperties"));
    struct rule *unused;
    if ((items && rule_to(r, items, &unused)) ||
        (props && rule_to(r, props, &unused)))
        return -1;
    if (items && items->type != JSON_TRUE &&
        !(rule->array && rule->array->rest)) {
        if (has_company(rule) || (rule->array && rule->array->contains))
            rule->opaque = "unevaluatedItems";
        else if (rest_to(r, rule, items, "unevaluatedItems"))
            return -1;
    }
    if (props && props->type != JSON_TRUE &&
        !(rule->object && rule->object->additional)) {
        if (has_company(rule))
            rule->opaque = "unevaluatedProperties";
        else if (read_additional(r, rule, props))
            return -1;
        else
            rule->object->additional_name = "unevaluatedProperties";
    }
    return 0;
}

/* ---- the table ---- */

static const struct {
    const char *name;
    unsigned drafts;
    int (*read)(struct rule_reader *r, struct rule *rule, struct tree *t);
} keywords[] = {
    { "$defs", ALL, read_definitions },
    { "definitions", ALL, read_definitions },
    { "$ref", ALL, read_ref },
    { "$dynamicRef", D20, read_dynamic_ref },
    { "$recursiveRef", D19, read_recursive_ref },
    { "type", ALL, read_type },
    { "enum", ALL, read_enum },
    { "const", FROM06, read_const },
    { "minimum", ALL, read_minimum },
    { "maximum", ALL, read_maximum },
    { "exclusiveMinimum", ALL, read_exclusive_minimum },
    { "exclusiveMaximum", ALL, read_exclusive_maximum },
    { "multipleOf", ALL, read_multiple },
    { "minLength", ALL, read_min_length },
    { "maxLength", ALL, read_max_length },
    { "pattern", ALL, read_pattern },
    { "format", ALL, read_format },
    { "contentEncoding", FROM07, read_encoding },
    { "contentMediaType", FROM07, read_media },
    { "prefixItems", D20, read_prefix_items },
    { "items", ALL, read_items },
    { "additionalItems", ALL & ~(unsigned)D20, read_additional_items },
    { "minItems", ALL, read_min_items },
    { "maxItems", ALL, read_max_items },
    { "uniqueItems", ALL, read_unique },
    { "contains", FROM06, read_contains },
    { "minContains", D19 | D20, read_min_contains },
    { "maxContains", D19 | D20, read_max_contains },
    { "properties", ALL, read_properties },
    { "required", ALL, read_required },
    { "patternProperties", ALL, read_pattern_properties },
    { "additionalProperties", ALL, read_additional },
    { "propertyNames", FROM06, read_property_names },
    { "minProperties", ALL, read_min_properties },
    { "maxProperties", ALL, read_max_properties },
    { "dependentRequired", D19 | D20, read_dependent_required },
    { "dependentSchemas", D19 | D20, read_dependent_schemas },
    { "dependencies", ALL, read_dependencies },
    { "allOf", ALL, read_all_of },
    { "anyOf", ALL, read_any_of },
    { "oneOf", ALL, read_one_of },
    { "not", ALL, read_not },
    { "if", FROM07, read_if },
    { "then", FROM07, read_then },
    { "else", FROM07, read_else },
};

int rule_keywords(struct rule_reader *r, struct rule *rule)
{
    const struct tree *t = rule->tree;
    /* In draft-07 a reference hides all that stands beside it. */
    bool lone = r->doc->draft & RULE_DRAFTS_OLD && tree_get(t, STR("$ref"));
    size_t n = lone ? 3 : sizeof(keywords) / sizeof(*keywords);
    for (size_t i = 0; i < n; i++) {
        struct tree *v = tree_get(t, str_of(keywords[i].name));
        if (v && keywords[i].drafts & r->doc->draft &&
            keywords[i].read(r, rule, v))
            return -1;
    }
    if (lone)
        rule->fallback = NULL;
    return r->doc->draft & RULE_DRAFTS_OLD ? 0 : read_unevaluated(r, rule);
}
