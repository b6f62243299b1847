/* fetch: requests with the manners that a server may expect: tried again after
 * a while, not too many a second, redirects followed no further than allowed,
 * credentials for nobody but the origin that they are for.
 *
 *     fetch_start(&f, fetcher, &request, e);
 *     fetch_wait(f, e);              a good answer is there
 *     fetch_body(f, &body, e);       or http_read(fetch_call(f), ...)
 *     fetch_end(f);
 *
 * Several may be under way. One thread a fetcher. */
#ifndef HTTP_FETCH_H
#define HTTP_FETCH_H

#include "http/client.h"
#include "http/retry.h"

#define FETCH_REDIRECTS_MAX 5

struct fetch_opts {
    struct http_opts http;
    struct retry retry;
    uint64_t gap_us;  /* between the starts of two requests; 0: none */
    const char *home; /* a URL: credentials go to its origin alone */
    const char *const *origins; /* others that may be asked, without them */
    size_t n_origins;
    /* Adds credentials to a request: headers, one behind the other, each with a
     * NUL behind it; or in *param a parameter with its value for the URL,
     * borrowed until the next call. NULL: there are none. 0 or -1. */
    int (*sign)(void *ctx, struct buf *headers, struct str param[2],
                struct err *e);
    /* The server took the credentials for no good (401): 1 if there are new
     * ones now, 0 if not, -1 with e. NULL: never. */
    int (*renew)(void *ctx, struct err *e);
    void *ctx;
    const char *netrc;     /* a file; NULL: none */
    const char *key_param; /* a parameter that sign sets: what a server put
                              into a URL in its place is dropped; NULL: none */
};

struct fetcher;
struct fetch;

/* What opts points to is borrowed until fetcher_close. -1 with ERR_UNAVAILABLE
 * (libcurl), ERR_USAGE (home, origins). */
int fetcher_open(struct fetcher **f, const struct fetch_opts *opts,
                 struct err *e);
void fetcher_close(struct fetcher *f);

/* Starts a request, as http_start; waits only where the rate says so. r's url
 * and name are copied, the rest is borrowed until fetch_end. ERR_NOPERM where
 * its origin is neither home nor allowed. */
int fetch_start(struct fetch **f, struct fetcher *by,
                const struct http_request *r, struct err *e);

/* Waits for an answer of status 2xx or 304. Errors are those of http_wait and
 * http_status_error, behind the last try; and ERR_NOPERM for a redirect to an
 * origin that is not allowed, ERR_DATA for one that is none. */
int fetch_wait(struct fetch *f, struct err *e);

/* Appends the whole body, from its start again where a connection was lost. */
int fetch_body(struct fetch *f, struct buf *out, struct err *e);

/* Behind fetch_wait. Borrowed; the call until the next fetch_ function. */
struct http_call *fetch_call(const struct fetch *f);
const char *fetch_url(const struct fetch *f); /* behind all redirects */

/* Ends the call that is under way and asks again after a while, with these
 * headers besides: for a body that is read on from where it broke off. -1 with
 * e; where it was tried often enough that is why. */
int fetch_again(struct fetch *f, const char *const *headers, size_t n,
                const struct err *why, struct err *e);

/* What was read since is worth all tries anew. */
void fetch_refresh(struct fetch *f);

void fetch_end(struct fetch *f); /* NULL is fine */

/* Lets all that is under way go on for so long. -1 if a signal came. */
int fetch_pause(struct fetcher *f, uint64_t ms, struct err *e);

#endif
