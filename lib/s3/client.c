#include "s3/client.h"

#include "run/backoff.h"
#include "s3/credentials.h"
#include "s3/endpoint.h"
#include "s3/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TRIES 6
#define WAIT_BASE_MS 200
#define WAIT_CAP_MS 20000
#define WAIT_AFTER_MAX_MS                               \
    120000 /* a Retry-After beyond it is not waited for \
            */
#define NAP_MS 50
#define ERROR_MAX ((size_t)64 << 10) /* of an answer that says why */
#define ANSWER_MAX ((size_t)16 << 20)
#define OWN_HEADERS 4 /* host, date, hash, token */

struct s3 {
    struct s3_opts opts;
    char *bucket;      /* owned */
    const char *url;   /* borrowed: of the endpoint, NULL: Amazon's */
    struct buf region; /* owned */
    struct buf given;  /* owned: the endpoint of a configuration */
    struct endpoint at;
    struct credentials who;
    struct http *http; /* owned */
};

int s3_split(const char *uri, struct str *bucket, struct str *key,
             struct err *e)
{
    const char *p = uri + strlen("s3://");
    if (strncmp(uri, "s3://", 5) != 0 || *p == '\0' || *p == '/')
        return err_set(e, ERR_USAGE, "'%s' is not s3://BUCKET/KEY", uri);
    size_t n = strcspn(p, "/");
    *bucket = (struct str){ p, n };
    *key = str_of(p[n] ? p + n + 1 : p + n);
    return 0;
}

int s3_name(const struct s3 *s, struct str key, struct buf *out)
{
    return buf_addf(out, "s3://%s/%.*s", s->bucket, STR_ARG(key));
}

void s3_answer_free(struct s3_answer *a)
{
    buf_free(&a->body);
}

/* ---- opening */

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int find_region(struct s3 *s, struct err *e)
{
    const char *region = s->opts.region      ? s->opts.region
                         : env("AWS_REGION") ? env("AWS_REGION")
                                             : env("AWS_DEFAULT_REGION");
    if (region)
        buf_addz(&s->region, region);
    else if (credentials_config("region", &s->region, e))
        return -1;
    if (!s->region.n)
        buf_addz(&s->region, "us-east-1");
    for (size_t i = 0; i < s->region.n; i++) {
        char c = s->region.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return err_set(e, ERR_USAGE, "'%.*s' is no name of a region",
                           STR_ARG(buf_str(&s->region)));
    }
    return s->region.failed ? err_nomem(e) : 0;
}

static int find_endpoint(struct s3 *s, struct err *e)
{
    s->url = s->opts.endpoint             ? s->opts.endpoint
             : env("AWS_ENDPOINT_URL_S3") ? env("AWS_ENDPOINT_URL_S3")
                                          : env("AWS_ENDPOINT_URL");
    if (!s->url && credentials_config("endpoint_url", &s->given, e))
        return -1;
    if (!s->url && s->given.n)
        s->url = buf_z(&s->given);
    return endpoint_init(&s->at, s->url, buf_str(&s->region), str_of(s->bucket),
                         s->opts.path_style, e);
}

int s3_open(struct s3 **sp, const struct s3_opts *opts, struct str bucket,
            struct err *e)
{
    struct s3 *s = calloc(1, sizeof(*s));
    if (!s)
        return err_nomem(e);
    s->opts = *opts;
    s->bucket = strndup(bucket.p, bucket.n);
    /* Whoever names an endpoint means it, wherever it is. */
    const struct http_opts http = { .agent = opts->agent,
                                    .ca_file = env("AWS_CA_BUNDLE"),
                                    .allow_private = true,
                                    .stop = opts->stop };
    int r = !s->bucket ? err_nomem(e) : 0;
    if (r == 0)
        r = find_region(s, e) || find_endpoint(s, e) ||
                    (!opts->anonymous && credentials_find(&s->who, e)) ||
                    http_open(&s->http, &http, e)
                ? -1
                : 0;
    if (r) {
        s3_close(s);
        return -1;
    }
    *sp = s;
    return 0;
}

