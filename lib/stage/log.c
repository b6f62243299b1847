/* What a stage says, kept in the log of the run; its place in a trace; and the
 * stderr that pipe-run has set aside for stages of ours. */
#include "io/output.h"
#include "stage/private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_BYTES_MAX ((off_t)64 << 20)
#define LOG_NAME "log.ndjson"

/* pipe-run listens to stderr, to keep what programs of other makers say. Ours
 * keep that themselves, and have the terminal, or whatever it was, back. */
void log_restore_stderr(void)
{
    const char *text = getenv(STAGE_STDERR_ENV);
    uintmax_t ours, theirs;
    struct stat a, b;
    int fd, n = 0;
    if (!text || sscanf(text, "%d:%ju:%ju%n", &fd, &ours, &theirs, &n) != 3 ||
        text[n] != '\0' || fd <= STDERR_FILENO || fstat(fd, &a) != 0 ||
        a.st_ino != ours)
        return;
    if (fstat(STDERR_FILENO, &b) == 0 && S_ISFIFO(b.st_mode) &&
        b.st_ino == theirs)
        (void)dup2(fd, STDERR_FILENO);
    close(fd);
}

/* ---- the run's log */

void stage_log_to(struct stage *st, const char *run_dir)
{
    char path[4200];
    struct stage_private *p = st->priv;
    int n = snprintf(path, sizeof(path), "%s/" LOG_NAME, run_dir);
    if (p->log > STDERR_FILENO)
        close(p->log);
    p->log = -1;
    if (run_dir[0] != '/' || n < 0 || (size_t)n >= sizeof(path))
        return;
    int fd = open(path,
                  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
                      O_NONBLOCK,
                  0600);
    struct stat s;
    if (fd >= 0 && (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))) {
        close(fd);
        fd = -1;
    }
    p->log = fd;
}

void log_open(struct stage *st)
{
    const char *run_dir = getenv("PIPE_RUN_DIR");
    st->priv->log = -1;
    if (run_dir && *run_dir)
        stage_log_to(st, run_dir);
}

/* Never a failure of the run. A log that is full gets no more. */
void log_line(struct stage *st, struct str line)
{
    struct stat s;
    int fd = st->priv->log;
    if (fd < 0 || fstat(fd, &s) != 0 || s.st_size > LOG_BYTES_MAX)
        return;
    ssize_t ignored = write(fd, line.p, line.n);
    (void)ignored;
}

void log_close(struct stage *st)
{
    if (st->priv->log > STDERR_FILENO)
        close(st->priv->log);
    st->priv->log = -1;
}

/* ---- the trace */

static void pass_trace_on(const struct trace *t)
{
    char text[TRACE_TEXT];
    trace_format(t, text);
    (void)setenv(TRACE_ENV, text, 1);
}

void log_join_trace(struct stage *st)
{
    const char *parent = getenv(TRACE_ENV);
    if (parent && trace_join(&st->priv->trace, str_of(parent)))
        pass_trace_on(&st->priv->trace);
}

const char *stage_trace(struct stage *st, bool begin)
{
    struct trace *t = &st->priv->trace;
    if (!t->id[0] && begin) {
        trace_begin(t);
        pass_trace_on(t);
    }
    return t->id[0] ? t->id : NULL;
}
