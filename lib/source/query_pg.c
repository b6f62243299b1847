/* postgresql: rows of a PostgreSQL database, by COPY where it can be had, from
 * several connections where they are to share the work. */
#include "io/pglink.h"
#include "source/pgrow.h"
#include "source/pgsession.h"
#include "source/pgsplit.h"
#include "source/query.h"
#include "source/query_opts.h"

#include <stdlib.h>

#define JOBS_MAX PGSESSION_MAX

struct link {
    struct pgsession session;
    uint64_t rows; /* that it gave */
    bool begun, over;
};

struct postgres {
    struct source base;
    struct link *links; /* owned, n of them; the first one describes */
    size_t n, turn;
    struct pgrow row;
    struct query_rows rows;
    bool single; /* row by row: COPY will not have the statement */
};

/* ---- what is asked ---- */

/* What the statement gives, without running it. Its tables are locked from now
 * on, against changes of their columns. */
static int describe(struct postgres *s, const char *sql, struct err *e)
{
    struct pgsession *p = &s->links[0].session;
    PGresult *r = NULL, *description = NULL;
    int got = 0;
    if (!PQsendPrepare(p->db, "", sql, 0, NULL))
        return pgsession_fail(p, NULL, e);
    while ((got = pgsession_result(p, &r, e)) > 0) {
        int bad =
            PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : pgsession_fail(p, r, e);
        PQclear(r);
        if (bad)
            return -1;
    }
    if (got < 0 || !PQsendDescribePrepared(p->db, ""))
        return got < 0 ? -1 : pgsession_fail(p, NULL, e);
    while ((got = pgsession_result(p, &r, e)) > 0) {
        PQclear(description);
        description = r;
    }
    if (got == 0)
        got = description && PQresultStatus(description) == PGRES_COMMAND_OK
                  ? pgrow_describe(&s->row, p, description, e)
                  : pgsession_fail(p, description, e);
    PQclear(description);
    return got;
}

static int add_cursor(struct postgres *s, struct buf *select, struct err *e)
{
    const struct source_cursor *c = s->base.opts->cursor;
    bool text;
    int i = query_find(&s->row.columns, "--cursor", c->field, e);
    if (i < 0)
        return -1;
    if (!pgtype_is_cursor(s->row.oids[i], &text))
        return err_set(e, ERR_USAGE,
                       "--cursor: column '%s' is no number, time, text, UUID "
                       "or LSN: rows have no order by it that can be kept",
                       c->field);
    return query_since(c, QUERY_POSTGRESQL, text ? " COLLATE \"C\"" : "",
                       select, e);
}

static int cut(struct postgres *s, struct str select, struct pgsplit *split,
               struct err *e)
{
    const struct source_opts *o = s->base.opts;
    const char *column = o->query->split;
    struct buf table = { 0 };
    struct pgsplit_spec spec = { .select = select,
                                 .column = column,
                                 .wanted =
                                     o->jobs < JOBS_MAX ? o->jobs : JOBS_MAX };
    bool ctid = strcmp(column, "ctid") == 0 && o->query->table;
    int i = ctid ? 0 : query_find(&s->row.columns, "--split", column, e);
    if (i < 0)
        return -1;
    if (!ctid)
        spec.oid = s->row.oids[i];
    else
        query_table(&table, o->query->table);
    spec.table = ctid ? buf_z(&table) : "";
    int r = spec.table ? pgsplit_cut(split, &s->links[0].session, &spec, e)
                       : err_nomem(e);
    buf_free(&table);
    return r;
}

/* ---- starting ---- */

/* Is it that COPY will not have the statement, which is right by itself? */
static bool is_refused(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state &&
           (strcmp(state, "42601") == 0 || strcmp(state, "0A000") == 0);
}

static int send_copy(struct pgsession *p, struct str sql, struct err *e)
{
    struct buf copy = { 0 };
    buf_addz(&copy, "COPY (\n");
    buf_add_str(&copy, sql);
    buf_addz(&copy, "\n) TO STDOUT");
    const char *z = buf_z(&copy);
    int r = z ? pgsession_send(p, z, e) : err_nomem(e);
    buf_free(&copy);
    return r;
}

/* Waits for COPY to begin: 1; 0 where it is refused; -1. */
static int begin_copy(struct link *l, struct err *e)
{
    PGresult *r = NULL;
    int got = pgsession_result(&l->session, &r, e);
    l->begun = got > 0 && PQresultStatus(r) == PGRES_COPY_OUT;
    if (got >= 0 && !l->begun)
        got = is_refused(r) ? 0 : pgsession_fail(&l->session, r, e);
    PQclear(r);
    while (got == 0 && pgsession_result(&l->session, &r, e) > 0)
        PQclear(r);
    return got;
}

