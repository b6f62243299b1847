#include "window/window_private.h"

#include "base/date.h"
#include "json/number.h"
#include "json/pointer.h"

#include <stdlib.h>

#define YEAR_0 (-62167219200 * SPAN_SECOND)
#define YEAR_10000 (253402300800 * SPAN_SECOND)

/* ---- life ---- */

static const struct window_ops *ops_of(enum window_kind kind)
{
    switch (kind) {
    case WINDOW_TUMBLING:
    case WINDOW_SLIDING: return &pane_ops;
    case WINDOW_SESSION: return &session_ops;
    case WINDOW_TRAILING: break;
    }
    return &trail_ops;
}

static int open_window(struct window *w, struct err *e)
{
    w->select = select_new();
    if (!w->select)
        return err_nomem(e);
    w->time_slot = select_add(w->select, &w->o.time);
    w->source_slot = -1;
    if (w->o.source)
        w->source_slot = select_add(w->select, w->o.source);
    if (w->time_slot < 0 || (w->o.source && w->source_slot < 0) ||
        select_batch_init(&w->picked, w->select, 0))
        return err_nomem(e);
    return w->ops->open(w, e);
}

struct window *window_new(const struct window_options *o,
                          const struct window_host *host, struct err *e)
{
    struct window *w = calloc(1, sizeof(*w));
    if (!w) {
        err_nomem(e);
        return NULL;
    }
    w->o = *o;
    w->host = *host;
    w->ops = ops_of(o->spec.kind);
    watermark_init(&w->mark, o->lateness_us, o->idle_us);
    if (open_window(w, e) == 0)
        return w;
    window_free(w);
    return NULL;
}

void window_free(struct window *w)
{
    if (!w)
        return;
    w->ops->free(w);
    watermark_free(&w->mark);
    select_batch_free(&w->picked);
    select_free(w->select);
    buf_free(&w->head);
    buf_free(&w->line);
    buf_free(&w->pointer);
    buf_free(&w->message);
    free(w);
}

const struct window_counts *window_counts(const struct window *w)
{
    return &w->counts;
}

/* ---- faults ---- */

int window_fault(struct window *w, size_t i, const struct aggregate_fault *f,
                 struct err *e)
{
    uint64_t bit = (uint64_t)1 << i;
    if (w->gone & bit)
        return 0;
    w->gone |= bit;
    return w->host.fault(w->host.ctx, i, f, e);
}

/* Rejects record i for its time; the message is there. */
static int time_fault(struct window *w, size_t i, const char *code,
                      struct err *e)
{
    buf_reset(&w->pointer);
    if (pointer_add(&w->pointer, &w->o.time) || w->message.failed)
        return err_nomem(e);
    struct aggregate_fault f = { .code = code,
                                 .path = buf_str(&w->pointer),
                                 .message = buf_str(&w->message) };
    return window_fault(w, i, &f, e);
}

int window_late(struct window *w, size_t i, int64_t time, struct err *e)
{
    if (w->o.late == WINDOW_LATE_DROP) {
        w->gone |= (uint64_t)1 << i;
        w->counts.dropped++;
        return 0;
    }
    buf_reset(&w->message);
    time_format_tz(&w->message, time, w->o.tz);
    buf_addz(&w->message, " is late: the watermark is at ");
    time_format_tz(&w->message, w->mark.at, w->o.tz);
    return time_fault(w, i, "late", e);
}

/* ---- times ---- */

/* A number in units of 10^-places seconds; what is below a microsecond is cut
 * off. */
static bool read_number(struct str text, unsigned places, int64_t *us)
{
    unsigned more = 6 - places;
    if (!number_scaled_i64(text, more, us)) {
        const char *dot = memchr(text.p, '.', text.n);
        size_t keep = dot ? (size_t)(dot - text.p) + (more ? more + 1 : 0) : 0;
        if (!dot || keep >= text.n || memchr(text.p, 'e', text.n) ||
            memchr(text.p, 'E', text.n))
            return false;
        text.n = keep;
        if (!number_scaled_i64(text, more, us))
            return false;
    }
    return *us >= YEAR_0 && *us < YEAR_10000;
}

