/* paging: which page of an API comes next, and when there is none.
 *
 * Knows nothing of requests: it is told what a page said, and says what to ask
 * for. A server that sends us round in circles, or gives the same page for
 * every number, ends it with ERR_DATA; so do more pages than allowed. One
 * thread. */
#ifndef API_PAGING_H
#define API_PAGING_H

#include "api/options.h"
#include "base/buf.h"
#include "base/hash.h"

struct paging {
    const struct api_opts *o; /* borrowed */
    struct buf base;          /* the URL of the first page */
    struct buf url;           /* of the next one, for link and next */
    struct buf value;         /* cursor, offset or number, a JSON scalar; empty
                                 where the first page needs none */
    bool in_body;             /* the value goes into the body, not the URL */
    bool ready;               /* the next page is known */
    bool ended;               /* there is none */
    uint64_t number;          /* of the next page, or its offset */
    uint64_t asked, pages;    /* asked for; behind paging_learn */
    uint64_t records;         /* behind paging_done */
    uint64_t total;           /* records, by the server's word */
    bool has_total;
    uint64_t short_at;       /* where a page was shorter than asked for, */
    bool is_short;           /* if one was */
    struct hash128 last;     /* of the last page that had records */
    struct hash128 *seen;    /* owned: places that pages were at: */
    size_t seen_n, seen_cap; /* an open-addressing table */
};

/* What the server said with a page; all borrowed. */
struct paging_page {
    struct str body;        /* decompressed; JSON where the scheme looks into
                               it */
    const struct str *link; /* values of Link headers, n of them */
    size_t n_link;
    const char *url; /* where the page is: what references are relative to */
};

/* url is that of the first page. 0 or -1 (memory). paging_free in every
 * case. */
int paging_init(struct paging *p, const struct api_opts *o, const char *url,
                bool in_body, struct err *e);
void paging_free(struct paging *p);

/* Appends the URL to ask for next, and the page's value to put into the body:
 * 1; 0 where it is not known yet, or there is none; -1 with e. */
int paging_ask(struct paging *p, struct buf *url, struct buf *value,
               struct err *e);

/* Learns from a page, in the order of asking. -1 with ERR_DATA. */
int paging_learn(struct paging *p, const struct paging_page *page,
                 struct err *e);

/* The page whose body has this hash was read, and had so many records. -1 with
 * ERR_DATA. */
int paging_done(struct paging *p, struct hash128 body, uint64_t taken,
                struct err *e);

/* Behind the last page: -1 with ERR_TEMPFAIL where the server promised more
 * records than there were. */
int paging_finish(const struct paging *p, struct err *e);

#endif
