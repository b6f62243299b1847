/* crew: the threads of -j. The stage's own thread reads blocks, cut at line
 * ends, into a ring; each thread takes the next one that nobody has yet; and
 * the stage's thread settles them in the order in which they were read, when
 * the ring is full, when the input would have to be waited for, or at the
 * end. */
#include "stage/private.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define BLOCK ((size_t)256 << 10)

struct block {
    char *buf;       /* owned; SCAN_PADDING bytes behind cap */
    size_t cap, n;   /* bytes that fit, bytes there: whole lines */
    size_t from;     /* first byte of the first line */
    uint64_t offset; /* of buf[0] in the input */
    uint64_t lines;  /* once done */
    bool last;       /* the end of the block is the input's */
    bool done;
    struct lane lane;
};

struct worker {
    struct crew *crew;
    void *own; /* the command's */
    pthread_t thread;
    bool started;
    struct reader reader;
    struct reader_line lines[STAGE_BATCH];
    struct record recs[STAGE_BATCH];
};

struct crew {
    struct stage *st;
    lane_work *work;
    pthread_mutex_t mutex;
    pthread_cond_t ready, done;
    /* Blocks of the ring by number: settled < head, in work < next, read < tail
     * (under the mutex, but for head and tail in the stage's thread). */
    struct block *ring;
    uint64_t size, head, next, tail;
    bool quit;
    struct worker *workers;
    size_t n_workers;
    struct buf rest;        /* the open line behind the last block */
    uint64_t lines, offset; /* settled; of the next byte to read */
    bool started;
};

static struct block *block_at(const struct crew *c, uint64_t number)
{
    return &c->ring[number % c->size];
}

/* ---- the threads ---- */

static int work_lines(struct worker *w, struct lane *l, int n)
{
    for (int at = 0; at < n;) {
        int taken = lane_take(l, w->lines, n, &at, w->recs, STAGE_BATCH);
        if (taken < 0 || (taken && w->crew->work(w->own, l, w->recs, taken)))
            return -1;
    }
    return 0;
}

static void work_block(struct worker *w, struct block *b)
{
    struct lane *l = &b->lane;
    int n;
    reader_use(&w->reader, (struct str){ b->buf, b->n }, b->from, b->offset,
               b->last);
    while ((n = reader_at_hand(&w->reader, w->lines, STAGE_BATCH,
                               lane_err(l))) > 0)
        if (work_lines(w, l, n))
            break;
    b->lines = w->reader.line;
}

