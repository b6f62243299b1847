/* guardian: a process that outlives pipe-run where that is killed, to stop the
 * pipeline.
 *
 * It leads the pipeline's process group, so that the group's number stays its
 * own as long as there may be somebody to signal; it ignores what is sent to
 * the group, but for SIGKILL. */
#ifndef RUN_CMD_GUARDIAN_H
#define RUN_CMD_GUARDIAN_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define GUARDIAN_KEEPS 4

struct guardian {
    pid_t pid;    /* and the process group */
    int lifeline; /* its end is pipe-run's */
};

/* Starts it. keep are descriptors of locks, -1 for none, that stay locked until
 * the pipeline is gone. What is to be its own of the process is closed. */
int guardian_start(struct guardian *g, const int keep[GUARDIAN_KEEPS],
                   uint64_t kill_after_ms, struct err *e);

/* Lets it go; the process is to be reaped by the caller. */
void guardian_end(struct guardian *g);

#endif
