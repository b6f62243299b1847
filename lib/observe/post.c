#include "observe/post.h"

#include "base/buf.h"
#include "http/curl.h"

#include <stdlib.h>

struct post {
    const struct curl_lib *lib;
    CURL *curl;
    struct curl_slist *headers;
    char why[CURL_ERROR_SIZE];
};

static size_t drop(char *data, size_t size, size_t n, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * n;
}

static int add_header(struct post *p, const char *header)
{
    struct curl_slist *l = p->lib->slist_append(p->headers, header);
    if (l)
        p->headers = l;
    return l ? 0 : -1;
}

static int add_key(struct post *p, const char *key, struct err *e)
{
    struct buf header = { .max = 65536 };
    for (const char *c = key; *c; c++)
        if (*c <= ' ' || *c > '~')
            return err_set(e, ERR_CONFIG, "the API key is not printable ASCII");
    buf_addz(&header, "Authorization: Bearer ");
    buf_addz(&header, key);
    int r = !buf_z(&header) || add_header(p, header.p) ? err_nomem(e) : 0;
    buf_free(&header);
    return r;
}

static int prepare(struct post *p, const struct post_to *to, struct err *e)
{
    CURLcode (*set)(CURL *, CURLoption, ...) = p->lib->setopt;
    CURL *c = p->curl;
    if (add_header(p, to->metrics ? "Content-Type: text/plain; version=0.0.4"
                                  : "Content-Type: application/json") ||
        add_header(p, "Expect:") || set(c, CURLOPT_URL, to->url) != CURLE_OK ||
        (to->metrics && set(c, CURLOPT_CUSTOMREQUEST, "PUT") != CURLE_OK))
        return err_nomem(e);
    (void)set(c, CURLOPT_HTTPHEADER, p->headers);
    (void)set(c, CURLOPT_USERAGENT, "pipeutils/" PIPE_VERSION);
    (void)set(c, CURLOPT_CONNECTTIMEOUT_MS, (long)POST_CONNECT_MS);
    (void)set(c, CURLOPT_TIMEOUT_MS, (long)POST_TOTAL_MS);
    (void)set(c, CURLOPT_NOSIGNAL, 1L);
    (void)set(c, CURLOPT_WRITEFUNCTION, drop);
    (void)set(c, CURLOPT_ERRORBUFFER, p->why);
    return 0;
}

struct post *post_open(const struct post_to *to, struct err *e)
{
    struct post *p = calloc(1, sizeof(*p));
    if (!p) {
        err_nomem(e);
        return NULL;
    }
    p->lib = curl_lib(e);
    if (p->lib) {
        p->curl = p->lib->easy_init();
        if (!p->curl)
            err_nomem(e);
        else if ((!to->key || add_key(p, to->key, e) == 0) &&
                 prepare(p, to, e) == 0)
            return p;
    }
    post_close(p);
    return NULL;
}

int post_send(struct post *p, struct str body, struct err *e)
{
    long status = 0;
    p->why[0] = '\0';
    (void)p->lib->setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)body.n);
    (void)p->lib->setopt(p->curl, CURLOPT_POSTFIELDS, body.p);
    CURLcode r = p->lib->perform(p->curl);
    if (r != CURLE_OK)
        return err_set(e, ERR_UNAVAILABLE, "%s",
                       p->why[0] ? p->why : "no answer");
    (void)p->lib->getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300
               ? 0
               : err_set(e, ERR_UNAVAILABLE, "HTTP status %ld", status);
}

void post_close(struct post *p)
{
    if (!p)
        return;
    if (p->curl)
        p->lib->easy_cleanup(p->curl);
    if (p->headers)
        p->lib->slist_free(p->headers);
    free(p);
}
