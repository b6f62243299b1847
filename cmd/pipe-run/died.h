/* died: what runs of the pipeline that were killed did not come to tell. */
#ifndef RUN_CMD_DIED_H
#define RUN_CMD_DIED_H

#include "run/runlog.h"
#include "stage/stage.h"

/* Tells the end of lineage of the runs that live no more. Where a folder cannot
 * be looked at the next run does it. */
void died_tell(struct stage *st, const struct buf *state, const char *pipeline);

#endif
