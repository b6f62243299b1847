#include "evolve/rule_read.h"

#include "schema/schema.h"
#include "schema/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SAME_DEPTH 2000 /* levels and references, for the stack */

int rules_init(struct rules *s, const char *const *dirs, size_t n_dirs,
               struct err *e)
{
    *s = (struct rules){ .arena.max = TREE_MAX_MEMORY };
    s->match = pattern_run_new();
    s->store = store_new(dirs, n_dirs);
    return s->match && s->store ? 0 : err_nomem(e);
}

void rules_free(struct rules *s)
{
    pattern_run_free(s->match);
    pattern_free(s->patterns);
    store_free(s->store);
    free(s->v);
    arena_free(&s->arena);
    *s = (struct rules){ 0 };
}

int rule_fail(struct rule_reader *r, const struct tree *at, const char *fmt,
              ...)
{
    char why[400];
    struct buf where = { .max = 500 };
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    tree_pointer(&where, at);
    const char *place = where.n ? buf_z(&where) : "its root";
    err_set(r->e, ERR_CONFIG, "schema %s at %s: %s", r->doc->name,
            place ? place : "a place too long to name", why);
    buf_free(&where);
    return -1;
}

void *rule_alloc(struct rule_reader *r, size_t n)
{
    void *p = arena_alloc(&r->set->arena, n);
    if (!p) {
        if (r->set->arena.total > TREE_MAX_MEMORY / 2)
            err_set(r->e, ERR_CONFIG, "schema %s has too many parts",
                    r->doc ? r->doc->name : "at hand");
        else
            err_nomem(r->e);
        return NULL;
    }
    memset(p, 0, n);
    return p;
}

struct rule *rule_new(struct rules *s)
{
    struct rule *rule = arena_alloc(&s->arena, sizeof(*rule));
    if (!rule)
        return NULL;
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct rule **v = realloc(s->v, cap * sizeof(struct rule *));
        if (!v)
            return NULL;
        s->v = v;
        s->cap = cap;
    }
    *rule = (struct rule){ .id = (unsigned)s->n, .types = KIND_ANY };
    return s->v[s->n++] = rule;
}

static bool same_text(const struct tree *a, const struct tree *b)
{
    return str_eq(a->raw, b->raw) || tree_equal(a, b);
}

bool rule_same(const struct rule *a, const struct rule *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || !a->tree || !b->tree)
        return false;
    if (a->kind != RULE_SET)
        return true;
    return a->doc->draft == b->doc->draft && !a->refers && !b->refers &&
           same_text(a->tree, b->tree);
}

/* ---- the same, with what references lead to ---- */

static bool same_deep(struct lookup *seen, const struct tree *a,
                      const struct tree *b, unsigned depth);

/* What changes no verdict by itself: annotations, names, and references, whose
 * targets are compared instead. */
static bool says_nothing(struct str key)
{
    static const char *const keys[] = {
        "$schema",   "$id",         "$anchor",     "$comment",
        "$defs",     "definitions", "title",       "description",
        "default",   "examples",    "deprecated",  "readOnly",
        "writeOnly", "$ref",        "$dynamicRef", "$recursiveRef"
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (str_eq(key, str_of(keys[i])))
            return true;
    return false;
}

static bool same_targets(struct lookup *seen, const struct rule *a,
                         const struct rule *b, unsigned depth)
{
    static const char *const names[] = { "$ref", "$dynamicRef",
                                         "$recursiveRef" };
    size_t n = 0, m = 0;
    for (size_t i = 0; i < 3; i++) {
        n += tree_get(a->tree, str_of(names[i])) != NULL;
        m += tree_get(b->tree, str_of(names[i])) != NULL;
    }
    /* Two in one schema, and one that may lead to several places, are not
     * followed. */
    if (n != m || n > 1 || (n && (!a->place->ref || !b->place->ref)))
        return false;
    return n == 0 ||
           same_deep(seen, a->place->ref->tree, b->place->ref->tree, depth);
}

static bool same_members(struct lookup *seen, const struct tree *a,
                         const struct tree *b, unsigned depth)
{
    size_t n = 0, m = 0;
    for (uint32_t i = 0; i < b->n; i++)
        m += !b->rule || !says_nothing(b->keys[i]);
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->rule && says_nothing(a->keys[i]))
            continue;
        const struct tree *other = tree_get(b, a->keys[i]);
        if (!other || !same_deep(seen, &a->v[i], other, depth))
            return false;
        n++;
    }
    return n == m;
}

