/* health: how a pipeline does, by what is declared of it and by its runs.
 *
 * A run is for the moment of the schedule that it began at or after. Runs that
 * lie in the future of `now` say nothing: the clock was wrong when they were
 * written down, or is now. */
#ifndef REPORT_HEALTH_H
#define REPORT_HEALTH_H

#include "base/err.h"
#include "config/pipeline.h"
#include "report/run.h"

#include <stddef.h>

#define HEALTH_TROUBLES 8
#define HEALTH_GAP_DAYS 31

struct trouble {
    enum pipeline_event event;
    enum pipeline_severity severity;
    const char *text; /* in the arena: what is wrong, with figures */
};

struct health {
    const struct pipeline_conf *conf; /* borrowed; its name chooses the runs */
    bool has_last, has_ok, has_live;
    struct run last; /* that is over, well or not */
    struct run ok;   /* the last that ended well */
    struct run live; /* that has not ended */
    size_t gaps;     /* dates whose last run failed, HEALTH_GAP_DAYS back */
    struct run gap;  /* that of the newest of these; where gaps > 0 */
    struct list_dates *dates; /* owned: those that were looked at */
    uint64_t future;          /* runs that were left out */
    bool has_due, has_next;
    int64_t due_us;   /* the last moment whose time is up */
    int64_t next_us;  /* the next one of the schedule */
    bool has_letters; /* were counted */
    uint64_t letters; /* dead ones that are open */
    struct trouble troubles[HEALTH_TROUBLES]; /* the gravest first */
    size_t n_troubles;
    struct arena text;
};

/* Finds the runs of n pipelines, each with its conf set and all else zero, and
 * their dead letters, where those are limited or all_letters is true. 0 or -1;
 * health_free in every case. */
int health_gather(struct health *v, size_t n, const char *state, int64_t now_us,
                  bool all_letters, struct err *e);

/* Judges them: fills in troubles. 0, or -1 without memory. */
int health_judge(struct health *v, size_t n, int64_t now_us, struct err *e);

void health_free(struct health *h);

/* Counts the open letters at a queue. 0 or -1. */
int health_letters(const char *state, const char *pipeline, uint64_t *open,
                   struct err *e);

#endif
