#include "gate/gate.h"

#include "base/seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* "FD:INODE", and ":made" behind it where pipe-run made up the run id. */
static bool parse_env(int *fd, uint64_t *inode, bool *made)
{
    const char *v = getenv(GATE_ENV);
    int n = 0;
    if (!v || sscanf(v, "%d:%" SCNu64 "%n", fd, inode, &n) != 2 || *fd < 3)
        return false;
    *made = strcmp(v + n, ":made") == 0;
    return *made || v[n] == '\0';
}

bool gate_made_run_id(void)
{
    int fd;
    uint64_t inode;
    bool made;
    return parse_env(&fd, &inode, &made) && made;
}

void gate_find(struct gate *g)
{
    int fd;
    uint64_t inode;
    bool made;
    struct stat st;
    *g = (struct gate){ .fd = -1, .line = -1, .told = -1 };
    if (parse_env(&fd, &inode, &made) && fstat(fd, &st) == 0 &&
        S_ISSOCK(st.st_mode) && (uint64_t)st.st_ino == inode)
        g->fd = fd;
}

/* ---- sending */

static int send_text(int fd, struct str text, int pass)
{
    struct iovec iov = { (void *)(uintptr_t)text.p, text.n };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (pass >= 0) {
        msg.msg_control = control.space;
        msg.msg_controllen = sizeof(control.space);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &pass, sizeof(int));
    }
    while (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return -1;
    return 0;
}

static int say(const struct gate *g, int fd, const struct gate_message *m,
               int pass, struct err *e)
{
    struct buf b = { .max = GATE_MESSAGE_MAX };
    (void)g;
    int r = gate_encode(&b, m) ? err_nomem(e) : 0;
    if (r == 0 && send_text(fd, buf_str(&b), pass))
        r = err_sys(e, ERR_TEMPFAIL, errno,
                    "pipe-run has gone: nothing is committed");
    buf_free(&b);
    return r;
}

static uint64_t pipe_inode(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? (uint64_t)st.st_ino
                                                       : 0;
}

int gate_start(struct gate *g, const char *stage, char *const *argv, bool loads,
               struct err *e)
{
    if (g->fd < 0)
        return 0;
    g->id = seed(0x67617465);
    struct gate_message m = {
        .kind = GATE_START,
        .id = g->id,
        .stage = stage,
        .argv = argv,
        .pipe = { pipe_inode(STDIN_FILENO), pipe_inode(STDOUT_FILENO) },
        .loads = loads,
    };
    if (say(g, g->fd, &m, -1, e))
        return -1;
    g->started = true;
    return 0;
}

int gate_end(struct gate *g, struct gate_message *m, struct err *e)
{
    if (!g->started)
        return 0;
    m->kind = GATE_END;
    m->id = g->id;
    return say(g, g->line >= 0 ? g->line : g->fd, m, -1, e);
}

/* ---- the loader in two processes */

/* What is open now came with the process: somebody may wait for its end. */
static int note_inherited(struct gate *g, struct err *e)
{
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot read '/proc/self/fd'");
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd <= STDERR_FILENO || fd == dirfd(d))
            continue;
        int *grown =
            realloc(g->inherited, (g->n_inherited + 1) * sizeof(*grown));
        if (!grown) {
            closedir(d);
            return err_nomem(e);
        }
        g->inherited = grown;
        g->inherited[g->n_inherited++] = fd;
    }
    closedir(d);
    return 0;
}

/* A signal may come twice, to the group and passed on: the second must not cut
 * short what the first began. pipe-run has SIGKILL for what does not end. */
static void keep_handlers(void)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    struct sigaction sa;
    for (size_t i = 0; i < 3; i++) {
        if (sigaction(signals[i], NULL, &sa) != 0 ||
            !(sa.sa_flags & (int)SA_RESETHAND))
            continue;
        sa.sa_flags &= ~(int)SA_RESETHAND;
        sigaction(signals[i], &sa, NULL);
    }
}

/* Waits for the child's byte or its end. True if it is ready. */
static bool wait_for_child(int fd, pid_t child, int (*stop)(void))
{
    char byte;
    ssize_t n;
    int passed = 0;
    while ((n = read(fd, &byte, 1)) < 0 && errno == EINTR) {
        int sig = stop();
        if (sig && sig != passed)
            kill(child, sig);
        passed = sig;
    }
    return n == 1;
}

/* The process that the shell waits for. A child that was killed said nothing of
 * its end, so this says it. */