static void *work_all(void *arg)
{
    struct worker *w = arg;
    struct crew *c = w->crew;
    pthread_mutex_lock(&c->mutex);
    for (;;) {
        while (!c->quit && c->next == c->tail)
            pthread_cond_wait(&c->ready, &c->mutex);
        if (c->quit)
            break;
        struct block *b = block_at(c, c->next++);
        pthread_mutex_unlock(&c->mutex);
        work_block(w, b);
        pthread_mutex_lock(&c->mutex);
        b->done = true;
        pthread_cond_signal(&c->done);
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

/* ---- the stage's thread ---- */

/* Settles the oldest block. */
static int settle_one(struct crew *c)
{
    struct block *b = block_at(c, c->head);
    pthread_mutex_lock(&c->mutex);
    while (!b->done)
        pthread_cond_wait(&c->done, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
    if (lane_settle(&b->lane, c->st, c->lines))
        return -1;
    c->lines += b->lines;
    c->head++;
    return 0;
}

static int settle_all(struct crew *c)
{
    while (c->head < c->tail)
        if (settle_one(c))
            return -1;
    return 0;
}

/* Settles what is done already. */
static int settle_done(struct crew *c)
{
    while (c->head < c->tail) {
        pthread_mutex_lock(&c->mutex);
        bool done = block_at(c, c->head)->done;
        pthread_mutex_unlock(&c->mutex);
        if (!done && c->tail - c->head < c->size)
            break;
        if (settle_one(c))
            return -1;
    }
    return 0;
}

/* The input has nothing more for now. */
static int on_idle(void *ctx, struct err *e)
{
    struct crew *c = ctx;
    return settle_all(c) ? -1 : stream_idle(c->st, e);
}

static int on_progress(void *ctx, struct err *e)
{
    struct crew *c = ctx;
    (void)e;
    return stage_tick(c->st);
}

/* Makes room for more bytes. */
static int reserve(struct block *b, size_t more, struct err *e)
{
    size_t cap = b->cap ? b->cap : BLOCK;
    while (cap - b->n < more)
        cap *= 2;
    if (cap == b->cap)
        return 0;
    char *grown = realloc(b->buf, cap + SCAN_PADDING);
    if (!grown)
        return err_nomem(e);
    b->buf = grown;
    b->cap = cap;
    return 0;
}

/* The open line in b is beyond the limit: reads over its rest, keeping its
 * first bytes, and rejects it once all before it is settled. */
static int skip_long(struct crew *c, struct block *b)
{
    struct stage *st = c->st;
    struct input *in = &st->priv->in;
    size_t max = st->opts.max_record, from = b->from, keep = from;
    keep += max < LINES_KEEP ? max : LINES_KEEP;
    uint64_t length = b->n - from;
    char *nl = NULL;
    ssize_t got = 1;
    while (!nl && got) {
        got = input_read(in, b->buf + keep, b->cap - keep, &st->err);
        if (got < 0)
            return -1;
        nl = memchr(b->buf + keep, '\n', (size_t)got);
        size_t n = nl ? (size_t)(nl - (b->buf + keep)) : (size_t)got;
        length += n;
        if (nl && buf_add(&c->rest, nl + 1, (size_t)got - n - 1))
            return err_nomem(&st->err);
    }
    struct record rec;
    struct reader_line line = {
        .line = { .text = { b->buf + from, keep - from },
                  .line = 1,
                  .offset = b->offset + from,
                  .length = length,
                  .too_long = true,
                  .unterminated = !nl },
    };
    c->offset = line.line.offset + length + (nl != NULL);
    if (settle_all(c))
        return -1;
    line.line.line = ++c->lines;
    int at = 0;
    return lane_take(&st->priv->lane, &line, 1, &at, &rec, 1);
}

/* What has to be known before the first line is looked at. */
static void start(struct crew *c, struct block *b)
{
    struct stage_private *p = c->st->priv;
    if (c->started)
        return;
    c->started = true;
    p->lane.check = !mark_trusted(STDIN_FILENO);
    if (b->n >= 3 && memcmp(b->buf, "\xef\xbb\xbf", 3) == 0)
        b->from = 3;
}

/* Begins b with the open line of the block before. */
static int begin(struct crew *c, struct block *b)
{
    struct str rest = buf_str(&c->rest);
    b->n = b->from = 0;
    b->last = b->done = false;
    b->offset = c->offset;
    if (reserve(b, rest.n + BLOCK / 4, &c->st->err))
        return -1;
    memcpy(b->buf, rest.p, rest.n);
    b->n = rest.n;
    buf_reset(&c->rest);
    return 0;
}

/* Fills b with whole lines, or the input's last bytes: 1; 2 where it has none
 * but one may read on, 0 at the end, -1. */
static int fill(struct crew *c, struct block *b)
{
    struct stage *st = c->st;
    ssize_t got = 1;
    if (begin(c, b))
        return -1;
    /* Behind a line that was skipped there may be whole ones. */
    char *nl = memrchr(b->buf, '\n', b->n);
    while (!nl && got && b->n - b->from <= st->opts.max_record + 1) {
        if (reserve(b, BLOCK / 4, &st->err))
            return -1;
        got = input_read(&st->priv->in, b->buf + b->n, b->cap - b->n, &st->err);
        if (got < 0)
            return -1;
        nl = memrchr(b->buf + b->n, '\n', (size_t)got);
        b->n += (size_t)got;
    }
    start(c, b);
    if (!nl && got)
        return skip_long(c, b) < 0 ? -1 : 2;
    b->last = got == 0;
    if (nl) {
        size_t n = (size_t)(nl + 1 - b->buf);
        if (buf_add(&c->rest, nl + 1, b->n - n))
            return err_nomem(&st->err);
        b->n = n;
    }
    c->offset += b->n;
    return b->n > b->from;
}

static void submit(struct crew *c, struct block *b)
{
    lane_reset(&b->lane);
    b->lane.opts = &c->st->opts;
    b->lane.check = c->st->priv->lane.check;
    pthread_mutex_lock(&c->mutex);
    c->tail++;
    pthread_cond_signal(&c->ready);
    pthread_mutex_unlock(&c->mutex);
}

static int read_all(struct crew *c)
{
    int r;
    do {
        if (settle_done(c))
            return -1;
        if (stage_stopping())
            return stream_idle(c->st, &c->st->err);
        struct block *b = block_at(c, c->tail);
        r = fill(c, b);
        if (r == 1)
            submit(c, b);
        /* A block whose end is the input's is the last. */
        if (r == 1 && b->last)
            r = 0;
    } while (r > 0);
    return r < 0 ? -1 : settle_all(c);
}

/* ---- coming and going ---- */

static int hire(struct crew *c, void *const *own)
{
    struct stage *st = c->st;
    sigset_t all, old;
    (void)scan_kernel(); /* is chosen by the first who asks */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the stage's */
    int r = 0;
    for (size_t i = 0; i < c->n_workers && r == 0; i++) {
        struct worker *w = &c->workers[i];
        w->crew = c;
        w->own = own[i];
        r = reader_init(&w->reader, NULL, st->opts.max_record,
                        (unsigned)st->opts.max_depth, &st->err);
        int failed = r ? 0 : pthread_create(&w->thread, NULL, work_all, w);
        w->started = r == 0 && failed == 0;
        if (failed)
            r = err_sys(&st->err, ERR_TEMPFAIL, failed,
                        "cannot start a thread");
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

static void dismiss(struct crew *c)
{
    pthread_mutex_lock(&c->mutex);
    c->quit = true;
    pthread_cond_broadcast(&c->ready);
    pthread_mutex_unlock(&c->mutex);
    for (size_t i = 0; c->workers && i < c->n_workers; i++) {
        if (c->workers[i].started)
            pthread_join(c->workers[i].thread, NULL);
        reader_free(&c->workers[i].reader);
    }
    for (size_t i = 0; c->ring && i < c->size; i++) {
        lane_free(&c->ring[i].lane);
        free(c->ring[i].buf);
    }
    free(c->workers);
    free(c->ring);
    buf_free(&c->rest);
}

int crew_run(struct stage *st, lane_work *work, void *const *workers, size_t n)
{
    struct crew c = { .st = st,
                      .work = work,
                      .n_workers = n,
                      .size = n + 2,
                      .mutex = PTHREAD_MUTEX_INITIALIZER,
                      .ready = PTHREAD_COND_INITIALIZER,
                      .done = PTHREAD_COND_INITIALIZER };
    struct input *in = &st->priv->in, hooks;
    c.workers = calloc(n, sizeof(*c.workers));
    c.ring = calloc(c.size, sizeof(*c.ring));
    int r = c.workers && c.ring ? hire(&c, workers) : err_nomem(&st->err);
    if (r == 0) {
        hooks = *in;
        in->idle = on_idle;
        in->progress = on_progress;
        in->ctx = &c;
        r = read_all(&c);
        in->idle = hooks.idle;
        in->progress = hooks.progress;
        in->ctx = hooks.ctx;
    }
    dismiss(&c);
    return r;
}
