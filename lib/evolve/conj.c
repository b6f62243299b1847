/* conj: what rules that apply to one value say together. */
#include "evolve/prove.h"

#include "base/decimal.h"
#include "json/number.h"
#include "schema/limit.h"

#include <stdlib.h>

#define FINITE_MAX 64 /* whole numbers of a range that are gone through */

/* ---- sets ---- */

static int by_id(const void *a, const void *b)
{
    unsigned x = (*(struct rule *const *)a)->id,
             y = (*(struct rule *const *)b)->id;
    return x < y ? -1 : x > y;
}

struct rule_set set_of(struct prover *p, struct rule *const *v, size_t n)
{
    struct rule_set s = { prover_take(p, (n + 1) * sizeof(struct rule *)), 0 };
    if (!s.v)
        return s;
    for (size_t i = 0; i < n; i++)
        s.v[s.n++] = v[i];
    if (s.n > 1)
        qsort(s.v, s.n, sizeof(*s.v), by_id);
    size_t to = 0;
    for (size_t i = 0; i < s.n; i++)
        if (to == 0 || s.v[to - 1] != s.v[i])
            s.v[to++] = s.v[i];
    s.n = to;
    return s;
}

struct rule_set set_with(struct prover *p, struct rule_set a, struct rule *b)
{
    struct rule **v = prover_take(p, (a.n + 2) * sizeof(*v));
    if (!v || !b)
        return (struct rule_set){ v, 0 };
    if (a.n)
        memcpy(v, a.v, a.n * sizeof(*v));
    v[a.n] = b;
    return set_of(p, v, a.n + 1);
}

/* ---- flattening ---- */

/* A growing list in the pool: what it outgrows is left behind. */
struct list {
    void **v;
    size_t n, cap;
};

static void list_add(struct prover *p, struct list *l, const void *x)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        void **v = prover_take(p, cap * sizeof(*v));
        if (!v)
            return;
        if (l->n)
            memcpy(v, l->v, l->n * sizeof(*v));
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = (void *)(uintptr_t)x;
}

struct build {
    struct prover *p;
    struct conj *c;
    struct list flat, conds, any, one, negated;
    struct str *required;
    size_t n_required, cap_required;
    bool dependents;
};

static void add_min(struct conj *c, struct str text, bool above)
{
    int cmp = c->min.p ? number_cmp(text, c->min) : 1;
    if (cmp > 0)
        c->above = above;
    else if (cmp == 0)
        c->above = c->above || above;
    if (cmp > 0)
        c->min = text;
}

