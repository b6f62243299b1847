#include "sink/pg.h"

#include "base/hash.h"
#include "base/seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TRIES 6        /* of a transaction that is given up for another */
#define RECONNECT_S 60 /* how long an unknown outcome is asked for */

/* ---- opening ---- */

static int take_table(struct pg_sink *s, struct err *e)
{
    if (pg_name_take(s->base.spec->table, &s->schema, &s->name, e))
        return -1;
    if (s->schema) {
        pg_ident(&s->ledger, str_of(s->schema));
        buf_addc(&s->ledger, '.');
    }
    buf_addz(&s->ledger, PG_LEDGER);
    pg_name_add(&s->qualified, s->schema, s->name);
    s->lock_key = (uint32_t)hash128(buf_str(&s->qualified)).lo;
    return s->qualified.failed || s->ledger.failed ? err_nomem(e) : 0;
}

static void pg_close(struct sink *base)
{
    struct pg_sink *s = (struct pg_sink *)base;
    PQfinish(s->db); /* an open transaction ends with it */
    pg_copy_free(s);
    pg_view_free(s);
    table_free(&s->table);
    backlog_close(&s->backlog);
    free(s->schema);
    free(s->name);
    buf_free(&s->qualified);
    buf_free(&s->ledger);
    buf_free(&s->refused);
    buf_free(&s->groups);
    buf_free(&s->sql);
    buf_free(&s->fields);
    buf_free(&s->text);
    buf_free(&s->bytes);
    buf_free(&s->encoded);
    free(s);
}

static bool is_staged(enum sink_mode m)
{
    return m != SINK_APPEND && m != SINK_REPLACE && m != SINK_VERSIONED;
}

/* What is not there and may not be made, before a record is read. */
static int look(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (spec->mode == SINK_VERSIONED)
        return pg_version_begin(s, e);
    if (pg_table_read(s, e))
        return -1;
    if (!s->table.exists && !spec->create)
        return err_set(e, ERR_CONFIG,
                       "table '%s' is not there (--create makes it)",
                       spec->table);
    if (spec->part_column.n && s->table.exists && !spec->create &&
        !table_find(&s->table, spec->part_column))
        return err_set(e, ERR_CONFIG,
                       "partition column '%.*s' is not in table '%s'",
                       STR_ARG(spec->part_column), spec->table);
    return 0;
}

static struct sink *pg_open(const struct sink_spec *spec, struct err *e)
{
    struct pg_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    s->base =
        (struct sink){ spec->uri[8] == 's' ? &sink_postgres : &sink_postgresql,
                       spec, 0 };
    s->staged = is_staged(spec->mode);
    s->order_at = PG_NO_ORDER;
    s->table = (struct table){ .max = PG_COLUMNS_MAX,
                               .add = pg_create_add,
                               .context = s };
    int r = 0;
    if (spec->n_decimals)
        r = err_set(e, ERR_USAGE,
                    "option --decimal is for targets that round: PostgreSQL's "
                    "numeric keeps every digit");
    if (r || take_table(s, e) || table_init(&s->table, spec, e) ||
        backlog_open(&s->backlog, spec, e) || pg_connect(s, e) ||
        pg_view_open(s, e) || look(s, e)) {
        pg_close(&s->base);
        return NULL;
    }
    return &s->base;
}

/* ---- the transaction ---- */

/* How long locks on tables are waited for; 0 would be for ever. */
int pg_lock_timeout(struct pg_sink *s, uint64_t ms, struct err *e)
{
    buf_reset(&s->sql);
    buf_addf(&s->sql, "SET LOCAL lock_timeout = %llu",
             (unsigned long long)(ms ? ms : 1));
    return pg_run_sql(s, "lock", e);
}

/* Takes the lock of loads into this table, first thing in the transaction:
 * every statement behind it sees what the one before had committed. */
static int take_lock(struct pg_sink *s, struct err *e)
{
    uint64_t until = pg_now_ms() + s->base.spec->lock_timeout_ms;
    for (;;) {
        buf_reset(&s->sql);
        buf_addf(&s->sql, "SELECT pg_try_advisory_xact_lock(%d, %d)",
                 PG_LOCK_SPACE, (int)s->lock_key);
        PGresult *r = pg_query(s, "lock", e);
        if (!r)
            return -1;
        bool got = *PQgetvalue(r, 0, 0) == 't';
        PQclear(r);
        if (got)
            return 0;
        if (pg_now_ms() >= until)
            return err_set(e, ERR_TEMPFAIL,
                           "cannot lock '%s': another load is running",
                           s->base.spec->table);
        if (pg_nap(s, 20, e))
            return -1;
    }
}

