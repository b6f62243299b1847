#include "api/options.h"

#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct opt_list headers, params, origins;
static const char *method, *body, *initial;
static const char *auth, *token, *user, *netrc, *key_header, *key_param;
static const char *token_url, *client_id, *scope;
static const char *paginate, *cursor_param, *cursor_at, *next_at;
static const char *page_param, *offset_param, *limit_param, *total_at;
static uint64_t page_size, first_page = 1, max_pages = 100000, parallel = 1;
static uint64_t max_page = (uint64_t)64 << 20;
static const char *rate, *ca_file, *proxy;
static uint64_t retries = 5, retry_for = 600000, timeout = 60000;
static uint64_t connect_timeout = 10000;
static bool allow_private, allow_close_delimited, if_changed;

static const char *const auths[] = { "bearer", "basic", "apikey", "oauth2",
                                     NULL };
static const char *const schemes[] = { "link", "cursor", "offset",
                                       "page", "next",   NULL };

enum { KEY_PLACE = 7101 }; /* one of two */

#define ROW(kind, name, arg, dest, help)                                   \
    {                                                                      \
        kind, 0, name, arg, dest, help, NULL, 0, 0, 0, COMPLETE_NONE, NULL \
    }

const struct opt api_options[] = {
    ROW(OPT_GROUP, "http", NULL, NULL, "HTTP"),
    ROW(OPT_LIST, "header", "'NAME: VALUE'", &headers,
        "send this header too, repeatable; for credentials see --auth"),
    ROW(OPT_STRING, "method", "METHOD", &method,
        "the request's method; default GET, with --body POST"),
    ROW(OPT_STRING, "body", "TEXT|@FILE", &body,
        "send this body; {page} and {cursor} in it become JSON values"),
    ROW(OPT_LIST, "param", "NAME=VALUE", &params,
        "set a parameter of the URL, repeatable; left out where it has "
        "{cursor} and there is none yet"),
    ROW(OPT_STRING, "initial", "VALUE", &initial,
        "what {cursor} is before there is a watermark"),
    ROW(OPT_FLAG, "if-changed", NULL, &if_changed,
        "read nothing where the server says (ETag, Last-Modified) that all is "
        "as it was at the last load; not for loads that replace"),
    { OPT_CHOICE, 0, "auth", "HOW", &auth, "show credentials", auths, 0, 0, 0,
      COMPLETE_NONE, NULL },
    ROW(OPT_STRING, "token", "env:NAME|file:PATH", &token,
        "where the token, password, key or client secret is"),
    ROW(OPT_STRING, "user", "NAME", &user,
        "for basic: the user; without it, the host's entry in netrc"),
    { OPT_STRING, 0, "netrc", "FILE", &netrc,
      "for basic: the netrc file, mode 0600; default ~/.netrc", NULL, 0, 0, 0,
      COMPLETE_FILE, "NETRC" },
    { OPT_STRING, 0, "api-key-header", "NAME", &key_header,
      "for apikey: the header; default X-API-Key", NULL, 0, 0, KEY_PLACE,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "api-key-param", "NAME", &key_param,
      "for apikey: the parameter of the URL", NULL, 0, 0, KEY_PLACE,
      COMPLETE_NONE, NULL },
    ROW(OPT_STRING, "token-url", "URL", &token_url,
        "for oauth2: where tokens are handed out"),
    ROW(OPT_STRING, "client-id", "ID", &client_id, "for oauth2: the client"),
    ROW(OPT_STRING, "scope", "SCOPE", &scope, "for oauth2: what is asked for"),
    { OPT_CHOICE, 0, "paginate", "SCHEME", &paginate,
      "read page after page, by what the pages say or by their numbers",
      schemes, 0, 0, 0, COMPLETE_NONE, NULL },
    ROW(OPT_STRING, "next-at", "POINTER", &next_at,
        "for next: where in the body the next URL is"),
    ROW(OPT_STRING, "cursor-at", "POINTER", &cursor_at,
        "for cursor: where in the body the next cursor is"),
    ROW(OPT_STRING, "cursor-param", "NAME", &cursor_param,
        "for cursor: the parameter that takes it; default cursor"),
    ROW(OPT_STRING, "page-param", "NAME", &page_param,
        "for page: the parameter; default page"),
    ROW(OPT_STRING, "offset-param", "NAME", &offset_param,
        "for offset: the parameter; default offset"),
    ROW(OPT_STRING, "limit-param", "NAME", &limit_param,
        "the parameter that takes --page-size; default limit"),
    { OPT_COUNT, 0, "page-size", "N", &page_size,
      "ask for pages of N records; default what the server likes", NULL, 1,
      1000000000, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "first-page", "N", &first_page,
      "for page: the number of the first one; default 1", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    ROW(OPT_STRING, "total-at", "POINTER", &total_at,
        "where in the body the number of all records is: reading ends there, "
        "and fails where there were fewer"),
    { OPT_COUNT, 0, "max-pages", "N", &max_pages,
      "fail where there are more than N pages; default 100000", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_SIZE, 0, "max-page", "SIZE", &max_page,
      "fail where a page is larger; default 64M", NULL, 1024, (uint64_t)4 << 30,
      0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "parallel", "N", &parallel,
      "for page and offset: ask for N pages at once; their order is kept", NULL,
      1, 64, 0, COMPLETE_NONE, NULL },
    ROW(OPT_STRING, "rate", "N/s|N/m|N/h", &rate,
        "start no more requests than that, evenly spread"),
    ROW(OPT_COUNT, "retries", "N", &retries,
        "try a request again N times on 429, 5xx, time-outs and lost "
        "connections; default 5"),
    ROW(OPT_TIME, "retry-for", "TIME", &retry_for,
        "and not longer than TIME; default 10m"),
    { OPT_TIME, 0, "http-timeout", "TIME", &timeout,
      "give up where not a byte comes for TIME; default 60s", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "connect-timeout", "TIME", &connect_timeout,
      "give up connecting after TIME; default 10s", NULL, 1, 0, 0,
      COMPLETE_NONE, NULL },
    ROW(OPT_LIST, "allow-origin", "URL", &origins,
        "go where a page or redirect of the server sends us, if it is there; "
        "repeatable; credentials stay behind"),
    ROW(OPT_FLAG, "allow-private", NULL, &allow_private,
        "connect to loopback, link-local and private addresses too, and show "
        "credentials without TLS"),
    ROW(OPT_FLAG, "allow-close-delimited", NULL, &allow_close_delimited,
        "take a body whose end nothing but the end of the connection tells"),
    { OPT_STRING, 0, "ca", "FILE", &ca_file,
      "trust the certificates in FILE instead of the system's", NULL, 0, 0, 0,
      COMPLETE_FILE, "CURL_CA_BUNDLE" },
    ROW(OPT_STRING, "http-proxy", "URL|env:NAME|file:PATH", &proxy,
        "go through this proxy; a URL with a password is read from env: or "
        "file:"),
    { 0 }
};

/* ---- checks ---- */

int api_rate(const char *text, uint64_t *gap_us)
{
    char *end;
    static const struct {
        const char *unit;
        uint64_t us;
    } units[] = { { "", 1000000 },
                  { "/s", 1000000 },
                  { "/m", 60000000 },
                  { "/h", 3600000000 } };
    if (text[0] < '0' || text[0] > '9')
        return -1;
    unsigned long long n = strtoull(text, &end, 10);
    if (n == 0 || n > 1000000)
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *gap_us = units[i].us / n;
            return 0;
        }
    }
    return -1;
}

