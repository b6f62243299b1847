/* options: what can be said about an HTTP API, read from the command line. */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include "cli/opt.h"
#include "json/path.h"

#include <stdint.h>

extern const struct opt api_options[];

enum auth_kind {
    AUTH_NONE,
    AUTH_BEARER,
    AUTH_BASIC,  /* user and password, or a netrc file */
    AUTH_APIKEY, /* in a header, or a parameter of the URL */
    AUTH_OAUTH2  /* client credentials (RFC 6749, section 4.4) */
};

enum paging_kind {
    PAGING_NONE,
    PAGING_LINK,   /* a Link header with rel="next" */
    PAGING_CURSOR, /* a value in the body that goes into a parameter */
    PAGING_OFFSET, /* how many records to pass over */
    PAGING_PAGE,   /* a page's number */
    PAGING_NEXT    /* a URL in the body */
};

/* Strings are borrowed from the command line. */
struct api_opts {
    struct opt_list headers, params, origins;
    const char *method, *body; /* NULL: none */
    const char *initial;       /* for {cursor}, before there is one; NULL */
    enum auth_kind auth;
    const char *token, *user, *netrc;
    const char *key_header, *key_param; /* one of them, for AUTH_APIKEY */
    const char *token_url, *client_id, *scope;
    enum paging_kind paging;
    const char *page_param;  /* of a cursor, an offset or a page number */
    const char *limit_param; /* NULL: none */
    uint64_t page_size;      /* 0: not said */
    uint64_t first_page, max_pages, parallel;
    uint64_t max_page;               /* bytes of one */
    struct path cursor_at, total_at; /* cursor_at also for PAGING_NEXT */
    bool has_total;
    uint64_t gap_us; /* between two requests */
    uint64_t retries, retry_for_ms, idle_ms, connect_ms;
    bool allow_private, allow_unframed;
    bool if_changed; /* ask only for what is not what it was */
    const char *ca_file, *proxy;
    char *proxy_text; /* owned: proxy, where it was read from a secret */
};

/* 0, or -1 with ERR_USAGE. api_options_free in every case. */
int api_options_read(struct api_opts *o, struct err *e);
void api_options_free(struct api_opts *o);

/* "10/s", "600/m", "5000/h": microseconds between two. 0 or -1. */
int api_rate(const char *text, uint64_t *gap_us);

#endif