static int begin_rows(struct postgres *s, const char *sql, struct err *e)
{
    struct pgsession *p = &s->links[0].session;
    s->single = true;
    return PQsendQueryParams(p->db, sql, 0, NULL, NULL, NULL, NULL, 0) &&
                   PQsetSingleRowMode(p->db)
               ? 0
               : pgsession_fail(p, NULL, e);
}

/* As one statement, by COPY or without. */
static int start(struct postgres *s, struct buf *sql, struct err *e)
{
    struct pgsession *p = &s->links[0].session;
    if (pgsession_run(p, "SAVEPOINT copy", e))
        return -1;
    int got = send_copy(p, buf_str(sql), e) ? -1 : begin_copy(&s->links[0], e);
    if (got)
        return got < 0 ? -1 : 0;
    const char *z = buf_z(sql);
    if (pgsession_run(p, "ROLLBACK TO SAVEPOINT copy", e))
        return -1;
    return z ? begin_rows(s, z, e) : err_nomem(e);
}

/* A connection for each range, all in the snapshot of the first one. */
static int connect_others(struct postgres *s, size_t n, struct err *e)
{
    struct pgsession *first = &s->links[0].session;
    PGresult *r = NULL;
    int got = pgsession_ask(first, "SELECT pg_export_snapshot()", &r, e);
    for (; got == 0 && s->n < n; s->n++)
        got = pgsession_open(&s->links[s->n].session, s->base.uri,
                             s->base.opts->app, first->stop,
                             PQgetvalue(r, 0, 0), e);
    PQclear(r);
    return got;
}

static int start_split(struct postgres *s, struct str select, struct err *e)
{
    struct pgsplit split = { 0 };
    struct buf sql = { 0 };
    int got = cut(s, select, &split, e);
    if (got == 0 && split.n > 1)
        got = connect_others(s, split.n, e);
    for (size_t i = 0; got == 0 && i < s->n; i++) {
        buf_reset(&sql);
        buf_add_str(&sql, select);
        buf_add_str(&sql, buf_str(&split.conditions[i]));
        got = sql.failed ? err_nomem(e)
                         : send_copy(&s->links[i].session, buf_str(&sql), e);
    }
    buf_free(&sql);
    pgsplit_free(&split);
    return got;
}

static int ask(struct postgres *s, struct buf *sql, struct buf *select,
               struct err *e)
{
    const struct source_opts *o = s->base.opts;
    bool placed;
    const char *z;
    if (query_sql(o, QUERY_POSTGRESQL, sql, &placed, e))
        return -1;
    if (!(z = buf_z(sql)))
        return err_nomem(e);
    if (describe(s, z, e))
        return -1;
    if (!o->query->split && (!o->cursor || placed))
        return start(s, sql, e);
    query_select(o->query, buf_str(sql), select);
    if (o->query->split)
        return start_split(s, buf_str(select), e);
    return add_cursor(s, select, e) ? -1 : start(s, select, e);
}

static int check(const struct source *base, struct err *e)
{
    const struct source_opts *o = base->opts;
    if (pglink_check(base->uri, "source", e))
        return -1;
    if (!o->query || !o->query->split)
        return 0;
    if (o->cursor)
        return err_set(e, ERR_USAGE,
                       "--split mixes the order that --cursor needs: give one "
                       "of them");
    return o->jobs ? 0 : err_set(e, ERR_USAGE, "--split goes with -j");
}

static int postgres_open(struct source *base, struct err *e)
{
    struct postgres *s = (struct postgres *)base;
    const struct source_opts *o = base->opts;
    struct buf sql = { 0 }, select = { 0 };
    if (check(base, e))
        return -1;
    if (!(s->links = calloc(JOBS_MAX, sizeof(*s->links))))
        return err_nomem(e);
    s->n = 1;
    s->row.max_record = o->max_record;
    s->row.max_depth = o->max_depth;
    int r = pgsession_open(&s->links[0].session, base->uri, o->app, o->stop,
                           NULL, e) ||
                    ask(s, &sql, &select, e)
                ? -1
                : 0;
    buf_free(&sql);
    buf_free(&select);
    return r;
}

static void postgres_close(struct source *base)
{
    struct postgres *s = (struct postgres *)base;
    for (size_t i = 0; s->links && i < JOBS_MAX; i++)
        pgsession_close(&s->links[i].session);
    free(s->links);
    pgrow_free(&s->row);
    query_rows_free(&s->rows);
}

/* ---- reading ---- */

