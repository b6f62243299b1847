#include "pglog/snapshot.h"

#include "io/pglink.h"
#include "pglog/pgask.h"
#include "pglog/slot.h"

#include <stdlib.h>

struct snapshot {
    PGconn *db;
    const char *publication;
    struct pgforms *forms; /* borrowed */
    bool (*stop)(void);
    PGresult *tables; /* oid, schema, name, rows wanted, whether ONLY */
    int table;
    bool copying;
    struct relation *relation;
    struct pgoutput_value *values;
    size_t cap;
    char *line; /* of libpq */
    struct buf sql;
};

/* ---- lines of COPY ---- */

static char unescape(char c)
{
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return c;
    }
}

/* The value from *p to the next tab, its escapes resolved in place; *p behind
 * the tab, NULL behind the last. */
static struct pgoutput_value take_value(char **p, const char *end)
{
    char *start = *p, *in = *p, *out = *p;
    while (in < end && *in != '\t') {
        if (*in == '\\' && in + 1 < end)
            *out++ = unescape(*++in);
        else
            *out++ = *in;
        in++;
    }
    bool null = in - start == 2 && out - start == 1 && *start == 'N';
    *p = in < end ? in + 1 : NULL;
    return (struct pgoutput_value){
        .kind = null ? PGOUTPUT_NULL : PGOUTPUT_TEXT,
        .text = { start, (size_t)(out - start) },
    };
}

int snapshot_split(char *line, size_t size, struct pgoutput_value *to, size_t n)
{
    if (size && line[size - 1] == '\n')
        size--;
    char *p = line;
    const char *end = line + size;
    if (n == 0)
        return size ? -1 : 0;
    for (size_t i = 0; i < n; i++) {
        if (!p)
            return -1;
        to[i] = take_value(&p, end);
    }
    return p ? -1 : 0;
}

/* ---- tables ---- */

/* From 15 on a publication can choose rows and columns. */
static bool chooses(const struct snapshot *s)
{
    return PQserverVersion(s->db) >= 150000;
}

static int list_tables(struct snapshot *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT c.oid, p.schemaname, p.tablename, ");
    buf_addz(&s->sql, chooses(s) ? "p.rowfilter" : "NULL");
    buf_addz(&s->sql,
             ", c.relkind <> 'p', c.relreplident"
             " FROM pg_catalog.pg_publication_tables p"
             " JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname"
             " JOIN pg_catalog.pg_class c"
             " ON c.relnamespace = n.oid AND c.relname = p.tablename"
             " WHERE p.pubname = ");
    pgask_literal(&s->sql, str_of(s->publication));
    buf_addz(&s->sql, " ORDER BY 2, 3");
    return pgask_buf(s->db, &s->sql, s->stop, &s->tables, e);
}

static int ask_columns(struct snapshot *s, PGresult **r, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT a.attname, a.atttypid,"
                      " pg_catalog.format_type(a.atttypid, a.atttypmod)"
                      " FROM pg_catalog.pg_attribute a WHERE a.attnum > 0"
                      " AND NOT a.attisdropped AND a.attgenerated = ''"
                      " AND a.attrelid = ");
    buf_add_str(&s->sql, pgask_value(s->tables, s->table, 0));
    if (chooses(s)) {
        buf_addz(&s->sql,
                 " AND a.attname IN (SELECT pg_catalog.unnest(p.attnames)"
                 " FROM pg_catalog.pg_publication_tables p"
                 " WHERE p.pubname = ");
        pgask_literal(&s->sql, str_of(s->publication));
        buf_addz(&s->sql, " AND p.schemaname = ");
        pgask_literal(&s->sql, pgask_value(s->tables, s->table, 1));
        buf_addz(&s->sql, " AND p.tablename = ");
        pgask_literal(&s->sql, pgask_value(s->tables, s->table, 2));
        buf_addz(&s->sql, ")");
    }
    buf_addz(&s->sql, " ORDER BY a.attnum");
    return pgask_buf(s->db, &s->sql, s->stop, r, e);
}

static int describe(struct snapshot *s, const PGresult *r, struct err *e)
{
    size_t n = (size_t)PQntuples(r);
    struct str oid = pgask_value(s->tables, s->table, 0);
    s->relation = relation_new((uint32_t)strtoul(oid.p, NULL, 10),
                               *PQgetvalue(s->tables, s->table, 5),
                               pgask_value(s->tables, s->table, 1),
                               pgask_value(s->tables, s->table, 2), n);
    if (!s->relation)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        relation_type_column(
            s->relation, i,
            (uint32_t)strtoul(PQgetvalue(r, (int)i, 1), NULL, 10));
        if (relation_name_column(s->relation, i, pgask_value(r, (int)i, 0),
                                 pgask_value(r, (int)i, 2)))
            return err_nomem(e);
    }
    if (n >= s->cap) { /* a row of no columns is a row */
        struct pgoutput_value *v = realloc(s->values, (n + 1) * sizeof(*v));
        if (!v)
            return err_nomem(e);
        s->values = v;
        s->cap = n + 1;
    }
    return 0;
}

