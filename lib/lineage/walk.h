/* walk: what a dataset or a column of it has reached, or what it was made of.
 *
 * Columns are followed exactly where flows say how columns are made. Through
 * what decides about whole records (a filter, a group's key) the way goes on to
 * all of a dataset; where nothing is known of columns it may lead to any of
 * them. What is sure is found before what is not: a place that is reached in
 * several ways has the surest. Each place is gone through once, so cycles end.
 *
 * Cost: each flow once for each of its places. Not thread-safe. */
#ifndef LINEAGE_WALK_H
#define LINEAGE_WALK_H

#include "lineage/graph.h"

#define WALK_NODES_MAX 100000
#define WALK_START SIZE_MAX

enum walk_reach {
    WALK_EXACT,
    WALK_ROWS, /* which records there are depends on it */
    WALK_MAY   /* columns on the way are not known */
};

/* A place: a dataset, or a column of it. */
struct walk_node {
    uint32_t dataset;
    struct str column; /* empty: all of it */
    enum walk_reach reach;
    unsigned depth; /* flows from the start */
    size_t by;      /* the edge that led here first; WALK_START */
    bool done;
};

struct walk_edge {
    size_t from, to; /* nodes, in the direction of the walk */
    size_t flow;
    enum colmap_kind kind;
    bool masks;
    enum walk_reach reach; /* of this step alone */
};

struct walk {
    struct walk_node *nodes; /* owned; 0 is the start */
    size_t n_nodes, cap_nodes;
    struct walk_edge *edges; /* owned */
    size_t n_edges, cap_edges;
    struct names places;
    bool cut; /* there were more nodes than WALK_NODES_MAX */
};

/* Walks from a dataset, and column (empty: all of it), downstream or upstream.
 * w needs no init and is freed with walk_free in every case. 0 or -1 with e
 * (memory). */
int walk_from(struct walk *w, const struct graph *g, uint32_t dataset,
              struct str column, bool upstream, struct err *e);

void walk_free(struct walk *w);

#endif
