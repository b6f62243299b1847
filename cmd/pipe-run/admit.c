/* The locks, the pool and the breaker of a job. */
#include "admit.h"

#include "base/date.h"
#include "base/plain.h"
#include "run/clock.h"
#include "run/pool.h"
#include "run/state.h"

#include <stdio.h>
#include <unistd.h>

/* ---- names and places */

/* Appends the name with {date} and the like filled in; it must be plain. */
static int expand_name(struct stage *st, struct buf *out, const char *option,
                       const char *name)
{
    if (stage_expand(st, out, name))
        return -1;
    if (!buf_z(out))
        return err_nomem(&st->err);
    if (plain_name(out->p))
        return 0;
    return err_set(&st->err, ERR_USAGE,
                   "%s '%s' may hold only letters, digits, '-', '_' and '.'",
                   option, out->p);
}

/* STATE/FOLDER/NAME, the folder made. */
static int place(struct job *j, struct buf *out, const char *folder,
                 const char *name, const char *suffix)
{
    struct stage *st = j->st;
    buf_addf(out, "%.*s/%s", STR_ARG(buf_str(&j->dir.state)), folder);
    if (!buf_z(out))
        return err_nomem(&st->err);
    if (state_folder(out->p, &st->err))
        return -1;
    buf_addf(out, "/%s%s", name, suffix);
    return buf_z(out) ? 0 : err_nomem(&st->err);
}

/* ---- runs that did not begin */

/* A line in the index, so that whoever watches sees more than silence. */
static void note_refused(struct job *j, const char *outcome)
{
    struct err ignored;
    j->record.outcome = outcome;
    j->record.message = j->st->err.msg;
    j->record.exit = (int)j->st->err.code;
    j->record.ended_us = time_now();
    (void)runlog_index(&j->dir, &j->record, &ignored);
    measure_end(&j->measure, &j->record, false);
}

/* ---- before the first attempt */

/* The lock by name: what --lock says, else the pipeline's name. In a backfill
 * dates are meant to overlap: that of the date will do. */
static int name_locks(const struct job *j, struct buf *named, struct buf *dated)
{
    struct stage *st = j->st;
    const struct stage_opts *o = &st->opts;
    const char *wanted = j->o->lock ? j->o->lock : o->pipeline;
    bool none = wanted && strcmp(wanted, "none") == 0;
    if (!j->o->lock && o->date && stage_in_backfill())
        wanted = NULL;
    if (wanted && !none && expand_name(st, named, "lock", wanted))
        return -1;
    if (o->pipeline && o->date && !none)
        buf_addf(dated, "%s-%s", o->pipeline, o->date);
    return buf_z(named) && buf_z(dated) ? 0 : err_nomem(&st->err);
}

static int take_locks(struct job *j)
{
    struct stage *st = j->st;
    struct buf named = { .max = 4096 }, dated = { .max = 4096 };
    struct buf folder = { .max = 65536 };
    buf_addf(&folder, "%.*s/lock", STR_ARG(buf_str(&j->dir.state)));
    int r = !buf_z(&folder)                 ? err_nomem(&st->err)
            : name_locks(j, &named, &dated) ? -1
            : !named.n && !dated.n          ? 0
            : state_folder(folder.p, &st->err) ||
                    locks_take(&j->locks, st, folder.p, named.p, dated.p,
                               j->o->lock_wait_ms)
                ? -1
                : 0;
    if (j->locks.busy)
        note_refused(j, stage_stopping() ? "stopped" : "busy");
    buf_free(&named);
    buf_free(&dated);
    buf_free(&folder);
    return r;
}

static int find_breaker(struct job *j)
{
    struct stage *st = j->st;
    struct buf name = { .max = 4096 };
    if (!j->o->breaker)
        return 0;
    int r = expand_name(st, &name, "breaker", j->o->breaker) ||
                    place(j, &j->breaker_path, "breaker", name.p, ".json")
                ? -1
                : 0;
    buf_free(&name);
    j->breaker = (struct breaker){
        .path = j->breaker_path.p,
        .name = j->o->breaker,
        .failures = j->o->breaker_failures,
        .reset_ms = j->o->breaker_reset_ms,
        .lease_ms = j->o->breaker_lease_ms,
        .now = clock_now,
    };
    return r;
}

static int find_pool(struct job *j)
{
    struct stage *st = j->st;
    const char *text = j->o->pool;
    unsigned n;
    if (!text)
        return 0;
    if (pool_parse(text, &n, &j->pool_size))
        return err_set(&st->err, ERR_USAGE,
                       "option --pool: '%s' is not NAME:N, N from 1 to %d",
                       text, POOL_MAX);
    buf_add(&j->pool, text, n);
    buf_addf(&j->pool_folder, "%.*s/pool", STR_ARG(buf_str(&j->dir.state)));
    if (!buf_z(&j->pool) || !buf_z(&j->pool_folder))
        return err_nomem(&st->err);
    if (!plain_name(j->pool.p))
        return err_set(&st->err, ERR_USAGE,
                       "pool '%s' may hold only letters, digits, '-', '_' and "
                       "'.'",
                       j->pool.p);
    return state_folder(j->pool_folder.p, &st->err);
}

int admit_prepare(struct job *j)
{
    return find_breaker(j) || find_pool(j) || take_locks(j) ? -1 : 0;
}

/* ---- each attempt */

static int take_slot(struct job *j)
{
    struct stage *st = j->st;
    char about[200];
    if (!j->pool_size)
        return 0;
    snprintf(about, sizeof(about), "pid %d, run %.130s\n", (int)getpid(),
             st->run_id);
    j->slot = pool_enter(j->pool_folder.p, j->pool.p, j->pool_size,
                         j->o->pool_wait_ms, stage_stopping, about, &st->err);
    if (j->slot != -2)
        return j->slot < 0 ? -1 : 0;
    j->slot = -1;
    if (stage_stopping())
        return err_set(&st->err, ERR_TEMPFAIL,
                       "stopped by a signal while it waited for a slot of pool "
                       "'%s': nothing was run",
                       j->pool.p);
    return err_set(&st->err, ERR_TEMPFAIL,
                   "no slot of pool '%s' (%u) was free within %.10gs: nothing "
                   "was run",
                   j->pool.p, j->pool_size, (double)j->o->pool_wait_ms / 1000);
}

static void leave_slot(struct job *j)
{
    if (j->slot >= 0)
        close(j->slot);
    j->slot = -1;
}

/* Where the breaker's state cannot be written the run is what it was. */
static void leave_breaker(struct job *j, enum breaker_result result)
{
    bool opened = false;
    struct err e;
    if (!j->o->breaker)
        return;
    if (breaker_leave(&j->breaker, result, &opened, &e))
        stage_note(j->st, "%s", e.msg);
}

int admit_enter(struct job *j)
{
    struct stage *st = j->st;
    if (take_slot(j)) {
        if (!j->begun && st->err.code == ERR_TEMPFAIL)
            note_refused(j, stage_stopping() ? "stopped" : "busy");
        return -1;
    }
    if (j->o->breaker && breaker_enter(&j->breaker, &st->err)) {
        if (!j->begun)
            note_refused(j, "open");
        leave_slot(j);
        return -1;
    }
    return 0;
}

void admit_leave(struct job *j, enum breaker_result result)
{
    leave_breaker(j, result);
    leave_slot(j);
}
