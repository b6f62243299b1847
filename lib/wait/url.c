/* A URL: answers with a status, and with a body, as wanted. */
#include "api/auth.h"
#include "http/fetch.h"
#include "http/url.h"
#include "json/check.h"
#include "json/path.h"
#include "json/select.h"
#include "json/utf8.h"
#include "regex/regex.h"
#include "wait/sensor.h"

#include <stdlib.h>
#include <time.h>

#define BODY_MAX ((size_t)16 << 20)
#define BODY_DEPTH 256

struct url {
    struct sensor base;
    struct api_opts api; /* for credentials alone */
    struct auth *auth;
    struct fetch_opts how;
    struct fetcher *fetcher;
    struct buf shown; /* the URL, as messages have it */
    struct regex_set *set;
    const struct regex *regex; /* NULL: none is wanted */
    struct select *select;     /* NULL: no value is wanted */
    struct str value;          /* within opts->json */
    struct buf pointer;
    struct buf body;
};

/* ---- open ---- */

static int compile_match(struct url *u, struct err *e)
{
    const char *pattern = u->base.opts->match;
    struct regex_why why;
    if (!(u->set = regex_set_new()))
        return err_nomem(e);
    int r = regex_pin(u->set, str_of(pattern), 0, &why);
    if (r == 0)
        r = regex_get(u->set, str_of(pattern), 0, &u->regex, &why);
    if (r == -2)
        return err_nomem(e);
    return r ? err_set(e, ERR_USAGE, "option --match: '%s': %s at byte %zu",
                       pattern, why.text, why.at)
             : 0;
}

static int compile_json(struct url *u, struct err *e)
{
    const char *text = u->base.opts->json, *sign = strchr(text, '=');
    struct path path;
    if (!sign)
        return err_set(e, ERR_USAGE, "option --json: '%s' is not POINTER=VALUE",
                       text);
    u->value = str_of(sign + 1);
    if (path_parse(&path, (struct str){ text, (size_t)(sign - text) }, e))
        return -1;
    u->select = select_new();
    int bad = !u->select || select_add(u->select, &path) < 0 ||
              buf_add_str(&u->pointer, path.text);
    path_free(&path);
    return bad ? err_nomem(e) : 0;
}

/* What stands on the command line is seen by everybody who asks ps. */
static int check_headers(const struct opt_list *headers, struct err *e)
{
    static const char *const secret[] = { "authorization",
                                          "proxy-authorization", "cookie",
                                          "x-api-key", "x-auth-token" };
    for (size_t i = 0; i < headers->n; i++) {
        const char *h = headers->v[i];
        size_t n = strcspn(h, ":");
        if (n == 0 || h[n] != ':' || strcspn(h, " \t") < n ||
            strpbrk(h, "\r\n"))
            return err_set(e, ERR_USAGE, "option --header: not 'NAME: VALUE'");
        for (size_t k = 0; k < sizeof(secret) / sizeof(secret[0]); k++)
            if (strlen(secret[k]) == n && strncasecmp(h, secret[k], n) == 0)
                return err_set(e, ERR_USAGE,
                               "option --header: %s holds a secret that ps "
                               "would show: use --token or --netrc",
                               secret[k]);
    }
    return 0;
}

static int open_fetcher(struct url *u, struct err *e)
{
    const struct sensor_opts *o = u->base.opts;
    u->api = (struct api_opts){
        .auth = o->token   ? AUTH_BEARER
                : o->netrc ? AUTH_BASIC
                           : AUTH_NONE,
        .token = o->token,
        .netrc = o->netrc,
        .allow_private = o->allow_private,
    };
    /* Tries again are ours to make. */
    u->how = (struct fetch_opts){ .home = u->base.uri };
    u->how.http = (struct http_opts){
        .ca_file = o->ca_file,
        .idle_ms = o->patience_ms,
        .connect_ms = o->patience_ms,
        .allow_private = o->allow_private,
        .stop = o->stop,
    };
    if (auth_open(&u->auth, &u->api, u->base.uri, &u->how, e))
        return -1;
    auth_use(u->auth, &u->how);
    return fetcher_open(&u->fetcher, &u->how, e);
}

static int url_open(struct sensor *s, struct err *e)
{
    struct url *u = (struct url *)s;
    const struct sensor_opts *o = s->opts;
    u->body.max = BODY_MAX;
    u->shown.max = (size_t)1 << 17;
    if (o->token && o->netrc)
        return err_set(e, ERR_USAGE,
                       "options --token and --netrc exclude each other");
    if (o->expect / 100 == 3)
        return err_set(e, ERR_USAGE,
                       "option --expect: redirects are followed, so no answer "
                       "has status %u",
                       (unsigned)o->expect);
    if (url_check(s->uri, e) || check_headers(&o->headers, e) ||
        (o->match && compile_match(u, e)) || (o->json && compile_json(u, e)))
        return -1;
    if (url_show(s->uri, &u->shown) || !buf_z(&u->shown))
        return err_nomem(e);
    s->name = u->shown.p;
    return open_fetcher(u, e);
}

