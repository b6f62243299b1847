/* unevaluated: unevaluatedProperties beside $ref and allOf, said by other
 * means.
 *
 * Where nothing that applies to the object is an alternative, the properties
 * that are left over are those that no schema in place names: so the keyword is
 * additionalProperties beside all these names. Where one of the schemas has
 * additionalProperties itself, nothing is left over. */
#include "evolve/rule_read.h"

#include <stdlib.h>

#define PARTS_MAX 200
#define NAMES_MAX 20000
#define KEYWORD "unevaluatedProperties"

struct gather {
    const struct rule *of;
    const struct rule *v[PARTS_MAX];
    size_t n, names, patterns;
    bool nothing_left; /* somebody says something of all properties */
    bool beyond;       /* alternatives, or too much of it */
};

static void add(struct gather *g, const struct rule *rule)
{
    if (!rule || rule->kind != RULE_SET)
        return;
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i] == rule)
            return;
    if (g->n == PARTS_MAX)
        g->beyond = true;
    else
        g->v[g->n++] = rule;
}

static void add_all(struct gather *g, const struct rule *rule)
{
    const struct place_part *at = rule->place;
    const struct object_part *o = rule->object;
    const struct tree *own = tree_get(rule->tree, STR(KEYWORD));
    if (own && rule != g->of && !(rule->doc->draft & RULE_DRAFTS_OLD))
        g->nothing_left = true; /* what it leaves over, it takes itself */
    else if (rule->opaque && rule != g->of)
        g->beyond = true;
    if (at) {
        g->beyond |= at->any.n || at->one.n || at->cond;
        add(g, at->ref);
        for (size_t i = 0; i < at->all.n; i++)
            add(g, at->all.v[i]);
    }
    if (!o)
        return;
    for (size_t i = 0; i < o->n_dependents; i++)
        g->beyond |= o->dependents[i].rule != NULL;
    g->nothing_left |= o->additional != NULL;
    g->names += o->properties ? o->properties->n : 0;
    g->patterns += o->n_patterns;
}

/* The names as an object's; NULL with r->e filled. */
static struct tree *names_of(struct rule_reader *r, const struct gather *g)
{
    struct str *keys = rule_alloc(r, (g->names + 1) * sizeof(*keys));
    size_t n = 0;
    for (size_t i = 0; keys && i < g->n; i++) {
        const struct object_part *o = g->v[i]->object;
        const struct tree *t = o ? o->properties : NULL;
        for (uint32_t k = 0; t && k < t->n; k++)
            keys[n++] = t->keys[k];
    }
    struct tree *t = keys ? tree_names(&r->set->arena, keys, n) : NULL;
    if (keys && !t)
        err_nomem(r->e);
    return t;
}

static struct pattern_part *patterns_of(struct rule_reader *r,
                                        const struct gather *g,
                                        struct rule *anything)
{
    struct pattern_part *v = rule_alloc(r, (g->patterns + 1) * sizeof(*v));
    size_t n = 0;
    for (size_t i = 0; v && i < g->n; i++) {
        const struct object_part *o = g->v[i]->object;
        for (size_t k = 0; o && k < o->n_patterns; k++, n++) {
            v[n] = o->patterns[k];
            v[n].rule = anything;
        }
    }
    return v;
}

/* A rule that says of all other properties what the keyword says. */
static struct rule *closing(struct rule_reader *r, const struct gather *g,
                            struct rule *rest)
{
    struct rule *rule = rule_new(r->set), *anything = rule_new(r->set);
    struct object_part *o = rule_alloc(r, sizeof(*o));
    struct tree *names = names_of(r, g);
    if (!rule || !anything || !o || !names) {
        if (!r->e->code)
            err_nomem(r->e);
        return NULL;
    }
    anything->kind = RULE_TRUE;
    anything->doc = rule->doc = g->of->doc;
    rule->tree = g->of->tree; /* for its place; it says less than that */
    rule->refers = true;
    rule->object = o;
    o->max = RULE_NO_MAX;
    o->properties = names;
    o->property = rule_alloc(r, (names->n + 1) * sizeof(struct rule *));
    o->patterns = patterns_of(r, g, anything);
    o->n_patterns = g->patterns;
    o->additional = rest;
    o->additional_name = KEYWORD;
    for (uint32_t i = 0; o->property && i < names->n; i++)
        o->property[i] = anything;
    return o->property && o->patterns ? rule : NULL;
}

static int translate(struct rule_reader *r, struct rule *rule)
{
    struct gather g = { .of = rule };
    const struct tree *t = tree_get(rule->tree, STR(KEYWORD));
    add(&g, rule);
    for (size_t i = 0; i < g.n && !g.beyond; i++)
        add_all(&g, g.v[i]);
    if (g.beyond || g.names > NAMES_MAX || !t || !t->rule || !rule->place)
        return 0;
    if (!g.nothing_left) {
        struct rule *more = closing(r, &g, t->rule);
        if (!more || rule_also(r, rule, more))
            return -1;
    }
    /* Of the two keywords only the last was kept. */
    const struct tree *items = tree_get(rule->tree, STR("unevaluatedItems"));
    bool left = items && items->type != JSON_TRUE &&
                !(rule->array && rule->array->rest);
    rule->opaque = left ? "unevaluatedItems" : NULL;
    return 0;
}

int rule_unevaluated(struct rule_reader *r, size_t from)
{
    const size_t n = r->set->n;
    for (size_t i = from; i < n; i++) {
        struct rule *rule = r->set->v[i];
        if (!rule->opaque || strcmp(rule->opaque, KEYWORD) != 0)
            continue;
        r->doc = (struct document *)(uintptr_t)rule->doc;
        if (translate(r, rule))
            return -1;
    }
    return 0;
}
