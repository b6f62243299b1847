/* What happens to a pipeline: messages, ends of processes, time, signals. */
#include "private.h"
#include "run/clock.h"
#include "run/procs.h"
#include "stage/stage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_EVERY_MS 20
#define LINES_MAX 1000
#define HEAR_BLOCK 4096 /* what a pipe that takes anything takes at once */
#define HEAR_BLOCKS 16
#define HEAR_REST (1 << 20) /* the most that a pipe holds by default */

/* ---- what comes through the gate */

/* Receives a message: its length, 0 at the end, -1 where there is none now. */
static ssize_t receive(int fd, char *text, pid_t *pid, int *passed)
{
    struct iovec iov = { text, GATE_MESSAGE_MAX };
    union {
        char space[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.space,
                          .msg_controllen = sizeof(control.space) };
    *passed = -1;
    *pid = 0;
    ssize_t n;
    while ((n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR)
            return errno == EAGAIN ? -1 : 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        struct ucred who;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS)
            memcpy(passed, CMSG_DATA(c), sizeof(int));
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&who, CMSG_DATA(c), sizeof(who));
            *pid = who.pid;
        }
    }
    return n;
}

static void take(struct run *r, struct str text, pid_t pid, int passed)
{
    struct err e = { 0 };
    if (roll_take(&r->a->roll, text, pid, passed, &e) == 0 ||
        r->why != WHY_NONE)
        return;
    r->error = e;
    watch_stop(r, WHY_GATE, SIGTERM);
}

static void hear(struct run *r)
{
    static char text[GATE_MESSAGE_MAX];
    pid_t pid;
    int passed;
    ssize_t n = 0;
    while (r->gate >= 0 && (n = receive(r->gate, text, &pid, &passed)) > 0)
        take(r, (struct str){ text, (size_t)n }, pid, passed);
    if (n == 0 && r->gate >= 0) { /* nobody can say anything any more */
        close(r->gate);
        r->gate = -1;
    }
    for (size_t i = 0; i < r->a->roll.n; i++) {
        struct roll_stage *s = &r->a->roll.v[i];
        if (s->line < 0)
            continue;
        n = receive(s->line, text, &pid, &passed);
        if (n > 0)
            take(r, (struct str){ text, (size_t)n }, pid, passed);
        if (n == 0 && !s->ended)
            roll_lost(&r->a->roll, s);
        if (n == 0)
            roll_hang_up(s);
    }
}

/* ---- what it says on stderr */

/* Does our own stderr take what is passed on? Whoever reads it may be slow:
 * then the pipeline is to wait, and not we, who have more to see to. */
static bool can_pass_on(int ms)
{
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
    return poll(&p, 1, ms) != 0;
}

/* One block: false where there is none. */
static bool hear_block(struct run *r)
{
    static char text[HEAR_BLOCK];
    ssize_t n = r->heard < 0 ? -1 : read(r->heard, text, sizeof(text));
    if (n > 0)
        r->spec->hear(r->spec->job, text, (size_t)n);
    if (n == 0) { /* nobody can say anything any more */
        close(r->heard);
        r->heard = -1;
    }
    return n > 0 || (n < 0 && r->heard >= 0 && errno == EINTR);
}

/* So much at a time: who never stops talking is not all that there is. */
static void hear_some(struct run *r)
{
    for (int i = 0; i < HEAR_BLOCKS && can_pass_on(0) && hear_block(r); i++)
        ;
}

/* Nobody of ours lives who could fill the pipe again; who else has it open is
 * not waited for. */
void watch_hear_rest(struct run *r)
{
    for (int i = 0; i < HEAR_REST / HEAR_BLOCK; i++) {
        while (r->heard >= 0 && !can_pass_on(LOOK_EVERY_MS))
            if (r->why == WHY_TIMEOUT || stage_stopping())
                return;
        if (!hear_block(r))
            return;
    }
}

/* ---- processes */

