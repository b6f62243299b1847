#include "wait/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct watched {
    char *path; /* owned */
    int wd;
    unsigned round; /* in which it was named last */
};

void watch_open(struct watch *w)
{
    *w = (struct watch){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
    if (w->fd < 0)
        w->failure = errno;
}

void watch_close(struct watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->folders[i].path);
    free(w->folders);
    if (w->fd >= 0)
        close(w->fd);
    *w = (struct watch){ .fd = -1 };
}

void watch_begin(struct watch *w)
{
    w->round++;
}

static struct watched *find(struct watch *w, int wd)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->folders[i].wd == wd)
            return &w->folders[i];
    return NULL;
}

static struct watched *add(struct watch *w, const char *folder, int wd)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 8;
        struct watched *grown = realloc(w->folders, cap * sizeof(*grown));
        if (!grown)
            return NULL;
        w->folders = grown;
        w->cap = cap;
    }
    struct watched *f = &w->folders[w->n];
    *f = (struct watched){ .path = strdup(folder), .wd = wd };
    if (!f->path)
        return NULL;
    w->n++;
    return f;
}

void watch_folder(struct watch *w, const char *folder)
{
    if (w->fd < 0)
        return;
    /* Asked anew each time: a folder of the same name may be another one. */
    int wd = inotify_add_watch(
        w->fd, folder,
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_MODIFY |
            IN_ATTRIB | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
    if (wd < 0) {
        /* That it is gone again is no matter: the next look finds out. */
        if (errno != ENOENT && errno != ENOTDIR && !w->failure)
            w->failure = errno;
        return;
    }
    struct watched *f = find(w, wd);
    if (!f)
        f = add(w, folder, wd);
    if (f)
        f->round = w->round;
    else
        (void)inotify_rm_watch(w->fd, wd);
}

void watch_end(struct watch *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (w->folders[i].round == w->round) {
            w->folders[kept++] = w->folders[i];
            continue;
        }
        (void)inotify_rm_watch(w->fd, w->folders[i].wd);
        free(w->folders[i].path);
    }
    w->n = kept;
}

/* The events themselves say less than a look. */
static void drain(int fd)
{
    char events[16384];
    while (read(fd, events, sizeof(events)) > 0)
        ;
}

bool watch_sleep(struct watch *w, uint64_t ms)
{
    struct pollfd p = { w->fd, POLLIN, 0 };
    int wait = ms > INT_MAX ? INT_MAX : (int)ms;
    if (poll(&p, w->fd >= 0 ? 1 : 0, wait) <= 0 || !(p.revents & POLLIN))
        return false;
    drain(w->fd);
    return true;
}
