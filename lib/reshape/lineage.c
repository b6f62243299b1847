/* Where the fields come from that operations make, by running them on a map in
 * place of a record. */
#include "lineage/colmap.h"
#include "lineage/fieldset.h"
#include "reshape/reshape_steps.h"

#include <stdlib.h>

/* A map and how paths are spelled in it. */
struct tracing {
    struct colmap *m;
    struct buf name;
};

static struct str spell(struct tracing *t, const struct path *p)
{
    buf_reset(&t->name);
    (void)colmap_spell(&t->name, p);
    return buf_str(&t->name);
}

/* ---- expressions */

static enum colmap_kind kind_of(unsigned use, bool is_field)
{
    return use & EXPR_DECIDES ? COLMAP_CONDITIONAL
           : is_field         ? COLMAP_IDENTITY
                              : COLMAP_TRANSFORMATION;
}

static void trace_set(struct tracing *t, const struct expr_set *x,
                      const struct derive_item *item)
{
    struct colmap_sources from = { 0 };
    bool is_field = expr_is_field(x, item->expr);
    struct path p;
    size_t at = 0;
    unsigned use;
    while (expr_reads(x, item->expr, &at, &p, &use))
        colmap_use(t->m, &from, arena_dup(&t->m->text, spell(t, &p)),
                   kind_of(use, is_field), use & EXPR_HIDES);
    colmap_put(t->m, spell(t, &item->path), &from);
    colmap_sources_free(&from);
}

static void trace_test(struct tracing *t, const struct expr_set *x, int expr)
{
    struct path p;
    size_t at = 0;
    unsigned use;
    while (expr_reads(x, expr, &at, &p, &use))
        colmap_decide(t->m, spell(t, &p), COLMAP_FILTER);
}

static void trace_derive(struct tracing *t, const struct derive *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct derive_item *item = &d->v[i];
        if (item->kind == DERIVE_SET)
            trace_set(t, d->exprs, item);
        else if (item->kind != DERIVE_TEE)
            trace_test(t, d->exprs, item->expr);
    }
}

/* ---- fields that go, stay or move */

struct kept {
    struct tracing *t;
    struct str *v; /* owned */
    size_t n;
    bool failed;
};

static void keep_one(void *context, const struct path *p)
{
    struct kept *k = context;
    struct str name = arena_dup(&k->t->m->text, spell(k->t, p));
    struct str *v = realloc(k->v, (k->n + 1) * sizeof(*v));
    if (!v) {
        k->failed = true;
        return;
    }
    k->v = v;
    if (name.p)
        v[k->n++] = name;
    else
        k->failed = true;
}

/* An element that goes becomes null: the array stays. */
static void drop_one(void *context, const struct path *p)
{
    struct tracing *t = context;
    if (p->steps[p->n - 1].key.p)
        colmap_drop(t->m, spell(t, p));
}

static void trace_prune(struct tracing *t, const struct prune *p)
{
    struct kept k = { .t = t };
    if (p->kind == PRUNE_DROP) {
        prune_walk(p, drop_one, t);
        return;
    }
    prune_walk(p, keep_one, &k);
    for (size_t i = 0; i < k.n / 2; i++) { /* as they were named */
        struct str last = k.v[k.n - 1 - i];
        k.v[k.n - 1 - i] = k.v[i];
        k.v[i] = last;
    }
    colmap_keep(t->m, k.v, k.n);
    if (k.failed)
        colmap_doubt(t->m);
    free(k.v);
}

static void trace_rename(struct tracing *t, const struct rename *r)
{
    struct str from = arena_dup(&t->m->text, spell(t, &r->from));
    if (from.p)
        colmap_rename(t->m, from, spell(t, &r->to));
    else
        colmap_doubt(t->m);
}

static void trace_unnest(struct tracing *t, const struct unnest *u)
{
    struct colmap_sources from = { 0 };
    struct str field = arena_dup(&t->m->text, spell(t, &u->field));
    colmap_use(t->m, &from, field, COLMAP_TRANSFORMATION, false);
    colmap_put(t->m, field, &from);
    if (u->index.n)
        colmap_put(t->m, spell(t, &u->index), &from);
    colmap_sources_free(&from);
}

static void trace_tidy(struct tracing *t, const struct tidy *d)
{
    for (size_t i = 0; i < d->n_fields; i++) {
        struct colmap_sources from = { 0 };
        struct str field = arena_dup(&t->m->text, spell(t, &d->fields[i]));
        colmap_use(t->m, &from, field, COLMAP_TRANSFORMATION, false);
        colmap_put(t->m, field, &from);
        colmap_sources_free(&from);
    }
    /* All strings: which fields these are shows in the records. */
    if (d->n_fields == 0)
        colmap_doubt(t->m);
}

/* ---- flattening: only of fields that were seen */

static void see_all(struct colmap *m, const struct fieldset *seen)
{
    for (size_t i = 0; i < seen->n; i++)
        if (!(seen->v[i].types & FIELDSET_OBJECT))
            colmap_see(m, seen->v[i].path);
}

/* The field's name once it is flattened, in t->name; false where it is not
 * within what is flattened. */
static bool flat_name(struct tracing *t, const struct flatten *f,
                      struct str name)
{
    struct buf around = { .max = 65536 };
    (void)colmap_spell(&around, &f->field);
    size_t from = around.n;
    bool within = from == 0 || colmap_within(name, buf_str(&around));
    buf_reset(&t->name);
    /* The last key of the object is the first part of the new name. */
    size_t keep = from;
    while (keep > 0 && name.p[keep - 1] != '.')
        keep--;
    if (!within || !memchr(name.p + keep, '.', name.n - keep)) {
        buf_free(&around);
        return false;
    }
    buf_add(&t->name, name.p, keep);
    for (size_t i = keep; i < name.n; i++)
        if (name.p[i] == '.')
            buf_add_str(&t->name, buf_str(&f->between));
        else
            buf_addc(&t->name, name.p[i]);
    buf_free(&around);
    return !t->name.failed;
}

static void trace_flatten(struct tracing *t, const struct flatten *f,
                          const struct fieldset *seen)
{
    struct colmap *m = t->m;
    see_all(m, seen);
    for (size_t i = 0; i < m->n; i++)
        if (flat_name(t, f, m->columns[i].name)) {
            struct str name = arena_dup(&m->text, buf_str(&t->name));
            m->columns[i].name = name.p ? name : m->columns[i].name;
        }
    /* Others may be in objects, too. */
    colmap_doubt(m);
}

/* ---- all */

void reshape_trace(const struct reshape *r, struct colmap *m,
                   const struct fieldset *seen)
{
    struct tracing t = { .m = m, .name = { .max = 65536 } };
    for (size_t i = 0; i < r->n; i++) {
        const struct step *s = r->steps[i];
        switch (s->kind) {
        case STEP_DERIVE: trace_derive(&t, &s->derive); break;
        case STEP_PRUNE: trace_prune(&t, &s->prune); break;
        case STEP_RENAME: trace_rename(&t, &s->rename); break;
        case STEP_FLATTEN: trace_flatten(&t, &s->flatten, seen); break;
        case STEP_UNNEST: trace_unnest(&t, &s->unnest); break;
        case STEP_TIDY: trace_tidy(&t, &s->tidy); break;
        }
    }
    buf_free(&t.name);
}
