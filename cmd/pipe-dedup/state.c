/* --state: keys of earlier runs (run/seen.h, run/pending.h). */
#include "dedup.h"

#include "base/date.h"
#include "run/pending.h"
#include "sink/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define LEDGER_WAIT_MS 30000

/* ---- what became of the load of an earlier run */

/* Text of a member, appended to out with its end; "" where it is missing. */
static int add_member(struct buf *out, struct val load, const char *name)
{
    struct val v = json_get(load, str_of(name));
    if (v.type == JSON_STRING &&
        json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 }))
        return -1;
    return buf_addc(out, '\0');
}

/* Is there a row of this load in the ledger? 1, 0, -1. The load is begun as it
 * was then, looked for, and rolled back. */
static int ask_ledger(const char *const m[], struct err *e)
{
    struct sink_spec spec = {
        .uri = m[0],
        .target = strchr(m[0], ':') ? strchr(m[0], ':') + 1 : m[0],
        .table = m[1],
        .mode = SINK_APPEND, /* looks at all loads of its partition */
        .mode_name = "append",
        .create = true,
        .now = "1970-01-01T00:00:00Z",
        .lock_timeout_ms = LEDGER_WAIT_MS,
        .tmpdir = "/tmp",
        .input = -1,
        .stop = stage_stopping,
    };
    struct sink_run run = {
        .pipeline = m[3],
        .partition = m[4],
        .run_id = m[5],
        .input_hash = m[6],
        .started_at = spec.now,
        .loaded_at = spec.now,
    };
    enum sink_outcome outcome = SINK_NEW;
    struct buf when = { .max = 4096 };
    struct sink *s = sink_open(&spec, e);
    int r = s ? sink_begin(s, e) : -1;
    if (r == 0)
        r = sink_prepare(s, &run, &outcome, &when, e);
    if (s)
        sink_close(s);
    buf_free(&when);
    return r ? -1 : outcome == SINK_SAME;
}

/* The target's name may be relative to where the loader ran. */
static int ask_from(const char *const m[], struct err *e)
{
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here < 0)
        return err_sys(e, ERR_IO, errno, "cannot open the current folder");
    int r = *m[2] && chdir(m[2]) != 0
                ? err_sys(e, ERR_TEMPFAIL, errno, "cannot go to '%s'", m[2])
                : ask_ledger(m, e);
    if (fchdir(here) != 0 && r >= 0)
        r = err_sys(e, ERR_IO, errno, "cannot go back from '%s'", m[2]);
    close(here);
    return r;
}

static int was_loaded(struct val load, struct err *e)
{
    static const char *const names[] = { "target",    "table",     "cwd",
                                         "pipeline",  "partition", "run_id",
                                         "input_hash" };
    enum { N = sizeof(names) / sizeof(*names) };
    struct buf text = { .max = 1 << 20 };
    const char *m[N];
    size_t at[N];
    for (size_t i = 0; i < N; i++) {
        at[i] = text.n;
        if (add_member(&text, load, names[i])) {
            buf_free(&text);
            return err_nomem(e);
        }
    }
    for (size_t i = 0; i < N; i++)
        m[i] = text.p + at[i];
    int r = ask_from(m, e);
    buf_free(&text);
    return r;
}

/* All loads are committed: 1; none, or not all: 0, for the same run again loads
 * what is missing and changes nothing where it is there; -1. */
static int were_loaded(struct stage *st, struct str loads)
{
    size_t all = 0, committed = 0;
    struct val load;
    struct json_iter it = json_iter(loads);
    while (json_next(&it, NULL, &load)) {
        int r = was_loaded(load, &st->err);
        if (r < 0)
            return -1;
        all++;
        committed += (size_t)r;
    }
    return committed == all;
}

/* ---- keys that are pending */

static int give_choice(struct dedup *d, const char *why)
{
    struct stage *st = d->st;
    struct err e = st->err;
    if (d->o.doubt != DOUBT_REFUSE) {
        st->err = (struct err){ 0 };
        stage_warn(st, "%s; --state-doubt decides", why);
        return d->o.doubt == DOUBT_KEEP;
    }
    return err_set(&st->err, e.code == ERR_NONE ? ERR_CONFIG : ERR_TEMPFAIL,
                   "state '%s': %s%s%s (--state-doubt keep or forget decides)",
                   d->o.state, why, e.code == ERR_NONE ? "" : ": ",
                   e.code == ERR_NONE ? "" : e.msg);
}

