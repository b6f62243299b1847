#include "track.h"

#include "json/value.h"
#include "position/srcmark.h"
#include "position/stored.h"
#include "run/ask.h"
#include "run/kept.h"
#include "run/pending.h"
#include "run/state.h"

#include <stdlib.h>
#include <unistd.h>

#define CONFIRM_MS 2000

/* ---- what is known ---- */

static bool is_told(const struct track *t)
{
    return t->o->resume_from || t->run_dir;
}

bool track_resumes(const struct track *t)
{
    return is_told(t) && !t->aside;
}

int track_begin(struct track *t, struct stage *st, const struct track_opts *o)
{
    const char *dir = getenv("PIPE_RUN_DIR");
    t->st = st;
    t->o = o;
    t->run_dir = stage_gated(st) && dir && *dir ? dir : NULL;
    t->aside = stage_in_backfill();
    t->marks = o->resume_from && !t->run_dir && !t->aside;
    t->state_dir.max = 65536;
    if ((o->lag || o->from) && !o->cursor)
        return err_set(&st->err, ERR_USAGE, "option --%s is for --cursor",
                       o->lag ? "lag" : "from");
    if (o->cursor && !is_told(t))
        return err_set(&st->err, ERR_USAGE,
                       "--cursor needs --resume-from LEDGER, or pipe-run -- "
                       "'PIPELINE': without it nobody tells what was "
                       "committed");
    if (o->cursor && o->follow)
        return err_set(&st->err, ERR_USAGE,
                       "--cursor goes by the greatest value of a whole run: "
                       "not with --follow");
    if (is_told(t) && (o->cursor || o->resume_from) && !st->opts.pipeline)
        return err_set(&st->err, ERR_USAGE,
                       "--cursor and --resume-from want --pipeline: positions "
                       "are kept by its name");
    return 0;
}

static int doubt(struct track *t, const char *why)
{
    struct stage *st = t->st;
    struct err e = st->err;
    return err_set(&st->err, e.code == ERR_NONE ? ERR_CONFIG : ERR_TEMPFAIL,
                   "%s%s%s (--resume-from LEDGER tells, --rewind starts anew)",
                   why, e.code == ERR_NONE ? "" : ": ",
                   e.code == ERR_NONE ? "" : e.msg);
}

/* What became of what an earlier run has read: 1 it counts, 0 it does not, -1.
 */
static int judge_pending(struct track *t, const struct kept *k,
                         const char *path)
{
    struct err *e = &t->st->err;
    enum pending_fate fate;
    struct buf loads = { .max = 4 << 20 };
    const char *ours =
        strcmp(k->owner.p, t->run_dir) == 0 ? pending_attempt() : NULL;
    int r = pending_fate(k->owner.p, path, ours, &fate, &loads, e);
    if (r == 0) {
        switch (fate) {
        case PENDING_OURS:
            r = err_set(e, ERR_USAGE,
                        "source '%.*s' is read twice in this pipeline",
                        STR_ARG(k->committed.source));
            break;
        case PENDING_BUSY:
            r = err_set(e, ERR_TEMPFAIL,
                        "source '%.*s' waits for the commit of another run "
                        "(%s)",
                        STR_ARG(k->committed.source), k->owner.p);
            break;
        case PENDING_DISCARD: r = 0; break;
        case PENDING_PROMOTE: r = 1; break;
        case PENDING_ASK:
            r = ask_loads(buf_str(&loads), stage_stopping, e);
            if (r < 0)
                r = doubt(t, "cannot ask whether the load of an earlier run "
                             "was committed");
            break;
        case PENDING_LOST:
            r = doubt(t, "the folder of an earlier run is gone, and with it "
                         "whether its load was committed");
            break;
        }
    }
    buf_free(&loads);
    return r;
}

