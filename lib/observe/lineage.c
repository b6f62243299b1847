#include "observe/lineage.h"

#include "base/date.h"
#include "json/utf8.h"
#include "json/value.h"
#include "observe/naming.h"
#include "observe/uuid.h"

#define SPEC "https://openlineage.io/spec/"
#define PRODUCER "urn:pipeutils:" PIPE_VERSION

/* ---- JSON; what opens a member brings its comma */

static void add_text(struct buf *out, struct str value)
{
    struct buf text = { 0 };
    out->failed |= utf8_lossy(&text, value) != 0;
    json_quote(out, buf_str(&text));
    buf_free(&text);
}

static void add_key(struct buf *out, const char *key)
{
    char before = out->n ? out->p[out->n - 1] : '{';
    if (before != '{' && before != '[')
        buf_addc(out, ',');
    buf_addf(out, "\"%s\":", key);
}

static void add_str(struct buf *out, const char *key, struct str value)
{
    add_key(out, key);
    add_text(out, value);
}

static void add_count(struct buf *out, const char *key, uint64_t n)
{
    add_key(out, key);
    buf_addf(out, "%llu", (unsigned long long)n);
}

static void add_time(struct buf *out, const char *key, int64_t us)
{
    add_key(out, key);
    buf_addc(out, '"');
    time_format(out, us);
    buf_addc(out, '"');
}

static void open_object(struct buf *out, const char *key)
{
    add_key(out, key);
    buf_addc(out, '{');
}

/* An element of an array. */
static void open_element(struct buf *out)
{
    if (out->n && out->p[out->n - 1] != '[')
        buf_addc(out, ',');
    buf_addc(out, '{');
}

/* schema is "VERSION/Name", of the facet's own schema. */
static void open_facet(struct buf *out, const char *key, const char *version,
                       const char *name)
{
    open_object(out, key);
    add_str(out, "_producer", STR(PRODUCER));
    add_key(out, "_schemaURL");
    buf_addf(out, "\"" SPEC "facets/%s/%s.json#/$defs/%s\"", version, name,
             name);
}

static void close_object(struct buf *out)
{
    buf_addc(out, '}');
}

/* ---- run */

static void stage_uuid(const struct facts *f, char uuid[UUID_CHARS + 1])
{
    enum { MOST = 1000 };
    struct str parts[MOST];
    size_t n = 0;
    parts[n++] = STR("stage");
    parts[n++] = str_of(f->run_id);
    parts[n++] = str_of(f->pipeline ? f->pipeline : "");
    parts[n++] = str_of(f->stage);
    for (char *const *word = f->argv; word && *word && n < MOST; word++)
        parts[n++] = str_of(*word);
    uuid_of(parts, n, uuid);
}

static void pipeline_uuid(const struct facts *f, char uuid[UUID_CHARS + 1])
{
    const struct str parts[] = { STR("run"), str_of(f->run_id),
                                 str_of(f->pipeline) };
    if (!uuid_parse(str_of(f->run_id), uuid))
        uuid_of(parts, 3, uuid);
}

static void add_parent(struct buf *out, const struct facts *f,
                       const char *namespace)
{
    char uuid[UUID_CHARS + 1];
    /* A run id that a stage made up is nobody else's. */
    if (!f->pipeline || !f->run_is_shared)
        return;
    pipeline_uuid(f, uuid);
    open_facet(out, "parent", "1-2-0", "ParentRunFacet");
    open_object(out, "run");
    add_str(out, "runId", str_of(uuid));
    close_object(out);
    open_object(out, "job");
    add_str(out, "namespace", str_of(namespace));
    add_str(out, "name", str_of(f->pipeline));
    close_object(out);
    close_object(out);
}

