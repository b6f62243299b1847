/* mqtt: messages of MQTT topics. They are in a journal on disk before the
 * broker may forget them, and a position is a number in it: the journal, which
 * has an id of its own, is the partition. Without anybody who keeps positions
 * there is no journal, and no session: messages are read as they come. */
#include "base/base64.h"
#include "base/date.h"
#include "io/lines.h"
#include "json/check.h"
#include "json/splice.h"
#include "json/utf8.h"
#include "mq/entry.h"
#include "mq/journal.h"
#include "mq/mosq.h"
#include "mq/retry.h"
#include "source/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH_MAX ((size_t)1 << 30) /* one message may be 256 MiB */

static const char *client_id, *user, *password, *ca, *cert, *key;
static const char *payload_format, *version;
static uint64_t qos = 1, quiet_ms = 2000, patience_ms = 30000;
static bool fields;

static const char *const payload_formats[] = { "json", "text", "base64", NULL };
static const char *const versions[] = { "5", "3.1.1", NULL };

static const struct opt opts[] = {
    { OPT_GROUP, 0, "mqtt", NULL, NULL, "MQTT", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_STRING, 0, "mqtt-client-id", "NAME", &client_id,
      "the session to have at the broker; default made of this host's name, "
      "the pipeline's and the URI",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "mqtt-qos", "N", &qos,
      "subscribe with this quality of service: 1 (default), or 0, which may "
      "lose messages",
      NULL, 0, 1, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "mqtt-version", "VERSION", &version,
      "the version of MQTT to speak; default 5", versions, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "mqtt-payload", "FORMAT", &payload_format,
      "what payloads are: json (default), which must be an object; text or "
      "base64: a string in the field payload",
      payload_formats, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "mqtt-fields", NULL, &fields,
      "add a last field _mqtt with topic, qos, retain and the time of arrival",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "mqtt-quiet", "TIME", &quiet_ms,
      "without --follow: end when nothing has come for so long; default 2s",
      NULL, 1, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "mqtt-user", "NAME", &user, "the user to be", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "mqtt-password", "SOURCE", &password,
      "where the password is: env:NAME or file:PATH", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "mqtt-ca", "FILE", &ca,
      "certificates of authorities that the broker's may be of; default the "
      "system's",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_STRING, 0, "mqtt-cert", "FILE", &cert,
      "the client's certificate, with --mqtt-key", NULL, 0, 0, 0, COMPLETE_FILE,
      NULL },
    { OPT_STRING, 0, "mqtt-key", "FILE", &key, "its key", NULL, 0, 0, 0,
      COMPLETE_FILE, NULL },
    { OPT_TIME, 0, "mqtt-wait", "TIME", &patience_ms,
      "wait so long for a broker that does not answer; default 30s", NULL, 1, 0,
      0, COMPLETE_NONE, NULL },
    { 0 }
};

enum payload { PAYLOAD_JSON, PAYLOAD_TEXT, PAYLOAD_BASE64 };

/* A message as it is in the journal: this, the topic, the payload. */
struct stored {
    int64_t at_us;
    uint32_t topic; /* bytes */
    uint8_t qos, retain, zero[2];
};

struct mqtt {
    struct source base;
    struct mosq_uri uri;
    struct mosq_spec spec;
    char id[64];
    struct mosq *mosq;
    struct journal *journal; /* NULL: none is kept */
    enum payload payload;

    bool replay;      /* what was in the journal comes first */
    uint64_t number;  /* of the last message handed out */
    struct buf batch; /* of what has come: size (u64) and message */
    size_t at;        /* within it */
    bool synced;      /* it is on disk */
    uint64_t heard_ms;

    struct buf text;
    struct source_fault fault;
    char message[160], position[24];
};

/* ---- open and close ---- */

