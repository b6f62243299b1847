#include "source/redis_items.h"

#include "mq/retry.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT_MIN 16
#define COUNT_MAX 1024
#define REPLY_BYTES ((size_t)1 << 20) /* that a reply should have */
#define WAIT_MS "100"                 /* then a signal is looked for */

static const struct stream_id beginning;

/* ---- partitions ---- */

/* What the ledger has of this partition; false where it has nothing. */
static bool resumed(const struct redis_items *r, struct str name,
                    struct stream_id *id)
{
    const struct positions *at = r->opts->resume;
    const struct position *p = at ? positions_find(at, name) : NULL;
    *id = beginning;
    return p && p->kind == POSITION_ID && stream_id_parse(p->value, id);
}

/* The part of this name, made where it is missing; NULL without memory. Those
 * that were found before may move. */
static struct redis_part *find_part(struct redis_items *r, struct str name)
{
    for (size_t i = 0; i < r->n_parts; i++)
        if (str_eq(str_of(r->parts[i].name), name))
            return &r->parts[i];
    size_t at = r->part ? (size_t)(r->part - r->parts) : 0;
    struct redis_part *more =
        realloc(r->parts, (r->n_parts + 1) * sizeof(*more));
    if (!more)
        return NULL;
    r->part = r->part ? more + at : NULL;
    r->parts = more;
    struct redis_part *p = &more[r->n_parts];
    *p = (struct redis_part){ .name = strndup(name.p, name.n) };
    if (!p->name)
        return NULL;
    resumed(r, name, &p->resume);
    p->safe = p->last = p->resume;
    r->n_parts++;
    return p;
}

static bool is_group(const struct redis_items *r)
{
    return r->stream.group != NULL;
}

/* ---- entries that are gone ---- */

static int gone(const struct redis_items *r, struct stream_id behind,
                struct err *e)
{
    char text[STREAM_ID_MAX];
    stream_id_format(behind, text);
    if (r->skip_gone)
        return 0;
    return err_set(e, ERR_DATA,
                   "stream '%s' was trimmed: entries behind %s are gone that "
                   "may not have been read (--redis-gone skip goes on without "
                   "them)",
                   r->stream.key, text);
}

/* Behind the last entry that was read another one was found: were there more
 * between them? Streams are trimmed at their beginning: not if that entry, or
 * one before it, is there. */
static int check_gap(const struct redis_items *r, struct stream_id last,
                     struct err *e)
{
    struct stream_info info;
    bool has;
    if (stream_id_cmp(last, beginning) == 0 ||
        stream_has(&r->stream, last, &has, e))
        return stream_id_cmp(last, beginning) == 0 ? 0 : -1;
    if (has)
        return 0;
    if (stream_info(&r->stream, &info, e))
        return -1;
    return info.empty || stream_id_cmp(info.first, last) > 0 ? gone(r, last, e)
                                                             : 0;
}

/* ---- open ---- */

static int other_stream(const struct redis_items *r, const char *what,
                        struct err *e)
{
    return err_set(e, ERR_DATA,
                   "stream '%s' is not the one that was read: %s (--rewind "
                   "reads it from its beginning)",
                   r->stream.key, what);
}

/* The greatest position, also of a reader without a group; true if members
 * have any. */
static bool farthest(const struct redis_items *r, struct stream_id *id)
{
    const struct positions *at = r->opts->resume;
    struct stream_id one;
    bool members = false;
    *id = beginning;
    for (size_t i = 0; at && i < at->n; i++) {
        if (!resumed(r, at->v[i].partition, &one))
            continue;
        members |= at->v[i].partition.n > 0;
        if (stream_id_cmp(one, *id) > 0)
            *id = one;
    }
    return members;
}

static int open_alone(struct redis_items *r, const struct stream_info *info,
                      struct err *e)
{
    struct redis_part *own = find_part(r, STR(""));
    struct stream_id any;
    if (!own)
        return err_nomem(e);
    own->ours = true;
    if (farthest(r, &any))
        return err_set(e, ERR_USAGE,
                       "stream '%s' was read by members of a group: it wants "
                       "--redis-group",
                       r->stream.key);
    if (!info->exists && !r->opts->follow)
        return err_set(e, ERR_NOINPUT, "stream '%s' is not there",
                       r->stream.key);
    if (stream_id_cmp(info->last, own->last) < 0)
        return other_stream(r, "it ends before what was committed", e);
    return info->empty && stream_id_cmp(info->last, own->last) > 0 &&
                   stream_id_cmp(own->last, beginning) > 0
               ? gone(r, own->last, e)
               : 0;
}

