/* graph: which datasets are made of which, column by column, out of lineage
 * events of any producer.
 *
 *     g = graph_new();
 *     for each line of the files, which stay in memory: graph_take(g, line);
 *     graph_end(g, 0);
 *     for (i = 0; i < graph_flows(g, &flows); i++) ...
 *
 * Of each job the latest run that ended well counts, or the latest if none
 * did; of a pipeline of ours the run as a whole, with all its stages. Where the
 * pipeline told itself what it read and wrote, its stages are left out; else
 * they are put together here: pipes between them, which are no datasets that
 * anybody knows, are replaced by what comes in at their other end. Where a
 * program of another maker stands in between, nobody knows what it does, and
 * all that went in may have come out.
 *
 * The job PIPELINE.STAGE of a stage that ran without pipe-run is left out, too,
 * where a run of the job PIPELINE covers it: makes the same dataset out of what
 * the stage read, and more.
 *
 * Events may come in any order and more than once. Not thread-safe. */
#ifndef LINEAGE_GRAPH_H
#define LINEAGE_GRAPH_H

#include "base/err.h"
#include "lineage/colmap.h"
#include "lineage/event.h"
#include "lineage/names.h"

struct graph;

/* What a run read or wrote of a dataset, as far as it was told. */
struct graph_count {
    bool has_rows, has_bytes;
    uint64_t rows, bytes;
};

struct graph_input {
    uint32_t dataset;
    struct graph_count count;
};

/* Data on its way: a run of a job made one dataset out of others. */
struct graph_flow {
    uint32_t job;
    uint32_t to;
    struct graph_count count;   /* of `to` */
    enum event_type end;        /* of the run */
    int64_t us;                 /* when that was told last */
    struct graph_input *inputs; /* owned */
    size_t n_inputs;
    struct colmap map; /* whose inputs are datasets */
};

struct graph *graph_new(void);
void graph_free(struct graph *g);

/* Takes one event, text being borrowed until graph_end. 1, or 0 where it is
 * none; -1 without memory. */
int graph_take(struct graph *g, struct str text);

/* Stages that are covered by their pipeline are to count, too. */
void graph_keep_stages(struct graph *g);

/* All events have come: those of runs before since_us are left out. 0 or -1
 * with e (memory). */
int graph_end(struct graph *g, int64_t since_us, struct err *e);

/* The flows, without pipes in between; their number. Borrowed from g. */
size_t graph_flows(const struct graph *g, const struct graph_flow **flows);

/* Datasets and jobs by number. A dataset that is a pipe is in no flow, but has
 * a number all the same. */
uint32_t graph_datasets(const struct graph *g);
struct str graph_namespace(const struct graph *g, uint32_t dataset);
struct str graph_name(const struct graph *g, uint32_t dataset);
bool graph_is_pipe(const struct graph *g, uint32_t dataset);
struct str graph_job_namespace(const struct graph *g, uint32_t job);
struct str graph_job(const struct graph *g, uint32_t job);

#endif
