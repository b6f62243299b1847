/* segment: a file of dead letters, one a line, only ever appended to.
 *
 * Whoever writes holds an exclusive flock: in a directory each process on a
 * segment of its own for as long as it lives, in a file that is shared for one
 * line. A file that purge has put another in the place of is noticed and
 * opened anew. */
#ifndef DLQ_SEGMENT_H
#define DLQ_SEGMENT_H

#include "base/err.h"
#include "base/str.h"
#include "dlq/target.h"

#include <stdbool.h>
#include <stdint.h>

struct segment {
    int fd;      /* -1: not open */
    char *path;  /* owned */
    bool shared; /* others append too: locked for each line */
    bool torn;   /* a line failed half-way and could not be cut off */
};

/* Opens the shared file, or makes a segment of our own. s needs no init; on
 * failure it is closed. */
int segment_open(struct segment *s, const struct target *t, struct err *e);

/* Appends lines, each ended by LF: all of them; or -1, and those that were
 * written whole stay. */
int segment_append(struct segment *s, struct str lines, struct err *e);

/* fsync of the file and of its folder. */
int segment_sync(const struct segment *s, struct err *e);

void segment_close(struct segment *s);

/* Opens the segment at path and takes its lock; with `wait` for some seconds,
 * as is right where others hold it for a line only. Returns 1 with *fd, to be
 * closed by the caller; 0 where somebody else holds the lock (without wait) or
 * the segment is gone; -1 with e. */
int segment_lock(const char *path, bool wait, int *fd, struct err *e);

#endif
