/* spilled: the stream past a reference that is on disk (join/joinspill.h). */
#ifndef PIPE_JOIN_SPILLED_H
#define PIPE_JOIN_SPILLED_H

#include "join/join.h"
#include "stage/stage.h"

/* What becomes of a record that nothing matches. */
enum miss { MISS_KEEP, MISS_DROP, MISS_REJECT };

/* Joins the whole stream with j, which has spilled: one thread, and nothing is
 * emitted before the end of the input. 0, or -1 with st->err. */
int spilled_join(struct stage *st, struct join *j, enum miss miss);

#endif
