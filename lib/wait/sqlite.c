/* A row of a SQLite database. Each look opens it anew: it may be another file
 * by now, and nobody is to wait for us in between. */
#include "wait/sensor.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

#define SCHEME "sqlite:"
#define BUSY_MS 1000
#define STEPS_BETWEEN_LOOKS 100000 /* of SQLite's machine, for signals */

static const char *path_of(const struct sensor *s)
{
    return s->uri + strlen(SCHEME);
}

static int sqlite_open(struct sensor *s, struct err *e)
{
    if (!s->opts->query)
        return err_set(e, ERR_USAGE, "'%s' needs --query", s->uri);
    return *path_of(s) ? 0
                       : err_set(e, ERR_USAGE, "'%s' names no file", s->uri);
}

static void sqlite_close(struct sensor *s)
{
    (void)s;
}

static enum err_code code_of(int code)
{
    switch (code) {
    case SQLITE_INTERRUPT:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_SCHEMA:
    case SQLITE_NOMEM: return ERR_TEMPFAIL;
    case SQLITE_IOERR: return ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_DATA;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return ERR_NOPERM;
    default: return ERR_CONFIG;
    }
}

/* There is no code for a table that is not there. */
static bool is_missing_table(sqlite3 *db)
{
    static const char text[] = "no such table";
    return sqlite3_errcode(db) == SQLITE_ERROR &&
           strncmp(sqlite3_errmsg(db), text, strlen(text)) == 0;
}

static int fail(struct sensor *s, sqlite3 *db, struct err *e)
{
    if (s->opts->allow_missing && is_missing_table(db))
        return sensor_lacks(s, e, "%s in '%s'", sqlite3_errmsg(db), s->uri);
    return err_set(e, code_of(sqlite3_errcode(db) & 0xff),
                   "cannot query '%s': %s", s->uri, sqlite3_errmsg(db));
}

/* True, a number but 0, a text or blob with something in it. */
static bool is_true(sqlite3_stmt *row)
{
    switch (sqlite3_column_type(row, 0)) {
    case SQLITE_INTEGER: return sqlite3_column_int64(row, 0) != 0;
    case SQLITE_FLOAT:
        return sqlite3_column_double(row, 0) < 0 ||
               sqlite3_column_double(row, 0) > 0;
    case SQLITE_NULL: return false;
    default: return sqlite3_column_bytes(row, 0) > 0;
    }
}

static int step(struct sensor *s, sqlite3 *db, sqlite3_stmt *q, struct err *e)
{
    int r = sqlite3_step(q);
    if (r == SQLITE_DONE)
        return sensor_lacks(s, e, "the query of '%s' gives no row", s->uri);
    if (r != SQLITE_ROW)
        return fail(s, db, e);
    if (is_true(q))
        return 1;
    const unsigned char *text = sqlite3_column_text(q, 0);
    return sensor_lacks(s, e, "the query of '%s' gives %.100s", s->uri,
                        text ? (const char *)text : "null");
}

static int ask(struct sensor *s, sqlite3 *db, struct err *e)
{
    sqlite3_stmt *q = NULL;
    const char *tail = "";
    int r;
    if (sqlite3_prepare_v2(db, s->opts->query, -1, &q, &tail)) {
        r = fail(s, db, e);
    } else {
        tail += strspn(tail, " \t\r\n;");
        if (!q || *tail || !sqlite3_stmt_readonly(q) ||
            sqlite3_column_count(q) == 0)
            r = err_set(e, ERR_USAGE,
                        "query of '%s' is not one statement that reads rows",
                        s->uri);
        else
            r = step(s, db, q, e);
    }
    sqlite3_finalize(q);
    return r;
}

static int look_for_signal(void *context)
{
    bool (*const *stop)(void) = context;
    return (*stop)();
}

static int sqlite_look(struct sensor *s, struct err *e)
{
    sqlite3 *db = NULL;
    struct stat st;
    int r;
    if (stat(path_of(s), &st)) {
        if (errno == ENOENT && s->opts->allow_missing)
            return sensor_lacks(s, e, "'%s' is not there", path_of(s));
        return err_sys(e, ERR_IO, errno, "cannot open '%s'", s->uri);
    }
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_NOINPUT, "cannot open '%s': it is a folder",
                       s->uri);
    bool (*stop)(void) = s->opts->stop;
    if (sqlite3_open_v2(path_of(s), &db, SQLITE_OPEN_READONLY, NULL)) {
        r = db ? fail(s, db, e) : err_nomem(e);
    } else {
        sqlite3_busy_timeout(db, BUSY_MS);
        if (stop)
            sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, look_for_signal,
                                     &stop);
        r = ask(s, db, e);
    }
    sqlite3_close(db);
    return r;
}

static const char *const prefixes[] = { SCHEME, NULL };

const struct sensor_kind sqlite_sensor = {
    .bit = SENSOR_SQL,
    .prefixes = prefixes,
    .size = sizeof(struct sensor),
    .open = sqlite_open,
    .look = sqlite_look,
    .close = sqlite_close,
};
