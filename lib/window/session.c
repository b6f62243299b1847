/* Sessions: each key has its own, which a record begins, lengthens, or joins to
 * another. A session is one group of the aggregate, by a number of its own. */
#include "window/window_private.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define SWEEP_FROM 64

struct session {
    int64_t start, end; /* the gap is part of it */
    int64_t number;     /* in order of appearance */
    uint32_t key, group;
    uint32_t next; /* of its key, or free */
    uint32_t at;   /* in the heap */
    uint32_t results;
    bool emitted; /* as it is now */
};

struct sessions {
    struct region pool;  /* struct session */
    struct region keys;  /* uint32_t a key: its first session */
    struct region owner; /* uint32_t a group: the session that it is of */
    struct region heap;  /* uint32_t: what is due first, first */
    uint32_t spare;      /* sessions that are free */
    uint32_t n;          /* in the heap */
    uint32_t idle_keys;  /* without a session */
    int64_t last_number;
};

static struct session *session(const struct sessions *s, uint32_t i)
{
    return (struct session *)(void *)s->pool.p + i;
}

static uint32_t *words(const struct region *r)
{
    return (uint32_t *)(void *)r->p;
}

/* Makes n words of what may be less, new ones NONE. */
static int fill_words(struct region *r, size_t n, struct err *e)
{
    size_t have = r->n / sizeof(uint32_t);
    if (n <= have)
        return 0;
    if (region_reserve(r, (n - have) * sizeof(uint32_t), e))
        return -1;
    for (; have < n; have++)
        words(r)[have] = NONE;
    r->n = n * sizeof(uint32_t);
    return 0;
}

static int open_sessions(struct window *w, struct err *e)
{
    struct sessions *s = w->sessions = calloc(1, sizeof(*s));
    if (!s)
        return err_nomem(e);
    s->pool.budget = s->keys.budget = w->o.budget;
    s->owner.budget = s->heap.budget = w->o.budget;
    s->spare = NONE;
    return 0;
}

static void close_sessions(struct window *w)
{
    if (!w->sessions)
        return;
    region_free(&w->sessions->pool);
    region_free(&w->sessions->keys);
    region_free(&w->sessions->owner);
    region_free(&w->sessions->heap);
    free(w->sessions);
}

/* ---- the heap: by when something is to be done, then start, then number ----
 */

static int64_t due_at(const struct window *w, const struct session *s)
{
    return s->emitted ? window_kept_until(w, s->end) : s->end;
}

static bool before(const struct window *w, uint32_t a, uint32_t b)
{
    const struct session *x = session(w->sessions, a);
    const struct session *y = session(w->sessions, b);
    int64_t dx = due_at(w, x), dy = due_at(w, y);
    if (dx != dy)
        return dx < dy;
    return x->start != y->start ? x->start < y->start : x->number < y->number;
}

static void put(struct sessions *s, uint32_t at, uint32_t i)
{
    words(&s->heap)[at] = i;
    session(s, i)->at = at;
}

/* Moves session i, which is at some place of the heap, to its own. */
static void settle(struct window *w, uint32_t i)
{
    struct sessions *s = w->sessions;
    uint32_t *heap = words(&s->heap), at = session(s, i)->at;
    for (; at && before(w, i, heap[(at - 1) / 2]); at = (at - 1) / 2)
        put(s, at, heap[(at - 1) / 2]);
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < s->n && before(w, heap[child + 1], heap[child]))
            child++;
        if (child >= s->n || !before(w, heap[child], i))
            break;
        put(s, at, heap[child]);
        at = child;
    }
    put(s, at, i);
}

static void leave_heap(struct window *w, uint32_t i)
{
    struct sessions *s = w->sessions;
    uint32_t at = session(s, i)->at, last = words(&s->heap)[--s->n];
    s->heap.n -= sizeof(uint32_t);
    if (last == i)
        return;
    put(s, at, last);
    settle(w, last);
}

/* ---- sessions ---- */

