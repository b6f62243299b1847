/* prove_object: objects, property by property.
 *
 * Every property has a name that one of the schemas knows, or is of a class:
 * the names that match these regular expressions of patternProperties and
 * those not. For each name and each class, what the left side promises must
 * fit what the right side asks. Whether a class has any names is not known, so
 * that it is taken to have some. */
#include "evolve/prove.h"

#include <stdlib.h>

#define PATTERNS_MAX 6 /* whose classes (2^n) are gone through */

/* ---- names ---- */

/* Rules that the names of properties have to fit. */
static struct rule_set names_of(struct prover *p, const struct conj *c)
{
    struct rule **v = prover_take(p, (c->n + 2) * sizeof(*v));
    size_t n = 0;
    if (!v)
        return (struct rule_set){ v, 0 };
    for (size_t k = 0; k < c->n; k++)
        if (c->flat[k]->object && c->flat[k]->object->names)
            v[n++] = c->flat[k]->object->names;
    if (n)
        v[n++] = p->single[3];
    return set_of(p, v, n);
}

static enum answer name_fits(struct prover *p, const struct rule *names,
                             struct str key)
{
    struct tree t = { .type = JSON_STRING, .text = key, .raw = key };
    struct judge j;
    return prover_ask(p, names, &t, &j);
}

static bool name_refused(struct prover *p, const struct conj *c, struct str key)
{
    for (size_t k = 0; k < c->n; k++) {
        const struct object_part *o = c->flat[k]->object;
        if (o && o->names && name_fits(p, o->names, key) == ANSWER_NO)
            return true;
    }
    return false;
}

/* ---- what a property has to be ---- */

/* Adds to v what o asks of the property key. On the left (sure) only what
 * certainly applies counts, on the right all that may. */
static size_t rules_at(struct prover *p, const struct object_part *o,
                       struct str key, bool sure, struct rule **v)
{
    size_t n = 0;
    struct rule *own = rule_property(o, key);
    bool matched = own != NULL, perhaps = false;
    if (own)
        v[n++] = own;
    for (size_t i = 0; i < o->n_patterns; i++) {
        int m = pattern_match(o->patterns[i].pattern, p->set->match, key);
        perhaps = perhaps || m < 0;
        matched = matched || m > 0;
        if (m > 0 || (m < 0 && !sure))
            v[n++] = o->patterns[i].rule;
    }
    prover_spend(p, 1 + o->n_patterns);
    if (!matched && o->additional && !(perhaps && sure))
        v[n++] = o->additional;
    return n;
}

static size_t rules_max(const struct conj *c)
{
    size_t n = 1;
    for (size_t k = 0; k < c->n; k++)
        if (c->flat[k]->object)
            n += c->flat[k]->object->n_patterns + 2;
    return n;
}

static struct rule_set property_of(struct prover *p, const struct conj *c,
                                   struct str key)
{
    struct rule **v = prover_take(p, rules_max(c) * sizeof(*v));
    size_t n = 0;
    if (!v || !prover_spend(p, c->n))
        return (struct rule_set){ v, 0 };
    for (size_t k = 0; k < c->n; k++)
        if (c->flat[k]->object)
            n += rules_at(p, c->flat[k]->object, key, true, v + n);
    return set_of(p, v, n);
}

static bool inner_empty(struct prover *p, struct rule_set a)
{
    return a.n && prove_inner_quiet(p, a, p->nothing);
}

static bool property_refused(struct prover *p, const struct conj *c,
                             struct str key)
{
    struct pool_mark mark = pool_mark(&p->pool);
    bool no = name_refused(p, c, key) || inner_empty(p, property_of(p, c, key));
    pool_release(&p->pool, mark);
    return no;
}

/* The rule on the left that names key, or NULL. */
static const struct rule *naming(const struct conj *c, struct str key)
{
    for (size_t k = 0; k < c->n; k++)
        if (c->flat[k]->object && c->flat[k]->tree &&
            rule_property(c->flat[k]->object, key))
            return c->flat[k];
    return NULL;
}

/* A left rule that allows no properties but those it names; NULL: none. */
static const struct object_part *closed_by(struct prover *p,
                                           const struct conj *c)
{
    for (size_t k = 0; k < c->n; k++) {
        struct object_part *o = c->flat[k]->object;
        if (o && o->additional && !o->n_patterns &&
            inner_empty(p, set_of(p, &o->additional, 1)))
            return o;
    }
    return NULL;
}

