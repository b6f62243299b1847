/* The columns that a JSON Schema declares, and the approvals of those that it
 * has no more.
 *
 * What matters for columns is read and nothing else: the properties of the
 * root (its $ref within the document and its allOf included), of each the
 * types, and what is required. That a record satisfies the schema is
 * pipe-validate's business. */
#include "load.h"

#include "evolve/drift.h"
#include "evolve/tree.h"
#include "schema/store.h"
#include "json/number.h"
#include "json/path.h"

#include <stdlib.h>

#define NESTED_MAX 32 /* $ref behind $ref, allOf within allOf */
#define COLUMNS_MAX 10000
#define PLACES_MAX 18
#define ANY_TYPE (~0u)

struct reading {
    struct load *l;
    struct tree *root;
    size_t cap;
    struct err *e;
};

static int bad(struct reading *r, const char *why, struct str what)
{
    return err_set(r->e, ERR_CONFIG, "schema '%s': %s '%.*s'",
                   r->l->args->schema, why, (int)(what.n < 200 ? what.n : 200),
                   what.p);
}

/* ---- references */

static struct tree *step(struct tree *at, struct str name)
{
    char key[256];
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < sizeof(key) - 1; i++) {
        if (name.p[i] == '~' && i + 1 < name.n)
            key[n++] = name.p[++i] == '1' ? '/' : '~';
        else
            key[n++] = name.p[i];
    }
    key[n] = '\0';
    if (at->type != JSON_ARRAY)
        return tree_get(at, (struct str){ key, n });
    unsigned long i = strtoul(key, NULL, 10);
    return i < at->n ? &at->v[i] : NULL;
}

/* The schema that s stands for; NULL with e. */
static struct tree *resolve(struct reading *r, struct tree *s)
{
    for (int refs = 0; refs < NESTED_MAX; refs++) {
        struct tree *ref = tree_get(s, STR("$ref"));
        if (!ref || ref->type != JSON_STRING)
            return s;
        struct str to = ref->text;
        if (to.n == 0 || to.p[0] != '#' || (to.n > 1 && to.p[1] != '/')) {
            bad(r, "columns cannot follow the reference", to);
            return NULL;
        }
        const char *p = to.p + 1, *end = to.p + to.n;
        for (s = r->root; s && p < end;) {
            const char *slash = memchr(p + 1, '/', (size_t)(end - p - 1));
            const char *next = slash ? slash : end;
            s = step(s, (struct str){ p + 1, (size_t)(next - p - 1) });
            p = next;
        }
        if (!s) {
            bad(r, "there is nothing at", to);
            return NULL;
        }
    }
    bad(r, "references go round at", STR("$ref"));
    return NULL;
}

/* ---- one column */

/* What values may be, as far as one schema says. */
struct may {
    unsigned types;
    bool integer;
    int places;
    const char *format;
};

static unsigned type_named(struct str name, bool *whole)
{
    static const struct {
        const char *name;
        unsigned types;
    } names[] = {
        { "null", 1u << JSON_NULL },
        { "boolean", 1u << JSON_TRUE | 1u << JSON_FALSE },
        { "number", 1u << JSON_NUMBER },
        { "integer", 1u << JSON_NUMBER },
        { "string", 1u << JSON_STRING },
        { "array", 1u << JSON_ARRAY },
        { "object", 1u << JSON_OBJECT },
    };
    if (str_eq(name, STR("number")))
        *whole = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (str_eq(str_of(names[i].name), name))
            return names[i].types;
    return 0;
}

static void read_value(struct may *m, const struct tree *v)
{
    m->types |= 1u << v->type;
    if (v->type == JSON_NUMBER && !number_is_integer(v->text))
        m->integer = false;
}

static struct may read_types(const struct tree *s)
{
    struct may m = { .types = 0, .integer = true, .places = -1 };
    const struct tree *type = tree_get(s, STR("type"));
    const struct tree *list = tree_get(s, STR("enum"));
    const struct tree *one = tree_get(s, STR("const"));
    if (type && type->type == JSON_STRING)
        m.types = type_named(type->text, &m.integer);
    for (size_t i = 0; type && type->type == JSON_ARRAY && i < type->n; i++)
        m.types |= type_named(type->v[i].text, &m.integer);
    if (!type && one)
        read_value(&m, one);
    for (size_t i = 0; !type && !one && list && i < list->n; i++)
        read_value(&m, &list->v[i]);
    if (m.types == 0)
        m.types = ANY_TYPE;
    return m;
}

static int places_of(struct str number)
{
    int64_t v;
    for (unsigned n = 0; n <= PLACES_MAX; n++)
        if (number_scaled_i64(number, n, &v))
            return (int)n;
    return -1;
}

static int read_schema(struct reading *r, struct tree *s, int depth,
                       struct may *out);

/* What any of several schemas allows. */
static int read_any(struct reading *r, struct tree *of, int depth,
                    struct may *out)
{
    struct may any = { .types = 0, .integer = true, .places = 0 };
    for (size_t i = 0; i < of->n; i++) {
        struct may m;
        if (read_schema(r, &of->v[i], depth + 1, &m))
            return -1;
        any.types |= m.types;
        if (m.types & 1u << JSON_NUMBER) {
            any.integer &= m.integer;
            any.places = m.places < 0 || any.places < 0 ? -1
                         : m.places > any.places        ? m.places
                                                        : any.places;
        }
        if (m.types & 1u << JSON_STRING)
            any.format = m.format;
    }
    out->types &= any.types;
    out->integer = out->types == any.types ? any.integer : out->integer;
    if (out->places < 0 && any.types & 1u << JSON_NUMBER)
        out->places = any.places;
    if (!out->format)
        out->format = any.format;
    return 0;
}

