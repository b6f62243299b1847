#include "queries.h"

#include "source/query_opts.h"

#define QUERY_MAX ((size_t)2 << 20) /* bytes, with its dates */

static int expand(void *context, struct buf *out, const char *text)
{
    return stage_expand(context, out, text);
}

int queries_parse(struct queries *q, struct stage *st, struct source_opts *o)
{
    q->text.max = QUERY_MAX;
    int r = query_opts_take(&q->query, &q->text, expand, st, &st->err);
    if (r <= 0)
        return r;
    for (int i = 0; i < st->argc; i++)
        if (!source_is_remote(st->argv[i]))
            return err_set(
                &st->err, ERR_USAGE,
                "%s is for databases (sqlite:FILE, postgresql://...), "
                "and '%s' is none",
                q->query.sql ? "--query" : "--table", st->argv[i]);
    o->query = &q->query;
    return st->argc ? 0
                    : err_set(&st->err, ERR_USAGE,
                              "no database to ask: say its URI");
}

void queries_free(struct queries *q)
{
    buf_free(&q->text);
}
