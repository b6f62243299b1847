#include "run/state.h"

#include "io/filelock.h"
#include "io/output.h"
#include "run/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRY_EVERY_MS 50

int state_folder(const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy)
        return err_nomem(e);
    int r = 0;
    for (char *p = copy + 1; r == 0; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            r = err_sys(e, ERR_CANTCREAT, errno, "cannot create '%s'", copy);
        *p = kept;
        if (kept == '\0')
            break;
    }
    struct stat st;
    if (r == 0 && stat(copy, &st) != 0)
        r = err_sys(e, ERR_CANTCREAT, errno, "cannot create '%s'", path);
    else if (r == 0 && !S_ISDIR(st.st_mode))
        r = err_sys(e, ERR_CANTCREAT, ENOTDIR, "cannot create '%s'", path);
    free(copy);
    return r;
}

/* ---- locks */

static void read_holder(int fd, struct buf *holder)
{
    char text[200];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n > 0)
        buf_add(holder, text, (size_t)n);
}

static int open_lock(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int lock_failed(const char *path, struct err *e)
{
    return err_sys(e, ERR_CANTCREAT, errno, "cannot open the lock '%s'", path);
}

static bool is_still_there(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

int state_lock(const char *path, uint64_t wait_ms, bool (*stop)(void),
               struct buf *holder, struct err *e)
{
    int64_t until = clock_ms() + (int64_t)wait_ms;
    int fd = open_lock(path);
    if (fd < 0)
        return lock_failed(path, e);
    for (;;) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (is_still_there(fd, path))
                return fd;
            close(fd); /* who had it has removed it */
            if ((fd = open_lock(path)) < 0)
                return lock_failed(path, e);
            continue;
        }
        int saved = errno;
        if (saved != EWOULDBLOCK && saved != EINTR) {
            close(fd);
            return err_sys(e, ERR_IO, saved, "cannot lock '%s'", path);
        }
        if ((stop && stop()) || clock_ms() >= until)
            break;
        nanosleep(&(struct timespec){ 0, TRY_EVERY_MS * 1000000 }, NULL);
    }
    if (holder)
        read_holder(fd, holder);
    close(fd);
    return -2;
}

void state_lock_sign(int fd, const char *text)
{
    ssize_t n = pwrite(fd, text, strlen(text), 0);
    if (n > 0)
        (void)!ftruncate(fd, n);
}

/* ---- files */

int state_read(const char *path, size_t max, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot open '%s'", path);
    char block[8192];
    ssize_t n;
    int r = 1;
    while (r == 1 && (n = read(fd, block, sizeof(block))) != 0) {
        if (n < 0 && errno != EINTR)
            r = err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
        else if (n > 0 && out->n + (size_t)n > max)
            r = err_set(e, ERR_CONFIG, "'%s' is too large", path);
        else if (n > 0 && buf_add(out, block, (size_t)n))
            r = err_nomem(e);
    }
    close(fd);
    return r;
}

int state_write(const char *path, struct str text, struct err *e)
{
    struct output o;
    if (output_file(&o, path, e))
        return -1;
    int r = output_write(&o, text, e) || output_commit(&o, e) ? -1 : 0;
    output_close(&o);
    return r;
}

/* With the file locked. */
static int append_locked(int fd, struct str text)
{
    off_t end = lseek(fd, 0, SEEK_END);
    char last = '\n';
    if (end < 0 || (end > 0 && pread(fd, &last, 1, end - 1) != 1))
        return -1;
    if (last != '\n' && write(fd, "\n", 1) != 1)
        return -1;
    ssize_t n = write(fd, text.p, text.n);
    if (n == (ssize_t)text.n)
        return fdatasync(fd);
    int saved = n < 0 ? errno : ENOSPC;
    (void)!ftruncate(fd, end); /* no half line where it can be helped */
    errno = saved;
    return -1;
}

/* Opens the file and locks it; where it was replaced meanwhile, the new one. */
static int open_locked(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        int r = fd < 0 ? -1 : 0;
        while (r == 0 && flock(fd, LOCK_EX) != 0)
            r = errno == EINTR ? 0 : -1;
        if (r == 0 && filelock_in_place(fd, path))
            return fd;
        int saved = errno;
        if (fd >= 0)
            close(fd);
        errno = saved;
        if (r)
            return -1;
    }
}

int state_append(const char *path, struct str line, struct err *e)
{
    struct buf b = { .max = line.n + 2 };
    buf_add_str(&b, line);
    if (buf_addc(&b, '\n')) {
        buf_free(&b);
        return err_nomem(e);
    }
    int fd = open_locked(path);
    int r = fd < 0 ? -1 : append_locked(fd, buf_str(&b));
    if (r)
        err_sys(e, ERR_IO, errno, "cannot append to '%s'", path);
    if (fd >= 0)
        close(fd);
    buf_free(&b);
    return r;
}

int state_remove(const char *path)
{
    char *roots[] = { (char *)(uintptr_t)path, NULL };
    FTS *t = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    FTSENT *f;
    int r = t ? 0 : -1;
    while (t && (f = fts_read(t)) != NULL)
        if ((f->fts_info == FTS_DP  ? rmdir(f->fts_accpath)
             : f->fts_info == FTS_D ? 0
                                    : unlink(f->fts_accpath)) != 0)
            r = -1;
    if (t)
        fts_close(t);
    return r;
}
