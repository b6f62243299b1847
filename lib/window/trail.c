/* Trailing windows: each record gives the result over the records of its key
 * that came before it, by their time, and itself. Nothing can be taken out of
 * an aggregate, so each result is computed anew, as a group of its own. */
#include "window/window_private.h"

#include <stdlib.h>

#define RESULTS_KEPT 256 /* groups that were printed, until all are dropped */
#define SWEEP_FROM 1024

/* A record that is kept, in its key's list: by time, then by arrival. */
struct kept {
    struct kept *before, *behind;
    int64_t time;
    size_t n;
    char text[];
};

struct trail {
    struct kept *first, *last;
};

struct trails {
    struct region keys; /* struct trail, a key each */
    uint64_t kept;      /* records, in all */
    uint64_t sweep_in;  /* records to come until the next sweep */
    int64_t results;
};

static struct trail *trails(const struct window *w)
{
    return (struct trail *)(void *)w->trails->keys.p;
}

static size_t n_trails(const struct window *w)
{
    return w->trails->keys.n / sizeof(struct trail);
}

static int open_trails(struct window *w, struct err *e)
{
    w->trails = calloc(1, sizeof(*w->trails));
    if (!w->trails)
        return err_nomem(e);
    w->trails->keys.budget = w->o.budget;
    w->trails->sweep_in = SWEEP_FROM;
    return 0;
}

/* ---- kept records ---- */

static int keep(struct window *w, struct str text, int64_t time,
                struct kept **out, struct err *e)
{
    struct budget *b = w->o.budget;
    size_t size = sizeof(struct kept) + text.n;
    if (b->max && (b->used > b->max || size > b->max - b->used)) {
        b->refused = true;
        return err_set(e, ERR_CONFIG,
                       "the records of the trailing windows need more than "
                       "%zu bytes of memory",
                       b->max);
    }
    struct kept *k = malloc(size);
    if (!k)
        return err_nomem(e);
    *k = (struct kept){ .time = time, .n = text.n };
    memcpy(k->text, text.p, text.n);
    b->used += size;
    w->trails->kept++;
    *out = k;
    return 0;
}

static void drop(struct window *w, struct trail *t, struct kept *k)
{
    *(k->before ? &k->before->behind : &t->first) = k->behind;
    *(k->behind ? &k->behind->before : &t->last) = k->before;
    w->o.budget->used -= sizeof(*k) + k->n;
    w->trails->kept--;
    free(k);
}

static void insert(struct trail *t, struct kept *k)
{
    struct kept *before = t->last;
    while (before && before->time > k->time)
        before = before->before;
    k->before = before;
    k->behind = before ? before->behind : t->first;
    *(before ? &before->behind : &t->first) = k;
    *(k->behind ? &k->behind->before : &t->last) = k;
}

/* The windows of records to come begin behind this. Where clocks go back, a
 * later one may begin earlier, by less than a day. */
static int64_t needed_from(const struct window *w)
{
    const struct span *length = &w->o.spec.length;
    if (w->mark.at == WATERMARK_NONE)
        return INT64_MIN;
    return span_before(length, w->o.zone, w->mark.at) -
           (length->unit == SPAN_MICROS ? 0 : SPAN_DAY);
}

static void prune(struct window *w, struct trail *t, int64_t from)
{
    while (t->first && t->first->time <= from)
        drop(w, t, t->first);
}

static void close_trails(struct window *w)
{
    if (!w->trails)
        return;
    for (size_t i = 0; i < n_trails(w); i++)
        prune(w, &trails(w)[i], INT64_MAX);
    region_free(&w->trails->keys);
    free(w->trails);
}

/* ---- results ---- */

/* Takes n records into the result in the making: 1 with its group, 0 with f,
 * or -1. */