static int read_schema(struct reading *r, struct tree *s, int depth,
                       struct may *out)
{
    *out = (struct may){ .types = ANY_TYPE, .places = -1 };
    if (depth > NESTED_MAX)
        return bad(r, "schemas nest too deep at", STR("anyOf"));
    s = resolve(r, s);
    if (!s)
        return -1;
    if (s->type != JSON_OBJECT)
        return 0;
    *out = read_types(s);
    const struct tree *step_of = tree_get(s, STR("multipleOf"));
    if (step_of && step_of->type == JSON_NUMBER)
        out->places = places_of(step_of->text);
    else if (out->integer && out->types != ANY_TYPE)
        out->places = 0;
    const struct tree *format = tree_get(s, STR("format"));
    if (format && format->type == JSON_STRING)
        out->format = arena_dup(&r->l->schema, format->text).p;
    const struct str unions[] = { STR("anyOf"), STR("oneOf") };
    for (size_t i = 0; i < 2; i++) {
        struct tree *of = tree_get(s, unions[i]);
        if (of && of->type == JSON_ARRAY && of->n &&
            read_any(r, of, depth, out))
            return -1;
    }
    return 0;
}

static struct sink_column *find_column(struct load *l, struct str name)
{
    for (size_t i = 0; i < l->spec.n_columns; i++)
        if (str_eq(l->columns[i].name, name))
            return &l->columns[i];
    return NULL;
}

static int add_column(struct reading *r, struct str name, struct tree *schema)
{
    struct load *l = r->l;
    struct may m;
    if (read_schema(r, schema, 0, &m))
        return -1;
    struct sink_column *c = find_column(l, name);
    if (c) { /* allOf: all of it holds */
        c->types &= m.types;
        c->integer |= m.integer && m.types != ANY_TYPE;
        c->places = m.places >= 0 ? m.places : c->places;
        c->format = m.format ? m.format : c->format;
        return 0;
    }
    if (l->spec.n_columns == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        if (cap > COLUMNS_MAX)
            return bad(r, "too many properties at", name);
        struct sink_column *grown = realloc(l->columns, cap * sizeof(*grown));
        if (!grown)
            return err_nomem(r->e);
        l->columns = grown;
        r->cap = cap;
    }
    l->columns[l->spec.n_columns++] = (struct sink_column){
        .name = arena_dup(&l->schema, name),
        .types = m.types,
        .integer = m.integer && m.types != ANY_TYPE,
        .places = m.places,
        .format = m.format,
    };
    return 0;
}

/* ---- the root */

static int read_properties(struct reading *r, struct tree *s, int depth)
{
    if (depth > NESTED_MAX)
        return bad(r, "schemas nest too deep at", STR("allOf"));
    s = resolve(r, s);
    if (!s)
        return -1;
    const struct tree *of = tree_get(s, STR("properties"));
    for (size_t i = 0; of && of->type == JSON_OBJECT && i < of->n; i++)
        if (add_column(r, of->keys[i], &of->v[i]))
            return -1;
    of = tree_get(s, STR("allOf"));
    for (size_t i = 0; of && of->type == JSON_ARRAY && i < of->n; i++)
        if (read_properties(r, &of->v[i], depth + 1))
            return -1;
    return 0;
}

/* Behind the properties of all. */
static int read_required(struct reading *r, struct tree *s, int depth)
{
    s = depth > NESTED_MAX ? NULL : resolve(r, s);
    if (!s)
        return -1;
    const struct tree *of = tree_get(s, STR("required"));
    for (size_t i = 0; of && of->type == JSON_ARRAY && i < of->n; i++) {
        struct sink_column *c = find_column(r->l, of->v[i].text);
        if (c)
            c->required = true;
    }
    of = tree_get(s, STR("allOf"));
    for (size_t i = 0; of && of->type == JSON_ARRAY && i < of->n; i++)
        if (read_required(r, &of->v[i], depth + 1))
            return -1;
    return 0;
}

static bool is_approved(void *context, struct str column)
{
    const struct load *l = context;
    struct buf pointer = { .max = 65536 };
    bool yes = path_pointer(&pointer, column) == 0 &&
               approvals_have(l->approvals, DRIFT_REMOVE, buf_str(&pointer));
    buf_free(&pointer);
    return yes;
}

static struct tree *load_file(struct load *l, const char *path, struct err *e)
{
    struct buf text = { .max = TREE_MAX_BYTES + 1 };
    struct tree *t = store_read(&text, path, e) == 0
                         ? tree_parse(&l->schema, buf_str(&text), path, e)
                         : NULL;
    buf_free(&text);
    return t;
}

int load_declare(struct load *l, struct err *e)
{
    const struct load_args *a = l->args;
    struct reading r = { .l = l, .e = e };
    if (!a->schema)
        return 0;
    r.root = load_file(l, a->schema, e);
    if (!r.root || read_properties(&r, r.root, 0) ||
        read_required(&r, r.root, 0))
        return -1;
    if (l->spec.n_columns == 0)
        return bad(&r, "declares no columns: there is no", STR("properties"));
    if (a->approve) {
        l->approvals = approvals_load(a->approve, e);
        if (!l->approvals)
            return -1;
    }
    l->spec.columns = l->columns;
    l->spec.approved = is_approved;
    l->spec.approved_context = l;
    return 0;
}

void load_declare_free(struct load *l)
{
    free(l->columns);
    approvals_free(l->approvals);
    arena_free(&l->schema);
}