/* A facet of ours: what became of the records. */
static void add_counts(struct buf *out, const struct facts *f)
{
    open_object(out, "pipeutils_run");
    add_str(out, "_producer", STR(PRODUCER));
    add_str(out, "_schemaURL",
            STR(SPEC "2-0-2/OpenLineage.json#/$defs/RunFacet"));
    add_str(out, "runId", str_of(f->run_id));
    if (f->how != FACTS_OPEN) {
        add_count(out, "exit", (uint64_t)f->exit_code);
        add_count(out, "read", f->read);
        add_count(out, "out", f->out);
        add_count(out, "rejected", f->rejected);
        add_count(out, "filtered", f->filtered);
        add_count(out, "duplicates", f->duplicates);
        add_key(out, "seconds");
        buf_addf(out, "%.3f", f->seconds);
    }
    if (f->left_out)
        add_count(out, "leftOut", f->left_out);
    close_object(out);
}

static void add_message(struct buf *out, const char *error)
{
    struct buf text = { .max = 65536 };
    out->failed |= naming_hide(&text, str_of(error)) != 0;
    add_str(out, "message", buf_str(&text));
    buf_free(&text);
}

static void add_run(struct buf *out, const struct facts *f,
                    const char *namespace)
{
    char uuid[UUID_CHARS + 1];
    stage_uuid(f, uuid);
    open_object(out, "run");
    add_str(out, "runId", str_of(uuid));
    open_object(out, "facets");
    if (f->dated) {
        open_facet(out, "nominalTime", "1-0-1", "NominalTimeRunFacet");
        add_time(out, "nominalStartTime", f->start);
        add_time(out, "nominalEndTime", f->end);
        close_object(out);
    }
    add_parent(out, f, namespace);
    if (f->error) {
        open_facet(out, "errorMessage", "1-0-1", "ErrorMessageRunFacet");
        add_message(out, f->error);
        add_str(out, "programmingLanguage", STR("C"));
        close_object(out);
    }
    open_facet(out, "processing_engine", "1-1-1", "ProcessingEngineRunFacet");
    add_str(out, "name", STR("pipeutils"));
    add_str(out, "version", STR(PIPE_VERSION));
    close_object(out);
    add_counts(out, f);
    close_object(out);
    close_object(out);
}

/* ---- job */

static void add_job(struct buf *out, const struct facts *f,
                    const char *namespace)
{
    struct buf name = { .max = 65536 };
    if (f->pipeline)
        buf_addf(&name, "%s.", f->pipeline);
    buf_addz(&name, f->stage);
    open_object(out, "job");
    add_str(out, "namespace", str_of(namespace));
    add_str(out, "name", buf_str(&name));
    open_object(out, "facets");
    open_facet(out, "jobType", "2-0-4", "JobTypeJobFacet");
    add_str(out, "processingType", STR("BATCH"));
    add_str(out, "integration", STR("PIPEUTILS"));
    add_str(out, "jobType", STR("COMMAND"));
    close_object(out);
    close_object(out);
    close_object(out);
    out->failed |= name.failed;
    buf_free(&name);
}

/* ---- datasets */

static void add_statistics(struct buf *out, const struct dataset *d,
                           const char *key, const char *version,
                           const char *name)
{
    if (!d->has_rows && !d->has_bytes)
        return;
    open_facet(out, key, version, name);
    if (d->has_rows)
        add_count(out, "rowCount", d->rows);
    if (d->has_bytes)
        add_count(out, "size", d->bytes);
    close_object(out);
}

static void add_if(struct buf *out, const char *key, struct str value)
{
    if (value.n)
        add_str(out, key, value);
}

static void add_assertion(struct buf *out, const struct assertion *a)
{
    open_element(out);
    add_str(out, "assertion", a->kind);
    add_key(out, "success");
    buf_addz(out, a->passed ? "true" : "false");
    add_if(out, "column", a->column);
    add_str(out, "severity", a->warn ? STR("warn") : STR("error"));
    add_if(out, "name", a->name);
    add_if(out, "expected", a->expected);
    add_if(out, "actual", a->actual);
    if (a->content.n) {
        add_str(out, "content", a->content);
        add_str(out, "contentType", STR("expression"));
    }
    close_object(out);
}

static void add_assertions(struct buf *out, const struct facts *f)
{
    if (!f->n_assertions)
        return;
    open_facet(out, "dataQualityAssertions", "1-1-0",
               "DataQualityAssertionsDatasetFacet");
    add_key(out, "assertions");
    buf_addc(out, '[');
    for (size_t i = 0; i < f->n_assertions; i++)
        add_assertion(out, &f->assertions[i]);
    buf_addc(out, ']');
    close_object(out);
}

