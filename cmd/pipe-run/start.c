/* The pipeline's processes: bash, or a program, in the guardian's group. */
#include "gate/gate.h"
#include "private.h"
#include "stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define GATE_FD 64 /* clear of the numbers that scripts use */

/* Names the gate for the stages. */
static int export_gate(int fd, bool made_run_id)
{
    char text[64];
    struct stat st;
    int high = fcntl(fd, F_DUPFD, GATE_FD);
    if (high < 0) /* a low limit */
        high = fcntl(fd, F_DUPFD, 10);
    if (high < 0 || fstat(high, &st) != 0)
        return -1;
    snprintf(text, sizeof(text), "%d:%" PRIuMAX "%s", high,
             (uintmax_t)st.st_ino, made_run_id ? ":made" : "");
    return setenv(GATE_ENV, text, 1);
}

/* Stages of ours are told where the stderr is that they are to have. */
static int take_stderr(int heard)
{
    char text[80];
    struct stat ours, theirs;
    int high = fcntl(STDERR_FILENO, F_DUPFD, GATE_FD);
    if (high < 0)
        high = fcntl(STDERR_FILENO, F_DUPFD, 10);
    if (high < 0 || fstat(high, &ours) != 0 || fstat(heard, &theirs) != 0)
        return -1;
    snprintf(text, sizeof(text), "%d:%ju:%ju", high, (uintmax_t)ours.st_ino,
             (uintmax_t)theirs.st_ino);
    return dup2(heard, STDERR_FILENO) < 0 ? -1
                                          : setenv(STAGE_STDERR_ENV, text, 1);
}

static int take_stdin(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd < 0 || dup2(fd, STDIN_FILENO) < 0 ? -1 : 0;
}

_Noreturn static void become(const struct run *r, int gate, int heard,
                             const sigset_t *mask)
{
    const struct attempt_spec *s = r->spec;
    char *const shell[] = { (char[]){ "bash" },     (char[]){ "-e" },
                            (char[]){ "-o" },       (char[]){ "pipefail" },
                            (char[]){ "-c" },       s->command[0],
                            (char[]){ "pipe-run" }, NULL };
    char *const *argv = s->command[1] ? s->command : shell;
    setpgid(0, r->guard.pid);
    /* Programs expect to die of SIGPIPE. From the background a terminal can
     * neither be read (an error, not a halt) nor does writing stop. */
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    unsetenv(GATE_ENV);
    unsetenv(STAGE_STDERR_ENV);
    if ((heard >= 0 && take_stderr(heard)) ||
        (gate >= 0 && export_gate(gate, s->made_run_id)) ||
        (!s->own_stdin && take_stdin())) {
        dprintf(STDERR_FILENO, "pipe-run: cannot start '%s': %s\n", argv[0],
                strerror(errno));
        _exit(ERR_TEMPFAIL);
    }
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "pipe-run: cannot start '%s': %s\n", argv[0],
            strerror(errno));
    int code = errno == ENOENT ? 127 : 126;
    _exit(s->command[1] ? code : ERR_UNAVAILABLE); /* bash is missing */
}

/* Two ends: ours is told who sends. */
static int make_gate(int ends[2], struct err *e)
{
    int on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot make a socket");
    if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0)
        return 0;
    int saved = errno;
    close(ends[0]);
    close(ends[1]);
    return err_sys(e, ERR_TEMPFAIL, saved, "cannot make a socket");
}

/* A pipe for its stderr: without one it says things where we do. */
static void make_ear(struct run *r, int ends[2])
{
    ends[0] = ends[1] = -1;
    if (r->spec->hear && pipe2(ends, O_CLOEXEC) == 0)
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    r->heard = ends[0];
}

int start_pipeline(struct run *r, const sigset_t *mask, struct err *e)
{
    int ends[2] = { -1, -1 }, ear[2];
    if (guardian_start(&r->guard, r->spec->keep, r->spec->kill_after_ms, e))
        return -1;
    if (r->spec->gated && make_gate(ends, e)) {
        guardian_end(&r->guard);
        return -1;
    }
    make_ear(r, ear);
    r->shell = fork();
    if (r->shell == 0)
        become(r, ends[1], ear[1], mask);
    int saved = errno;
    if (ear[1] >= 0)
        close(ear[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    r->gate = ends[0];
    if (r->shell > 0) {
        setpgid(r->shell, r->guard.pid);
        return 0;
    }
    guardian_end(&r->guard);
    return err_sys(e, ERR_TEMPFAIL, saved, "cannot start a process");
}
