/* files: what operands name: paths, folders, file: URIs, globs, members of
 * archives, "-" for stdin.
 *
 * Everything is looked at before anything is read, so that a missing input is
 * known before the first record is written. */
#ifndef SOURCE_FILES_H
#define SOURCE_FILES_H

#include "base/err.h"
#include "cli/opt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of the files that there are. All zero: all but hidden ones. */
struct files_rules {
    const struct opt_list *include, *exclude; /* patterns, as files_chosen has
                                                 them; NULL: none */
    const char *marker; /* name of the file that says that a folder is complete;
                           with a '*', which stands for a file's name, that the
                           file is; NULL: none is wanted */
    int64_t older_ns;   /* files that changed at this time or later (nanoseconds
                           since 1970) are left alone; 0: none are */
    bool may_be_none;   /* no file is fine */
};

struct files_entry {
    char *path;    /* owned; "-" is stdin */
    char *members; /* owned: pattern of members of an archive, what stands
                      behind '!': with a slash for their paths, without one for
                      their names; NULL: all but hidden ones */
    bool listed;   /* from a folder or glob: not named itself */
};

struct files {
    struct files_entry *v; /* owned, n of them */
    size_t n, cap;
    size_t young; /* left alone by older_ns, */
    size_t open;  /* or without a marker of their own */
};

/* Adds what operand names, in order; a folder adds the files below it and a
 * glob (* ? [...], ** for folders at any depth) its files, sorted by their
 * bytes, unless a file has just that name. file: URIs (RFC 8089) are decoded.
 * rules NULL: folders and members are refused. Returns 0; -1 with ERR_NOINPUT
 * (nothing there), ERR_NOPERM, ERR_USAGE (another scheme, stdin twice),
 * ERR_TEMPFAIL (not complete yet, by marker or age) or memory. */
int files_add(struct files *f, const char *operand,
              const struct files_rules *rules, struct err *e);

/* Do the include and exclude patterns of rules let a file through? A pattern
 * with a slash is for the path from the folder on, without one for the name.
 * Of include at least one has to match, if there is any. */
bool files_chosen(const struct files_rules *rules, const char *path);

void files_free(struct files *f);

#endif
