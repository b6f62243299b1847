#include "evolve/view.h"

struct collect {
    const struct rule *v[VIEW_RULES];
    size_t n;
};

static void collect(struct collect *c, const struct rule *r)
{
    if (!r || c->n == VIEW_RULES)
        return;
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i] == r)
            return;
    c->v[c->n++] = r;
}

static void collect_list(struct collect *c, const struct rule_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        collect(c, l->v[i]);
}

static void collect_sure(struct collect *c, size_t i)
{
    for (; i < c->n; i++) {
        const struct place_part *at = c->v[i]->place;
        if (!at)
            continue;
        collect(c, at->ref);
        collect_list(c, &at->all);
    }
}

static void collect_others(struct collect *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct place_part *at = c->v[i]->place;
        const struct object_part *o = c->v[i]->object;
        size_t n = c->n;
        if (at) {
            collect_list(c, &at->any);
            collect_list(c, &at->one);
            collect(c, at->cond);
            collect(c, at->then);
            collect(c, at->otherwise);
        }
        for (size_t k = 0; o && k < o->n_dependents; k++)
            collect(c, o->dependents[k].rule);
        collect_sure(c, n);
    }
}

int view_of(struct arena *a, const struct rule *const *rules, size_t n,
            struct view *out)
{
    struct collect c = { .n = 0 };
    for (size_t i = 0; i < n; i++)
        collect(&c, rules[i]);
    collect_sure(&c, 0);
    size_t sure = c.n;
    collect_others(&c);
    const struct rule **v = arena_alloc(a, (c.n + 1) * sizeof(struct rule *));
    if (!v)
        return -1;
    if (c.n)
        memcpy(v, c.v, c.n * sizeof(*v));
    *out = (struct view){ v, c.n, sure };
    return 0;
}

static void collect_member(struct collect *c, const struct object_part *o,
                           struct str key, struct pattern_run *match,
                           bool *named)
{
    const struct rule *own = rule_property(o, key);
    bool matched = own != NULL;
    collect(c, own);
    for (size_t i = 0; i < o->n_patterns; i++)
        if (pattern_match(o->patterns[i].pattern, match, key) > 0) {
            matched = true;
            collect(c, o->patterns[i].rule);
        }
    for (size_t i = 0; i < o->n_dependents && !*named; i++)
        *named = str_eq(o->dependents[i].key, key) ||
                 rule_names_have(&o->dependents[i].names, key);
    *named = *named || matched || rule_names_have(&o->required, key);
    if (matched || !o->additional || o->additional->kind != RULE_SET)
        return;
    *named = true;
    collect(c, o->additional);
}

int view_member(struct arena *a, const struct view *of, struct str key,
                bool sure, struct pattern_run *match, struct view *out,
                bool *named)
{
    struct collect c = { .n = 0 };
    *named = false;
    for (size_t i = 0; i < (sure ? of->sure : of->n); i++)
        if (of->v[i]->object)
            collect_member(&c, of->v[i]->object, key, match, named);
    return view_of(a, c.v, c.n, out);
}

int view_items(struct arena *a, const struct view *of, struct view *out)
{
    struct collect c = { .n = 0 };
    for (size_t i = 0; i < of->n; i++) {
        const struct array_part *p = of->v[i]->array;
        if (!p)
            continue;
        collect_list(&c, &p->prefix);
        collect(&c, p->rest);
        collect(&c, p->contains);
    }
    return view_of(a, c.v, c.n, out);
}

bool view_names(const struct view *v)
{
    bool named = false;
    for (size_t i = 0; i < v->n; i++) {
        const struct rule *r = v->v[i];
        if (r->opaque && strcmp(r->opaque, "$ref") == 0)
            return false; /* what it leads to may name more */
        named = named || (r->object && r->object->properties &&
                          r->object->properties->n);
    }
    return named;
}
