/* download: one body of any size, read as it comes.
 *
 * Where the connection is lost and the server offers ranges, it is read on
 * from there, as long as it is the same (RFC 9110, section 13.1.5). One
 * thread. */
#ifndef API_DOWNLOAD_H
#define API_DOWNLOAD_H

#include "api/options.h"
#include "http/fetch.h"
#include "io/input.h"

#define DOWNLOAD_HEADERS_MAX 64

struct download {
    struct fetch *fetch;
    const char *headers[DOWNLOAD_HEADERS_MAX]; /* of all its requests */
    struct buf condition;                      /* one of them */
    struct buf uri;       /* what it is called, secrets left out */
    struct buf validator; /* "etag:..." or "modified:..."; empty: none */
    uint64_t got, size;   /* bytes read, and in all (0: nobody knows) */
    bool ranges;          /* the server offers them */
    struct input in;
    bool open; /* in is */
};

/* Asks for r, unless it has not changed since `validator` was what it had
 * (empty: anyway): 1 with d->in to be read until download_close; 0 if it has
 * not; -1 as fetch_wait. r is borrowed until then. */
int download_open(struct download *d, struct fetcher *by,
                  const struct http_request *r, struct str validator,
                  const struct api_opts *o, struct err *e);
void download_close(struct download *d);

#endif
