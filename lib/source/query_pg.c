/* postgresql: rows of a PostgreSQL database, one at a time as they come. */
#include "base/base64.h"
#include "io/pglink.h"
#include "json/value.h"
#include "source/query.h"

#include <stdlib.h>

/* Types by their number in pg_type, the same in every database. */
enum oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_OID = 26,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
    OID_JSONB = 3802
};

struct postgres {
    struct source base;
    PGconn *db;
    PGresult *row; /* the first one is read when opening */
    struct query_columns columns;
    struct buf text, bytes;
    struct source_fault fault;
    bool has_json;
    bool held, over;
};

/* ---- the server ---- */

static int fail_connection(struct postgres *s, struct err *e)
{
    char text[600];
    pglink_line(text, sizeof(text), PQerrorMessage(s->db));
    return err_set(e, ERR_TEMPFAIL, "cannot read from PostgreSQL: %s",
                   *text ? text : "the connection is lost");
}

static int fail_result(struct postgres *s, const PGresult *r, struct err *e)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    char text[600];
    if (PQstatus(s->db) != CONNECTION_OK || !message)
        return fail_connection(s, e);
    pglink_line(text, sizeof(text), message);
    return err_set(e, pglink_code(state ? state : ""),
                   "cannot read from PostgreSQL: %s", text);
}

/* The next result: 1 with *r, 0 at the end of them, -1. */
static int next_result(struct postgres *s, PGresult **r, struct err *e)
{
    bool (*stop)(void) = s->base.opts->query->stop;
    int left;
    while ((left = PQflush(s->db)) > 0)
        if (pglink_wait(s->db, true, stop, e))
            return -1;
    if (left < 0)
        return fail_connection(s, e);
    while (PQisBusy(s->db)) {
        if (pglink_wait(s->db, false, stop, e))
            return -1;
        if (!PQconsumeInput(s->db))
            return fail_connection(s, e);
    }
    *r = PQgetResult(s->db);
    return *r != NULL;
}

/* Sends a statement that gives no rows. */
static int run(struct postgres *s, const char *sql, struct err *e)
{
    PGresult *r;
    int got, bad = 0;
    if (!PQsendQuery(s->db, sql))
        return fail_connection(s, e);
    while ((got = next_result(s, &r, e)) > 0) {
        if (!bad && PQresultStatus(r) != PGRES_COMMAND_OK)
            bad = fail_result(s, r, e);
        PQclear(r);
    }
    return got < 0 || bad ? -1 : 0;
}

static int ask(struct postgres *s, struct err *e)
{
    const char *sql;
    if (query_sql(s->base.opts->query, &s->text) || !(sql = buf_z(&s->text)))
        return err_nomem(e);
    /* With parameters, be it none, the server takes one statement only. */
    if (!PQsendQueryParams(s->db, sql, 0, NULL, NULL, NULL, NULL, 0) ||
        !PQsetSingleRowMode(s->db))
        return fail_connection(s, e);
    return 0;
}

/* Reads the next row into s->row: 1, 0 behind the last, -1. The result behind
 * the last has no rows, but their columns. */
static int read_row(struct postgres *s, struct err *e)
{
    if (s->over)
        return 0;
    PQclear(s->row);
    s->row = NULL;
    int got = next_result(s, &s->row, e);
    if (got <= 0)
        return got;
    ExecStatusType t = PQresultStatus(s->row);
    if (t == PGRES_SINGLE_TUPLE)
        return 1;
    s->over = true;
    if (t == PGRES_TUPLES_OK)
        return 0;
    if (t == PGRES_COMMAND_OK || t == PGRES_EMPTY_QUERY || t == PGRES_COPY_OUT)
        return err_set(e, ERR_USAGE,
                       "query of PostgreSQL is not a statement that gives "
                       "rows");
    return fail_result(s, s->row, e);
}

static int read_columns(struct postgres *s, struct err *e)
{
    for (int i = 0; i < PQnfields(s->row); i++) {
        Oid type = PQftype(s->row, i);
        s->has_json |= type == OID_JSON || type == OID_JSONB;
        if (query_column(&s->columns, PQfname(s->row, i), e))
            return -1;
    }
    return s->columns.n
               ? 0
               : err_set(e, ERR_USAGE, "query of PostgreSQL gives no columns");
}

static int postgres_open(struct source *base, struct err *e)
{
    struct postgres *s = (struct postgres *)base;
    const struct source_query *q = base->opts->query;
    if (pglink_check(base->uri, "source", e) ||
        pglink_open(&s->db, base->uri, q->app, q->stop, e))
        return -1;
    if (PQsetnonblocking(s->db, 1))
        return fail_connection(s, e);
    if (run(s,
            "SET default_transaction_read_only = on; SET datestyle = ISO;"
            " SET timezone = 'UTC'; SET intervalstyle = iso_8601;"
            " SET bytea_output = hex; SET extra_float_digits = 1;"
            " SET standard_conforming_strings = on",
            e) ||
        ask(s, e))
        return -1;
    int got = read_row(s, e);
    if (got < 0)
        return -1;
    s->held = got == 1;
    return read_columns(s, e);
}