/* True where an earlier measure is of the same column (and, with metric, is
 * the same). */
static bool is_repeated(const struct facts *f, size_t i, bool metric)
{
    const struct column_measure *m = f->measures;
    for (size_t k = 0; k < i; k++)
        if (str_eq(m[k].column, m[i].column) &&
            (!metric || str_eq(m[k].metric, m[i].metric)))
            return true;
    return false;
}

static void add_column(struct buf *out, const struct facts *f, size_t first)
{
    const struct column_measure *m = f->measures;
    add_text(out, m[first].column);
    buf_addz(out, ":{");
    for (size_t i = first; i < f->n_measures; i++) {
        if (!str_eq(m[i].column, m[first].column) || is_repeated(f, i, true))
            continue;
        if (i > first)
            buf_addc(out, ',');
        add_text(out, m[i].metric);
        buf_addc(out, ':');
        buf_add_str(out, m[i].value);
    }
    close_object(out);
}

static void add_measures(struct buf *out, const struct facts *f,
                         const struct dataset *d)
{
    if (!f->n_measures)
        return;
    open_facet(out, "dataQualityMetrics", "1-0-0",
               "DataQualityMetricsDatasetFacet");
    if (d->has_rows)
        add_count(out, "rowCount", d->rows);
    open_object(out, "columnMetrics");
    for (size_t i = 0; i < f->n_measures; i++) {
        if (is_repeated(f, i, false))
            continue;
        if (i)
            buf_addc(out, ',');
        add_column(out, f, i);
    }
    close_object(out);
    close_object(out);
}

static void add_name(struct buf *out, const struct dataset *d)
{
    add_str(out, "namespace", d->namespace);
    add_str(out, "name", d->name);
}

/* Assertions are of what was read, and the first input stands for all of it. */
static void add_inputs(struct buf *out, const struct facts *f)
{
    add_key(out, "inputs");
    buf_addc(out, '[');
    for (size_t i = 0; i < f->n_inputs; i++) {
        open_element(out);
        add_name(out, &f->inputs[i]);
        open_object(out, "inputFacets");
        add_statistics(out, &f->inputs[i], "inputStatistics", "1-0-0",
                       "InputStatisticsInputDatasetFacet");
        if (i == 0)
            add_assertions(out, f);
        close_object(out);
        close_object(out);
    }
    buf_addc(out, ']');
}

static void add_outputs(struct buf *out, const struct facts *f)
{
    add_key(out, "outputs");
    buf_addc(out, '[');
    for (size_t i = 0; i < f->n_outputs; i++) {
        open_element(out);
        add_name(out, &f->outputs[i]);
        open_object(out, "facets");
        if (i == 0)
            add_measures(out, f, &f->outputs[i]);
        close_object(out);
        open_object(out, "outputFacets");
        add_statistics(out, &f->outputs[i], "outputStatistics", "1-0-2",
                       "OutputStatisticsOutputDatasetFacet");
        close_object(out);
        close_object(out);
    }
    buf_addc(out, ']');
}

int lineage_event(struct buf *out, const struct facts *f, const char *namespace,
                  int64_t now)
{
    static const char *const types[] = { [FACTS_OPEN] = "START",
                                         [FACTS_SUCCESS] = "COMPLETE",
                                         [FACTS_FAILED] = "FAIL",
                                         [FACTS_ABORTED] = "ABORT" };
    struct buf line = { .max = out->max };
    buf_addc(&line, '{');
    add_str(&line, "eventType", str_of(types[f->how]));
    add_time(&line, "eventTime", now);
    add_run(&line, f, namespace);
    add_job(&line, f, namespace);
    add_inputs(&line, f);
    add_outputs(&line, f);
    add_str(&line, "producer", STR(PRODUCER));
    add_str(&line, "schemaURL",
            STR(SPEC "2-0-2/OpenLineage.json#/$defs/RunEvent"));
    buf_addz(&line, "}\n");
    out->failed |= line.failed;
    int r = buf_add_str(out, buf_str(&line));
    buf_free(&line);
    return r;
}