static void url_close(struct sensor *s)
{
    struct url *u = (struct url *)s;
    fetcher_close(u->fetcher);
    auth_close(u->auth);
    regex_set_free(u->set);
    select_free(u->select);
    buf_free(&u->shown);
    buf_free(&u->pointer);
    buf_free(&u->body);
}

/* ---- the body ---- */

static int look_for_match(struct url *u, struct err *e)
{
    const char *pattern = u->base.opts->match;
    struct regex_why why;
    const size_t *group;
    if (!utf8_valid(buf_str(&u->body)))
        return sensor_lacks(&u->base, e, "what '%s' answers is not UTF-8",
                            u->base.name);
    int r = regex_search(u->set, u->regex, buf_str(&u->body), 0, &group, &why);
    if (r == -2)
        return err_nomem(e);
    if (r < 0)
        return err_set(e, ERR_DATA, "cannot match '%s' with '%s': %s",
                       u->base.name, pattern, why.text);
    return r ? 1
             : sensor_lacks(&u->base, e, "what '%s' answers has no match of %s",
                            u->base.name, pattern);
}

static int look_for_value(struct url *u, struct err *e)
{
    struct json_fault fault;
    struct buf scratch = { .max = BODY_MAX };
    struct str text;
    struct val v;
    if (json_check_value(buf_str(&u->body), BODY_DEPTH, &fault) ||
        select_run(u->select, buf_str(&u->body), &v))
        return sensor_lacks(&u->base, e, "what '%s' answers is not JSON",
                            u->base.name);
    text = v.raw;
    int r = v.type == JSON_STRING ? json_string(v, &scratch, &text) : 0;
    if (r)
        err_nomem(e);
    else if (v.type == JSON_MISSING)
        r = sensor_lacks(&u->base, e, "what '%s' answers has no %s",
                         u->base.name, buf_z(&u->pointer));
    else if (!str_eq(text, u->value))
        r = sensor_lacks(&u->base, e, "%s of '%s' is '%.*s', wanted '%.*s'",
                         buf_z(&u->pointer), u->base.name,
                         (int)(text.n > 100 ? 100 : text.n), text.p,
                         STR_ARG(u->value));
    else
        r = 1;
    buf_free(&scratch);
    return r;
}

static int look_at_body(struct url *u, struct fetch *f, struct err *e)
{
    int r = 1;
    if (!u->regex && !u->select)
        return 1;
    buf_reset(&u->body);
    if (fetch_body(f, &u->body, e))
        return -1;
    if (u->regex)
        r = look_for_match(u, e);
    return r > 0 && u->select ? look_for_value(u, e) : r;
}

/* ---- the answer ---- */

/* Servers may ask to be left alone for a while. */
static void heed(struct url *u, const struct http_call *c)
{
    struct str value;
    uint64_t ms;
    if (http_header(c, "retry-after", 0, &value) &&
        retry_after(value, (int64_t)time(NULL), &ms))
        u->base.rest_ms = ms;
}

static int judge(struct url *u, struct fetch *f, int failed, struct err *why,
                 struct err *e)
{
    const struct http_call *c = fetch_call(f);
    unsigned status = c ? http_status(c) : 0;
    uint64_t expect = u->base.opts->expect;
    if (status == 0) {
        *e = *why;
        return -1;
    }
    heed(u, c);
    if (expect ? status == expect : !failed)
        return look_at_body(u, f, e);
    if (!failed)
        return sensor_lacks(&u->base, e,
                            "'%s' answers with status %u, wanted %u",
                            u->base.name, status, (unsigned)expect);
    if (why->code == ERR_NOINPUT)
        return sensor_lacks(&u->base, e, "%s", why->msg);
    *e = *why;
    return -1;
}

static int url_look(struct sensor *s, struct err *e)
{
    struct url *u = (struct url *)s;
    struct err why = { 0 };
    struct fetch *f = NULL;
    const struct http_request r = { .url = s->uri,
                                    .name = s->name,
                                    .headers = s->opts->headers.v,
                                    .n_headers = s->opts->headers.n };
    if (fetch_start(&f, u->fetcher, &r, e))
        return -1;
    int failed = fetch_wait(f, &why);
    int result = judge(u, f, failed, &why, e);
    fetch_end(f);
    return result;
}

static const char *const prefixes[] = { "http://", "https://", NULL };

const struct sensor_kind url_sensor = {
    .bit = SENSOR_URL,
    .prefixes = prefixes,
    .size = sizeof(struct url),
    .open = url_open,
    .look = url_look,
    .close = url_close,
};
