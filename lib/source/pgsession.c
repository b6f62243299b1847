#include "source/pgsession.h"

#include "base/buf.h"
#include "io/pglink.h"

#include <errno.h>
#include <poll.h>

#define WAIT_MS 100

static int fail_connection(struct pgsession *s, struct err *e)
{
    char text[600];
    pglink_line(text, sizeof(text), PQerrorMessage(s->db));
    return err_set(e, ERR_TEMPFAIL, "cannot read from PostgreSQL: %s",
                   *text ? text : "the connection is lost");
}

int pgsession_fail(struct pgsession *s, const PGresult *r, struct err *e)
{
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    char text[600];
    if (!message)
        return fail_connection(s, e);
    pglink_line(text, sizeof(text), message);
    return err_set(e, pglink_code(state ? state : ""),
                   "cannot read from PostgreSQL: %s", text);
}

static int flush(struct pgsession *s, struct err *e)
{
    int left;
    while ((left = PQflush(s->db)) > 0) {
        if (pglink_wait(s->db, true, s->stop, e))
            return -1;
        if (!PQconsumeInput(s->db))
            return fail_connection(s, e);
    }
    return left < 0 ? fail_connection(s, e) : 0;
}

int pgsession_send(struct pgsession *s, const char *sql, struct err *e)
{
    /* With parameters, be it none, the server takes one statement only. */
    return PQsendQueryParams(s->db, sql, 0, NULL, NULL, NULL, NULL, 0)
               ? flush(s, e)
               : fail_connection(s, e);
}

int pgsession_result(struct pgsession *s, PGresult **r, struct err *e)
{
    if (flush(s, e))
        return -1;
    while (PQisBusy(s->db))
        if (pgsession_wait(&s, 1, e) < 0)
            return -1;
    *r = PQgetResult(s->db);
    return *r != NULL;
}

/* Reads all results of what was sent; keeps the last, if rows is not NULL. */
static int finish(struct pgsession *s, PGresult **rows, struct err *e)
{
    PGresult *r;
    int got, bad = 0;
    while ((got = pgsession_result(s, &r, e)) > 0) {
        ExecStatusType t = PQresultStatus(r);
        if (!bad && t != PGRES_COMMAND_OK && t != PGRES_TUPLES_OK)
            bad = pgsession_fail(s, r, e);
        if (rows && t == PGRES_TUPLES_OK) {
            PQclear(*rows);
            *rows = r;
        } else {
            PQclear(r);
        }
    }
    return got < 0 || bad ? -1 : 0;
}

int pgsession_run(struct pgsession *s, const char *sql, struct err *e)
{
    return PQsendQuery(s->db, sql) ? finish(s, NULL, e) : fail_connection(s, e);
}

int pgsession_ask(struct pgsession *s, const char *sql, PGresult **rows,
                  struct err *e)
{
    *rows = NULL;
    if (pgsession_send(s, sql, e) || finish(s, rows, e)) {
        PQclear(*rows);
        *rows = NULL;
        return -1;
    }
    return *rows ? 0
                 : err_set(e, ERR_BUG, "PostgreSQL gave no rows for '%s'", sql);
}

/* Local to the transaction: behind a pooler the next one may be another's. */
static int begin(struct pgsession *s, const char *snapshot, struct err *e)
{
    const char *encoding = PQparameterStatus(s->db, "server_encoding");
    struct buf sql = { 0 };
    buf_addz(&sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;");
    /* Who else waits for a table that the first transaction holds would be
     * waited for here, and wait for us: nobody sees that but by time. */
    if (snapshot)
        buf_addf(&sql,
                 " SET TRANSACTION SNAPSHOT '%s'; SET LOCAL lock_timeout ="
                 " '10s';",
                 snapshot);
    buf_addz(&sql, " SET LOCAL datestyle = ISO; SET LOCAL timezone = 'UTC';"
                   " SET LOCAL intervalstyle = iso_8601;"
                   " SET LOCAL bytea_output = hex;"
                   " SET LOCAL extra_float_digits = 1;"
                   " SET LOCAL standard_conforming_strings = on");
    /* A database of mere bytes: its first one that is no text would end all. */
    if (encoding && strcmp(encoding, "SQL_ASCII") == 0)
        buf_addz(&sql, "; SET LOCAL client_encoding = 'SQL_ASCII'");
    const char *z = buf_z(&sql);
    int r = z ? pgsession_run(s, z, e) : err_nomem(e);
    buf_free(&sql);
    return r;
}

int pgsession_open(struct pgsession *s, const char *uri, const char *app,
                   bool (*stop)(void), const char *snapshot, struct err *e)
{
    *s = (struct pgsession){ .stop = stop };
    if (pglink_open(&s->db, uri, app, stop, e))
        return -1;
    if (PQsetnonblocking(s->db, 1))
        return fail_connection(s, e);
    return begin(s, snapshot, e);
}

static int stopped(struct pgsession *const *v, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        pglink_cancel(v[i]->db);
    return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
}

int pgsession_wait(struct pgsession *const *v, size_t n, struct err *e)
{
    struct pollfd p[PGSESSION_MAX];
    for (size_t i = 0; i < n; i++)
        p[i] = (struct pollfd){ PQsocket(v[i]->db), POLLIN, 0 };
    int seen = poll(p, (nfds_t)n, WAIT_MS);
    if (seen < 0 && errno != EINTR)
        return err_sys(e, ERR_IO, errno, "cannot wait for the server");
    if (v[0]->stop && v[0]->stop())
        return stopped(v, n, e);
    /* Also where nothing is seen: TLS may hold what poll does not know of. */
    for (size_t i = 0; i < n; i++)
        if (!PQconsumeInput(v[i]->db))
            return fail_connection(v[i], e);
    return seen > 0;
}

void pgsession_close(struct pgsession *s)
{
    /* The server itself would notice no earlier than with the next rows. */
    if (s->db && PQtransactionStatus(s->db) == PQTRANS_ACTIVE)
        pglink_cancel(s->db);
    PQfinish(s->db);
    *s = (struct pgsession){ 0 };
}
