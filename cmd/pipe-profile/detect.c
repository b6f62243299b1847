/* detect: anomalies of a stream, one series a key. */
#include "profile_cmd.h"

#include "base/date.h"
#include "detect/series.h"
#include "json/number.h"
#include "json/pointer.h"
#include "json/splice.h"
#include "table/fieldkey.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct detector {
    struct stage *st;
    struct detect_opts o;
    struct series series;
    struct fieldkey key; /* without -k it has no part, and only looks up */
    size_t value, time;  /* slots in key */
    struct path as, value_path, time_path;
    struct buf text, out, pointer;
};

static int prepare(struct detector *d, uint64_t memory)
{
    struct err *e = &d->st->err;
    if (detect_read(&d->o, e) ||
        fieldkey_init(&d->key, d->o.keys->v, d->o.keys->n, e) ||
        fieldkey_also(&d->key, d->o.value, &d->value, e) ||
        path_parse(&d->value_path, str_of(d->o.value), e) ||
        path_parse(&d->as, str_of(d->o.as), e))
        return -1;
    if (d->as.n == 0)
        return err_set(e, ERR_USAGE, "--as '' names no field");
    if (d->o.time && (fieldkey_also(&d->key, d->o.time, &d->time, e) ||
                      path_parse(&d->time_path, str_of(d->o.time), e)))
        return -1;
    series_init(&d->series, &d->o.params, memory);
    d->st->opts.jobs = 1; /* or nobody would know when nothing comes for now */
    return 0;
}

/* ---- a record ---- */

/* 0 to go on with the next record, or -1. */
static int reject(struct detector *d, const struct record *rec,
                  const struct path *path, const char *code,
                  const char *message)
{
    buf_reset(&d->pointer);
    if (path)
        pointer_add(&d->pointer, path);
    const char *pointer = buf_z(&d->pointer);
    return pointer ? stage_rejectf(d->st, rec, code, pointer, "%s", message)
                   : err_nomem(&d->st->err);
}

/* The key of a record in d->key.key: 1, 0 where it was rejected, -1. A null or
 * missing part is a value like others. */
static int read_key(struct detector *d, const struct record *rec)
{
    struct fieldkey *k = &d->key;
    enum fieldkey_result result = FIELDKEY_OK;
    size_t part = 0;
    buf_reset(&k->key);
    if (k->n == 0) {
        if (select_pick(k->select, rec->text, rec->shaped, k->vals))
            result = FIELDKEY_NO_JSON;
    } else if (fieldkey_make_bytes(k, rec->text, rec->shaped, &result, &part,
                                   &d->st->err)) {
        return -1;
    }
    switch (result) {
    case FIELDKEY_OK:
    case FIELDKEY_NULL: return 1;
    case FIELDKEY_RANGE:
        return reject(d, rec, &k->paths[part], "number_range",
                      "number outside the range in which keys compare");
    case FIELDKEY_DEEP:
        return reject(d, rec, &k->paths[part], "too_deep",
                      "value too deep to be compared");
    case FIELDKEY_NO_JSON: break;
    }
    return reject(d, rec, NULL, "not_json", "not JSON");
}

/* What clocks show at the time of a record, for seasons: 1, 0 where it was
 * rejected, -1. */
static int read_clock(struct detector *d, const struct record *rec,
                      int64_t *clock_us)
{
    const char *tz = d->st->opts.tz;
    const struct val *v = &d->key.vals[d->time];
    struct str text;
    int64_t s;
    *clock_us = 0;
    if (!d->o.time)
        return 1;
    if (v->type <= JSON_NULL)
        return reject(d, rec, &d->time_path, "time_missing",
                      v->type == JSON_NULL ? "time is null"
                                           : "time is missing");
    bool good = false;
    if (v->type == JSON_STRING) {
        if (json_string(*v, &d->text, &text))
            return err_nomem(&d->st->err);
        good = time_parse(text, tz, clock_us);
    } else if (v->type == JSON_NUMBER) {
        struct number n = number_parse(v->raw);
        if (n.zero || (n.adjusted < 12 && n.adjusted > -12)) {
            double at = strtod(v->raw.p, NULL); /* ends at the value's end */
            good = true;
            s = (int64_t)floor(at);
            *clock_us = s * 1000000 + (int64_t)((at - (double)s) * 1e6);
        }
    }
    if (!good)
        return reject(d, rec, &d->time_path, "time",
                      "no RFC 3339 time, date, or number of seconds");
    if (tz)
        *clock_us += (int64_t)tz_offset(*clock_us, tz) * 1000000;
    return 1;
}