static void add_max(struct conj *c, struct str text, bool below)
{
    int cmp = c->max.p ? number_cmp(text, c->max) : -1;
    if (cmp < 0)
        c->below = below;
    else if (cmp == 0)
        c->below = c->below || below;
    if (cmp < 0)
        c->max = text;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void add_required(struct build *b, const struct names *l)
{
    if (l->n > b->cap_required - b->n_required) {
        size_t cap = (b->n_required + l->n) * 2;
        struct str *v = prover_take(b->p, cap * sizeof(*v));
        if (!v)
            return;
        if (b->n_required)
            memcpy(v, b->required, b->n_required * sizeof(*v));
        b->required = v;
        b->cap_required = cap;
    }
    if (l->n)
        memcpy(b->required + b->n_required, l->v, l->n * sizeof(*l->v));
    b->n_required += l->n;
}

static void add_parts(struct build *b, const struct rule *r)
{
    struct conj *c = b->c;
    c->types &= r->types;
    if (r->number && r->number->min.p)
        add_min(c, r->number->min, r->number->above);
    if (r->number && r->number->max.p)
        add_max(c, r->number->max, r->number->below);
    if (r->string) {
        c->min_length = most(c->min_length, r->string->min);
        c->max_length = least(c->max_length, r->string->max);
    }
    if (r->array) {
        c->min_items = most(c->min_items, r->array->min);
        c->max_items = least(c->max_items, r->array->max);
        c->unique = c->unique || r->array->unique;
        if (r->array->contains)
            c->min_items = most(c->min_items, r->array->min_contains);
    }
    if (r->object) {
        c->min_properties = most(c->min_properties, r->object->min);
        c->max_properties = least(c->max_properties, r->object->max);
        add_required(b, &r->object->required);
        b->dependents = b->dependents || r->object->n_dependents > 0;
    }
}

static void flatten(struct build *b, struct rule *r)
{
    struct prover *p = b->p;
    if (r->seen == p->stamp || !prover_spend(p, 1))
        return;
    r->seen = p->stamp;
    list_add(p, &b->flat, r);
    if (r->kind == RULE_FALSE)
        b->c->types = 0;
    if (r->kind != RULE_SET)
        return;
    add_parts(b, r);
    const struct place_part *at = r->place;
    if (!at)
        return;
    if (at->ref)
        flatten(b, at->ref);
    for (size_t i = 0; i < at->all.n; i++)
        flatten(b, at->all.v[i]);
    if (at->any.n == 1)
        flatten(b, at->any.v[0]);
    else if (at->any.n)
        list_add(p, &b->any, r);
    if (at->one.n == 1)
        flatten(b, at->one.v[0]);
    else if (at->one.n)
        list_add(p, &b->one, r);
    if (at->negated)
        list_add(p, &b->negated, at->negated);
    if (at->cond && (at->then || at->otherwise))
        list_add(p, &b->conds, r);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void sort_required(struct build *b)
{
    struct names *to = &b->c->required;
    to->v = b->required;
    to->n = 0;
    if (b->n_required > 1)
        qsort(b->required, b->n_required, sizeof(*b->required), by_name);
    for (size_t i = 0; i < b->n_required; i++)
        if (to->n == 0 || !str_eq(to->v[to->n - 1], b->required[i]))
            to->v[to->n++] = b->required[i];
    b->n_required = to->n;
}

/* What presence of properties entails, and conditions whose outcome is known,
 * until nothing comes of it any more. */
static void close_over(struct build *b)
{
    uint64_t stamp = b->p->stamp;
    for (size_t flat = 0, required = 0;;) {
        sort_required(b);
        bool same = flat == b->flat.n && required == b->n_required;
        flat = b->flat.n;
        required = b->n_required;
        if (same || b->p->gave_up)
            return;
        for (size_t i = 0; b->dependents && i < b->flat.n; i++) {
            const struct rule *r = b->flat.v[i];
            const struct object_part *o = r->object;
            if (!prover_spend(b->p, o ? o->n_dependents : 0))
                return;
            for (size_t k = 0; o && k < o->n_dependents; k++) {
                if (!rule_names_have(&b->c->required, o->dependents[k].key))
                    continue;
                add_required(b, &o->dependents[k].names);
                /* A schema holds for the whole value, which has to be an
                 * object for "required" to mean that the property is there. */
                if (o->dependents[k].rule && !(b->c->types & ~KIND_OBJECT))
                    flatten(b, o->dependents[k].rule);
            }
        }
        for (size_t i = 0; i < b->conds.n; i++) {
            const struct place_part *at =
                ((const struct rule *)b->conds.v[i])->place;
            const struct rule *not_so = at->cond->contrary;
            if (at->cond->seen == stamp && at->then)
                flatten(b, at->then);
            else if (not_so && not_so->seen == stamp && at->otherwise)
                flatten(b, at->otherwise);
        }
    }
}

/* The types that a rule allows, seen through references only. */
static unsigned types_of(const struct rule *r)
{
    if (r->kind != RULE_SET)
        return r->kind == RULE_TRUE ? KIND_ANY : 0;
    unsigned types = r->types;
    if (r->place && r->place->ref)
        types &= types_of(r->place->ref);
    if (r->constant)
        types &= judge_kind(r->constant);
    if (r->choices) {
        unsigned some = 0;
        for (uint32_t i = 0; i < r->choices->n; i++)
            some |= judge_kind(&r->choices->v[i]);
        types &= some;
    }
    return types;
}

static bool any_seen(const struct build *b, const struct rule_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i]->seen == b->p->stamp)
            return true;
    return false;
}