bool object_empty(struct prover *p, struct conj *c)
{
    for (size_t i = 0; i < c->required.n && !p->gave_up; i++)
        if (property_refused(p, c, c->required.v[i]))
            return true;
    const struct object_part *o = c->min_properties ? closed_by(p, c) : NULL;
    return o && (o->properties ? o->properties->n : 0) < c->min_properties;
}

/* ---- properties that a side names ---- */

static struct str had_of(struct prover *p, struct rule_set a)
{
    return a.n == 1 && a.v[0]->tree ? prover_value(p, a.v[0]->tree)
                                    : FOUND_NOTHING;
}

static bool prove_named(struct prover *p, struct conj *c, const struct rule *b,
                        uint32_t i)
{
    const struct object_part *o = b->object;
    struct str key = o->properties->keys[i];
    const struct rule *want = o->property[i];
    if (want->kind == RULE_TRUE)
        return true;
    struct rule_set have = property_of(p, c, key);
    bool known = naming(c, key) != NULL;
    if (known && !name_refused(p, c, key))
        return prove_inner(p, have, want);
    if (prove_inner_quiet(p, have, want) || name_refused(p, c, key))
        return true;
    return prover_found(
        p, (struct finding){ .rule = b,
                             .keyword = "properties",
                             .detail = key,
                             .had = had_of(p, have),
                             .need = want->tree ? prover_value(p, want->tree)
                                                : FOUND_NOTHING });
}

/* A property that only the left side names: patterns and the rest of b. */
static bool prove_left(struct prover *p, struct conj *c, const struct rule *b,
                       const struct rule *left, struct str key)
{
    const struct object_part *o = b->object;
    struct pool_mark mark = pool_mark(&p->pool);
    struct rule **v = prover_take(p, (o->n_patterns + 2) * sizeof(*v));
    size_t n = v ? rules_at(p, o, key, false, v) : 0;
    struct rule_set have = n ? property_of(p, c, key) : (struct rule_set){ 0 };
    bool ok = v != NULL;
    for (size_t i = 0; i < n && ok; i++)
        ok = prove_inner_quiet(p, have, v[i]);
    if (!ok && name_refused(p, c, key))
        ok = true;
    if (!ok && v)
        prover_found(p,
                     (struct finding){ .rule = left,
                                       .keyword = "properties",
                                       .detail = key,
                                       .left = true,
                                       .had = had_of(p, have),
                                       .need = n == 1 && v[0]->tree
                                                   ? prover_value(p, v[0]->tree)
                                                   : FOUND_NOTHING });
    pool_release(&p->pool, mark);
    return ok;
}

/* ---- properties that nobody names ---- */

struct classes {
    struct str v[PATTERNS_MAX];
    size_t n;
    bool many;
};

static void add_patterns(struct classes *k, const struct object_part *o)
{
    for (size_t i = 0; o && i < o->n_patterns; i++) {
        struct str text = o->patterns[i].text;
        size_t j = 0;
        while (j < k->n && !str_eq(k->v[j], text))
            j++;
        if (j < k->n || rule_pattern_is_all(text))
            continue;
        if (k->n == PATTERNS_MAX)
            k->many = true;
        else
            k->v[k->n++] = text;
    }
}

/* Adds what o asks of names of the class: bit i of mask set, those that match
 * pattern i. */
static size_t class_rules(const struct classes *k, unsigned mask,
                          const struct object_part *o, struct rule **v)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_patterns; i++) {
        bool match = rule_pattern_is_all(o->patterns[i].text);
        for (size_t j = 0; j < k->n && !match; j++)
            match = mask >> j & 1 && str_eq(k->v[j], o->patterns[i].text);
        if (match)
            v[n++] = o->patterns[i].rule;
    }
    if (n == 0 && o->additional)
        v[n++] = o->additional;
    return n;
}

/* Notes what is wrong with names of no known pattern (or of one). */
static bool found_class(struct prover *p, const struct rule *b,
                        const struct rule *want, struct rule_set have)
{
    const struct object_part *o = b->object;
    struct finding f = { .rule = b,
                         .keyword = o->additional_name,
                         .had = had_of(p, have) };
    for (size_t i = 0; i < o->n_patterns; i++)
        if (o->patterns[i].rule == want) {
            f.keyword = "patternProperties";
            f.detail = o->patterns[i].text;
        }
    if (want->tree)
        f.need = prover_value(p, want->tree);
    return prover_found(p, f);
}

