#include "api/auth.h"

#include "base/base64.h"
#include "base/secret.h"
#include "http/url.h"
#include "json/check.h"
#include "json/number.h"
#include "json/value.h"

#include <stdlib.h>
#include <strings.h>

#define TOKEN_MAX ((size_t)1 << 20) /* bytes of a token's answer */
#define EARLY_MS 30000              /* a token is not used up to its end */

struct auth {
    const struct api_opts *o;
    struct str secret;     /* owned */
    struct buf netrc;      /* path */
    struct buf access;     /* OAuth's token; empty: none */
    int64_t fetched_ms;    /* when, and for how long it is good; */
    uint64_t good_ms;      /* 0: nobody knows */
    struct fetch_opts how; /* of requests for tokens */
};

static bool is_header_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return true;
}

static int find_netrc(struct auth *a, struct err *e)
{
    const char *home = getenv("HOME");
    if (a->o->netrc)
        buf_addz(&a->netrc, a->o->netrc);
    else if (home && *home)
        buf_addf(&a->netrc, "%s/.netrc", home);
    else
        return err_set(e, ERR_CONFIG, "no netrc file: HOME is not set");
    return buf_z(&a->netrc) ? 0 : err_nomem(e);
}

static int check_transport(const struct api_opts *o, const char *url,
                           struct err *e)
{
    if (strncasecmp(url, "https:", 6) == 0 || o->allow_private)
        return 0;
    return err_set(e, ERR_USAGE,
                   "credentials are not shown over plain HTTP: use https, or "
                   "--allow-private within a network of your own");
}

int auth_open(struct auth **ap, const struct api_opts *o, const char *url,
              const struct fetch_opts *manners, struct err *e)
{
    *ap = NULL;
    if (o->auth == AUTH_NONE)
        return 0;
    if (check_transport(o, url, e) ||
        (o->token_url &&
         (url_check(o->token_url, e) || check_transport(o, o->token_url, e))))
        return -1;
    struct auth *a = calloc(1, sizeof(*a));
    if (!a)
        return err_nomem(e);
    a->o = o;
    a->access.max = TOKEN_MAX;
    a->how = *manners;
    a->how.home = o->token_url;
    a->how.gap_us = 0;
    int bad = o->token ? secret_read(str_of(o->token), &a->secret, e)
                       : find_netrc(a, e);
    if (!bad && o->token && !is_header_text(a->secret))
        bad = err_set(e, ERR_CONFIG,
                      "the secret of '%s' is not printable "
                      "ASCII",
                      o->token);
    if (bad) {
        auth_close(a);
        return -1;
    }
    *ap = a;
    return 0;
}

static void forget(struct auth *a)
{
    if (a->access.p)
        explicit_bzero(a->access.p, a->access.cap);
    buf_reset(&a->access);
}

void auth_close(struct auth *a)
{
    if (!a)
        return;
    forget(a);
    secret_free(&a->secret);
    buf_free(&a->access);
    buf_free(&a->netrc);
    free(a);
}

/* ---- OAuth ---- */

static int add_basic(struct buf *out, struct str user, struct str password)
{
    struct buf pair = { .max = 65536 };
    buf_add_str(&pair, user);
    buf_addc(&pair, ':');
    buf_add_str(&pair, password);
    buf_addz(out, "Authorization: Basic ");
    int r = pair.failed ? -1 : base64_encode(out, buf_str(&pair));
    if (pair.p)
        explicit_bzero(pair.p, pair.cap);
    buf_free(&pair);
    return r;
}

/* Both halves are encoded (RFC 6749, section 2.3.1). */
static int add_client(const struct auth *a, struct buf *out)
{
    struct buf id = { .max = 65536 }, secret = { .max = 65536 };
    url_encode(&id, str_of(a->o->client_id));
    url_encode(&secret, a->secret);
    int r = id.failed || secret.failed
                ? -1
                : add_basic(out, buf_str(&id), buf_str(&secret));
    if (secret.p)
        explicit_bzero(secret.p, secret.cap);
    buf_free(&id);
    buf_free(&secret);
    return r;
}

