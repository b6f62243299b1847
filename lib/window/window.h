/* window: an aggregate in windows of event time.
 *
 *     w = window_new(&options, &host, e);
 *     for each batch of records: window_take(w, recs, n, now, e);
 *     while nothing comes:       window_pass(w, now, e);
 *     window_end(w, e);
 *
 * A window is emitted, one record a group, as soon as the watermark
 * (window/watermark.h) has passed its end: windows in order of their end, then
 * of their start, the groups of one in order of first appearance. A record that
 * belongs to a window which was emitted before is late. What a trailing window
 * holds is emitted for each record as it is taken.
 *
 * Memory: groups of open windows, and what they leave behind until they are
 * swept out together, which is at most as much again. Sessions and trailing
 * windows have a table of the keys that are alive beside; a trailing window
 * keeps the text of its records. All is charged to the budget. Not
 * thread-safe. */
#ifndef WINDOW_WINDOW_H
#define WINDOW_WINDOW_H

#include "aggregate/aggregate.h"
#include "window/windowspec.h"

enum window_late {
    WINDOW_LATE_REJECT, /* by host->fault, code late */
    WINDOW_LATE_DROP,   /* counted in window_dropped */
    WINDOW_LATE_UPDATE  /* as long as the window is kept, its result is emitted
                           anew; later, rejected */
};

struct window_options {
    struct windowspec spec;
    const struct zone *zone;   /* borrowed; NULL: UTC */
    const char *tz;            /* its name; NULL: UTC */
    struct path time;          /* borrowed, as source */
    unsigned time_places;      /* a number is in units of 10^-n seconds */
    const struct path *source; /* NULL: one source */
    int64_t lateness_us, idle_us;
    enum window_late late;
    int64_t keep_us; /* behind their end windows are kept for updates */
    struct budget *budget;
};

/* What a window works on. The aggregate is described, also by
 * aggregate_by_window, and begun; keys too,
 * where there is a key, of which they are an aggregate that computes nothing:
 * for sessions and trailing windows, else NULL. All borrowed. Callbacks return
 * 0, or -1 with e. */
struct window_host {
    struct aggregate *aggregate, *keys;
    void *ctx;
    int (*emit)(void *ctx, struct str line, struct err *e);
    /* Record i of the batch cannot be taken; codes are those of aggregates,
     * time_missing, time and late. */
    int (*fault)(void *ctx, size_t i, const struct aggregate_fault *f,
                 struct err *e);
};

struct window;

/* Returns a window, owned, freed with window_free; NULL with e. */
struct window *window_new(const struct window_options *o,
                          const struct window_host *host, struct err *e);
void window_free(struct window *w);

/* Takes n records (checked JSON objects, SELECT_BATCH at most), which must stay
 * in place during the call, at this time of a clock that only goes forward, in
 * microseconds. 0 or -1. */
int window_take(struct window *w, const struct select_record *recs, size_t n,
                int64_t now, struct err *e);

/* Time has passed and nothing is there to be read. 0 or -1. */
int window_pass(struct window *w, int64_t now, struct err *e);

/* Milliseconds from now until window_pass should be called if nothing comes; 0:
 * it needs not. */
int window_wait_ms(const struct window *w, int64_t now);

/* Ends the input: emits all windows that are open. 0 or -1. */
int window_end(struct window *w, struct err *e);

/* So far: records that were dropped for being late; records that were late for
 * some of their windows and taken into others; late records that updated
 * results; results. */
struct window_counts {
    uint64_t dropped, partly_late, updates, results;
};
const struct window_counts *window_counts(const struct window *w);

#endif
