/* starve: preloaded, it fails one call of the C library: the FAIL_AT-th of
 * FAIL_CALL (alloc: malloc, calloc, realloc) in the program FAIL_NAME, counted
 * on in its children, with the error FAIL_ERRNO. Then a line goes to the file
 * FAIL_LOG. Other programs get the library's own.
 *
 * A tracer could not do it: it would keep the loader from being adopted. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern pid_t __libc_fork(void);

static long left = -1; /* until the call that fails; 0: none does any more */
static const char *which;
static int error = ENOMEM;

static void begin(void)
{
    const char *name = getenv("FAIL_NAME"), *at = getenv("FAIL_AT");
    const char *no = getenv("FAIL_ERRNO");
    left = 0;
    which = getenv("FAIL_CALL");
    if (!name || !at || !which || strcmp(name, program_invocation_short_name))
        return;
    left = atol(at);
    error = no ? atoi(no) : ENOMEM;
}

static void note(void)
{
    const char *log = getenv("FAIL_LOG");
    int fd = log ? (int)syscall(SYS_openat, AT_FDCWD, log,
                                O_WRONLY | O_CREAT | O_APPEND, 0600)
                 : -1;
    if (fd < 0)
        return;
    syscall(SYS_write, fd, "failed\n", 7);
    syscall(SYS_close, fd);
}

static bool fails(const char *call)
{
    if (left < 0)
        begin();
    if (left == 0 || strcmp(call, which) != 0 || --left > 0)
        return false;
    note();
    errno = error;
    return true;
}

void *malloc(size_t n)
{
    return fails("alloc") ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails("alloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails("alloc") ? NULL : __libc_realloc(p, n);
}

pid_t fork(void)
{
    return fails("fork") ? -1 : __libc_fork();
}

static int opened(const char *path, int flags, va_list more)
{
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    return fails("open")
               ? -1
               : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int fd = opened(path, flags, more);
    va_end(more);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int fd = opened(path, flags, more);
    va_end(more);
    return fd;
}

#define FAILING(type, name, parameters, ...)                               \
    type name parameters                                                   \
    {                                                                      \
        return fails(#name) ? -1 : (type)syscall(SYS_##name, __VA_ARGS__); \
    }

FAILING(int, pipe2, (int ends[2], int flags), ends, flags)
FAILING(int, socketpair, (int family, int type, int protocol, int ends[2]),
        family, type, protocol, ends)
FAILING(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), fd, m,
        flags)
FAILING(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), fd, m, flags)
FAILING(ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t at), fd, p,
        n, at)
FAILING(int, fdatasync, (int fd), fd)
FAILING(int, unlink, (const char *path), path)
