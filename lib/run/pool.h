/* pool: at most so many runs at a time, of whatever pipelines, share a
 * resource: a database, a disk, a licence.
 *
 * A pool of N is the lock files NAME.1 to NAME.N in a folder, locked with
 * flock(2): a slot is free as soon as the last process that has it is gone,
 * however it ended. Who waits looks for a free one at random moments; nobody
 * queues. */
#ifndef RUN_POOL_H
#define RUN_POOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define POOL_MAX 1000

/* Takes one of the first `size` slots of the pool; waits up to wait_ms, and no
 * longer once stop() is true. about (a line) is written into it, for people.
 * Returns the descriptor (close-on-exec), -1 with e, -2 where none was free. */
int pool_enter(const char *folder, const char *name, unsigned size,
               uint64_t wait_ms, bool (*stop)(void), const char *about,
               struct err *e);

/* Reads "NAME:N", as options have it: the length of the name, and the size. 0,
 * or -1 where it is something else. */
int pool_parse(const char *text, unsigned *name, unsigned *size);

#endif
