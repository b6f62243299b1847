/* --window: duplicates within a time of each other, on streams without end. */
#include "dedup.h"

#include "base/date.h"
#include "json/pointer.h"

void window_begin(struct dedup *d)
{
    d->newest_us = INT64_MIN;
    recent_init(&d->recent, (int64_t)d->o.window_ms * 1000, d->o.memory);
    d->keys = recent_keys(&d->recent);
}

/* 1 with the event time, 0 where the record was rejected, -1. */
static int read_time(struct dedup *d, const struct record *rec, struct val v,
                     int64_t *us)
{
    struct stage *st = d->st;
    struct str text;
    if (v.type == JSON_STRING) {
        if (json_string(v, &d->text, &text))
            return err_nomem(&st->err);
        if (time_parse(text, st->opts.tz, us))
            return 1;
    }
    buf_reset(&d->pointer);
    pointer_add(&d->pointer, &d->time);
    const char *path = buf_z(&d->pointer);
    if (!path)
        return err_nomem(&st->err);
    if (v.type != JSON_STRING)
        return stage_rejectf(st, rec, "bad_time", path, "event time is %s",
                             json_type_name(v.type));
    return stage_rejectf(st, rec, "bad_time", path,
                         "event time is no RFC 3339 time: %.*s",
                         v.raw.n > 60 ? 60 : (int)v.raw.n, v.raw.p);
}

/* Keys that might be this one's are forgotten: nothing can be said of it. */
static int too_late(struct dedup *d, const struct record *rec, int64_t us)
{
    struct stage *st = d->st;
    d->late++;
    switch (d->o.late) {
    case LATE_PASS: return stage_pass_record(st, rec);
    case LATE_DROP: st->counts.filtered++; return 0;
    case LATE_REJECT: break;
    }
    buf_reset(&d->pointer);
    pointer_add(&d->pointer, &d->time);
    if (!buf_z(&d->pointer))
        return err_nomem(&st->err);
    return stage_rejectf(st, rec, "late", d->pointer.p,
                         "event time is %.10gs behind the latest",
                         (double)(d->newest_us - us) / 1e6);
}

int window_judge(struct dedup *d, const struct record *rec,
                 const struct keyed *k)
{
    struct stage *st = d->st;
    int64_t us, window = (int64_t)d->o.window_ms * 1000,
                lateness = (int64_t)d->o.lateness_ms * 1000;
    int r = key_check(d, rec, k);
    if (r <= 0)
        return r;
    if (r == 2)
        return stage_pass_record(st, rec);
    r = read_time(d, rec, k->value, &us);
    if (r <= 0)
        return r;
    if (us > d->newest_us) {
        d->newest_us = us;
        recent_forget(&d->recent, us - lateness - window);
    } else if (us < d->newest_us - lateness) {
        return too_late(d, rec, us);
    }
    r = recent_pass(&d->recent, k->hash,
                    (struct str){ d->key.key.p + k->at, k->n }, us, &st->err);
    d->keys = recent_keys(&d->recent);
    if (r < 0)
        return -1;
    return r ? stage_pass_record(st, rec) : drop(d, rec->text);
}
