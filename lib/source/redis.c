/* redis: entries of a Redis stream. A position is the id of the last entry that
 * was read; that of a group, by the name of the member it was given to: what a
 * member was given is in the order of ids, and so is what a position covers,
 * also where another member takes over from one that died. */
#include "io/lines.h"
#include "json/check.h"
#include "json/splice.h"
#include "json/utf8.h"
#include "mq/entry.h"
#include "source/ops.h"
#include "source/redis_items.h"

#include <stdio.h>

static const char *group, *consumer = "pipeutils", *user, *password;
static const char *json_field, *if_gone;
static uint64_t db, claim_ms = 60000, patience_ms = 30000;
static bool fields;

static const char *const gone_choices[] = { "fail", "skip", NULL };

static const struct opt opts[] = {
    { OPT_GROUP, 0, "redis", NULL, NULL, "Redis streams", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "redis-group", "NAME", &group,
      "share the entries with the other members of this consumer group, which "
      "is made where it is missing; they are acknowledged when they are "
      "committed",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "redis-consumer", "NAME", &consumer,
      "the member of the group to be; default pipeutils", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "redis-claim", "TIME", &claim_ms,
      "take over what a member was given that has not been heard of for so "
      "long; 0s: never; default 1m",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "redis-json", "NAME", &json_field,
      "the JSON object in this field is the record; default all fields, as "
      "strings",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "redis-fields", NULL, &fields,
      "add a last field _redis with stream and id", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "redis-gone", "WHAT", &if_gone,
      "where the stream was trimmed of entries that were not read: fail "
      "(default), or skip them",
      gone_choices, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "redis-db", "N", &db, "the database; default 0", NULL, 0,
      65535, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "redis-user", "NAME", &user,
      "the user to be; default the server's default user", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "redis-password", "SOURCE", &password,
      "where the password is: env:NAME or file:PATH", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "redis-wait", "TIME", &patience_ms,
      "wait so long for a server that does not answer; default 30s", NULL, 1, 0,
      0, COMPLETE_NONE, NULL },
    { 0 }
};

struct redis_source {
    struct source base;
    struct redis_uri uri;
    struct redis_spec spec;
    struct redis *redis;
    struct redis_items items;
    struct buf text, raw;
    struct source_fault fault;
    char message[160], position[STREAM_ID_MAX + 2];
};

/* ---- open and close ---- */

static int redis_connect(struct redis_source *r, struct err *e)
{
    const struct source *s = &r->base;
    if (strncmp(s->uri, "rediss:", 7) == 0)
        return err_set(e, ERR_USAGE,
                       "rediss:// is not supported: a proxy such as stunnel "
                       "brings TLS to a redis:// URI");
    if (redis_uri_parse(&r->uri, s->uri, e))
        return -1;
    if (!*r->uri.key)
        return err_set(e, ERR_USAGE,
                       "'%s' names no stream: redis://HOST:PORT/STREAM is "
                       "wanted",
                       s->uri);
    r->spec = (struct redis_spec){ .host = r->uri.host,
                                   .port = r->uri.port,
                                   .user = user,
                                   .password = password,
                                   .db = db,
                                   .patience_ms = patience_ms,
                                   .stop = s->opts->stop };
    return redis_open(&r->redis, &r->spec, e);
}

static int redis_source_open(struct source *s, struct err *e)
{
    struct redis_source *r = (struct redis_source *)s;
    if (group && (!*group || !*consumer))
        return err_set(e, ERR_USAGE,
                       "--redis-group and --redis-consumer want a name");
    if (redis_connect(r, e))
        return -1;
    r->text.max = r->raw.max = 8 * s->opts->max_record + 65536;
    r->items.stream =
        (struct stream){ r->redis, r->uri.key, group, group ? consumer : NULL };
    r->items.opts = s->opts;
    r->items.skip_gone = if_gone && strcmp(if_gone, "skip") == 0;
    r->items.claim_ms = claim_ms;
    return redis_items_open(&r->items, e);
}

static void redis_source_close(struct source *s)
{
    struct redis_source *r = (struct redis_source *)s;
    redis_items_free(&r->items);
    redis_close(r->redis);
    redis_uri_free(&r->uri);
    buf_free(&r->text);
    buf_free(&r->raw);
}

/* ---- an entry's record ---- */

static void refuse(struct redis_source *r, struct source_item *item,
                   const char *code, const char *message)
{
    r->fault = (struct source_fault){ code, STR(""), str_of(message) };
    item->kind = SOURCE_REJECT;
    item->text = STR("");
    item->faults = &r->fault;
    item->n_faults = 1;
}

