/* await: looks at sensors until they hold.
 *
 * Sensors of local things are looked at when something happens where they are;
 * all of them now and then: the first time at once, then after a random time
 * that grows from interval_ms to max_interval_ms, of which half is certain, so
 * that many that wait for one server do not ask it all together. Time is that
 * of run/clock.h: who sets the clock changes nothing. One at a time in a
 * process. */
#ifndef WAIT_AWAIT_H
#define WAIT_AWAIT_H

#include "wait/sensor.h"

/* What became of a sensor. */
enum await_news {
    AWAIT_HOLDS,  /* text: NULL */
    AWAIT_LACKS,  /* it held, and does not any more; or: why not at first */
    AWAIT_FAILED, /* any: it never will; others may */
    AWAIT_BLIND   /* changes of folders are not told; s is NULL */
};

struct await_spec {
    struct sensor **sensors; /* n of them, borrowed */
    size_t n;
    bool any;            /* one is enough */
    bool once;           /* do not wait, but for what has to stay as it is */
    uint64_t timeout_ms; /* 0: none */
    uint64_t interval_ms, max_interval_ms;
    bool (*stop)(void); /* true once a signal came */
    /* May be NULL. */
    void (*tell)(void *context, enum await_news news, const struct sensor *s,
                 uint64_t looks, const char *text);
    void *context;
};

/* For sensor_opts.stop: true once a signal came, or the time is up. Only while
 * await is running. */
bool await_stopping(void);

/* 0: all of them hold (or one), at the same time as far as looking one after
 * the other can tell. -1 with ERR_TEMPFAIL (time is up, or once: the message
 * names what is missing; a signal), or with what a sensor failed with. */
int await(const struct await_spec *spec, struct err *e);

#endif
