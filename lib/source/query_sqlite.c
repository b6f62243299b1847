/* sqlite: rows of a SQLite database. */
#include "base/base64.h"
#include "json/utf8.h"
#include "json/value.h"
#include "source/query.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEME "sqlite:"
#define BUSY_MS 30000
#define STEPS_BETWEEN_LOOKS 100000 /* of SQLite's machine, for signals */

struct sqlite {
    struct source base;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    struct query_columns columns;
    struct query_rows rows;
    bool over;
};

static enum err_code code_of(int code)
{
    switch (code) {
    case SQLITE_INTERRUPT:
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_TEMPFAIL;
    case SQLITE_IOERR: return ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_DATA;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY: return ERR_NOPERM; /* of a WAL that cannot be read */
    default: return ERR_CONFIG;
    }
}

static int fail(struct sqlite *s, struct err *e, const char *doing)
{
    int code = sqlite3_errcode(s->db);
    if (code == SQLITE_NOMEM)
        return err_nomem(e);
    return err_set(e, code_of(code), "cannot %s '%s': %s", doing, s->base.uri,
                   sqlite3_errmsg(s->db));
}

/* ---- the database ---- */

static int look_for_signal(void *context)
{
    const struct source_opts *o = context;
    return o->stop();
}

static int connect_to(struct sqlite *s, const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) || access(path, R_OK))
        return err_sys(e, ERR_NOINPUT, errno, "cannot open '%s'", s->base.uri);
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_NOINPUT, "cannot open '%s': it is a folder",
                       s->base.uri);
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY, NULL))
        return s->db ? fail(s, e, "open") : err_nomem(e);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    const struct source_opts *o = s->base.opts;
    if (o->stop)
        sqlite3_progress_handler(s->db, STEPS_BETWEEN_LOOKS, look_for_signal,
                                 (void *)(size_t)o);
    return 0;
}

/* Prepares what reads rows, and nothing else. */
static int prepare(struct sqlite *s, const char *sql, struct err *e)
{
    const char *tail = "";
    sqlite3_finalize(s->stmt);
    s->stmt = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &s->stmt, &tail))
        return fail(s, e, "query");
    tail += strspn(tail, " \t\r\n;");
    if (!s->stmt || *tail || !sqlite3_stmt_readonly(s->stmt) ||
        sqlite3_column_count(s->stmt) == 0)
        return err_set(e, ERR_USAGE,
                       "query of '%s' is not one statement that reads rows",
                       s->base.uri);
    return 0;
}

static int read_columns(struct sqlite *s, struct err *e)
{
    for (int i = 0; i < sqlite3_column_count(s->stmt); i++) {
        const char *name = sqlite3_column_name(s->stmt, i);
        if (!name)
            return err_nomem(e);
        if (query_column(&s->columns, name, e))
            return -1;
    }
    return 0;
}

/* Texts compare by their bytes, whatever the column says: so does the position
 * that is kept of them. */
static int add_cursor(struct sqlite *s, struct str sql, struct buf *out,
                      struct err *e)
{
    const struct source_cursor *c = s->base.opts->cursor;
    if (query_find(&s->columns, "--cursor", c->field, e) < 0)
        return -1;
    query_select(s->base.opts->query, sql, out);
    return query_since(c, QUERY_SQLITE, " COLLATE BINARY", out, e);
}

static int ask(struct sqlite *s, struct buf *sql, struct buf *whole,
               struct err *e)
{
    const struct source_opts *o = s->base.opts;
    bool placed;
    const char *z;
    if (query_sql(o, QUERY_SQLITE, sql, &placed, e))
        return -1;
    if (!(z = buf_z(sql)))
        return err_nomem(e);
    if (prepare(s, z, e) || read_columns(s, e))
        return -1;
    if (!o->cursor || placed)
        return 0;
    if (add_cursor(s, buf_str(sql), whole, e))
        return -1;
    return (z = buf_z(whole)) ? prepare(s, z, e) : err_nomem(e);
}

