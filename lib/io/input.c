#include "io/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)

static void describe(struct input *in)
{
    struct stat st;
    if (fstat(in->fd, &st) != 0)
        return;
    if (S_ISREG(st.st_mode)) {
        in->size = (uint64_t)st.st_size;
        (void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else if (S_ISFIFO(st.st_mode)) {
        /* Beyond the user's allowance this fails, which does no harm. */
        (void)fcntl(in->fd, F_SETPIPE_SZ, PIPE_BYTES);
    }
}

void input_fd(struct input *in, int fd, const char *uri)
{
    *in = (struct input){ .fd = fd, .uri = uri };
    describe(in);
}

int input_open(struct input *in, const char *path, struct err *e)
{
    if (path[0] == '-' && path[1] == '\0') {
        input_fd(in, STDIN_FILENO, path);
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot open '%s'", path);
    input_fd(in, fd, path);
    in->owned = true;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        input_close(in);
        return err_set(e, ERR_NOINPUT, "cannot read '%s': is a directory",
                       path);
    }
    return 0;
}

/* Reads from fd. Whoever waits for the other end is told before. */
static ssize_t read_fd(struct input *in, void *buf, size_t n, struct err *e)
{
    for (;;) {
        if (in->idle && in->size == 0) {
            struct pollfd p = { .fd = in->fd, .events = POLLIN };
            if (poll(&p, 1, 0) == 0 && in->idle(in->ctx, e))
                return -1;
        }
        ssize_t r = read(in->fd, buf, n);
        if (r >= 0) {
            in->raw_bytes += (uint64_t)r;
            return r;
        }
        if (errno != EINTR)
            return err_sys(e, ERR_IO, errno, "cannot read '%s'",
                           strcmp(in->uri, "-") ? in->uri : "stdin");
        if (in->idle && in->idle(in->ctx, e))
            return -1;
    }
}

ssize_t input_read(struct input *in, void *buf, size_t n, struct err *e)
{
    if (in->eof)
        return 0;
    ssize_t r = read_fd(in, buf, n, e);
    if (r < 0)
        return -1;
    if (r == 0)
        in->eof = true;
    in->bytes += (uint64_t)r;
    if (in->progress && in->progress(in->ctx, e))
        return -1;
    return r;
}

void input_close(struct input *in)
{
    if (in->owned && in->fd >= 0)
        close(in->fd);
    in->fd = -1;
    in->owned = false;
}
