#include "evolve/compat.h"

#include "evolve/describe.h"

#include <stdlib.h>

#define DEFAULTS_DEPTH 200

struct compat {
    struct compat_options options;
    struct rules set;
    struct document **v; /* owned */
    size_t n, cap;
    /* Of the pair at hand: */
    struct arena arena;
    struct difference *d; /* owned */
    size_t n_d, cap_d;
    bool nomem;
};

struct compat *compat_new(const struct compat_options *options, struct err *e)
{
    struct compat *c = calloc(1, sizeof(*c));
    if (!c) {
        err_nomem(e);
        return NULL;
    }
    c->options = *options;
    if (rules_init(&c->set, options->dirs, options->n_dirs, e)) {
        compat_free(c);
        return NULL;
    }
    return c;
}

void compat_free(struct compat *c)
{
    if (!c)
        return;
    rules_free(&c->set);
    arena_free(&c->arena);
    free(c->v);
    free(c->d);
    free(c);
}

static int add(struct compat *c, struct document *doc, struct err *e)
{
    if (!doc)
        return -1;
    if (c->n == COMPAT_VERSIONS_MAX)
        return err_set(e, ERR_USAGE, "more than %d versions of a schema",
                       COMPAT_VERSIONS_MAX);
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        struct document **v = realloc(c->v, cap * sizeof(*v));
        if (!v)
            return err_nomem(e);
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = doc;
    return 0;
}

int compat_add_text(struct compat *c, struct str text, const char *name,
                    const char *base, struct err *e)
{
    return add(c, rules_parse(&c->set, text, name, base, e), e);
}

/* ---- the differences of a pair ---- */

static void put(struct compat *c, const struct difference *d)
{
    if (c->n_d == c->cap_d) {
        size_t cap = c->cap_d ? c->cap_d * 2 : 64;
        struct difference *v = realloc(c->d, cap * sizeof(*v));
        if (!v) {
            c->nomem = true;
            return;
        }
        c->d = v;
        c->cap_d = cap;
    }
    c->d[c->n_d++] = *d;
}

static void put_findings(struct compat *c, struct prover *p, unsigned breaks,
                         bool ok)
{
    for (size_t i = 0; i < p->n_found; i++) {
        struct difference d = { 0 };
        if (describe_finding(&c->arena, &p->found[i], breaks, &d))
            c->nomem = true;
        else
            put(c, &d);
    }
    struct difference d = { .breaks = breaks, .pointer = STR("") };
    if (p->gave_up) {
        d.kind = STR("too_complex");
        d.message = STR("comparing takes too many steps: nothing can be shown");
        put(c, &d);
    } else if (p->lost) {
        d.kind = STR("more_differences");
        d.message = STR("there are more differences than can be listed");
        put(c, &d);
    } else if (!ok && !p->n_found) {
        d.kind = STR("not_shown");
        d.message = STR("it cannot be shown that all values fit");
        put(c, &d);
    }
}

/* Is all that from accepts accepted by to? Notes what is not. */
static int compare(struct compat *c, const struct document *from,
                   const struct document *to, unsigned breaks, struct err *e)
{
    struct prover p;
    if (prover_init(&p, &c->set, e))
        return -1;
    p.no_format = c->options.no_format_assertion;
    bool ok = prove(&p, (struct rule *const *)&from->top, 1, to->top);
    if (p.nomem)
        c->nomem = true;
    else if (!ok)
        put_findings(c, &p, breaks, ok);
    prover_free(&p);
    return c->nomem ? err_nomem(e) : 0;
}

/* ---- defaults: no record fits or does not for them, readers that fill them
 * in see another value ---- */

static void walk(struct compat *c, struct rule *was, struct rule *now,
                 unsigned depth, uint64_t stamp);

static void walk_lists(struct compat *c, const struct rule_list *a,
                       const struct rule_list *b, unsigned depth,
                       uint64_t stamp)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        walk(c, a->v[i], b->v[i], depth, stamp);
}

static void walk_object(struct compat *c, const struct object_part *a,
                        const struct object_part *b, unsigned depth,
                        uint64_t stamp)
{
    const struct tree *t = a->properties;
    for (uint32_t i = 0; t && i < t->n; i++) {
        struct rule *other = rule_property(b, t->keys[i]);
        if (other)
            walk(c, a->property[i], other, depth, stamp);
    }
    if (a->additional && b->additional)
        walk(c, a->additional, b->additional, depth, stamp);
}