static int begin_locked(struct pg_sink *s, struct err *e)
{
    if (pg_run(s, "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE", "begin",
               e))
        return -1;
    s->begun = true;
    return pg_lock_timeout(s, s->base.spec->lock_timeout_ms, e) ||
                   take_lock(s, e)
               ? -1
               : 0;
}

/* Deletes what the run replaces. The table may not be there yet. */
static int empty_partition(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (spec->mode != SINK_REPLACE || !s->table.exists)
        return 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DELETE FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    if (spec->all)
        return pg_run_sql(s, "empty", e);
    struct column *c = table_find(&s->table, spec->part_column);
    if (!c)
        return 0; /* it is added with the first record */
    /* Texts by their bytes, as records are compared. */
    const char *order = c->kind == COLUMN_TEXT ? " COLLATE \"C\"" : "";
    buf_addz(&s->sql, " WHERE ");
    pg_ident(&s->sql, spec->part_column);
    if (spec->range_to.n) {
        buf_addf(&s->sql, "%s >= ", order);
        pg_literal(&s->sql, spec->range_from);
        buf_addz(&s->sql, " AND ");
        pg_ident(&s->sql, spec->part_column);
        buf_addf(&s->sql, "%s < ", order);
        pg_literal(&s->sql, spec->range_to);
    } else {
        buf_addz(&s->sql, " = ");
        pg_literal(&s->sql, spec->part_value);
    }
    if (pg_run_sql(s, "empty the partition of", e) == 0)
        return 0;
    if (e->code == ERR_DATA)
        e->code = ERR_USAGE;
    return -1;
}

/* Opens the transaction, up to where records can come. */
static int start(struct pg_sink *s, struct err *e)
{
    pg_copy_free(s);
    s->stage_made = s->truncated = false;
    s->base.ignored = 0;
    s->room = PG_ROOM;
    s->order = 0;
    pg_view_begin(s);
    if (begin_locked(s, e))
        return -1;
    if (pg_ledger_create(s, e) || look(s, e) || pg_create_evolve(s, e) ||
        pg_order_begin(s, e))
        return -1;
    return empty_partition(s, e);
}

static void give_up(struct pg_sink *s)
{
    struct err lost = { 0 };
    if (s->begun && !s->dead)
        (void)pg_run(s, "ROLLBACK", "give up the load of", &lost);
    s->begun = false;
}

/* ---- once more, for what was given up for a transaction beside it ---- */

typedef int step(struct pg_sink *s, void *arg, struct err *e);

/* Opens the transaction anew and feeds it all that has come. */
static int once_more(struct pg_sink *s, unsigned times, struct err *e)
{
    give_up(s);
    s->retry = false;
    return pg_nap(s, (unsigned)(seed(times) % (50u << times)), e) ||
                   start(s, e) || pg_copy_again(s, e)
               ? -1
               : 0;
}

/* Runs first; where the server gave the transaction up for another one, begins
 * once more and runs again (NULL: nothing). */
static int with_retry(struct pg_sink *s, step *first, step *again, void *arg,
                      struct err *e)
{
    struct err last = { 0 };
    int r = first(s, arg, &last);
    for (unsigned i = 1; r < 0 && s->retry && !s->dead && i < TRIES; i++) {
        last = (struct err){ 0 };
        r = once_more(s, i, &last);
        if (r == 0 && again)
            r = again(s, arg, &last);
    }
    if (r < 0)
        *e = last;
    return r;
}

static int do_start(struct pg_sink *s, void *arg, struct err *e)
{
    (void)arg;
    return start(s, e);
}

static int pg_begin(struct sink *base, struct err *e)
{
    struct pg_sink *s = (struct pg_sink *)base;
    buf_reset(&s->refused);
    buf_reset(&s->groups);
    s->grouped = false;
    if (s->backlog.n && backlog_reset(&s->backlog, e))
        return -1;
    return with_retry(s, do_start, NULL, NULL, e);
}

