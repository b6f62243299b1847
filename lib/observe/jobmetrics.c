#include "observe/jobmetrics.h"

#define STAGE "pipe-run" /* where stages have samples in the same family */

/* Seconds: from a small file to a load that takes the day. */
static const double buckets[] = { 0.5, 1,   5,    10,   30,    60,   120,
                                  300, 600, 1800, 3600, 10800, 36000 };

/* Outcomes of pipe-run(1), and the status that stages have. */
static const struct {
    const char *outcome, *status;
} outcomes[] = {
    { "ok", "success" },     { "failed", "failed" },  { "timeout", "failed" },
    { "partial", "failed" }, { "unknown", "failed" }, { "stopped", "aborted" },
    { "busy", "refused" },   { "open", "refused" },
};

/* ---- samples */

static void set(struct metrics *m, const struct jobfacts *f, bool with_stage,
                double value)
{
    struct buf labels = { .max = 65536 };
    int r = metrics_label(&labels, "pipeline", str_of(f->pipeline));
    if (with_stage)
        r |= metrics_label(&labels, "stage", STR(STAGE));
    m->failed |= r != 0;
    metrics_set(m, buf_str(&labels), value);
    buf_free(&labels);
}

/* A family of one gauge. */
static void gauge(struct metrics *m, const struct jobfacts *f, const char *name,
                  const char *help, double value)
{
    metrics_family(m, name, METRIC_GAUGE, help);
    set(m, f, false, value);
}

/* The same, which is not there where it is 0: nor is the one before then. */
static void declared(struct metrics *m, const struct jobfacts *f,
                     const char *name, const char *help, double value)
{
    metrics_family(m, name, METRIC_GAUGE, help);
    if (value > 0)
        set(m, f, false, value);
}

static void counter(struct metrics *m, const struct jobfacts *f,
                    const char *name, const char *help, double value)
{
    metrics_family(m, name, METRIC_COUNTER, help);
    set(m, f, false, value);
}

/* ---- families */

/* All of them from the first run on, so that the first failure is seen as a
 * step from 0. */
static void add_outcomes(struct metrics *m, const struct jobfacts *f)
{
    struct buf labels = { .max = 65536 };
    metrics_family(m, "pipeline_runs_total", METRIC_COUNTER,
                   "Runs of the stage, by how they ended.");
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
        const char *name = outcomes[i].outcome;
        buf_reset(&labels);
        m->failed |=
            metrics_label(&labels, "pipeline", str_of(f->pipeline)) ||
            metrics_label(&labels, "stage", STR(STAGE)) ||
            metrics_label(&labels, "status", str_of(outcomes[i].status)) ||
            metrics_label(&labels, "outcome", str_of(name));
        metrics_set(m, buf_str(&labels),
                    f->outcome && strcmp(f->outcome, name) == 0);
    }
    buf_free(&labels);
}

static void add_declared(struct metrics *m, const struct jobfacts *f)
{
    declared(m, f, "pipeline_expected_rows",
             "Rows that a run is expected to load, as declared.",
             f->expected_rows);
    declared(m, f, "pipeline_baseline_rows",
             "Rows that a run usually loads: as declared, or the median of the "
             "last runs that were ok.",
             f->baseline_rows);
    declared(m, f, "pipeline_baseline_duration_seconds",
             "How long a run usually takes: as declared, or the median of the "
             "last runs that were ok.",
             f->baseline_seconds);
    declared(m, f, "pipeline_freshness_seconds",
             "How old the last success may be, as declared.",
             f->freshness_seconds);
    declared(m, f, "pipeline_sla_seconds",
             "How long after the moment of its schedule a run must be ok, as "
             "declared.",
             f->sla_seconds);
    /* A run that begins moves no deadline that was missed. */
    bool ok = f->outcome && strcmp(f->outcome, "ok") == 0;
    declared(m, f, "pipeline_sla_deadline_timestamp_seconds",
             "Until when the next run must be ok.",
             (double)(f->deadline_us / 1000000));
    if (f->deadline_us && !ok)
        metrics_initial(m);
}

static void add_use(struct metrics *m, const struct jobfacts *f)
{
    const struct usage *u = &f->usage;
    counter(m, f, "pipeline_run_cpu_seconds_total",
            "Processor time of all processes of the pipeline's runs.",
            u->cpu_seconds);
    counter(m, f, "pipeline_run_read_bytes_total",
            "Bytes that came into the pipeline from outside.",
            (double)u->bytes_in);
    counter(m, f, "pipeline_run_written_bytes_total",
            "Bytes that went out of the pipeline.", (double)u->bytes_out);
    if (f->outcome)
        gauge(m, f, "pipeline_run_peak_memory_bytes",
              "Peak memory of the largest process of the last run.",
              (double)u->peak_memory);
    if (!f->has_cost)
        return;
    struct buf labels = { .max = 65536 };
    metrics_family(m, "pipeline_cost_total", METRIC_COUNTER,
                   "What the pipeline's runs have cost, as estimated from the "
                   "prices declared.");
    m->failed |= metrics_label(&labels, "pipeline", str_of(f->pipeline)) ||
                 metrics_label(&labels, "currency", str_of(f->currency));
    metrics_set(m, buf_str(&labels), f->cost);
    buf_free(&labels);
}

static void add_end(struct metrics *m, const struct jobfacts *f)
{
    bool ok = strcmp(f->outcome, "ok") == 0;
    struct buf labels = { .max = 65536 };
    metrics_family(m, "pipeline_run_duration_seconds", METRIC_HISTOGRAM,
                   "How long runs took, with all their attempts.");
    m->failed |= metrics_label(&labels, "pipeline", str_of(f->pipeline)) != 0;
    metrics_observe(m, buf_str(&labels), buckets,
                    sizeof(buckets) / sizeof(*buckets), f->seconds);
    buf_free(&labels);
    gauge(m, f, "pipeline_last_run_success",
          "1 where the last run that ended was ok, else 0.", ok);
    if (!ok)
        return;
    if (!f->unchanged) {
        gauge(m, f, "pipeline_last_duration_seconds",
              "How long the last run that was ok took.", f->seconds);
        gauge(m, f, "pipeline_last_rows",
              "Rows that the last run that was ok loaded.", (double)f->rows);
    }
    metrics_family(m, "pipeline_last_success_timestamp_seconds", METRIC_GAUGE,
                   "When the stage last ended well.");
    set(m, f, true, (double)(f->now_us / 1000000));
}

void jobmetrics_add(struct metrics *m, const struct jobfacts *f)
{
    add_outcomes(m, f);
    if (!f->ran)
        return;
    gauge(m, f, "pipeline_running_since_timestamp_seconds",
          "When the run that is under way began; 0: none is.",
          f->outcome ? 0 : (double)(f->started_us / 1000000));
    counter(m, f, "pipeline_rows_loaded_total", "Rows that were committed.",
            (double)f->rows);
    add_declared(m, f);
    add_use(m, f);
    if (f->outcome)
        add_end(m, f);
}