bool watch_cut_short(int status)
{
    return (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGPIPE) ||
           (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

bool watch_failed(const struct run *r, int status)
{
    return status != 0 && !(r->spec->early_close && watch_cut_short(status));
}

struct dead {
    pid_t pid;
    int status;
};

/* Stages tell their ends themselves. */
static bool is_known(const struct run *r, pid_t pid)
{
    for (size_t i = 0; i < r->a->roll.n; i++)
        if (r->a->roll.v[i].adopted == pid || r->a->roll.v[i].pid == pid)
            return true;
    return pid == r->guard.pid;
}

/* Some at a time; what they said before their end is heard before they are
 * judged. Returns how many. */
static size_t reap_some(struct run *r)
{
    struct dead dead[64];
    size_t n = 0;
    while (n < 64 && (dead[n].pid = waitpid(-1, &dead[n].status, WNOHANG)) > 0)
        n++;
    hear(r);
    for (size_t i = 0; i < n; i++) {
        if (dead[i].pid == r->shell) {
            r->shell_done = true;
            r->shell_status = dead[i].status;
        } else if (!is_known(r, dead[i].pid) &&
                   watch_failed(r, dead[i].status) && r->why == WHY_NONE &&
                   r->orphan_status == 0) {
            r->orphan_status = dead[i].status;
        }
    }
    return n;
}

static void reap(struct run *r)
{
    while (reap_some(r) > 0)
        ;
}

static bool is_ready(const struct run *r, pid_t pid)
{
    for (size_t i = 0; i < r->a->roll.n; i++)
        if (r->a->roll.v[i].ready && r->a->roll.v[i].adopted == pid)
            return true;
    return false;
}

size_t watch_left(struct run *r, bool with_ready)
{
    struct err ignored;
    pid_t *pids;
    size_t n, left = 0;
    reap(r);
    if (procs_children(&pids, &n, &ignored))
        return 1; /* who cannot look must wait */
    for (size_t i = 0; i < n; i++)
        left +=
            pids[i] != r->guard.pid && (with_ready || !is_ready(r, pids[i]));
    free(pids);
    return left;
}

/* ---- stopping */

static bool was_told(const struct run *r, pid_t pid)
{
    for (size_t i = 0; i < r->n_told; i++)
        if (r->told[i] == pid)
            return true;
    return false;
}

/* Signals the children that have left the group: one signal each, for a second
 * one would cut short what the first began. */
static void tell_children(struct run *r, int sig)
{
    struct err ignored;
    pid_t *pids;
    size_t n;
    if (procs_children(&pids, &n, &ignored))
        return;
    for (size_t i = 0; i < n; i++) {
        if (pids[i] == r->guard.pid || getpgid(pids[i]) == r->guard.pid ||
            (sig != SIGKILL && was_told(r, pids[i])))
            continue;
        pid_t *grown = realloc(r->told, (r->n_told + 1) * sizeof(*grown));
        if (grown) {
            r->told = grown;
            r->told[r->n_told++] = pids[i];
        }
        kill(pids[i], sig);
    }
    free(pids);
}

static void abort_loaders(struct run *r)
{
    static const char word = GATE_ABORT;
    for (size_t i = 0; i < r->a->roll.n; i++) {
        struct roll_stage *s = &r->a->roll.v[i];
        if (s->line >= 0)
            (void)send(s->line, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        roll_hang_up(s);
    }
}

/* Marks the stages whose processes are no more, and hears their last words. */
static void mark_gone(struct run *r)
{
    for (size_t i = 0; i < r->a->roll.n; i++) {
        struct roll_stage *s = &r->a->roll.v[i];
        s->gone = kill(s->pid, 0) != 0 && errno == ESRCH;
    }
    hear(r);
}

void watch_stop(struct run *r, enum why why, int sig)
{
    if (r->why != WHY_NONE)
        return;
    /* Before the signal makes them all look guilty. */
    mark_gone(r);
    if (r->why != WHY_NONE)
        return;
    roll_judge(&r->a->roll, r->spec->early_close, &r->cause);
    r->why = why;
    r->kill_at = clock_ms() + (int64_t)r->spec->kill_after_ms;
    abort_loaders(r);
    kill(-r->guard.pid, sig);
    kill(-r->guard.pid, SIGCONT);
    tell_children(r, sig);
}

/* ---- time */

static void check_signal(struct run *r)
{
    int sig = stage_stop_signal();
    if (sig && r->why == WHY_NONE && !r->committing && !r->spec->deaf)
        watch_stop(r, WHY_SIGNAL, sig);
}

static void check_time(struct run *r)
{
    int64_t now = clock_ms();
    if (r->tick_at && now >= r->tick_at) {
        r->spec->tick(r->spec->ctx);
        r->tick_at = now + (int64_t)r->spec->tick_ms;
    }
    if (r->deadline && now >= r->deadline && r->committing)
        kill(-r->guard.pid, SIGKILL); /* the ledger will tell how far it was */
    else if (r->deadline && now >= r->deadline)
        watch_stop(r, WHY_TIMEOUT, SIGTERM);
    if (r->linger_at && now >= r->linger_at)
        watch_stop(r, WHY_LINGER, SIGTERM);
    if (r->why != WHY_NONE)
        tell_children(r, SIGTERM); /* orphans of those that have ended */
    if (r->kill_at && now >= r->kill_at) {
        kill(-r->guard.pid, SIGKILL);
        tell_children(r, SIGKILL);
    }
}

static int64_t until(int64_t at, int64_t ms, int64_t now)
{
    int64_t left = at > now ? at - now : 0;
    return at && (ms < 0 || left < ms) ? left : ms;
}

void watch_once(struct run *r, int64_t ms)
{
    struct pollfd fds[3 + LINES_MAX];
    nfds_t n = 0;
    int64_t now = clock_ms();
    check_signal(r);
    ms = until(r->deadline, ms, now);
    ms = until(r->linger_at, ms, now);
    ms = until(r->tick_at, ms, now);
    if (r->why != WHY_NONE && (ms < 0 || ms > LOOK_EVERY_MS))
        ms = LOOK_EVERY_MS;
    fds[n++] = (struct pollfd){ .fd = r->sigchld, .events = POLLIN };
    fds[n++] = (struct pollfd){ .fd = r->gate, .events = POLLIN };
    fds[n++] = r->heard < 0 || can_pass_on(0)
                   ? (struct pollfd){ .fd = r->heard, .events = POLLIN }
                   : (struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT };
    for (size_t i = 0; i < r->a->roll.n && n < 3 + LINES_MAX; i++)
        fds[n++] =
            (struct pollfd){ .fd = r->a->roll.v[i].line, .events = POLLIN };
    /* Other clocks may count less than ours does: not too long at a time. */
    if (poll(fds, n, ms < 0 || ms > 10000 ? 10000 : (int)ms) > 0 &&
        fds[0].revents) {
        struct signalfd_siginfo info;
        ssize_t ignored = read(r->sigchld, &info, sizeof(info));
        (void)ignored;
    }
    hear_some(r);
    reap(r);
    check_signal(r);
    check_time(r);
}

/* ---- until all is over */

static bool at_work(struct run *r)
{
    mark_gone(r);
    for (size_t i = 0; i < r->a->roll.n; i++) {
        const struct roll_stage *s = &r->a->roll.v[i];
        if (!s->ended && !s->ready && !s->gone)
            return true;
    }
    return false;
}

/* The shell is done. What is left may be at work still (tee and process
 * substitution), or hang. */
static bool is_over(struct run *r)
{
    if (watch_left(r, r->why != WHY_NONE) == 0) {
        hear(r); /* they have said all that they will */
        return true;
    }
    if (r->why != WHY_NONE)
        return false;
    hear(r);
    roll_judge(&r->a->roll, r->spec->early_close, &r->cause);
    if (watch_failed(r, r->shell_status) || r->cause.exit || r->orphan_status)
        watch_stop(r, WHY_FAILED, SIGTERM);
    else if (at_work(r))
        r->linger_at = 0;
    else if (!r->linger_at)
        r->linger_at = clock_ms() + (int64_t)r->spec->linger_ms;
    return false;
}

void watch_until_over(struct run *r)
{
    while (!r->shell_done)
        watch_once(r, -1);
    while (!is_over(r))
        watch_once(r, 10 * LOOK_EVERY_MS);
    r->linger_at = 0;
    for (size_t i = 0; i < r->a->roll.n; i++)
        r->a->roll.v[i].gone = true;
    if (r->why == WHY_NONE)
        roll_judge(&r->a->roll, r->spec->early_close, &r->cause);
}
