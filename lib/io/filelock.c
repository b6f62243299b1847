#include "io/filelock.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TAIL_BLOCK 65536

int filelock_wait(int fd, const char *path, int patience_ms, struct err *e)
{
    for (int waited_ms = 0, nap_ms = 1;; waited_ms += nap_ms) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "cannot lock '%s'", path);
        if (waited_ms > patience_ms)
            return err_set(e, ERR_TEMPFAIL,
                           "cannot lock '%s': another process holds it", path);
        nap_ms = nap_ms < 32 ? nap_ms * 2 : nap_ms;
        struct timespec nap = { 0, nap_ms * 1000000L };
        nanosleep(&nap, NULL);
    }
}

bool filelock_in_place(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

/* Sets *whole to the offset behind the last LF of the first `size` bytes. */
static int find_last_line(int fd, off_t size, off_t *whole)
{
    char block[TAIL_BLOCK];
    while (size > 0) {
        size_t n = size < TAIL_BLOCK ? (size_t)size : TAIL_BLOCK;
        ssize_t got = pread(fd, block, n, size - (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)n)
            return -1;
        const char *lf = memrchr(block, '\n', n);
        if (lf) {
            *whole = size - (off_t)n + (lf - block) + 1;
            return 0;
        }
        size -= (off_t)n;
    }
    *whole = 0;
    return 0;
}

int filelock_cut_tail(int fd, const char *path, uint64_t *cut, struct err *e)
{
    char last;
    off_t size = lseek(fd, 0, SEEK_END), whole;
    *cut = 0;
    if (size == 0 ||
        (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last == '\n'))
        return 0;
    if (size < 0 || find_last_line(fd, size, &whole))
        return err_sys(e, ERR_IO, errno, "cannot read '%s'", path);
    if (ftruncate(fd, whole) != 0)
        return err_sys(e, ERR_IO, errno, "cannot cut the torn end of '%s'",
                       path);
    *cut = (uint64_t)(size - whole);
    return 0;
}
