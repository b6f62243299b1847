#include "io/pglink.h"
#include "sink/pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PIECE ((size_t)64 << 10)

/* ---- failures ---- */

static bool starts(const char *state, const char *class)
{
    return strncmp(state, class, strlen(class)) == 0;
}

static int fail_connection(struct pg_sink *s, struct err *e, const char *doing)
{
    char text[600];
    pglink_line(text, sizeof(text), PQerrorMessage(s->db));
    s->dead = true;
    return err_set(e, ERR_TEMPFAIL, "cannot %s '%s': %s", doing,
                   s->base.spec->table,
                   *text ? text : "the connection is lost");
}

static const char *field(const PGresult *r, int which)
{
    const char *v = PQresultErrorField(r, which);
    return v ? v : "";
}

/* Fills e from a result that is an error. */
static int fail(struct pg_sink *s, struct err *e, const PGresult *r,
                const char *doing)
{
    const char *state = field(r, PG_DIAG_SQLSTATE);
    char text[400], more[300];
    if (PQstatus(s->db) != CONNECTION_OK)
        return fail_connection(s, e, doing);
    snprintf(s->state, sizeof(s->state), "%s", state);
    s->retry = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
    pglink_line(text, sizeof(text), field(r, PG_DIAG_MESSAGE_PRIMARY));
    pglink_line(more, sizeof(more), field(r, PG_DIAG_MESSAGE_DETAIL));
    return err_set(e, pglink_code(state), "cannot %s '%s': %s%s%s%s", doing,
                   s->base.spec->table, text, *more ? " (" : "", more,
                   *more ? ")" : "");
}

bool pg_is_locked(const struct pg_sink *s)
{
    return !s->dead && strcmp(s->state, "55P03") == 0;
}

/* Are rows at fault? Then why is filled, which borrows from s->text. */
static bool blames_row(struct pg_sink *s, const PGresult *r,
                       struct sink_refusal *why)
{
    const char *state = field(r, PG_DIAG_SQLSTATE);
    const char *column = field(r, PG_DIAG_COLUMN_NAME);
    char text[300], more[200];
    if (!starts(state, "22") && !starts(state, "23") &&
        strcmp(state, "P0001") != 0 && strcmp(state, "54000") != 0)
        return false;
    pglink_line(text, sizeof(text), field(r, PG_DIAG_MESSAGE_PRIMARY));
    pglink_line(more, sizeof(more), field(r, PG_DIAG_MESSAGE_DETAIL));
    /* COPY names the column in the context: "COPY t, line 3, column a: ..." */
    struct str name = str_of(column);
    const char *context = field(r, PG_DIAG_CONTEXT);
    for (size_t i = 0; name.n == 0 && i < s->table.n; i++) {
        char mark[300];
        int n =
            snprintf(mark, sizeof(mark), ", column %s: ", s->table.v[i].name);
        if (n > 0 && (size_t)n < sizeof(mark) && strstr(context, mark))
            name = str_of(s->table.v[i].name);
    }
    buf_reset(&s->text);
    buf_add_str(&s->text, name);
    sink_refusef(why, starts(state, "23") ? "constraint" : "invalid_value",
                 buf_str(&s->text), "%s%s%s%s", text, *more ? " (" : "", more,
                 *more ? ")" : "");
    return true;
}

/* ---- waiting ---- */

uint64_t pg_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int pg_nap(struct pg_sink *s, unsigned ms, struct err *e)
{
    const struct timespec nap = { ms / 1000, (long)(ms % 1000) * 1000000 };
    nanosleep(&nap, NULL);
    if (s->base.spec->stop && s->base.spec->stop())
        return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
    return 0;
}

/* Pushes out what libpq holds. */
static int push(struct pg_sink *s, const char *doing, struct err *e)
{
    int r;
    while ((r = PQflush(s->db)) > 0) {
        if (pglink_wait(s->db, true, s->base.spec->stop, e))
            return -1;
        if (!PQconsumeInput(s->db))
            break;
    }
    return r ? fail_connection(s, e, doing) : 0;
}

/* The next result, NULL at the end of them or with e. */
static PGresult *result(struct pg_sink *s, const char *doing, struct err *e)
{
    if (push(s, doing, e))
        return NULL;
    while (PQisBusy(s->db)) {
        if (pglink_wait(s->db, false, s->base.spec->stop, e))
            return NULL;
        if (!PQconsumeInput(s->db)) {
            fail_connection(s, e, doing);
            return NULL;
        }
    }
    return PQgetResult(s->db);
}

/* The last result of a statement, the others dropped. */
static PGresult *last_result(struct pg_sink *s, const char *doing,
                             struct err *e)
{
    PGresult *last = NULL, *r;
    struct err lost = { 0 };
    while ((r = result(s, doing, &lost))) {
        PQclear(last);
        last = r;
        ExecStatusType t = PQresultStatus(r);
        if (t == PGRES_COPY_IN || PQstatus(s->db) != CONNECTION_OK)
            break;
    }
    if (lost.code || !last) {
        PQclear(last);
        if (lost.code)
            *e = lost;
        else
            fail_connection(s, e, doing);
        return NULL;
    }
    return last;
}

