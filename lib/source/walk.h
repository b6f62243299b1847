/* walk: paths of files: those below a folder, those that a pattern names.
 *
 * Order is that of the bytes of whole paths. Links are followed, a folder that
 * a link leads back to is not entered again. */
#ifndef SOURCE_WALK_H
#define SOURCE_WALK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct walk {
    char **paths; /* owned, n of them */
    size_t n, cap;
};

/* Adds a path (copied). 0 or -1 (memory). */
int walk_add(struct walk *w, const char *path, struct err *e);

/* Adds the regular files below the folder, all or those that do not pass
 * walk_is_hidden, as it and its folders. 0; -1 with ERR_NOPERM, ERR_NOINPUT (a
 * link to nowhere), ERR_IO or memory. */
int walk_folder(struct walk *w, const char *folder, bool all, struct err *e);

/* Adds what matches a pattern (* ? [...], and ** for folders at any depth),
 * files and others; as walk_folder. */
int walk_pattern(struct walk *w, const char *pattern, struct err *e);

/* True for names that programs give to what is not data, or not yet: they begin
 * with '.' or '_', or end with '~', .tmp, .part, .partial, .filepart,
 * .crdownload, .swp or .crc. name is without folders. */
bool walk_is_hidden(const char *name);

/* Does the path match the pattern, part by part? A part that is "**" stands for
 * any number of them, that do not begin with a dot. A wildcard matches no dot
 * at the beginning of a part. */
bool walk_match(const char *pattern, const char *path);

/* Behind the last slash. */
const char *walk_base(const char *path);

void walk_free(struct walk *w);

#endif
