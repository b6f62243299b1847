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

void target_free(struct target *t);

#endif
