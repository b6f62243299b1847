#include "job.h"

#include "admit.h"
#include "attempt.h"
#include "base/date.h"
#include "base/plain.h"
#include "base/seed.h"
#include "died.h"
#include "json/value.h"
#include "run/backoff.h"
#include "run/clock.h"
#include "run/kept.h"
#include "run/pending.h"
#include "run/seen.h"
#include "run/state.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEP_DEFAULT_MS ((uint64_t)30 * 86400000)

/* ---- what the job is called, and what its stages are told */

static int check_names(struct stage *st)
{
    const struct stage_opts *o = &st->opts;
    if (o->pipeline && !plain_name(o->pipeline))
        return err_set(&st->err, ERR_USAGE,
                       "pipeline name '%s' may hold only letters, digits, "
                       "'-', '_' and '.'",
                       o->pipeline);
    if (!plain_name(st->run_id))
        return err_set(&st->err, ERR_USAGE,
                       "run id '%s' may hold only letters, digits, '-', '_' "
                       "and '.'",
                       st->run_id);
    return 0;
}

static int set_env(struct stage *st, const char *name, const char *value)
{
    return value && setenv(name, value, 1) ? err_nomem(&st->err) : 0;
}

static int export_expanded(struct stage *st, const char *name, const char *text)
{
    struct buf b = { .max = 65536 };
    int r = stage_expand(st, &b, text);
    if (r == 0)
        r = buf_z(&b) ? set_env(st, name, b.p) : err_nomem(&st->err);
    buf_free(&b);
    return r;
}

static int export_all(struct job *j)
{
    struct stage *st = j->st;
    const struct stage_opts *o = &st->opts;
    if (set_env(st, "PIPE_PIPELINE", o->pipeline) ||
        set_env(st, "PIPE_RUN_ID", st->run_id) ||
        set_env(st, "PIPE_DATE", o->date) || set_env(st, "PIPE_TZ", o->tz) ||
        set_env(st, "PIPE_LOG", o->log) ||
        set_env(st, "PIPE_LINEAGE", o->lineage) ||
        set_env(st, "PIPE_DLQ", j->o->dlq) ||
        set_env(st, "PIPE_STATE", buf_z(&j->dir.state)))
        return -1;
    return o->date && (export_expanded(st, "PIPE_START", "{start}") ||
                       export_expanded(st, "PIPE_END", "{end}"))
               ? -1
               : 0;
}

/* Stages may run in other folders: an absolute path. */
static int find_state(struct job *j)
{
    struct stage *st = j->st;
    struct buf *state = &j->dir.state;
    if (stage_state_dir(st, state))
        return -1;
    if (!buf_z(state))
        return err_nomem(&st->err);
    if (state_folder(state->p, &st->err))
        return -1;
    char *path = realpath(state->p, NULL);
    buf_reset(state);
    int r = !path || buf_addz(state, path) ? err_nomem(&st->err) : 0;
    free(path);
    if (r == 0 && st->opts.verbose)
        stage_note(st, "state is in '%.*s'", STR_ARG(buf_str(state)));
    return r;
}

/* ---- attempts */

static void renew(void *ctx)
{
    struct err ignored;
    (void)breaker_renew(ctx, &ignored);
}

static enum breaker_result result_of(const struct attempt *a)
{
    if (a->exit == 0)
        return BREAKER_GOOD;
    return backoff_transient(a->exit) ? BREAKER_BAD : BREAKER_UNKNOWN;
}

static int begin(struct job *j)
{
    struct stage *st = j->st;
    if (j->begun)
        return 0;
    if (runlog_open(&j->dir, &j->record, &st->err))
        return -1;
    j->begun = true;
    declared_begin(&j->declared);
    measure_begin(&j->measure, j->dir.state.p, &j->record);
    stage_log_to(st, j->dir.path.p);
    stage_run_begin(st, j->dir.path.p, j->declared.conf.owner,
                    j->declared.conf.runbook);
    died_tell(st, &j->dir.state, j->record.pipeline);
    return set_env(st, "PIPE_RUN_DIR", buf_z(&j->dir.path));
}

