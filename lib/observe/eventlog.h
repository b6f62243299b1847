/* eventlog: a file of events, one a line, that many processes append to. */
#ifndef OBSERVE_EVENTLOG_H
#define OBSERVE_EVENTLOG_H

#include "base/err.h"
#include "base/str.h"

#define EVENTLOG_PATIENCE_MS 5000

/* Appends line, which ends in LF, under the file's lock; what a process that
 * was killed left of a line is cut off first. What is no regular file
 * (/dev/stderr, a FIFO) is written to without waiting. 0; -1 with
 * ERR_TEMPFAIL where the lock cannot be had in EVENTLOG_PATIENCE_MS, or
 * ERR_CANTCREAT, ERR_NOPERM, ERR_IO: then nothing of the line is in the file.
 */
int eventlog_append(const char *path, struct str line, struct err *e);

#endif
