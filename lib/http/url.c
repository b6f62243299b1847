#include "http/url.h"

#include "http/address.h"
#include "http/curl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>

#define URL_MAX 65536

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_http(const char *scheme)
{
    return strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
}

/* One part, owned by libcurl; NULL where there is none. */
static char *get(const struct curl_lib *lib, const CURLU *u, CURLUPart what,
                 unsigned flags)
{
    char *part = NULL;
    return lib->url_get(u, what, &part, flags) == CURLUE_OK ? part : NULL;
}

/* Parses an absolute URL of HTTP: 0; 1 where it is none; -1 without memory.
 * *u is set in every case, owned. */
static int parse(const struct curl_lib *lib, const char *url, CURLU **u)
{
    *u = lib->url();
    if (!*u)
        return -1;
    if (strlen(url) > URL_MAX)
        return 1;
    CURLUcode r = lib->url_set(*u, CURLUPART_URL, url, CURLU_PATH_AS_IS);
    if (r == CURLUE_OUT_OF_MEMORY)
        return -1;
    char *scheme = r ? NULL : get(lib, *u, CURLUPART_SCHEME, 0);
    bool good = scheme && is_http(scheme);
    lib->free(scheme);
    return good ? 0 : 1;
}

static bool has_user(const struct curl_lib *lib, const CURLU *u)
{
    char *user = get(lib, u, CURLUPART_USER, 0);
    char *password = get(lib, u, CURLUPART_PASSWORD, 0);
    bool has = user || password;
    lib->free(user);
    lib->free(password);
    return has;
}

int url_check(const char *url, struct err *e)
{
    const struct curl_lib *lib = curl_lib(e);
    CURLU *u;
    if (!lib)
        return -1;
    int r = parse(lib, url, &u);
    if (r) {
        lib->url_cleanup(u);
        if (r < 0)
            return err_nomem(e);
        return err_set(e, ERR_USAGE, "'%.*s' is not a URL of HTTP",
                       (int)strcspn(url, "?#@"), url);
    }
    bool bare = !has_user(lib, u);
    lib->url_cleanup(u);
    return bare ? 0
                : err_set(e, ERR_USAGE,
                          "a URL must not hold a user name or password: use "
                          "netrc, or a token from env:NAME or file:PATH");
}

int url_resolve(const char *base, struct str reference, struct buf *out,
                struct err *e)
{
    const struct curl_lib *lib = curl_lib(e);
    CURLU *u = NULL;
    if (!lib)
        return -1;
    char *text = reference.n > URL_MAX || memchr(reference.p, '\0', reference.n)
                     ? NULL
                     : strndup(reference.p, reference.n);
    int r = text ? parse(lib, base, &u) : 1;
    char *whole = NULL;
    if (r == 0) {
        /* Another scheme than HTTP is refused by the parse below. */
        r = lib->url_set(u, CURLUPART_URL, text,
                         CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) ||
            lib->url_set(u, CURLUPART_FRAGMENT, NULL, 0);
        whole = r ? NULL : get(lib, u, CURLUPART_URL, 0);
    }
    if (whole) {
        lib->url_cleanup(u);
        r = parse(lib, whole, &u);
        if (r == 0)
            r = has_user(lib, u) ? 1 : buf_addz(out, whole);
    }
    lib->free(whole);
    lib->url_cleanup(u);
    free(text);
    if (r < 0)
        return err_nomem(e);
    /* Neither a query nor a password is for messages. */
    size_t shown = 0;
    while (shown < reference.n && shown < 200 &&
           !memchr("?#", reference.p[shown], 2))
        shown++;
    if (memchr(reference.p, '@', reference.n))
        shown = 0;
    return r == 0 ? 0
                  : err_set(e, ERR_DATA, "'%.*s' is not a URL of HTTP",
                            (int)shown, reference.p);
}