/* From the state directory. */
static int read_kept(struct track *t, struct tracked *d)
{
    struct stage *st = t->st;
    struct kept k = { 0 };
    if (!st->opts.pipeline)
        return 0; /* nothing is kept without a name */
    if (!t->state_dir.n &&
        (stage_state_dir(st, &t->state_dir) || !buf_z(&t->state_dir)))
        return st->err.code ? -1 : err_nomem(&st->err);
    d->kept.max = 65536;
    int r = kept_path(&d->kept, t->state_dir.p, st->opts.pipeline,
                      d->from.source, &st->err)
                ? -1
                : kept_read(&k, d->kept.p, &st->err);
    if (r > 0 && k.owner.n) {
        r = judge_pending(t, &k, d->kept.p);
        if (r < 0 && t->o->rewind) {
            st->err = (struct err){ 0 };
            r = 0; /* whatever it was, it starts anew */
        }
        r = r < 0 || kept_resolve(&k, r > 0, &st->err) ||
                    kept_write(&k, d->kept.p, &st->err)
                ? -1
                : 1;
    }
    if (r > 0) {
        struct positions was = d->base;
        d->base = k.committed;
        k.committed = was;
        r = positions_copy(&d->from, &d->base, &st->err);
    }
    kept_free(&k);
    return r < 0 ? -1 : 0;
}

static int read_from(struct track *t, struct tracked *d)
{
    struct stage *st = t->st;
    int r = 0;
    if (t->aside)
        return 0;
    if (t->o->resume_from)
        r = stored_read(t->o->resume_from,
                        st->opts.pipeline ? st->opts.pipeline : "", &d->from,
                        st->cmd->name, stage_stopping, &st->err);
    else if (t->run_dir)
        r = read_kept(t, d);
    if (r == 0 && t->o->rewind)
        positions_clear(&d->from);
    return r;
}

struct tracked *track_source(struct track *t, const char *name)
{
    struct stage *st = t->st;
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->v[i]->from.source, str_of(name)))
            return t->v[i];
    struct tracked **v = realloc(t->v, (t->n + 1) * sizeof(*v));
    struct tracked *d = v ? calloc(1, sizeof(*d)) : NULL;
    t->v = v ? v : t->v;
    if (!d) {
        err_nomem(&st->err);
        return NULL;
    }
    t->v[t->n++] = d;
    if (positions_init(&d->from, str_of(name), &st->err) ||
        positions_init(&d->to, str_of(name), &st->err) ||
        positions_init(&d->base, str_of(name), &st->err) || read_from(t, d) ||
        (t->o->cursor && cursor_begin(t, d)))
        return NULL;
    return d;
}

/* ---- while it is read ---- */

int track_item(struct track *t, struct tracked *d, const struct source *s,
               const struct source_item *item)
{
    if (!item->position.n || t->o->cursor)
        return 0;
    struct position *p = positions_at(&d->to, item->partition, &t->st->err);
    return p ? position_set(p, source_position_kind(s), item->position,
                            &t->st->err)
             : -1;
}

int track_mark(struct track *t, struct tracked *d, const struct source *s,
               const struct source_item *item, struct str value,
               struct hash128 tie, struct str record, struct buf *out)
{
    bool cursor = t->o->cursor != NULL;
    struct srcmark m = { .source = d->from.source,
                         .partition = cursor ? STR("") : item->partition,
                         .kind =
                             cursor ? d->cursor.kind : source_position_kind(s),
                         .value = cursor ? value : item->position,
                         .rewind = t->o->rewind,
                         .cursor = cursor && value.n,
                         .lag = d->cursor.lag,
                         .tie = tie };
    const struct position *from = positions_find(&d->from, m.partition);
    if (from)
        m.from = from->value;
    return srcmark_add(out, record, &m) ? err_nomem(&t->st->err) : 0;
}

static int64_t ms_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - then->tv_sec) * 1000 +
           (now.tv_nsec - then->tv_nsec) / 1000000;
}

int track_confirm(struct track *t, struct tracked *d, struct source *s,
                  bool now)
{
    struct stage *st = t->st;
    if (t->aside)
        return 0;
    if (now)
        return d->from.n ? source_confirm(s, &d->from, &st->err) : 0;
    if (!t->o->resume_from || ms_since(&t->confirmed) < CONFIRM_MS)
        return 0;
    struct positions at = { 0 };
    int r = positions_init(&at, d->from.source, &st->err);
    if (r == 0)
        r = stored_read(t->o->resume_from, st->opts.pipeline, &at,
                        st->cmd->name, stage_stopping, &st->err);
    if (r == 0 && at.n)
        r = source_confirm(s, &at, &st->err);
    positions_free(&at);
    clock_gettime(CLOCK_MONOTONIC, &t->confirmed);
    return r;
}

