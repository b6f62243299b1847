/* choice: what b says by other schemas: $ref, allOf, anyOf, oneOf, not, if. */
#include "evolve/prove.h"

#include <stdlib.h>

#define CASES_MAX 48    /* of one schema's contrary */
#define BRANCHES_MAX 24 /* whose leftovers are followed */
#define CLOSEST_MAX 2   /* alternatives within each other, for a report */

/* ---- contraries ---- */

static struct rule *made_up(struct prover *p)
{
    struct rule *r = rule_new(p->set);
    if (!r)
        p->gave_up = p->nomem = true;
    return r;
}

static void *part(struct prover *p, const void *from, size_t n)
{
    void *to = arena_alloc(&p->set->arena, n);
    if (!to)
        p->gave_up = true;
    else if (from)
        memcpy(to, from, n);
    else
        memset(to, 0, n);
    return to;
}

struct rule *contrary_of(struct prover *p, const struct rule *b)
{
    struct rule *own = p->set->v[b->id], *r = own->contrary;
    if (r)
        return r;
    r = made_up(p);
    struct place_part *at = r ? part(p, NULL, sizeof(*at)) : NULL;
    if (!at)
        return NULL;
    at->negated = own;
    r->place = at;
    return own->contrary = r;
}

/* Cases that together hold all that does not fit a rule. */
struct cases {
    struct prover *p;
    struct rule **v;
    size_t n;
    bool full;
};

static struct rule *add_case(struct cases *k, unsigned types)
{
    struct rule *r = k->n < CASES_MAX ? made_up(k->p) : NULL;
    if (!r) {
        k->full = true;
        return NULL;
    }
    r->types = types;
    return k->v[k->n++] = r;
}

/* Values of these types that do not fit what `copy` says of them. */
static struct rule *add_not(struct cases *k, unsigned types)
{
    struct rule *r = add_case(k, types);
    struct rule *copy = r ? made_up(k->p) : NULL;
    struct rule *not_so = copy ? contrary_of(k->p, copy) : NULL;
    if (!not_so)
        return NULL;
    r->place = not_so->place;
    return copy;
}

static void add_number_cases(struct cases *k, const struct rule *b)
{
    const struct number_part *n = b->number;
    struct rule *r;
    if (n->min.p && (r = add_case(k, KIND_NUMBER)) != NULL) {
        r->number = part(k->p, NULL, sizeof(*n));
        if (r->number)
            *r->number = (struct number_part){
                .max = n->min,
                .below = !n->above,
                .maximum = n->above ? n->min : FOUND_NOTHING,
                .exclusive_maximum = n->above ? FOUND_NOTHING : n->min,
            };
    }
    if (n->max.p && (r = add_case(k, KIND_NUMBER)) != NULL) {
        r->number = part(k->p, NULL, sizeof(*n));
        if (r->number)
            *r->number = (struct number_part){
                .min = n->max,
                .above = !n->below,
                .minimum = n->below ? n->max : FOUND_NOTHING,
                .exclusive_minimum = n->below ? FOUND_NOTHING : n->max,
            };
    }
    if (n->multiple.p && (r = add_not(k, KIND_NUMBER)) != NULL) {
        r->number = part(k->p, NULL, sizeof(*n));
        if (r->number)
            r->number->multiple = n->multiple;
    }
}

static void add_string_cases(struct cases *k, const struct rule *b)
{
    const struct string_part *s = b->string;
    struct rule *r;
    if (s->min && (r = add_case(k, KIND_STRING)) != NULL &&
        (r->string = part(k->p, NULL, sizeof(*s))) != NULL)
        r->string->max = s->min - 1;
    if (s->max != RULE_NO_MAX && (r = add_case(k, KIND_STRING)) != NULL &&
        (r->string = part(k->p, NULL, sizeof(*s))) != NULL) {
        r->string->max = RULE_NO_MAX;
        r->string->min = s->max + 1;
    }
    if ((s->pattern || s->format.p || s->encoding.p || s->media.p) &&
        (r = add_not(k, KIND_STRING)) != NULL &&
        (r->string = part(k->p, s, sizeof(*s))) != NULL) {
        r->string->min = 0;
        r->string->max = RULE_NO_MAX;
    }
}

