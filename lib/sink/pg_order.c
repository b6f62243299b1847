/* The order in which rows came, in a column of their own: an identity column,
 * so that rows which others insert have their place in it too. Rows of a load
 * get numbers by their place in the input, in whatever order they are sent. */
#include "sink/pg.h"

#include <stdlib.h>

int pg_order_begin(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (!spec->latest_view || !s->table.exists)
        return 0;
    const struct column *c = table_find(&s->table, STR(PG_ORDER));
    if (c && (c->kind != COLUMN_INTEGER || c->bytes != 8))
        return err_set(e, ERR_CONFIG,
                       "option --latest-view: column '" PG_ORDER "' of table "
                       "'%s' is %s, not bigint",
                       spec->table, c->type);
    if (c)
        return 0;
    if (!spec->create)
        return err_set(e, ERR_CONFIG,
                       "option --latest-view: table '%s' has no column "
                       "'" PG_ORDER "' (--create adds it)",
                       spec->table);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "ALTER TABLE ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " ADD COLUMN " PG_ORDER " " PG_ORDER_TYPE);
    return pg_run_sql(s, "add a column to", e) || pg_table_read(s, e) ? -1 : 0;
}

static void add_sequence(struct pg_sink *s)
{
    buf_addz(&s->sql, "pg_get_serial_sequence(");
    pg_literal(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, ", '" PG_ORDER "')::regclass");
}

int pg_order_ask(struct pg_sink *s, struct err *e)
{
    /* A column that somebody else made has no sequence. */
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT CASE WHEN q IS NULL THEN (SELECT"
                      " coalesce(max(" PG_ORDER "), 0) + 1 FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, ") ELSE nextval(q) END FROM (SELECT ");
    add_sequence(s);
    buf_addz(&s->sql, " AS q) AS x");
    PGresult *r = pg_query(s, "read the order of rows in", e);
    if (!r)
        return -1;
    s->order = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return 0;
}

int pg_order_end(struct pg_sink *s, struct err *e)
{
    if (!s->order)
        return 0;
    buf_reset(&s->sql);
    /* Others may have taken numbers meanwhile. */
    buf_addf(&s->sql,
             "SELECT setval(q, greatest(%llu, nextval(q))) FROM (SELECT ",
             (unsigned long long)(s->order + s->backlog.n - 1));
    add_sequence(s);
    buf_addz(&s->sql, " AS q) AS x WHERE q IS NOT NULL");
    return pg_run_sql(s, "keep the order of rows in", e);
}
