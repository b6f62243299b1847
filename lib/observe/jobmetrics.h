/* jobmetrics: the metrics of a run as a whole, beside those of its stages.
 * pipeutils(7) lists them; names and labels stay. */
#ifndef OBSERVE_JOBMETRICS_H
#define OBSERVE_JOBMETRICS_H

#include "base/usage.h"
#include "observe/metrics.h"

/* What is known of a run, and what is expected of its pipeline; borrowed.
 * Numbers of what is expected are 0 where nobody says. */
struct jobfacts {
    const char *pipeline; /* "" where it has no name */
    const char *outcome;  /* as in its record; NULL: it begins */
    bool ran;             /* not so: a lock or a breaker kept it from that */
    int64_t started_us;   /* UTC */
    double seconds;       /* from here on: where it has ended */
    uint64_t rows;        /* that are committed */
    bool unchanged;       /* all was loaded already: says nothing of volumes */
    struct usage usage;   /* of all processes */
    bool has_cost;        /* prices are known */
    double cost;          /* estimate */
    const char *currency; /* "" where it has no name */
    int64_t now_us;       /* UTC */
    double expected_rows; /* as declared */
    double baseline_rows; /* as declared, or of the last runs that were ok */
    double baseline_seconds;
    double freshness_seconds, sla_seconds; /* as declared */
    int64_t deadline_us; /* until when the next run that is due must be ok */
};

/* Adds the families of a run that begins, or has ended, to m. A failure is in
 * m->failed. */
void jobmetrics_add(struct metrics *m, const struct jobfacts *f);

#endif
