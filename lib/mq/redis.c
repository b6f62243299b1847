#include "mq/redis.h"

#include "base/secret.h"
#include "io/dynlib.h"
#include "mq/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define SCHEME "redis://"
#define PORT 6379
#define CONNECT_S 5 /* for one try */
#define WORDS_MAX 1100

/* ---- the library ---- */

struct context; /* redisContext */

static struct {
    struct context *(*connect)(const char *host, int port, struct timeval t);
    int (*set_timeout)(struct context *c, struct timeval t);
    void *(*command)(struct context *c, int n, const char **words,
                     const size_t *lengths);
    void (*free)(struct context *c);
    void (*free_reply)(void *reply);
} hi;

/* From 1.0 on a reply has room for types of RESP3, and a context begins with a
 * table of functions. */
static bool is_old;

struct reply_old {
    int type;
    long long integer;
    size_t len;
    char *str;
    size_t n;
    struct redis_reply **v;
};

struct reply_new {
    int type;
    long long integer;
    double number;
    size_t len;
    char *str;
    char vtype[4];
    size_t n;
    struct redis_reply **v;
};

static const char *context_error(const struct context *c)
{
    struct new_context {
        const void *functions;
        int err;
        char text[128];
    };
    struct old_context {
        int err;
        char text[128];
    };
    const void *p = c;
    if (!c)
        return "out of memory";
    if (is_old)
        return ((const struct old_context *)p)->err
                   ? ((const struct old_context *)p)->text
                   : NULL;
    return ((const struct new_context *)p)->err
               ? ((const struct new_context *)p)->text
               : NULL;
}

static int load(struct err *e)
{
    static bool loaded;
    static const char *const old[] = { "libhiredis.so.0.14", NULL };
    static const char *const names[] = {
        "libhiredis.so.1.3.0", "libhiredis.so.1.2.0", "libhiredis.so.1.1.0",
        "libhiredis.so.1.0.0", "libhiredis.so.1",     NULL
    };
    static const struct dynlib_symbol symbols[] = {
        { "redisConnectWithTimeout", (void *)&hi.connect },
        { "redisSetTimeout", (void *)&hi.set_timeout },
        { "redisCommandArgv", (void *)&hi.command },
        { "redisFree", (void *)&hi.free },
        { "freeReplyObject", (void *)&hi.free_reply },
    };
    struct err first = { 0 };
    size_t n = sizeof(symbols) / sizeof(*symbols);
    if (loaded)
        return 0;
    is_old =
        dynlib_load("hiredis", "libhiredis0.14", old, symbols, n, &first) == 0;
    if (!is_old && dynlib_load("hiredis", "libhiredis1.1.0 or libhiredis0.14",
                               names, symbols, n, e))
        return -1;
    loaded = true;
    return 0;
}

/* ---- replies ---- */

enum redis_type redis_type(const struct redis_reply *reply)
{
    const void *p = reply;
    /* A reply begins alike in all versions. */
    switch (reply ? ((const struct reply_old *)p)->type : 4) {
    case 1:
    case 5: return REDIS_STRING;
    case 2: return REDIS_ARRAY;
    case 3: return REDIS_INTEGER;
    case 4: return REDIS_NIL;
    case 6: return REDIS_ERROR;
    default: return REDIS_OTHER;
    }
}

static struct str text_of(const struct redis_reply *reply)
{
    const void *p = reply;
    if (is_old) {
        const struct reply_old *o = p;
        return (struct str){ o->str ? o->str : "", o->str ? o->len : 0 };
    }
    const struct reply_new *n = p;
    return (struct str){ n->str ? n->str : "", n->str ? n->len : 0 };
}

struct str redis_text(const struct redis_reply *reply)
{
    return redis_type(reply) == REDIS_STRING ? text_of(reply) : STR("");
}

int64_t redis_number(const struct redis_reply *reply)
{
    const void *p = reply;
    return redis_type(reply) == REDIS_INTEGER
               ? ((const struct reply_old *)p)->integer
               : 0;
}

size_t redis_count(const struct redis_reply *reply)
{
    const void *p = reply;
    if (redis_type(reply) != REDIS_ARRAY)
        return 0;
    return is_old ? ((const struct reply_old *)p)->n
                  : ((const struct reply_new *)p)->n;
}

const struct redis_reply *redis_at(const struct redis_reply *reply, size_t i)
{
    const void *p = reply;
    if (i >= redis_count(reply))
        return NULL;
    return is_old ? ((const struct reply_old *)p)->v[i]
                  : ((const struct reply_new *)p)->v[i];
}

