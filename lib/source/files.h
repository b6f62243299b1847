/* files: what operands name: paths, file: URIs, globs, "-" for stdin.
 *
 * Everything is looked at before anything is read, so that a missing input is
 * known before the first record is written. */
#ifndef SOURCE_FILES_H
#define SOURCE_FILES_H

#include "base/err.h"

#include <stddef.h>

struct files {
    char **paths; /* owned; "-" is stdin */
    size_t n, cap;
};

/* Adds what operand names, in order; a glob (* ? [...]) adds its files sorted
 * by their bytes, unless a file has just that name. file: URIs (RFC 8089) are
 * decoded. Returns 0; -1 with ERR_NOINPUT (nothing there, or a folder),
 * ERR_NOPERM, ERR_USAGE (another scheme, stdin twice) or memory. */
int files_add(struct files *f, const char *operand, struct err *e);

void files_free(struct files *f);

#endif