static int keep_attempt(struct job *j, const struct attempt *a,
                        int64_t started_us)
{
    struct runlog_attempt kept = {
        .started_us = started_us,
        .ended_us = time_now(),
        .exit = a->exit,
        .outcome = a->outcome,
        .message = a->exit ? (char *)(uintptr_t)a->message : NULL,
    };
    measure_attempt(&j->measure, &a->roll);
    buf_reset(&j->stages);
    if (roll_format(&a->roll, &j->stages))
        return err_nomem(&j->st->err);
    j->record.stages = buf_str(&j->stages);
    return runlog_attempt(&j->record, &kept, &j->st->err);
}

/* Stages of this run have added to state that outlives it: what is going to be
 * committed is written down before it is. */
static int note_loads(void *job, const struct roll *roll, struct err *e)
{
    struct job *j = job;
    struct buf text = { 0 };
    if (!pending_any(j->dir.path.p))
        return 0;
    buf_addc(&text, '{');
    roll_format(roll, &text);
    buf_addc(&text, '}');
    int r = text.failed
                ? err_nomem(e)
                : pending_word(
                      j->dir.path.p,
                      json_get(json_val(buf_str(&text)), STR("loads")).raw, e);
    buf_free(&text);
    return r;
}

/* State is keys that were seen, or positions. */
static int promote_state(const char *state, const char *run_dir, struct err *e)
{
    size_t n = strlen(state);
    return n > 5 && strcmp(state + n - 5, ".json") == 0
               ? kept_promote(state, run_dir, e)
               : seen_promote(state, run_dir, e);
}

/* The load is committed, and the record says so. Where this fails the next run
 * that needs the state does it. */
static void promote(struct job *j)
{
    struct err e;
    if (strcmp(j->record.outcome, "ok") == 0 &&
        pending_promote(j->dir.path.p, promote_state, &e))
        stage_warn(j->st, "%s: the next run will see to it", e.msg);
}

static void hear(void *job, const char *text, size_t n)
{
    heard_take(&((struct job *)job)->heard, text, n);
}

static void fill_spec(struct job *j, struct attempt_spec *s)
{
    *s = (struct attempt_spec){
        .command = j->st->rest,
        .gated = true,
        .made_run_id = !j->st->opts.run_id,
        .own_stdin = j->o->own_stdin,
        .early_close = j->o->early_close,
        .timeout_ms = j->o->timeout_ms,
        .kill_after_ms = j->o->kill_after_ms,
        .linger_ms = j->o->linger_ms,
        .keep = { j->locks.named, j->locks.dated, j->dir.live, j->slot },
        .hear = hear,
        .tick = renew,
        .tick_ms = j->breaker.token ? j->o->breaker_lease_ms / 3 + 1 : 0,
        .ctx = &j->breaker,
        .before_commit = note_loads,
        .job = j,
    };
}

/* One attempt: 0 done, 1 failed with st->err, -1 it could not be made. */
static int try_once(struct job *j)
{
    struct stage *st = j->st;
    struct attempt_spec spec;
    struct attempt a;
    bool begun = false;
    int64_t started_us = time_now();
    if (admit_enter(j))
        return -1;
    if (begin(j) == 0) {
        fill_spec(j, &spec);
        stage_run_attempt(st, j->dir.path.p);
        begun = attempt_run(&spec, &a, &st->err) == 0;
        stage_run_attempted(st, j->dir.path.p);
    }
    admit_leave(j, begun ? result_of(&a) : BREAKER_UNKNOWN);
    if (!begun)
        return -1;
    j->record.outcome = a.outcome;
    j->record.exit = a.exit;
    int r = keep_attempt(j, &a, started_us);
    if (r == 0 && a.exit) {
        err_set(&st->err, (enum err_code)a.exit, "%s", a.message);
        r = 1;
    }
    st->counts.in = st->counts.out = roll_rows(&a.roll);
    attempt_free(&a);
    return r;
}

