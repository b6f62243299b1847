/* ping: tells a health check (such as healthchecks.io or Uptime Kuma) that a
 * job has begun, is done, or has failed; it raises the alarm where it hears
 * nothing. URL/start, URL and URL/fail, by POST, with a line of text. */
#ifndef NOTIFY_PING_H
#define NOTIFY_PING_H

#include "base/err.h"
#include "base/str.h"

enum ping { PING_START, PING_DONE, PING_FAILED };

/* url may be env:NAME or file:PATH. PING_START is sent by a process of its own,
 * which nobody waits for, and is no child of this one: failures of it are not
 * heard of. The others are waited for, a few seconds at most. 0 or -1. */
int ping_send(const char *url, enum ping what, struct str text, struct err *e);

#endif
