#include "measure.h"

#include "base/date.h"
#include "json/check.h"
#include "report/runs.h"
#include "run/state.h"

#include <stdlib.h>

#define USUAL 20    /* runs that make the baseline */
#define LOOK 60     /* among so many */
#define USUAL_MIN 3 /* fewer make none */
#define PRICE_MAX ((size_t)64 << 10)
#define GIB ((double)(1 << 30))

/* ---- prices */

/* The file is the member "price" of a pipeline's file, alone. */
static int read_prices(struct measure *m, const char *path)
{
    struct err *e = &m->st->err;
    struct json_fault fault;
    struct buf text = { .max = PRICE_MAX }, whole = { .max = 2 * PRICE_MAX };
    int r = state_read(path, PRICE_MAX, &text, e);
    if (r == 0)
        r = err_set(e, ERR_NOINPUT, "cannot open '%s': there is no such file",
                    path);
    else if (r > 0 && json_check_object(buf_str(&text), 8, &fault))
        r = err_set(e, ERR_CONFIG, "'%s' is not JSON: %s", path, fault.why);
    if (r > 0) {
        buf_addf(&whole, "{\"price\":%.*s}", STR_ARG(buf_str(&text)));
        r = whole.failed ? err_nomem(e)
                         : pipeline_conf_parse(buf_str(&whole), path, "price",
                                               &m->prices, e);
    }
    buf_free(&text);
    buf_free(&whole);
    return r < 0 ? -1 : 0;
}

static const struct pipeline_conf *priced(const struct measure *m)
{
    if (m->prices.price.given)
        return &m->prices;
    return m->conf && m->conf->price.given ? m->conf : NULL;
}

static double cost(const struct measure *m, const struct pipeline_conf *c,
                   const struct runlog *record)
{
    const struct usage *u = &record->usage;
    /* Of foreign commands the largest is all that is known. */
    double memory = (double)u->peak_memory * record->seconds;
    if (m->byte_seconds > memory)
        memory = m->byte_seconds;
    return u->cpu_seconds / 3600 * c->price.cpu_hour +
           memory / GIB / 3600 * c->price.gib_hour +
           (double)u->bytes_in / GIB * c->price.gib_in +
           (double)u->bytes_out / GIB * c->price.gib_out;
}

void measure_attempt(struct measure *m, const struct roll *roll)
{
    struct roll_use use;
    roll_use(roll, &use);
    m->bytes_in += use.bytes_in;
    m->bytes_out += use.bytes_out;
    m->byte_seconds += use.byte_seconds;
    m->facts.unchanged = use.unchanged;
}

void measure_record(const struct measure *m, struct runlog *record)
{
    const struct pipeline_conf *c = priced(m);
    /* Commands that are no stages are among them. */
    usage_children(&record->usage);
    record->usage.bytes_in = m->bytes_in;
    record->usage.bytes_out = m->bytes_out;
    if (!c)
        return;
    record->currency = c->price.currency ? c->price.currency : "";
    record->cost = cost(m, c, record);
}

/* ---- what is usual */

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_number);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void find_usual(struct measure *m, const char *state, const char *name)
{
    static const char *const ok[] = { "ok" };
    const char *const pipelines[] = { name };
    struct runs_filter filter = { .pipelines = pipelines,
                                  .n_pipelines = 1,
                                  .outcomes = ok,
                                  .n_outcomes = 1,
                                  .since_us = INT64_MIN,
                                  .until_us = INT64_MAX,
                                  .last = LOOK };
    double seconds[USUAL], rows[USUAL];
    struct runs past;
    struct err e;
    size_t n = 0;
    if (runs_read(&past, state, &filter, &e))
        stage_warn(m->st, "what is usual is not known: %s", e.msg);
    for (size_t i = 0; i < past.n && n < USUAL; i++) {
        if (past.v[i].live || past.v[i].rows == 0)
            continue; /* nothing was new */
        seconds[n] = past.v[i].seconds;
        rows[n++] = (double)past.v[i].rows;
    }
    if (n >= USUAL_MIN) {
        m->facts.baseline_seconds = median(seconds, n);
        m->facts.baseline_rows = median(rows, n);
    }
    runs_free(&past);
}

