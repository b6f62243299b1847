/* graph_parts: what the parts of graph share.
 *
 *   graph.c        events by run, and which runs count
 *   graph_read.c   what a run read and wrote
 *   graph_pipes.c  pipes replaced by what comes through them
 *   graph_cover.c  stages left out where their pipeline says it all
 */
#ifndef LINEAGE_GRAPH_PARTS_H
#define LINEAGE_GRAPH_PARTS_H

#include "lineage/graph.h"

/* An event that was taken, in the list of its run. */
struct graph_event {
    struct str text;
    struct graph_event *next;
};

struct graph_run {
    uint32_t job, unit;
    enum event_type end;
    int64_t us;
    bool ours;
    bool whole; /* the run of a pipeline, whose stages have it as parent */
    struct graph_event *events, *last;
};

/* What counts or does not count together: the runs of a pipeline, or of a job
 * of others, under one parent. */
struct graph_unit {
    uint32_t group; /* the job, or the pipeline */
    int64_t us;
    uint32_t runs, good, bad;
    bool has_whole, ours;
    enum event_type whole_end;
    bool counts;
};

struct graph {
    struct names datasets;  /* namespace NUL name, for pipes NUL unit */
    struct names jobs;      /* namespace NUL name */
    struct names run_ids;   /* run id NUL job */
    struct names units;     /* run id NUL group */
    struct graph_run *runs; /* owned, by number of run id */
    size_t cap_runs;
    struct graph_unit *units_of; /* owned, by number of unit */
    size_t cap_units;
    struct graph_flow *flows; /* owned */
    size_t n_flows, cap_flows;
    struct arena events;
    bool keep_stages;
    struct buf key, scratch;
};

/* Namespace and name, as they stand in an event, as one text in g->key. */
struct str graph_key(struct graph *g, struct str namespace, struct str name);

/* Adds the flows of a run. 0 or -1 (memory). */
int graph_read_run(struct graph *g, const struct graph_run *r);

/* Replaces pipes; flows into pipes are gone then. 0 or -1 (memory). */
int graph_join_pipes(struct graph *g);

/* Leaves out flows of stages that one of their pipeline covers. 0 or -1
 * (memory). */
int graph_drop_covered(struct graph *g);

void graph_flow_free(struct graph_flow *f);

#endif
