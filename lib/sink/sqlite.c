#include "sink/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CACHE_KIB 16384
#define TEMP_CACHE_KIB 8192
#define TEXT_MAX ((size_t)1 << 30) /* a record's texts, some bound often */

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

void sqlite_add_table(struct sqlite_sink *s)
{
    sqlite_quote(&s->sql, buf_str(&s->name));
}

void sqlite_add_keys(struct sqlite_sink *s, const char *before,
                     const char *after, const char *between)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->sql, i ? between : "");
        buf_addz(&s->sql, before);
        sqlite_quote(&s->sql, spec->keys[i]);
        buf_addz(&s->sql, after);
    }
}

void sqlite_literal(struct buf *b, struct str text)
{
    buf_addc(b, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_addc(b, '\'');
        buf_addc(b, text.p[i]);
    }
    buf_addc(b, '\'');
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

int sqlite_run(struct sqlite_sink *s, const char *sql, const char *doing,
               struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, sql);
    return sqlite_run_sql(s, doing, e);
}

sqlite3_stmt *sqlite_prepare(struct sqlite_sink *s, const char *doing,
                             struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    const char *sql = buf_z(&s->sql);
    if (!sql)
        err_nomem(e);
    else if (sqlite3_prepare_v3(s->db, sql, (int)s->sql.n + 1,
                                SQLITE_PREPARE_PERSISTENT, &stmt,
                                NULL) != SQLITE_OK)
        sqlite_fail(s, e, doing);
    return stmt;
}

int sqlite_step(struct sqlite_sink *s, sqlite3_stmt *stmt,
                struct sink_refusal *why, struct err *e)
{
    int step = sqlite3_step(stmt);
    if (step == SQLITE_DONE) {
        sqlite3_reset(stmt);
        return 1;
    }
    int code = step & 0xff, r;
    if (code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH ||
        code == SQLITE_TOOBIG)
        r = sink_refusef(why, "constraint", STR(""), "%s",
                         sqlite3_errmsg(s->db));
    else
        r = sqlite_fail(s, e, "write to");
    sqlite3_reset(stmt);
    return r;
}

int sqlite_atomically(struct sqlite_sink *s,
                      int (*work)(struct sqlite_sink *s, void *context,
                                  struct sink_refusal *why, struct err *e),
                      void *context, struct sink_refusal *why, struct err *e)
{
    if (sqlite_run(s, "SAVEPOINT pipe_row", "write to", e))
        return -1;
    int r = work(s, context, why, e);
    if (r < 0)
        return -1;
    if (sqlite_run(s,
                   r > 0 ? "RELEASE pipe_row"
                         : "ROLLBACK TO pipe_row; RELEASE pipe_row",
                   "write to", e))
        return -1;
    return r;
}

int sqlite_room(struct sqlite_sink *s, size_t n, struct err *e)
{
    buf_reset(&s->text);
    return n > s->text.cap && buf_reserve(&s->text, n) ? err_nomem(e) : 0;
}

void sqlite_forget(struct sqlite_sink *s)
{
    sqlite_row_forget(s);
    for (size_t i = 0; i < KEY_STMTS; i++) {
        sqlite3_finalize(s->by_key[i]);
        s->by_key[i] = NULL;
    }
    for (size_t i = 0; i < SCD2_STMTS; i++) {
        sqlite3_finalize(s->scd2[i]);
        s->scd2[i] = NULL;
    }
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
    sqlite_forget(s);
    sqlite_many_free(s);
    table_free(&s->table);
    if (s->begun)
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    (void)sqlite3_close(s->db);
    buf_free(&s->sql);
    buf_free(&s->text);
    buf_free(&s->fields);
    buf_free(&s->key);
    buf_free(&s->name);
    free(s);
}

/* Is there a database, and if not, can there be one? A new one is created only
 * when the first record has come, and in memory for a dry run, so that what
 * fails leaves nothing. */
static int look_for_file(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int missing = sink_look_for_file(spec, spec->target, e);
    s->in_memory = missing > 0 && spec->dry_run;
    return missing;
}

