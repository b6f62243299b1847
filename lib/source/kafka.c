/* kafka: messages of Kafka topics. A partition's position is the offset behind
 * what was read. */
#include "base/date.h"
#include "registry/remote.h"
#include "source/kafka_items.h"
#include "source/ops.h"

#include <stdlib.h>

static const char *group, *from, *value_format, *if_gone;
static bool fields, envelope;
static uint64_t patience_ms = 30000;

static const char *const value_formats[] = { "json", "text", "base64",
                                             "registry", NULL };
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
      "what values are: json, which must be an object; text or "
      "base64: a string in the field value; registry: framed messages, the "
      "default with --registry",
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
    REMOTE_OPTIONS,
    { 0 }
};

struct kafka {
    struct source base;
    struct consumer_spec spec;
    struct kafka_items items; /* and its consumer and registry, owned here */
    struct remote *remote;
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

static enum kafka_value parse_value(void)
{
    const char *v = value_format       ? value_format
                    : remote_given.url ? "registry"
                                       : "json";
    return strcmp(v, "json") == 0       ? KAFKA_JSON
           : strcmp(v, "text") == 0     ? KAFKA_TEXT
           : strcmp(v, "registry") == 0 ? KAFKA_REGISTRY
                                        : KAFKA_BASE64;
}

static int open_registry(struct kafka *k, struct err *e)
{
    const struct source_opts *o = k->base.opts;
    struct registry_options how = {
        .max_record = o->max_record,
        .max_depth = o->max_depth - (envelope && o->max_depth > 1),
        .any_value = envelope,
        .validate = remote_given.validate,
        .tagged_unions = remote_given.tagged_unions,
        .json_names = remote_given.json_names,
    };
    if ((k->items.value == KAFKA_REGISTRY) != (remote_given.url != NULL))
        return err_set(e, ERR_USAGE,
                       "--kafka-value registry and --registry URL need each "
                       "other");
    if (!remote_given.url)
        return 0;
    if (remote_open(&k->remote, &remote_given, o->state_dir, o->app, o->stop,
                    e))
        return -1;
    struct registry_fetch fetch = { remote_get, k->remote };
    k->items.registry = registry_new(&fetch, &how);
    return k->items.registry ? 0 : err_nomem(e);
}

/* ---- where to go on ---- */

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
    kafka_items_name(c, topic, id, name, sizeof(name));
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
            consumer_confirm(k->items.consumer, slash ? text : NULL,
                             (int32_t)id, offset);
    }
    return 0;
}

static int kafka_lag(struct source *s, uint64_t *lag)
{
    const struct kafka_items *k = &((struct kafka *)s)->items;
    *lag = consumer_lag(k->consumer) + kafka_items_held(k);
    return 1;
}

/* ---- open and close ---- */

static int kafka_open(struct source *s, struct err *e)
{
    struct kafka *k = (struct kafka *)s;
    const struct rd *rd = rd_load(e);
    enum message_shape shape = envelope ? MESSAGE_ENVELOPE
                               : fields ? MESSAGE_FIELDS
                                        : MESSAGE_VALUE;
    if (!rd || parse_from(&k->spec.from, e) ||
        kafka_items_init(&k->items, rd, s->opts, parse_value(), shape, e) ||
        open_registry(k, e))
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
    return consumer_open(&k->items.consumer, &k->spec, e);
}

static void kafka_close(struct source *s)
{
    struct kafka *k = (struct kafka *)s;
    consumer_close(k->items.consumer);
    kafka_items_free(&k->items);
    registry_free(k->items.registry);
    remote_close(k->remote);
}

static int kafka_next(struct source *s, struct source_item *item, struct err *e)
{
    return kafka_items_next(&((struct kafka *)s)->items, item, e);
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
