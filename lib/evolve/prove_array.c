/* prove_array: arrays, position by position. */
#include "evolve/prove.h"

/* What elements at place i (or, at RULE_NO_MAX, behind all prefixes) have to
 * be. */
static struct rule_set items_at(struct prover *p, const struct conj *c,
                                uint64_t i)
{
    struct rule **v = prover_take(p, (c->n + 1) * sizeof(*v));
    size_t n = 0;
    if (!v || !prover_spend(p, c->n))
        return (struct rule_set){ v, 0 };
    for (size_t k = 0; k < c->n; k++) {
        const struct array_part *a = c->flat[k]->array;
        if (!a)
            continue;
        struct rule *r = i < a->prefix.n ? a->prefix.v[i] : a->rest;
        if (r && r->kind != RULE_TRUE)
            v[n++] = r;
    }
    return set_of(p, v, n);
}

static uint64_t longest_prefix(const struct conj *c, uint64_t n)
{
    for (size_t k = 0; k < c->n; k++)
        if (c->flat[k]->array && c->flat[k]->array->prefix.n > n)
            n = c->flat[k]->array->prefix.n;
    return n;
}

static bool inner_empty(struct prover *p, struct rule_set a)
{
    return a.n && prove_inner_quiet(p, a, p->nothing);
}

/* How long an array can be: what no element can follow is the end. */
static uint64_t length_max(struct prover *p, const struct conj *c)
{
    uint64_t n = longest_prefix(c, 0);
    for (uint64_t i = 0; i < n && i < c->max_items; i++)
        if (inner_empty(p, items_at(p, c, i)))
            return i;
    if (n < c->max_items && inner_empty(p, items_at(p, c, RULE_NO_MAX)))
        return n;
    return c->max_items;
}

bool array_empty(struct prover *p, struct conj *c)
{
    return c->min_items > 0 && length_max(p, c) < c->min_items;
}

static bool prove_item(struct prover *p, struct conj *c, const struct rule *b,
                       uint64_t i)
{
    const struct array_part *a = b->array;
    bool rest = i >= a->prefix.n;
    const struct rule *want = rest ? a->rest : a->prefix.v[i];
    if (!want || want->kind == RULE_TRUE)
        return true;
    struct rule_set have = items_at(p, c, i);
    if (have.n && want->kind != RULE_FALSE)
        return prove_inner(p, have, want);
    if (prove_inner_quiet(p, have, want))
        return true;
    return prover_found(
        p, (struct finding){ .rule = have.n || !rest ? want : b,
                             .keyword = have.n || !rest ? NULL : a->rest_name,
                             .had = have.n == 1 && have.v[0]->tree
                                        ? prover_value(p, have.v[0]->tree)
                                        : FOUND_NOTHING });
}

/* At least so many elements must fit what b's contains asks for. */
static bool enough(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct array_part *a = b->array;
    uint64_t sure = 0, n = longest_prefix(c, 0);
    for (size_t k = 0; k < c->n; k++) {
        struct array_part *o = c->flat[k]->array;
        if (o && o->contains && o->min_contains >= a->min_contains &&
            prove_inner_quiet(p, set_of(p, &o->contains, 1), a->contains))
            return true;
    }
    for (uint64_t i = 0; i < n && i < c->min_items; i++)
        sure += prove_inner_quiet(p, items_at(p, c, i), a->contains);
    if (n < c->min_items && sure < a->min_contains &&
        prove_inner_quiet(p, items_at(p, c, RULE_NO_MAX), a->contains))
        sure += c->min_items - n;
    return sure >= a->min_contains;
}

/* No more than so many. */
static bool not_too_many(struct prover *p, struct conj *c, const struct rule *b,
                         uint64_t length)
{
    const struct array_part *a = b->array;
    uint64_t n = longest_prefix(c, 0), may = 0;
    if (length <= a->max_contains)
        return true;
    for (size_t k = 0; k < c->n; k++) {
        const struct array_part *o = c->flat[k]->array;
        if (o && o->contains && o->max_contains <= a->max_contains &&
            prove_inner_quiet(p, set_of(p, &a->contains, 1), o->contains))
            return true;
    }
    for (uint64_t i = 0; i < n && i < length; i++)
        may += !inner_empty(p, set_with(p, items_at(p, c, i), a->contains));
    if (n < length &&
        !inner_empty(p, set_with(p, items_at(p, c, RULE_NO_MAX), a->contains)))
        return false;
    return may <= a->max_contains;
}

static const struct array_part *other_contains(const struct conj *c)
{
    for (size_t k = 0; k < c->n; k++)
        if (c->flat[k]->array && c->flat[k]->array->contains)
            return c->flat[k]->array;
    return NULL;
}

static bool prove_contains(struct prover *p, struct conj *c,
                           const struct rule *b, uint64_t length)
{
    const struct array_part *a = b->array, *o = other_contains(c);
    bool ok = true;
    if (a->min_contains && !enough(p, c, b)) {
        bool more = o && o->min_contains < a->min_contains;
        ok = prover_found(
            p, (struct finding){ .rule = b,
                                 .keyword = more ? "minContains" : "contains",
                                 .had = more ? prover_count(p, o->min_contains)
                                        : o ? prover_value(p, o->contains->tree)
                                            : FOUND_NOTHING });
    }
    if (a->max_contains != RULE_NO_MAX && !not_too_many(p, c, b, length))
        ok = prover_found(
            p, (struct finding){ .rule = b,
                                 .keyword = "maxContains",
                                 .had = o && o->max_contains != RULE_NO_MAX
                                            ? prover_count(p, o->max_contains)
                                            : FOUND_NOTHING });
    return ok;
}

bool prove_array(struct prover *p, struct conj *c, const struct rule *b)
{
    const struct array_part *a = b->array;
    uint64_t length = length_max(p, c);
    uint64_t n = longest_prefix(c, a->prefix.n);
    bool ok = true;
    if (length < c->min_items)
        return true; /* there is no such array */
    for (uint64_t i = 0; i < n && i < length && !p->gave_up; i++)
        ok &= prove_item(p, c, b, i);
    if (n < length)
        ok &= prove_item(p, c, b, RULE_NO_MAX);
    if (a->min > c->min_items)
        ok = prover_found(
            p, (struct finding){ .rule = b,
                                 .keyword = "minItems",
                                 .had = c->min_items
                                            ? prover_count(p, c->min_items)
                                            : FOUND_NOTHING });
    if (a->max < length)
        ok = prover_found(p,
                          (struct finding){ .rule = b,
                                            .keyword = "maxItems",
                                            .had = length != RULE_NO_MAX
                                                       ? prover_count(p, length)
                                                       : FOUND_NOTHING });
    if (a->unique && !c->unique && length > 1)
        ok = prover_found(
            p, (struct finding){ .rule = b, .keyword = "uniqueItems" });
    if (a->contains)
        ok &= prove_contains(p, c, b, length);
    return ok;
}
