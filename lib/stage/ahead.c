/* ahead: a thread that reads the stream and scans it while the stage works on
 * what came before.
 *
 * It loads the readers of a small ring in turn. The stage takes lines out of
 * them in order, gives each back when it asks for the next, and judges lines
 * by itself as ever: all that leaves the stage comes from its own thread. */
#include "stage/private.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* One is worked on, one lies ready, one is being loaded. */
#define RING 3

/* Files from this size on, in bytes, are worth the thread. */
#define WORTH ((uint64_t)4 << 20)

/* What reading and inflating need, with room to spare; by default it would be
 * 8 MiB, which count against a limit of memory. */
#define STACK ((size_t)512 << 10)

struct slot {
    struct reader reader;
    uint64_t bytes, raw_bytes; /* of the input, up to here */
    bool failed;               /* to read on, as err says */
    struct err err;
};

struct ahead {
    struct stage *st;
    struct input in; /* the thread's own; the stage's has the hooks, and counts
                        what it has taken */
    struct slot ring[RING];
    uint64_t head;             /* slots given back; the stage's */
    atomic_uint_fast64_t tail; /* slots loaded */
    atomic_uint waits;         /* how often the input had nothing more */
    unsigned told;             /* of these the stage has been told */
    atomic_bool quit, ended;
    /* Posted for each loaded slot and each wait; for each slot given back. A
     * signal's handler ends a wait for one, as it would end a read. */
    sem_t events, room;
    pthread_t thread;
    bool started;
};

/* ---- the thread ---- */

/* The input has nothing more for now, or a signal came, which may be ours. */
static int on_wait(void *ctx, struct err *e)
{
    struct ahead *a = ctx;
    atomic_fetch_add(&a->waits, 1);
    sem_post(&a->events);
    return atomic_load(&a->quit) ? err_set(e, ERR_TEMPFAIL, "interrupted") : 0;
}

/* Loads s, behind where open stands: 1, 0 at the end, -1. */
static int load(struct ahead *a, struct slot *s, bool first, struct str *open,
                uint64_t *offset)
{
    int r = first ? 0 : reader_begin(&s->reader, *open, *offset, &s->err);
    if (r == 0)
        r = reader_load(&s->reader, &s->err);
    s->failed = r != 0;
    s->bytes = a->in.bytes;
    s->raw_bytes = a->in.raw_bytes;
    if (r)
        return -1;
    *open = reader_open(&s->reader, offset);
    return !s->reader.eof;
}

static void *read_all(void *arg)
{
    struct ahead *a = arg;
    struct str open = { 0 };
    uint64_t offset = 0, tail = 0;
    int r = 1;
    while (r > 0) {
        while (sem_wait(&a->room) && errno == EINTR)
            ;
        if (atomic_load(&a->quit))
            break;
        r = load(a, &a->ring[tail % RING], tail == 0, &open, &offset);
        atomic_store_explicit(&a->tail, ++tail, memory_order_release);
        sem_post(&a->events);
    }
    atomic_store(&a->ended, true);
    return NULL;
}

/* ---- the stage ---- */

/* Waits for the next slot. Before it waits for the input, whoever waits for the
 * stage gets what there is. */
static int wait_loaded(struct ahead *a, struct input *in, struct err *e)
{
    while (atomic_load_explicit(&a->tail, memory_order_acquire) == a->head) {
        unsigned waits = atomic_load(&a->waits);
        bool idle = waits != a->told;
        a->told = waits;
        if (!idle && sem_wait(&a->events) && errno == EINTR)
            idle = true;
        if (idle && in->idle(in->ctx, e))
            return -1;
    }
    while (sem_trywait(&a->events) == 0) /* what is known by now */
        ;
    return 0;
}