/* What is under way is taken to be the same. */
static bool same_deep(struct lookup *seen, const struct tree *a,
                      const struct tree *b, unsigned depth)
{
    const struct rule *x = a->rule, *y = b->rule;
    if (depth > SAME_DEPTH || !x != !y || a->type != b->type)
        return false;
    if (x && x->kind == RULE_SET) {
        const struct rule *known = lookup_get(seen, x, lookup_number(0));
        if (known)
            return known == y;
        if (x->doc->draft != y->doc->draft ||
            lookup_put(seen, x, lookup_number(0), (void *)(uintptr_t)y) ||
            !same_targets(seen, x, y, depth + 1))
            return false;
    }
    if (a->type == JSON_OBJECT)
        return same_members(seen, a, b, depth + 1);
    if (a->type != JSON_ARRAY)
        return tree_equal(a, b);
    for (uint32_t i = 0; i < a->n && i < b->n; i++)
        if (!same_deep(seen, &a->v[i], &b->v[i], depth + 1))
            return false;
    return a->n == b->n;
}

bool rule_same_whole(const struct rule *a, const struct rule *b)
{
    struct lookup seen = { 0 };
    if (a == b)
        return true;
    /* One that is made up says less than the schema at its place. */
    if (!a->tree || !b->tree || a->tree->rule != a || b->tree->rule != b)
        return false;
    bool same = same_deep(&seen, a->tree, b->tree, 0);
    lookup_free(&seen);
    return same;
}

bool document_same(const struct document *a, const struct document *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!str_eq(a->root->raw, b->root->raw))
            return false;
    return !a && !b;
}

/* A rule with a reference anywhere in it is not known by its text. */
static bool refers(const struct tree *t)
{
    static const char *const names[] = { "$ref", "$dynamicRef",
                                         "$recursiveRef" };
    for (size_t i = 0; i < 3 && t->type == JSON_OBJECT; i++)
        if (tree_get(t, str_of(names[i])))
            return true;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct rule *rule = t->v[i].rule;
        if (rule ? rule->refers : t->v[i].n && refers(&t->v[i]))
            return true;
    }
    return false;
}

struct rule *rule_of(struct rule_reader *r, struct tree *t)
{
    if (t->rule)
        return t->rule;
    bool logical = (t->type == JSON_TRUE || t->type == JSON_FALSE) &&
                   r->doc->draft != RULE_DRAFT_04;
    if (!logical && t->type != JSON_OBJECT) {
        rule_fail(r, t, "is %s %s, wants a schema",
                  t->type == JSON_ARRAY ? "an" : "a", json_type_name(t->type));
        return NULL;
    }
    struct rule *rule = rule_new(r->set);
    if (!rule) {
        err_nomem(r->e);
        return NULL;
    }
    t->rule = rule;
    rule->doc = r->doc;
    rule->tree = t;
    if (!t->up)
        rule->base = r->doc->uri;
    if (logical) {
        rule->kind = t->type == JSON_TRUE ? RULE_TRUE : RULE_FALSE;
        return rule;
    }
    rule->fallback = tree_get(t, STR("default"));
    if (rule_identify(r, rule, t) || rule_keywords(r, rule))
        return NULL;
    rule->refers = refers(t);
    return rule;
}

unsigned rule_draft_of(struct str uri)
{
    static const struct {
        const char *uri;
        unsigned draft;
    } known[] = {
        { "http://json-schema.org/draft-04/schema", RULE_DRAFT_04 },
        { "http://json-schema.org/draft-06/schema", RULE_DRAFT_06 },
        { "http://json-schema.org/draft-07/schema", RULE_DRAFT_07 },
        { "https://json-schema.org/draft-07/schema", RULE_DRAFT_07 },
        { "https://json-schema.org/draft/2019-09/schema", RULE_DRAFT_2019 },
        { "https://json-schema.org/draft/2020-12/schema", RULE_DRAFT_2020 },
    };
    if (uri.n && uri.p[uri.n - 1] == '#')
        uri.n--;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (str_eq(uri, str_of(known[i].uri)))
            return known[i].draft;
    return 0;
}

static int read_draft(struct rule_reader *r)
{
    const struct tree *t = tree_get(r->doc->root, STR("$schema"));
    r->doc->draft = RULE_DRAFT_2020;
    if (!t)
        return 0;
    unsigned draft = t->type == JSON_STRING ? rule_draft_of(t->text) : 0;
    if (draft) {
        r->doc->draft = draft;
        return 0;
    }
    /* What vocabularies it leaves out would have to be known for a proof. */
    int known = r->set->lenient && t->type == JSON_STRING
                    ? rule_dialect(r, t->text, &r->doc->draft)
                    : 0;
    if (known)
        return known < 0 ? -1 : 0;
    return rule_fail(r, t, "unknown dialect \"%.*s\"",
                     (int)(t->text.n < 200 ? t->text.n : 200), t->text.p);
}

/* ---- cycles ---- */

static int visit(struct rule_reader *r, struct rule *rule, unsigned depth);

static int visit_list(struct rule_reader *r, struct rule *of,
                      const struct rule_list *l, unsigned depth)
{
    for (size_t i = 0; i < l->n; i++) {
        if (visit(r, l->v[i], depth))
            return -1;
        if (of->height <= l->v[i]->height)
            of->height = l->v[i]->height + 1;
    }
    return 0;
}