static void walk(struct compat *c, struct rule *was, struct rule *now,
                 unsigned depth, uint64_t stamp)
{
    if (was->seen == stamp || depth > DEFAULTS_DEPTH)
        return;
    was->seen = stamp;
    const struct tree *a = was->fallback, *b = now->fallback;
    struct difference d;
    if ((a || b) && !(a && b && tree_equal(a, b))) {
        if (describe_default(&c->arena, b ? now : was, a, b, &d))
            c->nomem = true;
        else
            put(c, &d);
    }
    if (was->place && now->place) {
        if (was->place->ref && now->place->ref)
            walk(c, was->place->ref, now->place->ref, depth + 1, stamp);
        walk_lists(c, &was->place->all, &now->place->all, depth + 1, stamp);
    }
    if (was->object && now->object)
        walk_object(c, was->object, now->object, depth + 1, stamp);
    if (was->array && now->array) {
        walk_lists(c, &was->array->prefix, &now->array->prefix, depth + 1,
                   stamp);
        if (was->array->rest && now->array->rest)
            walk(c, was->array->rest, now->array->rest, depth + 1, stamp);
    }
}

static void walk_defaults(struct compat *c, const struct document *from,
                          const struct document *to)
{
    uint64_t stamp = 1;
    for (size_t i = 0; i < c->set.n; i++)
        if (c->set.v[i]->seen >= stamp)
            stamp = c->set.v[i]->seen + 1;
    walk(c, from->top, to->top, 0, stamp);
}

/* ---- in order ---- */

static int by_place(const void *a, const void *b)
{
    const struct difference *x = a, *y = b;
    int cmp = str_cmp(x->pointer, y->pointer);
    if (cmp == 0)
        cmp = str_cmp(x->kind, y->kind);
    if (cmp == 0)
        cmp = str_cmp(x->message, y->message);
    return cmp ? cmp : (int)x->breaks - (int)y->breaks;
}

static bool agree(struct str a, struct str b)
{
    return !a.p || !b.p || str_eq(a, b);
}

static bool same(const struct difference *a, const struct difference *b)
{
    return str_eq(a->pointer, b->pointer) && str_eq(a->kind, b->kind) &&
           agree(a->was, b->was) && agree(a->is, b->is);
}

/* Sorts, and makes one of those that were found both ways. */
static void tidy(struct compat *c)
{
    size_t n = 0;
    if (c->n_d > 1)
        qsort(c->d, c->n_d, sizeof(*c->d), by_place);
    for (size_t i = 0; i < c->n_d; i++) {
        struct difference *d = &c->d[i], *last = n ? &c->d[n - 1] : NULL;
        if (!last || last->breaks & d->breaks || !same(last, d)) {
            c->d[n++] = *d;
            continue;
        }
        last->breaks |= d->breaks;
        last->was = last->was.p ? last->was : d->was;
        last->is = last->is.p ? last->is : d->is;
    }
    c->n_d = n;
}

static int report(struct compat *c, const struct document *from,
                  const struct document *to, compat_sink *sink, void *context,
                  struct compat_result *r, struct err *e)
{
    for (size_t i = 0; i < c->n_d; i++) {
        struct difference *d = &c->d[i];
        d->from = from->name;
        d->to = to->name;
        d->compatible = !(d->breaks & c->options.direction);
        r->differences++;
        r->incompatible += !d->compatible;
        if (sink(context, d, e))
            return -1;
    }
    return 0;
}

static int run_pair(struct compat *c, const struct document *from,
                    const struct document *to, compat_sink *sink, void *context,
                    struct compat_result *r, struct err *e)
{
    c->n_d = 0;
    arena_reset(&c->arena);
    if (document_same(from, to))
        return 0;
    /* Where only annotations changed there is nothing to prove. */
    if (!rule_same_whole(from->top, to->top) &&
        (compare(c, from, to, COMPAT_BACKWARD, e) ||
         compare(c, to, from, COMPAT_FORWARD, e)))
        return -1;
    walk_defaults(c, from, to);
    if (c->nomem)
        return err_nomem(e);
    tidy(c);
    return report(c, from, to, sink, context, r, e);
}

int compat_run(struct compat *c, compat_sink *sink, void *context,
               struct compat_result *result, struct err *e)
{
    *result = (struct compat_result){ 0 };
    if (c->n < 2)
        return err_set(e, ERR_USAGE,
                       "at least two versions of a schema are wanted");
    size_t first = c->options.transitive ? 0 : c->n - 2;
    for (size_t i = first; i + 1 < c->n; i++)
        if (run_pair(c, c->v[i], c->v[c->n - 1], sink, context, result, e))
            return -1;
    return result->incompatible == 0;
}
