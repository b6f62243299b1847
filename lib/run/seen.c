#include "run/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define APPLICATION "1885627504" /* "pded" */
#define WAIT_MS 5000
#define MAGIC "SQLite format 3" /* and NUL: how a database begins */

static int fail(const struct seen *s, const char *what, struct err *e)
{
    int code = sqlite3_errcode(s->db) & 0xff;
    enum err_code as =
        code == SQLITE_BUSY || code == SQLITE_LOCKED      ? ERR_TEMPFAIL
        : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ERR_CONFIG
        : code == SQLITE_NOMEM                            ? ERR_TEMPFAIL
        : code == SQLITE_CANTOPEN                         ? ERR_CANTCREAT
        : code == SQLITE_READONLY || code == SQLITE_PERM  ? ERR_NOPERM
                                                          : ERR_IO;
    if (as == ERR_TEMPFAIL && code != SQLITE_NOMEM)
        return err_set(e, as, "state '%s' is in use by another run", s->path.p);
    return err_set(e, as, "cannot %s state '%s': %s", what, s->path.p,
                   sqlite3_errmsg(s->db));
}

static int run_sql(struct seen *s, const char *sql, const char *what,
                   struct err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : fail(s, what, e);
}

/* Runs a statement with text, where it has one. Appends the first column of
 * the first row to out, unless NULL: 1 where there is one, 0, -1. */
static int ask(struct seen *s, const char *sql, const char *text,
               struct buf *out, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int r = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (r == SQLITE_OK) {
        if (text)
            sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
        r = sqlite3_step(stmt);
    }
    const char *got =
        r == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    int done = r == SQLITE_ROW ? 1 : r == SQLITE_DONE ? 0 : -1;
    if (done < 0)
        fail(s, "use", e);
    else if (out && got && buf_addz(out, got))
        done = err_nomem(e);
    sqlite3_finalize(stmt);
    return done;
}

/* ---- the file ---- */

/* A new database as bytes, owned: *n of them. NULL with e. */
static unsigned char *new_bytes(const char *about, size_t *n, struct err *e)
{
    struct seen s = { .path.max = 64 };
    unsigned char *bytes = NULL;
    sqlite3_int64 size = 0;
    if (buf_addz(&s.path, "new") || !buf_z(&s.path) ||
        sqlite3_open(":memory:", &s.db) != SQLITE_OK)
        err_nomem(e);
    else if (run_sql(&s,
                     "PRAGMA application_id = " APPLICATION ";"
                     "CREATE TABLE about(text TEXT NOT NULL);"
                     "CREATE TABLE pending(run INTEGER PRIMARY KEY"
                     " AUTOINCREMENT, dir TEXT NOT NULL);"
                     "CREATE TABLE seen(key BLOB PRIMARY KEY, at INTEGER NOT"
                     " NULL, run INTEGER NOT NULL) WITHOUT ROWID",
                     "make", e) == 0 &&
             ask(&s, "INSERT INTO about VALUES(?1)", about, NULL, e) >= 0) {
        bytes = sqlite3_serialize(s.db, "main", &size, 0);
        if (!bytes)
            err_nomem(e);
    }
    *n = (size_t)size;
    sqlite3_close(s.db);
    buf_free(&s.path);
    return bytes;
}

static int write_bytes(int fd, const unsigned char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return fsync(fd);
}

/* The file is there whole or not at all: so one that is empty was cut off, and
 * is not taken for new. It gets its name last; whoever was faster wins. */
static int make_new(const char *path, const char *about, struct err *e)
{
    char temp[4200];
    size_t n;
    if (snprintf(temp, sizeof(temp), "%s.new-XXXXXX", path) >=
        (int)sizeof(temp))
        return err_set(e, ERR_CANTCREAT, "name of state '%s' is too long",
                       path);
    unsigned char *bytes = new_bytes(about, &n, e);
    if (!bytes)
        return -1;
    int fd = mkostemp(temp, O_CLOEXEC);
    int r =
        fd < 0 || write_bytes(fd, bytes, n) ||
                (link(temp, path) != 0 && errno != EEXIST)
            ? err_sys(e, ERR_CANTCREAT, errno, "cannot make state '%s'", path)
            : 0;
    if (fd >= 0) {
        unlink(temp);
        close(fd);
    }
    sqlite3_free(bytes);
    return r;
}

/* For the owner alone, and by a name that holds in any folder. The descriptor
 * stays: it has the lock, and to close it would give up SQLite's own. */