static struct rule *require(struct cases *k, struct str key, struct rule *value)
{
    struct rule *r = add_case(k, KIND_OBJECT);
    struct object_part *o = r ? part(k->p, NULL, sizeof(*o)) : NULL;
    struct tree *t = o ? part(k->p, NULL, 2 * sizeof(*t)) : NULL;
    struct str *keys = t ? part(k->p, NULL, sizeof(*keys)) : NULL;
    struct rule **v = keys ? part(k->p, NULL, sizeof(struct rule *)) : NULL;
    if (!v || !value)
        return NULL;
    keys[0] = key;
    t[0] =
        (struct tree){ .type = JSON_OBJECT, .n = 1, .v = &t[1], .keys = keys };
    v[0] = value;
    *o = (struct object_part){ .properties = t,
                               .property = v,
                               .max = RULE_NO_MAX };
    r->object = o;
    return r;
}

/* One property is there and is not what it should be; one is missing; or it
 * is something else. */
static void add_object_cases(struct cases *k, const struct rule *b)
{
    const struct object_part *o = b->object;
    uint32_t n = o->properties ? o->properties->n : 0;
    struct rule *r;
    if (n + o->required.n > CASES_MAX) {
        k->full = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct str *key = &o->properties->keys[i];
        if (o->property[i]->kind == RULE_TRUE)
            continue;
        r = require(k, *key, contrary_of(k->p, o->property[i]));
        if (r)
            r->object->required = (struct names){ key, 1 };
    }
    for (size_t i = 0; i < o->required.n; i++)
        require(k, o->required.v[i], k->p->nothing);
    if ((o->n_patterns || o->additional || o->names || o->min ||
         o->max != RULE_NO_MAX || o->n_dependents) &&
        (r = add_not(k, KIND_OBJECT)) != NULL &&
        (r->object = part(k->p, o, sizeof(*o))) != NULL)
        r->object->required = (struct names){ NULL, 0 };
}

static void add_cases(struct cases *k, const struct rule *b)
{
    struct rule *r;
    if (b->kind == RULE_FALSE)
        k->full = true; /* its contrary is everything */
    if (b->kind != RULE_SET)
        return;
    if (b->types != KIND_ANY)
        add_case(k, KIND_ANY & ~b->types);
    if ((b->choices || b->constant) && (r = add_not(k, KIND_ANY)) != NULL) {
        r->choices = b->choices;
        r->constant = b->constant;
    }
    if (b->number)
        add_number_cases(k, b);
    if (b->string)
        add_string_cases(k, b);
    if (b->array && (r = add_not(k, KIND_ARRAY)) != NULL)
        r->array = b->array;
    if (b->object)
        add_object_cases(k, b);
    if (b->opaque)
        k->full = true;
    if (!b->place)
        return;
    const struct place_part *at = b->place;
    if (at->ref)
        add_cases(k, at->ref);
    for (size_t i = 0; i < at->all.n; i++)
        add_cases(k, at->all.v[i]);
    if (at->negated)
        k->v[k->n < CASES_MAX ? k->n++ : 0] = at->negated;
    if ((at->any.n || at->one.n || at->cond) &&
        (r = add_not(k, KIND_ANY)) != NULL &&
        (r->place = part(k->p, at, sizeof(*at))) != NULL) {
        r->place->ref = r->place->negated = NULL;
        r->place->all = (struct rule_list){ NULL, 0 };
    }
}

struct rule_list prover_cases(struct prover *p, const struct rule *b)
{
    struct rule *own = p->set->v[b->id];
    if (!own->negation) {
        struct cases k = { .p = p };
        k.v = part(p, NULL, (CASES_MAX + 1) * sizeof(struct rule *));
        if (!k.v)
            return (struct rule_list){ NULL, 0 };
        add_cases(&k, b);
        if (k.full || k.n == CASES_MAX) {
            k.v[0] = contrary_of(p, b);
            k.n = 1;
        }
        own->negation = k.v;
        own->n_negation = k.n;
    }
    return (struct rule_list){ own->negation, own->n_negation };
}

/* ---- anyOf ---- */

/* True if what of a does not fit the first of l fits the others together. */
static bool leftover(struct prover *p, struct rule_set a,
                     const struct rule_list *l, size_t i)
{
    if (i + 1 == l->n)
        return prove_quiet(p, a, l->v[i]);
    struct rule_list cases = prover_cases(p, l->v[i]);
    for (size_t k = 0; k < cases.n; k++) {
        struct pool_mark mark = pool_mark(&p->pool);
        struct rule_set left = set_with(p, a, cases.v[k]);
        bool ok = prover_spend(p, 1) &&
                  (prove_empty(p, left) || leftover(p, left, l, i + 1));
        pool_release(&p->pool, mark);
        if (!ok)
            return false;
    }
    return !p->gave_up;
}

/* Findings of the branch that came closest: with the fewest, if it was not the
 * type or a constant that was wrong. */