static int take_token(struct auth *a, struct str answer, struct err *e)
{
    struct json_fault f;
    struct buf scratch = { .max = TOKEN_MAX };
    struct str text;
    int64_t seconds;
    if (json_check_object(answer, 16, &f))
        return err_set(e, ERR_DATA, "'%s' answers with what is not JSON",
                       a->o->token_url);
    struct val object = json_val(answer);
    struct val token = json_get(object, STR("access_token"));
    struct val expires = json_get(object, STR("expires_in"));
    int r =
        token.type != JSON_STRING ? -2
        : json_string(token, &scratch, &text) || buf_add_str(&a->access, text)
            ? -1
            : 0;
    if (r == 0 && (!text.n || !is_header_text(text)))
        r = -2;
    buf_free(&scratch);
    if (r)
        return r == -1 ? err_nomem(e)
                       : err_set(e, ERR_DATA,
                                 "'%s' answers without an access_token",
                                 a->o->token_url);
    a->fetched_ms = http_clock_ms();
    a->good_ms = 0;
    if (expires.type == JSON_NUMBER && number_to_i64(expires.raw, &seconds) &&
        seconds > 0 && seconds < 1000000000)
        a->good_ms = (uint64_t)seconds * 1000;
    return 0;
}

static int ask_token(struct auth *a, struct fetcher *by, struct err *e)
{
    struct buf client = { .max = 65536 }, form = { .max = 65536 };
    struct buf answer = { .max = TOKEN_MAX };
    struct fetch *f = NULL;
    buf_addz(&form, "grant_type=client_credentials");
    if (a->o->scope) {
        buf_addz(&form, "&scope=");
        url_encode(&form, str_of(a->o->scope));
    }
    int bad = form.failed || add_client(a, &client) || !buf_z(&client);
    const char *headers[] = { client.p,
                              "Content-Type: application/x-www-form-urlencoded",
                              "Accept: application/json" };
    const struct http_request r = { .url = a->o->token_url,
                                    .headers = headers,
                                    .n_headers = 3,
                                    .body = buf_str(&form) };
    bad = bad ? err_nomem(e)
              : fetch_start(&f, by, &r, e) || fetch_wait(f, e) ||
                    fetch_body(f, &answer, e) ||
                    take_token(a, buf_str(&answer), e);
    fetch_end(f);
    if (client.p)
        explicit_bzero(client.p, client.cap);
    if (answer.p)
        explicit_bzero(answer.p, answer.cap);
    buf_free(&client);
    buf_free(&form);
    buf_free(&answer);
    return bad ? -1 : 0;
}

static int get_token(struct auth *a, struct err *e)
{
    struct fetcher *by;
    uint64_t age = (uint64_t)(http_clock_ms() - a->fetched_ms);
    uint64_t early = a->good_ms / 2 < EARLY_MS ? a->good_ms / 2 : EARLY_MS;
    if (a->access.n && (!a->good_ms || age < a->good_ms - early))
        return 0;
    forget(a);
    if (fetcher_open(&by, &a->how, e))
        return -1;
    int r = ask_token(a, by, e);
    fetcher_close(by);
    return r;
}

/* ---- hooks ---- */

static int sign(void *ctx, struct buf *headers, struct str param[2],
                struct err *e)
{
    struct auth *a = ctx;
    const struct api_opts *o = a->o;
    if (o->auth == AUTH_APIKEY && o->key_param) {
        param[0] = str_of(o->key_param);
        param[1] = a->secret;
        return 0;
    }
    if (o->auth == AUTH_BASIC) {
        if (o->user)
            add_basic(headers, str_of(o->user), a->secret);
    } else if (o->auth == AUTH_APIKEY) {
        buf_addf(headers, "%s: ", o->key_header);
        buf_add_str(headers, a->secret);
    } else {
        if (o->auth == AUTH_OAUTH2 && get_token(a, e))
            return -1;
        buf_addz(headers, "Authorization: Bearer ");
        buf_add_str(headers,
                    o->auth == AUTH_OAUTH2 ? buf_str(&a->access) : a->secret);
    }
    if (headers->n)
        buf_addc(headers, '\0');
    return headers->failed ? err_nomem(e) : 0;
}

/* A token in a file may have been put anew there. */
static int renew(void *ctx, struct err *e)
{
    struct auth *a = ctx;
    struct str now;
    if (a->o->auth == AUTH_OAUTH2) {
        forget(a);
        return 1;
    }
    if (!a->o->token || secret_read(str_of(a->o->token), &now, e))
        return a->o->token ? -1 : 0;
    bool same = str_eq(now, a->secret) || !is_header_text(now);
    if (same) {
        secret_free(&now);
        return 0;
    }
    secret_free(&a->secret);
    a->secret = now;
    return 1;
}

void auth_use(struct auth *a, struct fetch_opts *opts)
{
    if (!a)
        return;
    opts->sign = sign;
    opts->renew = renew;
    opts->ctx = a;
    opts->key_param = a->o->auth == AUTH_APIKEY ? a->o->key_param : NULL;
    opts->netrc = a->netrc.n ? a->netrc.p : NULL;
}
