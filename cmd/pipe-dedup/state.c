/* --state: keys of earlier runs (run/seen.h, run/pending.h). */
#include "dedup.h"

#include "base/date.h"
#include "run/ask.h"
#include "run/pending.h"

#include <stdlib.h>

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

/* 2 to leave alone, 1 to promote, 0 to discard, -1. */
static int judge_owner(struct dedup *d, const char *run_dir)
{
    struct stage *st = d->st;
    const char *owner = d->seen_keys.owner.p;
    enum pending_fate fate;
    struct buf loads = { .max = 4 << 20 };
    int r = pending_fate(owner, d->seen_keys.path.p,
                         strcmp(owner, run_dir) == 0 ? pending_attempt() : NULL,
                         &fate, &loads, &st->err);
    if (r == 0) {
        switch (fate) {
        case PENDING_OURS: r = 2; break;
        case PENDING_BUSY:
            r = err_set(&st->err, ERR_TEMPFAIL,
                        "state '%s' waits for the commit of another run (%s)",
                        d->o.state, owner);
            break;
        case PENDING_DISCARD: r = 0; break;
        case PENDING_PROMOTE: r = 1; break;
        case PENDING_ASK:
            r = ask_loads(buf_str(&loads), stage_stopping, &st->err);
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
    if (r < 0 || r == 2)
        return r < 0 ? -1 : 0;
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
    return pending_add(run_dir, d->seen_keys.path.p, pending_attempt(),
                       &st->err) ||
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