/* ---- statements ---- */

static PGresult *ask(struct pg_sink *s, const char *doing, struct err *e)
{
    const char *sql = buf_z(&s->sql);
    s->retry = false;
    s->state[0] = '\0';
    if (!sql) {
        err_nomem(e);
        return NULL;
    }
    if (!PQsendQuery(s->db, sql)) {
        fail_connection(s, e, doing);
        return NULL;
    }
    return last_result(s, doing, e);
}

static bool is_good(const PGresult *r)
{
    ExecStatusType t = PQresultStatus(r);
    return t == PGRES_COMMAND_OK || t == PGRES_TUPLES_OK;
}

PGresult *pg_query(struct pg_sink *s, const char *doing, struct err *e)
{
    PGresult *r = ask(s, doing, e);
    if (r && !is_good(r)) {
        fail(s, e, r, doing);
        PQclear(r);
        r = NULL;
    }
    return r;
}

int pg_run_sql(struct pg_sink *s, const char *doing, struct err *e)
{
    PGresult *r = pg_query(s, doing, e);
    PQclear(r);
    return r ? 0 : -1;
}

int pg_run(struct pg_sink *s, const char *sql, const char *doing, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, sql);
    return pg_run_sql(s, doing, e);
}

int pg_try(struct pg_sink *s, const char *doing, uint64_t *changed,
           enum pg_fault *fault, struct sink_refusal *why, struct err *e)
{
    PGresult *r = ask(s, doing, e);
    int done = -1;
    if (!r)
        return -1;
    if (is_good(r)) {
        *changed = strtoull(PQcmdTuples(r), NULL, 10);
        done = 1;
    } else if (strcmp(field(r, PG_DIAG_SQLSTATE), "21000") == 0) {
        *fault = PG_REPEATED;
        done = 0;
    } else if (blames_row(s, r, why)) {
        *fault = PG_ROW;
        done = 0;
    } else {
        fail(s, e, r, doing);
    }
    PQclear(r);
    return done;
}

/* ---- COPY ---- */

int pg_copy_begin(struct pg_sink *s, struct err *e)
{
    PGresult *r = ask(s, "write to", e);
    if (!r)
        return -1;
    bool good = PQresultStatus(r) == PGRES_COPY_IN;
    if (!good)
        fail(s, e, r, "write to");
    PQclear(r);
    return good ? 0 : -1;
}

int pg_copy_feed(struct pg_sink *s, struct str *data, struct err *e)
{
    int r;
    while (data->n && (r = PQflush(s->db)) <= 0) {
        size_t n = data->n < PIECE ? data->n : PIECE;
        if (r < 0 || (r = PQputCopyData(s->db, data->p, (int)n)) < 0)
            return fail_connection(s, e, "write to");
        if (r == 0)
            return 0;
        *data = (struct str){ data->p + n, data->n - n };
    }
    /* A server that has failed already says so, and would wait. */
    return PQconsumeInput(s->db) ? 0 : fail_connection(s, e, "write to");
}

/* The line that COPY names in its context; 0: it does not. */
static uint64_t line_of(const PGresult *r)
{
    const char *p = field(r, PG_DIAG_CONTEXT);
    while ((p = strchr(p, ','))) {
        p += 1 + strcspn(p + 1, "0123456789,:\n");
        if (*p >= '0' && *p <= '9')
            return strtoull(p, NULL, 10);
    }
    return 0;
}

int pg_copy_end(struct pg_sink *s, struct str rest, struct sink_refusal *why,
                uint64_t *line, struct err *e)
{
    int put;
    while (rest.n)
        if (pg_copy_feed(s, &rest, e) || (rest.n && push(s, "write to", e)))
            return -1;
    while ((put = PQputCopyEnd(s->db, NULL)) == 0)
        if (push(s, "write to", e))
            return -1;
    if (put < 0)
        return fail_connection(s, e, "write to");
    PGresult *r = last_result(s, "write to", e);
    if (!r)
        return -1;
    int done = is_good(r) ? 1 : blames_row(s, r, why) ? 0 : -1;
    if (done == 0)
        *line = line_of(r);
    if (done < 0)
        fail(s, e, r, "write to");
    PQclear(r);
    return done;
}

/* ---- the connection ---- */

int pg_check(const struct sink_spec *spec, struct err *e)
{
    return pglink_check(spec->uri, "target", e);
}

int pg_connect(struct pg_sink *s, struct err *e)
{
    PQfinish(s->db);
    s->dead = false;
    s->begun = false;
    if (pglink_open(&s->db, s->base.spec->uri, "pipe-load", s->base.spec->stop,
                    e))
        return -1;
    if (PQsetnonblocking(s->db, 1))
        return fail_connection(s, e, "connect to the database of");
    return pg_run(s,
                  "SET standard_conforming_strings = on; SET datestyle = ISO;"
                  " SET timezone = 'UTC'; SET client_min_messages = warning",
                  "connect to the database of", e);
}
