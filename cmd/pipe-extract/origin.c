/* What an operand names, read from its first input to its last. */
#include "extract.h"
#include "lineage/colmap.h"
#include "observe/facts.h"

/* What was found out about a source is told under -v. */
static int say_found(struct stage *st, const struct source *s)
{
    struct buf text = { .max = 65536 };
    int r = st->opts.verbose ? source_found(s, &text, &st->err) : 0;

    if (r == 0 && text.n && buf_z(&text))
        stage_note(st, "%s", text.p);
    buf_free(&text);
    return r;
}

static int say_doubt(struct stage *st, struct extract *x,
                     const struct source *s)
{
    struct buf text = { .max = 65536 };
    int r = x->doubted ? 0 : source_doubt(s, &text, &st->err);

    if (r == 0 && text.n && buf_z(&text)) {
        x->doubted = true;
        stage_note(st, "%s", text.p);
    }
    buf_free(&text);
    return r;
}

/* ---- a source ---- */

static bool time_is_up(const struct extract *x)
{
    struct timespec now;
    if (!x->max_ms)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (now.tv_sec - x->started.tv_sec) * 1000 +
                 (now.tv_nsec - x->started.tv_nsec) / 1000000;
    return ms >= (int64_t)x->max_ms;
}

/* Passes what s has: 1 at its end, 0 where enough was read, -1. */
static int drain(struct extract *x, struct origin *o, struct source *s,
                 const char *uri)
{
    struct stage *st = x->st;
    const struct place at = { s, uri, o->tracked };
    struct source_item item;
    unsigned n = 0;
    int r;
    while ((r = source_next(s, &item, &st->err)) > 0) {
        int more = 1;
        if (r == SOURCE_IDLE ? stage_idle(st)
                             : (more = item_take(x, &at, &item)) < 0)
            return -1;
        if (x->source.follow && track_confirm(&x->track, o->tracked, s, false))
            return -1;
        if (++n % STAGE_BATCH == 0 && stage_tick(st))
            return -1;
        if (more == 0 || (!o->feed && time_is_up(x)))
            return 0;
    }
    return r < 0 ? -1 : 1;
}

static int read_input(struct extract *x, struct origin *o, struct input *in)
{
    struct stage *st = x->st;
    struct source *s = NULL;
    buf_reset(&st->context);
    buf_reset(&st->replay_args);
    stage_input(st, in->uri);
    (void)stage_colmap(st); /* they are as they are read */
    if (in->modified > x->newest_us)
        x->newest_us = in->modified;
    int r = source_open(&s, in, &x->source, &st->err) || say_found(st, s) ||
                    say_doubt(st, x, s)
                ? -1
                : drain(x, o, s, in->uri);
    source_close(s);
    /* Behind a killed upstream a cut record is the expected sight: the mark is
     * the better reason, and replaces the error. */
    bool cut = r < 0 && st->err.code == ERR_DATA && in->eof;
    if ((r > 0 || cut) && stage_judge(st, in))
        r = -1;
    stage_unwatch(st, in);
    stage_input_end(st);
    return r < 0 || stage_tick(st) ? -1 : r;
}

static int read_feed(struct extract *x, struct origin *o)
{
    struct stage *st = x->st;
    struct input *in;
    int r, more = 1;
    while (more > 0 && (r = feed_next(o->feed, &in, &st->err)) > 0) {
        uint64_t before = st->counts.in;
        more = read_input(x, o, in);
        o->feed->taken = st->counts.in - before;
        if (more > 0 && feed_done(o->feed, &o->tracked->to, &st->err))
            return -1;
    }
    return more <= 0 ? more : r < 0 ? -1 : 1;
}

/* How far behind the source's end the run is, besides the sources before. */
struct behind {
    struct source *source;
    uint64_t before;
};

static void look_at_lag(void *ctx, struct facts *f)
{
    const struct behind *b = ctx;
    uint64_t lag;
    if (source_lag(b->source, &lag) > 0) {
        f->has_lag = true;
        f->lag = b->before + lag;
    }
}

static void watch_lag(struct extract *x, struct behind *b)
{
    struct facts *f = stage_facts(x->st);
    if (!f)
        return;
    b->before = f->lag;
    f->look = look_at_lag;
    f->look_ctx = b;
}

/* The source goes. */
static void tell_lag(struct extract *x, bool known)
{
    struct facts *f = stage_facts(x->st);
    if (f && f->look && known)
        f->look(f->look_ctx, f);
    if (f)
        f->look = NULL;
}

