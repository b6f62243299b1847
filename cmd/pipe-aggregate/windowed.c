#include "windowed.h"

#include "base/zone.h"
#include "io/output.h"

#include <time.h>

#define MS 1000            /* microseconds */
#define FLUSH_US (20 * MS) /* what results may wait for others */

struct windowed_options windowed_options;
const char *const windowed_units[] = { "s", "ms", "us", NULL };
const char *const windowed_ways[] = { "reject", "drop", "update", NULL };

/* ---- options ---- */

static int usage(struct stage *st, const char *why)
{
    return err_set(&st->err, ERR_USAGE, "%s", why);
}

/* Do the options fit together? */
static int check(const struct windowed *w, struct stage *st)
{
    const struct windowed_options *o = &windowed_options;
    bool update = o->late && strcmp(o->late, "update") == 0;
    if (!o->time)
        return usage(st, "--window needs --time, the field with the time of "
                         "a record");
    if (update && w->spec.kind == WINDOW_TRAILING)
        return usage(st, "--late update has no meaning for trailing windows: "
                         "each record gives its result once");
    if (update != (o->late_for != 0))
        return usage(st, "--late update and --late-for need each other");
    return 0;
}

int windowed_start(struct windowed *w, struct stage *st, bool *wanted)
{
    const struct windowed_options *o = &windowed_options;
    w->st = st;
    *wanted = o->window != NULL;
    if (!o->window) {
        if (o->time || o->time_unit || o->late || o->source || o->lateness ||
            o->late_for || o->idle_timeout)
            return usage(st, "--time, --lateness, --late, --late-for, "
                             "--idle-timeout and --source need --window");
        return 0;
    }
    if (windowspec_parse(&w->spec, str_of(o->window), &st->err) ||
        check(w, st) || path_parse(&w->time, str_of(o->time), &st->err))
        return -1;
    return o->source ? path_parse(&w->source, str_of(o->source), &st->err) : 0;
}

bool windowed_needs_keys(const struct windowed *w)
{
    return w->spec.kind == WINDOW_SESSION || w->spec.kind == WINDOW_TRAILING;
}

void windowed_free(struct windowed *w)
{
    window_free(w->window);
    aggregate_free(w->keys);
    path_free(&w->time);
    path_free(&w->source);
}

/* ---- results ---- */

/* Microseconds of a clock that only goes forward. */
static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int on_emit(void *ctx, struct str line, struct err *e)
{
    struct windowed *w = ctx;
    (void)e; /* is the stage's */
    w->waiting = true;
    return stage_emit(w->st, line);
}

static int on_fault(void *ctx, size_t i, const struct aggregate_fault *f,
                    struct err *e)
{
    struct windowed *w = ctx;
    struct reason why = { .code = f->code,
                          .path = f->path,
                          .message = f->message };
    (void)e;
    w->st->counts.out--;
    return stage_reject(w->st, &w->recs[i], &why, 1);
}

/* Results are not held back until a buffer is full, even where the input never
 * rests. */
static int flush(struct windowed *w, int64_t now, int64_t wait)
{
    if (!w->waiting || now - w->flushed < wait)
        return 0;
    w->waiting = false;
    w->flushed = now;
    return output_flush(&w->st->out, &w->st->err);
}

/* ---- records ---- */

static int on_idle(void *ctx, struct err *e)
{
    struct windowed *w = ctx;
    int64_t now = now_us();
    if (window_pass(w->window, now, e) || flush(w, now, 0))
        return -1;
    w->st->idle_ms = window_wait_ms(w->window, now);
    return 0;
}

static enum window_late late_way(void)
{
    const char *way = windowed_options.late;
    if (way && strcmp(way, "drop") == 0)
        return WINDOW_LATE_DROP;
    return way && strcmp(way, "update") == 0 ? WINDOW_LATE_UPDATE
                                             : WINDOW_LATE_REJECT;
}

int windowed_begin(struct windowed *w, struct aggregate *a,
                   struct budget *budget)
{
    const struct windowed_options *o = &windowed_options;
    struct stage *st = w->st;
    const char *unit = o->time_unit ? o->time_unit : "s";
    struct window_host host = { .aggregate = a,
                                .keys = w->keys,
                                .ctx = w,
                                .emit = on_emit,
                                .fault = on_fault };
    struct window_options options = {
        .spec = w->spec,
        .zone = st->opts.tz ? zone_find(st->opts.tz) : NULL,
        .tz = st->opts.tz,
        .time = w->time,
        .time_places = *unit == 'm'   ? 3
                       : *unit == 'u' ? 6
                                      : 0,
        .source = o->source ? &w->source : NULL,
        .lateness_us = (int64_t)o->lateness * MS,
        .idle_us = (int64_t)o->idle_timeout * MS,
        .late = late_way(),
        .keep_us = (int64_t)o->late_for * MS,
        .budget = budget,
    };
    w->window = window_new(&options, &host, &st->err);
    st->opts.jobs = 1; /* reading ahead, nobody would know when nothing comes */
    st->on_idle = on_idle;
    st->idle_context = w;
    return w->window ? 0 : -1;
}

int windowed_take(struct windowed *w, const struct record *recs,
                  const struct select_record *picked, size_t n)
{
    struct counts *c = &w->st->counts;
    uint64_t dropped = window_counts(w->window)->dropped;
    int64_t now = now_us();
    w->recs = recs;
    c->out += n;
    if (window_take(w->window, picked, n, now, &w->st->err))
        return -1;
    dropped = window_counts(w->window)->dropped - dropped;
    c->out -= dropped;
    c->filtered += dropped;
    return flush(w, now, FLUSH_US);
}

static void tell(struct stage *st, uint64_t n, const char *what)
{
    if (n)
        stage_note(st, "%llu %s", (unsigned long long)n, what);
}

int windowed_end(struct windowed *w)
{
    const struct window_counts *c = window_counts(w->window);
    int r = window_end(w->window, &w->st->err);
    tell(w->st, c->dropped, "late records dropped");
    tell(w->st, c->partly_late,
         "records came too late for some of their windows");
    tell(w->st, c->updates, "late records updated results");
    stage_output_rows(w->st, c->results);
    return r;
}