static void nap(uint64_t ms)
{
    int64_t until = clock_ms() + (int64_t)ms, left;
    while ((left = until - clock_ms()) > 0 && !stage_stopping())
        poll(NULL, 0, left > 1000 ? 1000 : (int)left);
}

/* Is there to be another attempt? Waits until it is due. */
static bool again(struct job *j, unsigned n)
{
    const struct job_opts *o = j->o;
    if (n >= o->retries || stage_stopping() ||
        !backoff_transient((int)j->st->err.code))
        return false;
    uint64_t wait =
        backoff_ms(n, o->retry_base_ms, o->retry_cap_ms, seed(n + 1));
    if (o->retry_deadline_ms && clock_ms() - j->started_ms + (int64_t)wait >
                                    (int64_t)o->retry_deadline_ms)
        return false;
    stage_note(j->st, "attempt %u of %u: %s; the next in %.1fs", n + 1,
               (unsigned)o->retries + 1, j->st->err.msg, (double)wait / 1000);
    nap(wait);
    return !stage_stopping();
}

static int attempts(struct job *j)
{
    for (unsigned n = 0;; n++) {
        int r = try_once(j);
        if (r <= 0)
            return r;
        if (!again(j, n))
            return -1;
        j->st->err = (struct err){ 0 };
    }
}

/* ---- the end */

static int run_hook(struct job *j, const char *command)
{
    char number[16];
    struct buf path = { .max = 65536 };
    struct stage *st = j->st;
    struct err e = { 0 };
    struct attempt a;
    char *words[] = { (char *)(uintptr_t)command, NULL };
    bool stopping = stage_stopping();
    struct attempt_spec spec = {
        .command = words,
        .deaf = stopping,
        .timeout_ms = stopping ? j->o->kill_after_ms : j->o->timeout_ms,
        .kill_after_ms = j->o->kill_after_ms,
        .linger_ms = j->o->linger_ms,
        .keep = { j->locks.named, j->locks.dated, j->dir.live, -1 },
        .hear = hear,
        .job = j,
    };
    snprintf(number, sizeof(number), "%d", j->record.exit);
    buf_addf(&path, "%.*s/record.json", STR_ARG(buf_str(&j->dir.path)));
    int r = !buf_z(&path) || setenv("PIPE_RUN_RECORD", path.p, 1) ||
            setenv("PIPE_RUN_OUTCOME", j->record.outcome, 1) ||
            setenv("PIPE_RUN_EXIT", number, 1) ||
            setenv("PIPE_RUN_MESSAGE",
                   j->record.message ? j->record.message : "", 1);
    buf_free(&path);
    if (r)
        return err_nomem(&st->err);
    if (attempt_run(&spec, &a, &e)) {
        st->err = e;
        return -1;
    }
    j->record.hook = a.exit;
    attempt_free(&a);
    return 0;
}

/* Data that is committed stays so, whatever becomes of the hook; but what
 * should have followed has not, so the job has failed. */
static int follow_up(struct job *j)
{
    struct stage *st = j->st;
    bool good = st->err.code == ERR_NONE;
    struct err first = st->err;
    const char *hook = good ? j->o->on_success : j->o->on_failure;
    if (!hook)
        return 0;
    int r = run_hook(j, hook);
    if (!good) {
        if (r || j->record.hook)
            stage_note(st, "--on-failure failed with exit %d",
                       r ? (int)st->err.code : j->record.hook);
        st->err = first;
        return 0;
    }
    if (r == 0 && j->record.hook)
        r = err_set(&st->err, (enum err_code)j->record.hook,
                    "--on-success failed with exit %d; what was loaded is "
                    "committed",
                    j->record.hook);
    return r;
}

