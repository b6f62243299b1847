#include "sink/sqlite.h"

#include "base/hash.h"
#include "json/check.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEDGER "_pipe_loads"

int sqlite_fail(struct sqlite_sink *s, struct err *e, const char *doing)
{
    enum err_code code = ERR_IO;
    switch (sqlite3_errcode(s->db) & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT: code = ERR_TEMPFAIL; break;
    case SQLITE_CONSTRAINT: code = ERR_DATA; break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH: code = ERR_NOPERM; break;
    case SQLITE_CANTOPEN:
        return err_sys(e, s->base.spec->create ? ERR_CANTCREAT : ERR_IO,
                       sqlite3_system_errno(s->db), "cannot %s '%s'", doing,
                       s->base.spec->target);
    case SQLITE_ERROR: /* SQL that does not fit the table */
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA: code = ERR_CONFIG; break;
    default: break;
    }
    return err_set(e, code, "cannot %s '%s': %s", doing, s->base.spec->target,
                   sqlite3_errmsg(s->db));
}

void sqlite_quote(struct buf *b, struct str name)
{
    buf_addc(b, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"')
            buf_addc(b, '"');
        buf_addc(b, name.p[i]);
    }
    buf_addc(b, '"');
}

int sqlite_run_sql(struct sqlite_sink *s, const char *doing, struct err *e)
{
    const char *sql = buf_z(&s->sql);
    if (!sql)
        return err_nomem(e);
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, doing);
    return 0;
}

static int run(struct sqlite_sink *s, const char *sql, const char *doing,
               struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, sql);
    return sqlite_run_sql(s, doing, e);
}

/* Waits for a lock in short naps, so that a signal is heard. */
static int on_busy(void *ctx, int tries)
{
    struct sqlite_sink *s = ctx;
    const struct sink_spec *spec = s->base.spec;
    if ((spec->stop && spec->stop()) ||
        (uint64_t)tries * 10 >= spec->lock_timeout_ms)
        return 0;
    usleep(10000);
    return 1;
}

static void sqlite_close(struct sink *base)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    sqlite_row_free(s);
    table_free(&s->table);
    if (s->begun)
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    (void)sqlite3_close(s->db);
    buf_free(&s->sql);
    buf_free(&s->text);
    buf_free(&s->fields);
    free(s);
}

/* Is there a database, and if not, can there be one? A new one is created only
 * when the first record has come, and in memory for a dry run, so that what
 * fails leaves nothing. */
static int look_for_file(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    s->in_memory = false;
    if (access(spec->target, F_OK) == 0)
        return 0;
    if (!spec->create)
        return err_sys(e, ERR_IO, errno, "cannot open '%s' (--create makes it)",
                       spec->target);
    char *copy = strdup(spec->target);
    if (!copy)
        return err_nomem(e);
    int r = access(dirname(copy), W_OK | X_OK);
    int saved = errno;
    free(copy);
    if (r != 0)
        return err_sys(e, ERR_CANTCREAT, saved, "cannot create '%s'",
                       spec->target);
    s->in_memory = spec->dry_run;
    return 1;
}

static int open_database(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int flags = SQLITE_OPEN_READWRITE | (spec->create ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(s->in_memory ? ":memory:" : spec->target, &s->db, flags,
                        NULL) != SQLITE_OK)
        return s->db ? sqlite_fail(s, e, "open") : err_nomem(e);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_handler(s->db, on_busy, s);
    if (run(s, "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;", "open",
            e) ||
        sqlite_table_read(s, e))
        return -1;
    if (!s->table.exists && !spec->create)
        return err_set(e, ERR_CONFIG,
                       "table '%s' is not in '%s' (--create makes it)",
                       spec->table, spec->target);
    return 0;
}

static struct sink *sqlite_open(const struct sink_spec *spec, struct err *e)
{
    const char *path = strchr(spec->uri, ':') + 1;
    if (*path == '\0') {
        err_set(e, ERR_USAGE, "target '%s' names no file", spec->uri);
        return NULL;
    }
    if (sqlite3_strnicmp(spec->table, "sqlite_", 7) == 0 ||
        sqlite3_stricmp(spec->table, LEDGER) == 0 || !*spec->table) {
        err_set(e, ERR_USAGE, "table name '%s' is %s", spec->table,
                *spec->table ? "reserved" : "empty");
        return NULL;
    }
    struct sqlite_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    s->base = (struct sink){ &sink_sqlite, spec, 0 };
    s->table = (struct table){ .max = COLUMNS_MAX,
                               .fold_case = true,
                               .add = sqlite_table_add,
                               .context = s };
    int missing = look_for_file(s, e);
    if (missing < 0 || table_init(&s->table, spec, e) ||
        (!missing && open_database(s, e))) {
        sqlite_close(&s->base);
        return NULL;
    }
    return &s->base;
}

