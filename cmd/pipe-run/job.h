/* job: a pipeline as one job: lock, breaker, attempts, record, hooks. */
#ifndef RUN_CMD_JOB_H
#define RUN_CMD_JOB_H

#include "stage/stage.h"

#define KEEP_UNSAID UINT64_MAX

/* The command line. */
struct job_opts {
    const char *dlq, *lock, *breaker, *on_success, *on_failure, *pool;
    const char *config, *env, *ping;
    const char *price;
    uint64_t timeout_ms, kill_after_ms, linger_ms, lock_wait_ms, pool_wait_ms;
    uint64_t retries, retry_base_ms, retry_cap_ms, retry_deadline_ms;
    uint64_t breaker_failures, breaker_reset_ms, breaker_lease_ms;
    uint64_t keep_ms; /* KEEP_UNSAID: as the pipeline's file has it */
    bool own_stdin, early_close;
};

/* Runs st->rest as a job. 0, or -1 with st->err. */
int job_run(struct stage *st, const struct job_opts *o);

#endif
