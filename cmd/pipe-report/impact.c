/* pipe-report impact: what a dataset, or a column of one, has reached. */
#include "events.h"
#include "impact.h"

/* ---- the subcommand */

static int print(struct stage *st, const struct args *a,
                 const struct events *ev, const struct walk *w)
{
    if (w->cut)
        stage_warn(st, "only the first %d places are told", WALK_NODES_MAX);
    if (a->format && strcmp(a->format, "dot") == 0)
        return impact_dot(st, ev->g, w, a->upstream);
    return (wants_json(a) ? impact_json : impact_text)(st, ev->g, w,
                                                       a->upstream);
}

static int walk(struct stage *st, const struct args *a, const struct events *ev,
                const char *text)
{
    struct walk w = { 0 };
    struct str column;
    uint32_t dataset;
    int found = impact_find(ev->g, text, &dataset, &column, &st->err);
    if (found > 0)
        stage_warn(st,
                   "no event names a column '%.*s' of '%.*s'; it goes where "
                   "all others go",
                   STR_ARG(column), (int)(column.p - 1 - text), text);
    int r = found < 0 ||
            walk_from(&w, ev->g, dataset, column, a->upstream, &st->err) ||
            print(st, a, ev, &w);
    walk_free(&w);
    return r ? -1 : 0;
}

int report_impact(struct stage *st, const struct args *a)
{
    struct events ev = { 0 };
    int64_t since, until;
    if (st->argc < 2)
        return err_set(&st->err, ERR_USAGE,
                       "a dataset is wanted: a file, sqlite:FILE#TABLE, "
                       "postgresql://HOST/DB#TABLE, or a name; .COLUMN behind "
                       "it");
    int r = where_bounds(st, a, &since, &until) || events_read(st, &ev, since)
                ? -1
                : 0;
    for (int i = 1; i < st->argc && r == 0; i++)
        r = walk(st, a, &ev, st->argv[i]);
    events_free(&ev);
    return r;
}
