#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)
#define DIRECT ((size_t)64 << 10) /* from so many bytes on without a copy */
#define PIPE_BYTES (1 << 20)

int output_fd(struct output *o, int fd, struct err *e)
{
    *o = (struct output){ .fd = fd, .cap = BLOCK };
    o->buf = malloc(o->cap);
    if (!o->buf)
        return err_nomem(e);
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
        (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    return 0;
}

/* "dir/name" -> "dir/.name.XXXXXX". */
static char *temp_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t n = strlen(path) + sizeof(".XXXXXX") + 1;
    char *t = malloc(n);
    if (t)
        snprintf(t, n, "%.*s.%s.XXXXXX", (int)(name - path), path, name);
    return t;
}

/* A file without a name in the folder of path: it is gone with the process,
 * however that ends. Not every file system has them. */
static int open_nameless(const char *path)
{
    char *copy = strdup(path);
    int fd = -1;
    if (copy)
        fd = open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    free(copy);
    return fd;
}

static int open_temporary(struct output *o)
{
    o->fd = open_nameless(o->path);
    o->nameless = o->fd >= 0;
    if (o->nameless || (errno != EOPNOTSUPP && errno != EISDIR))
        return o->nameless ? 0 : -1;
    o->fd = mkostemp(o->tmp, O_CLOEXEC);
    if (o->fd < 0)
        return -1;
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(o->fd, 0666 & ~mask);
}

/* Gives the nameless file the temporary name, from where it is renamed. */
static int give_name(struct output *o)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char self[64];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", o->fd);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t x = (uint64_t)now.tv_nsec * 65537 + (uint64_t)getpid();
    for (int tries = 0; tries < 100; tries++, x += 7919) {
        char *at = o->tmp + strlen(o->tmp) - 6;
        uint64_t rest = x;
        for (int i = 0; i < 6; i++, rest /= 36)
            at[i] = digits[rest % 36];
        if (linkat(AT_FDCWD, self, AT_FDCWD, o->tmp, AT_SYMLINK_FOLLOW) == 0) {
            o->nameless = false;
            return 0;
        }
        if (errno != EEXIST)
            break;
    }
    return -1;
}

static bool is_below(const char *path, const char *folder)
{
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* What cannot appear by rename: devices, FIFOs, and the names under /dev and
 * /proc that lead to open descriptors, whatever these are of. Below /dev/shm
 * are files like any others. */
static bool is_direct(const char *path)
{
    struct stat st;
    return (is_below(path, "/dev/") && !is_below(path, "/dev/shm/")) ||
           is_below(path, "/proc/") ||
           (stat(path, &st) == 0 && !S_ISREG(st.st_mode));
}

static int open_direct(struct output *o, const char *path, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, ERR_CANTCREAT, errno, "cannot write '%s'", path);
    if (output_fd(o, fd, e)) {
        close(fd);
        return -1;
    }
    o->path = strdup(path);
    return o->path ? 0 : err_nomem(e);
}

int output_file(struct output *o, const char *path, struct err *e)
{
    if (is_direct(path))
        return open_direct(o, path, e);
    /* A link stays one: the file that it leads to is replaced. */
    char *copy = realpath(path, NULL);
    if (!copy)
        copy = strdup(path);
    if (!copy)
        return err_nomem(e);
    char *tmp = temp_name(copy);
    if (!tmp || output_fd(o, -1, e)) {
        free(copy);
        free(tmp);
        return err_nomem(e);
    }
    o->path = copy;
    o->tmp = tmp;
    if (open_temporary(o)) {
        int saved = errno;
        output_close(o);
        return err_sys(e, ERR_CANTCREAT, saved, "cannot create '%s'", path);
    }
    return 0;
}

static const char *name_of(const struct output *o)
{
    if (o->path || o->name)
        return o->path ? o->path : o->name;
    return o->fd == STDOUT_FILENO ? "stdout" : "a pipe";
}

/* Writes two pieces, which may be empty, in as few calls as it takes. */
static int write_all(struct output *o, struct str first, struct str second,
                     struct err *e)
{
    struct str part[2] = { first, second };
    while (part[0].n + part[1].n) {
        /* writev reads what iovec points to, although its type has no const */
        struct iovec v[2] = {
            { (void *)(uintptr_t)part[0].p, part[0].n },
            { (void *)(uintptr_t)part[1].p, part[1].n },
        };
        int skip = part[0].n == 0;
        ssize_t w = writev(o->fd, v + skip, 2 - skip);
        if (w < 0 && errno == EINTR) {
            if (o->stop && o->stop())
                return err_set(e, ERR_TEMPFAIL, "interrupted");
            continue;
        }
        if (w < 0) {
            o->reader_gone = errno == EPIPE;
            return err_sys(e, ERR_IO, errno, "cannot write '%s'", name_of(o));
        }
        o->bytes += (uint64_t)w;
        for (int i = 0; i < 2; i++) {
            size_t n = (size_t)w < part[i].n ? (size_t)w : part[i].n;
            part[i] = (struct str){ part[i].p + n, part[i].n - n };
            w -= (ssize_t)n;
        }
    }
    return 0;
}

int output_look(struct output *o, struct err *e)
{
    struct pollfd p = { .fd = o->fd };
    if (o->path || o->fd < 0 || poll(&p, 1, 0) <= 0 || !(p.revents & POLLERR))
        return 0;
    o->reader_gone = true;
    return err_sys(e, ERR_IO, EPIPE, "cannot write '%s'", name_of(o));
}

int output_flush(struct output *o, struct err *e)
{
    struct str buffered = { o->buf, o->n };
    o->n = 0;
    return write_all(o, buffered, STR(""), e);
}

int output_write(struct output *o, struct str s, struct err *e)
{
    if (s.n >= DIRECT || o->cap - o->n < s.n) {
        struct str buffered = { o->buf, o->n };
        o->n = 0;
        if (s.n >= DIRECT)
            return write_all(o, buffered, s, e);
        if (write_all(o, buffered, STR(""), e))
            return -1;
    }
    if (s.n)
        memcpy(o->buf + o->n, s.p, s.n);
    o->n += s.n;
    return 0;
}

static int sync_folder(const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy)
        return err_nomem(e);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd >= 0 ? fsync(fd) : -1;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    free(copy);
    /* Some file systems refuse fsync on a folder; that is not a lost write. */
    if (r != 0 && saved != EINVAL && saved != EACCES)
        return err_sys(e, ERR_IO, saved, "cannot sync the folder of '%s'",
                       path);
    return 0;
}

int output_commit(struct output *o, struct err *e)
{
    if (output_flush(o, e))
        return -1;
    if (!o->tmp)
        return 0;
    if (fsync(o->fd) != 0)
        return err_sys(e, ERR_IO, errno, "cannot sync '%s'", o->path);
    if (o->nameless && give_name(o))
        return err_sys(e, ERR_CANTCREAT, errno, "cannot name '%s'", o->path);
    int fd = o->fd;
    o->fd = -1;
    if (close(fd) != 0)
        return err_sys(e, ERR_IO, errno, "cannot close '%s'", o->path);
    if (rename(o->tmp, o->path) != 0)
        return err_sys(e, ERR_CANTCREAT, errno, "cannot rename to '%s'",
                       o->path);
    free(o->tmp);
    o->tmp = NULL;
    return sync_folder(o->path, e);
}

void output_close(struct output *o)
{
    if (o->fd > STDERR_FILENO)
        close(o->fd);
    if (o->tmp && !o->nameless)
        (void)unlink(o->tmp);
    free(o->tmp);
    free(o->path);
    free(o->buf);
    *o = (struct output){ .fd = -1 };
}
