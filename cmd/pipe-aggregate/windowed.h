/* windowed: the options of --window, and the way of records through windows. */
#ifndef PIPE_AGGREGATE_WINDOWED_H
#define PIPE_AGGREGATE_WINDOWED_H

#include "ops/window.h"
#include "stage/stage.h"

/* As given: the destinations of option rows. Times are milliseconds. */
struct windowed_options {
    const char *window, *time, *time_unit, *late, *source;
    uint64_t lateness, late_for, idle_timeout;
};
extern struct windowed_options windowed_options;

#define WINDOWED_ROWS                                                         \
    { OPT_GROUP, 0, "windows", NULL, NULL,          "Windows of event time",  \
      NULL,      0, 0,         0,    COMPLETE_NONE, NULL },                   \
        { OPT_STRING,                                                         \
          0,                                                                  \
          "window",                                                           \
          "[KIND:]LENGTH",                                                    \
          &windowed_options.window,                                           \
          "aggregate by windows: tumbling:1h (or 1h), sliding:1h,5m, "        \
          "session:30m, trailing:30d",                                        \
          NULL,                                                               \
          0,                                                                  \
          0,                                                                  \
          0,                                                                  \
          COMPLETE_NONE,                                                      \
          NULL },                                                             \
        { OPT_STRING,                                                         \
          0,                                                                  \
          "time",                                                             \
          "FIELD",                                                            \
          &windowed_options.time,                                             \
          "the field that says when a record happened: RFC 3339, a date, or " \
          "a "                                                                \
          "number",                                                           \
          NULL,                                                               \
          0,                                                                  \
          0,                                                                  \
          0,                                                                  \
          COMPLETE_NONE,                                                      \
          NULL },                                                             \
        { OPT_CHOICE,                                                         \
          0,                                                                  \
          "time-unit",                                                        \
          "UNIT",                                                             \
          &windowed_options.time_unit,                                        \
          "what numbers in --time count since 1970; default s",               \
          windowed_units,                                                     \
          0,                                                                  \
          0,                                                                  \
          0,                                                                  \
          COMPLETE_NONE,                                                      \
          NULL },                                                             \
        { OPT_TIME,                                                           \
          0,                                                                  \
          "lateness",                                                         \
          "TIME",                                                             \
          &windowed_options.lateness,                                         \
          "how much later than others a record may come, by its time; "       \
          "default "                                                          \
          "0s",                                                               \
          NULL,                                                               \
          0,                                                                  \
          WINDOWED_TIME_MAX,                                                  \
          0,                                                                  \
          COMPLETE_NONE,                                                      \
          NULL },                                                             \
        { OPT_CHOICE,                                                         \
          0,                                                                  \
          "late",                                                             \
          "WAY",                                                              \
          &windowed_options.late,                                             \
          "what becomes of records that come later still; default reject",    \
          windowed_ways,                                                      \
          0,                                                                  \
          0,                                                                  \
          0,                                                                  \
          COMPLETE_NONE,                                                      \
          NULL },                                                             \
        { OPT_TIME,                                                           \
          0,                                                                  \
          "late-for",                                                         \
          "TIME",                                                             \
          &windowed_options.late_for,                                         \
          "keep windows so long behind their end for --late update",          \
          NULL,                                                               \
          1,                                                                  \
          WINDOWED_TIME_MAX,                                                  \
          0,                                                                  \
          COMPLETE_NONE,                                                      \
          NULL },                                                             \
        { OPT_TIME,                                                           \
          0,                                                                  \
          "idle-timeout",                                                     \
          "TIME",                                                             \
          &windowed_options.idle_timeout,                                     \
          "where nothing comes for so long, go on by the clock",              \
          NULL,                                                               \
          1,                                                                  \
          WINDOWED_TIME_MAX,                                                  \
          0,                                                                  \
          COMPLETE_NONE,                                                      \
          NULL },                                                             \
    {                                                                         \
        OPT_STRING, 0, "source", "FIELD", &windowed_options.source,           \
            "tell sources apart by this field: time has come as far as in "   \
            "the one furthest behind",                                        \
            NULL, 0, 0, 0, COMPLETE_NONE, NULL                                \
    }
#define WINDOWED_TIME_MAX ((uint64_t)36525 * 86400000) /* 100 years */
extern const char *const windowed_units[], *const windowed_ways[];

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