/* The same as long as host, pipeline and URI are. */
static int name_session(struct mqtt *m, struct err *e)
{
    const struct source *s = &m->base;
    struct buf all = { .max = 65536 };
    char host[256] = "", hex[33];
    if (client_id) {
        if (!*client_id || strlen(client_id) >= sizeof(m->id))
            return err_set(e, ERR_USAGE,
                           "--mqtt-client-id wants 1 to %zu bytes",
                           sizeof(m->id) - 1);
        snprintf(m->id, sizeof(m->id), "%s", client_id);
        return 0;
    }
    gethostname(host, sizeof(host) - 1);
    if (buf_addf(&all, "%s\n%s\n%s", host,
                 s->opts->pipeline ? s->opts->pipeline : "", s->uri))
        return err_nomem(e);
    hash128_hex(hash128(buf_str(&all)), hex);
    snprintf(m->id, sizeof(m->id), "pipe%.16s", hex);
    buf_free(&all);
    return 0;
}

static int open_journal(struct mqtt *m, struct err *e)
{
    const struct source_opts *o = m->base.opts;
    struct buf dir = { .max = 65536 }, name = { .max = 65536 };
    char hex[33];
    if (!o->state_dir)
        return err_set(e, ERR_CONFIG,
                       "there is no folder for the journal of '%s': set "
                       "PIPE_STATE",
                       m->base.uri);
    buf_addf(&name, "%s %s %s", m->id, o->pipeline ? o->pipeline : "",
             m->base.uri);
    buf_addf(&dir, "%s:%d %s", m->uri.host, m->uri.port, m->id);
    hash128_hex(hash128(buf_str(&dir)), hex);
    buf_reset(&dir);
    buf_addf(&dir, "%s/mqtt-%.16s", o->state_dir, hex);
    int r = !buf_z(&dir) || !buf_z(&name)
                ? err_nomem(e)
                : journal_open(&m->journal, dir.p, name.p, e);
    buf_free(&dir);
    buf_free(&name);
    return r;
}

/* Finds the number to go on behind. */
static int resume(struct mqtt *m, struct err *e)
{
    const struct position *p =
        positions_find(m->base.opts->resume, str_of(journal_id(m->journal)));
    char text[24];
    if (p && p->kind == POSITION_NUMBER && p->value.n < sizeof(text)) {
        memcpy(text, p->value.p, p->value.n);
        text[p->value.n] = '\0';
        m->number = strtoull(text, NULL, 10);
    }
    m->replay = true;
    return journal_skip(m->journal, m->number, e);
}

static int take(void *context, const struct mosq_message *message,
                struct err *e)
{
    struct mqtt *m = context;
    struct stored head = { .at_us = time_now(),
                           .topic = (uint32_t)message->topic.n,
                           .qos = (uint8_t)message->qos,
                           .retain = message->retain };
    const struct str parts[] = { { (const char *)&head, sizeof(head) },
                                 message->topic,
                                 message->payload };
    uint64_t size = sizeof(head) + message->topic.n + message->payload.n;
    uint64_t number;
    buf_add(&m->batch, &size, sizeof(size));
    for (size_t i = 0; i < 3; i++)
        buf_add_str(&m->batch, parts[i]);
    if (m->batch.failed)
        return err_nomem(e);
    m->synced = false;
    return m->journal ? journal_add(m->journal, parts, 3, &number, e) : 0;
}

static void tell(const struct mqtt *m, const char *text)
{
    const struct source_opts *o = m->base.opts;
    if (o->say)
        o->say(o->listener, text);
}

static void tell_begin(const struct mqtt *m, bool known)
{
    char text[200];
    if (m->journal && journal_torn(m->journal)) {
        snprintf(text, sizeof(text),
                 "journal: %" PRIu64 " bytes of a message that was not "
                 "acknowledged are cut off",
                 journal_torn(m->journal));
        tell(m, text);
    }
    if (known && !mosq_resumed(m->mosq)) {
        snprintf(text, sizeof(text),
                 "the broker has no session '%s' any more: what came while "
                 "nobody was connected may be lost",
                 m->id);
        tell(m, text);
    }
}

