#include "dlq/segment.h"

#include "io/filelock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LOCK_PATIENCE_MS 10000

/* YYYYMMDDTHHMMSS.uuuuuuZ-PID.ndjson */
static char *new_name(const char *folder)
{
    struct timespec now;
    struct tm tm;
    char stamp[32], *path = NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!gmtime_r(&now.tv_sec, &tm) ||
        strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm) == 0)
        return NULL;
    if (asprintf(&path, "%s/%s.%06ldZ-%ld.ndjson", folder, stamp,
                 now.tv_nsec / 1000, (long)getpid()) < 0)
        return NULL;
    return path;
}

/* Between creation and lock a purge may take the empty segment away: then the
 * next one is made. */
static int create(struct segment *s, const struct target *t, struct err *e)
{
    for (;;) {
        s->path = new_name(t->path);
        if (!s->path)
            return err_nomem(e);
        s->fd = open(s->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC,
                     0640);
        if (s->fd < 0 && errno != EEXIST)
            return err_sys(e, ERR_CANTCREAT, errno, "cannot make '%s'",
                           s->path);
        if (s->fd >= 0) {
            if (filelock_wait(s->fd, s->path, LOCK_PATIENCE_MS, e))
                return -1;
            if (filelock_in_place(s->fd, s->path))
                return 0;
        }
        segment_close(s);
    }
}

static int open_shared(struct segment *s, struct err *e)
{
    s->fd =
        open(s->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    return s->fd >= 0
               ? 0
               : err_sys(e, ERR_CANTCREAT, errno, "cannot open '%s'", s->path);
}

int segment_open(struct segment *s, const struct target *t, struct err *e)
{
    *s = (struct segment){ .fd = -1, .shared = !t->directory };
    if (target_make(t, e))
        return -1;
    int r;
    if (t->directory) {
        r = create(s, t, e);
    } else {
        s->path = strdup(t->path);
        r = s->path ? open_shared(s, e) : err_nomem(e);
    }
    if (r)
        segment_close(s);
    return r;
}

/* Locks the shared file, and sees to it that the next line starts a line. */
static int enter_shared(struct segment *s, struct err *e)
{
    uint64_t cut;
    for (;;) {
        if (s->fd < 0 && open_shared(s, e))
            return -1;
        if (filelock_wait(s->fd, s->path, LOCK_PATIENCE_MS, e))
            return -1;
        if (filelock_in_place(s->fd, s->path))
            return filelock_cut_tail(s->fd, s->path, &cut, e);
        close(s->fd);
        s->fd = -1;
    }
}

/* Whole lines that fit stay, of the others nothing. */
static int append_locked(struct segment *s, struct str lines, struct err *e)
{
    off_t start = lseek(s->fd, 0, SEEK_END);
    int failure = start < 0 ? errno : 0;
    size_t done = 0;
    while (!failure && done < lines.n) {
        ssize_t n = write(s->fd, lines.p + done, lines.n - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            failure = errno;
    }
    if (!failure)
        return 0;
    const char *lf = memrchr(lines.p, '\n', done);
    off_t whole = lf ? lf + 1 - lines.p : 0;
    s->torn = start < 0 || ftruncate(s->fd, start + whole) != 0;
    return err_sys(e, ERR_IO, failure, "cannot write a dead letter to '%s'",
                   s->path);
}

int segment_append(struct segment *s, struct str lines, struct err *e)
{
    if (s->torn)
        return err_set(e, ERR_IO,
                       "cannot write a dead letter to '%s': an "
                       "earlier one is torn",
                       s->path);
    if (s->shared && enter_shared(s, e))
        return -1;
    int r = append_locked(s, lines, e);
    if (s->shared)
        flock(s->fd, LOCK_UN);
    return r;
}

int segment_sync(const struct segment *s, struct err *e)
{
    if (fsync(s->fd) != 0)
        return err_sys(e, ERR_IO, errno, "cannot sync '%s'", s->path);
    char *folder = strdup(s->path);
    if (!folder)
        return err_nomem(e);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || fsync(fd) != 0
                ? err_sys(e, ERR_IO, errno, "cannot sync the folder of '%s'",
                          s->path)
                : 0;
    if (fd >= 0)
        close(fd);
    free(folder);
    return r;
}

void segment_close(struct segment *s)
{
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    s->fd = -1;
    s->path = NULL;
}

/* 1 with the lock, 0 without, -1. */
static int try_lock(int fd, const char *path, struct err *e)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 1;
    if (errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    return err_sys(e, ERR_IO, errno, "cannot lock '%s'", path);
}

int segment_lock(const char *path, bool wait, int *fd, struct err *e)
{
    *fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot open '%s'", path);
    int r = wait ? filelock_wait(*fd, path, LOCK_PATIENCE_MS, e) + 1
                 : try_lock(*fd, path, e);
    if (wait && r == 0)
        r = -1;
    if (r == 1 && filelock_in_place(*fd, path))
        return 1;
    close(*fd);
    *fd = -1;
    return r < 0 ? -1 : 0;
}
