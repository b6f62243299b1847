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

static const char *value_field, *time_field, *season, *threshold, *as;
static struct opt_list key_lists;
static uint64_t warm_up, quiet = UINT64_MAX;
static bool only;

#define PLAIN NULL, 0, 0, 0, COMPLETE_NONE, NULL

const struct opt detect_options[] = {
    { OPT_GROUP, 0, "detect", NULL, NULL, "Anomalies", PLAIN },
    { OPT_STRING, 0, "detect", "FIELD", &value_field,
      "instead of a profile: judge each value of FIELD, a number, by those "
      "before it, and let the records pass with what came of it",
      PLAIN },
    { OPT_LIST, 'k', "key", "FIELD[,FIELD...]", &key_lists,
      "fields that tell series apart, repeatable; default all are one", PLAIN },
    { OPT_STRING, 0, "time", "FIELD", &time_field,
      "the time of a record: RFC 3339, a date, or seconds since 1970; for "
      "seasons",
      PLAIN },
    { OPT_STRING, 0, "season", "PERIOD:SLOTS[,...]", &season,
      "periods after which values come again, each learnt in so many parts; or "
      "none; default 1d:144,1w:336 with --time",
      PLAIN },
    { OPT_STRING, 0, "threshold", "SCORE", &threshold,
      "alert from this score on: 6 is one in a million; default 6", PLAIN },
    { OPT_COUNT, 0, "warm-up", "N", &warm_up,
      "learn from the first N values of a series before one is judged; default "
      "200",
      NULL, 2, (uint64_t)1 << 32, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "quiet", "N", &quiet,
      "after an alert none for N values of the series; default 100", NULL, 0,
      (uint64_t)1 << 32, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "only", NULL, &only, "let pass only records with an alert",
      PLAIN },
    { OPT_STRING, 0, "as", "FIELD", &as,
      "where the verdict stands in the record; default _anomaly", PLAIN },
    { 0 }
};

struct detector {
    struct stage *st;
    struct detect_params params;
    struct series series;
    struct fieldkey key; /* without -k it has no part, and only looks up */
    size_t value, time;  /* slots in key */
    struct path as, value_path, time_path;
    struct buf text, out, pointer;
};

bool detect_asked(void)
{
    return value_field || time_field || season || threshold || as || warm_up ||
           quiet != UINT64_MAX || only || key_lists.n;
}

/* ---- options ---- */

/* One of --season: PERIOD:SLOTS. */
static int add_season(struct detect_params *p, char *text, struct err *e)
{
    char *colon = strchr(text, ':'), *end = NULL;
    size_t n = strlen(text);
    uint64_t ms, weeks = 1;
    unsigned long slots = 0;
    if (colon) {
        *colon = '\0';
        slots = strtoul(colon + 1, &end, 10);
        n = (size_t)(colon - text);
    }
    if (n > 1 && text[n - 1] == 'w') {
        text[n - 1] = 'd';
        weeks = 7;
    }
    if (!colon || end == colon + 1 || *end || slots < 1 ||
        slots > DETECT_SLOTS_MAX || colon[1] == '-' || opt_time(text, &ms) ||
        ms == 0 || ms > (uint64_t)36500 * 86400 * 1000 / weeks)
        return err_set(e, ERR_USAGE,
                       "--season '%s' is no list of PERIOD:SLOTS, such as "
                       "1d:144,1w:336, of 1 to %d slots",
                       season, DETECT_SLOTS_MAX);
    if (p->n_seasons == DETECT_SEASONS_MAX)
        return err_set(e, ERR_USAGE, "--season '%s' has more than %d periods",
                       season, DETECT_SEASONS_MAX);
    p->seasons[p->n_seasons++] =
        (struct detect_season){ .period_us = (int64_t)(ms * weeks) * 1000,
                                .slots = (uint32_t)slots };
    return 0;
}

static int read_seasons(struct detect_params *p, struct err *e)
{
    const char *text = season ? season : time_field ? "1d:144,1w:336" : "none";
    char *save = NULL;
    if (strcmp(text, "none") == 0)
        return 0;
    if (!time_field)
        return err_set(e, ERR_USAGE, "--season needs --time FIELD");
    char *copy = strdup(text);
    if (!copy)
        return err_nomem(e);
    int r = *copy ? 0 : err_set(e, ERR_USAGE, "--season '' names no period");
    for (char *at = strtok_r(copy, ",", &save); r == 0 && at;
         at = strtok_r(NULL, ",", &save))
        r = add_season(p, at, e);
    free(copy);
    return r;
}

static int read_opts(struct detect_params *p, struct err *e)
{
    char *end;
    if (!value_field)
        return err_set(e, ERR_USAGE,
                       "-k, --time, --season, --threshold, --warm-up, --quiet, "
                       "--only and --as are for --detect FIELD");
    p->threshold = 6;
    p->warm_up = warm_up ? warm_up : 200;
    p->quiet = quiet == UINT64_MAX ? 100 : quiet;
    if (threshold) {
        p->threshold = strtod(threshold, &end);
        if (end == threshold || *end || !(p->threshold > 0) ||
            p->threshold > 1000)
            return err_set(e, ERR_USAGE,
                           "--threshold '%s' is no score above 0, up to 1000",
                           threshold);
    }
    return read_seasons(p, e);
}

static int prepare(struct detector *d, uint64_t memory)
{
    struct err *e = &d->st->err;
    if (read_opts(&d->params, e) ||
        fieldkey_init(&d->key, key_lists.v, key_lists.n, e) ||
        fieldkey_also(&d->key, value_field, &d->value, e) ||
        path_parse(&d->value_path, str_of(value_field), e) ||
        path_parse(&d->as, str_of(as ? as : "_anomaly"), e))
        return -1;
    if (d->as.n == 0)
        return err_set(e, ERR_USAGE, "--as '' names no field");
    if (time_field && (fieldkey_also(&d->key, time_field, &d->time, e) ||
                       path_parse(&d->time_path, str_of(time_field), e)))
        return -1;
    series_init(&d->series, &d->params, memory);
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
    if (!time_field)
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
    if (only && !v->alert) {
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
    if (r == 2 && !only)
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
    detect_next(&d->params, series, clock_us, value, &v);
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
