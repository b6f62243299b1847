#include "evolve/rule_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int rules_init(struct rules *s, struct err *e)
{
    *s = (struct rules){ .arena.max = TREE_MAX_MEMORY };
    s->match = pattern_run_new();
    return s->match ? 0 : err_nomem(e);
}

void rules_free(struct rules *s)
{
    pattern_run_free(s->match);
    pattern_free(s->patterns);
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
                    r->doc->name);
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

static int read_draft(struct rule_reader *r)
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
    const struct tree *t = tree_get(r->doc->root, STR("$schema"));
    r->doc->draft = RULE_DRAFT_2020;
    if (!t)
        return 0;
    struct str uri = t->text;
    if (uri.n && uri.p[uri.n - 1] == '#')
        uri.n--;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (t->type == JSON_STRING && str_eq(uri, str_of(known[i].uri))) {
            r->doc->draft = known[i].draft;
            return 0;
        }
    return rule_fail(r, t, "unknown dialect \"%.*s\"",
                     (int)(uri.n < 200 ? uri.n : 200), uri.p);
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

/* Walks what applies to one value; coming back means to apply it for ever. */
static int visit(struct rule_reader *r, struct rule *rule, unsigned depth)
{
    if (rule->mark == 2 || rule->kind != RULE_SET)
        return 0;
    if (rule->mark == 1)
        return rule_fail(r, rule->tree, "refers to itself without an end");
    if (depth > RULE_MAX_CHAIN)
        return rule_fail(r, rule->tree, "references nest too deep");
    rule->mark = 1;
    if (visit_parts(r, rule, depth + 1))
        return -1;
    rule->mark = 2;
    if (rule->height > RULE_MAX_CHAIN)
        return rule_fail(r, rule->tree, "references nest too deep");
    return 0;
}

static struct document *read_document(struct rules *s, struct tree *root,
                                      const char *name, struct err *e)
{
    struct document *doc = arena_alloc(&s->arena, sizeof(*doc));
    struct rule_reader r = { .set = s, .doc = doc, .e = e };
    if (!doc) {
        err_nomem(e);
        return NULL;
    }
    *doc = (struct document){ .name = name, .root = root };
    size_t from = s->n;
    bool ok = read_draft(&r) == 0 && (doc->top = rule_of(&r, root)) != NULL &&
              rule_resolve(&r) == 0;
    for (size_t i = from; ok && i < s->n; i++)
        ok = visit(&r, s->v[i], 0) == 0;
    free(r.pending);
    free(doc->anchors);
    free(doc->bases);
    doc->anchors = NULL;
    doc->bases = NULL;
    return ok ? doc : NULL;
}

struct document *rules_load(struct rules *s, const char *path, struct err *e)
{
    struct tree *root = tree_load(&s->arena, path, e);
    return root ? read_document(s, root, path, e) : NULL;
}

struct document *rules_parse(struct rules *s, struct str text, const char *name,
                             struct err *e)
{
    struct tree *root = tree_parse(&s->arena, text, name, e);
    return root ? read_document(s, root, name, e) : NULL;
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
