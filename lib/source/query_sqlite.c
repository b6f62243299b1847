/* sqlite: rows of a SQLite database. */
#include "base/base64.h"
#include "json/path.h"
#include "json/utf8.h"
#include "json/value.h"
#include "source/query.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCHEME "sqlite:"
#define BUSY_MS 30000
#define STEPS_BETWEEN_LOOKS 100000 /* of SQLite's machine, for signals */

struct sqlite {
    struct source base;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    struct query_columns columns;
    struct buf text;
    struct source_fault fault;
    struct buf path;
};

static int fail(struct sqlite *s, struct err *e, const char *doing)
{
    int code = sqlite3_errcode(s->db);
    enum err_code as =
        code == SQLITE_INTERRUPT || code == SQLITE_BUSY   ? ERR_TEMPFAIL
        : code == SQLITE_IOERR                            ? ERR_IO
        : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_DATA
                                                          : ERR_CONFIG;
    return err_set(e, as, "cannot %s '%s': %s", doing, s->base.uri,
                   sqlite3_errmsg(s->db));
}

static int look_for_signal(void *context)
{
    const struct source_query *q = context;
    return q->stop();
}

static int connect_to(struct sqlite *s, const char *path, struct err *e)
{
    if (access(path, R_OK))
        return err_sys(e, ERR_NOINPUT, errno, "cannot open '%s'", s->base.uri);
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY, NULL))
        return s->db ? fail(s, e, "open") : err_nomem(e);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    const struct source_query *q = s->base.opts->query;
    if (q->stop)
        sqlite3_progress_handler(s->db, STEPS_BETWEEN_LOOKS, look_for_signal,
                                 (void *)(size_t)q);
    return 0;
}

static int prepare(struct sqlite *s, struct err *e)
{
    const char *tail = "", *sql;
    if (query_sql(s->base.opts->query, &s->text) || !(sql = buf_z(&s->text)))
        return err_nomem(e);
    if (sqlite3_prepare_v2(s->db, sql, -1, &s->stmt, &tail))
        return fail(s, e, "query");
    tail += strspn(tail, " \t\r\n;");
    if (!s->stmt || *tail || !sqlite3_stmt_readonly(s->stmt) ||
        sqlite3_column_count(s->stmt) == 0)
        return err_set(e, ERR_USAGE,
                       "query of '%s' is not one statement that reads rows",
                       s->base.uri);
    for (int i = 0; i < sqlite3_column_count(s->stmt); i++) {
        const char *name = sqlite3_column_name(s->stmt, i);
        if (!name)
            return err_nomem(e);
        if (query_column(&s->columns, name, e))
            return -1;
    }
    return 0;
}

static int sqlite_open(struct source *base, struct err *e)
{
    struct sqlite *s = (struct sqlite *)base;
    return connect_to(s, base->uri + strlen(SCHEME), e) || prepare(s, e) ? -1
                                                                         : 0;
}

static void sqlite_close(struct source *base)
{
    struct sqlite *s = (struct sqlite *)base;
    sqlite3_finalize(s->stmt);
    sqlite3_close(s->db);
    query_columns_free(&s->columns);
    buf_free(&s->text);
    buf_free(&s->path);
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
    struct buf *out = &s->text;
    int type = sqlite3_column_type(s->stmt, i);
    if (type == SQLITE_NULL) {
        buf_addz(out, "null");
    } else if (type == SQLITE_INTEGER) {
        buf_addf(out, "%lld", (long long)sqlite3_column_int64(s->stmt, i));
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

static int refuse(struct sqlite *s, struct source_item *item, const char *code,
                  const char *message, int column, struct err *e)
{
    buf_reset(&s->path);
    if (column >= 0 &&
        path_pointer(&s->path, str_of(sqlite3_column_name(s->stmt, column))))
        return err_nomem(e);
    s->fault =
        (struct source_fault){ code, column < 0 ? STR("") : buf_str(&s->path),
                               str_of(message) };
    *item = (struct source_item){ .kind = SOURCE_REJECT,
                                  .text = STR(""),
                                  .raw = STR(""),
                                  .faults = &s->fault,
                                  .n_faults = 1 };
    return 1;
}

static int sqlite_next(struct source *base, struct source_item *item,
                       struct err *e)
{
    struct sqlite *s = (struct sqlite *)base;
    int r = sqlite3_step(s->stmt);
    if (r == SQLITE_DONE)
        return 0;
    if (r != SQLITE_ROW)
        return fail(s, e, "read");
    buf_reset(&s->text);
    for (size_t i = 0; i < s->columns.n; i++) {
        buf_add_str(&s->text, buf_str(&s->columns.labels[i]));
        const char *bad = add_value(s, (int)i);
        if (bad)
            return refuse(s, item, bad,
                          *bad == 'n' ? "number is infinite"
                                      : "text is not UTF-8",
                          (int)i, e);
    }
    buf_addc(&s->text, '}');
    if (s->text.failed || s->text.n > s->base.opts->max_record)
        return refuse(s, item, "too_long", "row is too long", -1, e);
    *item = (struct source_item){ .kind = SOURCE_RECORD,
                                  .text = buf_str(&s->text),
                                  .raw = buf_str(&s->text) };
    return 1;
}

static const char *const schemes[] = { SCHEME, NULL };

SOURCE_CONNECTOR(sqlite) = {
    .name = "sqlite",
    .size = sizeof(struct sqlite),
    .open = sqlite_open,
    .next = sqlite_next,
    .close = sqlite_close,
    .schemes = schemes,
};
