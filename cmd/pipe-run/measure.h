/* measure: the metrics of the run as a whole, and what it has cost. */
#ifndef RUN_CMD_MEASURE_H
#define RUN_CMD_MEASURE_H

#include "config/pipeline.h"
#include "observe/jobmetrics.h"
#include "observe/outlet.h"
#include "run/roll.h"
#include "run/runlog.h"
#include "stage/stage.h"

struct measure {
    struct stage *st;
    const struct pipeline_conf *conf; /* borrowed; NULL: nothing is declared */
    struct pipeline_conf prices;      /* of --price; else without any */
    struct outlet outlet;
    struct jobfacts facts;
    uint64_t bytes_in, bytes_out; /* of all attempts */
    double byte_seconds;          /* memory by the time that it was held */
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

/* An attempt is over, and this is what its stages said. */
void measure_attempt(struct measure *m, const struct roll *roll);

/* All attempts are: fills in what they used, and what that has cost where
 * prices are known. */
void measure_record(const struct measure *m, struct runlog *record);

/* The run has ended, or was refused (ran is false). */
void measure_end(struct measure *m, const struct runlog *record, bool ran);

void measure_free(struct measure *m);

#endif