/* The record that is written, which is the backlog's last. */
static int do_write(struct pg_sink *s, void *arg, struct err *e)
{
    struct sink_refusal why;
    const struct sink_record *r = arg;
    uint64_t number = s->backlog.n - 1;
    int done = pg_copy_take(s, r, number, &why, e);
    return done ? (done < 0 ? -1 : 0) : pg_copy_refuse(s, number, &why, e);
}

static int pg_write(struct sink *base, const struct sink_record *r,
                    struct err *e)
{
    struct pg_sink *s = (struct pg_sink *)base;
    if (backlog_add(&s->backlog, r, e))
        return -1;
    return with_retry(s, do_write, NULL, (void *)(uintptr_t)r, e);
}

static int pg_group(struct sink *base, enum sink_group what, struct err *e)
{
    struct pg_sink *s = (struct pg_sink *)base;
    const uint64_t group[2] = { s->group, s->backlog.n - 1 };
    switch (what) {
    case SINK_GROUP_BEGIN:
        s->grouped = true;
        s->group = s->backlog.n;
        s->was_truncated = s->truncated;
        s->moved = false;
        return 0;
    case SINK_GROUP_KEEP:
        s->grouped = false;
        return buf_add(&s->groups, group, sizeof(group)) ? err_nomem(e) : 0;
    case SINK_GROUP_UNDO: break;
    }
    if (s->truncated != s->was_truncated)
        return err_set(e, ERR_DATA,
                       "a change that comes with a truncation was refused: "
                       "the truncation cannot be undone");
    if (s->moved)
        return err_set(e, ERR_DATA,
                       "a change that comes with one of a key was refused: "
                       "that one cannot be undone");
    /* Its rows may still be on their way: told already, whatever comes. */
    int r = pg_copy_undo(s, s->group, e);
    s->grouped = false;
    return r;
}

/* Where a record of a group is refused now, others of it may be in the target
 * already: it is done again without them all. */
int pg_apply_stage(struct pg_sink *s, struct err *e)
{
    size_t sets = s->n_sets;
    if (s->base.spec->mode == SINK_SCD2 && pg_scd2_sort(s, e))
        return -1;
    do {
        s->split = false;
        if (pg_run(s, "SAVEPOINT _pipe_merge", "write to", e) || pg_merge(s, e))
            return -1;
        if (pg_run(s,
                   s->split ? "ROLLBACK TO _pipe_merge; RELEASE _pipe_merge"
                            : "RELEASE _pipe_merge",
                   "write to", e))
            return -1;
        while (s->split && s->n_sets > sets)
            free(s->sets[--s->n_sets]);
    } while (s->split);
    return 0;
}

static int do_apply(struct pg_sink *s, void *arg, struct err *e)
{
    (void)arg;
    if (pg_copy_flush(s, e) || (s->staged && pg_apply_stage(s, e)) ||
        pg_order_end(s, e) ||
        (s->base.spec->mode == SINK_VERSIONED && pg_version_end(s, e)))
        return -1;
    return pg_view_rehearse(s, e);
}

static int pg_apply(struct sink *base, struct err *e)
{
    return with_retry((struct pg_sink *)base, do_apply, do_apply, NULL, e);
}

struct preparing {
    const struct sink_run *run;
    enum sink_outcome *outcome;
    struct buf *previous;
};

static int do_prepare(struct pg_sink *s, void *arg, struct err *e)
{
    struct preparing *p = arg;
    if (p->previous)
        buf_reset(p->previous);
    if (pg_ledger_find(s, p->run, p->outcome, p->previous, e))
        return -1;
    return *p->outcome == SINK_NEW ? pg_ledger_write(s, p->run, e) : 0;
}

static int apply_and_prepare(struct pg_sink *s, void *arg, struct err *e)
{
    return do_apply(s, arg, e) || do_prepare(s, arg, e) ? -1 : 0;
}

static int pg_resume(struct sink *base, const struct sink_run *run,
                     struct sink_position *at, struct err *e)
{
    return pg_ledger_resume((struct pg_sink *)base, run, at, e);
}

