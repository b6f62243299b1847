/* pipe-run: a pipeline as one job: what it loads is committed only when all of
 * it has ended well. */
#include "job.h"

static struct job_opts args = {
    .kill_after_ms = 10000,
    .linger_ms = 60000,
    .retry_base_ms = 1000,
    .retry_cap_ms = 60000,
    .breaker_failures = 5,
    .breaker_reset_ms = 60000,
    .breaker_lease_ms = 30000,
    .pool_wait_ms = 3600000,
    .keep_ms = KEEP_UNSAID,
};

static const struct opt rows[] = {
    { OPT_STRING, 0, "dlq", "URI", &args.dlq,
      "where the stages keep rejected records: sets PIPE_DLQ for them", NULL, 0,
      0, 0, COMPLETE_FILE, NULL },
    { OPT_FLAG, 0, "stdin", NULL, &args.own_stdin,
      "give the pipeline the standard input; by default it reads nothing", NULL,
      0, 0, 1, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "early-close-ok", NULL, &args.early_close,
      "commit also where a reader such as head has ended a stage by SIGPIPE",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "timeout", "TIME", &args.timeout_ms,
      "stop an attempt that takes longer, with SIGTERM; exit 75", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "kill-after", "TIME", &args.kill_after_ms,
      "SIGKILL for what has not ended so long after SIGTERM; default 10s", NULL,
      1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "linger", "TIME", &args.linger_ms,
      "how long processes that the pipeline left behind may take to end; then "
      "the run is aborted; default 1m",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "lock", "NAME", &args.lock,
      "the lock that one run at a time holds, or 'none'; {date} expands; "
      "default the pipeline's name",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "lock-wait", "TIME", &args.lock_wait_ms,
      "wait so long for the lock; by default not at all", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "pool", "NAME:N", &args.pool,
      "take one of the N slots of a pool for each attempt: no more than N runs "
      "that name it are at work at a time",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_POOL" },
    { OPT_TIME, 0, "pool-wait", "TIME", &args.pool_wait_ms,
      "wait so long for a slot, then exit 75; default 1h", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "on-success", "CMD", &args.on_success,
      "a line for bash to run when all is committed", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "on-failure", "CMD", &args.on_failure,
      "a line for bash to run when the last attempt has failed", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "keep", "TIME", &args.keep_ms,
      "remove the folders of this pipeline's runs that are older; 0s keeps "
      "all; "
      "default what the pipeline's file says, else 30d",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "ping", "URL", &args.ping,
      "tell a health check of the start (URL/start), the end (URL) or failure "
      "(URL/fail); env:NAME or file:PATH hold the URL",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_PING" },
    { OPT_GROUP, 0, "declared", NULL, NULL, "The pipeline's file", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "config", "DIR", &args.config,
      "where PIPELINE.json is, which says who is told of failures and what "
      "environments there are; default CONFIGURATION_DIRECTORY, else "
      "/etc/pipeutils",
      NULL, 0, 0, 0, COMPLETE_DIR, "PIPE_CONFIG" },
    { OPT_STRING, 0, "env", "NAME", &args.env,
      "set the variables of this environment in the pipeline's file, such as "
      "prod",
      NULL, 0, 0, 0, COMPLETE_NONE, "PIPE_ENV" },
    { OPT_STRING, 0, "price", "FILE", &args.price,
      "estimate what the run costs from the prices in FILE; default those of "
      "the pipeline's file",
      NULL, 0, 0, 0, COMPLETE_FILE, "PIPE_PRICE" },
    { OPT_GROUP, 0, "retries", NULL, NULL, "Retries", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "retries", "N", &args.retries,
      "try again up to N times after exit 69 or 75; default 0", NULL, 0, 1000,
      1, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "retry-base", "TIME", &args.retry_base_ms,
      "wait a random time up to this before the first retry, twice that before "
      "the second, and so on; default 1s",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "retry-cap", "TIME", &args.retry_cap_ms,
      "never wait longer than this; default 1m", NULL, 1, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_TIME, 0, "retry-deadline", "TIME", &args.retry_deadline_ms,
      "begin no retry later than this after the start", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "breaker", NULL, NULL, "Circuit breaker", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "breaker", "NAME", &args.breaker,
      "share a circuit breaker with all runs that name it: a service they need",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "breaker-failures", "N", &args.breaker_failures,
      "open it after N attempts on end with exit 69 or 75; default 5", NULL, 1,
      1000000, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "breaker-reset", "TIME", &args.breaker_reset_ms,
      "let one run try when it has been open so long; default 1m", NULL, 1, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "breaker-lease", "TIME", &args.breaker_lease_ms,
      "let another one try when that one has not been heard of so long; "
      "default 30s",
      NULL, 100, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-run",
    .summary = "run a pipeline as one job that commits when all of it is well",
    .usage = "[OPTION...] -- 'PIPELINE' | PROGRAM [ARGUMENT...]",
    .opts = rows,
    .flags = STAGE_DASHES | STAGE_RUNS,
    .notes = "One word is a line for bash, run with errexit and pipefail.",
};

int main(int argc, char **argv)
{
    struct stage st;
    if (stage_start(&st, &command, argc, argv) == 0) {
        if (!st.rest || !st.rest[0])
            err_set(&st.err, ERR_USAGE, "a pipeline is wanted behind --");
        else if (!st.rest[0][strspn(st.rest[0], " \t\n")])
            err_set(&st.err, ERR_USAGE, "the pipeline behind -- is empty");
        else
            (void)job_run(&st, &args);
    }
    return stage_finish(&st);
}
