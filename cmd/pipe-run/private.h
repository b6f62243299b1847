/* private: what the parts of an attempt share. */
#ifndef RUN_CMD_PRIVATE_H
#define RUN_CMD_PRIVATE_H

#include "attempt.h"

#include <signal.h>

enum why {
    WHY_NONE,
    WHY_FAILED,  /* the pipeline: only what it left behind is to be stopped */
    WHY_SIGNAL,  /* pipe-run was told to stop */
    WHY_TIMEOUT, /* --timeout */
    WHY_LINGER,  /* --linger */
    WHY_GATE     /* what came through the gate made no sense */
};

/* An attempt under way. Times are of clock_ms; 0: none. */
struct run {
    const struct attempt_spec *spec;
    struct attempt *a;
    struct guardian guard;
    int gate;    /* our end; -1: none */
    int sigchld; /* signalfd */
    int heard;   /* the pipeline's stderr; -1: nobody listens */
    pid_t shell; /* bash, or the program */
    bool shell_done;
    int shell_status;  /* as waitpid tells it */
    int orphan_status; /* of the first adopted process that failed; 0 */
    int64_t deadline, linger_at, tick_at, kill_at;
    bool committing;         /* the word was given: signals come too late */
    enum why why;            /* the pipeline is being stopped */
    struct err error;        /* of WHY_GATE, or of before_commit */
    struct roll_cause cause; /* as it was before anything was stopped */
    pid_t *told;             /* owned: children that were sent the signal */
    size_t n_told;
};

/* ---- start.c */
int start_pipeline(struct run *r, const sigset_t *mask, struct err *e);

/* ---- watch.c */

/* Waits for what happens next, up to ms (-1: without end), and takes it in. */
void watch_once(struct run *r, int64_t ms);

/* Takes in what it has said on stderr, when all of it has ended. */
void watch_hear_rest(struct run *r);

/* Stops the pipeline: sends sig to all of it, and SIGKILL when kill_after is
 * over. Loaders that are ready are told to abort. The first reason counts. */
void watch_stop(struct run *r, enum why why, int sig);

/* True if a command with this status, as waitpid tells it, ended by SIGPIPE. */
bool watch_cut_short(int status);

/* True if the status speaks against a commit. */
bool watch_failed(const struct run *r, int status);

/* Processes that are left, without the guardian, and without loaders that are
 * ready if these do not count. */
size_t watch_left(struct run *r, bool with_ready);

/* Until nothing of the pipeline is left but loaders that are ready; nor these
 * once it is being stopped. */
void watch_until_over(struct run *r);

/* ---- commit.c */
void commit_all(struct run *r);

#endif