/* What stands on the command line is seen by everybody who asks ps. */
static int check_headers(struct err *e)
{
    static const char *const secret[] = { "authorization",
                                          "proxy-authorization", "cookie",
                                          "x-api-key", "x-auth-token" };
    for (size_t i = 0; i < headers.n; i++) {
        const char *h = headers.v[i];
        size_t n = strcspn(h, ":");
        if (n == 0 || h[n] != ':' || strcspn(h, " \t") < n)
            return err_set(e, ERR_USAGE, "option --header: not 'NAME: VALUE'");
        for (size_t k = 0; k < sizeof(secret) / sizeof(secret[0]); k++)
            if (strlen(secret[k]) == n && strncasecmp(h, secret[k], n) == 0)
                return err_set(e, ERR_USAGE,
                               "option --header: %s holds a secret that ps "
                               "would show: use --auth with --token",
                               secret[k]);
    }
    for (size_t i = 0; i < params.n; i++)
        if (strcspn(params.v[i], "=") == 0 || !strchr(params.v[i], '='))
            return err_set(e, ERR_USAGE,
                           "option --param: '%s' is not NAME=VALUE",
                           params.v[i]);
    return 0;
}

/* It stands in the request's first line: a line end would begin a header. */
static int check_method(struct err *e)
{
    if (!method)
        return 0;
    for (const char *p = method; *p || p == method; p++)
        if (!(*p >= 'A' && *p <= 'Z') && !(*p >= 'a' && *p <= 'z') &&
            *p != '-' && *p != '_')
            return err_set(e, ERR_USAGE, "option --method: not a method");
    if (strcmp(method, "HEAD") == 0)
        return err_set(e, ERR_USAGE, "option --method: HEAD has no body");
    return 0;
}

