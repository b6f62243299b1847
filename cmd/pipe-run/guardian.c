#include "guardian.h"

#include "run/clock.h"
#include "run/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS 20
#define FDS_MAX 1024 /* pipe-run itself opens a handful */

static void hold_only(int lifeline, const int keep[GUARDIAN_KEEPS])
{
    for (int fd = 0; fd < FDS_MAX; fd++) {
        bool kept = fd == lifeline;
        for (int i = 0; i < GUARDIAN_KEEPS; i++)
            kept = kept || fd == keep[i];
        if (!kept)
            close(fd);
    }
}

/* pipe-run is gone: nothing will be committed, and nobody waits. */
static void stop_group(uint64_t kill_after_ms)
{
    int64_t until = clock_ms() + (int64_t)kill_after_ms;
    kill(0, SIGTERM);
    kill(0, SIGCONT);
    while (procs_group_lives(getpid()) && clock_ms() < until)
        nanosleep(&(struct timespec){ 0, LOOK_EVERY_MS * 1000000 }, NULL);
    if (procs_group_lives(getpid()))
        kill(0, SIGKILL);
}

_Noreturn static void guard(int lifeline, const int keep[GUARDIAN_KEEPS],
                            uint64_t kill_after_ms)
{
    sigset_t all;
    char byte;
    ssize_t n;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setpgid(0, 0);
    prctl(PR_SET_NAME, "pipe-run-guard");
    hold_only(lifeline, keep);
    while ((n = read(lifeline, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (n != 1)
        stop_group(kill_after_ms);
    _exit(0);
}

int guardian_start(struct guardian *g, const int keep[GUARDIAN_KEEPS],
                   uint64_t kill_after_ms, struct err *e)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a pipe");
    g->pid = fork();
    if (g->pid == 0) {
        close(ends[1]);
        guard(ends[0], keep, kill_after_ms);
    }
    int saved = errno;
    close(ends[0]);
    g->lifeline = ends[1];
    if (g->pid > 0) {
        setpgid(g->pid, g->pid); /* whoever of the two is first */
        return 0;
    }
    close(ends[1]);
    return err_sys(e, ERR_TEMPFAIL, saved, "cannot start a process");
}

void guardian_end(struct guardian *g)
{
    ssize_t n = write(g->lifeline, "q", 1);
    (void)n; /* killed with the group, maybe */
    close(g->lifeline);
    g->lifeline = -1;
}
