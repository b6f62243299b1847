#include "s3/endpoint.h"

#include <stdlib.h>

#define BUCKET_MIN 3
#define BUCKET_MAX 63

void endpoint_free(struct endpoint *p)
{
    buf_free(&p->origin);
    buf_free(&p->host);
    buf_free(&p->path);
}

/* As Amazon has it, and older names with capitals and underscores. */
static int check_bucket(struct str b, struct err *e)
{
    bool good = b.n >= BUCKET_MIN && b.n <= BUCKET_MAX && b.p[0] != '.';
    for (size_t i = 0; good && i < b.n; i++) {
        char c = b.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               (c == '.' && b.p[i - 1] != '.');
    }
    return good ? 0
                : err_set(e, ERR_USAGE, "'%.*s' is no name of a bucket",
                          STR_ARG(b));
}

/* The parts of a URL: scheme, host with port, path without its last slashes. */
struct parts {
    bool tls;
    struct str host, path;
};

static bool split(const char *url, struct parts *u)
{
    size_t scheme = strncmp(url, "https://", 8) == 0  ? 8
                    : strncmp(url, "http://", 7) == 0 ? 7
                                                      : 0;
    const char *host = url + scheme, *end = host + strcspn(host, "/?#");
    if (!scheme || end == host || strpbrk(url, "?#@% \\"))
        return false;
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    u->tls = scheme == 8;
    u->host = (struct str){ host, (size_t)(end - host) };
    u->path = str_of(end);
    while (u->path.n && u->path.p[u->path.n - 1] == '/')
        u->path.n--;
    return true;
}

/* The usual port is not said. */
static struct str without_port(struct parts *u)
{
    struct str usual = u->tls ? STR(":443") : STR(":80"), h = u->host;
    if (h.n > usual.n && memcmp(h.p + h.n - usual.n, usual.p, usual.n) == 0)
        h.n -= usual.n;
    return h;
}

/* Would BUCKET.host not be the same host? */
static bool is_bare(struct str host)
{
    const char *colon = memchr(host.p, ':', host.n);
    struct str name = { host.p, colon ? (size_t)(colon - host.p) : host.n };
    bool digits = true;
    for (size_t i = 0; i < name.n; i++)
        digits &= (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '.';
    return digits || host.p[0] == '[' || !memchr(name.p, '.', name.n) ||
           str_eq(name, STR("localhost"));
}

int endpoint_init(struct endpoint *p, const char *url, struct str region,
                  struct str bucket, bool path_style, struct err *e)
{
    struct parts u = { .tls = true };
    struct buf amazon = { .max = 512 };
    *p = (struct endpoint){ .amazon = !url };
    if (check_bucket(bucket, e))
        return -1;
    if (url && !split(url, &u))
        return err_set(e, ERR_USAGE,
                       "endpoint '%s' is not http://HOST or https://HOST", url);
    if (!url) {
        buf_addf(&amazon, "s3.%.*s.amazonaws.com", STR_ARG(region));
        u.host = buf_str(&amazon);
    }
    u.host = without_port(&u);
    path_style |= is_bare(u.host) || (u.tls && memchr(bucket.p, '.', bucket.n));
    if (!path_style)
        buf_addf(&p->host, "%.*s.", STR_ARG(bucket));
    for (size_t i = 0; i < u.host.n; i++)
        buf_addc(&p->host, (char)(u.host.p[i] >= 'A' && u.host.p[i] <= 'Z'
                                      ? u.host.p[i] + 32
                                      : u.host.p[i]));
    buf_addz(&p->origin, u.tls ? "https://" : "http://");
    buf_add_str(&p->origin, buf_str(&p->host));
    buf_add_str(&p->path, u.path);
    if (path_style)
        buf_addf(&p->path, "/%.*s", STR_ARG(bucket));
    bool failed = amazon.failed || !buf_z(&p->origin) || !buf_z(&p->host) ||
                  p->path.failed;
    buf_free(&amazon);
    return failed ? err_nomem(e) : 0;
}
