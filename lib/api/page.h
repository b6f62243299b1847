/* page: one page of an API: asked for, held in memory, read as an input.
 *
 * A page is whole before its first record is read: what is lost on the way is
 * fetched anew, and nothing comes twice. One thread. */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "api/paging.h"
#include "http/fetch.h"
#include "io/input.h"

struct page {
    struct fetch *fetch; /* while it is under way */
    struct buf uri;      /* what it is called, secrets left out */
    struct buf sent;     /* the request's body */
    struct buf body;     /* decompressed */
    size_t at;           /* bytes of it that were read */
    struct hash128 hash; /* of it */
    const char *format;
    struct input in;
    bool open; /* in is */
};

/* A header of every request. */
#define API_ACCEPT_GZIP "Accept-Encoding: gzip"

/* Starts a page: r's url and body (within page->sent) are of this page, its
 * headers and method those of all. */
int page_start(struct page *page, struct fetcher *by,
               const struct http_request *r, const struct api_opts *o,
               struct err *e);

/* Waits until the page is there, and tells paging what it says. -1 with what
 * fetch_wait and paging_learn give, and ERR_DATA where it is larger than
 * o->max_page, or its end cannot be told. */
int page_wait(struct page *page, struct paging *paging,
              const struct api_opts *o, struct err *e);

/* The page as an input, until page_reset. */
struct input *page_input(struct page *page);

void page_reset(struct page *page); /* for the next one; keeps memory */
void page_free(struct page *page);

/* The format that an answer's Content-Type, or else the URL's name, tells
 * (source_formats), static; NULL: neither does. */
const char *page_format(const struct http_call *c, const char *url);

/* -1 with ERR_DATA for a Content-Encoding that we did not ask for. */
int page_check_coding(const struct http_call *c, struct err *e);

/* -1 with ERR_CONFIG for a body whose end nothing tells. */
int page_check_frame(const struct http_call *c, const struct api_opts *o,
                     struct err *e);

#endif