/* The time of record i: 1, 0 where it was rejected, -1. */
static int read_time(struct window *w, size_t i, int64_t *us, struct err *e)
{
    const struct val *v =
        &w->picked.vals[(size_t)w->time_slot * SELECT_BATCH + i];
    struct str text;
    buf_reset(&w->message);
    switch (v->type) {
    case JSON_MISSING:
    case JSON_NULL:
        buf_addf(&w->message, "time is %s", json_type_name(v->type));
        return time_fault(w, i, "time_missing", e);
    case JSON_NUMBER:
        if (read_number(v->raw, w->o.time_places, us))
            return 1;
        break;
    case JSON_STRING:
        if (json_string(*v, &w->line, &text))
            return err_nomem(e);
        if (time_parse(text, w->o.tz, us))
            return 1;
        break;
    default: break;
    }
    buf_addz(&w->message, v->type == JSON_STRING
                              ? "no RFC 3339 time or date"
                              : "no time: needs a string or a number of the "
                                "years 0 to 9999");
    return time_fault(w, i, "time", e);
}

/* ---- records ---- */

static int close_due(struct window *w, struct err *e)
{
    return w->ops->due(w) <= w->mark.at ? w->ops->close(w, e) : 0;
}

static int take_record(struct window *w, size_t i, int64_t now, struct err *e)
{
    struct str source = STR("");
    bool moved = false;
    int64_t time;
    int r = read_time(w, i, &time, e);
    if (r != 1)
        return r;
    if (w->source_slot >= 0)
        source = w->picked.vals[(size_t)w->source_slot * SELECT_BATCH + i].raw;
    if (w->ops->add(w, i, time, e) ||
        watermark_see(&w->mark, source, time, now, &moved, e))
        return -1;
    return moved ? close_due(w, e) : 0;
}

static int reject_broken(struct window *w, uint64_t broken, struct err *e)
{
    struct aggregate_fault f = { .code = "not_json",
                                 .path = STR(""),
                                 .message = STR("not JSON") };
    for (; broken; broken &= broken - 1)
        if (window_fault(w, (size_t)__builtin_ctzll(broken), &f, e))
            return -1;
    return 0;
}

int window_take(struct window *w, const struct select_record *recs, size_t n,
                int64_t now, struct err *e)
{
    w->recs = recs;
    w->n = n;
    w->gone = 0;
    if (reject_broken(w, select_pick_batch(w->select, recs, n, &w->picked),
                      e) ||
        (w->host.keys && window_find_keys(w, e)))
        return -1;
    if (watermark_pass(&w->mark, now, false) && close_due(w, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!(w->gone >> i & 1) && take_record(w, i, now, e))
            return -1;
    return w->ops->flush(w, e);
}

int window_find_keys(struct window *w, struct err *e)
{
    struct aggregate_fault f;
    size_t at = 0;
    int r;
    while ((r = aggregate_take(w->host.keys, w->recs, w->n, &at, &f, e)) == 0)
        if (window_fault(w, at - 1, &f, e))
            return -1;
    return r == 1 ? 0 : -1;
}

int window_take_one(struct window *w, size_t i, int64_t number, uint32_t *group,
                    struct err *e)
{
    struct aggregate_fault f;
    size_t at = 0;
    int r = aggregate_take_in(w->host.aggregate, w->recs + i, &number, 1, &at,
                              &f, e);
    *group = WINDOW_NO_GROUP;
    if (r == 0)
        return window_fault(w, i, &f, e);
    if (r == 1)
        *group = aggregate_group_of(w->host.aggregate, 0);
    return r == 1 ? 0 : -1;
}

/* ---- results ---- */

int window_emit(struct window *w, uint32_t group, int64_t start, int64_t end,
                uint64_t update, struct err *e)
{
    struct buf *h = &w->head;
    buf_reset(h);
    buf_addz(h, "\"window_start\":\"");
    time_format_tz(h, start, w->o.tz);
    buf_addz(h, "\",\"window_end\":\"");
    time_format_tz(h, end, w->o.tz);
    buf_addc(h, '"');
    if (update)
        buf_addf(h, ",\"window_update\":%llu", (unsigned long long)update);
    if (h->failed)
        return err_nomem(e);
    int r = aggregate_print(w->host.aggregate, group, buf_str(h), &w->line, e);
    if (r <= 0)
        return r;
    w->counts.results++;
    return w->host.emit(w->host.ctx, buf_str(&w->line), e);
}

int window_pass(struct window *w, int64_t now, struct err *e)
{
    return watermark_pass(&w->mark, now, true) ? close_due(w, e) : 0;
}

int window_wait_ms(const struct window *w, int64_t now)
{
    int64_t us = watermark_wait(&w->mark, now, w->ops->due(w));
    if (us < 0)
        return 0;
    return us < 60 * SPAN_SECOND ? (int)(us / 1000) + 1 : 60000;
}

int window_end(struct window *w, struct err *e)
{
    w->mark.at = WATERMARK_END;
    return w->ops->close(w, e);
}
