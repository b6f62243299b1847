#include "source/pgsplit.h"

#include "source/pgtype.h"
#include "source/query.h"

#include <stdlib.h>

/* The blocks of the largest partition, where it has any. */
static void ask_blocks(const struct pgsplit_spec *spec, struct buf *sql,
                       struct err *e)
{
    buf_addf(sql,
             "SELECT '(' || (b * i / %zu)::bigint || ',0)' FROM (SELECT"
             " greatest(pg_relation_size(r), (SELECT"
             " max(pg_relation_size(relid)) FROM pg_partition_tree(r)))"
             " / current_setting('block_size')::bigint AS b FROM (SELECT ",
             spec->wanted);
    query_text(sql, str_of(spec->table), e);
    buf_addf(sql,
             "::regclass AS r) AS t) AS x, generate_series(1, %zu) AS i"
             " WHERE b >= %zu ORDER BY i",
             spec->wanted - 1, spec->wanted);
}

/* Borders between the least value, a, and the greatest, b: the i-th of n lies
 * at head, i / n, tail. */
static void ask_width(const struct pgsplit_spec *spec, struct buf *sql,
                      const char *head, const char *tail, const char *only)
{
    buf_addf(sql, "SELECT (%s i / %zu%s)::text FROM (SELECT min(q.", head,
             spec->wanted, tail);
    query_name(sql, spec->column);
    buf_addz(sql, ") AS a, max(q.");
    query_name(sql, spec->column);
    buf_addz(sql, ") AS b FROM (");
    buf_add_str(sql, spec->select);
    buf_addz(sql, ") AS q");
    if (*only) {
        buf_addf(sql, " WHERE %s(q.", only);
        query_name(sql, spec->column);
        buf_addc(sql, ')');
    }
    buf_addf(sql, ") AS x, generate_series(1, %zu) AS i WHERE a < b ORDER BY i",
             spec->wanted - 1);
}

static void ask_order(const struct pgsplit_spec *spec, struct buf *sql)
{
    buf_addf(sql,
             "SELECT v::text FROM (SELECT percentile_disc(ARRAY(SELECT"
             " i / %zu::float8 FROM generate_series(1, %zu) AS i))"
             " WITHIN GROUP (ORDER BY q.",
             spec->wanted, spec->wanted - 1);
    query_name(sql, spec->column);
    buf_addz(sql, ") AS p FROM (");
    buf_add_str(sql, spec->select);
    buf_addz(sql, ") AS q) AS x, unnest(p) WITH ORDINALITY AS u(v, i)"
                  " WHERE v IS NOT NULL ORDER BY i");
}

static int ask(const struct pgsplit_spec *spec, struct buf *sql, struct err *e)
{
    if (!spec->oid)
        ask_blocks(spec, sql, e);
    else
        switch (pgtype_cut(spec->oid)) {
        case PGTYPE_CUT_INTEGER:
            ask_width(spec, sql, "trunc(a + (b::numeric - a) *", ")", "");
            break;
        case PGTYPE_CUT_TIME:
            ask_width(spec, sql, "a + (b - a) * (1.0::float8 *", ")",
                      "isfinite");
            break;
        case PGTYPE_CUT_DATE:
            ask_width(spec, sql, "a + ((b - a)::bigint *", ")::integer",
                      "isfinite");
            break;
        case PGTYPE_CUT_ORDER: ask_order(spec, sql); break;
        }
    return sql->failed ? err_nomem(e) : 0;
}

static void add_column(const struct pgsplit_spec *spec, struct buf *out)
{
    buf_addz(out, "q.");
    if (spec->oid)
        query_name(out, spec->column);
    else
        buf_addz(out, "ctid");
}

/* Appends q."column" OPERATOR 'border'. */
static int compare(const struct pgsplit_spec *spec, struct buf *out,
                   const char *operator, const char * border, struct err *e)
{
    add_column(spec, out);
    buf_addz(out, operator);
    return query_text(out, str_of(border), e);
}

/* The range from one border to the next one; NULL where it has none. */
static int add_range(struct pgsplit *p, const struct pgsplit_spec *spec,
                     const char *from, const char *to, struct err *e)
{
    struct buf *c = &p->conditions[p->n++];
    if (!from && !to)
        return 0;
    buf_addz(c, " WHERE ");
    if (!from) {
        buf_addc(c, '(');
        if (compare(spec, c, " < ", to, e))
            return -1;
        buf_addz(c, " OR ");
        add_column(spec, c);
        return buf_addz(c, " IS NULL)") ? err_nomem(e) : 0;
    }
    if (compare(spec, c, " >= ", from, e))
        return -1;
    if (to) {
        buf_addz(c, " AND ");
        if (compare(spec, c, " < ", to, e))
            return -1;
    }
    return c->failed ? err_nomem(e) : 0;
}

int pgsplit_cut(struct pgsplit *p, struct pgsession *s,
                const struct pgsplit_spec *spec, struct err *e)
{
    struct buf sql = { 0 };
    PGresult *rows = NULL;
    const char *z, *from = NULL;
    p->conditions = calloc(spec->wanted, sizeof(*p->conditions));
    int r = p->conditions ? 0 : err_nomem(e);
    if (r == 0 && spec->wanted > 1)
        r = ask(spec, &sql, e) || !(z = buf_z(&sql)) ||
                    pgsession_ask(s, z, &rows, e)
                ? -1
                : 0;
    for (int i = 0; r == 0 && rows && i < PQntuples(rows); i++) {
        const char *to = PQgetvalue(rows, i, 0);
        if (from && strcmp(from, to) == 0)
            continue;
        r = add_range(p, spec, from, to, e);
        from = to;
    }
    if (r == 0)
        r = add_range(p, spec, from, NULL, e);
    PQclear(rows);
    buf_free(&sql);
    return r;
}

void pgsplit_free(struct pgsplit *p)
{
    for (size_t i = 0; i < p->n; i++)
        buf_free(&p->conditions[i]);
    free(p->conditions);
    *p = (struct pgsplit){ 0 };
}
