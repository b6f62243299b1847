/* kept: positions of a source in the state directory, for targets whose ledger
 * keeps none.
 *
 * One file a source, {"source":...,"positions":[...],"pending":{...}}. What a
 * run has read stands there as pending, with the run's folder, and counts once
 * its load is committed (run/pending.h says how). */
#ifndef RUN_KEPT_H
#define RUN_KEPT_H

#include "base/buf.h"
#include "position/position.h"

#include <stdbool.h>

struct kept {
    struct positions committed;
    struct positions pending; /* of the run with the folder */
    struct buf owner;         /* empty: nothing is pending */
};

/* The file of a pipeline's source, below the state directory; folders are
 * made. Appended to path. 0 or -1. */
int kept_path(struct buf *path, const char *state_dir, const char *pipeline,
              struct str source, struct err *e);

/* Reads the file: 1; 0 where there is none; -1 with ERR_CONFIG where it is no
 * such file. k is zeroed, kept_free in every case. */
int kept_read(struct kept *k, const char *path, struct err *e);

/* Replaces the file. 0 or -1. */
int kept_write(const struct kept *k, const char *path, struct err *e);

/* What is pending counts, or is forgotten. 0 or -1 (memory). */
int kept_resolve(struct kept *k, bool promote, struct err *e);

/* Makes what run_dir has pending in the file count; nothing where it is not
 * pending. For pending_promote. */
int kept_promote(const char *path, const char *run_dir, struct err *e);

void kept_free(struct kept *k);

#endif