/* One thread: no mutexes. */
static int open_database(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                (spec->create ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(s->in_memory ? ":memory:" : spec->target, &s->db, flags,
                        NULL) != SQLITE_OK)
        return s->db ? sqlite_fail(s, e, "open") : err_nomem(e);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_handler(s->db, on_busy, s);
    buf_reset(&s->sql);
    buf_addf(&s->sql,
             "PRAGMA foreign_keys = ON; PRAGMA cache_size = -%d;"
             "PRAGMA temp.cache_size = -%d",
             CACHE_KIB, TEMP_CACHE_KIB);
    if (sqlite_run_sql(s, "open", e) || sqlite_functions(s, e))
        return -1;
    if (spec->mode == SINK_VERSIONED)
        return sqlite_version_begin(s, e);
    if (sqlite_table_read(s, e))
        return -1;
    if (!s->table.exists && !spec->create)
        return err_set(e, ERR_CONFIG,
                       "table '%s' is not in '%s' (--create makes it)",
                       spec->table, spec->target);
    return 0;
}

static int check_name(const struct sink_spec *spec, const char *name,
                      struct err *e)
{
    if (sqlite3_strnicmp(name, "sqlite_", 7) == 0 ||
        sqlite3_strnicmp(name, "_pipe_", 6) == 0 || !*name)
        return err_set(e, ERR_USAGE, "table name '%s' is %s", name,
                       *name ? "reserved" : "empty");
    if (spec->latest_view && name != spec->table &&
        sqlite3_stricmp(name, spec->table) == 0)
        return err_set(e, ERR_USAGE, "view '%s' has the table's name", name);
    return 0;
}

static struct sink *sqlite_open(const struct sink_spec *spec, struct err *e)
{
    const char *path = strchr(spec->uri, ':') + 1;
    if (*path == '\0') {
        err_set(e, ERR_USAGE, "target '%s' names no file", spec->uri);
        return NULL;
    }
    if (check_name(spec, spec->table, e) ||
        (spec->latest_view && check_name(spec, spec->latest_view, e)))
        return NULL;
    /* One thread uses SQLite, and nobody asks what it allocates. Too late, and
     * no harm, where it is at work already. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct sqlite_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    s->base = (struct sink){ &sink_sqlite, spec, 0 };
    s->text.max = TEXT_MAX;
    s->table = (struct table){
        .max = COLUMNS_MAX, .fold_case = true, .add = sqlite_add, .context = s
    };
    int missing = look_for_file(s, e);
    if (missing < 0 || table_init(&s->table, spec, e) ||
        (buf_addz(&s->name, spec->table) && err_nomem(e)) ||
        (!missing && open_database(s, e))) {
        sqlite_close(&s->base);
        return NULL;
    }
    return &s->base;
}

static int sqlite_begin(struct sink *base, struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    if (!s->db && open_database(s, e))
        return -1;
    /* IMMEDIATE: a lock taken later, behind a read, would not wait. */
    if (sqlite_run(s, "BEGIN IMMEDIATE", "lock", e))
        return -1;
    s->begun = true;
    s->keys_made = s->staged = s->many.judged = false;
    if (sqlite_ledger_create(s, e))
        return -1;
    /* It may have changed since. */
    if (s->base.spec->mode == SINK_VERSIONED ? sqlite_version_begin(s, e)
                                             : sqlite_table_read(s, e))
        return -1;
    return sqlite_evolve(s, e) || sqlite_replace(s, e) ? -1 : 0;
}

static int write_row(struct sqlite_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e)
{
    if (!s->table.exists && r->op == SINK_ROW) {
        /* What cannot be a row must not shape the table. */
        int fit = table_has_keys(s->base.spec, r->text, why);
        if (fit <= 0)
            return fit;
        if (sqlite_create(s, r->text, e))
            return -1;
    }
    switch (s->base.spec->mode) {
    case SINK_DELETE_INSERT: return sqlite_key_write(s, r, why, e);
    case SINK_SCD2: return sqlite_scd2_write(s, r, why, e);
    case SINK_CDC: return sqlite_key_apply(s, r, why, e);
    default: return sqlite_row_write(s, r, why, e);
    }
}

