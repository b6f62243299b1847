/* Tumbling and sliding windows: each begins with a step, and lasts for a number
 * of steps. Its number among the aggregate's groups is its first instant. */
#include "window/window_private.h"

#include <stdlib.h>

/* Groups that are not needed any more are swept out when they are more than
 * those that are, and than this. */
#define SWEEP_FROM 64

struct pane {
    int64_t start, end;
    uint32_t first, last; /* groups, linked in order of first appearance;
                             first is WINDOW_NO_GROUP: none */
};

struct about_group {
    uint32_t next;    /* of its window, or WINDOW_NO_GROUP */
    uint32_t updates; /* results that late records made */
};

/* Windows are in order of start, which is that of end too: so the first of them
 * are those that were emitted, and are kept for late records. */
struct panes {
    struct region open; /* struct pane */
    size_t emitted;     /* how many of them */
    struct region about;
    uint32_t known;  /* groups that are linked into their windows */
    int64_t *starts; /* owned: of the windows of the last time, latest first */
    int64_t next;    /* behind the step that begins at starts[0] */
    struct select_record recs[SELECT_BATCH]; /* to be taken */
    int64_t numbers[SELECT_BATCH];
    unsigned char of[SELECT_BATCH]; /* the batch's records that they are */
    size_t n;
};

static struct pane *first_pane(const struct panes *p)
{
    return (struct pane *)(void *)p->open.p;
}

static size_t n_panes(const struct panes *p)
{
    return p->open.n / sizeof(struct pane);
}

static struct about_group *about(const struct panes *p)
{
    return (struct about_group *)(void *)p->about.p;
}

static void close_panes(struct window *w)
{
    if (!w->panes)
        return;
    region_free(&w->panes->open);
    region_free(&w->panes->about);
    free(w->panes->starts);
    free(w->panes);
}

static int open_panes(struct window *w, struct err *e)
{
    w->panes = calloc(1, sizeof(*w->panes));
    if (w->panes)
        w->panes->starts =
            calloc((size_t)w->o.spec.steps, sizeof(*w->panes->starts));
    if (!w->panes || !w->panes->starts)
        return err_nomem(e);
    w->panes->open.budget = w->o.budget;
    w->panes->about.budget = w->o.budget;
    return 0;
}

/* ---- windows ---- */