const struct redis_reply *redis_get(const struct redis_reply *reply,
                                    const char *name)
{
    for (size_t i = 0; i + 1 < redis_count(reply); i += 2)
        if (str_eq(redis_text(redis_at(reply, i)), str_of(name)))
            return redis_at(reply, i + 1);
    return NULL;
}

bool redis_is_error(const struct redis_reply *reply, const char *start)
{
    struct str s = str_of(start);
    if (redis_type(reply) != REDIS_ERROR)
        return false;
    struct str text = text_of(reply);
    return text.n >= s.n && memcmp(text.p, s.p, s.n) == 0;
}

void redis_reply_free(struct redis_reply *reply)
{
    if (reply)
        hi.free_reply(reply);
}

/* ---- URIs ---- */

static int parse_port(const char *text, size_t n, int *port)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || v > 65535)
            return -1;
        v = 10 * v + (text[i] - '0');
    }
    *port = v;
    return v > 0 && v <= 65535 ? 0 : -1;
}

int redis_uri_parse(struct redis_uri *u, const char *uri, struct err *e)
{
    const char *from = uri + strlen(SCHEME);
    *u = (struct redis_uri){ .port = PORT };
    if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
        return err_set(e, ERR_USAGE, "'%s' is no " SCHEME " URI", uri);
    size_t n = strcspn(from, "/");
    /* Not quoted: there may be a password in it. */
    if (memchr(from, '@', n))
        return err_set(e, ERR_USAGE,
                       "a redis URI names no user: use --redis-user NAME and "
                       "--redis-password env:NAME or file:PATH");
    u->key = from[n] ? from + n + 1 : "";
    const char *end = from + n, *colon = NULL, *host = from;
    size_t host_n = n;
    if (n && *from == '[') {
        const char *close = memchr(from, ']', n);
        host = from + 1;
        host_n = close ? (size_t)(close - host) : 0;
        if (close && close + 1 < end)
            colon = close + 1;
    } else if ((colon = memchr(from, ':', n)))
        host_n = (size_t)(colon - from);
    if (!host_n ||
        (colon && (*colon != ':' ||
                   parse_port(colon + 1, (size_t)(end - colon - 1), &u->port))))
        return err_set(e, ERR_USAGE,
                       "'%s' names no server: redis://HOST:PORT/STREAM is "
                       "wanted",
                       uri);
    u->host = strndup(host, host_n);
    return u->host ? 0 : err_nomem(e);
}

void redis_uri_free(struct redis_uri *u)
{
    free(u->host);
    *u = (struct redis_uri){ 0 };
}

/* ---- connections ---- */

struct redis {
    const struct redis_spec *spec;
    struct context *c; /* NULL: not connected */
    struct mq_retry retry;
    unsigned connections;
    char trouble[200]; /* why the last try failed */
};

static void disconnect(struct redis *r)
{
    if (r->c)
        hi.free(r->c);
    r->c = NULL;
}

static void note(struct redis *r, struct str text)
{
    snprintf(r->trouble, sizeof(r->trouble), "%.*s", STR_ARG(text));
}

/* A server that will be of use again. */
static bool is_passing(const struct redis_reply *reply)
{
    static const char *const starts[] = { "LOADING",
                                          "BUSY ",
                                          "MASTERDOWN",
                                          "CLUSTERDOWN",
                                          "TRYAGAIN",
                                          "READONLY",
                                          "ERR max number of clients",
                                          NULL };
    for (const char *const *s = starts; *s; s++)
        if (redis_is_error(reply, *s))
            return true;
    return false;
}

/* One command, once: its reply; NULL where the connection is to be made anew.
 */
static struct redis_reply *send_words(struct redis *r, int n,
                                      const char **words, const size_t *lengths)
{
    struct redis_reply *reply = hi.command(r->c, n, words, lengths);
    const char *why = context_error(r->c);
    if (reply && !is_passing(reply))
        return reply;
    note(r, reply ? text_of(reply) : str_of(why ? why : "no answer"));
    redis_reply_free(reply);
    disconnect(r);
    return NULL;
}

/* A step of the greeting: 0; 1 where it is to be tried again; -1. */
static int greet(struct redis *r, int n, const char **words,
                 const size_t *lengths, struct err *e)
{
    struct redis_reply *reply = send_words(r, n, words, lengths);
    if (!reply)
        return 1;
    int bad = 0;
    if (redis_type(reply) == REDIS_ERROR)
        bad = redis_refused(words, reply, e);
    redis_reply_free(reply);
    return bad;
}

