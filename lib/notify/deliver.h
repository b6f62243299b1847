/* deliver: one notice to one who wants it: a command, a webhook, mail. */
#ifndef NOTIFY_DELIVER_H
#define NOTIFY_DELIVER_H

#include "base/err.h"
#include "base/str.h"
#include "notify/notify.h"

/* message is the notice as JSON, one line with LF. A command, run by bash, has
 * it on stdin and its parts as PIPE_NOTICE_* in the environment; a webhook has
 * it as the body of a POST; mail is handed to sendmail (PIPE_SENDMAIL, else
 * what the system has). 0, or -1: it was not taken. */
int deliver(const struct notify *x, const struct pipeline_notify *to,
            const struct notice *notice, bool over, struct str message,
            struct err *e);

/* The target with env:NAME and file:PATH resolved: owned by the caller, freed
 * with secret_free. */
int deliver_target(const char *text, struct str *target, struct err *e);

#endif