int ahead_next(struct stage *st)
{
    struct stage_private *p = st->priv;
    struct ahead *a = p->ahead;
    struct input *in = &p->in;
    struct reader *before = p->reader;
    if (before) {
        a->head++;
        sem_post(&a->room); /* which leaves lines and shapes alone */
    }
    if (wait_loaded(a, in, &st->err))
        return -1;
    struct slot *s = &a->ring[a->head % RING];
    in->bytes = s->bytes;
    in->raw_bytes = s->raw_bytes;
    if (s->failed) {
        st->err = s->err;
        return -1;
    }
    if (before)
        reader_follow(&s->reader, before);
    p->reader = &s->reader;
    return in->progress(in->ctx, &st->err);
}

/* ---- coming and going ---- */

/* True if a processor is left for the thread. */
static bool has_processor(void)
{
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
           CPU_COUNT(&cpus) > 1;
}

/* True if a process at the other end of stdout works while this one does. */
static bool has_company(const struct stage *st)
{
    struct stat out;
    return !(st->cmd->flags & STAGE_GATHERS) && st->out.fd >= 0 &&
           fstat(st->out.fd, &out) == 0 && !S_ISREG(out.st_mode) &&
           !S_ISCHR(out.st_mode);
}

/* By default the thread is there where it helps: a file comes as fast as it is
 * read. Of a pipe's two ends each has a processor to use up by itself. */
static bool is_worth(const struct stage *st)
{
    return st->priv->in.size >= WORTH && !has_company(st) && has_processor();
}

bool ahead_wanted(const struct stage *st)
{
    if (!(st->cmd->flags & STAGE_AHEAD))
        return false;
    return st->opts.jobs ? st->opts.jobs > 1 : is_worth(st);
}

/* Signals are the stage's, but for the one that ends a read. */
static int start_thread(struct ahead *a)
{
    sigset_t most, old;
    sigfillset(&most);
    sigdelset(&most, SIGALRM);
    pthread_attr_t attr;
    int failed = pthread_attr_init(&attr);
    if (!failed) {
        pthread_attr_setstacksize(&attr, STACK);
        pthread_sigmask(SIG_SETMASK, &most, &old);
        failed = pthread_create(&a->thread, &attr, read_all, a);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        pthread_attr_destroy(&attr);
    }
    a->started = failed == 0;
    return failed ? err_sys(&a->st->err, ERR_TEMPFAIL, failed,
                            "cannot start a thread")
                  : 0;
}

int ahead_start(struct stage *st)
{
    struct stage_private *p = st->priv;
    struct ahead *a = p->ahead = calloc(1, sizeof(*a));
    if (!a)
        return err_nomem(&st->err);
    a->st = st;
    a->in = p->in;
    a->in.idle = on_wait;
    a->in.progress = NULL;
    a->in.ctx = a;
    sem_init(&a->events, 0, 0);
    sem_init(&a->room, 0, RING);
    (void)scan_kernel(); /* is chosen by the first who asks */
    for (size_t i = 0; i < RING; i++)
        if (reader_init(&a->ring[i].reader, &a->in, st->opts.max_record,
                        (unsigned)st->opts.max_depth, &st->err))
            return -1;
    return start_thread(a);
}

/* The thread may be in a read that nothing else will end; and may have been
 * about to begin it. */
static void end_thread(struct ahead *a)
{
    const struct timespec pause = { 0, 1000000 };
    atomic_store(&a->quit, true);
    sem_post(&a->room);
    while (!atomic_load(&a->ended)) {
        pthread_kill(a->thread, SIGALRM);
        nanosleep(&pause, NULL);
    }
    pthread_join(a->thread, NULL);
}

void ahead_stop(struct stage *st)
{
    struct ahead *a = st->priv->ahead;
    if (!a)
        return;
    if (a->started)
        end_thread(a);
    for (size_t i = 0; i < RING; i++)
        reader_free(&a->ring[i].reader);
    sem_destroy(&a->events);
    sem_destroy(&a->room);
    free(a);
    st->priv->ahead = NULL;
    st->priv->reader = NULL;
}