/* Deletes what the run replaces. The table may not be there yet. */
static int empty_partition(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (spec->mode != SINK_REPLACE || !s->table.exists)
        return 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DELETE FROM ");
    sqlite_quote(&s->sql, str_of(spec->table));
    if (spec->all)
        return sqlite_run_sql(s, "empty the table in", e);
    struct column *c = table_find(&s->table, spec->part_column);
    if (!c)
        return spec->create ? 0
                            : err_set(e, ERR_CONFIG,
                                      "partition column '%.*s' is not in "
                                      "table '%s'",
                                      STR_ARG(spec->part_column), spec->table);
    buf_addz(&s->sql, " WHERE ");
    sqlite_quote(&s->sql, spec->part_column);
    buf_addz(&s->sql, " = ?");
    const char *sql = buf_z(&s->sql);
    sqlite3_stmt *stmt = NULL;
    if (!sql)
        return err_nomem(e);
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "empty the partition in");
    struct sink_refusal why;
    struct val v = json_val(s->table.part_json);
    /* A text column keeps a value such as 2026 as text. */
    struct buf quoted = { .max = 65536 };
    if (c->kind == COLUMN_TEXT && v.type == JSON_NUMBER) {
        json_quote(&quoted, spec->part_value);
        v = json_val(buf_str(&quoted));
    }
    int r = sqlite_row_bind(s, stmt, 1, c, v, &why, e);
    if (r == 0)
        r = err_set(e, ERR_USAGE, "partition '%.*s=%.*s': %s",
                    STR_ARG(spec->part_column), STR_ARG(spec->part_value),
                    why.message);
    else if (r > 0)
        r = sqlite3_step(stmt) == SQLITE_DONE
                ? 0
                : sqlite_fail(s, e, "empty the partition in");
    sqlite3_finalize(stmt);
    buf_free(&quoted);
    return r;
}

static int sqlite_begin(struct sink *base, struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    if (!s->db && open_database(s, e))
        return -1;
    /* IMMEDIATE: a lock taken later, behind a read, would not wait. */
    if (run(s, "BEGIN IMMEDIATE", "lock", e))
        return -1;
    s->begun = true;
    if (run(s,
            "CREATE TABLE IF NOT EXISTS " LEDGER "("
            "id INTEGER PRIMARY KEY, pipeline TEXT NOT NULL,"
            " table_name TEXT NOT NULL, partition TEXT NOT NULL,"
            " run_id TEXT NOT NULL, mode TEXT NOT NULL,"
            " input_bytes INTEGER NOT NULL, input_hash TEXT NOT NULL,"
            " rows_read INTEGER NOT NULL, rows_loaded INTEGER NOT NULL,"
            " rows_rejected INTEGER NOT NULL, watermark TEXT,"
            " schema_version TEXT NOT NULL, started_at TEXT NOT NULL,"
            " loaded_at TEXT NOT NULL);"
            "CREATE INDEX IF NOT EXISTS " LEDGER "_of ON " LEDGER
            "(table_name, partition, pipeline, run_id)",
            "write the ledger in", e))
        return -1;
    if (sqlite_table_read(s, e)) /* it may have changed since */
        return -1;
    return empty_partition(s, e);
}

static int write_row(struct sqlite_sink *s, struct str record,
                     struct sink_refusal *why, struct err *e)
{
    if (!s->table.exists) {
        /* What cannot be a row must not shape the table. */
        int r = table_has_keys(s->base.spec, record, why);
        if (r <= 0)
            return r;
        if (sqlite_table_create(s, record, e))
            return -1;
    }
    return sqlite_row_write(s, record, why, e);
}

static int sqlite_write(struct sink *base, const struct sink_record *r,
                        struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    struct sink_refusal why;
    int done = write_row(s, r->text, &why, e);
    if (done != 0)
        return done < 0 ? -1 : 0;
    return base->spec->refuse(base->spec->context, r, &why, e);
}

static void bind_z(sqlite3_stmt *stmt, int at, const char *z)
{
    sqlite3_bind_text(stmt, at, z, -1, SQLITE_STATIC);
}

/* Looks for the run. For append among all of its partition: rows added once
 * stay added. For the modes whose effect a later load may cover: in the latest
 * row of whatever could have touched the same rows, of any pipeline. */