void s3_close(struct s3 *s)
{
    if (!s)
        return;
    http_close(s->http);
    credentials_free(&s->who);
    endpoint_free(&s->at);
    buf_free(&s->region);
    buf_free(&s->given);
    free(s->bucket);
    free(s);
}

/* ---- one request */

/* What is sent: all NUL-terminated in text, by their offsets. */
struct letter {
    struct buf url, text, name;
    size_t line[S3_HEADERS_MAX + OWN_HEADERS + 1], n;
};

static void letter_free(struct letter *l)
{
    buf_free(&l->url);
    if (l->text.p)
        explicit_bzero(l->text.p, l->text.n); /* a session token */
    buf_free(&l->text);
    buf_free(&l->name);
}

static void add_line(struct letter *l, struct str name, struct str value)
{
    l->line[l->n++] = l->text.n;
    buf_addf(&l->text, "%.*s: ", STR_ARG(name));
    buf_add_str(&l->text, value);
    buf_addc(&l->text, '\0');
}

static int sign(struct s3 *s, struct letter *l, const struct sigv4_request *q,
                const char *when, struct err *e)
{
    const struct sigv4_key key = { s->who.access, s->who.secret,
                                   buf_str(&s->region), STR("s3") };
    struct buf authorization = { 0 };
    int r = sigv4_authorization(&authorization, q, &key, when);
    if (r == 0)
        add_line(l, STR("Authorization"), buf_str(&authorization));
    buf_free(&authorization);
    return r ? err_set(e, ERR_CONFIG, "the secret key is longer than any is")
             : 0;
}

static int write_headers(struct s3 *s, struct letter *l,
                         const struct s3_request *r, struct str path,
                         struct err *e)
{
    struct sigv4_pair pairs[S3_HEADERS_MAX + OWN_HEADERS];
    char when[SIGV4_TIME], hash[2 * SHA256_BYTES + 1];
    size_t n = 0;
    if (r->n_headers > S3_HEADERS_MAX)
        return err_set(e, ERR_BUG, "too many headers");
    for (; n < r->n_headers; n++)
        pairs[n] = r->headers[n];
    pairs[n++] = (struct sigv4_pair){ STR("host"), buf_str(&s->at.host) };
    if (!s->opts.anonymous) {
        sigv4_time(time(NULL), when);
        sigv4_hash(r->body.p ? r->body : STR(""), hash);
        pairs[n++] = (struct sigv4_pair){ STR("x-amz-date"), str_of(when) };
        pairs[n++] =
            (struct sigv4_pair){ STR("x-amz-content-sha256"), str_of(hash) };
        if (s->who.token.n)
            pairs[n++] = (struct sigv4_pair){ STR("x-amz-security-token"),
                                              s->who.token };
    }
    for (size_t i = 0; i < n; i++)
        add_line(l, pairs[i].name, pairs[i].value);
    if (s->opts.anonymous)
        return 0;
    const struct sigv4_request q = { .method = r->method,
                                     .path = path,
                                     .query = r->query,
                                     .n_query = r->n_query,
                                     .headers = pairs,
                                     .n_headers = n,
                                     .payload = str_of(hash) };
    return sign(s, l, &q, when, e);
}

static int write_letter(struct s3 *s, struct letter *l,
                        const struct s3_request *r, struct err *e)
{
    struct buf path = { 0 };
    buf_add_str(&path, buf_str(&s->at.path));
    buf_addc(&path, '/');
    buf_add_str(&path, r->key);
    buf_add_str(&l->url, buf_str(&s->at.origin));
    sigv4_encode(&l->url, buf_str(&path), true);
    if (r->n_query) {
        buf_addc(&l->url, '?');
        sigv4_query(&l->url, r->query, r->n_query);
    }
    (void)s3_name(s, r->key, &l->name);
    int done =
        path.failed ? err_nomem(e) : write_headers(s, l, r, buf_str(&path), e);
    buf_free(&path);
    if (done == 0 && (!buf_z(&l->url) || !buf_z(&l->name) || l->text.failed))
        done = err_nomem(e);
    return done;
}

