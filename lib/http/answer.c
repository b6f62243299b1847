/* answer: what libcurl hands us of an answer, and what we hand it to send. */
#include "http/address.h"
#include "http/private.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* ---- headers ---- */

static void add_header(struct http_call *c, struct str line)
{
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon)
        return;
    struct str name = { line.p, (size_t)(colon - line.p) };
    struct str value = { colon + 1, line.n - name.n - 1 };
    while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
        value.p++, value.n--;
    while (value.n && strchr(" \t\r\n", value.p[value.n - 1]))
        value.n--;
    buf_add_str(&c->head, name);
    buf_addc(&c->head, '\0');
    buf_add_str(&c->head, value);
    buf_addc(&c->head, '\0');
}

static unsigned status_of(struct str line)
{
    const char *space = memchr(line.p, ' ', line.n);
    unsigned status = 0;
    if (!space)
        return 0;
    for (const char *p = space; ++p < line.p + line.n && p < space + 4;)
        status =
            *p >= '0' && *p <= '9' ? status * 10 + (unsigned)(*p - '0') : 0;
    return status;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    struct http_call *c = ctx;
    struct str line = { data, size * n };
    c->quiet = http_clock_ms();
    if (c->headed) {
        c->trailers += line.n;
        c->head.failed = c->head.failed || c->trailers > HEAD_MAX;
        return c->head.failed ? 0 : line.n;
    }
    if (line.n > 5 && strncasecmp(line.p, "HTTP/", 5) == 0) {
        c->status = status_of(line);
        buf_reset(&c->head);
        return line.n;
    }
    if (line.n <= 2 && line.p[0] != ':') {
        c->headed = c->status >= 200; /* else one that another one follows */
        return line.n;
    }
    if (memchr(line.p, '\0', line.n))
        c->head.failed = true;
    add_header(c, line);
    return c->head.failed ? 0 : line.n;
}

bool http_header(const struct http_call *c, const char *name, size_t nth,
                 struct str *value)
{
    const char *p = c->head.p, *end = p + c->head.n;
    while (p && p < end) {
        const char *v = p + strlen(p) + 1;
        bool same = strcasecmp(p, name) == 0;
        if (same && nth-- == 0) {
            *value = str_of(v);
            return true;
        }
        p = v + strlen(v) + 1;
    }
    return false;
}

bool http_length(const struct http_call *c, uint64_t *n)
{
    curl_off_t length = -1;
    if (c->h->lib->getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                           &length) != CURLE_OK ||
        length < 0)
        return false;
    *n = (uint64_t)length;
    return true;
}

int64_t http_modified(const struct http_call *c)
{
    char text[64];
    struct str v;
    if (!http_header(c, "last-modified", 0, &v) || v.n >= sizeof(text))
        return 0;
    memcpy(text, v.p, v.n);
    text[v.n] = '\0';
    int64_t seconds = (int64_t)c->h->lib->getdate(text, NULL);
    return seconds > 0 ? seconds * 1000000 : 0;
}

bool http_is_framed(const struct http_call *c)
{
    struct str coding;
    uint64_t n;
    if (http_length(c, &n) || c->status == 204 || c->status == 304)
        return true;
    /* By RFC 9112, section 6.3, chunked ends a body only as the last coding. */
    return http_header(c, "transfer-encoding", 0, &coding) && coding.n >= 7 &&
           strncasecmp(coding.p + coding.n - 7, "chunked", 7) == 0;
}

/* ---- bodies ---- */

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct http_call *c = ctx;
    size_t bytes = size * n, left = c->body.n - c->body_at;
    c->quiet = http_clock_ms();
    if (left && left + bytes > c->hold) {
        c->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (c->body_at) {
        memmove(c->body.p, c->body.p + c->body_at, left);
        c->body.n = left;
        c->body_at = 0;
    }
    if (buf_add(&c->body, data, bytes)) {
        c->no_memory = true;
        return 0;
    }
    return bytes;
}

static size_t on_send(char *buf, size_t size, size_t n, void *ctx)
{
    struct http_call *c = ctx;
    size_t room = size * n;
    if (c->reader) {
        ssize_t r = c->reader(c->from, buf, room, &c->read_err);
        return r < 0 ? CURL_READFUNC_ABORT : (size_t)r;
    }
    struct str left = { c->sent.p + c->sent_at, c->sent.n - c->sent_at };
    size_t take = left.n < room ? left.n : room;
    if (take)
        memcpy(buf, left.p, take);
    c->sent_at += take;
    return take;
}

/* A request that a dead connection swallowed is sent again from its start. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct http_call *c = ctx;
    if (c->reader || origin != SEEK_SET || offset < 0 ||
        (size_t)offset > c->sent.n)
        return CURL_SEEKFUNC_CANTSEEK;
    c->sent_at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down,
                       curl_off_t up_total, curl_off_t up)
{
    struct http_call *c = ctx;
    (void)down_total;
    (void)down;
    (void)up_total;
    if (up != c->up)
        c->quiet = http_clock_ms();
    c->up = up;
    return 0;
}

/* Called with the very address that will be connected to, so that no second
 * look-up of the name can put another in its place. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose,
                               struct curl_sockaddr *a)
{
    struct http_call *c = ctx;
    (void)purpose;
    if (!c->h->opts.allow_private && !c->h->opts.proxy &&
        address_is_private(&a->addr)) {
        c->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

void answer_callbacks(struct http_call *c)
{
    CURLcode (*set)(CURL *, CURLoption, ...) = c->h->lib->setopt;
    (void)set(c->easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)set(c->easy, CURLOPT_HEADERDATA, c);
    (void)set(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)set(c->easy, CURLOPT_WRITEDATA, c);
    (void)set(c->easy, CURLOPT_READFUNCTION, on_send);
    (void)set(c->easy, CURLOPT_READDATA, c);
    (void)set(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
    (void)set(c->easy, CURLOPT_SEEKDATA, c);
    (void)set(c->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)set(c->easy, CURLOPT_XFERINFODATA, c);
    (void)set(c->easy, CURLOPT_NOPROGRESS, 0L);
    (void)set(c->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    (void)set(c->easy, CURLOPT_OPENSOCKETDATA, c);
}
