/* sender: a process that posts events to a URL while the stage works, or
 * metrics when it is done.
 *
 * A start event must not hold up the run, a library that is loaded for it must
 * not be in the way of the data, and a name server that hangs must not keep the
 * stage from ending: so a child does it, and what it has not done in time is
 * given up. It holds none of the stage's descriptors, and ends when the stage
 * does, however that is. */
#ifndef OBSERVE_SENDER_H
#define OBSERVE_SENDER_H

#include "observe/post.h"

#include <sys/types.h>

#define SENDER_PATIENCE_MS                             \
    5500 /* one event's time, and some to load libcurl \
          */

struct sender {
    pid_t pid;
    int fd; /* -1: none */
};

/* Starts it, for events; while there are no threads. key as in struct post_to.
 * 0, or -1 with e. */
int sender_start(struct sender *s, const char *url, const char *key,
                 struct err *e);

/* The same with a process that is no child of this one, for who waits for all
 * children. It ends by itself. */
int sender_start_apart(struct sender *s, const char *url, const char *key,
                       struct err *e);

/* The same for metrics: one body, which is sent when it has ended. */
int sender_start_metrics(struct sender *s, const char *url, const char *key,
                         struct err *e);

/* Hands over an event, a line with LF, or a part of the metrics. Does not wait
 * for it to be sent. 0, or -1 with e. */
int sender_send(struct sender *s, struct str text, struct err *e);

/* Waits until all is sent, at most SENDER_PATIENCE_MS. 0, or -1 with
 * ERR_UNAVAILABLE: why the first of those that were not was not. Safe on what
 * was never started. */
int sender_end(struct sender *s, struct err *e);

/* All of it for one event: 0, or -1 with why it was not taken. */
int sender_post(const char *url, struct str line, struct err *e);

#endif
