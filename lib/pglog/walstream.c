#include "pglog/walstream.h"

#include "pglog/pgask.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define QUEUE 4096                    /* messages */
#define QUEUE_BYTES ((size_t)8 << 20) /* and at least one */
#define ASK_MS 50
#define EPOCH_US INT64_C(946684800000000) /* 2000-01-01 */

struct queued {
    char *p; /* of libpq; NULL: alive */
    size_t n;
    uint64_t lsn;
};

struct walstream {
    PGconn *db; /* the thread's, once it runs */
    uint64_t status_ms;
    bool ask;
    int wake; /* eventfd: the thread is to look again */
    pthread_t thread;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t came;
    struct queued queue[QUEUE];
    size_t first, n, bytes;
    bool waits; /* the thread, for room */
    bool closing, over;
    struct err err; /* once over */
    uint64_t confirmed, end;

    uint64_t received; /* the thread's own */
    uint64_t told_ms, came_ms;
    bool told_any, due;
    char *taken; /* of the message that was handed out */
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- bytes ---- */

static uint64_t get64(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put64(char *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (char)(v & 0xff);
}

/* ---- the thread: what the server hears ---- */

static int send_status(struct walstream *w, bool ask, struct err *e)
{
    char m[34] = { 'r' };
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    pthread_mutex_lock(&w->lock);
    uint64_t flushed = w->confirmed;
    pthread_mutex_unlock(&w->lock);
    /* To have received less than is flushed makes no sense. */
    put64(m + 1, w->received > flushed ? w->received : flushed);
    put64(m + 9, flushed);
    put64(m + 17, flushed);
    put64(m + 25, (uint64_t)((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 -
                             EPOCH_US));
    m[33] = ask;
    if (PQputCopyData(w->db, m, sizeof(m)) < 0 || PQflush(w->db) < 0)
        return pgask_fail(w->db, NULL, e);
    w->told_ms = now_ms();
    w->due = false;
    return 0;
}

/* Whether there was nothing to read for a moment. */
static int speak(struct walstream *w, bool idle, struct err *e)
{
    uint64_t quiet = now_ms() - w->told_ms;
    bool ask = w->ask && idle && quiet >= ASK_MS;
    if (w->due || ask || quiet >= w->status_ms || !w->told_any) {
        w->told_any = true;
        return send_status(w, ask, e);
    }
    return 0;
}

/* ---- the thread: what comes ---- */

static bool is_full(const struct walstream *w)
{
    return w->n == QUEUE || (w->n > 0 && w->bytes >= QUEUE_BYTES);
}

/* p is taken. Signs of life are worth one place only. */
static void put(struct walstream *w, struct queued q, uint64_t end)
{
    pthread_mutex_lock(&w->lock);
    struct queued *last =
        w->n ? &w->queue[(w->first + w->n - 1) % QUEUE] : NULL;
    if (end > w->end)
        w->end = end;
    if (!q.p && last && !last->p) {
        *last = q;
    } else {
        w->queue[(w->first + w->n) % QUEUE] = q;
        w->n++;
        w->bytes += q.n;
    }
    pthread_cond_signal(&w->came);
    pthread_mutex_unlock(&w->lock);
}

/* 'w': place of the change, end of the log, time; then data.
 * 'k': end of what was sent, time, whether an answer is wanted. */
static int take(struct walstream *w, char *p, size_t n, struct err *e)
{
    if (n >= 25 && p[0] == 'w') {
        uint64_t lsn = get64(p + 1), end = get64(p + 9);
        w->received = lsn > w->received ? lsn : w->received;
        put(w, (struct queued){ p, n, lsn }, end);
        return 0;
    }
    bool alive = n >= 18 && p[0] == 'k';
    if (alive) {
        uint64_t end = get64(p + 1);
        w->received = end > w->received ? end : w->received;
        w->due |= p[17] != 0;
        put(w, (struct queued){ NULL, 0, end }, end);
    }
    PQfreemem(p);
    return alive ? 0
                 : err_set(e, ERR_DATA,
                           "change stream is broken: a message of a kind that "
                           "is not known");
}

/* Why the server ended the stream. */
static int fail_end(struct walstream *w, struct err *e)
{
    PGresult *r = PQgetResult(w->db);
    if (PQresultStatus(r) == PGRES_FATAL_ERROR)
        pgask_fail(w->db, r, e);
    else
        err_set(e, ERR_TEMPFAIL, "the server has ended the change stream");
    PQclear(r);
    return -1;
}

static bool may_take(struct walstream *w, bool *closing)
{
    pthread_mutex_lock(&w->lock);
    w->waits = is_full(w);
    *closing = w->closing;
    bool may = !w->waits && !w->closing;
    pthread_mutex_unlock(&w->lock);
    return may;
}

/* Takes what is there. 1 if there may be more to read, 0 if there is no room,
 * -1. */
static int receive(struct walstream *w, bool *closing, struct err *e)
{
    while (may_take(w, closing)) {
        char *p = NULL;
        int n = PQgetCopyData(w->db, &p, 1);
        if (n == 0)
            return 1;
        if (n == -1)
            return fail_end(w, e);
        if (n < 0)
            return pgask_fail(w->db, NULL, e);
        w->came_ms = now_ms();
        if (take(w, p, (size_t)n, e))
            return -1;
    }
    return 0;
}

/* Waits for the server, the other thread, or the time to speak. */
static int await(struct walstream *w, bool room, struct err *e)
{
    int unsent = PQflush(w->db);
    if (unsent < 0)
        return pgask_fail(w->db, NULL, e);
    struct pollfd p[2] = { { w->wake, POLLIN, 0 }, { PQsocket(w->db), 0, 0 } };
    p[1].events = (short)((room ? POLLIN : 0) | (unsent ? POLLOUT : 0));
    uint64_t quiet = now_ms() - w->told_ms;
    uint64_t wait = quiet < w->status_ms ? w->status_ms - quiet : 0;
    if (w->ask && wait > ASK_MS)
        wait = ASK_MS;
    /* A connection without events would be looked at for errors at once. */
    int got = poll(p, p[1].events ? 2 : 1, (int)wait);
    uint64_t count;
    if (got < 0 && errno != EINTR)
        return err_sys(e, ERR_IO, errno, "cannot wait for the server");
    if (got > 0 && p[0].revents && read(w->wake, &count, sizeof(count)) < 0 &&
        errno != EAGAIN)
        return err_sys(e, ERR_IO, errno, "cannot wait for the server");
    if (got > 0 && p[1].revents & (POLLIN | POLLERR | POLLHUP) && room &&
        !PQconsumeInput(w->db))
        return pgask_fail(w->db, NULL, e);
    return 0;
}

static int attend(struct walstream *w, struct err *e)
{
    for (;;) {
        bool closing = false;
        int room = receive(w, &closing, e);
        if (room < 0)
            return -1;
        if (closing)
            return send_status(w, false, e);
        bool idle = room && now_ms() - w->came_ms >= ASK_MS;
        if (speak(w, idle, e) || await(w, room > 0, e))
            return -1;
    }
}

static void *run(void *context)
{
    struct walstream *w = context;
    struct err e = { 0 };
    (void)attend(w, &e);
    pthread_mutex_lock(&w->lock);
    w->err = e;
    w->over = true;
    pthread_cond_signal(&w->came);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- the other side ---- */

static void wake(struct walstream *w)
{
    uint64_t one = 1;
    ssize_t n = write(w->wake, &one, sizeof(one));
    (void)n; /* a counter that is full wakes as well */
}

/* Signals are for the thread that reads what they say. */
static int start_thread(struct walstream *w, struct err *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int bad = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return bad ? err_sys(e, ERR_TEMPFAIL, bad, "cannot start a thread") : 0;
}

static struct walstream *make(const struct walstream_opts *o, struct err *e)
{
    struct walstream *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;
    if (!w) {
        err_nomem(e);
        return NULL;
    }
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake < 0) {
        err_sys(e, ERR_IO, errno, "cannot make an event");
        free(w);
        return NULL;
    }
    w->status_ms = o->status_ms;
    w->ask = o->ask;
    w->confirmed = w->received = o->confirmed;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->came, &attr);
    pthread_condattr_destroy(&attr);
    return w;
}

static void release(struct walstream *w)
{
    for (; w->n; w->n--, w->first = (w->first + 1) % QUEUE)
        PQfreemem(w->queue[w->first].p);
    PQfreemem(w->taken);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->came);
    close(w->wake);
    PQfinish(w->db);
    free(w);
}

int walstream_open(struct walstream **to, PGconn *db,
                   const struct walstream_opts *o, struct err *e)
{
    PGresult *r = NULL;
    struct walstream *w = make(o, e);
    if (!w) {
        PQfinish(db);
        return -1;
    }
    w->db = db;
    int bad = pgask(db, o->command, o->stop, &r, e);
    if (!bad && PQresultStatus(r) != PGRES_COPY_BOTH)
        bad = pgask_fail(db, r, e);
    if (!bad && PQsetnonblocking(db, 1))
        bad = pgask_fail(db, NULL, e);
    PQclear(r);
    if (bad || start_thread(w, e)) {
        release(w);
        return -1;
    }
    *to = w;
    return 0;
}

static void deadline(struct timespec *t, unsigned ms)
{
    clock_gettime(CLOCK_MONOTONIC, t);
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    t->tv_sec += ms / 1000 + t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
}

static int hand_out(struct walstream *w, struct walmsg *m)
{
    struct queued q = w->queue[w->first];
    w->first = (w->first + 1) % QUEUE;
    w->n--;
    w->bytes -= q.n;
    w->taken = q.p;
    *m = (struct walmsg){ .alive = !q.p, .lsn = q.lsn };
    m->data = q.p ? (struct str){ q.p + 25, q.n - 25 } : STR("");
    /* To wake for every message would be a system call for each. */
    return w->waits && w->n <= QUEUE / 2 && w->bytes <= QUEUE_BYTES / 2;
}

int walstream_next(struct walstream *w, struct walmsg *m, unsigned wait_ms,
                   struct err *e)
{
    struct timespec until;
    int got = 0, hungry = 0, timeout = 0;
    PQfreemem(w->taken);
    w->taken = NULL;
    pthread_mutex_lock(&w->lock);
    if (!w->n && !w->over)
        deadline(&until, wait_ms);
    while (!w->n && !w->over && !timeout)
        timeout = pthread_cond_timedwait(&w->came, &w->lock, &until);
    if (w->n) {
        hungry = hand_out(w, m);
        got = 1;
    } else if (w->over) {
        *e = w->err;
        got = -1;
    }
    if (hungry)
        w->waits = false;
    pthread_mutex_unlock(&w->lock);
    if (hungry)
        wake(w);
    return got;
}

void walstream_confirm(struct walstream *w, uint64_t lsn)
{
    pthread_mutex_lock(&w->lock);
    if (lsn > w->confirmed)
        w->confirmed = lsn;
    pthread_mutex_unlock(&w->lock);
}

uint64_t walstream_end(struct walstream *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t end = w->end;
    pthread_mutex_unlock(&w->lock);
    return end;
}

void walstream_close(struct walstream *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_mutex_unlock(&w->lock);
    wake(w);
    pthread_join(w->thread, NULL);
    release(w);
}