/* A new session of a key: 0 with its number in the pool, or -1. */
static int new_session(struct window *w, uint32_t key, uint32_t *i,
                       struct err *e)
{
    struct sessions *s = w->sessions;
    if (region_reserve(&s->heap, sizeof(uint32_t), e) ||
        (s->spare == NONE &&
         region_reserve(&s->pool, sizeof(struct session), e)))
        return -1;
    *i = s->spare;
    if (*i == NONE) {
        *i = (uint32_t)(s->pool.n / sizeof(struct session));
        s->pool.n += sizeof(struct session);
    } else {
        s->spare = session(s, *i)->next;
    }
    if (words(&s->keys)[key] == NONE && s->idle_keys)
        s->idle_keys--;
    *session(s, *i) =
        (struct session){ .key = key, .next = words(&s->keys)[key] };
    words(&s->keys)[key] = *i;
    s->heap.n += sizeof(uint32_t);
    put(s, s->n++, *i);
    return 0;
}

/* Its group is dead from here on. */
static void forget_session(struct window *w, uint32_t i)
{
    struct sessions *s = w->sessions;
    struct session *gone = session(s, i);
    uint32_t *link = &words(&s->keys)[gone->key];
    leave_heap(w, i);
    while (*link != i)
        link = &session(s, *link)->next;
    *link = gone->next;
    s->idle_keys += words(&s->keys)[gone->key] == NONE;
    words(&s->owner)[gone->group] = NONE;
    gone->next = s->spare;
    s->spare = i;
    w->dead++;
}

static int emit(struct window *w, uint32_t i, struct err *e)
{
    struct session *s = session(w->sessions, i);
    uint32_t update = s->results++;
    s->emitted = true;
    settle(w, i);
    return window_emit(w, s->group, s->start, s->end, update, e);
}

/* ---- records ---- */

static bool touches(const struct session *s, int64_t start, int64_t end)
{
    return s->start < end && start < s->end;
}

/* What a record of this time makes of the key's sessions: the session that was
 * there first, or NONE, the time of all that it touches, and how many. */
static uint32_t find_session(const struct sessions *s, uint32_t key,
                             int64_t *start, int64_t *end, uint32_t *touched)
{
    uint32_t into = NONE;
    *touched = 0;
    int64_t from = *start, to = *end;
    for (uint32_t i = words(&s->keys)[key]; i != NONE;
         i = session(s, i)->next) {
        const struct session *one = session(s, i);
        if (!touches(one, from, to))
            continue;
        ++*touched;
        if (into == NONE || one->number < session(s, into)->number)
            into = i;
        if (one->start < *start)
            *start = one->start;
        if (one->end > *end)
            *end = one->end;
    }
    return into;
}

/* Joins to one session all others of its key that a record touches. */
static int join(struct window *w, uint32_t into, int64_t start, int64_t end,
                struct err *e)
{
    struct sessions *s = w->sessions;
    uint32_t next = words(&s->keys)[session(s, into)->key];
    while (next != NONE) {
        uint32_t i = next;
        struct session *one = session(s, i), *to = session(s, into);
        next = one->next;
        if (i == into || !touches(one, start, end))
            continue;
        if (aggregate_fold(w->host.aggregate, one->group, to->group, e))
            return -1;
        if (one->results > to->results)
            to->results = one->results;
        forget_session(w, i);
    }
    return 0;
}

static int own_group(struct window *w, uint32_t i, uint32_t group,
                     struct err *e)
{
    struct sessions *s = w->sessions;
    if (fill_words(&s->owner, (size_t)group + 1, e))
        return -1;
    words(&s->owner)[group] = i;
    session(s, i)->group = group;
    return 0;
}

/* The group of record i itself comes behind all that its session has joined. */
static int join_record(struct window *w, uint32_t into, uint32_t group,
                       int64_t time, struct err *e)
{
    struct sessions *s = w->sessions;
    if (join(w, into, time, time + w->o.spec.gap, e) ||
        fill_words(&s->owner, (size_t)group + 1, e) ||
        aggregate_fold(w->host.aggregate, group, session(s, into)->group, e))
        return -1;
    s->last_number++;
    w->dead++;
    return 0;
}

/* Takes record i into the session that has come to be from start to end: 0
 * where that is gone. A record that may be rejected joins nothing before it is
 * taken: where it touches several sessions, into a group of its own. */