/* Entries between what the group was given and the first that is there. */
static int check_group(const struct redis_items *r,
                       const struct stream_info *info,
                       const struct stream_group *g, struct err *e)
{
    if (!info->empty && stream_id_cmp(info->first, g->delivered) <= 0)
        return 0;
    if (g->counted && info->counted)
        return info->added > g->read && info->added - g->read > info->length
                   ? gone(r, g->delivered, e)
                   : 0;
    return stream_id_cmp(g->delivered, beginning) > 0 &&
                   stream_id_cmp(info->last, g->delivered) > 0
               ? gone(r, g->delivered, e)
               : 0;
}

static int open_group(struct redis_items *r, const struct stream_info *info,
                      struct err *e)
{
    struct redis_part *own = find_part(r, str_of(r->stream.member));
    struct stream_group g = { 0 };
    struct stream_id from;
    if (!own)
        return err_nomem(e);
    own->ours = own->pending = true;
    if (info->exists && stream_group(&r->stream, &g, e))
        return -1;
    if (g.exists)
        return check_group(r, info, &g, e);
    /* What was pending in a group that is no more is not known. */
    if (farthest(r, &from) && !r->skip_gone)
        return other_stream(r, "its group is not there any more", e);
    return stream_group_make(&r->stream, from, e);
}

int redis_items_open(struct redis_items *r, struct err *e)
{
    struct stream_info info;
    r->count = COUNT_MIN;
    if (stream_info(&r->stream, &info, e))
        return -1;
    r->end = info.last;
    r->connections = redis_connections(r->stream.redis);
    return is_group(r) ? open_group(r, &info, e) : open_alone(r, &info, e);
}

static void drop_reply(struct redis_items *r)
{
    redis_reply_free(r->reply);
    r->reply = NULL;
    r->entries = NULL;
    r->at = 0;
}

void redis_items_free(struct redis_items *r)
{
    drop_reply(r);
    for (size_t i = 0; i < r->n_parts; i++)
        free(r->parts[i].name);
    free(r->parts);
}

/* ---- members that died ---- */

static int take_over(void *context, struct str name, struct err *e)
{
    struct redis_items *r = context;
    struct redis_part *p = find_part(r, name);
    if (!p)
        return err_nomem(e);
    if (p->ours)
        return 0;
    /* The load goes on from what was committed when this run began. */
    if (stream_id_cmp(p->safe, p->resume) != 0)
        return err_set(e, ERR_TEMPFAIL,
                       "consumer '%s' of group '%s' is gone, and has committed "
                       "since this run began: the next one takes over what it "
                       "was given",
                       p->name, r->stream.group);
    p->ours = p->pending = true;
    return 0;
}

static int look_for_dead(struct redis_items *r, struct err *e)
{
    uint64_t now = mq_now();
    if (!r->claim_ms ||
        (r->looked_ms &&
         (!r->opts->follow || now - r->looked_ms < r->claim_ms / 2)))
        return 0;
    r->looked_ms = now;
    return stream_dead(&r->stream, r->claim_ms, take_over, r, e);
}

/* ---- reading ---- */

/* Replies grow as long as they are small. */
static void fit_count(struct redis_items *r)
{
    size_t bytes = 0, n = redis_count(r->entries);
    for (size_t i = 0; i < n; i++) {
        const struct redis_reply *f = redis_at(redis_at(r->entries, i), 1);
        for (size_t k = 0; k < redis_count(f); k++)
            bytes += redis_text(redis_at(f, k)).n;
    }
    if (bytes > REPLY_BYTES && r->count > 1)
        r->count /= 2;
    else if (n == r->count && bytes < REPLY_BYTES / 2 && r->count < COUNT_MAX)
        r->count *= 2;
}

/* Asks for entries behind `from` (">": that no member was given) for p: how
 * many came, -1. */
static int ask(struct redis_items *r, struct redis_part *p, const char *from,
               bool wait, struct err *e)
{
    char count[16];
    const char *words[16];
    size_t n = 0;
    snprintf(count, sizeof(count), "%u", r->count);
    words[n++] = is_group(r) ? "XREADGROUP" : "XREAD";
    if (is_group(r)) {
        words[n++] = "GROUP";
        words[n++] = r->stream.group;
        words[n++] = p->name;
    }
    words[n++] = "COUNT";
    words[n++] = count;
    if (wait) {
        words[n++] = "BLOCK";
        words[n++] = WAIT_MS;
    }
    words[n++] = "STREAMS";
    words[n++] = r->stream.key;
    words[n++] = from;
    words[n] = NULL;
    drop_reply(r);
    if (redis_want(r->stream.redis, words, &r->reply, e))
        return -1;
    r->entries = redis_at(redis_at(r->reply, 0), 1);
    r->part = p;
    fit_count(r);
    return redis_count(r->entries) > 0;
}

