#include "position/stored.h"

#include "io/pglink.h"
#include "json/check.h"
#include "position/frontier.h"

#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

#define BUSY_MS 30000

/* What is asked, and what is done with each row. */
struct question {
    const char *pipeline, *source; /* NULL: of all sources, their names */
    struct positions *ps;
    struct buf *names;
};

/* Behind the table's name. */
static const char *clause(const struct question *q)
{
    return q->source ? " WHERE pipeline = $1 AND source = $2"
                       " ORDER BY updated_at"
                     : " WHERE pipeline = $1 ORDER BY source";
}

static const char *column(const struct question *q)
{
    return q->source ? "SELECT position FROM " : "SELECT DISTINCT source FROM ";
}

int stored_parse(struct positions *ps, const char *json, struct err *e)
{
    struct json_fault fault;
    struct str text = json ? str_of(json) : STR("");
    if (json_check_object(text, JSON_DEPTH_DEFAULT, &fault))
        return err_set(e, ERR_DATA, "position in " STORED_TABLE " is damaged");
    return position_read(ps, text, e);
}

/* Each table that is loaded has a row: the farthest counts, where there is no
 * order the latest; of several at one place what any of them has. */
static int take_row(struct positions *ps, const char *text, struct err *e)
{
    struct positions one = { 0 };
    bool order = false;
    int r = stored_parse(&one, text, e);
    const struct position *row = one.n ? &one.v[0] : NULL;
    struct position *p = row ? positions_find(ps, row->partition) : NULL;
    if (r == 0 && !p) {
        r = positions_copy(ps, &one, e);
    } else if (r == 0) {
        int c = p->kind == row->kind
                    ? position_cmp(p->kind, row->value, p->value, &order)
                    : 0;
        if (!order || c > 0)
            r = position_copy(p, row, e);
        else if (c == 0)
            r = frontier_merge(p, row, e);
    }
    positions_free(&one);
    return r;
}

static int take(const struct question *q, const char *text, struct err *e)
{
    if (q->source)
        return take_row(q->ps, text, e);
    buf_addz(q->names, text ? text : "");
    return buf_addc(q->names, '\0') ? err_nomem(e) : 0;
}

/* ---- SQLite ---- */

static int sqlite_failed(sqlite3 *db, const char *path, struct err *e)
{
    int code = sqlite3_errcode(db);
    return err_set(e,
                   code == SQLITE_BUSY     ? ERR_TEMPFAIL
                   : code == SQLITE_NOTADB ? ERR_CONFIG
                                           : ERR_IO,
                   "cannot read positions from '%s': %s", path,
                   sqlite3_errmsg(db));
}

static int has_table(sqlite3 *db, const char *path, struct err *e)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(db,
                           "SELECT 1 FROM sqlite_schema WHERE name = "
                           "'" STORED_TABLE "'",
                           -1, &q, NULL))
        return sqlite_failed(db, path, e);
    int step = sqlite3_step(q);
    sqlite3_finalize(q);
    return step == SQLITE_ROW    ? 1
           : step == SQLITE_DONE ? 0
                                 : sqlite_failed(db, path, e);
}

static int read_rows(sqlite3 *db, const char *path, const struct question *q,
                     struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    struct buf sql = { .max = 4096 };
    int step = SQLITE_OK, r = 0;
    buf_addf(&sql, "%s" STORED_TABLE "%s", column(q), clause(q));
    if (!buf_z(&sql))
        r = err_nomem(e);
    else if (sqlite3_prepare_v2(db, sql.p, -1, &stmt, NULL))
        r = sqlite_failed(db, path, e);
    buf_free(&sql);
    if (r)
        return -1;
    sqlite3_bind_text(stmt, 1, q->pipeline, -1, SQLITE_STATIC);
    if (q->source)
        sqlite3_bind_text(stmt, 2, q->source, -1, SQLITE_STATIC);
    while (r == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
        r = take(q, (const char *)sqlite3_column_text(stmt, 0), e);
    sqlite3_finalize(stmt);
    return r == 0 && step != SQLITE_DONE ? sqlite_failed(db, path, e) : r;
}

static int sqlite_read(const char *path, const struct question *q,
                       struct err *e)
{
    sqlite3 *db = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    int r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL)
                ? (db ? sqlite_failed(db, path, e) : err_nomem(e))
                : 0;
    if (r == 0) {
        sqlite3_busy_timeout(db, BUSY_MS);
        r = has_table(db, path, e);
        r = r > 0 ? read_rows(db, path, q, e) : r;
    }
    sqlite3_close(db);
    return r;
}

