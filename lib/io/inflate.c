#include "io/inflate.h"

#include "io/decode.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 2 /* one to fill, one to empty */
#define ROOM INPUT_PEEK_MAX
#define BLOCK ((size_t)256 << 10)

/* Two queues of SLOTS each: rooms from the caller to the thread, blocks back.
 * A slot belongs to whom the counters say; they change under the lock alone,
 * what is in the slots is touched without it. */
struct inflater {
    struct decoder *decoder; /* owned; used by the thread only */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t to_thread, to_caller;
    uint64_t fed, used;   /* rooms filled; of those used up */
    uint64_t made, taken; /* blocks filled; of those taken whole */
    bool hungry;          /* the thread waits for a room */
    bool ended;           /* it ended: all done, or err is filled */
    bool failed;
    bool stop; /* it shall end */
    struct err err;
    bool eof;  /* the caller's: the end was fed */
    size_t at; /* the caller's: bytes taken of its block */
    struct room {
        size_t n;
        unsigned char p[ROOM];
    } rooms[SLOTS];
    struct block {
        size_t n;
        unsigned char p[BLOCK];
    } blocks[SLOTS];
};

enum inflate_kind inflate_sniff(const void *p, size_t n)
{
    static const unsigned char gzip[2] = { 0x1f, 0x8b };
    static const unsigned char zstd[4] = { 0x28, 0xb5, 0x2f, 0xfd };
    const unsigned char *b = p;

    if (n == 0)
        return INFLATE_MORE;
    if (memcmp(b, gzip, n < 2 ? n : 2) == 0)
        return n < 2 ? INFLATE_MORE : INFLATE_GZIP;
    if (memcmp(b, zstd, n < 4 ? n : 4) == 0)
        return n < 4 ? INFLATE_MORE : INFLATE_ZSTD;
    return INFLATE_NONE;
}

/* ---- the thread; it holds the lock but while it decodes ---- */

/* Gives the decoder the next room. Where there is none and b has something to
 * show, false: that goes out first. False too where the thread shall stop. */
static bool next_room(struct inflater *z, const struct block *b, bool *fed)
{
    z->used += *fed;
    *fed = false;
    if (z->fed == z->used && b->n)
        return false;
    z->hungry = z->fed == z->used;
    pthread_cond_signal(&z->to_caller);
    while (z->hungry && !z->stop)
        pthread_cond_wait(&z->to_thread, &z->lock);
    if (z->stop)
        return false;
    const struct room *r = &z->rooms[z->used % SLOTS];
    decoder_feed(z->decoder, r->p, r->n);
    *fed = true;
    return true;
}

/* Fills b as far as the rooms allow. */
static void fill(struct inflater *z, struct block *b, bool *fed)
{
    b->n = 0;
    while (b->n < BLOCK && !z->stop) {
        pthread_mutex_unlock(&z->lock);
        ssize_t got =
            decoder_read(z->decoder, b->p + b->n, BLOCK - b->n, &z->err);
        pthread_mutex_lock(&z->lock);
        if (got > 0) {
            b->n += (size_t)got;
        } else if (got < 0 || decoder_done(z->decoder)) {
            z->failed = got < 0;
            z->ended = true;
            return;
        } else if (!next_room(z, b, fed)) {
            return;
        }
    }
}

static void *run(void *inflater)
{
    struct inflater *z = inflater;
    bool fed = false; /* the decoder is in a room */
    pthread_mutex_lock(&z->lock);
    while (!z->ended && !z->stop) {
        while (z->made - z->taken == SLOTS && !z->stop)
            pthread_cond_wait(&z->to_thread, &z->lock);
        struct block *b = &z->blocks[z->made % SLOTS];
        fill(z, b, &fed);
        z->made += b->n > 0;
        pthread_cond_signal(&z->to_caller);
    }
    pthread_mutex_unlock(&z->lock);
    return NULL;
}

/* ---- the caller ---- */

/* Signals are the caller's: the thread takes none. */
static int start(struct inflater *z, struct err *e)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&z->thread, NULL, run, z);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r)
        return err_sys(e, ERR_TEMPFAIL, r, "cannot start a thread");
    return 0;
}

static void release(struct inflater *z)
{
    pthread_mutex_destroy(&z->lock);
    pthread_cond_destroy(&z->to_thread);
    pthread_cond_destroy(&z->to_caller);
    decoder_free(z->decoder);
    free(z);
}

int inflater_new(struct inflater **zp, enum inflate_kind kind,
                 const struct input_limits *limits, const char *uri,
                 struct err *e)
{
    struct inflater *z = malloc(sizeof(*z));
    if (!z)
        return err_nomem(e);
    memset(z, 0, offsetof(struct inflater, rooms));
    pthread_mutex_init(&z->lock, NULL);
    pthread_cond_init(&z->to_thread, NULL);
    pthread_cond_init(&z->to_caller, NULL);
    if (decoder_new(&z->decoder, kind, limits, uri, e) || start(z, e)) {
        release(z);
        return -1;
    }
    *zp = z;
    return 0;
}

void *inflater_room(struct inflater *z, size_t *space)
{
    pthread_mutex_lock(&z->lock);
    bool full = z->fed - z->used == SLOTS;
    pthread_mutex_unlock(&z->lock);
    *space = ROOM;
    return full || z->eof ? NULL : z->rooms[z->fed % SLOTS].p;
}

void inflater_feed(struct inflater *z, size_t n)
{
    pthread_mutex_lock(&z->lock);
    z->rooms[z->fed++ % SLOTS].n = n;
    z->hungry = false;
    pthread_cond_signal(&z->to_thread);
    pthread_mutex_unlock(&z->lock);
    z->eof = n == 0;
}

ssize_t inflater_read(struct inflater *z, void *buf, size_t n, struct err *e)
{
    pthread_mutex_lock(&z->lock);
    while (z->made == z->taken && !z->hungry && !z->ended)
        pthread_cond_wait(&z->to_caller, &z->lock);
    bool some = z->made != z->taken, failed = !some && z->failed;
    pthread_mutex_unlock(&z->lock);
    if (failed)
        *e = z->err;
    if (!some)
        return failed ? -1 : 0;

    const struct block *b = &z->blocks[z->taken % SLOTS];
    if (n > b->n - z->at)
        n = b->n - z->at;
    memcpy(buf, b->p + z->at, n);
    z->at += n;
    if (z->at == b->n) {
        z->at = 0;
        pthread_mutex_lock(&z->lock);
        z->taken++;
        pthread_cond_signal(&z->to_thread);
        pthread_mutex_unlock(&z->lock);
    }
    return (ssize_t)n;
}

bool inflater_done(struct inflater *z)
{
    pthread_mutex_lock(&z->lock);
    bool done = z->ended && !z->failed && z->made == z->taken;
    pthread_mutex_unlock(&z->lock);
    return done;
}

void inflater_free(struct inflater *z)
{
    if (!z)
        return;
    pthread_mutex_lock(&z->lock);
    z->stop = true;
    pthread_cond_signal(&z->to_thread);
    pthread_mutex_unlock(&z->lock);
    pthread_join(z->thread, NULL);
    release(z);
}