/* 1 with a number; 2 where there is none; 0 where the record was rejected;
 * -1. */
static int read_value(struct detector *d, const struct record *rec,
                      double *value)
{
    const struct val *v = &d->key.vals[d->value];
    if (v->type <= JSON_NULL)
        return 2;
    if (v->type != JSON_NUMBER)
        return reject(d, rec, &d->value_path, "type", "value is no number");
    buf_reset(&d->text);
    buf_add_str(&d->text, v->raw);
    const char *z = buf_z(&d->text);
    if (!z)
        return err_nomem(&d->st->err);
    *value = strtod(z, NULL);
    return fabs(*value) <= DETECT_VALUE_MAX
               ? 1
               : reject(d, rec, &d->value_path, "number_range",
                        "number is beyond 1e37");
}

/* The record with the verdict in it. */
static int emit(struct detector *d, const struct record *rec,
                const struct detect_verdict *v)
{
    struct stage *st = d->st;
    char score[32] = "null";
    if (d->o.only && !v->alert) {
        st->counts.filtered++;
        return 0;
    }
    if (v->judged)
        snprintf(score, sizeof(score), "%.2f", v->score);
    buf_reset(&d->text);
    buf_reset(&d->out);
    buf_addf(&d->text, "{\"score\":%s,\"expected\":%.9g,\"alert\":%s}", score,
             v->expected, v->alert ? "true" : "false");
    if (d->text.failed)
        return err_nomem(&st->err);
    int r = json_put(&d->out, rec->text, &d->as, buf_str(&d->text));
    if (r == -2)
        return reject(d, rec, &d->as, "type",
                      "there is no object to put the verdict into");
    return r ? err_nomem(&st->err) : stage_pass(st, buf_str(&d->out));
}

static int take(struct detector *d, const struct record *rec)
{
    struct stage *st = d->st;
    struct detect_verdict v;
    struct detect *series;
    uint64_t forgotten = d->series.forgotten;
    int64_t clock_us = 0;
    double value = 0;
    int r = read_key(d, rec);
    if (r == 1)
        r = read_clock(d, rec, &clock_us);
    if (r == 1)
        r = read_value(d, rec, &value);
    if (r == 2 && !d->o.only)
        return stage_pass_record(st, rec);
    if (r == 2)
        st->counts.filtered++;
    if (r != 1)
        return r < 0 ? -1 : 0;
    if (series_get(&d->series, buf_str(&d->key.key), &series, &st->err))
        return -1;
    if (d->series.forgotten && !forgotten)
        stage_warn(st,
                   "%zu series fill --memory: from line %" PRIu64 " on those "
                   "that were silent for longest are forgotten, and begin anew",
                   d->series.n, rec->line);
    detect_next(&d->o.params, series, clock_us, value, &v);
    return emit(d, rec, &v);
}

int detect_run(struct stage *st, uint64_t memory)
{
    static struct record recs[STAGE_BATCH];
    struct detector d = { .st = st };
    int n = prepare(&d, memory);
    while (n == 0 && (n = stage_next_batch(st, recs)) > 0) {
        int r = 0;
        for (int i = 0; r == 0 && i < n; i++)
            r = take(&d, &recs[i]);
        n = r;
        if (r)
            break;
    }
    if (n == 0)
        n = stage_settle(st);
    series_free(&d.series);
    fieldkey_free(&d.key);
    path_free(&d.as);
    path_free(&d.value_path);
    path_free(&d.time_path);
    buf_free(&d.text);
    buf_free(&d.out);
    buf_free(&d.pointer);
    return n;
}
