/* kafka: messages of Kafka topics. A partition's position is the offset behind
 * what was read. */
#include "base/base64.h"
#include "base/date.h"
#include "io/lines.h"
#include "json/check.h"
#include "json/utf8.h"
#include "json/value.h"
#include "kafka/consumer.h"
#include "kafka/message.h"
#include "source/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of records from which on they are handed out. */
#define BATCH ((size_t)256 << 10)

static const char *group, *from, *value_format, *if_gone;
static bool fields, envelope;
static uint64_t patience_ms = 30000;

static const char *const value_formats[] = { "json", "text", "base64", NULL };
static const char *const gone_choices[] = { "fail", "skip", NULL };

static const struct opt opts[] = {
    { OPT_GROUP, 0, "kafka", NULL, NULL, "Kafka", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_STRING, 0, "kafka-group", "NAME", &group,
      "share the partitions with the other members of this consumer group; its "
      "offsets follow what is committed",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "kafka-from", "WHERE", &from,
      "start partitions that were not read before at their 'beginning' "
      "(default), 'end', where the 'group' is, or at the first message of a "
      "time (RFC 3339)",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "kafka-value", "FORMAT", &value_format,
      "what values are: json (default), which must be an object; text or "
      "base64: a string in the field value",
      value_formats, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "kafka-fields", NULL, &fields,
      "add a last field _kafka with topic, partition, offset, timestamp, key "
      "and headers",
      NULL, 0, 0, 1, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "kafka-envelope", NULL, &envelope,
      "make the whole message the record, with the value, which may be any "
      "JSON or none, as its last field",
      NULL, 0, 0, 1, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "kafka-gone", "WHAT", &if_gone,
      "where the broker has deleted messages that were not read: fail "
      "(default), or skip them",
      gone_choices, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "kafka-wait", "TIME", &patience_ms,
      "wait so long for a broker that does not answer; default 30s", NULL, 1, 0,
      0, COMPLETE_NONE, NULL },
    RD_OPTION,
    { 0 }
};

enum value { VALUE_JSON, VALUE_TEXT, VALUE_BASE64 };

struct kafka {
    struct source base;
    struct consumer_spec spec;
    struct consumer *consumer;
    const struct rd *rd;
    enum value value;
    enum message_shape shape;
    struct buf text, scratch;
    struct source_fault fault;
    char message[160], partition[300], position[32];
    /* A message that is to be handed out by itself, next. */
    const rd_kafka_message_t *held;
    const struct consumer_part *held_part;
};

/* ---- options ---- */

static int parse_from(int64_t *at, struct err *e)
{
    int64_t us;
    if (!from || strcmp(from, "beginning") == 0)
        *at = CONSUMER_BEGINNING;
    else if (strcmp(from, "end") == 0)
        *at = CONSUMER_END;
    else if (strcmp(from, "group") == 0)
        *at = CONSUMER_GROUP;
    else if (time_parse(str_of(from), NULL, &us) && us >= 0)
        *at = (us + 999) / 1000;
    else
        return err_set(e, ERR_USAGE,
                       "option --kafka-from: '%s' is not beginning, end, group "
                       "or a time",
                       from);
    if (*at == CONSUMER_GROUP && !group)
        return err_set(e, ERR_USAGE,
                       "--kafka-from group needs --kafka-group NAME");
    return 0;
}

static int parse_shape(struct kafka *k, struct err *e)
{
    const char *v = value_format ? value_format : "json";
    k->value = strcmp(v, "json") == 0   ? VALUE_JSON
               : strcmp(v, "text") == 0 ? VALUE_TEXT
                                        : VALUE_BASE64;
    k->shape = envelope ? MESSAGE_ENVELOPE
               : fields ? MESSAGE_FIELDS
                        : MESSAGE_VALUE;
    return parse_from(&k->spec.from, e);
}

/* ---- where to go on ---- */

/* The partition's name in positions: "3", or "topic/3" where the URI names
 * more topics than one. */
static void name_part(const struct consumer *c, const char *topic, int32_t id,
                      char *name, size_t size)
{
    if (consumer_has_topics(c))
        snprintf(name, size, "%s/%" PRId32, topic, id);
    else
        snprintf(name, size, "%" PRId32, id);
}

/* An offset of the ledger. */
static bool parse_offset(struct str value, int64_t *offset)
{
    char text[32], *end;
    if (value.n == 0 || value.n >= sizeof(text))
        return false;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    *offset = strtoll(text, &end, 10);
    return !*end && *offset >= 0;
}

