#include "io/mark.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* The permission bits of the pipe's inode. A fresh pipe has 0600. */
enum {
    BITS_RUN = 0700,
    BITS_RUN_GROUP = 0610,
    BITS_OK = 0710,
    BITS_UNVERIFIED = 0701,
    BITS_GROUP = 0611,
    BITS_FAIL = 0711
};

#define PIPEFS_MAGIC 0x50495045
#define SHELL_HOLDS_MS 50

static bool is_anonymous_pipe(int fd, struct stat *st)
{
    struct statfs fs;
    return fstat(fd, st) == 0 && S_ISFIFO(st->st_mode) &&
           fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

static void stamp(int fd, uint64_t seconds, uint32_t nanos)
{
    struct timespec t[2] = { { 0, UTIME_OMIT },
                             { (time_t)seconds, (long)nanos } };
    (void)futimens(fd, t);
}

/* A check on the byte total, so that a time set by somebody else is not taken
 * for ours (splitmix64, Steele et al. 2014). */
static uint32_t total_check(uint64_t bytes)
{
    uint64_t z = bytes + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % 1000000000u);
}

/* With what the parent may write to the pipe: the lowest matching descriptor,
 * -1 for none, -2 if it cannot be seen. */
static int parent_holds(pid_t parent, const struct stat *pipe)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)parent);
    DIR *d = opendir(path);
    if (!d)
        return -2;
    int found = -1;
    struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        struct stat st, link;
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) != 0)
            continue;
        /* The link's mode tells how the descriptor was opened: a parent that
         * reads from the pipe adds nothing to it. */
        if (fstatat(dirfd(d), e->d_name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
            !(link.st_mode & S_IWUSR))
            continue;
        if (st.st_dev == pipe->st_dev && st.st_ino == pipe->st_ino) {
            int fd = atoi(e->d_name);
            if (found < 0 || fd == 1)
                found = fd;
        }
    }
    closedir(d);
    return found;
}

/* True if others than this process may write to the pipe: the parent is a
 * shell group, loop or function that owns it, or cannot be asked. A shell that
 * starts a plain pipeline holds the pipe for a moment after fork, but never as
 * its own stdout. */
static bool is_shared(const struct stat *pipe)
{
    pid_t parent = getppid();
    if (parent <= 0 || getsid(parent) != getsid(0))
        return true; /* adopted: the process that started us is gone */
    for (int ms = 0;; ms++) {
        int fd = parent_holds(parent, pipe);
        if (fd == -1)
            return getppid() != parent;
        if (fd == -2 || fd == 1 || ms == SHELL_HOLDS_MS)
            return true;
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
}

static int begin(struct mark *m, int fd, bool look_at_parent)
{
    struct stat st;
    *m = (struct mark){ .fd = -1 };
    if (!is_anonymous_pipe(fd, &st))
        return 0;
    m->fd = fd;
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            mark_fail(m, 64);
            /* Again, should the other have been about to set its first. */
            nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
            (void)fchmod(fd, BITS_FAIL);
            return -1;
        }
        m->group = true; /* no lock, no proof of being alone */
    }
    if (fstat(fd, &st) != 0)
        return 0;
    switch (st.st_mode & 0777) {
    case BITS_RUN:
    case BITS_RUN_GROUP:
        mark_fail(m, 75); /* a predecessor died */
        return 0;
    case BITS_FAIL:
        m->failed = true; /* sticky: its cause stays */
        return 0;
    case BITS_OK:
    case BITS_UNVERIFIED:
    case BITS_GROUP:
        m->group = true; /* a predecessor ended well: we are one of several */
        break;
    default: break;
    }
    /* The doubtful mark first: a death while the parent is looked at must show,
     * and a reader must not trust bytes of somebody before us. */
    if (fchmod(fd, BITS_RUN_GROUP) != 0) {
        m->fd = -1;
        return 0;
    }
    if (look_at_parent && !m->group)
        m->group = is_shared(&st);
    if (!m->group)
        (void)fchmod(fd, BITS_RUN);
    return 0;
}

int mark_begin(struct mark *m, int fd)
{
    return begin(m, fd, true);
}

int mark_begin_own(struct mark *m, int fd)
{
    return begin(m, fd, false);
}

void mark_ok(struct mark *m, enum mark_end how, uint64_t bytes)
{
    struct stat st;
    if (m->fd < 0 || m->failed || fstat(m->fd, &st) != 0)
        return;
    if ((st.st_mode & 0777) == BITS_FAIL) {
        m->failed = true; /* a second writer was here: sticky */
        return;
    }
    stamp(m->fd, bytes, total_check(bytes));
    (void)fchmod(m->fd, m->group                 ? BITS_GROUP
                        : how == MARK_UNVERIFIED ? BITS_UNVERIFIED
                                                 : BITS_OK);
}

void mark_fail(struct mark *m, int exit_code)
{
    if (m->fd < 0 || m->failed)
        return;
    m->failed = true;
    stamp(m->fd, (uint64_t)exit_code, 0);
    (void)fchmod(m->fd, BITS_FAIL);
}

bool mark_trusted(int fd)
{
    struct stat st;
    if (!is_anonymous_pipe(fd, &st))
        return false;
    mode_t bits = st.st_mode & 0777;
    return bits == BITS_RUN || bits == BITS_OK;
}

bool mark_present(int fd)
{
    struct stat st;
    if (!is_anonymous_pipe(fd, &st))
        return false;
    switch (st.st_mode & 0777) {
    case BITS_RUN:
    case BITS_RUN_GROUP:
    case BITS_OK:
    case BITS_UNVERIFIED:
    case BITS_GROUP:
    case BITS_FAIL: return true;
    default: return false;
    }
}

enum verdict mark_judge_early(int fd, int *cause)
{
    struct stat st;
    *cause = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return VERDICT_CLEAN;
    if (!is_anonymous_pipe(fd, &st))
        return VERDICT_UNKNOWN;
    switch (st.st_mode & 0777) {
    case BITS_RUN:
    case BITS_OK: return VERDICT_CLEAN;
    case BITS_FAIL:
        *cause = (int)(st.st_mtim.tv_sec & 0xff);
        return VERDICT_FAILED;
    default: return VERDICT_UNKNOWN;
    }
}

enum verdict mark_judge(int fd, uint64_t bytes, int *cause)
{
    struct stat st;
    *cause = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return VERDICT_CLEAN;
    if (!is_anonymous_pipe(fd, &st))
        return VERDICT_UNKNOWN;
    bool whole = (uint64_t)st.st_mtim.tv_sec == bytes &&
                 (uint64_t)st.st_mtim.tv_nsec == total_check(bytes);
    switch (st.st_mode & 0777) {
    case BITS_RUN:
    case BITS_RUN_GROUP: return VERDICT_DIED;
    case BITS_FAIL:
        *cause = (int)(st.st_mtim.tv_sec & 0xff);
        return VERDICT_FAILED;
    case BITS_OK: return whole ? VERDICT_CLEAN : VERDICT_MIXED;
    case BITS_UNVERIFIED: return whole ? VERDICT_UNKNOWN : VERDICT_MIXED;
    default: return VERDICT_UNKNOWN;
    }
}