static void take_declared(struct measure *m)
{
    const struct pipeline_conf *c = m->conf;
    struct jobfacts *f = &m->facts;
    if (!c)
        return;
    if (c->expected.has_rows)
        f->expected_rows = f->baseline_rows = (double)c->expected.rows;
    if (c->expected.duration_ms)
        f->baseline_seconds = (double)c->expected.duration_ms / 1000;
    f->freshness_seconds = (double)c->freshness_ms / 1000;
    f->sla_seconds = (double)c->sla_ms / 1000;
}

/* The run that is due by then: the one of the last moment, until it was ok. */
static int64_t deadline(const struct pipeline_conf *c, int64_t now, bool ok)
{
    int64_t at;
    if (!c || !c->schedule_text || !c->sla_ms ||
        !(ok ? schedule_next(&c->schedule, now, c->tz, &at)
             : schedule_previous(&c->schedule, now, c->tz, &at)))
        return 0;
    return at + (int64_t)c->sla_ms * 1000;
}

/* ---- the run */

int measure_open(struct measure *m, struct stage *st,
                 const struct pipeline_conf *conf, const char *price)
{
    *m = (struct measure){ .st = st, .conf = conf };
    if (stage_outlet(st, &m->outlet) || (price && read_prices(m, price)))
        return -1;
    if (m->outlet.folder.n && setenv("PIPE_METRICS", m->outlet.folder.p, 1))
        return err_nomem(&st->err);
    return 0;
}

static void write_out(struct measure *m)
{
    struct metrics metrics;
    metrics_init(&metrics);
    jobmetrics_add(&metrics, &m->facts);
    stage_metrics(m->st, &m->outlet, &metrics);
    metrics_free(&metrics);
}

void measure_begin(struct measure *m, const char *state,
                   const struct runlog *record)
{
    struct jobfacts *f = &m->facts;
    if (!m->outlet.folder.n)
        return;
    *f = (struct jobfacts){ .pipeline = record->pipeline,
                            .ran = true,
                            .started_us = record->started_us,
                            .now_us = time_now() };
    find_usual(m, state, record->pipeline);
    take_declared(m);
    f->deadline_us = deadline(m->conf, f->now_us, false);
    write_out(m);
}

/* What its record says, as reports read it. */
static uint64_t rows_of(const struct runlog *record)
{
    struct buf text = { 0 };
    struct arena arena = { .max = (size_t)1 << 20 };
    struct run run = { 0 };
    bool partial = strcmp(record->outcome, "partial") == 0;
    bool known = runlog_format(record, &text) == 0 &&
                 run_parse(buf_str(&text), &run, &arena) &&
                 (partial || run_is_ok(&run));
    buf_free(&text);
    arena_free(&arena);
    return known ? run.rows : 0;
}

void measure_end(struct measure *m, const struct runlog *record, bool ran)
{
    struct jobfacts *f = &m->facts;
    if (!m->outlet.folder.n)
        return;
    f->pipeline = record->pipeline;
    f->outcome = record->outcome;
    f->ran = ran;
    f->now_us = time_now();
    f->seconds = record->seconds;
    if (ran) {
        f->rows = rows_of(record);
        f->usage = record->usage;
        f->has_cost = record->currency != NULL;
        f->cost = record->cost;
        f->currency = record->currency;
        f->deadline_us =
            deadline(m->conf, f->now_us, strcmp(record->outcome, "ok") == 0);
    }
    write_out(m);
}

void measure_free(struct measure *m)
{
    pipeline_conf_free(&m->prices);
    outlet_free(&m->outlet);
}
