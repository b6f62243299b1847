#include "window/watermark.h"

#include "base/hash.h"

#include <stdlib.h>

struct watermark_source {
    struct watermark_source *next;
    int64_t latest; /* event time */
    int64_t seen;   /* when its last record came */
    bool idle;
    size_t n;
    char name[];
};

void watermark_init(struct watermark *w, int64_t lateness, int64_t idle_us)
{
    *w = (struct watermark){ .at = WATERMARK_NONE,
                             .latest = WATERMARK_NONE,
                             .lateness = lateness,
                             .idle_us = idle_us };
}

void watermark_free(struct watermark *w)
{
    while (w->first) {
        struct watermark_source *s = w->first;
        w->first = s->next;
        free(s);
    }
    free(w->slots);
    *w = (struct watermark){ .at = WATERMARK_NONE };
}

/* ---- sources ---- */

static struct watermark_source **slot_of(const struct watermark *w,
                                         struct str name)
{
    size_t i = hash64(name) & (w->cap - 1);
    while (w->slots[i] &&
           !str_eq((struct str){ w->slots[i]->name, w->slots[i]->n }, name))
        i = (i + 1) & (w->cap - 1);
    return &w->slots[i];
}

static int grow(struct watermark *w, struct err *e)
{
    size_t cap = w->cap ? w->cap * 2 : 16;
    struct watermark_source **slots = calloc(cap, sizeof(*slots));
    if (!slots)
        return err_nomem(e);
    free(w->slots);
    w->slots = slots;
    w->cap = cap;
    for (struct watermark_source *s = w->first; s; s = s->next)
        *slot_of(w, (struct str){ s->name, s->n }) = s;
    return 0;
}

static struct watermark_source *source_of(struct watermark *w, struct str name,
                                          struct err *e)
{
    if (w->n * 2 >= w->cap && grow(w, e))
        return NULL;
    struct watermark_source **slot = slot_of(w, name), *s = *slot;
    if (s)
        return s;
    if (w->n == WATERMARK_SOURCES) {
        err_set(e, ERR_DATA, "more than %d sources", WATERMARK_SOURCES);
        return NULL;
    }
    s = malloc(sizeof(*s) + name.n);
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    *s = (struct watermark_source){ .next = w->first,
                                    .latest = WATERMARK_NONE,
                                    .n = name.n };
    memcpy(s->name, name.p, name.n);
    *slot = w->first = s;
    w->n++;
    return s;
}

/* ---- the watermark ---- */

/* Moves it to the active source that is furthest behind; with none to where
 * time has come. */
static bool advance(struct watermark *w)
{
    int64_t time = w->latest;
    if (!w->behind)
        for (struct watermark_source *s = w->first; s; s = s->next)
            if (!s->idle && (!w->behind || s->latest < w->behind->latest))
                w->behind = s;
    if (w->behind)
        time = w->behind->latest;
    time += w->waited - w->lateness;
    if (time <= w->at)
        return false;
    w->at = time;
    return true;
}

int watermark_see(struct watermark *w, struct str source, int64_t time,
                  int64_t now, bool *moved, struct err *e)
{
    struct watermark_source *s = source_of(w, source, e);
    if (!s)
        return -1;
    if (time > s->latest) {
        if (s == w->behind)
            w->behind = NULL; /* another may be, now */
        s->latest = time;
    }
    s->idle = false;
    s->seen = now;
    if (w->behind && s->latest < w->behind->latest)
        w->behind = s;
    if (time > w->latest)
        w->latest = time;
    w->arrived = now;
    w->waited = 0;
    *moved = advance(w);
    return 0;
}

bool watermark_pass(struct watermark *w, int64_t now, bool quiet)
{
    if (!w->idle_us || !w->first)
        return false;
    for (struct watermark_source *s = w->first; s; s = s->next) {
        if (!s->idle && now - s->seen >= w->idle_us) {
            s->idle = true;
            w->behind = NULL;
        }
    }
    if (quiet && now - w->arrived >= w->idle_us)
        w->waited = now - w->arrived;
    return advance(w);
}

int64_t watermark_wait(const struct watermark *w, int64_t now, int64_t wanted)
{
    int64_t wait = -1;
    if (!w->idle_us || !w->first)
        return -1;
    for (const struct watermark_source *s = w->first; s; s = s->next) {
        int64_t left = s->seen + w->idle_us - now;
        if (!s->idle && (wait < 0 || left < wait))
            wait = left > 0 ? left : 0;
    }
    if (wait < 0 && wanted > w->at)
        wait = wanted - w->at;
    return wait;
}
