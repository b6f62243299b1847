/* admit: what a job waits for or is refused by: its locks, before the first
 * attempt; a slot of its pool and its breaker, before each. */
#ifndef RUN_CMD_ADMIT_H
#define RUN_CMD_ADMIT_H

#include "declared.h"
#include "heard.h"
#include "job.h"
#include "locks.h"
#include "measure.h"
#include "run/breaker.h"
#include "run/runlog.h"

struct job {
    struct stage *st;
    const struct job_opts *o;
    struct runlog_dir dir;
    struct runlog record;
    struct buf command; /* as one text, for the record */
    struct buf stages;  /* of the last attempt */
    struct buf breaker_path;
    struct breaker breaker;
    struct heard heard;
    struct declared declared;
    struct measure measure;
    struct buf pool_folder, pool;
    unsigned pool_size; /* 0: none */
    int slot;           /* of the pool; -1 */
    struct locks locks;
    int64_t started_ms;
    bool begun; /* there is a folder */
};

/* Takes the locks, and finds the breaker and the pool. The record of a run that
 * is refused is in the index. 0, or -1 with st->err. */
int admit_prepare(struct job *j);

/* Takes a slot and asks the breaker. 0, or -1 with st->err. */
int admit_enter(struct job *j);

/* After the attempt, whatever became of it. */
void admit_leave(struct job *j, enum breaker_result result);

#endif
