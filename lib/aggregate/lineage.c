/* Where the fields of results come from. */
#include "aggregate/private.h"
#include "lineage/colmap.h"

/* Appends what an argument reads to from, or, without from, lets it decide
 * about whole records. */
static void trace_argument(const struct aggregate *a, struct colmap *m,
                           struct colmap_sources *from,
                           const struct argument *arg, enum colmap_kind kind)
{
    struct buf name = { .max = 65536 };
    struct path p = arg->path;
    size_t at = 0, i = 0;
    unsigned use = 0;
    bool expr = argument_is_expr(arg);
    while (expr && i < a->n_exprs && !argument_same(a->computed[i], arg))
        i++;
    if (expr && i == a->n_exprs)
        return;
    while (expr ? expr_reads(a->exprs, (int)i, &at, &p, &use) : at++ == 0) {
        enum colmap_kind how = kind;
        if (use & EXPR_DECIDES)
            how = COLMAP_CONDITIONAL;
        else if (kind == COLMAP_IDENTITY && expr)
            how = COLMAP_TRANSFORMATION;
        buf_reset(&name);
        (void)colmap_spell(&name, &p);
        struct str text = arena_dup(&m->text, buf_str(&name));
        if (!text.p)
            colmap_doubt(m);
        else if (from)
            colmap_use(m, from, text, how, use & EXPR_HIDES);
        else
            colmap_decide(m, text, kind);
    }
    buf_free(&name);
}

static bool reads_none(const struct argument *arg)
{
    return !argument_is_expr(arg) && arg->path.n == 0;
}

static void trace_spec(const struct aggregate *a, struct colmap *m,
                       struct colmap_sources *from, const struct aggspec *s)
{
    if (!reads_none(&s->arg))
        trace_argument(a, m, from, &s->arg, COLMAP_AGGREGATION);
    if (!reads_none(&s->by))
        trace_argument(a, m, from, &s->by, COLMAP_AGGREGATION);
}

void aggregate_trace(const struct aggregate *a, struct colmap *m)
{
    size_t n = a->n_by + a->specs.n;
    struct colmap_sources state = { 0 };
    struct colmap out;
    colmap_init(&out, COLMAP_NONE);
    if (a->merging) { /* of states nothing is known but the keys */
        colmap_doubt(m);
        colmap_free(&out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct colmap_sources from = { 0 };
        if (i < a->n_by) {
            trace_argument(a, m, &from, &a->by[i].arg, COLMAP_IDENTITY);
            trace_argument(a, m, NULL, &a->by[i].arg, COLMAP_GROUP_BY);
        } else {
            trace_spec(a, m, &from, &a->specs.v[i - a->n_by]);
        }
        for (size_t k = 0; k < from.n && i >= a->n_by; k++)
            colmap_source_add(&state, &from.v[k]);
        if (i < a->n_by || !a->partial)
            colmap_put(&out, a->columns[i].name, &from);
        colmap_sources_free(&from);
    }
    if (a->partial)
        colmap_put(&out, STR("_state"), &state);
    colmap_become(m, &out);
    colmap_sources_free(&state);
}