static int take_some(struct window *w, const struct select_record *recs,
                     size_t n, uint32_t *group, struct aggregate_fault *f,
                     struct err *e)
{
    int64_t numbers[SELECT_BATCH];
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        numbers[i] = w->trails->results;
    int r = aggregate_take_in(w->host.aggregate, recs, numbers, n, &at, f, e);
    if (r == 1)
        *group = aggregate_group_of(w->host.aggregate, n - 1);
    return r;
}

/* Computes the result of what lies from start (outside) to the time of k. */
static int compute(struct window *w, const struct trail *t,
                   const struct kept *k, int64_t start, uint32_t *group,
                   struct aggregate_fault *f, struct err *e)
{
    struct select_record recs[SELECT_BATCH];
    size_t n = 0;
    int r = 1;
    const struct kept *one = t->first;
    while (one && one->time <= start)
        one = one->behind;
    w->trails->results++;
    for (; one && one->time <= k->time && r == 1; one = one->behind) {
        recs[n++] = (struct select_record){ { one->text, one->n }, NULL };
        if (n < SELECT_BATCH)
            continue;
        r = take_some(w, recs, n, group, f, e);
        n = 0;
    }
    return n && r == 1 ? take_some(w, recs, n, group, f, e) : r;
}

static int emit(struct window *w, struct trail *t, size_t i, struct kept *k,
                struct err *e)
{
    struct aggregate_fault f;
    uint32_t group = 0;
    int64_t start = span_before(&w->o.spec.length, w->o.zone, k->time);
    if (aggregate_groups(w->host.aggregate) >= RESULTS_KEPT)
        aggregate_clear(w->host.aggregate);
    int r = compute(w, t, k, start, &group, &f, e);
    if (r == 0)
        drop(w, t, k);
    if (r != 1)
        return r ? r : window_fault(w, i, &f, e);
    return window_emit(w, group, start, k->time, 0, e);
}

static int add(struct window *w, size_t i, int64_t time, struct err *e)
{
    struct kept *k;
    size_t key = window_key(w, i), have = n_trails(w);
    if (time < w->mark.at)
        return window_late(w, i, time, e);
    if (key >= have) {
        size_t more = (key + 1 - have) * sizeof(struct trail);
        if (region_reserve(&w->trails->keys, more, e))
            return -1;
        memset(w->trails->keys.p + w->trails->keys.n, 0, more);
        w->trails->keys.n += more;
    }
    struct trail *t = &trails(w)[key];
    prune(w, t, needed_from(w));
    if (keep(w, w->recs[i].text, time, &k, e))
        return -1;
    insert(t, k);
    w->trails->sweep_in -= w->trails->sweep_in > 0;
    return emit(w, t, i, k, e);
}

/* ---- keys that are gone ---- */

static bool has_records(void *ctx, uint32_t key)
{
    struct window *w = ctx;
    return key < n_trails(w) && trails(w)[key].first;
}

static void key_moved(void *ctx, uint32_t old, uint32_t new)
{
    struct window *w = ctx;
    trails(w)[new] = trails(w)[old];
}

/* Between batches, when as many records came as the last sweep left. */
static int sweep(struct window *w, struct err *e)
{
    struct trails *s = w->trails;
    if (s->sweep_in)
        return 0;
    int64_t from = needed_from(w);
    for (size_t i = 0; i < n_trails(w); i++)
        prune(w, &trails(w)[i], from);
    s->sweep_in = SWEEP_FROM + s->kept;
    if (!w->host.keys)
        return 0;
    if (aggregate_keep(w->host.keys, has_records, key_moved, w, e))
        return -1;
    s->keys.n = aggregate_groups(w->host.keys) * sizeof(struct trail);
    return 0;
}

static int close(struct window *w, struct err *e)
{
    (void)w;
    (void)e;
    return 0;
}

static int64_t due(const struct window *w)
{
    (void)w;
    return INT64_MAX;
}

const struct window_ops trail_ops = {
    .open = open_trails,
    .free = close_trails,
    .add = add,
    .close = close,
    .due = due,
    .flush = sweep,
};