/* What an option is for, and whether that is so. */
struct need {
    const void *given;
    const char *option, *with;
    bool met;
};

static int check_needs(const struct need *needs, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (needs[i].given && !needs[i].met)
            return err_set(e, ERR_USAGE, "option --%s is for %s",
                           needs[i].option, needs[i].with);
    return 0;
}

static int check_auth(const struct api_opts *o, struct err *e)
{
    const struct need needs[] = {
        { token, "token", "--auth", o->auth != AUTH_NONE },
        { user, "user", "--auth basic", o->auth == AUTH_BASIC },
        { key_header, "api-key-header", "--auth apikey",
          o->auth == AUTH_APIKEY },
        { key_param, "api-key-param", "--auth apikey", o->auth == AUTH_APIKEY },
        { token_url, "token-url", "--auth oauth2", o->auth == AUTH_OAUTH2 },
        { client_id, "client-id", "--auth oauth2", o->auth == AUTH_OAUTH2 },
        { scope, "scope", "--auth oauth2", o->auth == AUTH_OAUTH2 },
    };
    if (check_needs(needs, sizeof(needs) / sizeof(needs[0]), e))
        return -1;
    if (o->auth == AUTH_OAUTH2 && (!token_url || !client_id))
        return err_set(e, ERR_USAGE,
                       "--auth oauth2 needs --token-url and --client-id");
    if (o->auth == AUTH_BASIC && !user != !token)
        return err_set(e, ERR_USAGE,
                       "--auth basic needs --user and --token, or neither, "
                       "where netrc has them");
    if (o->auth != AUTH_NONE && o->auth != AUTH_BASIC && !token)
        return err_set(e, ERR_USAGE, "--auth %s needs --token", auth);
    return 0;
}

static int check_paging(const struct api_opts *o, struct err *e)
{
    bool numbers = o->paging == PAGING_PAGE || o->paging == PAGING_OFFSET;
    const struct need needs[] = {
        { next_at, "next-at", "--paginate next", o->paging == PAGING_NEXT },
        { cursor_at, "cursor-at", "--paginate cursor",
          o->paging == PAGING_CURSOR },
        { cursor_param, "cursor-param", "--paginate cursor",
          o->paging == PAGING_CURSOR },
        { page_param, "page-param", "--paginate page",
          o->paging == PAGING_PAGE },
        { offset_param, "offset-param", "--paginate offset",
          o->paging == PAGING_OFFSET },
        { limit_param, "limit-param", "--page-size", page_size > 0 },
        { page_size ? &page_size : NULL, "page-size", "--paginate",
          o->paging != PAGING_NONE },
        { if_changed ? &if_changed : NULL, "if-changed",
          "one body: not with --paginate, --body or --method",
          o->paging == PAGING_NONE && !body && !method },
        { total_at, "total-at", "--paginate", o->paging != PAGING_NONE },
        { first_page != 1 ? &first_page : NULL, "first-page", "--paginate page",
          o->paging == PAGING_PAGE },
        { parallel > 1 ? &parallel : NULL, "parallel",
          "--paginate page and offset", numbers },
    };
    if (check_needs(needs, sizeof(needs) / sizeof(needs[0]), e))
        return -1;
    if (o->paging == PAGING_NEXT && !next_at)
        return err_set(e, ERR_USAGE, "--paginate next needs --next-at");
    if (o->paging == PAGING_CURSOR && !cursor_at)
        return err_set(e, ERR_USAGE, "--paginate cursor needs --cursor-at");
    if (o->paging == PAGING_OFFSET && parallel > 1 && !page_size)
        return err_set(e, ERR_USAGE,
                       "--paginate offset with --parallel needs --page-size");
    return 0;
}