static int log_in(struct redis *r, struct err *e)
{
    const struct redis_spec *s = r->spec;
    struct str secret;
    if (!s->password)
        return 0;
    if (secret_read(str_of(s->password), &secret, e))
        return -1;
    const char *words[] = { "AUTH", s->user ? s->user : "default", secret.p };
    size_t lengths[] = { 4, strlen(words[1]), secret.n };
    if (!s->user) { /* as servers before 6 have it, too */
        words[1] = words[2];
        lengths[1] = lengths[2];
    }
    int done = greet(r, s->user ? 3 : 2, words, lengths, e);
    secret_free(&secret);
    return done;
}

static int choose_db(struct redis *r, struct err *e)
{
    char db[24];
    if (!r->spec->db)
        return 0;
    snprintf(db, sizeof(db), "%llu", (unsigned long long)r->spec->db);
    const char *words[] = { "SELECT", db };
    size_t lengths[] = { 6, strlen(db) };
    return greet(r, 2, words, lengths, e);
}

/* 0; 1 where it is to be tried again; -1. */
static int connect_once(struct redis *r, struct err *e)
{
    r->c = hi.connect(r->spec->host, r->spec->port,
                      (struct timeval){ .tv_sec = CONNECT_S });
    const char *why = context_error(r->c);
    if (why) {
        note(r, str_of(why));
        disconnect(r);
        return 1;
    }
    uint64_t ms = r->spec->patience_ms;
    hi.set_timeout(r->c, (struct timeval){ .tv_sec = (time_t)(ms / 1000 + 1) });
    int bad = log_in(r, e);
    if (bad == 0)
        bad = choose_db(r, e);
    if (bad == 0)
        r->connections++;
    else if (bad < 0)
        disconnect(r);
    return bad;
}

static int give_up(const struct redis *r, struct err *e)
{
    return err_set(e, r->connections ? ERR_TEMPFAIL : ERR_UNAVAILABLE,
                   "cannot reach Redis at %s:%d: %s", r->spec->host,
                   r->spec->port, r->trouble);
}

static int connect_again(struct redis *r, struct err *e)
{
    int bad;
    while ((bad = connect_once(r, e)) > 0)
        if (!mq_retry_wait(&r->retry))
            return give_up(r, e);
    return bad;
}

int redis_open(struct redis **rp, const struct redis_spec *spec, struct err *e)
{
    if (load(e))
        return -1;
    struct redis *r = calloc(1, sizeof(*r));
    if (!r)
        return err_nomem(e);
    r->spec = spec;
    r->retry.patience_ms = spec->patience_ms;
    r->retry.stop = spec->stop;
    if (connect_again(r, e)) {
        redis_close(r);
        return -1;
    }
    mq_retry_done(&r->retry);
    *rp = r;
    return 0;
}

void redis_close(struct redis *r)
{
    if (r)
        disconnect(r);
    free(r);
}

unsigned redis_connections(const struct redis *r)
{
    return r->connections;
}

/* ---- commands ---- */

int redis_ask(struct redis *r, const char *const *words,
              struct redis_reply **reply, struct err *e)
{
    const char *v[WORDS_MAX];
    size_t lengths[WORDS_MAX];
    int n = 0;
    for (; n < WORDS_MAX && words[n]; n++) {
        v[n] = words[n];
        lengths[n] = strlen(words[n]);
    }
    if (n == WORDS_MAX)
        return err_set(e, ERR_BUG, "a Redis command of too many words");
    for (;;) {
        if (!r->c && connect_again(r, e))
            return -1;
        *reply = send_words(r, n, v, lengths);
        if (*reply) {
            mq_retry_done(&r->retry);
            return 0;
        }
        if (!mq_retry_wait(&r->retry))
            return give_up(r, e);
    }
}

int redis_refused(const char *const *words, const struct redis_reply *reply,
                  struct err *e)
{
    static const char *const denied[] = { "NOAUTH",   "WRONGPASS",
                                          "NOPERM",   "ERR invalid password",
                                          "ERR AUTH", NULL };
    enum err_code code = ERR_CONFIG;
    for (const char *const *d = denied; *d; d++)
        if (redis_is_error(reply, *d))
            code = ERR_NOPERM;
    if (redis_is_error(reply, "WRONGTYPE"))
        code = ERR_DATA;
    struct str text = text_of(reply);
    return err_set(e, code, "Redis refuses %s: %.*s", words[0], STR_ARG(text));
}

int redis_want(struct redis *r, const char *const *words,
               struct redis_reply **reply, struct err *e)
{
    if (redis_ask(r, words, reply, e))
        return -1;
    if (redis_type(*reply) != REDIS_ERROR)
        return 0;
    redis_refused(words, *reply, e);
    redis_reply_free(*reply);
    *reply = NULL;
    return -1;
}
