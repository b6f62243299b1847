#include "observe/runmetrics.h"

#include "base/hash.h"

#define LABEL_BYTES 200 /* of a gate that is named by its text */

/* Seconds: from a filter over a small file to a load that takes the night. */
static const double buckets[] = { 0.1, 0.5, 1,    5,    10,   30,   60,
                                  300, 600, 1800, 3600, 7200, 21600 };

/* ---- labels */

/* The labels of every sample. */
static int add_who(struct buf *labels, const struct facts *f)
{
    buf_reset(labels);
    (void)metrics_label(labels, "pipeline",
                        str_of(f->pipeline ? f->pipeline : ""));
    return metrics_label(labels, "stage", str_of(f->stage));
}

/* A sample of this run, with one more label where name is not NULL. */
static void set(struct metrics *m, const struct facts *f, const char *name,
                struct str text, double value)
{
    struct buf labels = { .max = 65536 };
    if (add_who(&labels, f) || (name && metrics_label(&labels, name, text)))
        m->failed = true;
    else
        metrics_set(m, buf_str(&labels), value);
    buf_free(&labels);
}

/* Of a long name the beginning, and a hash of it all: no two are the same. */
static int add_gate(struct buf *labels, struct str name)
{
    if (name.n <= LABEL_BYTES)
        return metrics_label(labels, "gate", name);
    struct buf cut = { .max = 1024 };
    buf_add(&cut, name.p, LABEL_BYTES);
    buf_addf(&cut, "...%016llx", (unsigned long long)hash64(name));
    int r = metrics_label(labels, "gate", buf_str(&cut));
    buf_free(&cut);
    return r;
}

/* ---- families */

static void add_records(struct metrics *m, const struct facts *f,
                        const struct runmetrics_told *t)
{
    uint64_t settled = f->out + f->rejected + f->filtered + f->duplicates;
    const struct {
        const char *name;
        uint64_t n;
    } outcomes[] = {
        { "out", f->out - t->out },
        { "rejected", f->rejected - t->rejected },
        { "filtered", f->filtered - t->filtered },
        { "duplicate", f->duplicates - t->duplicates },
        { "unsettled",
          f->how != FACTS_OPEN && f->read > settled ? f->read - settled : 0 },
    };
    metrics_family(m, "pipeline_records_total", METRIC_COUNTER,
                   "Records that entered the pipeline: read by a stage that "
                   "no other stage feeds.");
    set(m, f, NULL, STR(""), f->heads ? (double)(f->read - t->read) : 0);
    metrics_family(m, "pipeline_errors_total", METRIC_COUNTER,
                   "Records that were rejected.");
    set(m, f, NULL, STR(""), (double)(f->rejected - t->rejected));
    metrics_family(m, "pipeline_stage_records_total", METRIC_COUNTER,
                   "Records that the stage read, by what became of them.");
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
        set(m, f, "outcome", str_of(outcomes[i].name), (double)outcomes[i].n);
    metrics_family(m, "pipeline_rejects_total", METRIC_COUNTER,
                   "Records that were rejected, by their first error.");
    for (size_t i = 0; i < f->n_codes; i++)
        set(m, f, "code", str_of(f->codes[i].code),
            (double)(f->codes[i].n - t->codes[i]));
}

static void add_run(struct metrics *m, const struct facts *f, int64_t now)
{
    static const struct {
        const char *name;
        enum facts_end how;
    } ends[] = { { "success", FACTS_SUCCESS },
                 { "failed", FACTS_FAILED },
                 { "aborted", FACTS_ABORTED } };
    struct buf labels = { .max = 65536 };
    metrics_family(m, "pipeline_runs_total", METRIC_COUNTER,
                   "Runs of the stage, by how they ended.");
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        set(m, f, "status", str_of(ends[i].name), f->how == ends[i].how);
    metrics_family(m, "pipeline_duration_seconds", METRIC_HISTOGRAM,
                   "How long runs of the stage took.");
    m->failed |= add_who(&labels, f) != 0;
    metrics_observe(m, buf_str(&labels), buckets,
                    sizeof(buckets) / sizeof(*buckets), f->seconds);
    buf_free(&labels);
    if (f->how != FACTS_SUCCESS)
        return;
    metrics_family(m, "pipeline_last_success_timestamp_seconds", METRIC_GAUGE,
                   "When the stage last ended well.");
    set(m, f, NULL, STR(""), (double)(now / 1000000));
}

static bool has_gates(const struct facts *f)
{
    for (size_t i = 0; i < f->n_assertions; i++)
        if (f->assertions[i].gate)
            return true;
    return false;
}

enum of_gate { GATE_HELD, GATE_VALUE, GATE_BASELINE };

/* Is there such a thing to tell of the gate? Then it is in *value. */
static bool gate_value(const struct assertion *a, enum of_gate what,
                       double *value)
{
    switch (what) {
    case GATE_HELD: *value = a->passed; return a->gate;
    case GATE_VALUE: *value = a->value; return a->gate && a->has_value;
    case GATE_BASELINE: break;
    }
    *value = a->baseline;
    return a->gate && a->has_baseline;
}

