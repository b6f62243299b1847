#include "observe/sender.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the child */

/* Nobody may wait for the end of a pipe because of us. */
static void let_go(int fd)
{
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGALRM };
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i <= 2; i++)
        if (null < 0 || dup2(null, i) < 0)
            close(i);
    if (fd != 3)
        (void)dup2(fd, 3);
    (void)close_range(4, ~0u, 0);
    /* The stage says when we are to stop. */
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        signal(ignored[i], SIG_IGN);
    (void)prctl(PR_SET_NAME, "pipe-sender");
}

/* Posts the whole lines of what came, and drops them. */
static void send_lines(struct post *p, struct buf *in, struct err *e)
{
    char *lf;
    while (in->n && (lf = memchr(in->p, '\n', in->n)) != NULL) {
        size_t n = (size_t)(lf - in->p);
        struct err why = { 0 };
        if (p && post_send(p, (struct str){ in->p, n }, &why) && !e->code)
            *e = why;
        memmove(in->p, lf + 1, in->n - n - 1);
        in->n -= n + 1;
    }
}

static _Noreturn void serve(const struct post_to *to)
{
    struct buf in = { 0 };
    struct err e = { 0 };
    ssize_t n = 1;
    struct post *p = post_open(to, &e);
    while (n > 0) {
        if (buf_reserve(&in, 65536))
            _exit(1);
        n = read(3, in.p + in.n, in.cap - in.n);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            in.n += (size_t)n;
        if (!to->metrics)
            send_lines(p, &in, &e);
    }
    if (to->metrics && p)
        (void)post_send(p, buf_str(&in), &e);
    /* The answer: a byte, and what went wrong. */
    char ok = e.code ? '!' : '.';
    if (write(3, &ok, 1) == 1 && e.code)
        (void)!write(3, e.msg, strlen(e.msg));
    _exit(0);
}

/* ---- the stage */

/* apart: a child that is gone at once leaves the one that works to whoever
 * takes orphans. */
static int start(struct sender *s, const struct post_to *to, bool apart,
                 struct err *e)
{
    int fds[2];
    *s = (struct sender){ .fd = -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a socket");
    s->pid = fork();
    if (s->pid == 0) {
        if (apart && fork() != 0)
            _exit(0);
        let_go(fds[1]);
        serve(to);
    }
    close(fds[1]);
    s->fd = fds[0];
    while (apart && s->pid > 0 && waitpid(s->pid, NULL, 0) < 0 &&
           errno == EINTR)
        ;
    if (s->pid > 0 && apart)
        s->pid = 0;
    if (s->pid >= 0)
        return 0;
    close(s->fd);
    s->fd = -1;
    return err_sys(e, ERR_TEMPFAIL, errno, "cannot start a process");
}

int sender_start(struct sender *s, const char *url, const char *key,
                 struct err *e)
{
    struct post_to to = { url, key, false };
    return start(s, &to, false, e);
}

int sender_start_apart(struct sender *s, const char *url, const char *key,
                       struct err *e)
{
    struct post_to to = { url, key, false };
    return start(s, &to, true, e);
}

int sender_start_metrics(struct sender *s, const char *url, const char *key,
                         struct err *e)
{
    struct post_to to = { url, key, true };
    return start(s, &to, false, e);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until fd can be read or written, or the time has come: 1 or 0. */
static int wait_for(int fd, short what, int64_t deadline)
{
    struct pollfd p = { .fd = fd, .events = what };
    for (;;) {
        int64_t left = deadline - now_ms();
        int r = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (r >= 0 || errno != EINTR)
            return r > 0;
    }
}

int sender_send(struct sender *s, struct str text, struct err *e)
{
    int64_t deadtext = now_ms() + SENDER_PATIENCE_MS;
    while (text.n) {
        ssize_t n = send(s->fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            text = (struct str){ text.p + n, text.n - (size_t)n };
        else if (n < 0 && errno != EINTR && errno != EAGAIN)
            return err_sys(e, ERR_UNAVAILABLE, errno, "cannot hand it over");
        else if (!wait_for(s->fd, POLLOUT, deadtext))
            return err_set(e, ERR_UNAVAILABLE, "no answer in time");
    }
    return 0;
}

/* Reads the child's answer: 0, or -1 with e. */
static int read_answer(int fd, struct err *e)
{
    char answer[sizeof(e->msg)];
    size_t got = 0;
    ssize_t n = 1;
    int64_t deadline = now_ms() + SENDER_PATIENCE_MS;
    while (n > 0 && got < sizeof(answer) - 1) {
        if (!wait_for(fd, POLLIN, deadline))
            return err_set(e, ERR_UNAVAILABLE, "no answer in %d s",
                           POST_TOTAL_MS / 1000);
        n = recv(fd, answer + got, sizeof(answer) - 1 - got, MSG_DONTWAIT);
        if (n > 0)
            got += (size_t)n;
        else if (n < 0 && (errno == EINTR || errno == EAGAIN))
            n = 1;
    }
    answer[got] = '\0';
    if (answer[0] == '.')
        return 0;
    return err_set(e, ERR_UNAVAILABLE, "%s",
                   got > 1 ? answer + 1 : "the sending process died");
}

int sender_end(struct sender *s, struct err *e)
{
    if (s->fd < 0)
        return 0;
    (void)shutdown(s->fd, SHUT_WR);
    int r = read_answer(s->fd, e);
    close(s->fd);
    s->fd = -1;
    /* It has answered or is given up. Where the stage has forked since, it is
     * somebody else's child, and its number may be too. */
    if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == 0 &&
        kill(s->pid, SIGKILL) == 0)
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    return r;
}

int sender_post(const char *url, struct str line, struct err *e)
{
    struct sender s;
    struct err late;
    if (sender_start(&s, url, NULL, e))
        return -1;
    int r = sender_send(&s, line, e);
    if (sender_end(&s, &late) && r == 0)
        r = err_set(e, ERR_UNAVAILABLE, "%s", late.msg);
    return r;
}