static int read_proxy(struct api_opts *o, struct err *e)
{
    if (!proxy)
        return 0;
    if (strncmp(proxy, "env:", 4) == 0 || strncmp(proxy, "file:", 5) == 0) {
        struct str secret;
        if (secret_read(str_of(proxy), &secret, e))
            return -1;
        o->proxy = o->proxy_text = strndup(secret.p, secret.n);
        secret_free(&secret);
        if (!o->proxy)
            return err_nomem(e);
    } else if (strchr(proxy, '@')) {
        return err_set(e, ERR_USAGE,
                       "option --http-proxy: a URL must not hold a user name "
                       "or password, which ps would show: use env:NAME or "
                       "file:PATH");
    }
    return 0;
}

/* 0 for none, else the 1-based place of the choice. */
static int place(const char *const *choices, const char *choice)
{
    for (int i = 0; choice && choices[i]; i++)
        if (strcmp(choices[i], choice) == 0)
            return i + 1;
    return 0;
}

static void copy_plain(struct api_opts *o)
{
    o->headers = headers;
    o->params = params;
    o->origins = origins;
    o->method = method;
    o->body = body;
    o->initial = initial;
    o->token = token;
    o->user = user;
    o->netrc = netrc;
    o->key_param = key_param;
    o->key_header = key_header ? key_header : "X-API-Key";
    o->token_url = token_url;
    o->client_id = client_id;
    o->scope = scope;
    o->limit_param = limit_param ? limit_param : "limit";
    o->page_size = page_size;
    o->first_page = first_page;
    o->max_pages = max_pages;
    o->max_page = max_page;
    o->parallel = parallel;
    o->retries = retries;
    o->retry_for_ms = retry_for;
    o->idle_ms = timeout;
    o->connect_ms = connect_timeout;
    o->allow_private = allow_private;
    o->if_changed = if_changed;
    o->allow_unframed = allow_close_delimited;
    o->ca_file = ca_file;
    o->proxy = proxy;
}

int api_options_read(struct api_opts *o, struct err *e)
{
    *o = (struct api_opts){ 0 };
    copy_plain(o);
    o->auth = (enum auth_kind)place(auths, auth);
    static const enum paging_kind kinds[] = { PAGING_NONE,   PAGING_LINK,
                                              PAGING_CURSOR, PAGING_OFFSET,
                                              PAGING_PAGE,   PAGING_NEXT };
    o->paging = kinds[place(schemes, paginate)];
    o->page_param =
        o->paging == PAGING_CURSOR   ? (cursor_param ? cursor_param : "cursor")
        : o->paging == PAGING_OFFSET ? (offset_param ? offset_param : "offset")
                                     : (page_param ? page_param : "page");
    const char *at = next_at ? next_at : cursor_at;
    if (rate && api_rate(rate, &o->gap_us))
        return err_set(e, ERR_USAGE,
                       "option --rate: '%s' is not N/s, N/m or N/h", rate);
    if (check_headers(e) || check_method(e) || check_auth(o, e) ||
        check_paging(o, e) || read_proxy(o, e) ||
        (at && path_parse(&o->cursor_at, str_of(at), e)) ||
        (total_at && path_parse(&o->total_at, str_of(total_at), e)))
        return -1;
    o->has_total = total_at != NULL;
    return 0;
}

void api_options_free(struct api_opts *o)
{
    path_free(&o->cursor_at);
    path_free(&o->total_at);
    if (o->proxy_text)
        explicit_bzero(o->proxy_text, strlen(o->proxy_text));
    free(o->proxy_text);
    o->proxy_text = NULL;
}