/* ---- the end ---- */

/* What reading went on from goes along: the load compares it with what the
 * target has. */
static int complete(struct track *t, struct tracked *d)
{
    struct err *e = &t->st->err;
    for (size_t i = 0; i < d->to.n; i++) {
        struct position *p = &d->to.v[i];
        const struct position *from = positions_find(&d->from, p->partition);
        p->rewind = t->o->rewind;
        if (from && position_start(p, from->value, e))
            return -1;
        if (t->o->cursor && (frontier_settle(&d->cursor.frontier, p, e) ||
                             (from && frontier_merge(p, from, e))))
            return -1;
    }
    if (d->cursor.frontier.overflow)
        stage_warn(t->st,
                   "source '%.*s': more than %d records are at its end or "
                   "within --lag of it: the next run repeats some of them",
                   STR_ARG(d->to.source), POSITION_TIES_MAX);
    return 0;
}

/* For the loaders of the run. */
static int leave_in_run(struct track *t, const struct tracked *d)
{
    struct err *e = &t->st->err;
    struct buf path = { .max = 65536 }, text = { 0 };
    char hex[33];
    int r = -1;
    hash128_hex(hash128(d->to.source), hex);
    buf_addf(&path, "%s/positions", t->run_dir);
    size_t folder = path.n;
    buf_addf(&path, "/%s.json", hex);
    if (!buf_z(&path) || positions_write(&d->to, &text) ||
        buf_addc(&text, '\n'))
        err_nomem(e);
    else if (!d->to.n && access(path.p, F_OK) != 0)
        r = 0; /* else it is of an attempt before, and not true any more */
    else {
        path.p[folder] = '\0';
        r = state_folder(path.p, e);
        path.p[folder] = '/';
        if (r == 0)
            r = state_write(path.p, buf_str(&text), e);
    }
    buf_free(&path);
    buf_free(&text);
    return r;
}

/* For the next run, pending until the load is committed. */
static int leave_in_state(struct track *t, struct tracked *d)
{
    struct err *e = &t->st->err;
    struct kept k = { .committed = d->base, .pending = d->to };
    if (!d->kept.n)
        return 0;
    buf_addz(&k.owner, t->run_dir);
    int r = !buf_z(&k.owner) ? err_nomem(e)
            : pending_add(t->run_dir, d->kept.p, pending_attempt(), e) ||
                    kept_write(&k, d->kept.p, e)
                ? -1
                : 0;
    buf_free(&k.owner);
    return r;
}

/* Who asks to go on and gets all each time has forgotten the cursor. */
static void note_nothing(const struct track *t)
{
    struct stage *st = t->st;
    bool any = !t->o->resume_from || t->aside || t->o->cursor || !st->counts.in;
    for (size_t i = 0; i < t->n; i++)
        any |= t->v[i]->to.n > 0;
    if (!any)
        stage_note(st,
                   "--resume-from changed nothing: '%.*s' has no position of "
                   "its own, and all was read; --cursor FIELD gives it one",
                   STR_ARG(t->v[0]->to.source));
}

int track_end(struct track *t)
{
    note_nothing(t);
    for (size_t i = 0; i < t->n; i++) {
        struct tracked *d = t->v[i];
        if (!track_resumes(t))
            continue;
        if (complete(t, d) || (t->run_dir && leave_in_run(t, d)))
            return -1;
        if (t->run_dir && d->to.n && leave_in_state(t, d))
            return -1;
    }
    return 0;
}

void track_free(struct track *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct tracked *d = t->v[i];
        positions_free(&d->from);
        positions_free(&d->to);
        positions_free(&d->base);
        path_free(&d->cursor.path);
        frontier_free(&d->cursor.frontier);
        buf_free(&d->cursor.text);
        buf_free(&d->kept);
        free(d);
    }
    free(t->v);
    buf_free(&t->state_dir);
    *t = (struct track){ 0 };
}