static void open_list(struct build *b, const struct list *from, bool one)
{
    struct conj *c = b->c;
    for (size_t i = 0; i < from->n; i++) {
        struct rule *r = from->v[i];
        const struct rule_list *l = one ? &r->place->one : &r->place->any;
        unsigned types = 0;
        if (!prover_spend(b->p, l->n / 4))
            return;
        for (size_t k = 0; k < l->n; k++)
            types |= types_of(l->v[k]);
        c->types &= types;
        if (!any_seen(b, l))
            c->splits[c->n_splits++] =
                (struct split){ r, one ? SPLIT_ONE : SPLIT_ANY };
    }
}

/* Alternatives that no case has been chosen of. */
static void open_splits(struct build *b)
{
    struct conj *c = b->c;
    size_t n = b->any.n + b->one.n + b->conds.n;
    c->splits = prover_take(b->p, (n + 1) * sizeof(*c->splits));
    if (!c->splits)
        return;
    open_list(b, &b->any, false);
    open_list(b, &b->one, true);
    for (size_t i = 0; i < b->conds.n; i++) {
        struct rule *r = b->conds.v[i];
        const struct rule *cond = r->place->cond;
        if (cond->seen != b->p->stamp &&
            !(cond->contrary && cond->contrary->seen == b->p->stamp))
            c->splits[c->n_splits++] = (struct split){ r, SPLIT_IF };
    }
}

/* ---- what cannot be ---- */

/* The whole number at or above (up) or below text; beyond it where strict. */
static struct str whole(struct prover *p, struct str text, bool strict, bool up)
{
    struct decimal d = DECIMAL_ZERO, r = DECIMAL_ZERO, one = DECIMAL_ZERO;
    struct buf b = { .max = 8192 };
    struct str out = { NULL, 0 };
    if (decimal_parse(&d, text) == 0 && decimal_round(&r, &d, 0) == 0 &&
        decimal_set_i64(&one, up ? 1 : -1) == 0) {
        int cmp = decimal_cmp(&r, &d);
        bool off = cmp == 0 ? strict : (cmp < 0) == up;
        if ((!off || decimal_add(&r, &r, &one) == 0) &&
            decimal_format(&b, &r) == 0 && b.n) {
            char *own = prover_take(p, b.n);
            if (own)
                out = (struct str){ memcpy(own, b.p, b.n), b.n };
        }
    }
    decimal_free(&d);
    decimal_free(&r);
    decimal_free(&one);
    buf_free(&b);
    return out;
}

static void narrow_numbers(struct prover *p, struct conj *c)
{
    bool both = c->min.p && c->max.p;
    int cmp = both ? number_cmp(c->min, c->max) : -1;
    if (cmp > 0 || (cmp == 0 && (c->above || c->below))) {
        c->types &= ~KIND_NUMBER;
        return;
    }
    if (cmp == 0)
        c->types &= number_is_integer(c->min) ? ~KIND_FRACTION : ~KIND_INTEGER;
    for (size_t i = 0; i < c->n; i++) {
        const struct number_part *n = c->flat[i]->number;
        if (n && n->multiple.p && number_is_integer(n->multiple))
            c->types &= ~KIND_FRACTION;
    }
    if ((c->types & KIND_NUMBER) != KIND_INTEGER)
        return;
    struct str min = c->min.p ? whole(p, c->min, c->above, true) : c->min;
    struct str max = c->max.p ? whole(p, c->max, c->below, false) : c->max;
    if (min.p)
        c->min = min, c->above = false;
    if (max.p)
        c->max = max, c->below = false;
    if (min.p && max.p && number_cmp(min, max) > 0)
        c->types &= ~KIND_INTEGER;
}

static void narrow(struct prover *p, struct conj *c)
{
    if (c->types & KIND_NUMBER)
        narrow_numbers(p, c);
    if (c->min_length > c->max_length)
        c->types &= ~KIND_STRING;
    if (c->min_items > c->max_items)
        c->types &= ~KIND_ARRAY;
    c->min_properties = most(c->min_properties, c->required.n);
    if (c->min_properties > c->max_properties)
        c->types &= ~KIND_OBJECT;
}

/* ---- finitely many values ---- */

static const struct tree words[] = {
    { .type = JSON_NULL, .text = { "null", 4 }, .raw = { "null", 4 } },
    { .type = JSON_FALSE, .text = { "false", 5 }, .raw = { "false", 5 } },
    { .type = JSON_TRUE, .text = { "true", 4 }, .raw = { "true", 4 } },
};