static bool resume(void *context, const struct consumer *c, const char *topic,
                   int32_t id, int64_t *offset)
{
    const struct positions *at = ((const struct source *)context)->opts->resume;
    char name[300];
    name_part(c, topic, id, name, sizeof(name));
    const struct position *p = at ? positions_find(at, str_of(name)) : NULL;
    return p && p->kind == POSITION_NUMBER && parse_offset(p->value, offset);
}

static int kafka_confirm(struct source *s, const struct positions *at,
                         struct err *e)
{
    const struct kafka *k = (const struct kafka *)s;
    (void)e;
    for (size_t i = 0; i < at->n; i++) {
        struct str name = at->v[i].partition;
        char text[300], *slash, *end;
        int64_t offset;
        if (name.n >= sizeof(text) || !parse_offset(at->v[i].value, &offset))
            continue;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        slash = strrchr(text, '/');
        if (slash)
            *slash = '\0';
        long id = strtol(slash ? slash + 1 : text, &end, 10);
        if (!*end)
            consumer_confirm(k->consumer, slash ? text : NULL, (int32_t)id,
                             offset);
    }
    return 0;
}

static int kafka_lag(struct source *s, uint64_t *lag)
{
    *lag = consumer_lag(((struct kafka *)s)->consumer);
    return 1;
}

/* ---- open and close ---- */

static int kafka_open(struct source *s, struct err *e)
{
    struct kafka *k = (struct kafka *)s;
    if (parse_shape(k, e))
        return -1;
    k->rd = rd_load(e);
    if (!k->rd)
        return -1;
    k->spec.uri = s->uri;
    k->spec.app = s->opts->app;
    k->spec.group = group;
    k->spec.follow = s->opts->follow;
    k->spec.skip_gone = if_gone && strcmp(if_gone, "skip") == 0;
    k->spec.patience_ms = patience_ms;
    k->spec.stop = s->opts->stop;
    k->spec.resume = resume;
    k->spec.context = s;
    k->text.max = 2 * BATCH + 8 * s->opts->max_record;
    k->scratch.max = k->text.max;
    return consumer_open(&k->consumer, &k->spec, e);
}

static void kafka_close(struct source *s)
{
    struct kafka *k = (struct kafka *)s;
    consumer_close(k->consumer);
    buf_free(&k->text);
    buf_free(&k->scratch);
}

/* ---- items ---- */

static void fill_place(struct kafka *k, const struct consumer_part *part,
                       int64_t first, int64_t next, struct source_item *item)
{
    name_part(k->consumer, part->topic, part->id, k->partition,
              sizeof(k->partition));
    snprintf(k->position, sizeof(k->position), "%" PRId64, next);
    item->partition = str_of(k->partition);
    item->position = str_of(k->position);
    item->offset = (uint64_t)first;
}

/* Adds the value as a JSON string. */
static void add_text(struct kafka *k, struct str value)
{
    if (k->value == VALUE_TEXT) {
        json_quote(&k->scratch, value);
        return;
    }
    buf_addc(&k->scratch, '"');
    base64_encode(&k->scratch, value);
    buf_addc(&k->scratch, '"');
}

/* The value as JSON text on one line: 1 with *json; 0 where it is no good,
 * with the fault, or, where the caller finds the reason, without; -1. */
static int value_json(struct kafka *k, struct str value, struct str *json,
                      struct err *e)
{
    struct json_fault f;
    unsigned depth = k->base.opts->max_depth;
    buf_reset(&k->scratch);
    if (!value.p && k->shape == MESSAGE_ENVELOPE) {
        *json = STR("null");
        return 1;
    }
    if (!value.p) {
        k->fault = (struct source_fault){
            "tombstone", STR(""),
            STR("message has no value (a tombstone), which only "
                "--kafka-envelope takes")
        };
        return 0;
    }
    *json = value;
    if (k->value == VALUE_TEXT && !utf8_valid(value)) {
        k->fault = (struct source_fault){
            "invalid_utf8", STR(""),
            STR("value is not UTF-8: --kafka-value base64 takes it")
        };
        return 0;
    }
    if (k->value != VALUE_JSON) {
        bool object = k->shape != MESSAGE_ENVELOPE;
        buf_addz(&k->scratch, object ? "{\"value\":" : "");
        add_text(k, value);
        buf_addz(&k->scratch, object ? "}" : "");
    } else if (k->shape == MESSAGE_ENVELOPE) {
        if (json_check_value(value, depth > 1 ? depth - 1 : 1, &f)) {
            snprintf(k->message, sizeof(k->message), "value: %s at byte %zu",
                     f.why, f.offset);
            k->fault = (struct source_fault){ f.code, STR("/value"),
                                              str_of(k->message) };
            return 0;
        }
        message_one_line(&k->scratch, value);
    } else if (json_check_object(value, depth, &f))
        return 0;
    else
        message_one_line(&k->scratch, value);
    *json = buf_str(&k->scratch);
    return k->scratch.failed ? err_nomem(e) : 1;
}

