/* private: what the parts of the HTTP client share. */
#ifndef HTTP_PRIVATE_H
#define HTTP_PRIVATE_H

#include "http/client.h"
#include "http/curl.h"
#include "http/retry.h"

#define HEAD_MAX ((size_t)256 << 10) /* bytes of headers */
#define HOLD_DEFAULT ((size_t)256 << 10)

struct http {
    const struct curl_lib *lib;
    struct http_opts opts;
    CURLM *multi;
};

struct http_call {
    struct http *h;
    CURL *easy;
    struct curl_slist *headers;
    struct buf name; /* what messages call it */
    /* The answer. */
    struct buf head; /* "name\0value\0" for each header */
    unsigned status; /* 0: not there yet */
    bool headed;     /* all headers of the final answer are there */
    size_t trailers; /* bytes behind the body */
    struct buf body; /* bytes nobody has taken yet begin at body_at */
    size_t body_at, hold;
    bool paused; /* libcurl holds back bytes for which there is no room */
    /* The request's body. */
    struct str sent;
    size_t sent_at;
    ssize_t (*reader)(void *from, void *buf, size_t n, struct err *e);
    void *from;
    struct err read_err; /* why the reader failed */
    /* How it goes. */
    bool added, done, refused, stopped, late, no_memory;
    CURLcode result; /* once done */
    curl_off_t up;   /* bytes sent so far */
    int64_t quiet;   /* since when nothing came or went, ms */
    int64_t started; /* ms */
    char why[CURL_ERROR_SIZE];
};

/* Sets what libcurl calls when something of the answer comes, or is to be
 * sent. */
void answer_callbacks(struct http_call *c);

#endif
