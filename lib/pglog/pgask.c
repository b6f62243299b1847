#include "pglog/pgask.h"

#include "io/pglink.h"

#include <stdlib.h>

/* As everywhere, but what the server lacks for replication (wal_level, a free
 * slot, a slot whose log is gone) comes by no retry. */
static enum err_code code_of(const char *state)
{
    if (strcmp(state, "55000") == 0 || strcmp(state, "53400") == 0)
        return ERR_CONFIG;
    return pglink_code(state);
}

int pgask_fail(PGconn *db, const PGresult *r, struct err *e)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *message =
        r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    char text[600];
    if (!message || PQstatus(db) != CONNECTION_OK) {
        pglink_line(text, sizeof(text), message ? message : PQerrorMessage(db));
        return err_set(e, ERR_TEMPFAIL, "cannot read from PostgreSQL: %s",
                       *text ? text : "the connection is lost");
    }
    pglink_line(text, sizeof(text), message);
    return err_set(e, code_of(state ? state : ""),
                   "cannot read from PostgreSQL: %s", text);
}

static bool is_copy(const PGresult *r)
{
    ExecStatusType t = PQresultStatus(r);
    return t == PGRES_COPY_BOTH || t == PGRES_COPY_OUT;
}

static int await(PGconn *db, bool (*stop)(void), struct err *e)
{
    int left;
    while ((left = PQflush(db)) > 0)
        if (pglink_wait(db, true, stop, e))
            return -1;
    if (left < 0)
        return pgask_fail(db, NULL, e);
    while (PQisBusy(db)) {
        if (pglink_wait(db, false, stop, e))
            return -1;
        if (!PQconsumeInput(db))
            return pgask_fail(db, NULL, e);
    }
    return 0;
}

int pgask(PGconn *db, const char *sql, bool (*stop)(void), PGresult **to,
          struct err *e)
{
    PGresult *r, *kept = NULL;
    int bad = 0;
    if (to)
        *to = NULL;
    if (!PQsendQuery(db, sql))
        return pgask_fail(db, NULL, e);
    /* The last result is the statement's; a COPY has one that goes on. */
    while (!bad && !(kept && is_copy(kept))) {
        bad = await(db, stop, e);
        r = bad ? NULL : PQgetResult(db);
        if (!r)
            break;
        PQclear(kept);
        kept = r;
        if (PQresultStatus(r) == PGRES_FATAL_ERROR)
            bad = pgask_fail(db, r, e);
    }
    while (bad && PQstatus(db) == CONNECTION_OK && !PQisBusy(db) &&
           (r = PQgetResult(db)))
        PQclear(r);
    if (bad || !to) {
        PQclear(kept);
        return bad;
    }
    *to = kept;
    return kept ? 0 : pgask_fail(db, NULL, e);
}

int pgask_buf(PGconn *db, struct buf *sql, bool (*stop)(void), PGresult **r,
              struct err *e)
{
    const char *z = buf_z(sql);
    return z ? pgask(db, z, stop, r, e) : err_nomem(e);
}

static void quote(struct buf *sql, struct str s, char mark)
{
    buf_addc(sql, mark);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == mark)
            buf_addc(sql, mark);
        buf_addc(sql, s.p[i]);
    }
    buf_addc(sql, mark);
}

/* Sessions have standard_conforming_strings on: backslashes are letters. */
void pgask_literal(struct buf *sql, struct str text)
{
    quote(sql, text, '\'');
}

void pgask_name(struct buf *sql, struct str name)
{
    quote(sql, name, '"');
}

struct str pgask_value(const PGresult *r, int row, int column)
{
    if (PQgetisnull(r, row, column))
        return STR("");
    return (struct str){ PQgetvalue(r, row, column),
                         (size_t)PQgetlength(r, row, column) };
}
