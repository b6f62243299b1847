#include "observe/eventlog.h"

#include "io/filelock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens the file and, if it is a regular one, locks it and cuts a torn end. */
static int open_log(const char *path, bool *regular, struct err *e)
{
    uint64_t cut;
    for (;;) {
        struct stat st;
        int fd = open(path,
                      O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY |
                          O_NONBLOCK,
                      0644);
        if (fd < 0)
            return err_sys(e, ERR_CANTCREAT, errno, "cannot open '%s'", path);
        *regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
        if (!*regular)
            return fd;
        bool locked = filelock_wait(fd, path, EVENTLOG_PATIENCE_MS, e) == 0;
        if (locked && filelock_in_place(fd, path)) {
            if (filelock_cut_tail(fd, path, &cut, e) == 0)
                return fd;
            locked = false;
        }
        close(fd);
        if (!locked)
            return -1;
    }
}

int eventlog_append(const char *path, struct str line, struct err *e)
{
    bool regular;
    int failure = 0, fd = open_log(path, &regular, e);
    if (fd < 0)
        return -1;
    off_t start = regular ? lseek(fd, 0, SEEK_END) : 0;
    for (size_t done = 0; !failure && done < line.n;) {
        ssize_t n = write(fd, line.p + done, line.n - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            failure = errno;
    }
    if (failure && regular && start >= 0)
        failure = ftruncate(fd, start) == 0 ? failure : errno;
    close(fd);
    return failure ? err_sys(e, ERR_IO, failure, "cannot write '%s'", path) : 0;
}