static int start_copy(struct snapshot *s, struct err *e)
{
    const struct relation *rel = s->relation;
    struct str filter = pgask_value(s->tables, s->table, 3);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "COPY (SELECT ");
    for (size_t i = 0; i < rel->n; i++) {
        buf_addz(&s->sql, i ? ", " : "");
        pgask_name(&s->sql, rel->columns[i].name);
    }
    buf_addz(&s->sql, *PQgetvalue(s->tables, s->table, 4) == 't' ? " FROM ONLY "
                                                                 : " FROM ");
    pgask_name(&s->sql, rel->schema);
    buf_addc(&s->sql, '.');
    pgask_name(&s->sql, rel->name);
    if (filter.n) {
        buf_addz(&s->sql, " WHERE ");
        buf_add_str(&s->sql, filter);
    }
    buf_addz(&s->sql, ") TO STDOUT");
    PGresult *r = NULL;
    int done = pgask_buf(s->db, &s->sql, s->stop, &r, e);
    if (done == 0 && PQresultStatus(r) != PGRES_COPY_OUT)
        done = pgask_fail(s->db, r, e);
    PQclear(r);
    s->copying = done == 0;
    return done;
}

/* The next table: 1, 0 behind the last, -1. */
static int start_table(struct snapshot *s, struct err *e)
{
    PGresult *columns = NULL;
    relation_free(s->relation);
    s->relation = NULL;
    if (++s->table >= PQntuples(s->tables))
        return 0;
    int bad = ask_columns(s, &columns, e) || describe(s, columns, e) ||
              pgforms_resolve(s->forms, s->relation, s->db, s->stop, e) ||
              start_copy(s, e);
    PQclear(columns);
    return bad ? -1 : 1;
}

/* ---- rows ---- */

/* Behind the last row of a table. */
static int end_copy(struct snapshot *s, struct err *e)
{
    PGresult *r;
    int bad = 0;
    s->copying = false;
    while ((r = PQgetResult(s->db))) {
        if (!bad && PQresultStatus(r) != PGRES_COMMAND_OK)
            bad = pgask_fail(s->db, r, e);
        PQclear(r);
    }
    return bad;
}

/* A line of the table at hand: 1, 0 behind the last, -1. */
static int read_line(struct snapshot *s, int *n, struct err *e)
{
    PQfreemem(s->line);
    s->line = NULL;
    while ((*n = PQgetCopyData(s->db, &s->line, 1)) == 0) {
        if (pglink_wait(s->db, false, s->stop, e))
            return -1;
        if (!PQconsumeInput(s->db))
            return pgask_fail(s->db, NULL, e);
    }
    if (*n == -2)
        return pgask_fail(s->db, NULL, e);
    return *n == -1 ? end_copy(s, e) : 1;
}

int snapshot_next(struct snapshot *s, const struct relation **rel,
                  struct pgoutput_row *row, struct err *e)
{
    int n, got = s->copying ? read_line(s, &n, e) : 0;
    *row = (struct pgoutput_row){ 0 };
    if (got < 0)
        return -1;
    if (got == 0) {
        got = start_table(s, e);
        *rel = s->relation;
        return got;
    }
    if (snapshot_split(s->line, (size_t)n, s->values, s->relation->n))
        return err_set(e, ERR_DATA,
                       "snapshot of table '%.*s' is broken: a row with other "
                       "columns",
                       STR_ARG(s->relation->name));
    *rel = s->relation;
    row->v = s->values;
    row->n = s->relation->n;
    return 1;
}

/* ---- the interface ---- */

static int begin(struct snapshot *s, const char *name, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                      " SET TRANSACTION SNAPSHOT ");
    pgask_literal(&s->sql, str_of(name));
    return pgask_buf(s->db, &s->sql, s->stop, NULL, e);
}

int snapshot_open(struct snapshot **to, const char *uri, const char *app,
                  const char *name, const char *publication,
                  struct pgforms *forms, bool (*stop)(void), struct err *e)
{
    struct snapshot *s = calloc(1, sizeof(*s));
    if (!s)
        return err_nomem(e);
    s->publication = publication;
    s->forms = forms;
    s->stop = stop;
    s->table = -1;
    if (pglink_open(&s->db, uri, app, stop, e) ||
        slot_session(s->db, stop, e) || begin(s, name, e) ||
        list_tables(s, e)) {
        snapshot_close(s);
        return -1;
    }
    *to = s;
    return 0;
}

void snapshot_close(struct snapshot *s)
{
    if (!s)
        return;
    PQclear(s->tables);
    relation_free(s->relation);
    free(s->values);
    PQfreemem(s->line);
    buf_free(&s->sql);
    PQfinish(s->db);
    free(s);
}