static int take(struct window *w, size_t i, uint32_t into, uint32_t touched,
                int64_t start, int64_t end, int64_t time, struct err *e)
{
    struct sessions *s = w->sessions;
    uint32_t key = window_key(w, i), group;
    int64_t number =
        touched == 1 ? session(s, into)->number : s->last_number + 1;
    if (window_take_one(w, i, number, &group, e))
        return -1;
    if (group == WINDOW_NO_GROUP)
        return 0;
    if (touched == 0) {
        if (new_session(w, key, &into, e) || own_group(w, into, group, e))
            return -1;
        s->last_number = session(s, into)->number = number;
    } else if (touched > 1 && join_record(w, into, group, time, e)) {
        return -1;
    }
    struct session *one = session(s, into);
    bool late = window_passed(w, end);
    one->start = start;
    one->end = end;
    one->emitted = false;
    settle(w, into);
    if (!late)
        return 0;
    one->results += one->results == 0; /* what comes too late is an update */
    w->counts.updates++;
    return emit(w, into, e);
}

static int add(struct window *w, size_t i, int64_t time, struct err *e)
{
    struct sessions *s = w->sessions;
    uint32_t key = window_key(w, i);
    int64_t start = time, end = time + w->o.spec.gap;
    size_t keys = s->keys.n / sizeof(uint32_t);
    if (fill_words(&s->keys, (size_t)key + 1, e))
        return -1;
    s->idle_keys += (uint32_t)(s->keys.n / sizeof(uint32_t) - keys);
    uint32_t touched, into = find_session(s, key, &start, &end, &touched);
    if (window_passed(w, window_kept_until(w, end)))
        return window_late(w, i, time, e);
    return take(w, i, into, touched, start, end, time, e);
}

/* ---- the end of sessions ---- */

static bool has_owner(void *ctx, uint32_t group)
{
    struct window *w = ctx;
    return words(&w->sessions->owner)[group] != NONE;
}

static void group_moved(void *ctx, uint32_t old, uint32_t new)
{
    struct window *w = ctx;
    uint32_t i = words(&w->sessions->owner)[old];
    words(&w->sessions->owner)[new] = i;
    session(w->sessions, i)->group = new;
}

static bool has_session(void *ctx, uint32_t key)
{
    struct window *w = ctx;
    const struct region *keys = &w->sessions->keys;
    return key < keys->n / sizeof(uint32_t) && words(keys)[key] != NONE;
}

static void key_moved(void *ctx, uint32_t old, uint32_t new)
{
    struct window *w = ctx;
    struct sessions *s = w->sessions;
    words(&s->keys)[new] = words(&s->keys)[old];
    for (uint32_t i = words(&s->keys)[new]; i != NONE; i = session(s, i)->next)
        session(s, i)->key = new;
}

static int sweep_groups(struct window *w, struct err *e)
{
    struct aggregate *a = w->host.aggregate;
    if (w->dead < SWEEP_FROM || w->dead < aggregate_groups(a) / 2)
        return 0;
    if (aggregate_keep(a, has_owner, group_moved, w, e))
        return -1;
    w->dead = 0;
    w->sessions->owner.n = aggregate_groups(a) * sizeof(uint32_t);
    return 0;
}

/* Between batches: the keys of one in hand stay where they are. */
static int sweep_keys(struct window *w, struct err *e)
{
    struct sessions *s = w->sessions;
    struct aggregate *keys = w->host.keys;
    if (!keys || s->idle_keys < SWEEP_FROM ||
        s->idle_keys < aggregate_groups(keys) / 2)
        return 0;
    if (aggregate_keep(keys, has_session, key_moved, w, e))
        return -1;
    s->idle_keys = 0;
    s->keys.n = aggregate_groups(keys) * sizeof(uint32_t);
    return 0;
}

static int64_t due(const struct window *w)
{
    const struct sessions *s = w->sessions;
    return s->n ? due_at(w, session(s, words(&s->heap)[0])) : INT64_MAX;
}

static int close(struct window *w, struct err *e)
{
    struct sessions *s = w->sessions;
    while (s->n && window_passed(w, due(w))) {
        uint32_t i = words(&s->heap)[0];
        if (!session(s, i)->emitted && emit(w, i, e))
            return -1;
        if (window_passed(w, window_kept_until(w, session(s, i)->end)))
            forget_session(w, i);
    }
    return sweep_groups(w, e);
}

const struct window_ops session_ops = {
    .open = open_sessions,
    .free = close_sessions,
    .add = add,
    .close = close,
    .due = due,
    .flush = sweep_keys,
};
