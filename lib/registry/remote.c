#include "registry/remote.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/secret.h"
#include "http/fetch.h"
#include "http/url.h"
#include "io/output.h"
#include "json/check.h"
#include "json/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX ((size_t)16 << 20)
#define NAME_LEN_MAX 200 /* of a file */

struct remote_options remote_given;

struct remote {
    struct fetcher *fetcher;
    struct buf url;    /* without a slash at its end */
    struct buf folder; /* of documents; empty: none */
    struct str secret; /* of auth or token */
    bool basic;        /* secret is NAME:PASSWORD */
    struct buf netrc;  /* a file; empty: none */
    bool met;          /* a registry answered there */
};

/* ---- credentials */

/* What a header may hold: no control bytes. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static int sign(void *context, struct buf *headers, struct str param[2],
                struct err *e)
{
    const struct remote *r = context;
    (void)param;
    if (!r->secret.n)
        return 0;
    buf_addz(headers, "Authorization: ");
    buf_addz(headers, r->basic ? "Basic " : "Bearer ");
    if (r->basic)
        base64_encode(headers, r->secret);
    else
        buf_add_str(headers, r->secret);
    return buf_addc(headers, '\0') ? err_nomem(e) : 0;
}

static int read_secret(struct remote *r, const struct remote_options *opts,
                       struct err *e)
{
    const char *source = opts->auth ? opts->auth : opts->token;
    r->basic = opts->auth != NULL;
    if (!source)
        return 0;
    if (secret_read(str_of(source), &r->secret, e))
        return -1;
    if (!is_plain(r->secret))
        return err_set(e, ERR_CONFIG, "'%s' has control bytes in it", source);
    if (r->basic && !memchr(r->secret.p, ':', r->secret.n))
        return err_set(e, ERR_CONFIG, "'%s' is not NAME:PASSWORD", source);
    return 0;
}

/* $NETRC or ~/.netrc, if it is there. */
static int find_netrc(struct remote *r, struct err *e)
{
    const char *path = getenv("NETRC"), *home = getenv("HOME");
    if (r->secret.n || (!path && !home))
        return 0;
    if (path)
        buf_addz(&r->netrc, path);
    else
        buf_addf(&r->netrc, "%s/.netrc", home);
    const char *z = buf_z(&r->netrc);
    if (!z)
        return err_nomem(e);
    if (!path && access(z, F_OK) != 0)
        buf_free(&r->netrc);
    return 0;
}

/* ---- documents that were kept */

/* The file for path in *name; false where it has none. */
static bool file_of(const struct remote *r, const char *path, struct buf *name)
{
    if (!r->folder.n || strlen(path) > NAME_LEN_MAX)
        return false;
    buf_add_str(name, buf_str(&r->folder));
    buf_addc(name, '/');
    for (const char *p = path + (*path == '/'); *p; p++)
        buf_addc(name, *p == '/' ? '=' : *p);
    return buf_z(name) != NULL;
}

/* Whatever else may answer there, or stand in a file, is not kept. */
static bool is_document(struct str body)
{
    struct json_fault f;
    struct val v;
    if (json_check_object(body, JSON_DEPTH_DEFAULT, &f))
        return false;
    v = json_get(json_val(body), STR("schema"));
    return v.type == JSON_STRING;
}

static bool read_kept(const struct remote *r, const char *path,
                      struct buf *body)
{
    struct buf name = { .max = 1 << 16 };
    size_t start = body->n;
    char block[65536];
    ssize_t n = -1;
    int fd = file_of(r, path, &name) ? open(name.p, O_RDONLY | O_CLOEXEC) : -1;
    buf_free(&name);
    if (fd < 0)
        return false;
    while ((n = read(fd, block, sizeof(block))) > 0)
        buf_add(body, block, (size_t)n);
    close(fd);
    struct str text = { body->p + start, body->n - start };
    if (n == 0 && !body->failed && text.n && is_document(text))
        return true;
    body->n = start;
    body->failed = false;
    return false;
}

/* Makes the folder and those above it. */
static void make_folder(const char *path)
{
    char *copy = strdup(path);
    for (char *p = copy; p && *p; p++) {
        if (*p != '/' || p == copy)
            continue;
        *p = '\0';
        (void)mkdir(copy, 0700);
        *p = '/';
    }
    (void)mkdir(path, 0700);
    free(copy);
}

