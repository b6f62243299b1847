#include "http/fetch.h"

#include "http/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HEADERS_MAX 64
#define URL_BYTES_MAX ((size_t)1 << 17)

struct fetcher {
    struct fetch_opts opts;
    struct http *http;
    int64_t free_us; /* when the next request may start */
};

struct fetch {
    struct fetcher *by;
    struct http_request r;
    struct buf url, name; /* owned copies; url changes with redirects */
    const char *headers[HEADERS_MAX];
    size_t n_headers;
    struct buf more; /* headers of fetch_again, each with a NUL behind it */
    struct http_call *call;
    struct retry_turn turn;
    unsigned redirects;
    bool renewed;
    bool bare; /* of another origin: without credentials and own headers */
};

/* ---- fetcher ---- */

int fetcher_open(struct fetcher **fp, const struct fetch_opts *opts,
                 struct err *e)
{
    if (url_check(opts->home, e))
        return -1;
    for (size_t i = 0; i < opts->n_origins; i++)
        if (url_check(opts->origins[i], e))
            return -1;
    struct fetcher *f = calloc(1, sizeof(*f));
    if (!f)
        return err_nomem(e);
    f->opts = *opts;
    if (http_open(&f->http, &opts->http, e)) {
        free(f);
        return -1;
    }
    *fp = f;
    return 0;
}

void fetcher_close(struct fetcher *f)
{
    if (!f)
        return;
    http_close(f->http);
    free(f);
}

