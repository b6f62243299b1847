/* quality: row checks and batch gates: what --check and --expect do.
 *
 *     quality_init(&q, &env);
 *     quality_add_check(&q, ...); quality_add_gate(&q, ...);
 *     quality_use_baseline(&q, ...);                  // optional
 *     quality_begin(&q, workers, e);
 *     per record, in thread i:
 *         n = quality_check(&q, i, text, shaped, &faults, e);
 *         where it passes all: quality_take(&q, i, &rec, 1, e), or many at once
 *     at the end:
 *         quality_judge(&q, read, rejected, e);
 *         quality_verdict(&q, e);                     // -1: a gate failed
 *         quality_keep(&q, e);                        // the run was good
 *     quality_report(&q, ...); quality_free(&q);
 *
 * Between quality_begin and quality_judge each thread uses its own worker and
 * nothing else. */
#ifndef QUALITY_QUALITY_H
#define QUALITY_QUALITY_H

#include "quality/baseline.h"
#include "quality/check.h"
#include "quality/gate.h"
#include "quality/gauge.h"
#include "quality/judge.h"

/* All borrowed; must outlive the quality. */
struct quality_env {
    struct expr_env expr; /* tz too: of times without a zone */
    bool dated;
    int64_t date_end; /* us; where dated */
    size_t memory;    /* bytes that sets may take in all; not 0 */
    const char *run_id;
};

struct quality_gate {
    struct gate gate;
    struct allowed allowed;
    size_t gauge; /* in each worker's, or NO_GAUGE */
    struct ruling ruling;
};

struct quality_worker {
    struct checker checker;
    struct gauges gauges;
};

struct quality {
    struct quality_env env;
    struct rule *checks; /* owned */
    size_t n_checks;
    struct quality_gate *gates; /* owned */
    size_t n_gates;
    struct baseline baseline;
    struct budget budget; /* of the allowed values */
    struct quality_worker
        *workers; /* owned; the first has it all once judged */
    size_t n_workers;
};

/* Prepares q, which needs no init. */
void quality_init(struct quality *q, const struct quality_env *env);

/* Adds a check or gate (copied). ERR_USAGE for bad text, a name that is there,
 * more than RULES_MAX of them, `of date` without a date. */
int quality_add_check(struct quality *q, const char *text, struct err *e);
int quality_add_gate(struct quality *q, const char *text, struct err *e);

/* True if a gate compares with the baseline. */
bool quality_wants_baseline(const struct quality *q);

/* Reads the baseline at path (copied). ERR_USAGE where fewer runs are to be
 * kept than make a baseline, or the run's id is not UTF-8; else as
 * baseline_open. */
int quality_use_baseline(struct quality *q, const char *path, size_t keep,
                         size_t least, struct err *e);

/* Compiles checks and makes workers. ERR_USAGE for a bad expression, or where
 * a baseline is wanted and there is none; as allowed_load for lists of values.
 */
int quality_begin(struct quality *q, size_t workers, struct err *e);

/* Runs all checks over a record: the number of faults (see checker_run), 0
 * where it passes, -1 with e. */
int quality_check(struct quality *q, size_t worker, struct str record,
                  const struct shaped *shaped,
                  const struct check_fault **faults, struct err *e);

/* Measures n records that passed, up to SELECT_BATCH. 0, or -1 as gauges_take.
 */
int quality_take(struct quality *q, size_t worker,
                 const struct select_record *recs, size_t n, struct err *e);

/* Brings the workers together. To be called also where the stream failed: the
 * report then has the checks' counts. 0 or -1. */
int quality_merge(struct quality *q, struct err *e);

/* Judges all gates of a stream that came to its end, after quality_merge. 0,
 * or -1 (memory). The rulings are in q->gates. */
int quality_judge(struct quality *q, uint64_t read, uint64_t rejected,
                  struct err *e);

/* 0 where no gate failed but such as only warn; -1 with ERR_DATA, naming the
 * first. */
int quality_verdict(const struct quality *q, struct err *e);

/* Adds the measures of a good run to the baseline, if there is one. 0 or -1
 * with e. */
int quality_keep(struct quality *q, struct err *e);

void quality_free(struct quality *q);

#endif
