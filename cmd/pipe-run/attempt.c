#include "attempt.h"

#include "private.h"
#include "run/clock.h"
#include "run/procs.h"
#include "stage/stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void blame(struct attempt *a, const char *outcome, int exit,
                  const char *message)
{
    a->outcome = outcome;
    a->exit = exit;
    snprintf(a->message, sizeof(a->message), "%s", message);
}

/* What a command that is no stage of ours ended with. */
static void blame_status(struct attempt *a, int status, const char *who)
{
    char text[200];
    int sig = WIFSIGNALED(status)         ? WTERMSIG(status)
              : WEXITSTATUS(status) > 128 ? WEXITSTATUS(status) - 128
                                          : 0;
    int code = sig ? ERR_TEMPFAIL : WEXITSTATUS(status);
    if (sig == SIGPIPE) {
        code = ERR_CONFIG;
        snprintf(text, sizeof(text),
                 "%s was cut short by its reader, such as head "
                 "(--early-close-ok allows it)",
                 who);
    } else if (sig) {
        snprintf(text, sizeof(text), "%s was killed by signal %d", who, sig);
    } else {
        snprintf(text, sizeof(text), "%s failed with exit %d%s", who, code,
                 code == 127 ? " (not found)" : "");
    }
    blame(a, "failed", code, text);
}

static void blame_time(struct attempt *a, const char *outcome, const char *what,
                       uint64_t ms)
{
    char text[200];
    snprintf(text, sizeof(text), "%s %.10gs", what, (double)ms / 1000);
    blame(a, outcome, ERR_TEMPFAIL, text);
}

/* All ended well. */
static void commit(struct run *r)
{
    const struct attempt_spec *spec = r->spec;
    struct roll_cause doubt;
    roll_doubt(&r->a->roll, &doubt);
    if (doubt.exit)
        blame(r->a, "failed", doubt.exit, doubt.message);
    else if (spec->before_commit &&
             spec->before_commit(spec->job, &r->a->roll, &r->error))
        blame(r->a, "failed", (int)r->error.code, r->error.msg);
    else
        commit_all(r);
}

/* The verdict, once nothing runs but loaders that are ready. */
static void judge(struct run *r)
{
    struct attempt *a = r->a;
    const struct roll_cause *c = &r->cause;
    int status = r->shell_status;
    bool failed = watch_failed(r, status);
    if (r->why == WHY_SIGNAL)
        blame(a, "stopped", 128 + stage_stop_signal(), "stopped by a signal");
    else if (r->why == WHY_TIMEOUT)
        blame_time(a, "timeout", "timed out after", r->spec->timeout_ms);
    else if (r->why == WHY_GATE)
        blame(a, "failed", (int)r->error.code, r->error.msg);
    else if (c->exit && !(c->by_reader && failed && !watch_cut_short(status)))
        blame(a, "failed", c->exit, c->message);
    else if (failed)
        blame_status(a, status,
                     r->spec->command[1] ? r->spec->command[0]
                                         : "a command of the pipeline");
    else if (r->why == WHY_LINGER)
        blame_time(a, "failed",
                   "a process that the pipeline left behind did not end "
                   "within",
                   r->spec->linger_ms);
    else if (r->orphan_status)
        blame_status(a, r->orphan_status,
                     "a process that the pipeline left behind");
    else
        commit(r);
}

/* Waits for what is left: loaders that are done, or told to abort. */
static void clear_away(struct run *r)
{
    if (r->why == WHY_NONE && r->a->exit)
        watch_stop(r, WHY_FAILED, SIGTERM);
    r->deadline = 0;
    if (!r->kill_at)
        r->kill_at = clock_ms() + (int64_t)r->spec->kill_after_ms;
    while (watch_left(r, true))
        watch_once(r, 20);
    guardian_end(&r->guard);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

int attempt_run(const struct attempt_spec *spec, struct attempt *a,
                struct err *e)
{
    struct run r = { .spec = spec, .a = a, .gate = -1, .heard = -1 };
    sigset_t child, mask;
    pid_t *none;
    size_t n_none;
    *a = (struct attempt){ .outcome = "failed" };
    /* Who cannot see processes would wait for them for ever. */
    if (procs_children(&none, &n_none, e))
        return -1;
    free(none);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would leave nobody to wait for */
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &mask);
    r.sigchld = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r.sigchld < 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot watch processes");
    int64_t now = clock_ms();
    r.deadline = spec->timeout_ms ? now + (int64_t)spec->timeout_ms : 0;
    r.tick_at = spec->tick_ms ? now + (int64_t)spec->tick_ms : 0;
    int n = start_pipeline(&r, &mask, e);
    if (n == 0) {
        watch_until_over(&r);
        judge(&r);
        clear_away(&r);
    }
    watch_hear_rest(&r);
    if (spec->hear)
        spec->hear(spec->job, NULL, 0);
    if (r.heard >= 0)
        close(r.heard);
    if (r.gate >= 0)
        close(r.gate);
    close(r.sigchld);
    free(r.told);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return n;
}

void attempt_free(struct attempt *a)
{
    roll_free(&a->roll);
}