int url_origin(const char *url, struct buf *out, struct err *e)
{
    const struct curl_lib *lib = curl_lib(e);
    CURLU *u;
    if (!lib)
        return -1;
    int r = parse(lib, url, &u);
    size_t from = out->n;
    char *scheme = r ? NULL : get(lib, u, CURLUPART_SCHEME, 0);
    char *host = r ? NULL : get(lib, u, CURLUPART_HOST, 0);
    char *port = r ? NULL : get(lib, u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (scheme && host && port)
        r = buf_addf(out, "%s://%s:%s", scheme, host, port);
    else if (r == 0)
        r = 1;
    for (size_t i = from; i < out->n; i++)
        out->p[i] = lower(out->p[i]);
    lib->free(scheme);
    lib->free(host);
    lib->free(port);
    lib->url_cleanup(u);
    if (r < 0)
        return err_nomem(e);
    return r == 0 ? 0 : err_set(e, ERR_DATA, "'%s' is not a URL of HTTP", url);
}

int url_same_origin(const char *a, const char *b, bool *same, struct err *e)
{
    struct buf x = { .max = URL_MAX }, y = { .max = URL_MAX };
    int r = url_origin(a, &x, e) || url_origin(b, &y, e) ? -1 : 0;
    if (r == 0)
        *same = str_eq(buf_str(&x), buf_str(&y));
    buf_free(&x);
    buf_free(&y);
    return r;
}

/* ---- parameters ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* True if a parameter, as it stands in the query, is called name; if any_case,
 * in upper or lower case, the name being in lower. */
static bool is_param(struct str param, struct str name, bool any_case)
{
    size_t k = 0;
    for (size_t i = 0; i < param.n && param.p[i] != '='; i++, k++) {
        char c = param.p[i] == '+' ? ' ' : param.p[i];
        int high = c == '%' && i + 2 < param.n ? hex_digit(param.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(param.p[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (any_case)
            c = lower(c);
        if (k >= name.n || c != name.p[k])
            return false;
    }
    return k == name.n;
}

/* Names of parameters whose values nobody else must see. */
static bool is_secret(struct str param)
{
    static const char *const names[] = { "key",
                                         "apikey",
                                         "api_key",
                                         "api-key",
                                         "x-api-key",
                                         "app_key",
                                         "appid",
                                         "token",
                                         "access_token",
                                         "auth",
                                         "auth_token",
                                         "authorization",
                                         "secret",
                                         "client_secret",
                                         "pass",
                                         "passwd",
                                         "password",
                                         "pwd",
                                         "sig",
                                         "signature",
                                         "x-amz-signature",
                                         "x-amz-credential",
                                         "x-amz-security-token",
                                         "x-goog-signature" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_param(param, str_of(names[i]), true))
            return true;
    return false;
}

/* The next parameter of the query behind *p, which is moved behind it. */
static bool next_param(const char **p, const char *stop, struct str *param)
{
    if (*p >= stop)
        return false;
    const char *from = *p + 1; /* behind '?' or '&' */
    const char *amp = memchr(from, '&', (size_t)(stop - from));
    *param = (struct str){ from, (size_t)((amp ? amp : stop) - from) };
    *p = from + param->n;
    return true;
}

bool url_has_param(const char *url, struct str name)
{
    const char *p = url + strcspn(url, "?#"), *stop = url + strcspn(url, "#");
    struct str param;
    while (next_param(&p, stop, &param))
        if (memchr(param.p, '=', param.n) && is_param(param, name, true))
            return true;
    return false;
}

/* Without user and password: those stand in front of the last @ of the host. */
static void show_place(const char *url, size_t n, struct buf *out)
{
    const char *slashes = memmem(url, n, "://", 3);
    const char *host = slashes ? slashes + 3 : url, *end = url + n;
    const char *path = memchr(host, '/', (size_t)(end - host));
    const char *at = memrchr(host, '@', (size_t)((path ? path : end) - host));
    buf_add(out, url, (size_t)(host - url));
    buf_add(out, at ? at + 1 : host, (size_t)(end - (at ? at + 1 : host)));
}

int url_show(const char *url, struct buf *out)
{
    const char *p = url + strcspn(url, "?#"), *stop = url + strcspn(url, "#");
    struct str param;
    show_place(url, (size_t)(p - url), out);
    for (char with = '?'; next_param(&p, stop, &param); with = '&') {
        const char *sign = memchr(param.p, '=', param.n);
        bool hide = sign && is_secret(param);
        buf_addc(out, with);
        if (hide)
            param.n = (size_t)(sign - param.p) + 1;
        buf_add_str(out, param);
        if (hide)
            buf_addz(out, "***");
    }
    return out->failed ? -1 : 0;
}

int url_encode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || (c && strchr("-._~", c));
        if (plain)
            buf_addc(out, (char)c);
        else
            buf_addf(out, "%%%02X", c);
    }
    return out->failed ? -1 : 0;
}

int url_set_param(const char *url, struct str name, struct str value,
                  struct buf *out)
{
    const char *p = url + strcspn(url, "?#"), *stop = url + strcspn(url, "#");
    struct str param;
    char with = '?';
    buf_add(out, url, (size_t)(p - url));
    while (next_param(&p, stop, &param)) {
        if (param.n == 0 || is_param(param, name, false))
            continue;
        buf_addc(out, with);
        buf_add_str(out, param);
        with = '&';
    }
    if (value.p) {
        buf_addc(out, with);
        url_encode(out, name);
        buf_addc(out, '=');
        url_encode(out, value);
    }
    return out->failed ? -1 : 0;
}

bool url_is_private(const char *url)
{
    struct err e;
    const struct curl_lib *lib = curl_lib(&e);
    CURLU *u;
    bool private = true;
    if (!lib)
        return true;
    if (parse(lib, url, &u) == 0) {
        char *host = get(lib, u, CURLUPART_HOST, 0);
        struct sockaddr_in a = { .sin_family = AF_INET };
        struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
        size_t n = host ? strlen(host) : 0;
        if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
            char *percent = strchr(host, '%');
            host[n - 1] = '\0';
            if (percent)
                *percent = '\0';
            private = inet_pton(AF_INET6, host + 1, &a6.sin6_addr) != 1 ||
                      address_is_private((const struct sockaddr *)&a6);
        } else if (n && inet_pton(AF_INET, host, &a.sin_addr) == 1) {
            private = address_is_private((const struct sockaddr *)&a);
        } else {
            private = n == 0 || strcasecmp(host, "localhost") == 0 ||
                      (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
        }
        lib->free(host);
    }
    lib->url_cleanup(u);
    return private;
}