int fetch_pause(struct fetcher *f, uint64_t ms, struct err *e)
{
    return http_pump(f->http, ms, e);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A token bucket that holds one token: requests are spread evenly, so that no
 * span of time, however the server cuts it, has more than its share. */
static int take_turn(struct fetcher *f, struct err *e)
{
    int64_t now = now_us(), gap = (int64_t)f->opts.gap_us;
    if (!gap)
        return 0;
    if (f->free_us > now &&
        fetch_pause(f, (uint64_t)(f->free_us - now + 999) / 1000, e))
        return -1;
    now = now_us();
    f->free_us = (f->free_us > now ? f->free_us : now) + gap;
    return 0;
}

/* ---- one try ---- */

static int judge_origin(struct fetch *f, struct err *e)
{
    const struct fetch_opts *o = &f->by->opts;
    bool same = false;
    if (url_same_origin(f->url.p, o->home, &same, e))
        return -1;
    f->bare = !same;
    for (size_t i = 0; i < o->n_origins && !same; i++)
        if (url_same_origin(f->url.p, o->origins[i], &same, e))
            return -1;
    if (same)
        return 0;
    struct buf origin = { .max = 4096 };
    if (url_origin(f->url.p, &origin, e) == 0)
        err_set(e, ERR_NOPERM,
                "'%s' sends us on to another origin, which is refused "
                "(--allow-origin %s)",
                o->home, buf_z(&origin) ? origin.p : "");
    buf_free(&origin);
    return -1;
}

/* Takes a new URL, in which a server may have echoed the key it was shown. */
static int set_url(struct fetch *f, const char *url, struct err *e)
{
    const char *key = f->by->opts.key_param;
    struct buf plain = { .max = URL_BYTES_MAX };
    int r = key ? url_set_param(url, str_of(key), (struct str){ 0 }, &plain)
                : buf_addz(&plain, url);
    buf_free(&f->url);
    f->url = plain;
    return r || !buf_z(&f->url) ? err_nomem(e) : judge_origin(f, e);
}

static int list_headers(struct fetch *f, const struct buf *signature,
                        struct err *e)
{
    f->n_headers = 0;
    for (size_t i = 0; i < f->r.n_headers && !f->bare; i++) {
        if (f->n_headers == HEADERS_MAX)
            return err_set(e, ERR_USAGE, "more than %d headers", HEADERS_MAX);
        f->headers[f->n_headers++] = f->r.headers[i];
    }
    const struct buf *lists[] = { signature, &f->more };
    for (size_t k = 0; k < 2; k++)
        for (const char *p = lists[k]->p, *end = p + lists[k]->n; p < end;
             p += strlen(p) + 1) {
            if (f->n_headers == HEADERS_MAX)
                return err_set(e, ERR_USAGE, "more than %d headers",
                               HEADERS_MAX);
            f->headers[f->n_headers++] = p;
        }
    return 0;
}

static int send_one(struct fetch *f, struct err *e)
{
    const struct fetch_opts *o = &f->by->opts;
    struct buf signature = { .max = 65536 }, url = { .max = URL_BYTES_MAX };
    struct buf name = { .max = URL_BYTES_MAX };
    struct str param[2] = { { 0 }, { 0 } };
    struct http_request r = f->r;
    int bad = take_turn(f->by, e);

    if (!bad && !f->bare && o->sign)
        bad = o->sign(o->ctx, &signature, param, e);
    r.url = f->url.p;
    if (!bad && param[0].n) {
        url_set_param(f->url.p, param[0], param[1], &url);
        r.url = buf_z(&url);
    }
    /* Not by the signed URL. */
    if (!bad && !r.name) {
        url_show(f->url.p, &name);
        r.name = buf_z(&name);
    }
    if (!bad && (signature.failed || !r.url || !r.name))
        bad = err_nomem(e);
    bad = bad || list_headers(f, &signature, e);
    r.headers = f->headers;
    r.n_headers = f->n_headers;
    r.netrc = f->bare ? NULL : o->netrc;
    bad = bad || http_start(f->by->http, &r, &f->call, e);
    if (signature.p)
        explicit_bzero(signature.p, signature.n);
    if (url.p)
        explicit_bzero(url.p, url.n);
    buf_free(&signature);
    buf_free(&url);
    buf_free(&name);
    return bad ? -1 : 0;
}

int fetch_start(struct fetch **fp, struct fetcher *by,
                const struct http_request *r, struct err *e)
{
    struct fetch *f = calloc(1, sizeof(*f));
    if (!f)
        return err_nomem(e);
    f->by = by;
    f->r = *r;
    f->turn.started_ms = http_clock_ms();
    if (r->name)
        buf_addz(&f->name, r->name);
    int bad = !buf_z(&f->name) ? err_nomem(e) : 0;
    f->r.name = r->name ? f->name.p : NULL;
    if (bad || set_url(f, r->url, e) || send_one(f, e)) {
        fetch_end(f);
        return -1;
    }
    *fp = f;
    return 0;
}

void fetch_end(struct fetch *f)
{
    if (!f)
        return;
    http_end(f->call);
    buf_free(&f->url);
    buf_free(&f->name);
    buf_free(&f->more);
    free(f);
}

/* ---- until it is good ---- */

static uint64_t floor_ms(const struct fetch *f)
{
    struct str value;
    uint64_t ms = 0;
    if (f->call && http_status(f->call) >= 400 &&
        http_header(f->call, "retry-after", 0, &value) &&
        !retry_after(value, (int64_t)time(NULL), &ms))
        ms = 0;
    return ms;
}

/* Waits and sends again: 0; -1 with e, which is why where it was tried often
 * enough. */
static int try_again(struct fetch *f, const struct err *why, struct err *e)
{
    uint64_t wait, least = floor_ms(f);
    if (retry_next(&f->by->opts.retry, &f->turn, least, &wait)) {
        http_end(f->call);
        f->call = NULL;
        return fetch_pause(f->by, wait, e) || send_one(f, e) ? -1 : 0;
    }
    *e = *why;
    size_t n = strlen(e->msg);
    if (least && n < sizeof(e->msg) - 80)
        snprintf(e->msg + n, sizeof(e->msg) - n,
                 ", and asks to wait for %llu s",
                 (unsigned long long)(least / 1000));
    return -1;
}

static int give_up(const struct err *why, struct err *e)
{
    *e = *why;
    return -1;
}

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

static int follow(struct fetch *f, struct err *e)
{
    struct str location;
    struct buf to = { .max = URL_BYTES_MAX };
    unsigned status = http_status(f->call);
    bool body = f->r.body.p || f->r.reader;
    if (body && status != 307 && status != 308)
        return http_status_error(f->call, e);
    if (!http_header(f->call, "location", 0, &location))
        return err_set(e, ERR_DATA, "'%s' redirects to nowhere",
                       http_name(f->call));
    if (++f->redirects > FETCH_REDIRECTS_MAX)
        return err_set(e, ERR_DATA, "'%s' redirects more than %d times",
                       http_name(f->call), FETCH_REDIRECTS_MAX);
    if (url_resolve(f->url.p, location, &to, e) || !buf_z(&to)) {
        buf_free(&to);
        return -1;
    }
    int bad = set_url(f, to.p, e);
    buf_free(&to);
    http_end(f->call);
    f->call = NULL;
    return bad || send_one(f, e) ? -1 : 0;
}

/* A 401 may be about credentials that have aged: 1 if there are new ones. */
static int renew(struct fetch *f, struct err *e)
{
    const struct fetch_opts *o = &f->by->opts;
    if (http_status(f->call) != 401 || !o->renew || f->renewed || f->bare)
        return 0;
    f->renewed = true;
    int r = o->renew(o->ctx, e);
    if (r <= 0)
        return r;
    http_end(f->call);
    f->call = NULL;
    return send_one(f, e) ? -1 : 1;
}

/* An answer that is not good yet: 0 to wait for the next one, -1 with e. */
static int answer_badly(struct fetch *f, struct err *e)
{
    struct err why = { 0 };
    unsigned status = http_status(f->call);
    if (is_redirect(status))
        return follow(f, e);
    int r = renew(f, e);
    if (r != 0)
        return r < 0 ? -1 : 0;
    http_status_error(f->call, &why);
    return retry_status(status) ? try_again(f, &why, e) : give_up(&why, e);
}

int fetch_wait(struct fetch *f, struct err *e)
{
    for (;;) {
        struct err why = { 0 };
        if (!f->call && send_one(f, e))
            return -1;
        if (http_wait(f->call, &why)) {
            if (http_again(f->call) ? try_again(f, &why, e) : give_up(&why, e))
                return -1;
            continue;
        }
        unsigned status = http_status(f->call);
        if ((status >= 200 && status < 300) || status == 304)
            return 0;
        if (answer_badly(f, e))
            return -1;
    }
}

int fetch_body(struct fetch *f, struct buf *out, struct err *e)
{
    size_t from = out->n;
    struct err why = { 0 };
    while (http_body(f->call, out, &why)) {
        bool again = !out->failed && http_again(f->call);
        out->n = from;
        if (again ? try_again(f, &why, e) : give_up(&why, e))
            return -1;
        if (fetch_wait(f, e))
            return -1;
    }
    return 0;
}

int fetch_again(struct fetch *f, const char *const *headers, size_t n,
                const struct err *why, struct err *e)
{
    buf_reset(&f->more);
    for (size_t i = 0; i < n; i++) {
        buf_addz(&f->more, headers[i]);
        buf_addc(&f->more, '\0');
    }
    return f->more.failed ? err_nomem(e) : try_again(f, why, e);
}

void fetch_refresh(struct fetch *f)
{
    f->turn = (struct retry_turn){ .started_ms = http_clock_ms() };
    f->renewed = false;
}

struct http_call *fetch_call(const struct fetch *f)
{
    return f->call;
}

const char *fetch_url(const struct fetch *f)
{
    return f->url.p;
}