/* What cannot be kept is asked for again the next time. */
static void keep(const struct remote *r, const char *path, struct str body)
{
    struct buf name = { .max = 1 << 16 };
    struct output o = { .fd = -1 };
    struct err ignored;
    if (is_document(body) && file_of(r, path, &name)) {
        make_folder(r->folder.p);
        if (output_file(&o, name.p, &ignored) == 0 &&
            output_write(&o, body, &ignored) == 0)
            (void)output_commit(&o, &ignored);
        output_close(&o);
    }
    buf_free(&name);
}

/* ---- asking */

/* 1; 0 for 404; -1. */
static int ask(const struct remote *r, const char *url, struct buf *body,
               struct err *e)
{
    static const char *const headers[] = {
        "Accept: application/vnd.schemaregistry.v1+json, application/json"
    };
    struct http_request request = { .url = url,
                                    .headers = headers,
                                    .n_headers = 1 };
    struct fetch *f = NULL;
    struct err why;
    int got = 1;
    if (fetch_start(&f, r->fetcher, &request, e))
        return -1;
    if (fetch_wait(f, &why))
        got = why.code == ERR_NOINPUT ? 0 : -1;
    else if (fetch_body(f, body, &why))
        got = -1;
    if (got < 0)
        *e = why;
    fetch_end(f);
    return got;
}

static int ask_path(const struct remote *r, const char *path, struct buf *body,
                    struct err *e)
{
    struct buf url = { .max = 1 << 16 };
    buf_add_str(&url, buf_str(&r->url));
    buf_addz(&url, path);
    const char *z = buf_z(&url);
    int got = z ? ask(r, z, body, e) : err_nomem(e);
    buf_free(&url);
    return got;
}

/* Any server says 404: is it a registry that has no such schema? */
static int meet(const struct remote *r, struct err *e)
{
    struct buf types = { .max = BODY_MAX };
    int got = ask_path(r, "/schemas/types", &types, e);
    buf_free(&types);
    return got == 0
               ? err_set(e, ERR_CONFIG, "no schema registry at '%s'", r->url.p)
               : got;
}

int remote_get(void *context, const char *path, struct buf *body, struct err *e)
{
    struct remote *r = context;
    size_t start = body->n;
    if (read_kept(r, path, body))
        return 1;
    int got = ask_path(r, path, body, e);
    if (got == 0 && !r->met && meet(r, e) < 0)
        return -1;
    r->met |= got >= 0;
    if (got > 0 && !body->failed)
        keep(r, path, (struct str){ body->p + start, body->n - start });
    return got;
}

/* ---- open and close */

static int fill(struct remote *r, const struct remote_options *opts,
                const char *state_dir, struct err *e)
{
    char hex[33];
    struct str url = str_of(opts->url);
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    buf_add_str(&r->url, url);
    if (state_dir) {
        hash128_hex(hash128(url), hex);
        buf_addf(&r->folder, "%s/registry/%s", state_dir, hex);
    }
    if (!buf_z(&r->url) || (state_dir && !buf_z(&r->folder)))
        return err_nomem(e);
    return read_secret(r, opts, e) || find_netrc(r, e) ? -1 : 0;
}

int remote_open(struct remote **out, const struct remote_options *opts,
                const char *state_dir, const char *app, bool (*stop)(void),
                struct err *e)
{
    struct remote *r = calloc(1, sizeof(*r));
    if (!r)
        return err_nomem(e);
    if (fill(r, opts, state_dir, e)) {
        remote_close(r);
        return -1;
    }
    struct fetch_opts how = {
        .http = { .agent = app,
                  .ca_file = opts->ca,
                  .total_ms = 60000,
                  .allow_private = true, /* the user names the host */
                  .stop = stop },
        .retry = retry_default,
        .home = r->url.p,
        .sign = sign,
        .ctx = r,
        .netrc = r->netrc.n ? r->netrc.p : NULL,
    };
    how.retry.deadline_ms = 60000;
    if (fetcher_open(&r->fetcher, &how, e)) {
        remote_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

void remote_close(struct remote *r)
{
    if (!r)
        return;
    fetcher_close(r->fetcher);
    buf_free(&r->url);
    buf_free(&r->folder);
    buf_free(&r->netrc);
    secret_free(&r->secret);
    free(r);
}