/* Keeps those of the n values that fit all of c. */
static void keep_values(struct prover *p, struct conj *c,
                        const struct tree *const *v, size_t n)
{
    const struct tree **to = prover_take(p, (n + 1) * sizeof(*to));
    if (!to)
        return;
    c->finite = true;
    c->values = to;
    c->n_values = 0;
    for (size_t i = 0; i < n && !p->gave_up; i++) {
        enum answer a = ANSWER_YES;
        for (size_t k = 0; k < c->set.n && a; k++) {
            struct judge j;
            enum answer one = prover_ask(p, c->set.v[k], v[i], &j);
            a = one < a ? one : a;
        }
        if (a != ANSWER_NO && c->types & judge_kind(v[i]))
            to[c->n_values++] = v[i];
    }
    unsigned types = 0;
    for (size_t i = 0; i < c->n_values; i++)
        types |= judge_kind(c->values[i]);
    c->types &= types;
}

static struct tree *number_tree(struct prover *p, int64_t v)
{
    char *text = prover_take(p, 24);
    struct tree *t = prover_take(p, sizeof(*t));
    if (!text || !t)
        return NULL;
    struct buf b = { .max = 64 };
    buf_addf(&b, "%lld", (long long)v);
    size_t n = b.n < 24 ? b.n : 0;
    if (n)
        memcpy(text, b.p, n);
    buf_free(&b);
    *t = (struct tree){ .type = JSON_NUMBER,
                        .text = { text, n },
                        .raw = { text, n } };
    return n ? t : NULL;
}

/* Null, booleans and whole numbers of a small range, one by one. */
static void list_values(struct prover *p, struct conj *c)
{
    int64_t min = 0, max = -1;
    if (c->types & ~(KIND_NULL | KIND_BOOLEAN | KIND_INTEGER))
        return;
    if (c->types & KIND_INTEGER &&
        (!c->min.p || !c->max.p || !number_to_i64(c->min, &min) ||
         !number_to_i64(c->max, &max) ||
         (uint64_t)max - (uint64_t)min >= FINITE_MAX))
        return;
    const struct tree *v[3 + FINITE_MAX];
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        if (c->types & judge_kind(&words[i]))
            v[n++] = &words[i];
    for (int64_t i = min; c->types & KIND_INTEGER; i++) {
        v[n] = number_tree(p, i);
        if (!v[n++])
            return;
        if (i == max)
            break;
    }
    keep_values(p, c, v, n);
}

static void find_values(struct prover *p, struct conj *c)
{
    const struct tree *shortest = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct rule *r = c->flat[i];
        if (r->constant) {
            keep_values(p, c, &r->constant, 1);
            return;
        }
        if (r->choices && (!shortest || r->choices->n < shortest->n))
            shortest = r->choices;
    }
    if (!shortest) {
        list_values(p, c);
        return;
    }
    const struct tree **v = prover_take(p, (shortest->n + 1) * sizeof(*v));
    for (uint32_t i = 0; v && i < shortest->n; i++)
        v[i] = &shortest->v[i];
    if (v)
        keep_values(p, c, v, shortest->n);
}

struct conj *conj_new(struct prover *p, struct rule_set set)
{
    struct conj *c = prover_take(p, sizeof(*c));
    if (!c)
        return NULL;
    *c = (struct conj){ .set = set,
                        .types = KIND_ANY,
                        .max_length = RULE_NO_MAX,
                        .max_items = RULE_NO_MAX,
                        .max_properties = RULE_NO_MAX };
    struct build b = { .p = p, .c = c };
    p->stamp++;
    for (size_t i = 0; i < set.n; i++)
        flatten(&b, set.v[i]);
    close_over(&b);
    open_splits(&b);
    c->flat = (struct rule **)b.flat.v;
    c->n = b.flat.n;
    c->negated = (struct rule **)b.negated.v;
    c->n_negated = b.negated.n;
    if (p->gave_up)
        return NULL;
    narrow(p, c);
    if (c->types)
        find_values(p, c);
    return p->gave_up ? NULL : c;
}