static int post_letter(struct s3 *s, struct letter *l,
                       const struct s3_request *r, struct http_call **call,
                       bool *again, struct err *e)
{
    const char *lines[S3_HEADERS_MAX + OWN_HEADERS + 1];
    for (size_t i = 0; i < l->n; i++)
        lines[i] = l->text.p + l->line[i];
    const struct http_request q = { .method = r->method,
                                    .url = l->url.p,
                                    .name = l->name.p,
                                    .headers = lines,
                                    .n_headers = l->n,
                                    .body = r->body };
    return http_send(s->http, &q, call, again, e);
}

/* ---- answers that are errors */

struct fault {
    char code[64], message[400], region[64];
};

static void keep(char *to, size_t size, struct str text)
{
    snprintf(to, size, "%.*s", STR_ARG(text));
}

/* Fills in what <Error> says; false where the text is none. */
static bool read_fault(struct str text, struct fault *f)
{
    struct xml x;
    struct xml_node node;
    struct err ignored = { 0 };
    bool found = false;
    xml_init(&x, text);
    while (xml_next(&x, &node, &ignored) > 0) {
        found |= !node.parent.n && str_eq(node.name, STR("Error"));
        if (!found)
            break;
        if (node.event != XML_CLOSE || !str_eq(node.parent, STR("Error")))
            continue;
        if (str_eq(node.name, STR("Code")))
            keep(f->code, sizeof(f->code), node.text);
        else if (str_eq(node.name, STR("Message")))
            keep(f->message, sizeof(f->message), node.text);
        else if (str_eq(node.name, STR("Region")))
            keep(f->region, sizeof(f->region), node.text);
    }
    xml_free(&x);
    return found;
}

static enum err_code class_of(unsigned status, const char *code)
{
    if (strcmp(code, "SlowDown") == 0)
        return ERR_TEMPFAIL;
    switch (status) {
    case 401:
    case 403: return ERR_NOPERM;
    case 404: return ERR_NOINPUT;
    case 408:
    case 409:
    case 412:
    case 429: return ERR_TEMPFAIL;
    default:
        /* Below 300: an error that came as a success. */
        return status >= 500 || status < 300 ? ERR_UNAVAILABLE : ERR_CONFIG;
    }
}

static bool is_transient(unsigned status, const char *code)
{
    return status == 408 || status == 429 || status == 500 || status == 502 ||
           status == 503 || status == 504 ||
           strcmp(code, "RequestTimeout") == 0 ||
           strcmp(code, "InternalError") == 0 ||
           strcmp(code, "SlowDown") == 0 ||
           strcmp(code, "ConditionalRequestConflict") == 0 ||
           strcmp(code, "OperationAborted") == 0;
}

static int say(const struct s3_request *r, const char *name, unsigned status,
               const struct fault *f, struct err *e)
{
    const char *verb =
        strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0
            ? "write"
        : strcmp(r->method, "DELETE") == 0 ? "delete"
                                           : "read";
    enum err_code class = class_of(status, f->code);
    if (!f->code[0])
        return err_set(e, class, "cannot %s '%s': HTTP status %u", verb, name,
                       status);
    return err_set(e, class, "cannot %s '%s': %s%s%s", verb, name, f->code,
                   f->message[0] ? ": " : "", f->message);
}

/* The bucket is in another region, which the answer names: true if it is now
 * asked there. */
static bool move_region(struct s3 *s, struct http_call *call,
                        const struct fault *f)
{
    struct str region = str_of(f->region);
    struct endpoint at;
    struct err ignored = { 0 };
    (void)http_header(call, "x-amz-bucket-region", 0, &region);
    if (!region.n || region.n > 63 || str_eq(region, buf_str(&s->region)))
        return false;
    for (size_t i = 0; i < region.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", region.p[i]))
            return false;
    if (endpoint_init(&at, s->url, region, str_of(s->bucket),
                      s->opts.path_style, &ignored)) {
        endpoint_free(&at);
        return false;
    }
    endpoint_free(&s->at);
    s->at = at;
    buf_reset(&s->region);
    return buf_add_str(&s->region, region) == 0;
}

/* How one try went. */
struct outcome {
    bool again, now; /* it makes sense to try again; without a wait */
    uint64_t floor_ms;
};

static void read_retry_after(struct http_call *call, struct outcome *o)
{
    struct str v;
    uint64_t seconds = 0;
    if (!http_header(call, "retry-after", 0, &v) || !v.n || v.n > 6)
        return;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return;
        seconds = seconds * 10 + (uint64_t)(v.p[i] - '0');
    }
    o->floor_ms = seconds * 1000;
}

