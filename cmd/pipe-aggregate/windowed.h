/* windowed: the options of --window, and the way of records through windows. */
#ifndef PIPE_AGGREGATE_WINDOWED_H
#define PIPE_AGGREGATE_WINDOWED_H

#include "window/window.h"
#include "stage/stage.h"

/* As given: the destinations of option rows. Times are milliseconds. */
struct windowed_options {
    const char *window, *time, *time_unit, *late, *source;
    uint64_t lateness, late_for, idle_timeout;
};
extern struct windowed_options windowed_options;

/* What the rows allow. */
extern const char *const windowed_units[], *const windowed_ways[];
#define WINDOWED_TIME_MAX ((uint64_t)36525 * 86400000) /* 100 years */

struct windowed {
    struct stage *st;
    struct window *window;
    struct windowspec spec;
    struct path time, source;
    struct budget *budget;
    struct aggregate *keys;    /* owned */
    const struct record *recs; /* the batch in hand */
    int64_t flushed;           /* microseconds: when output was last */
    bool waiting;              /* results are in the output's buffer */
};

/* Reads the options: true in *wanted with --window. -1 with st->err where they
 * do not fit together. w is zeroed before; windowed_free is due after. */
int windowed_start(struct windowed *w, struct stage *st, bool *wanted);

/* True where the kind of window needs an aggregate that knows the keys alone,
 * to be described and put into w->keys before windowed_begin. */
bool windowed_needs_keys(const struct windowed *w);

/* a is described and begun; borrowed, as budget. 0 or -1 with st->err. */
int windowed_begin(struct windowed *w, struct aggregate *a,
                   struct budget *budget);

/* Takes n records, and counts them. 0 or -1 with st->err. */
int windowed_take(struct windowed *w, const struct record *recs,
                  const struct select_record *picked, size_t n);

/* The input is whole and good: the windows that are open. 0 or -1. */
int windowed_end(struct windowed *w);

void windowed_free(struct windowed *w);

#endif