/* COPY has come to its end, by its own account or the server's. */
static int end_copy(struct postgres *s, struct link *l, struct err *e)
{
    PGresult *r;
    int got, bad = 0;
    l->over = true;
    while ((got = pgsession_result(&l->session, &r, e)) > 0) {
        if (!bad && PQresultStatus(r) != PGRES_COMMAND_OK)
            bad = pgsession_fail(&l->session, r, e);
        else if (!bad && strtoull(PQcmdTuples(r), NULL, 10) != l->rows)
            bad = err_set(e, ERR_TEMPFAIL,
                          "cannot read from PostgreSQL: it says %s rows, %llu "
                          "came",
                          PQcmdTuples(r), (unsigned long long)l->rows);
        PQclear(r);
    }
    (void)s;
    return got < 0 || bad ? -1 : 0;
}

/* Takes what has come from one connection, up to a block: 1 if there was
 * something, 0 if nothing is there for now, -1. The server tells that it has
 * begun no earlier than with the first rows. */
static int take_copy(struct postgres *s, struct link *l, struct err *e)
{
    if (!l->begun) {
        if (PQisBusy(l->session.db))
            return 0;
        int got = begin_copy(l, e);
        if (got == 0)
            err_set(e, ERR_USAGE,
                    "--split: the statement of --query is no SELECT, and has "
                    "no ranges");
        return got > 0 ? 1 : -1;
    }
    bool some = false;
    char *line = NULL;
    int n = 0;
    while (!query_full(&s->rows, s->base.opts) &&
           (n = PQgetCopyData(l->session.db, &line, 1)) > 0) {
        struct str text = { line, (size_t)n };
        text.n -= text.p[text.n - 1] == '\n';
        int bad = pgrow_copy(&s->row, text, &s->rows, e) ||
                  (s->rows.rejected && query_raw(&s->rows, text, e));
        PQfreemem(line);
        if (bad)
            return -1;
        l->rows++;
        some = true;
    }
    if (n == -2)
        return pgsession_fail(&l->session, NULL, e);
    if (n == -1)
        return end_copy(s, l, e) ? -1 : 1;
    return some;
}

/* The same of a result's rows. */
static int take_rows(struct postgres *s, struct link *l, struct err *e)
{
    PGresult *r;
    if (PQisBusy(l->session.db))
        return 0;
    int got = pgsession_result(&l->session, &r, e);
    if (got <= 0) {
        l->over = true;
        return got < 0 ? -1 : 1;
    }
    ExecStatusType t = PQresultStatus(r);
    int bad = t == PGRES_SINGLE_TUPLE ? pgrow_result(&s->row, r, &s->rows, e)
              : t == PGRES_TUPLES_OK  ? 0
                                      : pgsession_fail(&l->session, r, e);
    PQclear(r);
    return bad ? -1 : 1;
}

/* One turn over all connections: 1 if one of them gave something or ended; 0 if
 * none did, -1. */
static int take_turn(struct postgres *s, struct err *e)
{
    bool some = false;
    for (size_t k = 0; k < s->n && !query_full(&s->rows, s->base.opts); k++) {
        struct link *l = &s->links[s->turn];
        s->turn = (s->turn + 1) % s->n;
        if (l->over)
            continue;
        int got = s->single ? take_rows(s, l, e) : take_copy(s, l, e);
        if (got < 0)
            return -1;
        some |= got > 0;
    }
    return some;
}

/* The connections that are not at their end. */
static size_t open_sessions(struct postgres *s, struct pgsession **v)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!s->links[i].over)
            v[n++] = &s->links[i].session;
    return n;
}

static int postgres_next(struct source *base, struct source_item *item,
                         struct err *e)
{
    struct postgres *s = (struct postgres *)base;
    struct pgsession *v[JOBS_MAX];
    size_t n;
    query_begin(&s->rows);
    while (!query_full(&s->rows, base->opts) && (n = open_sessions(s, v))) {
        int got = take_turn(s, e);
        if (got < 0)
            return -1;
        if (got == 0 && (got = pgsession_wait(v, n, e)) < 0)
            return -1;
        if (got == 0 && s->rows.count)
            break; /* the server is slow: what there is may go on */
    }
    return query_item(&s->rows, item);
}

static const char *const schemes[] = { "postgresql://", "postgres://", NULL };

SOURCE_CONNECTOR(postgresql) = {
    .name = "postgresql",
    .size = sizeof(struct postgres),
    .open = postgres_open,
    .next = postgres_next,
    .close = postgres_close,
    .schemes = schemes,
    .opts = query_opts,
    .position_kind = POSITION_MARK,
};