static int mqtt_open(struct source *s, struct err *e)
{
    struct mqtt *m = (struct mqtt *)s;
    bool keeps = s->opts->resume != NULL;
    if (mosq_uri_parse(&m->uri, s->uri, e) || name_session(m, e) ||
        (keeps && (open_journal(m, e) || resume(m, e))))
        return -1;
    m->payload = !payload_format || strcmp(payload_format, "json") == 0
                     ? PAYLOAD_JSON
                 : strcmp(payload_format, "text") == 0 ? PAYLOAD_TEXT
                                                       : PAYLOAD_BASE64;
    m->batch.max = BATCH_MAX;
    m->text.max = 8 * s->opts->max_record + 65536 * 8;
    m->synced = true;
    m->spec = (struct mosq_spec){
        .uri = &m->uri,
        .client_id = keeps ? m->id : NULL,
        .user = user,
        .password = password,
        .ca = ca,
        .cert = cert,
        .key = key,
        .qos = (int)qos,
        .old = version && strcmp(version, "3.1.1") == 0,
        .patience_ms = patience_ms,
        .stop = s->opts->stop,
        .take = take,
        .context = m,
    };
    bool known = m->journal && journal_last(m->journal) > 0;
    if (mosq_open(&m->mosq, &m->spec, e))
        return -1;
    tell_begin(m, known);
    m->heard_ms = mq_now();
    return 0;
}

static void mqtt_close(struct source *s)
{
    struct mqtt *m = (struct mqtt *)s;
    mosq_close(m->mosq);
    journal_close(m->journal);
    mosq_uri_free(&m->uri);
    buf_free(&m->batch);
    buf_free(&m->text);
}

/* ---- a message's record ---- */

static int refuse(struct mqtt *m, struct source_item *item, const char *code,
                  const char *message)
{
    m->fault = (struct source_fault){ code, STR(""), str_of(message) };
    item->kind = SOURCE_REJECT;
    item->text = STR("");
    item->faults = &m->fault;
    item->n_faults = 1;
    return 1;
}

static int refuse_long(struct mqtt *m, struct source_item *item, size_t n)
{
    snprintf(m->message, sizeof(m->message),
             "record of %zu bytes, limit is %zu", n, m->base.opts->max_record);
    if (item->raw.n > LINES_KEEP) {
        item->length = item->raw.n;
        item->raw.n = LINES_KEEP;
    }
    return refuse(m, item, "too_long", m->message);
}

static void add_payload(struct mqtt *m, struct str payload)
{
    buf_addz(&m->text, "{\"payload\":");
    if (m->payload == PAYLOAD_TEXT)
        json_quote(&m->text, payload);
    else {
        buf_addc(&m->text, '"');
        base64_encode(&m->text, payload);
        buf_addc(&m->text, '"');
    }
    buf_addc(&m->text, '}');
}

/* Adds _mqtt. */
static void add_fields(struct mqtt *m, const struct stored *head,
                       struct str topic)
{
    struct buf *b = &m->text;
    if (b->failed)
        return;
    b->n = (size_t)(json_object_end(buf_str(b)).p - b->p);
    bool empty = b->n > 0 && b->p[b->n - 1] == '{';
    buf_addz(b, empty ? "\"_mqtt\":{\"topic\":" : ",\"_mqtt\":{\"topic\":");
    json_quote(b, topic);
    buf_addf(b, ",\"qos\":%u,\"retain\":%s,\"at\":\"", head->qos,
             head->retain ? "true" : "false");
    time_format(b, head->at_us);
    buf_addz(b, "\"}}");
}

static int fill_record(struct mqtt *m, const struct stored *head,
                       struct str topic, struct source_item *item,
                       struct err *e)
{
    const struct source_opts *o = m->base.opts;
    struct str payload = item->raw;
    struct json_fault f;
    if (payload.n > o->max_record)
        return refuse_long(m, item, payload.n);
    if (m->payload == PAYLOAD_TEXT && !utf8_valid(payload))
        return refuse(m, item, "invalid_utf8",
                      "payload is not UTF-8: --mqtt-payload base64 takes it");
    buf_reset(&m->text);
    if (m->payload != PAYLOAD_JSON)
        add_payload(m, payload);
    else if (json_check_object(payload, o->max_depth, &f)) {
        item->kind = SOURCE_UNCHECKED; /* judged as everywhere */
        item->text = payload;
        return 1;
    } else
        mq_one_line(&m->text, payload);
    if (fields)
        add_fields(m, head, topic);
    if (m->text.failed)
        return err_nomem(e);
    if (m->text.n > o->max_record)
        return refuse_long(m, item, m->text.n);
    item->kind = SOURCE_RECORD;
    item->text = buf_str(&m->text);
    return 1;
}

