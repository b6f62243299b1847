/* runlog: the folder of a run, and what is written down of it.
 *
 * STATE/runs/PIPELINE/RUN_ID/ is the run's own folder. record.json in it says
 * what ran, when, for how long, with which outcome; it is there from the start
 * with the outcome "running". `live` is locked while the run lives: where it is
 * there and not locked, the run was killed. STATE/runs.ndjson has the record of
 * every finished run, one a line. */
#ifndef RUN_RUNLOG_H
#define RUN_RUNLOG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/usage.h"

#include <stdbool.h>
#include <stdint.h>

struct runlog_attempt {
    int64_t started_us, ended_us;
    int exit;
    const char *outcome; /* static */
    char *message;       /* owned, or NULL */
};

/* What is known of a run; borrowed but for the attempts. */
struct runlog {
    const char *run_id, *pipeline, *date, *command; /* date may be NULL */
    const char *env;                                /* NULL: none */
    const char *trace_id;                           /* NULL: none */
    const char *outcome;                            /* "running" ... */
    const char *message;                            /* NULL: none */
    int exit;
    int hook; /* exit of --on-success or --on-failure; -1: not run */
    int64_t started_us, ended_us; /* UTC; ended 0: not yet */
    double seconds;
    struct usage usage;   /* of all attempts; where ended_us is set */
    double cost;          /* estimate, in currency */
    const char *currency; /* NULL: no prices are known */
    struct runlog_attempt *attempts; /* owned */
    size_t n_attempts;
    struct str stages; /* what roll_format wrote of the last attempt */
};

int runlog_attempt(struct runlog *r, const struct runlog_attempt *a,
                   struct err *e);

/* Appends the record as one line of JSON, without LF. 0 or -1. */
int runlog_format(const struct runlog *r, struct buf *out);

void runlog_free(struct runlog *r);

/* The folder of one run. */
struct runlog_dir {
    struct buf state; /* the state directory */
    struct buf path;  /* of the run */
    int live;         /* descriptor of the lock; -1 */
};

/* Makes a fresh folder for the run. d->state is filled in by the caller. A run
 * id that was used before gets ".2" and so on behind it. */
int runlog_open(struct runlog_dir *d, const struct runlog *r, struct err *e);

/* Writes record.json. */
int runlog_write(struct runlog_dir *d, const struct runlog *r, struct err *e);

/* Appends the record to the index of all runs. */
int runlog_index(struct runlog_dir *d, const struct runlog *r, struct err *e);

/* Ends the run: it does not live any more. */
void runlog_close(struct runlog_dir *d);

/* Locks the folder of a pipeline's runs: making one and looking through them
 * exclude each other. The descriptor, to be closed; -1 with e; -2 where it is
 * held and not waited for. */
int runlog_guard(const struct buf *folder, bool wait, struct err *e);

/* Looks through the folders of the pipeline's runs: one that was killed gets
 * the outcome "died", one that is older than keep_ms (by the wall clock; 0:
 * none is) and does not live is removed, unless state waits for its verdict.
 * What cannot be looked at is left. */
int runlog_sweep(const struct buf *state, const char *pipeline,
                 uint64_t keep_ms, struct err *e);

#endif
