/* target: what a dead letter URI names: a directory of segments, or a file. */
#ifndef DLQ_TARGET_H
#define DLQ_TARGET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct target {
    char *path; /* owned; without the '/' at the end of a directory */
    bool directory;
};

/* Parses uri. ERR_USAGE for a scheme other than file: and for an empty path;
 * ERR_CANTCREAT where it names something that is neither a regular file nor a
 * directory. t needs no init. */
int target_parse(struct target *t, const char *uri, struct err *e);

/* Finds what would keep a letter from being written, without writing. */
int target_check(const struct target *t, struct err *e);

/* Makes the directory and what is missing above it, durably. */
int target_make(const struct target *t, struct err *e);

/* Paths of the segments that are there, in order of their names: an array of
 * n strings, owned, freed with target_segments_free. None (n 0) where the
 * target does not exist. */
int target_segments(const struct target *t, char ***paths, size_t *n,
                    struct err *e);
void target_segments_free(char **paths, size_t n);

/* The folder that the segments are in, owned by the caller; NULL: no memory. */
char *target_folder(const struct target *t);

/* Locks the folder that the segments are in, against others that replay, edit
 * or purge; waits for it at most so long. Returns 1 with *fd, to be closed by
 * the caller; 0 where there is no such folder, and so no letter; -1 with
 * ERR_TEMPFAIL where it is held. */
int target_lock(const struct target *t, int patience_ms, int *fd,
                struct err *e);

void target_free(struct target *t);

#endif