static void postgres_close(struct source *base)
{
    struct postgres *s = (struct postgres *)base;
    PQclear(s->row);
    PQfinish(s->db);
    query_columns_free(&s->columns);
    buf_free(&s->text);
    buf_free(&s->bytes);
}

/* ---- values ---- */

static int hex(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* "\x0a1b" as base64. */
static void add_bytes(struct postgres *s, struct str v)
{
    buf_reset(&s->bytes);
    for (size_t i = 2; i + 1 < v.n; i += 2)
        buf_addc(&s->bytes, (char)(hex(v.p[i]) << 4 | hex(v.p[i + 1])));
    buf_addc(&s->text, '"');
    base64_encode(&s->text, buf_str(&s->bytes));
    buf_addc(&s->text, '"');
}

/* "2026-01-31 08:00:00+00" as RFC 3339 has it; what it cannot say (infinity,
 * years before Christ) stays as it is. */
static void add_time(struct postgres *s, struct str v)
{
    const char *space = memchr(v.p, ' ', v.n);
    bool odd =
        !space || memchr(space + 1, ' ', v.n - 1 - (size_t)(space - v.p));
    bool utc = !odd && v.n > 3 && memcmp(v.p + v.n - 3, "+00", 3) == 0;
    if (odd) {
        json_quote(&s->text, v);
        return;
    }
    buf_addc(&s->text, '"');
    buf_add(&s->text, v.p, (size_t)(space - v.p));
    buf_addc(&s->text, 'T');
    buf_add(&s->text, space + 1,
            (size_t)(v.p + v.n - space) - 1 - (utc ? 3 : 0));
    buf_addz(&s->text, utc ? "Z\"" : "\"");
}

/* Line ends in JSON text are white space: in strings they are escaped. */
static void add_json(struct postgres *s, struct str v)
{
    size_t from = s->text.n;
    if (buf_add_str(&s->text, v))
        return;
    for (char *p = s->text.p + from; p < s->text.p + s->text.n; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
}

/* Numbers, but NaN and Infinity. */
static void add_number(struct postgres *s, struct str v)
{
    char last = v.n ? v.p[v.n - 1] : 'N';
    if (last >= '0' && last <= '9')
        buf_add_str(&s->text, v);
    else
        json_quote(&s->text, v);
}

static void add_value(struct postgres *s, int i)
{
    struct str v = { PQgetvalue(s->row, 0, i),
                     (size_t)PQgetlength(s->row, 0, i) };
    if (PQgetisnull(s->row, 0, i)) {
        buf_addz(&s->text, "null");
        return;
    }
    switch (PQftype(s->row, i)) {
    case OID_BOOL: buf_addz(&s->text, *v.p == 't' ? "true" : "false"); break;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID:
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC: add_number(s, v); break;
    case OID_JSON:
    case OID_JSONB: add_json(s, v); break;
    case OID_BYTEA: add_bytes(s, v); break;
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ: add_time(s, v); break;
    default: json_quote(&s->text, v);
    }
}

static int refuse_long(struct postgres *s, struct source_item *item)
{
    s->fault =
        (struct source_fault){ "too_long", STR(""), STR("row is too long") };
    *item = (struct source_item){ .kind = SOURCE_REJECT,
                                  .text = STR(""),
                                  .raw = STR(""),
                                  .faults = &s->fault,
                                  .n_faults = 1 };
    return 1;
}

static int postgres_next(struct source *base, struct source_item *item,
                         struct err *e)
{
    struct postgres *s = (struct postgres *)base;
    int got = s->held ? 1 : read_row(s, e);
    s->held = false;
    if (got <= 0)
        return got;
    buf_reset(&s->text);
    for (size_t i = 0; i < s->columns.n; i++) {
        buf_add_str(&s->text, buf_str(&s->columns.labels[i]));
        add_value(s, (int)i);
    }
    buf_addc(&s->text, '}');
    if (s->text.failed || s->text.n > base->opts->max_record)
        return refuse_long(s, item);
    *item = (struct source_item){ .kind = s->has_json ? SOURCE_UNCHECKED
                                                      : SOURCE_RECORD,
                                  .text = buf_str(&s->text),
                                  .raw = buf_str(&s->text) };
    return 1;
}

static const char *const schemes[] = { "postgresql://", "postgres://", NULL };

SOURCE_CONNECTOR(postgres) = {
    .name = "postgresql",
    .size = sizeof(struct postgres),
    .open = postgres_open,
    .next = postgres_next,
    .close = postgres_close,
    .schemes = schemes,
};
