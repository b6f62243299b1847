#include "sink/duck.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define NAP_MS 20

/* ---- the file ---- */

/* What a load that died had spilled. Nobody else works here: the file is
 * locked. */
static void sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *d;
    while (dir && (d = readdir(dir)))
        if (strncmp(d->d_name, "duckdb_temp_", 12) == 0)
            (void)unlinkat(dirfd(dir), d->d_name, 0);
    if (dir) {
        closedir(dir);
        (void)rmdir(folder);
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Is nothing in the database? */
static int look_inside(struct duck_sink *s, bool *bare, struct err *e)
{
    struct duck_rows rows;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql,
             "SELECT 'x' FROM duckdb_tables() WHERE database_name ="
             " current_database() UNION ALL SELECT 'x' FROM duckdb_views()"
             " WHERE database_name = current_database() AND NOT internal");
    int r = duck_query(&s->duck, "read", &rows, e);
    *bare = r == 0 && rows.n == 0;
    duck_rows_free(&rows);
    return r;
}

/* Waits for a process that has the file open, in short naps, so that a signal
 * is heard. */
static int connect_file(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    uint64_t until = now_ms() + spec->lock_timeout_ms;
    bool there = access(s->path, F_OK) == 0, busy;
    struct err last;
    if (there && access(s->path, R_OK | W_OK) != 0)
        return err_sys(e, ERR_IO, errno, "cannot open '%s'", s->path);
    while (duck_open(&s->duck, s->in_memory ? NULL : s->path, s->spill, &busy,
                     &last)) {
        if (!busy || now_ms() >= until || (spec->stop && spec->stop())) {
            *e = last;
            return -1;
        }
        usleep(NAP_MS * 1000);
    }
    if (s->in_memory)
        return 0;
    sweep(s->spill);
    /* Of several that saw no file another one may have made and filled it. */
    return there ? 0 : look_inside(s, &s->made_file, e);
}

/* A load that made the file and came to nothing takes it along, while it is
 * still locked. */
static void disconnect(struct duck_sink *s)
{
    struct err lost;
    duck_stage_clear(&s->stage);
    if (s->begun)
        (void)duck_run(&s->duck, "ROLLBACK", "give up the load into", &lost);
    s->begun = false;
    if (s->made_file && s->duck.db) {
        buf_reset(&s->duck.sql);
        buf_addf(&s->duck.sql, "%s.wal", s->path);
        (void)unlink(s->path);
        if (buf_z(&s->duck.sql))
            (void)unlink(s->duck.sql.p);
        s->made_file = false;
    }
    duck_shut(&s->duck);
}

/* Is there a database, and if not, can there be one? It is made when the first
 * record has come, and in memory for a dry run. */
static int look_for_file(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int missing = sink_look_for_file(spec, s->path, e);
    if (missing > 0)
        s->in_memory = spec->dry_run;
    return missing;
}

/* The name of a file that was made is on disk too. */
static int sync_folder(struct duck_sink *s, struct err *e)
{
    char *copy = strdup(s->path);
    int fd =
        copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    int r = fd < 0 || fsync(fd) != 0
                ? err_sys(e, ERR_IO, errno, "cannot sync the folder of '%s'",
                          s->path)
                : 0;
    if (fd >= 0)
        close(fd);
    return r;
}

/* ---- opening ---- */

static void duck_close(struct sink *base)
{
    struct duck_sink *s = (struct duck_sink *)base;
    disconnect(s);
    duck_stage_free(&s->stage);
    duck_table_forget(s);
    if (s->backlog.open)
        backlog_close(&s->backlog);
    duck_free(&s->duck);
    buf_free(&s->name);
    free(s->path);
    free(s->spill);
    free(s);
}

static int check_spec(const struct sink_spec *spec, struct err *e)
{
    if (!*spec->target)
        return err_set(e, ERR_USAGE, "target '%s' names no file", spec->uri);
    if (spec->n_decimals)
        return err_set(e, ERR_USAGE,
                       "option --decimal is for targets that round: DuckDB's "
                       "DECIMAL keeps every digit");
    if (!*spec->table || strncasecmp(spec->table, "_pipe_", 6) == 0)
        return err_set(e, ERR_USAGE, "table name '%s' is %s", spec->table,
                       *spec->table ? "reserved" : "empty");
    return 0;
}

static int take_names(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    size_t n = strlen(spec->target) + sizeof(".tmp");
    s->path = strdup(spec->target);
    s->spill = malloc(n);
    duck_ident(&s->name, str_of(spec->table));
    if (!s->path || !s->spill || s->name.failed)
        return err_nomem(e);
    snprintf(s->spill, n, "%s.tmp", spec->target);
    return 0;
}