/* The item of a message as it is in the journal. */
static int fill(struct mqtt *m, struct str entry, struct source_item *item,
                struct err *e)
{
    struct stored head = { 0 };
    if (entry.n >= sizeof(head))
        memcpy(&head, entry.p, sizeof(head));
    if (entry.n < sizeof(head) || entry.n - sizeof(head) < head.topic)
        return err_set(e, ERR_DATA,
                       "the journal of '%s' has an entry that is "
                       "no message",
                       m->base.uri);
    struct str topic = { entry.p + sizeof(head), head.topic };
    size_t from = sizeof(head) + head.topic;
    *item = (struct source_item){ .raw = { entry.p + from, entry.n - from } };
    if (m->journal) {
        snprintf(m->position, sizeof(m->position), "%" PRIu64, m->number);
        item->partition = str_of(journal_id(m->journal));
        item->position = str_of(m->position);
    }
    return fill_record(m, &head, topic, item, e);
}

/* ---- reading ---- */

/* On disk first, then the broker may forget. */
static int settle(struct mqtt *m, struct err *e)
{
    if (!m->synced && m->journal && journal_sync(m->journal, e))
        return -1;
    m->synced = true;
    mosq_acknowledge(m->mosq);
    return 0;
}

static struct str next_of_batch(struct mqtt *m)
{
    uint64_t size;
    memcpy(&size, m->batch.p + m->at, sizeof(size));
    struct str entry = { m->batch.p + m->at + sizeof(size), size };
    m->at += sizeof(size) + size;
    m->number++;
    return entry;
}

/* What the journal had when it was opened: 1, 0 at its end, -1. */
static int next_of_journal(struct mqtt *m, struct str *entry, struct err *e)
{
    int r = m->replay
                ? journal_next(m->journal, m->number, &m->number, entry, e)
                : 0;
    m->replay = r > 0;
    return r;
}

static bool stopping(const struct mqtt *m)
{
    const struct source_opts *o = m->base.opts;
    return o->stop && o->stop();
}

/* 1 with more in the batch, SOURCE_IDLE, 0 at the end, -1. */
static int fetch(struct mqtt *m, struct err *e)
{
    struct err why = { 0 };
    buf_reset(&m->batch);
    m->at = 0;
    if (stopping(m))
        return SOURCE_IDLE;
    int r = mosq_read(m->mosq, &why);
    if (r < 0 && stopping(m))
        return SOURCE_IDLE;
    if (r < 0) {
        *e = why;
        return -1;
    }
    if (settle(m, e))
        return -1;
    uint64_t now = mq_now();
    if (m->batch.n) {
        m->heard_ms = now;
        return 1;
    }
    return m->base.opts->follow || now - m->heard_ms < quiet_ms ? SOURCE_IDLE
                                                                : 0;
}

static int mqtt_next(struct source *s, struct source_item *item, struct err *e)
{
    struct mqtt *m = (struct mqtt *)s;
    struct str entry;
    int r = next_of_journal(m, &entry, e);
    if (r)
        return r < 0 ? -1 : fill(m, entry, item, e);
    /* What came while the connection was made. */
    if (!m->synced && settle(m, e))
        return -1;
    while (m->at == m->batch.n)
        if ((r = fetch(m, e)) != 1)
            return r;
    return fill(m, next_of_batch(m), item, e);
}

static int mqtt_confirm(struct source *s, const struct positions *at,
                        struct err *e)
{
    struct mqtt *m = (struct mqtt *)s;
    if (!m->journal)
        return 0;
    const struct position *p =
        positions_find(at, str_of(journal_id(m->journal)));
    char text[24];
    if (!p || p->kind != POSITION_NUMBER || p->value.n >= sizeof(text))
        return 0;
    memcpy(text, p->value.p, p->value.n);
    text[p->value.n] = '\0';
    return journal_forget(m->journal, strtoull(text, NULL, 10), e);
}

static const char *const schemes[] = { "mqtt://", "mqtts://", NULL };

SOURCE_CONNECTOR(mqtt) = {
    .name = "mqtt",
    .size = sizeof(struct mqtt),
    .open = mqtt_open,
    .next = mqtt_next,
    .close = mqtt_close,
    .schemes = schemes,
    .opts = opts,
    .position_kind = POSITION_NUMBER,
    .confirm = mqtt_confirm,
};