static int sqlite_open(struct source *base, struct err *e)
{
    struct sqlite *s = (struct sqlite *)base;
    struct buf sql = { 0 }, whole = { 0 };
    const struct source_query *q = base->opts->query;
    if (q && q->split)
        return err_set(e, ERR_USAGE,
                       "--split is not for '%s': two connections to SQLite do "
                       "not share a snapshot",
                       base->uri);
    int r =
        connect_to(s, base->uri + strlen(SCHEME), e) || ask(s, &sql, &whole, e)
            ? -1
            : 0;
    buf_free(&sql);
    buf_free(&whole);
    return r;
}

static void sqlite_close(struct source *base)
{
    struct sqlite *s = (struct sqlite *)base;
    sqlite3_finalize(s->stmt);
    sqlite3_close(s->db);
    query_columns_free(&s->columns);
    query_rows_free(&s->rows);
}

/* ---- values ---- */

static int add_integer(struct buf *out, sqlite3_int64 v)
{
    char text[24], *p = text + sizeof(text);
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    return buf_add(out, p, (size_t)(text + sizeof(text) - p));
}

/* The fewest digits that give the number back. */
static void add_real(struct buf *out, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_addz(out, text);
    if (!strpbrk(text, ".e"))
        buf_addz(out, ".0");
}

/* Appends a value; or says why it has no form. */
static const char *add_value(struct sqlite *s, int i)
{
    struct buf *out = &s->rows.text;
    int type = sqlite3_column_type(s->stmt, i);
    if (type == SQLITE_NULL) {
        buf_addz(out, "null");
    } else if (type == SQLITE_INTEGER) {
        add_integer(out, sqlite3_column_int64(s->stmt, i));
    } else if (type == SQLITE_FLOAT) {
        double v = sqlite3_column_double(s->stmt, i);
        if (!isfinite(v))
            return "number_range";
        add_real(out, v);
    } else {
        const char *p = type == SQLITE_BLOB
                            ? sqlite3_column_blob(s->stmt, i)
                            : (const char *)sqlite3_column_text(s->stmt, i);
        struct str v = { p ? p : "", (size_t)sqlite3_column_bytes(s->stmt, i) };
        if (type == SQLITE_TEXT)
            return utf8_valid(v) ? (json_quote(out, v), NULL) : "invalid_utf8";
        buf_addc(out, '"');
        base64_encode(out, v);
        buf_addc(out, '"');
    }
    return NULL;
}

static int add_row(struct sqlite *s, struct err *e)
{
    struct query_rows *rows = &s->rows;
    size_t from = rows->text.n;
    for (size_t i = 0; i < s->columns.n; i++) {
        buf_add_str(&rows->text, buf_str(&s->columns.labels[i]));
        const char *bad = add_value(s, (int)i);
        if (bad)
            return query_reject(rows, from, bad,
                                *bad == 'n' ? "number is infinite"
                                            : "text is not UTF-8",
                                sqlite3_column_name(s->stmt, (int)i), e);
    }
    buf_addc(&rows->text, '}');
    return query_row(rows, from, s->base.opts->max_record, e);
}

static int sqlite_next(struct source *base, struct source_item *item,
                       struct err *e)
{
    struct sqlite *s = (struct sqlite *)base;
    query_begin(&s->rows);
    while (!s->over && !query_full(&s->rows, base->opts)) {
        int r = sqlite3_step(s->stmt);
        s->over = r != SQLITE_ROW;
        if (s->over && r != SQLITE_DONE)
            return fail(s, e, "read");
        if (!s->over && add_row(s, e))
            return -1;
    }
    return query_item(&s->rows, item);
}

static const char *const schemes[] = { SCHEME, NULL };

SOURCE_CONNECTOR(sqlite) = {
    .name = "sqlite",
    .size = sizeof(struct sqlite),
    .open = sqlite_open,
    .next = sqlite_next,
    .close = sqlite_close,
    .schemes = schemes,
    .position_kind = POSITION_MARK,
};
