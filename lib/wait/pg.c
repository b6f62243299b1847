/* A row of a PostgreSQL database. Each look is a connection and a read-only
 * transaction of its own: none is held while we wait. */
#include "io/pglink.h"
#include "source/pgsession.h"
#include "wait/sensor.h"

#include <stdlib.h>

/* Types of the catalogue, which are the same everywhere. */
enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_OID = 26,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_NUMERIC = 1700
};

static int pg_open(struct sensor *s, struct err *e)
{
    if (!s->opts->query)
        return err_set(e, ERR_USAGE, "'%s' needs --query", s->uri);
    return pglink_check(s->uri, "sensor", e);
}

static void pg_close(struct sensor *s)
{
    (void)s;
}

/* "0", "0.00", "-0e10" */
static bool is_zero(const char *number)
{
    size_t n = strcspn(number, "eE");
    return strcspn(number, "123456789NI") >= n;
}

static bool is_true(const PGresult *rows)
{
    const char *text = PQgetvalue(rows, 0, 0);
    if (PQgetisnull(rows, 0, 0))
        return false;
    switch (PQftype(rows, 0)) {
    case OID_BOOL: return *text == 't';
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID:
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC: return !is_zero(text);
    default: return *text != '\0';
    }
}

static int judge(struct sensor *s, const PGresult *rows, const char *name,
                 struct err *e)
{
    if (PQnfields(rows) == 0)
        return err_set(e, ERR_USAGE,
                       "query of %s is not one statement that reads rows",
                       name);
    if (PQntuples(rows) == 0)
        return sensor_lacks(s, e, "the query of %s gives no row", name);
    if (is_true(rows))
        return 1;
    return sensor_lacks(s, e, "the query of %s gives %.100s", name,
                        PQgetisnull(rows, 0, 0) ? "null"
                                                : PQgetvalue(rows, 0, 0));
}

/* Undefined table, undefined schema. */
static bool is_missing(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state &&
           (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0);
}

static int ask(struct sensor *s, struct pgsession *db, struct err *e)
{
    char name[300];
    PGresult *r = NULL;
    const char *database = PQdb(db->db), *host = PQhost(db->db);
    snprintf(name, sizeof(name), "database '%s' at '%s'",
             database ? database : "", host ? host : "");
    if (pgsession_send(db, s->opts->query, e))
        return -1;
    int got = pgsession_result(db, &r, e);
    if (got <= 0)
        return got < 0 ? -1 : err_set(e, ERR_USAGE, "the query is empty");
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        got = judge(s, r, name, e);
    else if (status == PGRES_EMPTY_QUERY)
        got = err_set(e, ERR_USAGE, "the query is empty");
    else if (status != PGRES_FATAL_ERROR) /* COPY has begun */
        got = err_set(e, ERR_USAGE,
                      "query of %s is not one statement that reads rows", name);
    else if (s->opts->allow_missing && is_missing(r))
        got = sensor_lacks(s, e, "%s",
                           PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
    else
        got = pgsession_fail(db, r, e);
    PQclear(r);
    return got;
}

static int pg_look(struct sensor *s, struct err *e)
{
    struct pgsession db = { 0 };
    int r = pgsession_open(&db, s->uri, "pipe-wait", s->opts->stop, NULL, e)
                ? -1
                : 0;
    if (r == 0)
        r = ask(s, &db, e);
    pgsession_close(&db);
    return r;
}

static const char *const prefixes[] = { "postgresql://", "postgres://", NULL };

const struct sensor_kind pg_sensor = {
    .bit = SENSOR_SQL,
    .prefixes = prefixes,
    .size = sizeof(struct sensor),
    .open = pg_open,
    .look = pg_look,
    .close = pg_close,
};
