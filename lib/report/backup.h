/* backup: all that is in a state directory as one file, and back.
 *
 * A tar archive, packed as its name says, of
 *
 *     BACKUP.json   {"v":1,"created","version","state","live":[PIPELINE...],
 *                   "include":[PATH...]}
 *     state/...     the files of the state
 *     include/...   databases that were named, by their absolute paths
 *     SHA256SUMS    of all files before it, as sha256sum(1) reads them; last
 *
 * Runs go on meanwhile. Databases of SQLite are copied by its backup API, as
 * they are between two transactions; of files that are appended to the whole
 * lines; other files are replaced by rename and so are whole. What says how
 * runs ended is copied after what they left behind: state that a run had not
 * yet committed is then in doubt, and never taken for committed. Left out are
 * locks, hidden and temporary files. */
#ifndef REPORT_BACKUP_H
#define REPORT_BACKUP_H

#include "base/buf.h"
#include "base/err.h"
#include "io/output.h"
#include "io/pack.h"

#include <stdbool.h>
#include <stdint.h>

struct backup {
    const char *state; /* the directory */
    const char *const *include;
    size_t n_include;
    enum pack_kind kind;
    int64_t now_us;
    bool (*stop)(
        void); /* asked now and then: true gives up with ERR_TEMPFAIL */
    /* Set on return: */
    uint64_t files, bytes;
    struct buf live;  /* names of pipelines of which a run lived, ", " between;
                         owned by the caller */
    struct buf other; /* a file that was left out since it is none; likewise */
};

/* The kind that a file name asks for. 0, or -1 with ERR_USAGE. */
int backup_kind(const char *path, enum pack_kind *kind, struct err *e);

/* Writes the archive to out, which the caller commits. 0 or -1. */
int backup_write(struct backup *b, struct output *out, struct err *e);

struct restore {
    const char *archive, *state;
    const char *const *include; /* absolute paths to put back, too */
    size_t n_include;
    bool force;  /* replace what is there */
    bool verify; /* change nothing */
    bool (*stop)(void);
    /* Set on return: */
    uint64_t files, bytes;
    struct buf others; /* databases that were not put back; of the caller */
};

/* Unpacks beside the state, verifies all, then puts it in place at once: a
 * process that is killed leaves the old state or the new one. ERR_DATA for an
 * archive that is damaged, ERR_CANTCREAT for a state that is not empty,
 * ERR_TEMPFAIL where a run lives or another restore is at work. */
int restore_run(struct restore *r, struct err *e);

#endif
