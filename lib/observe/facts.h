/* facts: what there is to tell of a run, for metrics and for lineage alike.
 *
 * Collected while the stage works; strings are copied. Telling must never fail
 * a run, so additions return nothing: one for which there is no memory, or no
 * room any more, is left out and counted. Not thread-safe. */
#ifndef OBSERVE_FACTS_H
#define OBSERVE_FACTS_H

#include "base/arena.h"
#include "base/str.h"
#include "base/usage.h"
#include "lineage/colmap.h"
#include "lineage/fieldset.h"

#include <stdbool.h>
#include <stdint.h>

#define FACTS_BYTES_MAX ((size_t)64 << 20)
#define FACTS_LIST_MAX 10000
#define FACTS_CODES_MAX 64 /* rejects of further codes count as "other" */

/* What is read or written. */
struct dataset {
    struct str namespace, name;
    bool has_rows, has_bytes;
    bool side; /* an input that is looked things up in */
    uint64_t rows, bytes;
    const struct colmap *columns; /* of an output, borrowed; NULL: not known */
};

/* What was asserted of the data, and whether it holds. */
struct assertion {
    struct str name;    /* as the user calls it */
    struct str kind;    /* "row_count", "not_null", "unique" ... */
    struct str column;  /* empty: the whole dataset */
    struct str content; /* the assertion as written */
    struct str expected, actual;
    bool gate; /* judges the batch; else a check of each record */
    bool warn; /* is only told */
    bool passed;
    bool has_value; /* what was measured, as a number */
    double value;
    bool has_baseline; /* what it was compared with */
    double baseline;
};

/* A measure of a column; value is a JSON number. */
struct column_measure {
    struct str column;
    struct str metric; /* nullCount, distinctCount, sum, count, min, max */
    struct str value;
};

struct code_count {
    const char *code; /* static */
    uint64_t n;
};

/* How long after their events records were taken: how many in each of the
 * buckets, the last one for what is above all bounds. */
#define LATENCY_BOUNDS 16
extern const double latency_bounds[LATENCY_BOUNDS]; /* seconds, ascending */

struct latency {
    uint64_t counts[LATENCY_BOUNDS + 1];
    double sum; /* seconds */
    bool given; /* somebody looks at it */
};

enum facts_end {
    FACTS_OPEN, /* still at work */
    FACTS_SUCCESS,
    FACTS_FAILED,
    FACTS_ABORTED /* by a signal, or its reader went away */
};

struct facts {
    /* Who: borrowed. pipeline is NULL where it has no name; stage is where this
     * is the pipeline as a whole. */
    const char *stage, *pipeline, *run_id;
    const char *attempt;  /* of pipe-run; NULL: none */
    const char *trace_id; /* of the trace that it belongs to; NULL: none */
    const char *owner, *runbook; /* of the pipeline; NULL: not known */
    char *const *argv;           /* as called, NULL-terminated */
    bool run_is_shared; /* the run id was given: other stages have it too */
    bool dated;
    int64_t start, end; /* us; of the interval, where dated */

    /* How it went; set when the stage has ended. */
    enum facts_end how;
    int exit_code;
    const char *error; /* borrowed; NULL: none */
    double seconds;
    struct usage usage;
    uint64_t read, out, rejected, filtered, duplicates;
    bool heads; /* no stage of ours feeds this one */

    struct latency latency;

    /* Asked before metrics are written while the stage works; NULL: nobody has
     * anything to add. */
    void (*look)(void *ctx, struct facts *f);
    void *look_ctx;

    bool has_lag; /* what waits at a live source behind what was read */
    uint64_t lag;

    struct dataset *inputs, *outputs;
    struct assertion *assertions;
    struct column_measure *measures;
    size_t n_inputs, n_outputs, n_assertions, n_measures;
    struct code_count codes[FACTS_CODES_MAX + 1]; /* of rejects */
    size_t n_codes;
    /* Where the first output's fields come from; inputs by their number. */
    bool has_columns;
    struct colmap columns;
    struct fieldset fields_in, fields_out; /* seen in the first records */
    uint64_t left_out;                     /* additions that found no room */
    struct arena text;
};

/* Zeroes f. */
void facts_init(struct facts *f);

/* Adds an input or output and returns it, for its rows and bytes; valid until
 * the next addition; NULL where there is no room. */
struct dataset *facts_input(struct facts *f, struct str namespace,
                            struct str name);
struct dataset *facts_output(struct facts *f, struct str namespace,
                             struct str name);

/* Copies. */
void facts_assertion(struct facts *f, const struct assertion *a);
void facts_measure(struct facts *f, struct str column, const char *metric,
                   struct str value);

/* A record was taken so many seconds after its event; before it: 0. */
void facts_latency(struct facts *f, double seconds);

/* Counts a reject by the (static) code of its first reason. */
void facts_reject(struct facts *f, const char *code);

/* The share of good records times the share of gates that hold: from 0 to 1.
 * False where nothing was read and nothing judged. */
bool facts_score(const struct facts *f, double *score);

void facts_free(struct facts *f);

#endif
