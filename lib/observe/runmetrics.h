/* runmetrics: the metrics of a run. pipeutils(7) lists them; names and labels
 * stay. */
#ifndef OBSERVE_RUNMETRICS_H
#define OBSERVE_RUNMETRICS_H

#include "observe/facts.h"
#include "observe/metrics.h"

/* Adds the families of a run that has ended at `now` (us) to m. A failure is
 * in m->failed. */
void runmetrics_add(struct metrics *m, const struct facts *f, int64_t now);

/* Appends the name of the file for a pipeline and stage, without ".prom":
 * "orders.pipe-load", "pipe-load" where the pipeline has no name. 0 or -1. */
int runmetrics_file(struct buf *out, const struct facts *f);

#endif
