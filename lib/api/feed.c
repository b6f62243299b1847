/* http: what an HTTP API or a web server has, page by page or as one body. */
#include "api/auth.h"
#include "api/download.h"
#include "api/page.h"
#include "api/request.h"
#include "http/url.h"
#include "json/value.h"
#include "source/feed.h"

#include <strings.h>

#define PAGES_MAX 66 /* what --parallel may be, and some */
#define HEADERS_MAX 60
#define URL_BYTES_MAX ((size_t)1 << 17)

struct feed_http {
    struct feed base;
    struct api_opts o;
    struct fetch_opts how;
    struct auth *auth;
    struct fetcher *fetcher;
    const char *headers[HEADERS_MAX];
    struct http_request request; /* what all requests have in common */
    struct buf template;         /* of their bodies */
    struct buf url;              /* of the first one */
    struct buf partition;        /* of its position */
    bool begun, over, paged_body;
    /* One body. */
    struct buf sent;
    struct download download;
    /* Pages: a ring of those asked for, of which the first may be open. */
    struct paging paging;
    struct page pages[PAGES_MAX];
    size_t first, n;
    bool reading;
};

/* ---- open ---- */

static void set_manners(struct feed_http *h)
{
    const struct api_opts *o = &h->o;
    h->how = (struct fetch_opts){
        .http = { .agent = "pipeutils/" PIPE_VERSION,
                  .ca_file = o->ca_file,
                  .proxy = o->proxy,
                  .connect_ms = o->connect_ms,
                  .idle_ms = o->idle_ms,
                  .allow_private = o->allow_private,
                  .stop = h->base.opts->stop },
        .retry = retry_default,
        .gap_us = o->gap_us,
        .home = h->base.uri,
        .origins = o->origins.v,
        .n_origins = o->origins.n,
    };
    h->how.retry.times = (unsigned)(o->retries > 1000 ? 1000 : o->retries);
    h->how.retry.deadline_ms = o->retry_for_ms;
}

static bool has_header(const struct api_opts *o, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < o->headers.n; i++)
        if (strncasecmp(o->headers.v[i], name, n) == 0 &&
            o->headers.v[i][n] == ':')
            return true;
    return false;
}

static bool is_packed_name(const char *url)
{
    size_t n = strcspn(url, "?#");
    return (n > 3 && memcmp(url + n - 3, ".gz", 3) == 0) ||
           (n > 4 && memcmp(url + n - 4, ".zst", 4) == 0);
}

static int set_request(struct feed_http *h, struct err *e)
{
    const struct api_opts *o = &h->o;
    size_t n = 0;
    if (o->headers.n > HEADERS_MAX - 2)
        return err_set(e, ERR_USAGE, "more than %d headers", HEADERS_MAX - 2);
    for (; n < o->headers.n; n++)
        h->headers[n] = o->headers.v[n];
    /* A file that is packed as such would come packed twice. */
    if (!is_packed_name(h->base.uri) && !has_header(o, "accept-encoding"))
        h->headers[n++] = API_ACCEPT_GZIP;
    if (o->body && !has_header(o, "content-type"))
        h->headers[n++] = "Content-Type: application/json";
    h->request = (struct http_request){ .method = o->method,
                                        .headers = h->headers,
                                        .n_headers = n };
    h->template.max = h->sent.max = API_BODY_MAX;
    return request_template(o, &h->template, e);
}

static bool has_param(const struct api_opts *o, struct str name)
{
    for (size_t i = 0; i < o->params.n; i++)
        if (strncasecmp(o->params.v[i], name.p, name.n) == 0 &&
            o->params.v[i][name.n] == '=')
            return true;
    return false;
}