/* Which fields a statement takes from which tables is not known. */
static void name_input(struct extract *x, struct origin *o)
{
    const struct source_query *q = x->source.query;
    const char *table = q ? (q->sql ? "(query)" : q->table) : NULL;
    stage_input_table(x->st, o->uri.p, table);
    struct colmap *map = stage_colmap(x->st);
    if (map && q && q->sql)
        colmap_doubt(map);
}

static int read_records(struct extract *x, struct origin *o)
{
    struct stage *st = x->st;
    struct source *s = NULL;
    buf_reset(&st->context);
    buf_reset(&st->replay_args);
    struct behind behind = { 0 };
    name_input(x, o);
    int r = source_connect(&s, o->uri.p, &x->source, &st->err) ||
                    track_confirm(&x->track, o->tracked, s, true)
                ? -1
                : 0;
    if (r == 0) {
        behind.source = s;
        watch_lag(x, &behind);
        r = drain(x, o, s, o->uri.p);
        /* A stream ends by a signal. */
        tell_lag(x, r >= 0 || stage_stopping());
    }
    source_close(s);
    stage_input_end(st);
    return r < 0 || stage_tick(st) ? -1 : r;
}

/* ---- an operand ---- */

static void watch(void *context, struct input *in)
{
    struct extract *x = context;
    in->limits.max_bytes = x->max_size;
    in->limits.max_ratio = x->max_ratio;
    stage_watch(x->st, in);
}

/* Appends what its positions are kept by: the same on every date, another one
 * for each table of a database. */
static int add_name(struct extract *x, struct buf *out, const char *operand)
{
    const char *name = x->track_opts.source_name;
    const struct source_query *q = x->source.query;
    if (!name && q && q->sql && x->track_opts.cursor)
        return err_set(&x->st->err, ERR_USAGE,
                       "--cursor with --query wants --source-name: by it the "
                       "position is told from those of other queries");
    buf_addz(out, name ? name : operand);
    if (!name && q && q->table)
        buf_addf(out, "#%s", q->table);
    return buf_z(out) ? 0 : err_nomem(&x->st->err);
}

static struct tracked *track(struct extract *x, const char *operand)
{
    struct buf name = { .max = 65536 };
    struct tracked *d = add_name(x, &name, operand) == 0
                            ? track_source(&x->track, name.p)
                            : NULL;
    buf_free(&name);
    return d;
}

static bool is_database(const char *uri)
{
    return strncmp(uri, "sqlite:", 7) == 0 || strncmp(uri, "postgres", 8) == 0;
}

static void set_state(struct extract *x, struct origin *o)
{
    struct tracked *d = o->tracked;
    x->source.resume = track_resumes(&x->track) ? &d->from : NULL;
    x->source.cursor = x->track_opts.cursor ? &d->cursor.ask : NULL;
}

/* A day without its file, where that is fine. */
static int let_be_missing(struct extract *x, struct origin *o,
                          const struct days_iter *it)
{
    struct stage *st = x->st;
    if (!it->dated || !x->days.skip || st->err.code != ERR_NOINPUT)
        return -1;
    if (st->opts.verbose)
        stage_note(st, "%s: skipped", st->err.msg);
    st->err = (struct err){ 0 };
    o->missing = true;
    return 0;
}

int origin_open(struct extract *x, struct origin *o, const char *operand,
                const struct days_iter *it)
{
    struct stage *st = x->st;
    o->name = operand;
    o->uri.max = 65536;
    if (it->dated ? stage_expand_on(st, &o->uri, operand, it->day)
                  : stage_expand(st, &o->uri, operand))
        return -1;
    if (!buf_z(&o->uri))
        return err_nomem(&st->err);
    o->tracked = track(x, operand);
    if (!o->tracked)
        return -1;
    set_state(x, o);
    if (x->max && x->track_opts.cursor && !is_database(o->uri.p))
        return err_set(&st->err, ERR_USAGE,
                       "option --max with --cursor is for databases, which "
                       "give records in order: '%s' may have older ones behind",
                       o->uri.p);
    if (source_is_remote(o->uri.p))
        return 0;
    return feed_open(&o->feed, o->uri.p, &x->source, watch, x, &st->err)
               ? let_be_missing(x, o, it)
               : 0;
}

int origin_read(struct extract *x, struct origin *o)
{
    set_state(x, o);
    if (o->missing)
        return 1;
    return o->feed ? read_feed(x, o) : read_records(x, o);
}

void origin_free(struct origin *o)
{
    feed_close(o->feed);
    buf_free(&o->uri);
}
