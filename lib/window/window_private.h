/* window_private: what the parts of window share: records, times and results
 * (window.c), and how each kind of window assigns and closes (pane.c,
 * session.c, trail.c). */
#ifndef WINDOW_WINDOW_PRIVATE_H
#define WINDOW_WINDOW_PRIVATE_H

#include "window/watermark.h"
#include "window/window.h"

#define WINDOW_NO_GROUP UINT32_MAX

/* A kind of window. Functions return 0 or -1 with e. */
struct window_ops {
    int (*open)(struct window *w, struct err *e);
    void (*free)(struct window *w);
    /* Takes record i of the batch, whose time this is. */
    int (*add)(struct window *w, size_t i, int64_t time, struct err *e);
    /* Emits what the watermark has passed; at WATERMARK_END everything. */
    int (*close)(struct window *w, struct err *e);
    /* When the watermark gets here there is something to close; INT64_MAX:
     * nothing is open. */
    int64_t (*due)(const struct window *w);
    /* The batch is over, before its records go: 0 or -1. */
    int (*flush)(struct window *w, struct err *e);
};

extern const struct window_ops pane_ops, session_ops, trail_ops;

#define WATERMARK_END INT64_MAX

struct window {
    struct window_options o;
    struct window_host host;
    const struct window_ops *ops;
    struct watermark mark;
    struct select *select;
    struct select_batch picked;
    int time_slot, source_slot; /* the latter -1: one source */
    struct window_counts counts;
    struct buf head, line, pointer, message;

    /* The batch in hand. */
    const struct select_record *recs;
    size_t n;
    uint64_t gone; /* records that were rejected */

    /* Groups that no window needs any more, and what is known of each. */
    uint32_t dead;
    union {
        struct panes *panes;
        struct sessions *sessions;
        struct trails *trails;
    };
};

/* What has come of taking one record into the aggregate: its group, or
 * WINDOW_NO_GROUP where it was rejected. */
int window_take_one(struct window *w, size_t i, int64_t number, uint32_t *group,
                    struct err *e);

/* Rejects record i of the batch, unless that was done before. */
int window_fault(struct window *w, size_t i, const struct aggregate_fault *f,
                 struct err *e);

/* Record i is late: it is dropped or rejected, as the options say. */
int window_late(struct window *w, size_t i, int64_t time, struct err *e);

/* Emits the result of a group; update of 0 is not printed. */
int window_emit(struct window *w, uint32_t group, int64_t start, int64_t end,
                uint64_t update, struct err *e);

/* Finds the key of each record of the batch: rejects those without one. */
int window_find_keys(struct window *w, struct err *e);

/* The key of record i of the batch, found before: 0 without keys. */
static inline uint32_t window_key(const struct window *w, size_t i)
{
    return w->host.keys ? aggregate_group_of(w->host.keys, i) : 0;
}

/* What an end is kept for: late records may update it until then. */
static inline int64_t window_kept_until(const struct window *w, int64_t end)
{
    return w->o.late == WINDOW_LATE_UPDATE ? end + w->o.keep_us : end;
}

static inline bool window_passed(const struct window *w, int64_t at)
{
    return at <= w->mark.at;
}

#endif