static int check_url(const char *uri, const struct api_opts *o, struct err *e)
{
    if (url_check(uri, e))
        return -1;
    static const struct str refused[] = { { "api_key", 7 },
                                          { "apikey", 6 },
                                          { "access_token", 12 },
                                          { "client_secret", 13 },
                                          { "password", 8 } };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (url_has_param(uri, refused[i]) || has_param(o, refused[i]))
            return err_set(e, ERR_USAGE,
                           "a URL must not hold a secret ('%.*s'), which ps "
                           "would show: use --auth apikey --api-key-param %.*s "
                           "--token env:NAME",
                           STR_ARG(refused[i]), STR_ARG(refused[i]));
    return 0;
}

static int http_feed_open(struct feed *base, struct err *e)
{
    struct feed_http *h = (struct feed_http *)base;
    if (api_options_read(&h->o, e) || check_url(base->uri, &h->o, e))
        return -1;
    set_manners(h);
    if (set_request(h, e) || auth_open(&h->auth, &h->o, base->uri, &h->how, e))
        return -1;
    auth_use(h->auth, &h->how);
    return fetcher_open(&h->fetcher, &h->how, e);
}

static void http_feed_close(struct feed *base)
{
    struct feed_http *h = (struct feed_http *)base;
    for (size_t i = 0; i < PAGES_MAX; i++)
        page_free(&h->pages[i]);
    download_close(&h->download);
    paging_free(&h->paging);
    fetcher_close(h->fetcher);
    auth_close(h->auth);
    api_options_free(&h->o);
    buf_free(&h->template);
    buf_free(&h->url);
    buf_free(&h->partition);
    buf_free(&h->sent);
}

/* ---- requests ---- */

static struct str watermark(const struct feed_http *h)
{
    const struct source_cursor *c = h->base.opts->cursor;
    return c ? c->from : STR("");
}

/* r with the body of a page whose value is this, written into sent. */
static int fill_body(struct feed_http *h, struct str value, struct buf *sent,
                     struct http_request *r, struct err *e)
{
    *r = h->request;
    if (!h->o.body)
        return 0;
    sent->max = API_BODY_MAX;
    if (request_body(&h->o, buf_str(&h->template), watermark(h), value, sent,
                     NULL))
        return err_nomem(e);
    r->body = buf_str(sent);
    return 0;
}

static int begin(struct feed_http *h, struct err *e)
{
    const struct api_opts *o = &h->o;
    struct buf scratch = { .max = API_BODY_MAX };
    h->url.max = h->partition.max = URL_BYTES_MAX;
    h->begun = true;
    if (request_url(o, h->base.uri, watermark(h), &h->url, e))
        return -1;
    int bad = request_body(o, buf_str(&h->template), STR(""), STR(""), &scratch,
                           &h->paged_body) ||
              url_show(h->url.p, &h->partition) || !buf_z(&h->partition);
    buf_free(&scratch);
    if (bad)
        return err_nomem(e);
    return o->paging == PAGING_NONE
               ? 0
               : paging_init(&h->paging, o, h->url.p, h->paged_body, e);
}

/* ---- one body ---- */

/* A URL that asks for what is new has no answer to compare. */
static bool is_conditional(const struct feed_http *h)
{
    return h->o.if_changed && !h->base.opts->cursor &&
           !request_has_cursor(&h->o, h->base.uri);
}

/* The validator that the load before left behind, into text. */
static int last_validator(const struct feed_http *h, struct buf *text,
                          struct err *e)
{
    const struct positions *from = h->base.opts->resume;
    const struct position *p =
        from && is_conditional(h) ? positions_find(from, buf_str(&h->partition))
                                  : NULL;
    struct str v = p ? p->value : STR("");
    if (v.n > 2 && v.p[0] == '"' &&
        json_unescape(text, (struct str){ v.p + 1, v.n - 2 }))
        return err_nomem(e);
    return 0;
}

static int next_download(struct feed_http *h, struct input **in, struct err *e)
{
    struct http_request r;
    struct buf validator = { .max = 8192 };
    if (h->over)
        return 0;
    h->over = true;
    int n = last_validator(h, &validator, e) ||
                    fill_body(h, STR(""), &h->sent, &r, e)
                ? -1
                : 1;
    r.url = h->url.p;
    if (n > 0)
        n = download_open(&h->download, h->fetcher, &r, buf_str(&validator),
                          &h->o, e);
    buf_free(&validator);
    *in = &h->download.in;
    return n;
}