/* What was given before to one of ours: 1; 0 where there is no more; -1. */
static int read_pending(struct redis_items *r, struct err *e)
{
    char from[STREAM_ID_MAX];
    for (size_t i = 0; i < r->n_parts; i++) {
        struct redis_part *p = &r->parts[i];
        if (!p->pending)
            continue;
        stream_id_format(p->last, from);
        int got = ask(r, p, from, false, e);
        if (got)
            return got;
        p->pending = false;
    }
    return 0;
}

/* Where a reply may have been lost with its connection, what it held is
 * pending, and comes first. */
static bool is_lost(struct redis_items *r)
{
    unsigned n = redis_connections(r->stream.redis);
    bool lost = n != r->connections;
    r->connections = n;
    r->parts[0].pending |= lost;
    return lost;
}

static int read_group(struct redis_items *r, struct err *e)
{
    if (look_for_dead(r, e))
        return -1;
    for (;;) {
        int got = read_pending(r, e);
        if (got)
            return got;
        if (is_lost(r))
            continue;
        got = ask(r, &r->parts[0], ">", r->opts->follow, e);
        if (got < 0 || !is_lost(r))
            return got;
        drop_reply(r);
    }
}

static int read_alone(struct redis_items *r, struct err *e)
{
    char from[STREAM_ID_MAX];
    struct redis_part *own = &r->parts[0];
    stream_id_format(own->last, from);
    int got = ask(r, own, from, r->opts->follow, e);
    if (got > 0 && check_gap(r, own->last, e))
        return -1;
    return got;
}

/* 1, 0 where there is nothing, -1. */
static int fetch(struct redis_items *r, struct err *e)
{
    return is_group(r) ? read_group(r, e) : read_alone(r, e);
}

/* The next entry of the reply: 1; 0 where it is none to hand out; -1. */
static int take(struct redis_items *r, struct redis_entry *entry, struct err *e)
{
    const struct redis_reply *one = redis_at(r->entries, r->at++);
    struct stream_id id;
    if (!stream_id_parse(redis_text(redis_at(one, 0)), &id))
        return err_set(e, ERR_DATA, "stream '%s' gives an entry without an id",
                       r->stream.key);
    /* Given again by a server that has lost its last moments. */
    if (stream_id_cmp(id, r->part->last) <= 0)
        return 0;
    const struct redis_reply *fields = redis_at(one, 1);
    if (redis_type(fields) != REDIS_ARRAY) {
        if (gone(r, r->part->last, e))
            return -1;
        r->part->last = id;
        return 0;
    }
    r->part->last = id;
    *entry = (struct redis_entry){ r->part, id, fields };
    return 1;
}

/* Without follow: is all read that was there when it began? */
static bool is_over(const struct redis_items *r)
{
    if (r->opts->follow)
        return false;
    for (size_t i = 0; i < r->n_parts; i++)
        if (r->parts[i].pending)
            return false;
    return stream_id_cmp(r->parts[0].last, r->end) >= 0 &&
           (!is_group(r) || r->looked_ms || !r->claim_ms);
}

static bool stopping(const struct redis_items *r)
{
    return r->opts->stop && r->opts->stop();
}

int redis_items_next(struct redis_items *r, struct redis_entry *entry,
                     struct err *e)
{
    for (;;) {
        while (r->at < redis_count(r->entries)) {
            int got = take(r, entry, e);
            if (got)
                return got;
        }
        if (stopping(r))
            return SOURCE_IDLE;
        if (is_over(r))
            return 0;
        struct err why = { 0 };
        int got = fetch(r, &why);
        if (got < 0 && stopping(r))
            return SOURCE_IDLE;
        if (got < 0) {
            *e = why;
            return -1;
        }
        if (got == 0)
            return r->opts->follow ? SOURCE_IDLE : 0;
    }
}

/* ---- what is confirmed ---- */

int redis_items_confirm(struct redis_items *r, const struct positions *at,
                        struct err *e)
{
    for (size_t i = 0; i < at->n && is_group(r); i++) {
        const struct position *v = &at->v[i];
        struct stream_id id;
        if (v->kind != POSITION_ID || !stream_id_parse(v->value, &id))
            continue;
        struct redis_part *p = find_part(r, v->partition);
        if (!p)
            return err_nomem(e);
        p->safe = id;
        if (stream_ack(&r->stream, p->name, id, e))
            return -1;
    }
    return 0;
}
