#include "http/client.h"

#include "http/address.h"
#include "http/private.h"
#include "http/url.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 100 /* how often a signal is looked for */
#define CONNECT_MS 10000
#define IDLE_MS 60000
#define CONNECTIONS_KEPT 32L

/* TLS libraries write to their sockets in a way that raises SIGPIPE where the
 * server is gone. It comes to the thread that wrote: held back here, and taken
 * away. */
static void hold_sigpipe(sigset_t *before)
{
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, before);
}

static void drop_sigpipe(const sigset_t *before)
{
    sigset_t pipe;
    if (sigismember(before, SIGPIPE))
        return;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    while (sigtimedwait(&pipe, NULL, &(struct timespec){ 0 }) < 0 &&
           errno == EINTR)
        ;
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* ---- client ---- */

int http_open(struct http **hp, const struct http_opts *opts, struct err *e)
{
    const struct curl_lib *lib = curl_lib(e);
    if (!lib)
        return -1;
    struct http *h = calloc(1, sizeof(*h));
    if (!h)
        return err_nomem(e);
    h->lib = lib;
    h->opts = *opts;
    h->multi = lib->multi_init();
    if (!h->multi) {
        free(h);
        return err_nomem(e);
    }
    (void)lib->multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    *hp = h;
    return 0;
}

void http_close(struct http *h)
{
    sigset_t before;
    if (!h)
        return;
    hold_sigpipe(&before);
    (void)h->lib->multi_cleanup(h->multi);
    drop_sigpipe(&before);
    free(h);
}

/* ---- starting a call ---- */

static int add_line(struct http_call *c, const char *line)
{
    struct curl_slist *l = c->h->lib->slist_append(c->headers, line);
    if (l)
        c->headers = l;
    return l ? 0 : -1;
}

/* A line end in a header would begin another one. */
static int add_headers(struct http_call *c, const struct http_request *r,
                       struct err *e)
{
    /* Two that libcurl adds of its own accord: the first costs a second with
     * servers that do not know it, the second is not always true. */
    if (add_line(c, "Expect:") || add_line(c, "Content-Type:"))
        return err_nomem(e);
    for (size_t i = 0; i < r->n_headers; i++) {
        for (const char *p = r->headers[i]; *p; p++)
            if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
                return err_set(e, ERR_USAGE,
                               "a header has control characters in it");
        if (add_line(c, r->headers[i]))
            return err_nomem(e);
    }
    (void)c->h->lib->setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    return 0;
}

static int add_body(struct http_call *c, const struct http_request *r)
{
    CURLcode (*set)(CURL *, CURLoption, ...) = c->h->lib->setopt;
    bool body = r->reader || r->body.p;
    const char *method = r->method ? r->method : body ? "POST" : "GET";
    c->sent = r->body;
    c->reader = r->reader;
    c->from = r->from;
    if (strcmp(method, "HEAD") == 0)
        return set(c->easy, CURLOPT_NOBODY, 1L) == CURLE_OK ? 0 : -1;
    if (body) {
        uint64_t n = r->reader ? r->size : r->body.n;
        (void)set(c->easy, CURLOPT_UPLOAD, 1L);
        (void)set(c->easy, CURLOPT_INFILESIZE_LARGE,
                  n == HTTP_SIZE_UNKNOWN ? (curl_off_t)-1 : (curl_off_t)n);
    }
    return set(c->easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK ? 0 : -1;
}

static int add_netrc(struct http_call *c, const char *path, struct err *e)
{
    CURLcode (*set)(CURL *, CURLoption, ...) = c->h->lib->setopt;
    struct stat st;
    if (!path)
        return 0;
    if (stat(path, &st) != 0)
        return err_sys(e, ERR_IO, errno, "cannot read netrc file '%s'", path);
    if (st.st_mode & 077)
        return err_set(e, ERR_NOPERM,
                       "netrc file '%s' has mode %04o: others may use it "
                       "(chmod 600)",
                       path, (unsigned)st.st_mode & 07777);
    (void)set(c->easy, CURLOPT_NETRC, (long)CURL_NETRC_REQUIRED);
    (void)set(c->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    return set(c->easy, CURLOPT_NETRC_FILE, path) == CURLE_OK ? 0
                                                              : err_nomem(e);
}

static int set_up(struct http_call *c, const struct http_request *r,
                  struct err *e)
{
    const struct http_opts *o = &c->h->opts;
    CURLcode (*set)(CURL *, CURLoption, ...) = c->h->lib->setopt;
    CURL *easy = c->easy;
    uint64_t connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS;

    if (set(easy, CURLOPT_URL, r->url) != CURLE_OK ||
        set(easy, CURLOPT_USERAGENT,
            o->agent ? o->agent : "pipeutils/" PIPE_VERSION) != CURLE_OK ||
        /* An empty name, unlike none, keeps libcurl from the environment;
         * no_proxy there would have it connect to what nobody judged. */
        set(easy, CURLOPT_PROXY, o->proxy ? o->proxy : "") != CURLE_OK ||
        set(easy, CURLOPT_NOPROXY, "") != CURLE_OK ||
        (o->ca_file && set(easy, CURLOPT_CAINFO, o->ca_file) != CURLE_OK))
        return err_nomem(e);
    (void)set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)set(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    (void)set(easy, CURLOPT_NOSIGNAL, 1L);
    (void)set(easy, CURLOPT_BUFFERSIZE, 128L << 10);
    (void)set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)set(easy, CURLOPT_PATH_AS_IS, 1L);
    (void)set(easy, CURLOPT_PRIVATE, c);
    (void)set(easy, CURLOPT_ERRORBUFFER, c->why);
    answer_callbacks(c);
    if (add_body(c, r))
        return err_nomem(e);
    return add_netrc(c, r->netrc, e) || add_headers(c, r, e) ? -1 : 0;
}

/* With a proxy it is the proxy that looks the name up: all that can be judged
 * here is an address that stands in the URL. */
static int judge_host(const struct http *h, const char *url, struct err *e)
{
    if (!h->opts.proxy || h->opts.allow_private || !url_is_private(url))
        return 0;
    return err_set(e, ERR_NOPERM, "the URL names a private address");
}

int http_start(struct http *h, const struct http_request *r,
               struct http_call **cp, struct err *e)
{
    struct http_call *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    c->h = h;
    c->head.max = HEAD_MAX;
    c->hold = r->hold ? r->hold : HOLD_DEFAULT;
    c->body.max = c->hold + CURL_MAX_READ_SIZE;
    c->easy = h->lib->easy_init();
    int bad = !c->easy ? err_nomem(e)
                       : url_check(r->url, e) || judge_host(h, r->url, e) ||
                             set_up(c, r, e);
    if (!bad && (r->name ? buf_addz(&c->name, r->name)
                         : url_show(r->url, &c->name)) != 0)
        bad = err_nomem(e);
    if (!bad &&
        (!buf_z(&c->name) || h->lib->multi_add(h->multi, c->easy) != CURLM_OK))
        bad = err_nomem(e);
    if (bad) {
        http_end(c);
        return -1;
    }
    c->added = true;
    c->started = c->quiet = http_clock_ms();
    *cp = c;
    return 0;
}

void http_end(struct http_call *c)
{
    sigset_t before;
    if (!c)
        return;
    hold_sigpipe(&before);
    if (c->added)
        (void)c->h->lib->multi_remove(c->h->multi, c->easy);
    if (c->easy)
        c->h->lib->easy_cleanup(c->easy);
    drop_sigpipe(&before);
    c->h->lib->slist_free(c->headers);
    buf_free(&c->name);
    buf_free(&c->head);
    buf_free(&c->body);
    free(c);
}

/* ---- going on ---- */

static int fail(const struct http_call *c, struct err *e)
{
    const char *name = c->name.p;
    /* Of a proxy's URL that is none libcurl says all, a password too. */
    bool shown = c->h->opts.proxy && strstr(c->why, c->h->opts.proxy);
    const char *why =
        c->why[0] && !shown ? c->why : c->h->lib->strerror(c->result);
    if (c->stopped)
        return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
    if (c->late)
        return err_set(e, ERR_TEMPFAIL, "time ran out for '%s'", name);
    if (c->read_err.code) {
        *e = c->read_err;
        return -1;
    }
    if (c->no_memory)
        return err_nomem(e);
    if (c->head.failed)
        return err_set(e, ERR_DATA,
                       "'%s': headers have NUL bytes or are longer than %zu "
                       "bytes",
                       name, HEAD_MAX);
    if (c->refused)
        return err_set(e, ERR_NOPERM,
                       "'%s' leads to a private address, which is refused "
                       "(--allow-private)",
                       name);
    switch ((int)c->result) {
    case CURLE_OUT_OF_MEMORY: return err_nomem(e);
    case CURLE_PARTIAL_FILE:
        return err_set(e, ERR_TEMPFAIL, "'%s' is truncated: %s", name, why);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(e, ERR_TEMPFAIL, "time ran out for '%s': %s", name, why);
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND:
        return err_set(e, ERR_TEMPFAIL, "lost the connection to '%s': %s", name,
                       why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return err_set(e, ERR_CONFIG, "cannot trust the server of '%s': %s",
                       name, why);
    default:
        return err_set(e, ERR_UNAVAILABLE, "cannot get '%s': %s", name, why);
    }
}

bool http_again(const struct http_call *c)
{
    if (c->stopped || c->read_err.code || c->refused || c->head.failed)
        return false;
    /* That a connection ends within the headers is no error to libcurl. */
    if (c->done && c->result == CURLE_OK && !c->headed)
        return true;
    return c->late || (c->done && (c->result == CURLE_PARTIAL_FILE ||
                                   c->result == CURLE_OPERATION_TIMEDOUT ||
                                   c->result == CURLE_SEND_ERROR ||
                                   c->result == CURLE_RECV_ERROR ||
                                   c->result == CURLE_GOT_NOTHING ||
                                   c->result == CURLE_COULDNT_CONNECT));
}

/* Lets libcurl work on all calls, as far as that takes no waiting. */
static void perform(struct http *h)
{
    sigset_t before;
    CURLMsg *m;
    int running, left;
    hold_sigpipe(&before);
    (void)h->lib->multi_perform(h->multi, &running);
    drop_sigpipe(&before);
    while ((m = h->lib->multi_info_read(h->multi, &left))) {
        struct http_call *c = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode result = m->data.result;
        (void)h->lib->getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        if (!c)
            continue;
        c->done = true;
        c->result = result;
    }
}

/* What was held back for want of room comes now. */
static void resume(struct http_call *c)
{
    sigset_t before;
    if (!c->paused || c->body.n > c->body_at)
        return;
    c->paused = false;
    hold_sigpipe(&before);
    (void)c->h->lib->pause(c->easy, CURLPAUSE_CONT);
    drop_sigpipe(&before);
}

static bool ran_out(const struct http_call *c)
{
    const struct http_opts *o = &c->h->opts;
    int64_t now = http_clock_ms();
    int64_t idle = (int64_t)(o->idle_ms ? o->idle_ms : IDLE_MS);
    return now - c->quiet > idle ||
           (o->total_ms && now - c->started > (int64_t)o->total_ms);
}

int http_pump(struct http *h, uint64_t ms, struct err *e)
{
    int64_t end = http_clock_ms() + (int64_t)ms;
    for (;;) {
        int64_t left = end - http_clock_ms();
        int ready;
        perform(h);
        if (left <= 0)
            return 0;
        (void)h->lib->multi_poll(h->multi, NULL, 0,
                                 left < LOOK_MS ? (int)left : LOOK_MS, &ready);
        if (h->opts.stop && h->opts.stop())
            return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
    }
}

static bool has_body(const struct http_call *c)
{
    return c->body.n > c->body_at;
}

/* Waits until the headers are there, or if body the next bytes of it or its
 * end. What came before a connection was lost is still good to be read. 0 or
 * -1. */
static int wait_for(struct http_call *c, bool body, struct err *e)
{
    struct http *h = c->h;
    int ready;
    c->quiet = http_clock_ms();
    for (;;) {
        if (body ? has_body(c) : c->headed)
            return 0;
        if (c->done)
            return c->result == CURLE_OK ? 0 : fail(c, e);
        resume(c);
        perform(h);
        if (c->done || (body ? has_body(c) : c->headed))
            continue;
        (void)h->lib->multi_poll(h->multi, NULL, 0, LOOK_MS, &ready);
        c->stopped = h->opts.stop && h->opts.stop();
        c->late = !c->stopped && ran_out(c);
        if (c->stopped || c->late)
            return fail(c, e);
    }
}

int http_wait(struct http_call *c, struct err *e)
{
    if (c->headed)
        return 0;
    if (wait_for(c, false, e))
        return -1;
    return c->headed ? 0
                     : err_set(e, ERR_TEMPFAIL,
                               "lost the connection to '%s' within its headers",
                               c->name.p);
}

int http_send(struct http *h, const struct http_request *r,
              struct http_call **c, bool *again, struct err *e)
{
    if (again)
        *again = false;
    *c = NULL;
    if (http_start(h, r, c, e))
        return -1;
    if (http_wait(*c, e) == 0)
        return 0;
    if (again)
        *again = http_again(*c);
    http_end(*c);
    *c = NULL;
    return -1;
}

bool http_ready(struct http_call *c)
{
    if (has_body(c) || c->done)
        return true;
    resume(c);
    perform(c->h);
    return has_body(c) || c->done;
}

ssize_t http_read(struct http_call *c, void *buf, size_t n, struct err *e)
{
    if (!has_body(c) && wait_for(c, true, e))
        return -1;
    size_t left = c->body.n - c->body_at;
    if (n > left)
        n = left;
    if (n)
        memcpy(buf, c->body.p + c->body_at, n);
    c->body_at += n;
    return (ssize_t)n;
}

int http_body(struct http_call *c, struct buf *out, struct err *e)
{
    for (;;) {
        if (!has_body(c) && wait_for(c, true, e))
            return -1;
        struct str s = { c->body.p + c->body_at, c->body.n - c->body_at };
        if (s.n == 0)
            return 0;
        if (buf_add_str(out, s)) {
            size_t max = out->max ? out->max : BUF_MAX_DEFAULT;
            return s.n > max - out->n
                       ? err_set(e, ERR_DATA, "'%s' is longer than %zu bytes",
                                 c->name.p, max)
                       : err_nomem(e);
        }
        c->body_at = c->body.n;
    }
}

unsigned http_status(const struct http_call *c)
{
    return c->status;
}

const char *http_name(const struct http_call *c)
{
    return c->name.p;
}

int http_status_error(const struct http_call *c, struct err *e)
{
    unsigned s = c->status;
    enum err_code code = s == 401 || s == 403 || s == 407   ? ERR_NOPERM
                         : s == 404 || s == 410             ? ERR_NOINPUT
                         : s == 408 || s == 425 || s == 429 ? ERR_TEMPFAIL
                         : s >= 500                         ? ERR_UNAVAILABLE
                                                            : ERR_CONFIG;
    return err_set(e, code, "'%s' answers with status %u", c->name.p, s);
}