static int take_fault(struct s3 *s, const struct s3_request *r,
                      struct http_call *call, struct s3_answer *a,
                      struct str text, struct outcome *o, struct err *e)
{
    struct fault f = { 0 };
    (void)read_fault(text, &f);
    memcpy(a->code, f.code, sizeof(a->code));
    o->again = is_transient(a->status, f.code);
    read_retry_after(call, o);
    bool elsewhere = a->status == 301 || a->status == 307 ||
                     (a->status == 400 && (f.region[0] || !f.code[0]));
    if (elsewhere && move_region(s, call, &f))
        o->again = o->now = true;
    return say(r, http_name(call), a->status, &f, e);
}

static int try_once(struct s3 *s, const struct s3_request *r,
                    struct s3_answer *a, struct http_call **call,
                    struct outcome *o, struct err *e)
{
    struct letter l = { 0 };
    struct buf why = { .max = ERROR_MAX };
    struct err ignored = { 0 };
    struct str etag;
    int done = write_letter(s, &l, r, e);
    if (done == 0)
        done = post_letter(s, &l, r, call, &o->again, e);
    letter_free(&l);
    if (done)
        return -1;
    a->status = http_status(*call);
    if (http_header(*call, "etag", 0, &etag) && etag.n < sizeof(a->etag))
        keep(a->etag, sizeof(a->etag), etag);
    if (a->status >= 200 && a->status < 300)
        return 0;
    (void)http_body(*call, &why, &ignored);
    done = take_fault(s, r, *call, a, buf_str(&why), o, e);
    buf_free(&why);
    http_end(*call);
    *call = NULL;
    return done;
}

/* ---- again and again */

static void forget(struct s3_answer *a)
{
    a->status = 0;
    a->code[0] = a->etag[0] = '\0';
    buf_reset(&a->body);
}

/* Waits before try n + 1; false where there is none. */
static bool wait_again(struct s3 *s, unsigned n, const struct outcome *o)
{
    uint64_t random = 0;
    if (!o->again || n + 1 >= TRIES || o->floor_ms > WAIT_AFTER_MAX_MS)
        return false;
    if (o->now)
        return true;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u;
    uint64_t ms = backoff_ms(n, WAIT_BASE_MS, WAIT_CAP_MS, random);
    for (ms = ms > o->floor_ms ? ms : o->floor_ms; ms;) {
        uint64_t nap = ms < NAP_MS ? ms : NAP_MS;
        if (s->opts.stop && s->opts.stop())
            return false;
        usleep((useconds_t)(nap * 1000));
        ms -= nap;
    }
    return !(s->opts.stop && s->opts.stop());
}

int s3_call(struct s3 *s, const struct s3_request *r, struct s3_answer *a,
            struct http_call **call, struct err *e)
{
    *call = NULL;
    for (unsigned n = 0;; n++) {
        struct outcome o = { 0 };
        struct err last = { 0 };
        forget(a);
        if (try_once(s, r, a, call, &o, &last) == 0)
            return 0;
        if (!wait_again(s, n, &o)) {
            *e = last;
            return -1;
        }
    }
}

int s3_ask(struct s3 *s, const struct s3_request *r, struct s3_answer *a,
           struct err *e)
{
    if (!a->body.max)
        a->body.max = ANSWER_MAX;
    for (unsigned n = 0;; n++) {
        struct http_call *call = NULL;
        struct outcome o = { 0 };
        struct fault f = { 0 };
        struct err last = { 0 };
        if (s3_call(s, r, a, &call, e))
            return -1;
        int done = http_body(call, &a->body, &last);
        o.again = done && http_again(call);
        if (done == 0 && a->body.n < ERROR_MAX &&
            read_fault(buf_str(&a->body), &f))
            done = take_fault(s, r, call, a, buf_str(&a->body), &o, &last);
        http_end(call);
        if (done == 0)
            return 0;
        if (!wait_again(s, n, &o)) {
            *e = last;
            return -1;
        }
    }
}