static int read_table(struct duck_sink *s, struct err *e)
{
    return duck_table_read(s, e) || duck_create_plan(s, e) ? -1 : 0;
}

/* What is not there and may not be made is found before a record is read. The
 * file is free again until one comes. */
static int look(struct duck_sink *s, struct err *e)
{
    int missing = look_for_file(s, e);
    if (missing)
        return missing < 0 ? -1 : 0;
    if (connect_file(s, e) || read_table(s, e))
        return -1;
    disconnect(s);
    return 0;
}

static struct sink *duck_open_sink(const struct sink_spec *spec, struct err *e)
{
    if (check_spec(spec, e))
        return NULL;
    struct duck_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    s->base = (struct sink){ &sink_duckdb, spec, 0 };
    s->duck.target = spec->target;
    s->duck.sql.max = (size_t)1 << 30;
    if (duck_stage_init(&s->stage, &s->duck, spec, e) || take_names(s, e) ||
        !(s->duck.api = duck_api(e)) || look(s, e)) {
        duck_close(&s->base);
        return NULL;
    }
    return &s->base;
}

/* ---- the load ---- */

static int duck_begin(struct sink *base, struct err *e)
{
    struct duck_sink *s = (struct duck_sink *)base;
    disconnect(s);
    s->count = s->refused = 0;
    if (connect_file(s, e) || read_table(s, e))
        return -1;
    if (!s->keeps)
        return 0;
    if (!s->backlog.open)
        return backlog_open(&s->backlog, base->spec, e);
    return s->backlog.n ? backlog_reset(&s->backlog, e) : 0;
}

static int duck_write(struct sink *base, const struct sink_record *r,
                      struct err *e)
{
    struct duck_sink *s = (struct duck_sink *)base;
    struct sink_refusal why;
    if (s->keeps && backlog_add(&s->backlog, r, e))
        return -1;
    int done = duck_stage_take(&s->stage, r, s->count++, &why, e);
    if (done != 0)
        return done < 0 ? -1 : 0;
    return base->spec->refuse(base->spec->context, r, &why, e);
}

static int duck_apply(struct sink *base, struct err *e)
{
    struct duck_sink *s = (struct duck_sink *)base;
    if (duck_stage_end(&s->stage, e) ||
        duck_run(&s->duck, "BEGIN TRANSACTION", "begin the load into", e))
        return -1;
    s->begun = true;
    return duck_ledger_create(s, e) || duck_merge(s, e) ? -1 : 0;
}

static int duck_prepare(struct sink *base, const struct sink_run *run,
                        enum sink_outcome *outcome, struct buf *previous,
                        struct err *e)
{
    struct duck_sink *s = (struct duck_sink *)base;
    if (duck_ledger_find(s, run, outcome, previous, e))
        return -1;
    return *outcome == SINK_NEW ? duck_ledger_write(s, run, e) : 0;
}

static int duck_resume(struct sink *base, const struct sink_run *run,
                       struct sink_position *at, struct err *e)
{
    struct duck_sink *s = (struct duck_sink *)base;
    struct duck_rows rows;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql, "SELECT table_name FROM duckdb_tables() WHERE"
                           " database_name = current_database() AND"
                           " table_name = '" DUCK_LEDGER "'");
    int r = duck_query(&s->duck, "read the ledger in", &rows, e);
    bool there = r == 0 && rows.n;
    duck_rows_free(&rows);
    return there ? duck_ledger_resume(s, run, at, e) : r;
}

/* Closed at once: others may have the file. */
static int duck_commit(struct sink *base, struct err *e)
{
    struct duck_sink *s = (struct duck_sink *)base;
    if (s->begun) {
        if (duck_run(&s->duck, "COMMIT", "commit to", e))
            return -1;
        s->begun = false;
        bool made = s->made_file;
        s->made_file = false;
        if (made && sync_folder(s, e))
            return -1;
    }
    disconnect(s);
    return 0;
}

SINK_CONNECTOR(duckdb) = {
    .scheme = "duckdb",
    .usage = "duckdb:FILE",
    .spell = sink_spell_folded,
    .modes = SINK_MODE(SINK_APPEND) | SINK_MODE(SINK_INSERT) |
             SINK_MODE(SINK_UPSERT) | SINK_MODE(SINK_REPLACE) |
             SINK_MODE(SINK_DELETE_INSERT),
    .features = SINK_RANGES | SINK_SCHEMAS | SINK_AUDITS | SINK_BATCHES,
    .open = duck_open_sink,
    .begin = duck_begin,
    .write = duck_write,
    .apply = duck_apply,
    .prepare = duck_prepare,
    .resume = duck_resume,
    .commit = duck_commit,
    .close = duck_close,
};