/* ---- pages ---- */

static struct page *page_at(struct feed_http *h, size_t i)
{
    return &h->pages[(h->first + i) % PAGES_MAX];
}

/* Asks for pages as far as they are known, up to so many under way. */
static int ask_ahead(struct feed_http *h, size_t most, struct err *e)
{
    struct buf url = { .max = URL_BYTES_MAX }, value = { .max = URL_BYTES_MAX };
    int r = 1;
    while (r > 0 && h->n < most) {
        struct page *page = page_at(h, h->n);
        struct http_request request;
        r = paging_ask(&h->paging, &url, &value, e);
        if (r <= 0)
            break;
        h->n++;
        if (fill_body(h, buf_str(&value), &page->sent, &request, e)) {
            r = -1;
            break;
        }
        request.url = url.p;
        if (page_start(page, h->fetcher, &request, &h->o, e))
            r = -1;
    }
    buf_free(&url);
    buf_free(&value);
    return r < 0 ? -1 : 0;
}

static int end_page(struct feed_http *h, struct err *e)
{
    struct page *page = page_at(h, 0);
    struct hash128 hash = page->hash;
    page_reset(page);
    h->reading = false;
    h->first = (h->first + 1) % PAGES_MAX;
    h->n--;
    return paging_done(&h->paging, hash, h->base.taken, e);
}

/* Has the next page be made while this one is read; not where requests are
 * rationed, since this one would wait for its turn. */
static int look_ahead(struct feed_http *h, struct err *e)
{
    if (h->o.gap_us || h->paging.ended || !h->paging.ready)
        return 0;
    return ask_ahead(h, h->o.parallel + 1, e) || fetch_pause(h->fetcher, 0, e)
               ? -1
               : 0;
}

static int next_page(struct feed_http *h, struct input **in, struct err *e)
{
    if (h->reading && end_page(h, e))
        return -1;
    if (!h->paging.ended && ask_ahead(h, h->o.parallel, e))
        return -1;
    /* Pages asked for behind the end are of no interest. */
    if (h->paging.ended || h->n == 0)
        return paging_finish(&h->paging, e);
    struct page *page = page_at(h, 0);
    if (page_wait(page, &h->paging, &h->o, e) || look_ahead(h, e))
        return -1;
    h->reading = true;
    *in = page_input(page);
    return 1;
}

/* ---- the interface ---- */

static int http_feed_next(struct feed *base, struct input **in, struct err *e)
{
    struct feed_http *h = (struct feed_http *)base;
    if (!h->begun && begin(h, e))
        return -1;
    return h->o.paging == PAGING_NONE ? next_download(h, in, e)
                                      : next_page(h, in, e);
}

/* What the body is known by, so that it need not be read again. */
static int http_feed_done(struct feed *base, struct positions *at,
                          struct err *e)
{
    struct feed_http *h = (struct feed_http *)base;
    struct str v = buf_str(&h->download.validator);
    struct buf json = { .max = 65536 };
    if (!is_conditional(h) || !v.n)
        return 0;
    struct position *p = positions_at(at, buf_str(&h->partition), e);
    int r = !p ? -1
            : json_quote(&json, v)
                ? err_nomem(e)
                : position_set(p, POSITION_MARK, buf_str(&json), e);
    buf_free(&json);
    return r;
}

static const char *const schemes[] = { "http://", "https://", NULL };

FEED_CONNECTOR(http) = {
    .name = "http",
    .schemes = schemes,
    .size = sizeof(struct feed_http),
    .opts = api_options,
    .open = http_feed_open,
    .next = http_feed_next,
    .done = http_feed_done,
    .close = http_feed_close,
};
