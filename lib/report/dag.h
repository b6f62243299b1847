/* dag: what feeds what, as a drawing.
 *
 * Nodes are put into columns, each right of all that feeds it (longest paths,
 * Sugiyama 1981), and within a column near what feeds them. A circle is drawn,
 * too, with an arrow back. */
#ifndef REPORT_DAG_H
#define REPORT_DAG_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define DAG_NODES_MAX 500
#define DAG_EDGES_MAX 4000

enum dag_kind { DAG_PIPELINE, DAG_DATASET };

struct dag_node {
    enum dag_kind kind;
    struct str name;  /* in the arena of whoever adds it */
    struct str place; /* where a dataset is; may be empty */
    bool unwell;
    /* By dag_draw: */
    unsigned column;
    double row;
};

struct dag {
    struct dag_node *v; /* owned */
    size_t n;
    struct {
        unsigned from, to;
        bool back; /* by dag_draw: it closes a circle */
    } * edges;     /* owned */
    size_t n_edges;
    bool cut; /* there was more than fits */
};

/* Adds a node unless it is there; its index, or -1 where there is no room for
 * more (e is untouched, cut is set) or no memory. Texts are borrowed. */
int dag_node(struct dag *d, enum dag_kind kind, struct str name,
             struct str place);

/* Adds an edge unless it is there, or an end of it is -1. */
void dag_edge(struct dag *d, int from, int to);

/* Appends the drawing as SVG. What fails shows in out->failed. */
void dag_draw(struct buf *out, struct dag *d);

void dag_free(struct dag *d);

#endif
