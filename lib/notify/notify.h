/* notify: who is told of what is wrong with a pipeline, and that it is over.
 *
 * A trouble has a name (`what`: "failed", "late 2026-01-02T02:15:00Z") and is
 * open from the first time that it is raised until it is settled. Each of the
 * pipeline's `notify` entries that wants its event and severity is told once,
 * again after `repeat` while it lasts, and that it is over if it wants
 * "recovered" and had been told. What could not be delivered is told the next
 * time. STATE/notify/PIPELINE.json remembers, under a lock.
 *
 * Delivery takes at most NOTIFY_PATIENCE_MS for each entry, and its failure is
 * handed to warn(); it is never one of the run. */
#ifndef NOTIFY_NOTIFY_H
#define NOTIFY_NOTIFY_H

#include "base/err.h"
#include "base/str.h"
#include "config/pipeline.h"

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_PATIENCE_MS 10000

struct notify {
    const struct pipeline_conf *conf; /* borrowed, like all here */
    const char *state;                /* the state directory */
    int64_t now_us;
    void (*warn)(void *ctx, const char *message);
    void *ctx;
};

/* run_id and record may be NULL. */
struct notice {
    enum pipeline_event event;
    enum pipeline_severity severity;
    const char *what;
    const char *title; /* a line */
    const char *text;  /* more of it; may be NULL */
    const char *run_id, *record;
};

/* Raises n troubles, and settles those that are open, have an event of `mask`
 * and are not among them. Without n all of these are settled. 0, or -1 where
 * the state cannot be read or written: nobody may have been told then. */
int notify_tell(const struct notify *x, const struct notice *notices, size_t n,
                unsigned mask, struct err *e);

/* Settles one trouble, where it is open. */
int notify_settle(const struct notify *x, const char *what, struct err *e);

/* Tells all who want the event, each time: for PIPELINE_OK. */
int notify_once(const struct notify *x, const struct notice *notice,
                struct err *e);

#endif
