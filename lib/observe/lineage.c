#include "observe/lineage.h"

#include "observe/facet.h"
#include "observe/naming.h"
#include "observe/uuid.h"

#define CODE_MAX 65536 /* bytes of a command line */

/* ---- run */

/* The id of the run of the pipeline as a whole. */
static void pipeline_uuid(const struct facts *f, char uuid[UUID_CHARS + 1])
{
    const struct str parts[] = { STR("run"), str_of(f->run_id),
                                 str_of(f->pipeline) };
    if (!uuid_parse(str_of(f->run_id), uuid))
        uuid_of(parts, 3, uuid);
}

/* A stage that an attempt after another starts again is another run. */
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
    if (f->attempt && n < MOST)
        parts[n++] = str_of(f->attempt);
    uuid_of(parts, n, uuid);
}

void lineage_run(const struct facts *f, char uuid[UUID_CHARS + 1])
{
    if (f->stage)
        stage_uuid(f, uuid);
    else
        pipeline_uuid(f, uuid);
}

static void add_parent(struct buf *out, const struct facts *f,
                       const char *namespace)
{
    char uuid[UUID_CHARS + 1];
    /* A run id that a stage made up is nobody else's. */
    if (!f->stage || !f->pipeline || !f->run_is_shared)
        return;
    pipeline_uuid(f, uuid);
    facet_open(out, "parent", "1-2-0", "ParentRunFacet");
    facet_object(out, "run");
    facet_str(out, "runId", str_of(uuid));
    facet_close(out);
    facet_object(out, "job");
    facet_str(out, "namespace", str_of(namespace));
    facet_str(out, "name", str_of(f->pipeline));
    facet_close(out);
    facet_close(out);
}

/* A facet of ours: what became of the records. */
static void add_counts(struct buf *out, const struct facts *f)
{
    facet_own(out, "pipeutils_run", "RunFacet");
    facet_str(out, "runId", str_of(f->run_id));
    if (f->trace_id)
        facet_str(out, "traceId", str_of(f->trace_id));
    if (f->how != FACTS_OPEN) {
        facet_count(out, "exit", (uint64_t)f->exit_code);
        facet_count(out, "read", f->read);
        facet_count(out, "out", f->out);
        facet_count(out, "rejected", f->rejected);
        facet_count(out, "filtered", f->filtered);
        facet_count(out, "duplicates", f->duplicates);
        facet_key(out, "seconds");
        buf_addf(out, "%.3f", f->seconds);
    }
    if (f->left_out)
        facet_count(out, "leftOut", f->left_out);
    facet_close(out);
}

static void add_message(struct buf *out, const char *error)
{
    struct buf text = { .max = 65536 };
    out->failed |= naming_hide(&text, str_of(error)) != 0;
    facet_str(out, "message", buf_str(&text));
    buf_free(&text);
}

static void add_run(struct buf *out, const struct facts *f,
                    const char *namespace)
{
    char uuid[UUID_CHARS + 1];
    lineage_run(f, uuid);
    facet_object(out, "run");
    facet_str(out, "runId", str_of(uuid));
    facet_object(out, "facets");
    if (f->dated) {
        facet_open(out, "nominalTime", "1-0-1", "NominalTimeRunFacet");
        facet_time(out, "nominalStartTime", f->start);
        facet_time(out, "nominalEndTime", f->end);
        facet_close(out);
    }
    add_parent(out, f, namespace);
    if (f->error) {
        facet_open(out, "errorMessage", "1-0-1", "ErrorMessageRunFacet");
        add_message(out, f->error);
        facet_str(out, "programmingLanguage", STR("C"));
        facet_close(out);
    }
    facet_open(out, "processing_engine", "1-1-1", "ProcessingEngineRunFacet");
    facet_str(out, "name", STR("pipeutils"));
    facet_str(out, "version", STR(PIPE_VERSION));
    facet_close(out);
    add_counts(out, f);
    facet_close(out);
    facet_close(out);
}

/* ---- job */

/* The command line as a shell would take it, secrets of URIs left out. */
static void add_source_code(struct buf *out, const struct facts *f)
{
    struct buf line = { .max = CODE_MAX }, shown = { .max = CODE_MAX };
    for (char *const *word = f->argv; word && *word; word++) {
        bool plain = **word && !(*word)[strcspn(*word, " \t\n\"'\\$`&|;<>()"
                                                       "{}[]*?!#~=%")];
        buf_addz(&line, line.n ? " " : "");
        if (plain || !f->stage) {
            buf_addz(&line, *word);
            continue;
        }
        buf_addc(&line, '\'');
        for (const char *c = *word; *c; c++)
            buf_addz(&line, *c == '\'' ? "'\\''" : (char[]){ *c, '\0' });
        buf_addc(&line, '\'');
    }
    if (line.n && naming_hide(&shown, buf_str(&line)) == 0) {
        facet_open(out, "sourceCode", "1-0-1", "SourceCodeJobFacet");
        facet_str(out, "language", STR("shell"));
        facet_str(out, "sourceCode", buf_str(&shown));
        facet_close(out);
    }
    buf_free(&line);
    buf_free(&shown);
}

static void add_owner(struct buf *out, const struct facts *f)
{
    if (f->owner) {
        facet_open(out, "ownership", "1-0-1", "OwnershipJobFacet");
        facet_array(out, "owners");
        facet_element(out);
        facet_str(out, "name", str_of(f->owner));
        facet_close(out);
        facet_end(out);
        facet_close(out);
    }
    if (f->runbook) {
        facet_open(out, "documentation", "1-1-0", "DocumentationJobFacet");
        facet_str(out, "description", str_of(f->runbook));
        facet_close(out);
    }
}

