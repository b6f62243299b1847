/* Programs that a replay starts. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What went wrong in the child before the program ran. */
struct failure {
    int error;
    bool folder;
};

static void apply_env(char *const *env)
{
    for (; env && *env; env++) {
        const char *eq = strchr(*env, '=');
        if (eq)
            putenv(*env);
        else
            unsetenv(*env);
    }
}

static void become(const struct process_spec *s, int report)
{
    struct failure f = { 0, false };
    /* Handlers fall back by themselves; what is ignored would stay so. */
    signal(SIGPIPE, SIG_DFL);
    if (s->foreground) {
        signal(SIGINT, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
    }
    bool kept = true;
    for (int i = 0; i < 3; i++)
        kept = kept && (s->keep[i] < 0 || fcntl(s->keep[i], F_SETFD, 0) == 0);
    if (!kept || (s->in >= 0 && dup2(s->in, STDIN_FILENO) < 0) ||
        (s->out >= 0 && dup2(s->out, STDOUT_FILENO) < 0)) {
        f.error = errno;
    } else if (s->cwd && chdir(s->cwd) != 0) {
        f = (struct failure){ errno, true };
    } else {
        apply_env(s->env[0]);
        apply_env(s->env[1]);
        execvp(s->path, s->argv);
        f.error = errno;
    }
    ssize_t ignored = write(report, &f, sizeof(f));
    (void)ignored;
    _exit(127);
}

pid_t process_start(const struct process_spec *s, struct err *e)
{
    struct failure f;
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return err_sys(e, ERR_TEMPFAIL, errno, "cannot start '%s'", s->path);
    pid_t pid = fork();
    if (pid == 0)
        become(s, report[1]);
    int saved = errno;
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return err_sys(e, ERR_TEMPFAIL, saved, "cannot start '%s'", s->path);
    }
    ssize_t n;
    while ((n = read(report[0], &f, sizeof(f))) < 0 && errno == EINTR)
        ;
    close(report[0]);
    if (n != (ssize_t)sizeof(f))
        return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (f.folder)
        return err_sys(e, ERR_NOINPUT, f.error,
                       "cannot enter '%s', where the stage ran", s->cwd);
    return err_sys(e, ERR_UNAVAILABLE, f.error, "cannot start '%s'", s->path);
}

int process_wait(struct stage *st, pid_t pid)
{
    int status;
    bool told = false;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return ERR_BUG;
        if (stage_stopping() && !told) {
            kill(pid, SIGTERM);
            told = true;
        }
        (void)stage_tick(st);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int process_tempfile(struct err *e)
{
    const char *folder = getenv("TMPDIR");
    folder = folder && *folder ? folder : "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* not every file system has unnamed files */
        struct buf path = { .max = 65536 };
        buf_addf(&path, "%s/pipe-dlq.XXXXXX", folder);
        if (!buf_z(&path)) {
            buf_free(&path);
            return err_nomem(e);
        }
        fd = mkostemp(path.p, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink(path.p);
        buf_free(&path);
    }
    if (fd < 0)
        return err_sys(e, ERR_CANTCREAT, errno,
                       "cannot make a temporary file in '%s'", folder);
    /* Clear of the numbers that scripts use for themselves. */
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    if (high < 0)
        return fd;
    close(fd);
    return high;
}