static void refuse_long(struct kafka *k, size_t n, struct source_item *item)
{
    snprintf(k->message, sizeof(k->message),
             "record of %zu bytes, limit is %zu", n, k->base.opts->max_record);
    k->fault = (struct source_fault){ "too_long", STR(""), str_of(k->message) };
    if (item->raw.n > LINES_KEEP) {
        item->length = item->raw.n;
        item->raw.n = LINES_KEEP;
    }
}

/* Hands a message out by itself, whatever it is. */
static int take_one(struct kafka *k, const rd_kafka_message_t *m,
                    const struct consumer_part *part, struct source_item *item,
                    struct err *e)
{
    struct str value = message_value(m), json;
    *item = (struct source_item){ .kind = SOURCE_REJECT,
                                  .text = STR(""),
                                  .raw = { value.p ? value.p : "", value.n } };
    fill_place(k, part, m->offset, m->offset + 1, item);
    buf_reset(&k->text);
    k->fault.code = NULL;
    int good =
        value.n > k->base.opts->max_record ? 0 : value_json(k, value, &json, e);
    if (good < 0)
        return -1;
    if (good && message_record(&k->text, k->rd, m, k->shape, json))
        return err_nomem(e);
    if (value.n > k->base.opts->max_record ||
        k->text.n > k->base.opts->max_record)
        refuse_long(k, good ? k->text.n : value.n, item);
    else if (good) {
        item->kind = SOURCE_RECORD;
        item->text = buf_str(&k->text);
        return 1;
    } else if (!k->fault.code) {
        /* Its JSON is what is wrong: that is judged as everywhere. */
        item->kind = SOURCE_UNCHECKED;
        item->text = item->raw;
        return 1;
    }
    item->faults = &k->fault;
    item->n_faults = 1;
    return 1;
}

/* Is it a record as it stands? */
static bool is_plain(const struct kafka *k, const rd_kafka_message_t *m)
{
    struct str value = message_value(m);
    struct json_fault f;
    return k->shape == MESSAGE_VALUE && k->value == VALUE_JSON && value.p &&
           value.n <= k->base.opts->max_record &&
           !memchr(value.p, '\n', value.n) && !memchr(value.p, '\r', value.n) &&
           json_check_object(value, k->base.opts->max_depth, &f) == 0;
}

/* Behind a plain message: takes those of its partition that are at hand and
 * plain too. */
static int take_batch(struct kafka *k, const rd_kafka_message_t *m,
                      const struct consumer_part *part,
                      struct source_item *item, struct err *e)
{
    const struct consumer_part *first = part;
    int64_t from_offset = m->offset, next;
    *item = (struct source_item){ .kind = SOURCE_RECORDS };
    buf_reset(&k->text);
    for (;;) {
        buf_add_str(&k->text, message_value(m));
        buf_addc(&k->text, '\n');
        item->count++;
        next = m->offset + 1;
        if (k->text.n >= BATCH)
            break;
        int r = consumer_next(k->consumer, true, &m, &part, e);
        if (r < 0)
            return -1;
        if (r != 1)
            break;
        if (part != first || !is_plain(k, m)) {
            k->held = m;
            k->held_part = part;
            break;
        }
    }
    if (k->text.failed)
        return err_nomem(e);
    item->text = item->raw = buf_str(&k->text);
    fill_place(k, first, from_offset, next, item);
    return 1;
}

static int kafka_next(struct source *s, struct source_item *item, struct err *e)
{
    struct kafka *k = (struct kafka *)s;
    const rd_kafka_message_t *m = k->held;
    const struct consumer_part *part = k->held_part;
    k->held = NULL;
    if (!m) {
        int r = consumer_next(k->consumer, false, &m, &part, e);
        if (r != 1)
            return r == CONSUMER_IDLE ? SOURCE_IDLE : r;
    }
    return is_plain(k, m) ? take_batch(k, m, part, item, e)
                          : take_one(k, m, part, item, e);
}

static const char *const schemes[] = { "kafka://", NULL };

SOURCE_CONNECTOR(kafka) = {
    .name = "kafka",
    .size = sizeof(struct kafka),
    .open = kafka_open,
    .next = kafka_next,
    .close = kafka_close,
    .schemes = schemes,
    .opts = opts,
    .position_kind = POSITION_NUMBER,
    .confirm = kafka_confirm,
    .lag = kafka_lag,
};