/* 1 to promote, 0 to discard, -1. */
static int judge_owner(struct dedup *d, const char *run_dir)
{
    struct stage *st = d->st;
    const char *owner = d->seen_keys.owner.p;
    enum pending_fate fate;
    struct buf loads = { .max = 4 << 20 };
    int r = pending_fate(owner, d->seen_keys.path.p,
                         strcmp(owner, run_dir) == 0, &fate, &loads, &st->err);
    if (r == 0) {
        switch (fate) {
        case PENDING_BUSY:
            r = err_set(&st->err, ERR_TEMPFAIL,
                        "state '%s' waits for the commit of another run (%s)",
                        d->o.state, owner);
            break;
        case PENDING_DISCARD: r = 0; break;
        case PENDING_PROMOTE: r = 1; break;
        case PENDING_ASK:
            r = were_loaded(st, buf_str(&loads));
            if (r < 0)
                r = give_choice(d, "cannot ask whether the load of an earlier "
                                   "run was committed");
            break;
        case PENDING_LOST:
            r = give_choice(d, "the folder of an earlier run is gone, and with "
                               "it whether its load was committed");
            break;
        }
    }
    buf_free(&loads);
    return r;
}

static int resolve(struct dedup *d, const char *run_dir)
{
    struct seen *s = &d->seen_keys;
    struct stage *st = d->st;
    if (!s->owner.n)
        return 0;
    int r = judge_owner(d, run_dir);
    if (r < 0)
        return -1;
    if (st->opts.verbose)
        stage_note(st, "keys of run '%s' %s", s->owner.p,
                   r ? "count: its load is committed"
                     : "are forgotten: its load is not committed");
    return seen_resolve(s, r, &st->err) ||
                   pending_remove(s->owner.p, s->path.p, &st->err)
               ? -1
               : 0;
}

/* ---- the run */

/* The fields of the key, as they are given, and what null is. */
static int describe_key(const struct dedup *d, struct buf *out)
{
    for (size_t i = 0; i < d->key.n; i++) {
        buf_addz(out, i ? "," : "");
        buf_add_str(out, d->key.paths[i].text);
    }
    if (!d->key.n)
        buf_addz(out, "(the whole record)");
    return buf_z(out) ? 0 : -1;
}

/* A run for a date has the date's time: what it does again later it does
 * alike. */
static int read_clock(struct dedup *d)
{
    struct stage *st = d->st;
    struct buf text = { .max = 4096 };
    d->now_us = time_now();
    int r = st->opts.date ? stage_expand(st, &text, "{start}") : 0;
    if (r == 0 && st->opts.date &&
        !time_parse(buf_str(&text), st->opts.tz, &d->now_us))
        r = err_set(&st->err, ERR_BUG, "'%.*s' is no time",
                    STR_ARG(buf_str(&text)));
    buf_free(&text);
    return r;
}

int state_begin(struct dedup *d)
{
    struct stage *st = d->st;
    const struct dedup_opts *o = &d->o;
    const char *run_dir = getenv("PIPE_RUN_DIR");
    struct buf about = { .max = 1 << 20 };
    if (!stage_gated(st) || !run_dir || !*run_dir)
        return err_set(
            &st->err, ERR_USAGE,
            "--state needs pipe-run -- 'PIPELINE': without it nobody "
            "tells whether the load was committed");
    if (describe_key(d, &about)) {
        buf_free(&about);
        return err_nomem(&st->err);
    }
    int r =
        seen_open(&d->seen_keys, o->state, about.p, o->memory / 4, &st->err);
    buf_free(&about);
    if (r || read_clock(d) || resolve(d, run_dir))
        return -1;
    int64_t ttl_us = (int64_t)o->ttl_ms * 1000;
    return pending_add(run_dir, d->seen_keys.path.p, &st->err) ||
                   seen_begin(&d->seen_keys, run_dir,
                              ttl_us ? d->now_us - ttl_us : INT64_MIN, &st->err)
               ? -1
               : 0;
}

int state_end(struct dedup *d)
{
    struct stage *st = d->st;
    return stage_settle(st) || seen_commit(&d->seen_keys, &st->err) ? -1 : 0;
}