static int visit_parts(struct rule_reader *r, struct rule *rule, unsigned depth)
{
    struct place_part *p = rule->place;
    if (p) {
        struct rule *single[] = { p->ref, p->negated, p->cond, p->then,
                                  p->otherwise };
        for (size_t i = 0; i < 5; i++) {
            struct rule_list one = { &single[i], single[i] != NULL };
            if (visit_list(r, rule, &one, depth))
                return -1;
        }
        if (visit_list(r, rule, &p->all, depth) ||
            visit_list(r, rule, &p->any, depth) ||
            visit_list(r, rule, &p->one, depth))
            return -1;
    }
    struct object_part *o = rule->object;
    for (size_t i = 0; o && i < o->n_dependents; i++) {
        struct rule_list one = { &o->dependents[i].rule,
                                 o->dependents[i].rule != NULL };
        if (visit_list(r, rule, &one, depth))
            return -1;
    }
    return 0;
}

static int refuse(struct rule_reader *r, const struct rule *rule,
                  const char *why)
{
    r->doc = (struct document *)(uintptr_t)rule->doc;
    return rule_fail(r, rule->tree, "%s", why);
}

/* Walks what applies to one value; coming back means to apply it for ever. */
static int visit(struct rule_reader *r, struct rule *rule, unsigned depth)
{
    if (rule->mark == 2 || rule->kind != RULE_SET)
        return 0;
    if (rule->mark == 1)
        return refuse(r, rule, "refers to itself without an end");
    if (depth > RULE_MAX_CHAIN)
        return refuse(r, rule, "references nest too deep");
    rule->mark = 1;
    if (visit_parts(r, rule, depth + 1))
        return -1;
    rule->mark = 2;
    if (rule->height > RULE_MAX_CHAIN)
        return refuse(r, rule, "references nest too deep");
    return 0;
}

/* ---- documents ---- */

/* A document with nothing read of it but its JSON. */
static struct document *document_new(struct rule_reader *r, struct str text,
                                     const char *name, struct str uri)
{
    struct document *doc = rule_alloc(r, sizeof(*doc));
    struct buf prefix = { 0 };
    if (!doc)
        return NULL;
    doc->name = name;
    doc->uri = arena_dup(&r->set->arena, uri);
    if (r->doc) {
        buf_add_str(&prefix, uri);
        buf_addc(&prefix, '#');
    }
    doc->prefix = arena_dup(&r->set->arena, buf_str(&prefix));
    if (!doc->uri.p || !doc->prefix.p || prefix.failed)
        err_nomem(r->e);
    else
        doc->root = tree_parse(&r->set->arena, text, name, r->e);
    buf_free(&prefix);
    return doc->root ? doc : NULL;
}

struct document *rule_document(struct rule_reader *r, struct str text,
                               const char *name, struct str uri)
{
    struct document *before = r->doc, *doc = document_new(r, text, name, uri);
    if (!doc)
        return NULL;
    if (before) {
        doc->next = r->others;
        r->others = doc;
    }
    r->doc = doc;
    int bad = read_draft(r) || rule_locate(r) ||
              (doc->top = rule_of(r, doc->root)) == NULL;
    if (before)
        r->doc = before;
    return bad ? NULL : doc;
}

struct document *rules_parse(struct rules *s, struct str text, const char *name,
                             const char *base, struct err *e)
{
    struct rule_reader r = { .set = s, .e = e };
    size_t from = s->n;
    struct document *doc =
        rule_document(&r, text, name, str_of(base ? base : ""));
    bool ok = doc && rule_resolve(&r) == 0 &&
              (s->lenient || rule_unevaluated(&r, from) == 0);
    for (size_t i = from; ok && i < s->n; i++)
        ok = visit(&r, s->v[i], 0) == 0;
    if (doc)
        doc->next = r.others;
    lookup_free(&r.by_uri);
    lookup_free(&r.anchors);
    free(r.dynamic);
    free(r.refs.v);
    free(r.later.v);
    return ok ? doc : NULL;
}

int rule_where(struct buf *out, const struct rule *rule)
{
    if (!rule->tree)
        return 0;
    buf_add_str(out, rule->doc->prefix);
    return tree_pointer(out, rule->tree);
}

bool rule_names_have(const struct names *l, struct str key)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(l->v[mid], key);
        if (c == 0)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

struct rule *rule_property(const struct object_part *o, struct str key)
{
    uint32_t i = o->properties ? tree_find(o->properties, key) : UINT32_MAX;
    return i == UINT32_MAX ? NULL : o->property[i];
}

bool rule_pattern_is_all(struct str text)
{
    static const char *const all[] = { "", "^", "$", ".*", "^.*", ".*$" };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (str_eq(text, str_of(all[i])))
            return true;
    return false;
}