static bool prove_class(struct prover *p, struct conj *c, const struct rule *b,
                        const struct classes *k, unsigned mask)
{
    struct pool_mark mark = pool_mark(&p->pool);
    struct rule **v = prover_take(p, (b->object->n_patterns + 2) * sizeof(*v));
    struct rule **l = prover_take(p, rules_max(c) * sizeof(*l));
    size_t n = v ? class_rules(k, mask, b->object, v) : 0, m = 0;
    bool ok = v && l;
    for (size_t i = 0; i < c->n && ok; i++)
        if (c->flat[i]->object)
            m += class_rules(k, mask, c->flat[i]->object, l + m);
    struct rule_set have = ok ? set_of(p, l, m) : (struct rule_set){ 0 };
    for (size_t i = 0; i < n && ok; i++) {
        if (v[i]->kind == RULE_TRUE)
            continue;
        if (have.n && v[i]->kind != RULE_FALSE)
            ok = prove_inner(p, have, v[i]);
        else if (!prove_inner_quiet(p, have, v[i]))
            ok = found_class(p, b, v[i], have);
    }
    pool_release(&p->pool, mark);
    return ok;
}

/* Too many patterns for classes: one left rule alone has to do for what b asks
 * of a name, whatever else the name matches. */
static bool alone_fits(struct prover *p, const struct object_part *l,
                       const struct object_part *o, struct str pattern,
                       struct rule *want)
{
    if (pattern.p) {
        for (size_t i = 0; i < l->n_patterns; i++)
            if (str_eq(l->patterns[i].text, pattern))
                return prove_inner_quiet(p, set_of(p, &l->patterns[i].rule, 1),
                                         want);
        if (l->n_patterns)
            return false;
    }
    for (size_t i = 0; i < l->n_patterns && !pattern.p; i++) {
        bool known = false; /* a name that matches it is none of the rest */
        for (size_t k = 0; k < o->n_patterns && !known; k++)
            known = str_eq(o->patterns[k].text, l->patterns[i].text);
        if (!known &&
            !prove_inner_quiet(p, set_of(p, &l->patterns[i].rule, 1), want))
            return false;
    }
    return l->additional &&
           prove_inner_quiet(
               p, set_of(p, (struct rule *const *)&l->additional, 1), want);
}

static bool prove_alone(struct prover *p, struct conj *c, const struct rule *b,
                        struct str pattern, struct rule *want)
{
    if (want->kind == RULE_TRUE)
        return true;
    for (size_t i = 0; i < c->n; i++)
        if (c->flat[i]->object &&
            alone_fits(p, c->flat[i]->object, b->object, pattern, want))
            return true;
    return found_class(p, b, want, (struct rule_set){ NULL, 0 });
}

static bool prove_unnamed(struct prover *p, struct conj *c,
                          const struct rule *b)
{
    const struct object_part *o = b->object;
    struct classes k = { .n = 0 };
    bool ok = true;
    if (!o->n_patterns && !o->additional)
        return true;
    add_patterns(&k, o);
    for (size_t i = 0; i < c->n; i++)
        add_patterns(&k, c->flat[i]->object);
    for (unsigned mask = 0; mask < 1u << k.n && !k.many && ok; mask++)
        ok = prove_class(p, c, b, &k, mask);
    if (!k.many)
        return ok;
    for (size_t i = 0; i < o->n_patterns; i++)
        ok &= prove_alone(p, c, b, o->patterns[i].text, o->patterns[i].rule);
    if (o->additional)
        ok &= prove_alone(p, c, b, FOUND_NOTHING, o->additional);
    return ok;
}

/* If names have to be one of a list, these are all the names there are. 1: and
 * all fit; 0: one does not; -1: there is no such list. */
static int prove_listed(struct prover *p, struct conj *c, const struct rule *b)
{
    struct rule_set names = names_of(p, c);
    struct conj *k = names.n ? conj_new(p, names) : NULL;
    if (!k || (!k->finite && k->types))
        return -1;
    int ok = 1;
    for (size_t i = 0; i < k->n_values; i++) {
        struct str key = k->values[i]->text;
        const struct rule *left = naming(c, key);
        bool own = rule_property(b->object, key) && !b->object->n_patterns;
        if (!own && !left)
            ok &= prove_left(p, c, b, c->flat[0], key);
    }
    return ok;
}

/* ---- the rest ---- */

static bool prove_required(struct prover *p, struct conj *c,
                           const struct rule *b)
{
    const struct names *l = &b->object->required;
    bool ok = true;
    for (size_t i = 0; i < l->n; i++)
        if (!rule_names_have(&c->required, l->v[i]))
            ok = prover_found(
                p, (struct finding){ .rule = b,
                                     .keyword = "required",
                                     .detail = l->v[i],
                                     .need = prover_string(p, l->v[i]) });
    return ok;
}