static int stand_in(struct gate *g, const char *stage, int fd, pid_t child,
                    int (*stop)(void))
{
    int status;
    /* An upstream must see its reader gone when the child is. */
    close(STDIN_FILENO);
    if (wait_for_child(fd, child, stop))
        return 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return ERR_BUG;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    int code = 128 + WTERMSIG(status);
    char text[64];
    struct err ignored;
    snprintf(text, sizeof(text), "killed by signal %d", WTERMSIG(status));
    struct gate_message m = { .stage = stage, .exit = code, .error = text };
    (void)gate_end(g, &m, &ignored);
    return code;
}

int gate_split(struct gate *g, const char *stage, int (*stop)(void), int *exit,
               struct err *e)
{
    int ends[2];
    if (g->fd < 0)
        return 1;
    if (note_inherited(g, e))
        return -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a pipe");
    pid_t child = fork();
    if (child < 0) {
        int saved = errno;
        close(ends[0]);
        close(ends[1]);
        return err_sys(e, ERR_TEMPFAIL, saved, "cannot start a process");
    }
    if (child == 0) {
        close(ends[0]);
        g->told = ends[1];
        keep_handlers();
        return 1;
    }
    close(ends[1]);
    *exit = stand_in(g, stage, ends[0], child, stop);
    close(ends[0]);
    return 0;
}

/* ---- ready */

/* A pipe's reader waits for its end, and the shell for that reader: as long as
 * this process held it, neither would end, and the word would never come. */
static void let_go(struct gate *g, bool *silenced)
{
    struct stat st;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        bool waited = fstat(fd, &st) == 0 &&
                      (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
        if (!waited && fd != STDIN_FILENO)
            continue;
        if (null < 0 || dup2(null, fd) < 0)
            close(fd);
        *silenced |= fd == STDERR_FILENO;
    }
    if (null > STDERR_FILENO)
        close(null);
    for (size_t i = 0; i < g->n_inherited; i++)
        close(g->inherited[i]);
    g->n_inherited = 0;
    g->fd = -1; /* it was one of them */
}

/* Receives the word: GATE_COMMIT, GATE_ABORT, or 0 at the end of the channel.
 * *passed is a descriptor that came with it, or -1. */
static int receive(int line, int *passed)
{
    char word = 0;
    struct iovec iov = { &word, 1 };
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.space,
                          .msg_controllen = sizeof(control.space) };
    *passed = -1;
    ssize_t n = recvmsg(line, &msg, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EINTR ? -1 : 0;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(passed, CMSG_DATA(c), sizeof(int));
    return n == 1 ? word : 0;
}

static int wait_for_word(struct gate *g, bool silenced, int (*stop)(void),
                         struct err *e)
{
    int passed, word;
    while ((word = receive(g->line, &passed)) < 0)
        if (stop())
            return err_set(e, ERR_TEMPFAIL, "interrupted");
    if (passed >= 0) {
        if (silenced)
            (void)dup2(passed, STDERR_FILENO);
        if (passed != STDERR_FILENO)
            close(passed);
    }
    if (word == GATE_COMMIT)
        return 0;
    g->aborted = word == GATE_ABORT;
    return err_set(e, ERR_TEMPFAIL,
                   g->aborted ? "nothing committed: the run was aborted"
                              : "pipe-run has gone: nothing is committed");
}

int gate_ready(struct gate *g, const char *stage, struct str load,
               const char *doubt, int (*stop)(void), struct err *e)
{
    int ends[2];
    bool silenced = false;
    if (g->fd < 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a socket");
    struct gate_message m = { .kind = GATE_READY,
                              .id = g->id,
                              .stage = stage,
                              .doubt = doubt,
                              .load = load };
    int r = say(g, g->fd, &m, ends[1], e);
    close(ends[1]);
    if (r) {
        close(ends[0]);
        return -1;
    }
    g->line = ends[0];
    let_go(g, &silenced);
    ssize_t n = write(g->told, "R", 1);
    if (n < 0) /* nobody waits any more: the run will be aborted */
        (void)n;
    close(g->told);
    g->told = -1;
    return wait_for_word(g, silenced, stop, e);
}

void gate_close(struct gate *g)
{
    if (g->line >= 0)
        close(g->line);
    if (g->told >= 0)
        close(g->told);
    free(g->inherited);
    *g = (struct gate){ .fd = -1, .line = -1, .told = -1 };
}
