/* post: JSON or metrics to a URL by HTTP, with libcurl.
 *
 * libcurl and what it needs take several times as long to load as all of our
 * own: it is loaded when it is asked for. Redirects are not followed, since a
 * key is for the host that it was given for. One thread. */
#ifndef OBSERVE_POST_H
#define OBSERVE_POST_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

#define POST_CONNECT_MS 2000
#define POST_TOTAL_MS 5000

/* Where to, and what; borrowed. */
struct post_to {
    const char *url;
    const char *key; /* goes along as Authorization: Bearer, and is in no
                        message; NULL: none */
    bool metrics; /* PUT, in the text format of Prometheus; else POST, JSON */
};

struct post;

/* Copies what it needs. ERR_UNAVAILABLE where libcurl is not installed,
 * ERR_CONFIG where the key has bytes that no header may have. */
struct post *post_open(const struct post_to *to, struct err *e);

/* Sends one body; takes at most POST_TOTAL_MS. 0, or -1 with ERR_UNAVAILABLE:
 * no answer, or another than 2xx. */
int post_send(struct post *p, struct str body, struct err *e);

void post_close(struct post *p);

#endif
