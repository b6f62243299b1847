/* judge: does a batch satisfy a gate?
 *
 * Measures are exact decimals, but for stddev, which is the square root of the
 * exact variance (of a sample: n - 1) as a double. Measures are over the
 * records that pass, rejects and reject share over all. A measure has no value
 * where there is nothing to measure (the mean of no numbers), and its gate
 * fails then; null, missing and reject shares of no records are 0. So fails a
 * gate where some value cannot be measured at all (the mean of a string). */
#ifndef QUALITY_JUDGE_H
#define QUALITY_JUDGE_H

#include "quality/baseline.h"
#include "quality/gate.h"
#include "quality/gauge.h"

/* What the gates are judged by beside the gauges. */
struct batch_facts {
    uint64_t read, rejected;
    int64_t date_end, now;           /* us */
    const struct baseline *baseline; /* NULL: none */
};

enum outcome {
    OUTCOME_OPEN, /* not judged: the stream did not come to its end */
    OUTCOME_PASSED,
    OUTCOME_FAILED,
    OUTCOME_NO_BASELINE /* passes: there is nothing to compare with yet */
};

struct ruling {
    enum outcome outcome;
    struct buf value;     /* as JSON; empty: it has none */
    struct buf low, high; /* bounds in force, as JSON; empty: none */
    struct buf median;    /* of the baseline, as JSON; or empty */
    size_t runs;          /* that it is the median of */
    struct buf message;   /* "rows is 3, wants >= 10" */
};

/* Fills the zeroed r. gauge is the gate's own, or NULL where it needs none.
 * 0 or -1 (memory). */
int judge_gate(struct ruling *r, const struct gate *gate,
               const struct gauges *gauges, const struct gauge *gauge,
               const struct batch_facts *facts, struct err *e);

void ruling_free(struct ruling *r);

#endif
