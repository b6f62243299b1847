/* measure: the metrics of the run as a whole, and what it has cost. */
#ifndef RUN_CMD_MEASURE_H
#define RUN_CMD_MEASURE_H

#include "config/pipeline.h"
#include "observe/jobmetrics.h"
#include "observe/outlet.h"
#include "run/runlog.h"
#include "stage/stage.h"

struct measure {
    struct stage *st;
    const struct pipeline_conf *conf; /* borrowed; NULL: nothing is declared */
    struct pipeline_conf prices;      /* of --price; else without any */
    struct outlet outlet;
    struct jobfacts facts;
};

/* Reads the file of --price (NULL: none was given; conf may have prices) and
 * finds where metrics go; where that is a Pushgateway, stages are told, by
 * PIPE_METRICS, to leave theirs for pipe-run to push. conf as in the struct.
 * m needs no init and is freed in every case. 0, or -1 with st->err. */
int measure_open(struct measure *m, struct stage *st,
                 const struct pipeline_conf *conf, const char *price);

/* The run begins; state is the state directory, where runs of the past are. */
void measure_begin(struct measure *m, const char *state,
                   const struct runlog *record);

/* Fills in what the run has cost, where prices are known. byte_seconds is its
 * memory by the time that it was held. */
void measure_cost(const struct measure *m, struct runlog *record,
                  double byte_seconds);

/* The run has ended, or was refused (ran is false). */
void measure_end(struct measure *m, const struct runlog *record, bool ran);

void measure_free(struct measure *m);

#endif