static void refuse_long(struct redis_source *r, struct source_item *item,
                        size_t n)
{
    snprintf(r->message, sizeof(r->message),
             "record of %zu bytes, limit is %zu", n, r->base.opts->max_record);
    refuse(r, item, "too_long", r->message);
    if (item->raw.n > LINES_KEEP) {
        item->raw.n = LINES_KEEP;
        item->length = n;
    }
}

/* The value that is a JSON object: 1 with its text, 0 where it is settled
 * without, -1. */
static int take_json(struct redis_source *r, const struct redis_entry *entry,
                     struct source_item *item, struct err *e)
{
    const struct source_opts *o = r->base.opts;
    struct json_fault f;
    struct str value = entry_get(entry->fields, str_of(json_field));
    if (!value.p) {
        if (entry_object(&r->raw, entry->fields, LINES_KEEP))
            return err_nomem(e);
        item->raw = buf_str(&r->raw);
        snprintf(r->message, sizeof(r->message), "entry has no field '%.80s'",
                 json_field);
        refuse(r, item, "no_field", r->message);
        return 0;
    }
    item->raw = item->text = value;
    if (value.n > o->max_record) {
        refuse_long(r, item, value.n);
        return 0;
    }
    item->kind = SOURCE_UNCHECKED;
    if (json_check_object(value, o->max_depth, &f))
        return 0; /* judged as everywhere */
    return mq_one_line(&r->text, value) ? err_nomem(e) : 1;
}

/* All fields: as take_json. */
static int take_fields(struct redis_source *r, const struct redis_entry *entry,
                       struct source_item *item, struct err *e)
{
    const struct source_opts *o = r->base.opts;
    size_t size = entry_size(entry->fields);
    bool is_long = size > o->max_record;
    if (entry_object(&r->raw, entry->fields, is_long ? LINES_KEEP : SIZE_MAX))
        return err_nomem(e);
    item->raw = buf_str(&r->raw);
    if (is_long || item->raw.n > o->max_record) {
        refuse_long(r, item, is_long ? size : item->raw.n);
        return 0;
    }
    if (!utf8_valid(item->raw)) {
        refuse(r, item, "invalid_utf8", "a field is not UTF-8");
        return 0;
    }
    return buf_add_str(&r->text, item->raw) ? err_nomem(e) : 1;
}

/* Adds _redis. */
static int add_place(struct redis_source *r, struct source_item *item,
                     struct err *e)
{
    struct buf *b = &r->text;
    size_t end = (size_t)(json_object_end(buf_str(b)).p - b->p);
    bool empty = end > 0 && b->p[end - 1] == '{';
    b->n = end;
    buf_addz(b, empty ? "\"_redis\":{\"stream\":" : ",\"_redis\":{\"stream\":");
    json_quote(b, str_of(r->uri.key));
    buf_addf(b, ",\"id\":%s}}", r->position);
    if (b->failed)
        return err_nomem(e);
    if (b->n > r->base.opts->max_record)
        refuse_long(r, item, b->n);
    return 0;
}

static int redis_next(struct source *s, struct source_item *item, struct err *e)
{
    struct redis_source *r = (struct redis_source *)s;
    struct redis_entry entry;
    char id[STREAM_ID_MAX];
    int got = redis_items_next(&r->items, &entry, e);
    if (got != 1)
        return got;
    buf_reset(&r->text);
    buf_reset(&r->raw);
    stream_id_format(entry.id, id);
    snprintf(r->position, sizeof(r->position), "\"%s\"", id);
    *item = (struct source_item){ .partition = str_of(entry.part->name),
                                  .position = str_of(r->position) };
    got = json_field ? take_json(r, &entry, item, e)
                     : take_fields(r, &entry, item, e);
    if (got <= 0)
        return got < 0 ? -1 : 1;
    item->kind = SOURCE_RECORD;
    if (fields && add_place(r, item, e))
        return -1;
    if (item->kind == SOURCE_RECORD)
        item->text = buf_str(&r->text);
    return 1;
}

static int redis_confirm(struct source *s, const struct positions *at,
                         struct err *e)
{
    return redis_items_confirm(&((struct redis_source *)s)->items, at, e);
}

static const char *const schemes[] = { "redis://", "rediss://", NULL };

SOURCE_CONNECTOR(redis) = {
    .name = "redis",
    .size = sizeof(struct redis_source),
    .open = redis_source_open,
    .next = redis_next,
    .close = redis_source_close,
    .schemes = schemes,
    .opts = opts,
    .position_kind = POSITION_ID,
    .confirm = redis_confirm,
};
