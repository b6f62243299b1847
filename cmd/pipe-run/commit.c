/* The commit: loaders that are ready are told one after another. */
#include "private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* With the word goes our stderr: the loader may have given up its own. */
static int tell(int line)
{
    char word = GATE_COMMIT;
    int fd = STDERR_FILENO;
    struct iovec iov = { &word, 1 };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.space,
                          .msg_controllen = sizeof(control.space) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    while (sendmsg(line, &msg, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return -1;
    return 0;
}

/* Tells one loader and waits for its end. *told is false where it was gone
 * before. */
static bool commit_one(struct run *r, struct roll_stage *s, bool *told)
{
    *told = tell(s->line) == 0;
    if (!*told) {
        if (!s->ended)
            roll_lost(&r->a->roll, s);
        return false;
    }
    while (!s->ended)
        watch_once(r, -1);
    s->committed = s->exit == 0;
    return s->committed;
}

/* unknown: whether the loader that failed has committed. */
static void report(struct run *r, bool unknown, size_t committed, size_t all)
{
    struct attempt *a = r->a;
    struct roll_cause c;
    roll_judge(&a->roll, r->spec->early_close, &c);
    a->exit = c.exit ? c.exit : ERR_TEMPFAIL;
    if (unknown) {
        a->outcome = committed ? "partial" : "unknown";
        a->exit = ERR_TEMPFAIL;
        snprintf(a->message, sizeof(a->message),
                 "pipe-load died while it committed: the ledger knows whether "
                 "it did, a run again finds out");
    } else {
        a->outcome = committed ? "partial" : "failed";
        snprintf(a->message, sizeof(a->message), "%.700s", c.message);
    }
    size_t n = strlen(a->message);
    if (committed)
        snprintf(a->message + n, sizeof(a->message) - n,
                 "; %zu of %zu loads are committed, a run again does the rest",
                 committed, all);
}

void commit_all(struct run *r)
{
    struct roll *roll = &r->a->roll;
    size_t all = roll_ready(roll), committed = 0;
    r->committing = true;
    for (size_t i = 0; i < roll->n; i++) {
        bool told = false;
        if (!roll->v[i].ready)
            continue;
        /* Ended before its turn: it died while another one committed. */
        if (roll->v[i].ended || !commit_one(r, &roll->v[i], &told)) {
            report(r, told && !roll->v[i].end, committed, all);
            watch_stop(r, WHY_FAILED, SIGTERM);
            return;
        }
        committed++;
    }
    r->a->outcome = "ok";
    r->a->exit = 0;
}