/* ---- PostgreSQL ---- */

static int pg_failed(PGconn *db, PGresult *r, struct err *e)
{
    char text[600];
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    pglink_line(text, sizeof(text), PQerrorMessage(db));
    PQclear(r);
    return err_set(e, state ? pglink_code(state) : ERR_TEMPFAIL,
                   "cannot read positions from PostgreSQL: %s", text);
}

/* The tables in all schemas that we may look into; loads write into that of
 * the table which they load. */
static int pg_tables(PGconn *db, PGresult **r, struct err *e)
{
    *r = PQexec(db, "SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n"
                    " ON n.oid = c.relnamespace WHERE c.relname ="
                    " '" STORED_TABLE "' AND c.relkind IN ('r', 'p') AND"
                    " has_schema_privilege(n.oid, 'USAGE')"
                    " ORDER BY pg_table_is_visible(c.oid) DESC, c.oid");
    if (PQresultStatus(*r) == PGRES_TUPLES_OK)
        return 0;
    pg_failed(db, *r, e);
    *r = NULL;
    return -1;
}

/* Rows of one table: how many, or -1. */
static int pg_rows(PGconn *db, const char *table, const struct question *q,
                   struct err *e)
{
    struct buf sql = { .max = 65536 };
    const char *const values[] = { q->pipeline, q->source };
    buf_addf(&sql, "%s%s%s", column(q), table, clause(q));
    const char *text = buf_z(&sql);
    PGresult *r = text ? PQexecParams(db, text, q->source ? 2 : 1, NULL, values,
                                      NULL, NULL, 0)
                       : NULL;
    buf_free(&sql);
    if (!text)
        return err_nomem(e);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        return pg_failed(db, r, e);
    int n = PQntuples(r);
    for (int i = 0; i < n; i++)
        if (take(q, PQgetvalue(r, i, 0), e))
            n = -1;
    PQclear(r);
    return n;
}

static int pg_read(const char *uri, const struct question *q, const char *app,
                   bool (*stop)(void), struct err *e)
{
    PGconn *db = NULL;
    PGresult *tables = NULL;
    int found = 0;
    int r = pglink_check(uri, "ledger", e) ||
                    pglink_open(&db, uri, app, stop, e) ||
                    pg_tables(db, &tables, e)
                ? -1
                : 0;
    for (int i = 0; r == 0 && !found && i < PQntuples(tables); i++) {
        found = pg_rows(db, PQgetvalue(tables, i, 0), q, e);
        r = found < 0 ? -1 : 0;
    }
    PQclear(tables);
    PQfinish(db);
    return r;
}

static int ask(const char *uri, const struct question *q, const char *app,
               bool (*stop)(void), struct err *e)
{
    if (strncmp(uri, "sqlite:", 7) == 0)
        return sqlite_read(uri + 7, q, e);
    if (strncmp(uri, "postgresql://", 13) == 0 ||
        strncmp(uri, "postgres://", 11) == 0)
        return pg_read(uri, q, app, stop, e);
    return err_set(e, ERR_USAGE,
                   "ledger '%s' is neither sqlite:FILE nor postgresql://...",
                   uri);
}

int stored_read(const char *uri, const char *pipeline, struct positions *ps,
                const char *app, bool (*stop)(void), struct err *e)
{
    const struct question q = { .pipeline = pipeline,
                                .source = ps->source.p,
                                .ps = ps };
    positions_clear(ps);
    return ask(uri, &q, app, stop, e);
}

int stored_sources(const char *uri, const char *pipeline, struct buf *names,
                   const char *app, bool (*stop)(void), struct err *e)
{
    const struct question q = { .pipeline = pipeline, .names = names };
    return ask(uri, &q, app, stop, e);
}
