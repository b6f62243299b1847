#include "unit.h"

#include "io/mark.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static enum verdict judge(int fd, uint64_t bytes, int want_cause)
{
    int cause;
    enum verdict v = mark_judge(fd, bytes, &cause);
    CHECK(cause == want_cause);
    return v;
}

TEST("a writer that ends well is clean, with its own count only")
{
    int p[2];
    struct mark m;
    CHECK(pipe(p) == 0);
    CHECK(judge(p[0], 0, 0) == VERDICT_UNKNOWN);
    CHECK(mark_begin_own(&m, p[1]) == 0);
    CHECK(mark_trusted(p[0]));
    CHECK(judge(p[0], 0, 0) == VERDICT_DIED);
    mark_ok(&m, MARK_OK, 1234567890123);
    close(p[1]);
    CHECK(judge(p[0], 1234567890123, 0) == VERDICT_CLEAN);
    CHECK(judge(p[0], 1234567890122, 0) == VERDICT_MIXED);
    CHECK(mark_trusted(p[0]));
    close(p[0]);
}

TEST("a pipe that was marked in whatever way is told from one that was not")
{
    int p[2];
    struct mark m;
    CHECK(pipe(p) == 0);
    CHECK(!mark_present(p[0]));
    CHECK(mark_begin_own(&m, p[1]) == 0);
    CHECK(mark_present(p[0]));
    mark_ok(&m, MARK_UNVERIFIED, 0);
    CHECK(mark_present(p[0]) && !mark_trusted(p[0]));
    mark_fail(&m, 65);
    CHECK(mark_present(p[0]));
    close(p[0]);
    close(p[1]);
    CHECK(!mark_present(p[0]));
}

TEST("a failure keeps its exit code and is sticky")
{
    int p[2];
    struct mark m, again;
    CHECK(pipe(p) == 0);
    mark_begin_own(&m, p[1]);
    mark_fail(&m, 65);
    mark_ok(&m, MARK_OK, 0);
    CHECK(judge(p[0], 0, 65) == VERDICT_FAILED);
    CHECK(mark_begin_own(&again, p[1]) == 0);
    mark_ok(&again, MARK_OK, 0);
    CHECK(judge(p[0], 0, 65) == VERDICT_FAILED);
    CHECK(!mark_trusted(p[0]));
    close(p[0]);
    close(p[1]);
}

TEST("behind a predecessor that died a second writer cannot end well")
{
    int p[2];
    struct mark m;
    CHECK(pipe(p) == 0);
    mark_begin_own(&m, p[1]);
    CHECK(mark_begin_own(&m, p[1]) == 0);
    mark_ok(&m, MARK_OK, 0);
    CHECK(judge(p[0], 0, 75) == VERDICT_FAILED);
    close(p[0]);
    close(p[1]);
}

TEST("a second writer of ours beside a living one is told, and both fail")
{
    int p[2], status;
    struct mark m;
    CHECK(pipe(p) == 0);
    CHECK(mark_begin_own(&m, p[1]) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct mark other;
        _exit(mark_begin_own(&other, p[1]) == -1 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    CHECK(status == 0);
    CHECK(judge(p[0], 0, 64) == VERDICT_FAILED);
    close(p[0]);
    close(p[1]);
}

TEST("unverified input and shell groups end as unknown")
{
    int p[2];
    struct mark m;
    CHECK(pipe(p) == 0);
    mark_begin_own(&m, p[1]);
    mark_ok(&m, MARK_UNVERIFIED, 5);
    CHECK(judge(p[0], 5, 0) == VERDICT_UNKNOWN);
    CHECK(judge(p[0], 6, 0) == VERDICT_MIXED);
    CHECK(!mark_trusted(p[0]));
    close(p[0]);
    close(p[1]);
    CHECK(pipe(p) == 0);
    pid_t pid = fork(); /* its parent, we, holds the pipe: a group */
    if (pid == 0) {
        mark_begin(&m, p[1]);
        mark_ok(&m, MARK_OK, 5);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    CHECK(judge(p[0], 5, 0) == VERDICT_UNKNOWN);
    close(p[0]);
    close(p[1]);
}

TEST("a named FIFO is never marked")
{
    char name[] = "/tmp/unit-mark.XXXXXX";
    CHECK(mkdtemp(name) != NULL);
    char fifo[64];
    struct mark m;
    struct stat before, after;
    snprintf(fifo, sizeof(fifo), "%s/f", name);
    CHECK(mkfifo(fifo, 0600) == 0);
    int fd = open(fifo, O_RDWR);
    fstat(fd, &before);
    CHECK(mark_begin(&m, fd) == 0);
    mark_ok(&m, MARK_OK, 0);
    fstat(fd, &after);
    CHECK(before.st_mode == after.st_mode);
    CHECK(judge(fd, 0, 0) == VERDICT_UNKNOWN);
    close(fd);
    unlink(fifo);
    rmdir(name);
}

UNIT_MAIN
