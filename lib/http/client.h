/* client: HTTP requests, one after the other or several side by side.
 *
 *     http_open(&h, &opts, e);
 *     http_start(h, &request, &call, e);
 *     http_wait(call, e);                  the status and headers are there
 *     while ((n = http_read(call, buf, size, e)) > 0) ...
 *     http_end(call);
 *     http_close(h);
 *
 * Bodies of any size take constant memory: what nobody reads is not taken from
 * the socket. A body that ends early (of a Content-Length, of chunks) is
 * ERR_TEMPFAIL, never a short body. Nothing is decoded: a body that came with
 * Content-Encoding: gzip is gzip. Redirects are not followed and nothing is
 * tried again here: that takes policy (http/fetch.h). Messages show URLs
 * without what in their query looks like a key. HTTP/1.1, over TLS with
 * certificates checked. One thread a client. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All may be left 0. Strings are borrowed until http_close. */
struct http_opts {
    const char *agent;   /* NULL: pipeutils/VERSION */
    const char *ca_file; /* certificates trusted; NULL: the system's */
    const char *proxy;   /* a URL; NULL: none, whatever the environment says */
    uint64_t connect_ms; /* to connect, at most; 0: 10 s */
    uint64_t idle_ms;    /* without a byte, at most; 0: 60 s */
    uint64_t total_ms;   /* for one request with its body; 0: no limit */
    bool allow_private;  /* also addresses as of http/address.h; with a proxy
                            the look-up is its own, and only hosts given as
                            addresses are judged */
    bool (*stop)(void);  /* true once a signal came: ends waiting with
                            ERR_TEMPFAIL; NULL: never */
};

#define HTTP_SIZE_UNKNOWN UINT64_MAX

/* What is left 0 or NULL is not sent. All is borrowed until http_start
 * returns, but body, reader and from until http_end. */
struct http_request {
    const char *method;         /* NULL: GET, with a body POST */
    const char *url;            /* http:// or https://, without user@ */
    const char *name;           /* what messages call it; NULL: the URL as
                                   url_show has it */
    const char *const *headers; /* "Name: value", n of them */
    size_t n_headers;
    const char *netrc; /* a file: name and password of the host as Basic */
    struct str body;   /* .p NULL: none */
    /* Instead of body: reads 1 to n bytes, 0 at the end, -1 with e. */
    ssize_t (*reader)(void *from, void *buf, size_t n, struct err *e);
    void *from;
    uint64_t size; /* of what reader gives; HTTP_SIZE_UNKNOWN: in chunks */
    size_t hold;   /* bytes of the answer read ahead; 0: 256 KiB */
};

struct http;
struct http_call;

/* 0 with *h owned, closed with http_close; -1 with ERR_UNAVAILABLE where
 * libcurl is not installed. */
int http_open(struct http **h, const struct http_opts *opts, struct err *e);
void http_close(
    struct http *h); /* behind http_end of all calls; NULL is fine */

/* Sends a request: returns at once with *c owned, ended with http_end. Several
 * may be under way; each goes on while any is waited for. -1 with ERR_USAGE
 * (no such URL). */
int http_start(struct http *h, const struct http_request *r,
               struct http_call **c, struct err *e);

/* Ends a call, in the middle of its body too (the connection is closed then).
 * NULL is fine. */
void http_end(struct http_call *c);

/* Waits until status and headers are there. -1 with ERR_TEMPFAIL (time-outs,
 * lost connections, a signal), ERR_UNAVAILABLE (no such host, nobody there),
 * ERR_CONFIG (a certificate that does not hold), ERR_NOPERM (a private
 * address). */
int http_wait(struct http_call *c, struct err *e);

/* Start and wait; on failure *c is NULL, and *again (may be NULL) tells
 * http_again. */
int http_send(struct http *h, const struct http_request *r,
              struct http_call **c, bool *again, struct err *e);

/* Reads 1 to n bytes of the body, 0 at its end; -1 as http_wait. */
ssize_t http_read(struct http_call *c, void *buf, size_t n, struct err *e);

/* Appends the whole body, as long as out->max allows: ERR_DATA beyond. */
int http_body(struct http_call *c, struct buf *out, struct err *e);

/* Lets all calls go on for so long, as far as they have room for what comes. -1
 * with ERR_TEMPFAIL if a signal came. */
int http_pump(struct http *h, uint64_t ms, struct err *e);

/* ---- behind http_wait ---- */

unsigned http_status(const struct http_call *c);

/* The nth (0-based) header of that name (any case); false where there is none.
 * Borrowed until http_end. */
bool http_header(const struct http_call *c, const char *name, size_t nth,
                 struct str *value);

/* True with the length of the body, where the answer tells it. */
bool http_length(const struct http_call *c, uint64_t *n);

/* When the body last changed, by the server's word: microseconds since 1970; 0
 * where it does not tell. */
int64_t http_modified(const struct http_call *c);

/* True if the answer tells where its body ends. Else only the end of the
 * connection does, and a body cut short looks whole. */
bool http_is_framed(const struct http_call *c);

/* True if a call that failed may do better when it is tried again: the
 * connection was refused or lost, the body ended early, time ran out. */
bool http_again(const struct http_call *c);

/* What messages call the call. Borrowed. */
const char *http_name(const struct http_call *c);

/* The status as an error: ERR_NOPERM (401, 403, 407), ERR_NOINPUT (404, 410),
 * ERR_TEMPFAIL (408, 425, 429), ERR_UNAVAILABLE (5xx), ERR_CONFIG (others).
 * Always -1. */
int http_status_error(const struct http_call *c, struct err *e);

#endif
