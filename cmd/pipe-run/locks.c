#include "locks.h"

#include "run/clock.h"
#include "run/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATE_LOCK_ENV "PIPE_DATE_LOCK"
#define DATE_LOCK_FD 80 /* clear of the numbers that scripts use */

/* ---- one lock */

static int take(struct locks *l, struct stage *st, const char *path,
                uint64_t wait_ms, int *fd)
{
    struct buf holder = { .max = 4096 };
    char text[200];
    *fd = state_lock(path, wait_ms, stage_stopping, &holder, &st->err);
    if (*fd >= 0) {
        snprintf(text, sizeof(text), "pid %d, run %.130s\n", (int)getpid(),
                 st->run_id);
        state_lock_sign(*fd, text);
    } else if (*fd == -2) {
        struct str who = buf_str(&holder);
        while (who.n && who.p[who.n - 1] == '\n')
            who.n--;
        err_set(&st->err, ERR_TEMPFAIL,
                "lock '%s' is held by another run (%.*s): nothing was run",
                strrchr(path, '/') + 1, STR_ARG(who));
        *fd = -1;
        l->busy = true;
    }
    buf_free(&holder);
    return *fd < 0 ? -1 : 0;
}

/* ---- the date's */

/* Did who started us leave this very lock open? */
static bool is_handed_down(const char *path)
{
    const char *text = getenv(DATE_LOCK_ENV);
    struct stat ours, there;
    char *end;
    if (!text || !*text)
        return false;
    long fd = strtol(text, &end, 10);
    return *end == '\0' && fd > 2 && fd <= 1000000 &&
           fstat((int)fd, &ours) == 0 && lstat(path, &there) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev &&
           flock((int)fd, LOCK_EX | LOCK_NB) == 0;
}

/* Opens the descriptor to what will be started. */
static int hand_down(struct locks *l, struct stage *st)
{
    char text[16];
    int high = fcntl(l->dated, F_DUPFD, DATE_LOCK_FD);
    if (high < 0) /* a low limit */
        high = fcntl(l->dated, F_DUPFD, 10);
    if (high < 0)
        return err_sys(&st->err, ERR_TEMPFAIL, errno,
                       "cannot duplicate a descriptor");
    close(l->dated);
    l->dated = high;
    snprintf(text, sizeof(text), "%d", high);
    return setenv(DATE_LOCK_ENV, text, 1) ? err_nomem(&st->err) : 0;
}

static int take_dated(struct locks *l, struct stage *st, uint64_t wait_ms)
{
    if (is_handed_down(l->path.p)) {
        buf_free(&l->path); /* whose it is removes it */
        return 0;
    }
    return take(l, st, l->path.p, wait_ms, &l->dated) || hand_down(l, st) ? -1
                                                                          : 0;
}

/* ---- both */

int locks_take(struct locks *l, struct stage *st, const char *folder,
               const char *named, const char *dated, uint64_t wait_ms)
{
    struct buf path = { .max = 65536 };
    int64_t until = clock_ms() + (int64_t)wait_ms;
    l->path.max = 65536;
    buf_addf(&path, "%s/%s", folder, named);
    buf_addf(&l->path, "%s/%s", folder, dated);
    int r = buf_z(&path) && buf_z(&l->path) ? 0 : err_nomem(&st->err);
    bool one = strcmp(named, dated) == 0; /* --lock 'orders-{date}' */
    if (r == 0 && *named && !one)
        r = take(l, st, path.p, wait_ms, &l->named);
    int64_t left = until - clock_ms();
    if (r == 0 && *dated)
        r = take_dated(l, st, left > 0 ? (uint64_t)left : 0);
    buf_free(&path);
    return r;
}

void locks_free(struct locks *l)
{
    /* Dates are many. Who waits for the file sees that it is another one. */
    if (l->dated >= 0 && l->path.n)
        unlink(l->path.p);
    if (l->dated >= 0)
        close(l->dated);
    if (l->named >= 0)
        close(l->named);
    buf_free(&l->path);
}