static void add_gates(struct metrics *m, const struct facts *f,
                      enum of_gate what)
{
    struct buf labels = { .max = 65536 };
    for (size_t i = 0; i < f->n_assertions; i++) {
        const struct assertion *a = &f->assertions[i];
        double value;
        if (!gate_value(a, what, &value))
            continue;
        m->failed |= add_who(&labels, f) || add_gate(&labels, a->name);
        if (what == GATE_HELD)
            m->failed |= metrics_label(&labels, "severity",
                                       str_of(a->warn ? "warn" : "error")) != 0;
        metrics_set(m, buf_str(&labels), value);
    }
    buf_free(&labels);
}

static void add_quality(struct metrics *m, const struct facts *f)
{
    double score;
    if (facts_score(f, &score)) {
        metrics_family(m, "pipeline_data_quality_score", METRIC_GAUGE,
                       "Share of good records times share of gates that hold, "
                       "in the last run.");
        set(m, f, NULL, STR(""), score);
    }
    if (!has_gates(f))
        return;
    metrics_family(m, "pipeline_quality_gate", METRIC_GAUGE,
                   "1 where the gate held when it was last judged, else 0.");
    add_gates(m, f, GATE_HELD);
    metrics_family(m, "pipeline_quality_value", METRIC_GAUGE,
                   "What was measured for the gate when it was last judged.");
    add_gates(m, f, GATE_VALUE);
    metrics_family(m, "pipeline_quality_baseline", METRIC_GAUGE,
                   "What the gate was compared with: the median of the last "
                   "good runs.");
    add_gates(m, f, GATE_BASELINE);
}

static void add_lag(struct metrics *m, const struct facts *f)
{
    if (!f->has_lag)
        return;
    metrics_family(m, "pipeline_consumer_lag", METRIC_GAUGE,
                   "Records that waited at the source when the stage ended.");
    set(m, f, NULL, STR(""), (double)f->lag);
}

static void add_one(struct metrics *m, const struct facts *f, const char *name,
                    enum metric_type type, const char *help, double value)
{
    metrics_family(m, name, type, help);
    set(m, f, NULL, STR(""), value);
}

static void add_use(struct metrics *m, const struct facts *f,
                    const struct usage *t)
{
    const struct usage *u = &f->usage;
    double cpu = u->cpu_seconds - t->cpu_seconds;
    add_one(m, f, "pipeline_stage_cpu_seconds_total", METRIC_COUNTER,
            "Processor time of the stage, user and system.", cpu > 0 ? cpu : 0);
    add_one(m, f, "pipeline_stage_peak_memory_bytes", METRIC_GAUGE,
            "Peak memory of the stage in its last run.",
            (double)u->peak_memory);
    add_one(m, f, "pipeline_stage_read_bytes_total", METRIC_COUNTER,
            "Bytes that the stage read.", (double)(u->bytes_in - t->bytes_in));
    add_one(m, f, "pipeline_stage_written_bytes_total", METRIC_COUNTER,
            "Bytes that the stage wrote.",
            u->bytes_out > t->bytes_out ? (double)(u->bytes_out - t->bytes_out)
                                        : 0);
}

static void add_latency(struct metrics *m, const struct facts *f,
                        const struct latency *t)
{
    const struct latency *l = &f->latency;
    uint64_t counts[LATENCY_BOUNDS + 1];
    struct buf labels = { .max = 65536 };
    if (!l->given)
        return;
    for (size_t i = 0; i <= LATENCY_BOUNDS; i++)
        counts[i] = l->counts[i] - t->counts[i];
    metrics_family(m, "pipeline_processing_latency_seconds", METRIC_HISTOGRAM,
                   "How long after their events records were taken for the "
                   "load.");
    m->failed |= add_who(&labels, f) != 0;
    metrics_histogram(m, buf_str(&labels), latency_bounds, LATENCY_BOUNDS,
                      counts, l->sum - t->sum);
    buf_free(&labels);
}

void runmetrics_add(struct metrics *m, const struct facts *f,
                    const struct runmetrics_told *told, int64_t now)
{
    add_records(m, f, told);
    add_latency(m, f, &told->latency);
    add_lag(m, f);
    add_use(m, f, &told->usage);
    if (f->how == FACTS_OPEN)
        return;
    add_run(m, f, now);
    add_quality(m, f);
}

void runmetrics_tell(struct runmetrics_told *told, const struct facts *f)
{
    *told = (struct runmetrics_told){ .read = f->read,
                                      .out = f->out,
                                      .rejected = f->rejected,
                                      .filtered = f->filtered,
                                      .duplicates = f->duplicates,
                                      .latency = f->latency,
                                      .usage = f->usage };
    for (size_t i = 0; i < f->n_codes; i++)
        told->codes[i] = f->codes[i].n;
}

int runmetrics_file(struct buf *out, const struct facts *f)
{
    if (f->pipeline)
        buf_addf(out, "%s.", f->pipeline);
    return buf_addz(out, f->stage);
}