static int open_file(struct seen *s, const char *path, const char *about,
                     struct err *e)
{
    char head[sizeof(MAGIC)];
    s->lock = open(path, O_RDWR | O_CLOEXEC);
    if (s->lock < 0 && errno == ENOENT) {
        if (make_new(path, about, e))
            return -1;
        s->lock = open(path, O_RDWR | O_CLOEXEC);
    }
    if (s->lock < 0)
        return err_sys(e, ERR_CANTCREAT, errno, "cannot open state '%s'", path);
    /* SQLite would take what is shorter than a page for a new file. */
    if (pread(s->lock, head, sizeof(head), 0) != sizeof(head) ||
        memcmp(head, MAGIC, sizeof(head)) != 0)
        return err_set(e, ERR_CONFIG,
                       "'%s' is no state of keys: it is empty, damaged or "
                       "another's; remove it to begin anew",
                       path);
    char *real = realpath(path, NULL);
    int r = !real || buf_addz(&s->path, real) || !buf_z(&s->path) ? err_nomem(e)
                                                                  : 0;
    free(real);
    if (r == 0 && flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        r = err_set(e, ERR_TEMPFAIL, "state '%s' is in use by another run",
                    s->path.p);
    return r;
}

static int check_tables(struct seen *s, const char *about, struct err *e)
{
    struct buf was = { .max = 1 << 20 };
    int r = ask(s, "PRAGMA application_id", NULL, &was, e);
    if (r > 0 && !str_eq(buf_str(&was), STR(APPLICATION)))
        r = err_set(e, ERR_CONFIG, "'%s' is a database, but no state of keys",
                    s->path.p);
    buf_reset(&was);
    if (r > 0)
        r = ask(s, "SELECT text FROM about", NULL, &was, e);
    if (r >= 0 && !str_eq(buf_str(&was), str_of(about)))
        r = err_set(e, ERR_CONFIG,
                    "state '%s' was made for the key %.*s, not for %s",
                    s->path.p, STR_ARG(buf_str(&was)), about);
    buf_free(&was);
    return r < 0 ? -1 : 0;
}

static int open_db(struct seen *s, struct err *e)
{
    if (sqlite3_open_v2(s->path.p, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return s->db ? fail(s, "open", e) : err_nomem(e);
    sqlite3_busy_timeout(s->db, WAIT_MS);
    return run_sql(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
                   "open", e);
}

int seen_open(struct seen *s, const char *path, const char *about,
              size_t cache_bytes, struct err *e)
{
    char cache[64];
    *s = (struct seen){ .lock = -1, .path.max = 65536, .owner.max = 65536 };
    if (open_file(s, path, about, e) || open_db(s, e))
        return -1;
    sqlite3_snprintf(sizeof(cache), cache, "PRAGMA cache_size = -%llu",
                     (unsigned long long)(cache_bytes >> 10));
    if (run_sql(s, cache, "open", e) ||
        run_sql(s, "BEGIN IMMEDIATE", "lock", e) || check_tables(s, about, e) ||
        ask(s, "SELECT dir FROM pending", NULL, &s->owner, e) < 0)
        return -1;
    return buf_z(&s->owner) ? 0 : err_nomem(e);
}

void seen_close(struct seen *s)
{
    sqlite3_finalize(s->insert);
    sqlite3_close(s->db);
    if (s->lock >= 0)
        close(s->lock);
    buf_free(&s->path);
    buf_free(&s->owner);
    *s = (struct seen){ .lock = -1 };
}

/* ---- what is pending ---- */

int seen_resolve(struct seen *s, bool promote, struct err *e)
{
    if (!promote &&
        run_sql(s, "DELETE FROM seen WHERE run IN (SELECT run FROM pending)",
                "use", e))
        return -1;
    return run_sql(s, "DELETE FROM pending; COMMIT; BEGIN IMMEDIATE", "use", e);
}

int seen_promote(const char *path, const char *run_dir, struct err *e)
{
    struct seen s = { .lock = -1, .path.max = 65536 };
    int r = buf_addz(&s.path, path) || !buf_z(&s.path) ? err_nomem(e)
                                                       : open_db(&s, e);
    if (r == 0 &&
        ask(&s, "DELETE FROM pending WHERE dir = ?1", run_dir, NULL, e) < 0)
        r = -1;
    seen_close(&s);
    return r;
}

/* ---- a run ---- */

int seen_begin(struct seen *s, const char *run_dir, int64_t expired_us,
               struct err *e)
{
    static const char insert[] = "INSERT INTO seen VALUES(?1, ?2, ?3)"
                                 " ON CONFLICT DO NOTHING";
    char expire[80];
    sqlite3_snprintf(sizeof(expire), expire, "DELETE FROM seen WHERE at < %lld",
                     (long long)expired_us);
    if (expired_us != INT64_MIN && run_sql(s, expire, "write", e))
        return -1;
    if (ask(s, "INSERT INTO pending(dir) VALUES(?1)", run_dir, NULL, e) < 0)
        return -1;
    s->run = sqlite3_last_insert_rowid(s->db);
    return sqlite3_prepare_v2(s->db, insert, -1, &s->insert, NULL) == SQLITE_OK
               ? 0
               : fail(s, "use", e);
}

int seen_add(struct seen *s, struct str key, int64_t now_us, struct err *e)
{
    sqlite3_reset(s->insert);
    if (key.n > INT32_MAX)
        return err_set(e, ERR_CONFIG, "a key of more than 2 GiB");
    sqlite3_bind_blob(s->insert, 1, key.p, (int)key.n, SQLITE_STATIC);
    sqlite3_bind_int64(s->insert, 2, now_us);
    sqlite3_bind_int64(s->insert, 3, s->run);
    if (sqlite3_step(s->insert) != SQLITE_DONE)
        return fail(s, "write", e);
    return sqlite3_changes(s->db);
}

int seen_commit(struct seen *s, struct err *e)
{
    sqlite3_reset(s->insert);
    return run_sql(s, "COMMIT", "write", e);
}