/* Where the window that begins at start is, or would be. */
static size_t place_of(const struct panes *p, int64_t start)
{
    size_t low = 0, high = n_panes(p);
    if (high && first_pane(p)[high - 1].start <= start)
        return high - (first_pane(p)[high - 1].start == start);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (first_pane(p)[mid].start < start)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct pane *find_pane(const struct panes *p, int64_t start)
{
    size_t at = place_of(p, start);
    struct pane *pane = first_pane(p) + at;
    return at < n_panes(p) && pane->start == start ? pane : NULL;
}

static int add_pane(struct panes *p, int64_t start, int64_t end, struct err *e)
{
    size_t at = place_of(p, start);
    if (region_reserve(&p->open, sizeof(struct pane), e))
        return -1;
    struct pane *pane = first_pane(p) + at;
    memmove(pane + 1, pane, (n_panes(p) - at) * sizeof(*pane));
    *pane = (struct pane){
        .start = start,
        .end = end,
        .first = WINDOW_NO_GROUP,
        .last = WINDOW_NO_GROUP,
    };
    p->open.n += sizeof(*pane);
    return 0;
}

static int64_t end_of(const struct window *w, int64_t start)
{
    for (int64_t i = 0; i < w->o.spec.steps; i++)
        start = span_next(&w->o.spec.step, w->o.zone, start);
    return start;
}

/* The windows that a time lies in begin with its step and those before. */
static void find_starts(struct window *w, int64_t time)
{
    struct panes *p = w->panes;
    const struct span *step = &w->o.spec.step;
    if (time >= p->starts[0] && time < p->next)
        return;
    p->starts[0] = span_floor(step, w->o.zone, time);
    p->next = span_next(step, w->o.zone, p->starts[0]);
    for (int64_t i = 1; i < w->o.spec.steps; i++)
        p->starts[i] = span_floor(step, w->o.zone, p->starts[i - 1] - 1);
}

/* ---- groups ---- */

static void link_group(struct panes *p, struct pane *pane, uint32_t group)
{
    about(p)[group].next = WINDOW_NO_GROUP;
    if (pane->first == WINDOW_NO_GROUP)
        pane->first = group;
    else
        about(p)[pane->last].next = group;
    pane->last = group;
}

/* Links the groups that came up since into their windows. */
static int link_groups(struct window *w, struct err *e)
{
    struct panes *p = w->panes;
    uint32_t n = aggregate_groups(w->host.aggregate);
    if (n > p->known &&
        region_reserve(&p->about, (n - p->known) * sizeof(struct about_group),
                       e))
        return -1;
    for (; p->known < n; p->known++) {
        uint32_t group = p->known;
        int64_t start = aggregate_window_of(w->host.aggregate, group);
        struct pane *pane = find_pane(p, start);
        about(p)[group].updates = 0;
        p->about.n += sizeof(struct about_group);
        link_group(p, pane, group);
    }
    return 0;
}

static bool is_open(void *ctx, uint32_t group)
{
    struct window *w = ctx;
    int64_t start = aggregate_window_of(w->host.aggregate, group);
    return find_pane(w->panes, start) != NULL;
}

static void moved(void *ctx, uint32_t old, uint32_t new)
{
    struct window *w = ctx;
    about(w->panes)[new].updates = about(w->panes)[old].updates;
}

/* Groups keep their order when others go: the lists are made anew. */
static int sweep(struct window *w, struct err *e)
{
    struct panes *p = w->panes;
    uint32_t n = aggregate_groups(w->host.aggregate);
    if (w->dead < SWEEP_FROM || w->dead < n / 2)
        return 0;
    if (n_panes(p) == 0)
        aggregate_clear(w->host.aggregate);
    else if (aggregate_keep(w->host.aggregate, is_open, moved, w, e))
        return -1;
    w->dead = 0;
    n = aggregate_groups(w->host.aggregate);
    p->about.n = n * sizeof(struct about_group);
    for (size_t i = 0; i < n_panes(p); i++)
        first_pane(p)[i].first = WINDOW_NO_GROUP;
    for (uint32_t group = 0; group < n; group++) {
        int64_t start = aggregate_window_of(w->host.aggregate, group);
        link_group(p, find_pane(p, start), group);
    }
    p->known = n;
    return 0;
}

/* ---- records ---- */

/* Takes what has been put off. */
static int flush(struct window *w, struct err *e)
{
    struct panes *p = w->panes;
    struct aggregate_fault f;
    size_t at = 0;
    int r = 1;
    while (p->n && (r = aggregate_take_in(w->host.aggregate, p->recs,
                                          p->numbers, p->n, &at, &f, e)) == 0)
        if (window_fault(w, p->of[at - 1], &f, e))
            return -1;
    if (r != 1)
        return -1;
    p->n = 0;
    return link_groups(w, e);
}

static int put_off(struct window *w, size_t i, int64_t number, struct err *e)
{
    struct panes *p = w->panes;
    if (p->n == SELECT_BATCH && flush(w, e))
        return -1;
    if (w->gone >> i & 1)
        return 0;
    p->recs[p->n] = w->recs[i];
    p->numbers[p->n] = number;
    p->of[p->n++] = (unsigned char)i;
    return 0;
}

/* A record for a window that was emitted, and is kept. */
static int update(struct window *w, size_t i, int64_t start, struct err *e)
{
    struct panes *p = w->panes;
    uint32_t group;
    if (flush(w, e) || window_take_one(w, i, start, &group, e))
        return -1;
    if (group == WINDOW_NO_GROUP)
        return 0;
    if (link_groups(w, e))
        return -1;
    struct pane *pane = find_pane(p, start);
    return window_emit(w, group, start, pane->end, ++about(p)[group].updates,
                       e);
}

/* Takes record i into the window that begins at start: 1, 0 where that is gone,
 * -1. */
static int add_to(struct window *w, size_t i, int64_t start, bool *updates,
                  struct err *e)
{
    struct panes *p = w->panes;
    struct pane *pane = find_pane(p, start);
    int64_t end = pane ? pane->end : end_of(w, start);
    if (window_passed(w, window_kept_until(w, end)))
        return 0;
    if (!pane && add_pane(p, start, end, e))
        return -1;
    if (!window_passed(w, end))
        return put_off(w, i, start, e) ? -1 : 1;
    p->emitted += !pane;
    *updates = true;
    return update(w, i, start, e) ? -1 : 1;
}

/* Windows in order of their end: those that have gone come first. */
static int add(struct window *w, size_t i, int64_t time, struct err *e)
{
    int64_t taken = 0, steps = w->o.spec.steps;
    bool updates = false;
    find_starts(w, time);
    for (int64_t k = steps - 1; k >= 0 && !(w->gone >> i & 1); k--) {
        int r = add_to(w, i, w->panes->starts[k], &updates, e);
        if (r < 0)
            return -1;
        taken += r;
    }
    if (taken == 0)
        return window_late(w, i, time, e);
    if (!(w->gone >> i & 1)) {
        w->counts.partly_late += taken < steps;
        w->counts.updates += updates;
    }
    return 0;
}

/* ---- the end of windows ---- */

static int64_t due(const struct window *w)
{
    const struct panes *p = w->panes;
    const struct pane *pane = first_pane(p);
    if (p->emitted < n_panes(p))
        return pane[p->emitted].end;
    return n_panes(p) ? window_kept_until(w, pane->end) : INT64_MAX;
}

static int emit_pane(struct window *w, size_t i, struct err *e)
{
    struct panes *p = w->panes;
    const struct pane *pane = first_pane(p) + i;
    for (uint32_t group = pane->first; group != WINDOW_NO_GROUP;
         group = about(p)[group].next)
        if (window_emit(w, group, pane->start, pane->end, 0, e))
            return -1;
    return 0;
}

/* Lets those go that nothing updates any more. */
static void forget_panes(struct window *w)
{
    struct panes *p = w->panes;
    struct pane *pane = first_pane(p), *end = pane + n_panes(p);
    for (; pane < end && window_passed(w, window_kept_until(w, pane->end));
         pane++)
        for (uint32_t g = pane->first; g != WINDOW_NO_GROUP;
             g = about(p)[g].next)
            w->dead++;
    size_t left = (size_t)(end - pane);
    p->emitted -= n_panes(p) - left;
    memmove(first_pane(p), pane, left * sizeof(*pane));
    p->open.n = left * sizeof(*pane);
}

static int close(struct window *w, struct err *e)
{
    struct panes *p = w->panes;
    if (flush(w, e))
        return -1;
    for (; p->emitted < n_panes(p); p->emitted++) {
        if (!window_passed(w, first_pane(p)[p->emitted].end))
            break;
        if (emit_pane(w, p->emitted, e))
            return -1;
    }
    if (n_panes(p))
        forget_panes(w);
    return sweep(w, e);
}

const struct window_ops pane_ops = {
    .open = open_panes,
    .free = close_panes,
    .add = add,
    .close = close,
    .due = due,
    .flush = flush,
};
