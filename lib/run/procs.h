/* procs: which processes there are, from /proc. */
#ifndef RUN_PROCS_H
#define RUN_PROCS_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* The children of this process that have not ended, adopted ones included: an
 * array of *n, owned by the caller. 0 or -1. One thread. */
int procs_children(pid_t **pids, size_t *n, struct err *e);

/* True if the process group has a member, not yet ended, other than this
 * process. */
bool procs_group_lives(pid_t group);

#endif
