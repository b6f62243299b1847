#include "s3/object.h"

#include <stdio.h>
#include <stdlib.h>

#define LOST_MAX 20 /* connections in a row that bring no byte */

struct object_get {
    struct s3 *s; /* borrowed */
    struct buf key;
    char etag[128]; /* of what is read */
    struct http_call *call;
    uint64_t at, size;
    bool sized;
    unsigned lost;
};

/* ---- reading */

/* Where the answer to a range begins, and how long the whole is:
 * "bytes 5-9/10". */
static bool read_range(const struct http_call *call, uint64_t *from,
                       uint64_t *size)
{
    struct str v;
    unsigned long long first, last, all;
    char text[96];
    if (!http_header(call, "content-range", 0, &v) || v.n >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", STR_ARG(v));
    if (sscanf(text, "bytes %20llu-%20llu/%20llu", &first, &last, &all) != 3)
        return false;
    *from = first;
    *size = all;
    return true;
}

static int changed(const struct object_get *g, struct err *e)
{
    struct buf name = { 0 };
    (void)s3_name(g->s, buf_str(&g->key), &name);
    err_set(e, ERR_TEMPFAIL, "'%s' was changed while it was read",
            buf_z(&name) ? name.p : "object");
    buf_free(&name);
    return -1;
}

static int check_start(struct object_get *g, const struct s3_answer *a,
                       struct err *e)
{
    uint64_t from = 0, size = 0;
    if (g->at == 0) {
        g->sized = http_length(g->call, &g->size);
        return g->sized ? 0
                        : err_set(e, ERR_UNAVAILABLE,
                                  "'%s' comes without its length",
                                  http_name(g->call));
    }
    if (a->status != 206 || !read_range(g->call, &from, &size) || from != g->at)
        return err_set(e, ERR_UNAVAILABLE,
                       "'%s' cannot be read on from byte %llu",
                       http_name(g->call), (unsigned long long)g->at);
    return size == g->size ? 0 : changed(g, e);
}

/* Asks for what has not been read yet. */
static int start(struct object_get *g, struct err *e)
{
    struct sigv4_pair headers[2];
    struct s3_answer a = { 0 };
    char range[64];
    size_t n = 0;
    if (g->etag[0])
        headers[n++] = (struct sigv4_pair){ STR("if-match"), str_of(g->etag) };
    if (g->at) {
        snprintf(range, sizeof(range), "bytes=%llu-",
                 (unsigned long long)g->at);
        headers[n++] = (struct sigv4_pair){ STR("range"), str_of(range) };
    }
    const struct s3_request r = { .method = "GET",
                                  .key = buf_str(&g->key),
                                  .headers = headers,
                                  .n_headers = n };
    if (s3_call(g->s, &r, &a, &g->call, e))
        return a.status == 412 ? changed(g, e) : -1;
    if (check_start(g, &a, e)) {
        http_end(g->call);
        g->call = NULL;
        return -1;
    }
    if (!g->etag[0])
        memcpy(g->etag, a.etag, sizeof(g->etag));
    return 0;
}

int object_get_open(struct object_get **gp, struct s3 *s, struct str key,
                    struct str etag, struct err *e)
{
    struct object_get *g = calloc(1, sizeof(*g));
    if (!g || buf_add_str(&g->key, key)) {
        object_get_close(g);
        return err_nomem(e);
    }
    g->s = s;
    if (etag.n < sizeof(g->etag))
        memcpy(g->etag, etag.p, etag.n);
    if (start(g, e)) {
        object_get_close(g);
        return -1;
    }
    *gp = g;
    return 0;
}

ssize_t object_get_read(void *from, void *buf, size_t n, struct err *e)
{
    struct object_get *g = from;
    for (;;) {
        struct err why = { 0 };
        ssize_t got = g->call ? http_read(g->call, buf, n, &why) : 0;
        if (got > 0) {
            g->at += (uint64_t)got;
            g->lost = 0;
            return got;
        }
        if (g->call && got == 0 && g->at == g->size)
            return 0;
        /* Without an ETag another object could come. */
        bool again = got == 0 || http_again(g->call);
        if (!again || !g->etag[0] || ++g->lost > LOST_MAX) {
            if (got < 0)
                *e = why;
            else
                err_set(e, ERR_TEMPFAIL, "'%s' is truncated",
                        g->call ? http_name(g->call) : "object");
            return -1;
        }
        http_end(g->call);
        g->call = NULL;
        if (start(g, e))
            return -1;
    }
}

uint64_t object_get_size(const struct object_get *g)
{
    return g->size;
}

void object_get_close(struct object_get *g)
{
    if (!g)
        return;
    http_end(g->call);
    buf_free(&g->key);
    free(g);
}

int object_read(struct s3 *s, struct str key, struct buf *out, struct err *e)
{
    const struct s3_request r = { .method = "GET", .key = key };
    struct s3_answer a = { 0 };
    struct err why = { 0 };
    int done = s3_ask(s, &r, &a, &why) ? -1 : 1;
    if (done < 0 && a.status == 404 && strcmp(a.code, "NoSuchBucket") != 0)
        done = 0;
    else if (done < 0)
        *e = why;
    else if (buf_add_str(out, buf_str(&a.body)))
        done = err_nomem(e);
    s3_answer_free(&a);
    return done;
}

/* ---- the rest */

int object_put(struct s3 *s, struct str key, struct str body, bool fresh,
               struct err *e)
{
    const struct sigv4_pair none = { STR("if-none-match"), STR("*") };
    const struct s3_request r = { .method = "PUT",
                                  .key = key,
                                  .headers = &none,
                                  .n_headers = fresh,
                                  .body = body };
    struct s3_answer a = { 0 };
    struct err why = { 0 };
    int done = s3_ask(s, &r, &a, &why) ? -1 : 1;
    if (done < 0 && fresh && a.status == 412)
        done = 0;
    else if (done < 0)
        *e = why;
    s3_answer_free(&a);
    return done;
}

int object_can_refuse(struct s3 *s, struct str key, struct err *e)
{
    const struct sigv4_pair none = { STR("if-none-match"), STR("*") };
    const struct s3_request r = { .method = "PUT",
                                  .key = key,
                                  .headers = &none,
                                  .n_headers = 1,
                                  .body = STR("") };
    /* The first may be the one that makes it. */
    for (int i = 0; i < 2; i++) {
        struct s3_answer a = { 0 };
        struct err why = { 0 };
        int done = s3_ask(s, &r, &a, &why);
        s3_answer_free(&a);
        if (done && a.status == 412)
            return 1;
        if (done && a.status == 501)
            return 0;
        if (done) {
            *e = why;
            return -1;
        }
    }
    return 0;
}

int object_head(struct s3 *s, struct str key, struct object_info *info,
                struct err *e)
{
    const struct s3_request r = { .method = "HEAD", .key = key };
    struct s3_answer a = { 0 };
    struct http_call *call;
    struct err why = { 0 };
    int done = s3_call(s, &r, &a, &call, &why) ? -1 : 1;
    if (done < 0 && a.status == 404)
        return 0;
    if (done < 0 && a.status) {
        /* The answer to HEAD has no body that would say why. */
        const struct s3_request get = { .method = "GET", .key = key };
        done = s3_call(s, &get, &a, &call, &why) ? -1 : 1;
    }
    if (done < 0) {
        *e = why;
        return -1;
    }
    *info = (struct object_info){ 0 };
    memcpy(info->etag, a.etag, sizeof(info->etag));
    (void)http_length(call, &info->size);
    http_end(call);
    return 1;
}

int object_delete(struct s3 *s, struct str key, struct err *e)
{
    const struct s3_request r = { .method = "DELETE", .key = key };
    struct s3_answer a = { 0 };
    struct err why = { 0 };
    int done = s3_ask(s, &r, &a, &why);
    if (done && a.status == 404 && strcmp(a.code, "NoSuchBucket") != 0)
        done = 0;
    else if (done)
        *e = why;
    s3_answer_free(&a);
    return done;
}