static int find_run(struct sqlite_sink *s, const struct sink_run *r,
                    enum sink_outcome *outcome, struct buf *previous,
                    struct err *e)
{
    bool append = s->base.spec->mode == SINK_APPEND;
    static const char all[] =
        "SELECT pipeline, run_id, input_hash, loaded_at FROM " LEDGER
        " WHERE table_name = ?1 AND partition = ?2 AND pipeline = ?3"
        " AND run_id = ?4 ORDER BY id DESC LIMIT 1";
    static const char latest[] =
        "SELECT pipeline, run_id, input_hash, loaded_at FROM " LEDGER
        " WHERE table_name = ?1 AND (partition IN (?2, '', '*')"
        " OR ?2 IN ('', '*')) ORDER BY id DESC LIMIT 1";
    sqlite3_stmt *stmt;
    *outcome = SINK_NEW;
    if (sqlite3_prepare_v2(s->db, append ? all : latest, -1, &stmt, NULL) !=
        SQLITE_OK)
        return sqlite_fail(s, e, "read the ledger in");
    bind_z(stmt, 1, s->base.spec->table);
    bind_z(stmt, 2, r->partition);
    if (append) {
        bind_z(stmt, 3, r->pipeline);
        bind_z(stmt, 4, r->run_id);
    }
    int step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        const char *v[4];
        for (int i = 0; i < 4; i++) {
            v[i] = (const char *)sqlite3_column_text(stmt, i);
            v[i] = v[i] ? v[i] : "";
        }
        if (strcmp(v[0], r->pipeline) == 0 && strcmp(v[1], r->run_id) == 0) {
            bool same = strcmp(v[2], r->input_hash) == 0;
            *outcome = same ? SINK_SAME : append ? SINK_CONFLICT : SINK_NEW;
            buf_addz(previous, v[3]);
        }
    }
    sqlite3_finalize(stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return sqlite_fail(s, e, "read the ledger in");
    return 0;
}

/* A hash of the columns and their types: changes when the table does. */
static void schema_version(struct sqlite_sink *s, char hex[33])
{
    buf_reset(&s->sql);
    for (size_t i = 0; i < s->table.n; i++)
        buf_addf(&s->sql, "%s\n%s\n", s->table.v[i].name, s->table.v[i].type);
    hash128_hex(hash128(buf_str(&s->sql)), hex);
}

static int write_ledger(struct sqlite_sink *s, const struct sink_run *r,
                        struct err *e)
{
    static const char sql[] =
        "INSERT INTO " LEDGER "(pipeline, table_name, partition, run_id, mode,"
        " input_hash, schema_version, started_at, loaded_at, input_bytes,"
        " rows_read, rows_loaded, rows_rejected)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    char schema[33];
    schema_version(s, schema);
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "write the ledger in");
    bind_z(stmt, 1, r->pipeline);
    bind_z(stmt, 2, s->base.spec->table);
    bind_z(stmt, 3, r->partition);
    bind_z(stmt, 4, r->run_id);
    bind_z(stmt, 5, s->base.spec->mode_name);
    bind_z(stmt, 6, r->input_hash);
    bind_z(stmt, 7, schema);
    bind_z(stmt, 8, r->started_at);
    bind_z(stmt, 9, r->loaded_at);
    sqlite3_bind_int64(stmt, 10, (sqlite3_int64)r->input_bytes);
    sqlite3_bind_int64(stmt, 11, (sqlite3_int64)r->read);
    sqlite3_bind_int64(stmt, 12, (sqlite3_int64)r->loaded);
    sqlite3_bind_int64(stmt, 13, (sqlite3_int64)r->rejected);
    int step = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return step == SQLITE_DONE ? 0 : sqlite_fail(s, e, "write the ledger in");
}

static int sqlite_prepare(struct sink *base, const struct sink_run *r,
                          enum sink_outcome *outcome, struct buf *previous,
                          struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    sqlite_row_free(s); /* open statements would keep COMMIT waiting */
    if (sqlite_table_check_decimals(s, e) ||
        find_run(s, r, outcome, previous, e))
        return -1;
    return *outcome == SINK_NEW ? write_ledger(s, r, e) : 0;
}

static int sqlite_commit(struct sink *base, struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    if (run(s, "COMMIT", "commit to", e))
        return -1;
    s->begun = false;
    return 0;
}

const struct sink_type sink_sqlite = {
    .scheme = "sqlite",
    .usage = "sqlite:FILE",
    .open = sqlite_open,
    .begin = sqlite_begin,
    .write = sqlite_write,
    .prepare = sqlite_prepare,
    .commit = sqlite_commit,
    .close = sqlite_close,
};