static void add_job(struct buf *out, const struct facts *f,
                    const char *namespace)
{
    struct buf name = { .max = 65536 };
    if (f->pipeline)
        buf_addf(&name, "%s%s", f->pipeline, f->stage ? "." : "");
    if (f->stage)
        buf_addz(&name, f->stage);
    facet_object(out, "job");
    facet_str(out, "namespace", str_of(namespace));
    facet_str(out, "name", buf_str(&name));
    facet_object(out, "facets");
    facet_open(out, "jobType", "2-0-4", "JobTypeJobFacet");
    facet_str(out, "processingType", STR("BATCH"));
    facet_str(out, "integration", STR("PIPEUTILS"));
    facet_str(out, "jobType", f->stage ? STR("COMMAND") : STR("PIPELINE"));
    facet_close(out);
    add_source_code(out, f);
    add_owner(out, f);
    facet_close(out);
    facet_close(out);
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
    facet_open(out, key, version, name);
    if (d->has_rows)
        facet_count(out, "rowCount", d->rows);
    if (d->has_bytes)
        facet_count(out, "size", d->bytes);
    facet_close(out);
}

static void add_if(struct buf *out, const char *key, struct str value)
{
    if (value.n)
        facet_str(out, key, value);
}

static void add_assertion(struct buf *out, const struct assertion *a)
{
    facet_element(out);
    facet_str(out, "assertion", a->kind);
    facet_key(out, "success");
    buf_addz(out, a->passed ? "true" : "false");
    add_if(out, "column", a->column);
    facet_str(out, "severity", a->warn ? STR("warn") : STR("error"));
    add_if(out, "name", a->name);
    add_if(out, "expected", a->expected);
    add_if(out, "actual", a->actual);
    if (a->content.n) {
        facet_str(out, "content", a->content);
        facet_str(out, "contentType", STR("expression"));
    }
    facet_close(out);
}

static void add_assertions(struct buf *out, const struct facts *f)
{
    if (!f->n_assertions)
        return;
    facet_open(out, "dataQualityAssertions", "1-1-0",
               "DataQualityAssertionsDatasetFacet");
    facet_array(out, "assertions");
    for (size_t i = 0; i < f->n_assertions; i++)
        add_assertion(out, &f->assertions[i]);
    facet_end(out);
    facet_close(out);
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
    facet_text(out, m[first].column);
    buf_addz(out, ":{");
    for (size_t i = first; i < f->n_measures; i++) {
        if (!str_eq(m[i].column, m[first].column) || is_repeated(f, i, true))
            continue;
        if (i > first)
            buf_addc(out, ',');
        facet_text(out, m[i].metric);
        buf_addc(out, ':');
        buf_add_str(out, m[i].value);
    }
    facet_close(out);
}

static void add_measures(struct buf *out, const struct facts *f,
                         const struct dataset *d)
{
    if (!f->n_measures)
        return;
    facet_open(out, "dataQualityMetrics", "1-0-0",
               "DataQualityMetricsDatasetFacet");
    if (d->has_rows)
        facet_count(out, "rowCount", d->rows);
    facet_object(out, "columnMetrics");
    for (size_t i = 0; i < f->n_measures; i++) {
        if (is_repeated(f, i, false))
            continue;
        if (i)
            buf_addc(out, ',');
        add_column(out, f, i);
    }
    facet_close(out);
    facet_close(out);
}

/* Assertions are of what was read, and the first input stands for all of it. */
static void add_inputs(struct buf *out, const struct facts *f)
{
    facet_array(out, "inputs");
    for (size_t i = 0; i < f->n_inputs; i++) {
        facet_element(out);
        facet_dataset(out, &f->inputs[i]);
        facet_object(out, "facets");
        if (i == 0 && f->stage)
            facet_schema(out, &f->fields_in);
        facet_close(out);
        facet_object(out, "inputFacets");
        add_statistics(out, &f->inputs[i], "inputStatistics", "1-0-0",
                       "InputStatisticsInputDatasetFacet");
        if (i == 0)
            add_assertions(out, f);
        facet_close(out);
        facet_close(out);
    }
    facet_end(out);
}

static void add_outputs(struct buf *out, const struct facts *f)
{
    facet_array(out, "outputs");
    for (size_t i = 0; i < f->n_outputs; i++) {
        facet_element(out);
        facet_dataset(out, &f->outputs[i]);
        facet_object(out, "facets");
        if (i == 0 && f->stage)
            facet_schema(out, f->fields_out.n ? &f->fields_out : &f->fields_in);
        if (f->outputs[i].columns)
            facet_columns(out, f, f->outputs[i].columns);
        if (i == 0)
            add_measures(out, f, &f->outputs[i]);
        facet_close(out);
        facet_object(out, "outputFacets");
        add_statistics(out, &f->outputs[i], "outputStatistics", "1-0-2",
                       "OutputStatisticsOutputDatasetFacet");
        facet_close(out);
        facet_close(out);
    }
    facet_end(out);
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
    facet_str(&line, "eventType", str_of(types[f->how]));
    facet_time(&line, "eventTime", now);
    add_run(&line, f, namespace);
    add_job(&line, f, namespace);
    add_inputs(&line, f);
    add_outputs(&line, f);
    facet_str(&line, "producer", STR(FACET_PRODUCER));
    facet_str(&line, "schemaURL",
              STR(FACET_SPEC "2-0-2/OpenLineage.json#/$defs/RunEvent"));
    buf_addz(&line, "}\n");
    out->failed |= line.failed;
    int r = buf_add_str(out, buf_str(&line));
    buf_free(&line);
    return r;
}
