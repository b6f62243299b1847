/* pipesize: other sizes of pipes and writes than those a program asks for.
 *
 *     LD_PRELOAD=pipesize.so PIPE_KIB=64 WRITE_KIB=128 PROGRAM ...
 *
 * Every pipe that the program would resize gets PIPE_KIB, and a write takes at
 * most WRITE_KIB. A size that the system does not grant ends the program, so
 * that no figure stands beside a size that was not there. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long bytes(const char *name)
{
    const char *kib = getenv(name);
    return kib ? atol(kib) * 1024 : 0;
}

static int resize(int fd)
{
    long want = bytes("PIPE_KIB");
    long have = syscall(SYS_fcntl, fd, F_SETPIPE_SZ, want);
    if (have != want) {
        fprintf(stderr, "pipesize: wanted %ld bytes, have %ld\n", want, have);
        _exit(71);
    }
    return (int)have;
}

int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    long argument = va_arg(list, long);
    va_end(list);
    if (command == F_SETPIPE_SZ && bytes("PIPE_KIB") > 0)
        return resize(fd);
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

static size_t write_most(void)
{
    static long most = -1;
    if (most < 0)
        most = bytes("WRITE_KIB");
    return most > 0 ? (size_t)most : SIZE_MAX;
}

ssize_t write(int fd, const void *p, size_t n)
{
    size_t most = write_most();
    return syscall(SYS_write, fd, p, n < most ? n : most);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    struct iovec first[16];
    size_t left = write_most();
    int k = 0;
    for (; k < n && k < 16 && left > 0; k++) {
        first[k] = v[k];
        if (first[k].iov_len > left)
            first[k].iov_len = left;
        left -= first[k].iov_len;
    }
    return syscall(SYS_writev, fd, first, k);
}
