/* dlq: dead letters: rejected records kept with all that is needed to read
 * them again. Envelope and files are described in pipeutils-record(5).
 *
 * A URI that ends in '/' (or names a directory) is a directory of append-only
 * NDJSON segments, one a process, each under flock while it is written; any
 * other is one file, appended to under flock. A segment is made with the first
 * entry, so a run without rejects leaves nothing. */
#ifndef DLQ_DLQ_H
#define DLQ_DLQ_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct dlq;

struct dlq_error {
    const char *code;
    struct str path, message;
};

/* A dead letter to write; all slices borrowed for the call. id, ts and attempt
 * are the writer's business. */
struct dlq_letter {
    struct str pipeline, run_id, stage, partition; /* empty: not known */
    const char *const *argv; /* NULL-terminated: how to run the stage again */
    bool transient;
    struct str uri;          /* source */
    uint64_t line, offset;   /* line 0: not known */
    struct str context;      /* raw JSON object, or empty */
    const struct dlq_error *errors;
    size_t n_errors;
    struct str raw;          /* the exact input */
    uint64_t length;         /* of the whole input if raw is cut, else raw.n */
};

/* Prepares a writer. Nothing is created yet, but a target that could never be
 * written is found now (ERR_CANTCREAT, ERR_NOPERM). Returns NULL with e. */
struct dlq *dlq_open(const char *uri, struct err *e);

/* Adds a letter. One that is there already and open (the same id: pipeline,
 * partition, stage, raw and its occurrence in this run) is not added again.
 * *added tells (may be NULL). 0 or -1 (ERR_IO ...). */
int dlq_add(struct dlq *q, const struct dlq_letter *l, bool *added,
            struct err *e);

/* Makes all that was added durable (fsync of file and folder). A failed fsync
 * is final: every later call fails too. */
int dlq_sync(struct dlq *q, struct err *e);

/* Releases q (NULL is fine). Does not sync. */
void dlq_close(struct dlq *q);

/* Name of the file written to, borrowed; NULL before the first letter. */
const char *dlq_path(const struct dlq *q);

#endif