static int pg_prepare(struct sink *base, const struct sink_run *run,
                      enum sink_outcome *outcome, struct buf *previous,
                      struct err *e)
{
    struct pg_sink *s = (struct pg_sink *)base;
    struct preparing p = { run, outcome, previous };
    s->run = run;
    return with_retry(s, do_prepare, apply_and_prepare, &p, e);
}

/* ---- the commit ---- */

/* The connection was lost at COMMIT: the ledger knows how it went. Under the
 * same lock, which is free only when the transaction has ended. */
static int ask_ledger(struct pg_sink *s, struct err *e)
{
    struct buf when = { 0 };
    enum sink_outcome outcome = SINK_NEW;
    uint64_t until = pg_now_ms() + RECONNECT_S * 1000;
    struct err failed = { 0 };
    struct sink_run run = *s->run;
    int r = -1;
    run.continues = false;
    for (unsigned nap = 100; r < 0; nap = nap < 2000 ? nap * 2 : nap) {
        failed = (struct err){ 0 };
        r = pg_connect(s, &failed) || begin_locked(s, &failed) ||
                    pg_ledger_find(s, &run, &outcome, &when, &failed)
                ? -1
                : 0;
        if (r < 0 && (pg_now_ms() > until || pg_nap(s, nap, &failed)))
            break;
    }
    give_up(s);
    buf_free(&when);
    if (r < 0)
        return err_set(e, ERR_TEMPFAIL,
                       "the connection was lost at the commit, and whether it "
                       "was done is not known (%s); run it again: it loads "
                       "once",
                       failed.msg);
    if (outcome == SINK_SAME)
        return 0;
    return err_set(e, ERR_TEMPFAIL,
                   "the connection was lost at the commit, which was not "
                   "done: nothing is loaded");
}

static int do_commit(struct pg_sink *s, void *arg, struct err *e)
{
    (void)arg;
    if (pg_view_switch(s, e))
        return -1;
    return pg_run(s, "COMMIT", "commit the load of", e);
}

/* While the transaction was given up, another process may have loaded the same
 * run: then there is nothing left to commit. */
static int commit_again(struct pg_sink *s, void *arg, struct err *e)
{
    enum sink_outcome outcome;
    struct buf when = { 0 };
    struct preparing p = { s->run, &outcome, &when };
    int r = apply_and_prepare(s, &p, e);
    buf_free(&when);
    if (r == 0 && outcome == SINK_NEW)
        return do_commit(s, arg, e);
    if (r == 0 && outcome == SINK_CONFLICT)
        r = err_set(e, ERR_TEMPFAIL,
                    "run '%s' was loaded by another process meanwhile",
                    s->run->run_id);
    give_up(s);
    return r;
}

static int pg_commit(struct sink *base, struct err *e)
{
    struct pg_sink *s = (struct pg_sink *)base;
    struct err failed = { 0 };
    int r = with_retry(s, do_commit, commit_again, NULL, &failed);
    if (r < 0 && s->dead)
        r = ask_ledger(s, &failed);
    if (r < 0)
        *e = failed;
    s->begun = false;
    return r;
}

#define PG_MODES                                            \
    (SINK_MODE(SINK_APPEND) | SINK_MODE(SINK_INSERT) |      \
     SINK_MODE(SINK_UPSERT) | SINK_MODE(SINK_REPLACE) |     \
     SINK_MODE(SINK_DELETE_INSERT) | SINK_MODE(SINK_SCD3) | \
     SINK_MODE(SINK_CDC) | SINK_MODE(SINK_SCD2) | SINK_MODE(SINK_VERSIONED))

#define PG_TYPE(name)                                                       \
    {                                                                       \
        .scheme = name, .modes = PG_MODES,                                  \
        .features = SINK_RANGES | SINK_VIEWS | SINK_SCHEMAS | SINK_AUDITS | \
                    SINK_BATCHES | SINK_POSITIONS,                          \
        .usage = name "://...", .check = pg_check, .spell = pg_name_spell,  \
        .open = pg_open, .begin = pg_begin, .write = pg_write,              \
        .apply = pg_apply, .group = pg_group, .prepare = pg_prepare,        \
        .resume = pg_resume, .commit = pg_commit, .close = pg_close,        \
    }

SINK_CONNECTOR(postgresql) = PG_TYPE("postgresql");
SINK_CONNECTOR(postgres) = PG_TYPE("postgres");