static void end_record(struct job *j)
{
    struct runlog *r = &j->record;
    struct err *e = &j->st->err;
    r->ended_us = time_now();
    r->seconds = (double)(clock_ms() - j->started_ms) / 1000;
    measure_record(&j->measure, r);
    if (e->code == ERR_NONE)
        return;
    r->message = e->msg;
    r->exit = (int)e->code;
    if (strcmp(r->outcome, "ok") == 0 || strcmp(r->outcome, "running") == 0)
        r->outcome = "failed";
}

/* The failure that there is already is the one to tell. */
static int keep_first(struct stage *st, int r, const struct err *e)
{
    if (r == 0)
        return 0;
    if (st->err.code == ERR_NONE)
        return err_set(&st->err, e->code, "%s", e->msg);
    stage_note(st, "%s", e->msg);
    return 0;
}

static int finish(struct job *j)
{
    struct stage *st = j->st;
    struct err e;
    static struct err told;
    end_record(j);
    told = st->err; /* the record borrows the message; st->err may change */
    if (told.code != ERR_NONE)
        j->record.message = told.msg;
    int r = keep_first(st, runlog_write(&j->dir, &j->record, &e), &e);
    promote(j);
    r |= follow_up(j);
    declared_end(&j->declared, &j->record, &j->dir);
    if (j->record.hook >= 0)
        r |= keep_first(st, runlog_write(&j->dir, &j->record, &e), &e);
    return r | keep_first(st, runlog_index(&j->dir, &j->record, &e), &e);
}

static int name_command(struct job *j)
{
    for (char **word = j->st->rest; *word; word++)
        buf_addf(&j->command, "%s%s", word == j->st->rest ? "" : " ", *word);
    return buf_z(&j->command) ? 0 : err_nomem(&j->st->err);
}

/* How long the folders of runs are kept. */
static uint64_t keep_ms(const struct job *j)
{
    if (j->o->keep_ms != KEEP_UNSAID)
        return j->o->keep_ms;
    uint64_t declared = j->declared.given ? j->declared.conf.keep.runs_ms : 0;
    return declared ? declared : KEEP_DEFAULT_MS;
}

static int prepare(struct job *j)
{
    struct stage *st = j->st;
    if (check_names(st) || name_command(j) ||
        declared_read(&j->declared, st, j->o->config, j->o->env, j->o->ping) ||
        find_state(j) || export_all(j) ||
        measure_open(&j->measure, st,
                     j->declared.given ? &j->declared.conf : NULL, j->o->price))
        return -1;
    j->record = (struct runlog){
        .run_id = st->run_id,
        .env = j->o->env,
        .trace_id = stage_trace(st, true),
        .pipeline = st->opts.pipeline ? st->opts.pipeline : "",
        .date = st->opts.date,
        .command = j->command.p,
        .outcome = "running",
        .hook = -1,
        .started_us = time_now(),
    };
    if (admit_prepare(j))
        return -1;
    return runlog_sweep(&j->dir.state, j->record.pipeline, keep_ms(j),
                        &st->err);
}

int job_run(struct stage *st, const struct job_opts *o)
{
    struct job j = { .st = st,
                     .o = o,
                     .dir = { .live = -1 },
                     .heard = { .st = st },
                     .locks = { .named = -1, .dated = -1 },
                     .slot = -1,
                     .started_ms = clock_ms() };
    int r = prepare(&j);
    if (r == 0)
        r = attempts(&j);
    if (j.begun && finish(&j))
        r = -1;
    if (j.begun) {
        measure_end(&j.measure, &j.record, true);
        stage_run_end(st, j.dir.path.p);
    }
    runlog_free(&j.record);
    runlog_close(&j.dir);
    locks_free(&j.locks);
    buf_free(&j.command);
    buf_free(&j.stages);
    buf_free(&j.breaker_path);
    buf_free(&j.pool_folder);
    buf_free(&j.pool);
    heard_free(&j.heard);
    measure_free(&j.measure);
    declared_free(&j.declared);
    return r;
}
