/* unfinished: runs that told their start and were killed before they told
 * their end. Somebody else tells it for them: that they were aborted. */
#ifndef OBSERVE_UNFINISHED_H
#define OBSERVE_UNFINISHED_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* Appends, for each run of the events in text (lines) that has a start and no
 * end, an event ABORT on a line of its own, at `now` (us), with message as its
 * error. Lines that are no events are passed over. 0, or -1 with e (memory). */
int unfinished_abort(struct buf *out, struct str text, const char *message,
                     int64_t now, struct err *e);

#endif
