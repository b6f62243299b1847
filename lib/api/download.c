#include "api/download.h"

#include "api/page.h"
#include "http/url.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#define ETAG "etag:"
#define MODIFIED "modified:"

static bool starts(struct str s, const char *with)
{
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* Notes what the answer is known by. */
static int take_validator(struct download *d, const struct http_call *c,
                          struct err *e)
{
    struct str v;
    buf_reset(&d->validator);
    if (http_header(c, "etag", 0, &v) && v.n)
        buf_addz(&d->validator, ETAG);
    else if (http_header(c, "last-modified", 0, &v) && v.n)
        buf_addz(&d->validator, MODIFIED);
    else
        return 0;
    return buf_add_str(&d->validator, v) ? err_nomem(e) : 0;
}

/* A weak validator does not tell one byte from another. */
static bool is_strong(struct str validator)
{
    return validator.n && !starts(validator, ETAG "W/");
}

static const char *value_of(struct buf *validator)
{
    const char *z = buf_z(validator);
    return z ? strchr(z, ':') + 1 : NULL;
}

/* ---- reading on ---- */

/* True if the answer is the rest of what was read so far, all of it: a server
 * may give less than it was asked for (RFC 9110, section 14.2). */
static bool is_rest(const struct download *d, const struct http_call *c)
{
    struct str range;
    unsigned long long last, size;
    if (http_status(c) != 206 || !http_header(c, "content-range", 0, &range) ||
        range.n <= 6 || strncasecmp(range.p, "bytes ", 6) != 0)
        return false;
    char *end;
    unsigned long long from = strtoull(range.p + 6, &end, 10);
    if (from != d->got || *end != '-')
        return false;
    last = strtoull(end + 1, &end, 10);
    if (*end != '/')
        return false;
    size = end[1] == '*' ? d->size : strtoull(end + 1, NULL, 10);
    return last + 1 == size && (!d->size || size == d->size);
}

/* Asks for the rest. 0 or -1. */
static int read_on(struct download *d, const struct err *why, struct err *e)
{
    char range[64], *condition = NULL;
    bool whole = d->got == 0;
    if (!http_again(fetch_call(d->fetch)) ||
        (!whole && (!d->ranges || !is_strong(buf_str(&d->validator))))) {
        *e = *why;
        return -1;
    }
    snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-", d->got);
    const char *validator = whole ? "" : value_of(&d->validator);
    if (!validator || asprintf(&condition, "If-Range: %s", validator) < 0)
        return err_nomem(e);
    const char *headers[] = { range, condition };
    int r = fetch_again(d->fetch, headers, whole ? 0 : 2, why, e) ||
            fetch_wait(d->fetch, e);
    free(condition);
    if (r)
        return -1;
    const struct http_call *c = fetch_call(d->fetch);
    if (whole ? http_status(c) == 200 : is_rest(d, c))
        return 0;
    return err_set(e, ERR_TEMPFAIL,
                   "'%s' broke off and has changed since, or its server has "
                   "not all of the rest",
                   d->uri.p);
}

static ssize_t read_body(void *from, void *buf, size_t n, struct err *e)
{
    struct download *d = from;
    for (;;) {
        struct err why = { 0 };
        /* Whoever waits for what was read so far gets it before we wait. */
        if (d->in.idle && !http_ready(fetch_call(d->fetch)) &&
            d->in.idle(d->in.ctx, e))
            return -1;
        ssize_t r = http_read(fetch_call(d->fetch), buf, n, &why);
        if (r >= 0) {
            d->got += (uint64_t)r;
            if (r > 0)
                fetch_refresh(d->fetch);
            return r;
        }
        if (read_on(d, &why, e))
            return -1;
    }
}

/* ---- the first answer ---- */

static int add_condition(struct download *d, struct str validator)
{
    size_t name = starts(validator, ETAG) ? strlen(ETAG) : strlen(MODIFIED);
    buf_addz(&d->condition, starts(validator, ETAG) ? "If-None-Match: "
                                                    : "If-Modified-Since: ");
    return buf_add(&d->condition, validator.p + name, validator.n - name) ||
                   !buf_z(&d->condition)
               ? -1
               : 0;
}

static int start(struct download *d, struct fetcher *by,
                 const struct http_request *r, struct str validator,
                 struct err *e)
{
    struct http_request mine = *r;
    if (r->n_headers >= DOWNLOAD_HEADERS_MAX)
        return err_set(e, ERR_USAGE, "more than %d headers",
                       DOWNLOAD_HEADERS_MAX - 1);
    for (size_t i = 0; i < r->n_headers; i++)
        d->headers[i] = r->headers[i];
    mine.headers = d->headers;
    mine.name = d->uri.p;
    if (starts(validator, ETAG) || starts(validator, MODIFIED)) {
        if (add_condition(d, validator))
            return err_nomem(e);
        d->headers[mine.n_headers++] = d->condition.p;
    }
    return fetch_start(&d->fetch, by, &mine, e) || fetch_wait(d->fetch, e) ? -1
                                                                           : 0;
}

/* Was the answer asked for only if there is something new? */
static bool is_conditional(const struct download *d,
                           const struct http_request *r)
{
    bool given = d->condition.n > 0;
    for (size_t i = 0; i < r->n_headers; i++)
        given |= strncasecmp(r->headers[i], "if-none-match:", 14) == 0 ||
                 strncasecmp(r->headers[i], "if-modified-since:", 18) == 0;
    return given;
}

int download_open(struct download *d, struct fetcher *by,
                  const struct http_request *r, struct str validator,
                  const struct api_opts *o, struct err *e)
{
    struct str ranges;
    d->uri.max = (size_t)1 << 17;
    d->validator.max = 8192;
    if (url_show(r->url, &d->uri) || !buf_z(&d->uri))
        return err_nomem(e);
    if (start(d, by, r, validator, e))
        return -1;
    const struct http_call *c = fetch_call(d->fetch);
    if (http_status(c) == 304)
        return is_conditional(d, r) ? 0 : http_status_error(c, e);
    if (http_status(c) == 206)
        return err_set(e, ERR_DATA, "'%s' answers with a part of itself",
                       d->uri.p);
    if (page_check_frame(c, o, e) || page_check_coding(c, e) ||
        take_validator(d, c, e))
        return -1;
    if (!http_length(c, &d->size))
        d->size = 0;
    d->ranges = http_header(c, "accept-ranges", 0, &ranges) && ranges.n == 5 &&
                strncasecmp(ranges.p, "bytes", 5) == 0;
    input_reader(&d->in, read_body, d, d->size, d->uri.p);
    d->in.modified = http_modified(c);
    d->in.format = page_format(c, fetch_url(d->fetch));
    d->open = true;
    return 1;
}

void download_close(struct download *d)
{
    if (d->open)
        input_close(&d->in);
    fetch_end(d->fetch);
    buf_free(&d->uri);
    buf_free(&d->validator);
    buf_free(&d->condition);
    *d = (struct download){ 0 };
}
