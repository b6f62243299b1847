/* event: an OpenLineage RunEvent as text, read in two steps: first who and
 * when, which is cheap, then what was read and written.
 *
 * Events of any producer and version are taken as far as they have what is
 * asked for. Texts borrow from the event; strings are as they stand in it,
 * without quotes but with escapes. Thread-safe. */
#ifndef LINEAGE_EVENT_H
#define LINEAGE_EVENT_H

#include "base/str.h"
#include "json/value.h"

#include <stdbool.h>
#include <stdint.h>

enum event_type {
    EVENT_START, /* also RUNNING and OTHER: the run goes on */
    EVENT_ABORT,
    EVENT_FAIL,
    EVENT_COMPLETE
};

struct event {
    enum event_type type;
    int64_t us; /* 0: not known */
    struct str run, job_namespace, job;
    struct str parent_run, parent_namespace, parent; /* .p NULL: none */
    bool ours; /* by a tool of this suite */
};

/* Reads who and when. False where text is no RunEvent, or not even JSON as far
 * as it was looked at. */
bool event_read(struct event *e, struct str text);

/* A member that is a string, without its quotes; .p NULL: there is none. */
struct str event_string(struct val object, struct str key);

#endif