static bool report_closest(struct prover *p, struct conj *c,
                           const struct rule *b, const struct rule_list *l,
                           const char *keyword)
{
    size_t from = p->n_found, best_n = SIZE_MAX;
    const struct rule *best = NULL;
    if (p->quiet)
        return false;
    bool look = l->n <= BRANCHES_MAX && p->closest < CLOSEST_MAX;
    p->closest++;
    for (size_t i = 0; look && i < l->n; i++) {
        size_t lost = p->lost;
        prove_set(p, c->set, l->v[i]);
        size_t n = p->n_found - from;
        bool other = n == 0 || p->lost > lost;
        for (size_t k = from; k < p->n_found; k++) {
            const struct finding *f = &p->found[k];
            const char *kw = f->rule == l->v[i] && f->keyword ? f->keyword : "";
            other = other || strcmp(kw, "type") == 0 || (*kw && !f->had.p) ||
                    strcmp(kw, "enum") == 0 || strcmp(kw, "const") == 0;
        }
        if (!other && n < best_n) {
            best_n = n;
            best = l->v[i];
        }
        p->n_found = from;
        prover_unreport(p);
    }
    bool few = best && best_n <= 3;
    if (few)
        prove_set(p, c->set, best);
    p->closest--;
    if (few)
        return false;
    return prover_found(
        p, (struct finding){ .rule = b, .keyword = keyword, .disjoint = true });
}

static bool prove_any(struct prover *p, struct conj *c, const struct rule *b,
                      const struct rule_list *l, const char *keyword)
{
    for (size_t i = 0; i < l->n; i++)
        if (prove_quiet(p, c->set, l->v[i]))
            return true;
    if (l->n > 1 && l->n <= BRANCHES_MAX && p->splits < PROVE_SPLITS) {
        p->splits++;
        bool ok = leftover(p, c->set, l, 0);
        p->splits--;
        if (ok)
            return true;
    }
    /* A list of one is as good as that one. */
    if (l->n == 1)
        return prove_set(p, c->set, l->v[0]);
    return report_closest(p, c, b, l, keyword);
}

static bool equal(struct prover *p, struct rule *a, struct rule *b)
{
    return rule_same(a, b) || (prove_quiet(p, set_of(p, &a, 1), b) &&
                               prove_quiet(p, set_of(p, &b, 1), a));
}

/* True if the two lists are one, schema by schema, in any order. */
static bool same_list(struct prover *p, const struct rule_list *a,
                      const struct rule_list *b)
{
    bool used[BRANCHES_MAX] = { false };
    if (a->n != b->n || a->n > BRANCHES_MAX)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        size_t k = i;
        size_t tries = 0;
        while (tries < b->n && (used[k] || !equal(p, a->v[i], b->v[k]))) {
            k = k + 1 < b->n ? k + 1 : 0;
            tries++;
        }
        if (tries == b->n)
            return false;
        used[k] = true;
    }
    return !p->gave_up;
}

/* Exactly one: at least one, and no two at once; or the left side says so. */
static bool prove_one(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct rule_list *l = &b->place->one;
    for (size_t i = 0; i < c->n; i++)
        if (c->flat[i]->place && same_list(p, &c->flat[i]->place->one, l))
            return true;
    if (!prove_any(p, c, b, l, "oneOf"))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        struct rule_set a = set_with(p, c->set, l->v[i]);
        for (size_t k = i + 1; k < l->n && prover_spend(p, 1); k++)
            if (!prove_empty(p, set_with(p, a, l->v[k])))
                return prover_found(p, (struct finding){ .rule = b,
                                                         .keyword = "oneOf",
                                                         .detail = STR("twice"),
                                                         .disjoint = true });
    }
    return !p->gave_up;
}

static bool prove_if(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct place_part *at = b->place;
    bool ok = true;
    if (at->then)
        ok &= prove_set(p, set_with(p, c->set, at->cond), at->then);
    if (at->otherwise)
        ok &= prove_set(p, set_with(p, c->set, contrary_of(p, at->cond)),
                        at->otherwise);
    return ok;
}

bool prove_place(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct place_part *at = b->place;
    bool ok = true;
    if (at->ref)
        ok &= prove_set(p, c->set, at->ref);
    for (size_t i = 0; i < at->all.n; i++)
        ok &= prove_set(p, c->set, at->all.v[i]);
    if (at->any.n)
        ok &= prove_any(p, c, b, &at->any, "anyOf");
    if (at->one.n)
        ok &= prove_one(p, c, b);
    if (at->negated && !prove_empty(p, set_with(p, c->set, at->negated)))
        ok = prover_found(
            p,
            (struct finding){ .rule = b, .keyword = "not", .disjoint = true });
    if (at->cond)
        ok &= prove_if(p, c, b);
    return ok;
}