static int sqlite_write(struct sink *base, const struct sink_record *r,
                        struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    struct sink_refusal why;
    int done = write_row(s, r, &why, e);
    if (done != 0)
        return done < 0 ? -1 : 0;
    if (sqlite_many_flush(s, e)) /* refusals stay in order */
        return -1;
    return base->spec->refuse(base->spec->context, r, &why, e);
}

/* What a group changed of the table itself is undone too: statements and
 * columns are read anew. */
static int sqlite_group(struct sink *base, enum sink_group what, struct err *e)
{
    static const char *const sql[] = {
        [SINK_GROUP_BEGIN] = "SAVEPOINT pipe_group",
        [SINK_GROUP_KEEP] = "RELEASE pipe_group",
        [SINK_GROUP_UNDO] = "ROLLBACK TO pipe_group; RELEASE pipe_group",
    };
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    if (what == SINK_GROUP_UNDO)
        sqlite_forget(s);
    if (sqlite_run(s, sql[what], "write to", e))
        return -1;
    return what == SINK_GROUP_UNDO ? sqlite_table_read(s, e) : 0;
}

static int sqlite_apply(struct sink *base, struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    if (sqlite_many_flush(s, e) || (s->staged && sqlite_scd2_apply(s, e)))
        return -1;
    if (sqlite_table_check_end(s, e))
        return -1;
    if (base->spec->latest_view && sqlite_latest_view(s, e))
        return -1;
    return base->spec->mode == SINK_VERSIONED ? sqlite_version_end(s, e) : 0;
}

static int sqlite_flush(struct sink *base, struct err *e)
{
    return sqlite_many_flush((struct sqlite_sink *)base, e);
}

static int sqlite_prepare_run(struct sink *base, const struct sink_run *r,
                              enum sink_outcome *outcome, struct buf *previous,
                              struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    sqlite_forget(s); /* open statements would keep COMMIT waiting */
    if (sqlite_ledger_find(s, r, outcome, previous, e))
        return -1;
    return *outcome == SINK_NEW ? sqlite_ledger_write(s, r, e) : 0;
}

static int sqlite_resume(struct sink *base, const struct sink_run *r,
                         struct sink_position *at, struct err *e)
{
    return sqlite_ledger_resume((struct sqlite_sink *)base, r, at, e);
}

static int sqlite_commit(struct sink *base, struct err *e)
{
    struct sqlite_sink *s = (struct sqlite_sink *)base;
    if (sqlite_run(s, "COMMIT", "commit to", e))
        return -1;
    s->begun = false;
    return 0;
}

SINK_CONNECTOR(sqlite) = {
    .scheme = "sqlite",
    .usage = "sqlite:FILE",
    .spell = sink_spell_folded,
    .modes = SINK_MODE(SINK_APPEND) | SINK_MODE(SINK_INSERT) |
             SINK_MODE(SINK_UPSERT) | SINK_MODE(SINK_REPLACE) |
             SINK_MODE(SINK_DELETE_INSERT) | SINK_MODE(SINK_SCD2) |
             SINK_MODE(SINK_SCD3) | SINK_MODE(SINK_CDC) |
             SINK_MODE(SINK_VERSIONED),
    .features = SINK_RANGES | SINK_VIEWS | SINK_SCHEMAS | SINK_AUDITS |
                SINK_BATCHES | SINK_POSITIONS,
    .open = sqlite_open,
    .begin = sqlite_begin,
    .write = sqlite_write,
    .flush = sqlite_flush,
    .apply = sqlite_apply,
    .group = sqlite_group,
    .prepare = sqlite_prepare_run,
    .resume = sqlite_resume,
    .commit = sqlite_commit,
    .close = sqlite_close,
};
