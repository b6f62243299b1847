/* attempt: the pipeline run once, and committed or not. */
#ifndef RUN_CMD_ATTEMPT_H
#define RUN_CMD_ATTEMPT_H

#include "guardian.h"
#include "run/roll.h"

struct attempt_spec {
    char *const *command; /* one word: for bash; several: a program */
    bool gated;           /* has a gate; else runs and that is all */
    bool made_run_id;     /* PIPE_RUN_ID was made up */
    bool own_stdin;       /* stdin is ours; else /dev/null */
    bool early_close;
    bool deaf;           /* signals to pipe-run do not stop it */
    uint64_t timeout_ms; /* 0: none */
    uint64_t kill_after_ms, linger_ms;
    int keep[GUARDIAN_KEEPS]; /* locks that live as long as the pipeline; -1 */
    /* Called with what others than stages of ours write to stderr, as it
     * comes, n 0 at the end; NULL: it goes where ours goes. */
    void (*hear)(void *job, const char *text, size_t n);
    void (*tick)(void *ctx); /* called at least every tick_ms */
    uint64_t tick_ms;        /* 0: never */
    void *ctx;
    /* Called before the word to commit is given; -1 with e: it is not. */
    int (*before_commit)(void *job, const struct roll *roll, struct err *e);
    void *job;
};

struct attempt {
    struct roll roll;
    const char *outcome; /* static: see pipe-run(1) */
    int exit;
    char message[1000]; /* why it failed */
};

/* Runs it. a needs no init. -1 with e where it could not be started. */
int attempt_run(const struct attempt_spec *spec, struct attempt *a,
                struct err *e);

void attempt_free(struct attempt *a);

#endif
