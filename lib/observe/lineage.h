/* lineage: what a run read and wrote, as OpenLineage 2-0-2 RunEvents.
 *
 * One START and one of COMPLETE, FAIL and ABORT a run. The run's id is a UUID
 * of run id, pipeline, stage and command line (observe/uuid.h), so that the
 * events of one run meet; the run of the pipeline as a whole is its parent,
 * and has the run id itself, where that is a UUID. pipeutils(7) names jobs and
 * facets. */
#ifndef OBSERVE_LINEAGE_H
#define OBSERVE_LINEAGE_H

#include "base/buf.h"
#include "observe/facts.h"
#include "observe/uuid.h"

/* In the folder of a run under pipe-run: the events of its stages. */
#define LINEAGE_FILE "lineage.ndjson"

/* The UUID of the run. */
void lineage_run(const struct facts *f, char uuid[UUID_CHARS + 1]);

/* Appends the event for f as it stands (f->how says which) at `now` (us) as a
 * JSON object on one line, with LF. namespace is that of the jobs. 0 or -1
 * (memory). */
int lineage_event(struct buf *out, const struct facts *f, const char *namespace,
                  int64_t now);

#endif