static bool prove_counts(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct object_part *o = b->object;
    const struct object_part *closed =
        o->max < c->max_properties ? closed_by(p, c) : NULL;
    uint64_t max = c->max_properties;
    bool ok = true;
    if (closed && (closed->properties ? closed->properties->n : 0) < max)
        max = closed->properties ? closed->properties->n : 0;
    if (o->min > c->min_properties)
        ok = prover_found(
            p, (struct finding){ .rule = b,
                                 .keyword = "minProperties",
                                 .had = c->min_properties
                                            ? prover_count(p, c->min_properties)
                                            : FOUND_NOTHING });
    if (o->max < max)
        ok = prover_found(p, (struct finding){ .rule = b,
                                               .keyword = "maxProperties",
                                               .had = max != RULE_NO_MAX
                                                          ? prover_count(p, max)
                                                          : FOUND_NOTHING });
    return ok;
}

static bool found_name(struct prover *p, const struct rule *b, struct str key)
{
    return prover_found(p, (struct finding){ .rule = b,
                                             .keyword = "propertyNames",
                                             .detail = key });
}

static bool prove_names(struct prover *p, struct conj *c, const struct rule *b)
{
    struct rule *want = b->object->names;
    if (want->kind == RULE_TRUE)
        return true;
    const struct object_part *closed = closed_by(p, c);
    const struct tree *t = closed ? closed->properties : NULL;
    for (uint32_t i = 0; t && i < t->n; i++)
        if (name_fits(p, want, t->keys[i]) != ANSWER_YES &&
            !property_refused(p, c, t->keys[i]))
            return found_name(p, b, t->keys[i]);
    if (closed)
        return true;
    struct rule_set names = names_of(p, c);
    if (names.n)
        return prove_inner(p, names, want);
    if (prove_inner_quiet(p, set_of(p, &p->single[3], 1), want))
        return true;
    return found_name(p, b, FOUND_NOTHING);
}

static struct rule *requiring(struct prover *p, struct str *key)
{
    struct rule *r = prover_spend(p, 8) ? rule_new(p->set) : NULL;
    struct object_part *o = r ? arena_alloc(&p->set->arena, sizeof(*o)) : NULL;
    if (!o) {
        p->gave_up = true;
        return NULL;
    }
    *o = (struct object_part){ .max = RULE_NO_MAX, .required = { key, 1 } };
    r->types = KIND_OBJECT;
    r->object = o;
    return r;
}

static bool prove_dependents(struct prover *p, struct conj *c,
                             const struct rule *b)
{
    const struct object_part *o = b->object;
    bool ok = true;
    for (size_t i = 0; i < o->n_dependents && !p->gave_up; i++) {
        struct dependent *d = &o->dependents[i];
        struct rule_set a = set_with(p, c->set, requiring(p, &d->key));
        struct conj *there = conj_new(p, a);
        if (!there || !there->types)
            continue;
        bool one = true;
        for (size_t k = 0; k < d->names.n && one; k++)
            one = rule_names_have(&there->required, d->names.v[k]);
        if (one && d->rule)
            one = prove_quiet(p, a, d->rule);
        if (!one && !prove_empty(p, a))
            ok = prover_found(p, (struct finding){ .rule = b,
                                                   .keyword = d->keyword,
                                                   .detail = d->key,
                                                   .disjoint = true });
    }
    return ok && !p->gave_up;
}

bool prove_object(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct object_part *o = b->object;
    bool ok = true;
    for (uint32_t i = 0; o->properties && i < o->properties->n; i++) {
        struct pool_mark mark = pool_mark(&p->pool);
        ok &= prove_named(p, c, b, i);
        pool_release(&p->pool, mark);
        if (p->gave_up)
            return false;
    }
    bool rest = o->n_patterns || o->additional;
    for (size_t k = 0; rest && k < c->n; k++) {
        const struct rule *left = c->flat[k];
        const struct tree *t = left->object ? left->object->properties : NULL;
        if (left->tree && left->tree->rule != left)
            continue; /* unevaluated.c: others name what it names */
        for (uint32_t i = 0; t && i < t->n && !p->gave_up; i++)
            if (!rule_property(o, t->keys[i]) || o->n_patterns)
                ok &= prove_left(p, c, b, left, t->keys[i]);
    }
    int listed = rest ? prove_listed(p, c, b) : 1;
    if (listed >= 0)
        ok &= listed;
    else
        ok &= prove_unnamed(p, c, b);
    if (o->required.n)
        ok &= prove_required(p, c, b);
    ok &= prove_counts(p, c, b);
    if (o->names)
        ok &= prove_names(p, c, b);
    if (o->n_dependents)
        ok &= prove_dependents(p, c, b);
    return ok;
}
