/* runmetrics: the metrics of a run. pipeutils(7) lists them; names and labels
 * stay. */
#ifndef OBSERVE_RUNMETRICS_H
#define OBSERVE_RUNMETRICS_H

#include "observe/facts.h"
#include "observe/metrics.h"

/* What counters have been told already, of a stage that writes its metrics also
 * while it works; zeroed at its start. */
struct runmetrics_told {
    uint64_t read, out, rejected, filtered, duplicates;
    uint64_t codes[FACTS_CODES_MAX + 1];
    struct latency latency;
    struct usage usage;
};

/* Adds the families of a stage at `now` (us) to m: what it has counted since
 * told, and, where it has ended, how that was. A failure is in m->failed. */
void runmetrics_add(struct metrics *m, const struct facts *f,
                    const struct runmetrics_told *told, int64_t now);

/* What f says has been told. */
void runmetrics_tell(struct runmetrics_told *told, const struct facts *f);

/* Appends the name of the file for a pipeline and stage, without ".prom":
 * "orders.pipe-load", "pipe-load" where the pipeline has no name. 0 or -1. */
int runmetrics_file(struct buf *out, const struct facts *f);

#endif
