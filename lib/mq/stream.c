#include "mq/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ACK_MAX 1000 /* entries a command */

/* ---- places ---- */

static bool take_number(struct str *s, uint64_t *v)
{
    size_t i = 0;
    *v = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        uint64_t d = (uint64_t)(s->p[i] - '0');
        if (*v > (UINT64_MAX - d) / 10)
            return false;
        *v = 10 * *v + d;
    }
    s->p += i;
    s->n -= i;
    return i > 0;
}

bool stream_id_parse(struct str s, struct stream_id *id)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = (struct str){ s.p + 1, s.n - 2 };
    if (!take_number(&s, &id->ms) || !s.n || *s.p != '-')
        return false;
    s.p++, s.n--;
    return take_number(&s, &id->seq) && s.n == 0;
}

int stream_id_cmp(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

void stream_id_format(struct stream_id id, char text[STREAM_ID_MAX])
{
    snprintf(text, STREAM_ID_MAX, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

/* ---- what there is ---- */

static uint64_t count_of(const struct redis_reply *reply, const char *name,
                         bool *known)
{
    const struct redis_reply *v = redis_get(reply, name);
    int64_t n = redis_number(v);
    if (known)
        *known = redis_type(v) == REDIS_INTEGER && n >= 0;
    return n > 0 ? (uint64_t)n : 0;
}

/* 1 with a reply; 0 where there is no such key; -1. */
static int ask_info(const struct stream *s, const char *what,
                    struct redis_reply **reply, struct err *e)
{
    const char *words[] = { "XINFO", what, s->key, NULL };
    if (redis_ask(s->redis, words, reply, e))
        return -1;
    if (redis_type(*reply) != REDIS_ERROR)
        return 1;
    int r = redis_is_error(*reply, "ERR no such key")
                ? 0
                : redis_refused(words, *reply, e);
    redis_reply_free(*reply);
    return r;
}

int stream_info(const struct stream *s, struct stream_info *info, struct err *e)
{
    struct redis_reply *reply;
    *info = (struct stream_info){ 0 };
    int r = ask_info(s, "STREAM", &reply, e);
    if (r <= 0)
        return r;
    const struct redis_reply *first =
        redis_at(redis_get(reply, "first-entry"), 0);
    struct str last = redis_text(redis_get(reply, "last-generated-id"));
    info->exists = true;
    info->empty = !stream_id_parse(redis_text(first), &info->first);
    info->length = count_of(reply, "length", NULL);
    info->added = count_of(reply, "entries-added", &info->counted);
    r = stream_id_parse(last, &info->last)
            ? 0
            : err_set(e, ERR_DATA, "stream '%s' has no last id", s->key);
    redis_reply_free(reply);
    return r;
}

int stream_group(const struct stream *s, struct stream_group *g, struct err *e)
{
    struct redis_reply *reply;
    *g = (struct stream_group){ 0 };
    int r = ask_info(s, "GROUPS", &reply, e);
    if (r <= 0)
        return r;
    for (size_t i = 0; i < redis_count(reply); i++) {
        const struct redis_reply *one = redis_at(reply, i);
        if (!str_eq(redis_text(redis_get(one, "name")), str_of(s->group)))
            continue;
        g->exists = stream_id_parse(
            redis_text(redis_get(one, "last-delivered-id")), &g->delivered);
        g->read = count_of(one, "entries-read", &g->counted);
    }
    redis_reply_free(reply);
    return 0;
}

int stream_group_make(const struct stream *s, struct stream_id from,
                      struct err *e)
{
    char id[STREAM_ID_MAX];
    struct redis_reply *reply;
    stream_id_format(from, id);
    const char *words[] = { "XGROUP", "CREATE",   s->key, s->group,
                            id,       "MKSTREAM", NULL };
    if (redis_ask(s->redis, words, &reply, e))
        return -1;
    int r =
        redis_type(reply) == REDIS_ERROR && !redis_is_error(reply, "BUSYGROUP")
            ? redis_refused(words, reply, e)
            : 0;
    redis_reply_free(reply);
    return r;
}

int stream_has(const struct stream *s, struct stream_id id, bool *has,
               struct err *e)
{
    char text[STREAM_ID_MAX];
    struct redis_reply *reply;
    stream_id_format(id, text);
    const char *words[] = { "XRANGE", s->key, text, text, NULL };
    if (redis_want(s->redis, words, &reply, e))
        return -1;
    *has = redis_count(reply) > 0;
    redis_reply_free(reply);
    return 0;
}

/* ---- acknowledging ---- */

/* Acknowledges the first of those pending: how many; -1. */
static int ack_some(const struct stream *s, const char *member, const char *to,
                    struct err *e)
{
    char count[16];
    const char *words[ACK_MAX + 4] = { "XPENDING", s->key, s->group, "-",
                                       to,         count,  member,   NULL };
    char ids[ACK_MAX][STREAM_ID_MAX];
    struct redis_reply *reply;
    struct stream_id id;
    snprintf(count, sizeof(count), "%d", ACK_MAX);
    if (redis_want(s->redis, words, &reply, e))
        return -1;
    int n = 0;
    for (size_t i = 0; i < redis_count(reply) && n < ACK_MAX; i++)
        if (stream_id_parse(redis_text(redis_at(redis_at(reply, i), 0)), &id))
            stream_id_format(id, ids[n++]);
    redis_reply_free(reply);
    if (n == 0)
        return 0;
    words[0] = "XACK";
    for (int i = 0; i < n; i++)
        words[3 + i] = ids[i];
    words[3 + n] = NULL;
    if (redis_want(s->redis, words, &reply, e))
        return -1;
    redis_reply_free(reply);
    return n;
}

int stream_ack(const struct stream *s, const char *member, struct stream_id to,
               struct err *e)
{
    char text[STREAM_ID_MAX];
    int n;
    stream_id_format(to, text);
    while ((n = ack_some(s, member, text, e)) == ACK_MAX)
        ;
    return n < 0 ? -1 : 0;
}

/* ---- other members ---- */

int stream_dead(const struct stream *s, uint64_t idle_ms,
                int (*dead)(void *context, struct str member, struct err *e),
                void *context, struct err *e)
{
    const char *words[] = { "XINFO", "CONSUMERS", s->key, s->group, NULL };
    struct redis_reply *reply;
    if (redis_want(s->redis, words, &reply, e))
        return -1;
    int r = 0;
    for (size_t i = 0; i < redis_count(reply) && r == 0; i++) {
        const struct redis_reply *one = redis_at(reply, i);
        struct str name = redis_text(redis_get(one, "name"));
        if (!str_eq(name, str_of(s->member)) &&
            count_of(one, "pending", NULL) > 0 &&
            count_of(one, "idle", NULL) >= idle_ms)
            r = dead(context, name, e);
    }
    redis_reply_free(reply);
    return r;
}
