/* events: the lineage events of --lineage, or of the state directory. */
#ifndef REPORT_CMD_EVENTS_H
#define REPORT_CMD_EVENTS_H

#include "lineage/graph.h"
#include "report_cmd.h"

/* Events in memory as they stand in their files. */
struct events {
    struct graph *g; /* owned */
    struct {
        void *p;
        size_t n;
    } * maps; /* owned */
    size_t n;
};

/* Reads all of them, and makes the graph of those since then. 0, or -1 with
 * st->err: ERR_NOINPUT where there are none, ERR_USAGE where they were posted.
 * events_free in every case. */
int events_read(struct stage *st, struct events *ev, int64_t since_us);

void events_free(struct events *ev);

#endif
