#include "dlq/topic.h"

#include "kafka/producer.h"
#include "kafka/topics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEME "kafka://"
#define PATIENCE_MS 30000
#define CONNECT "__connect.errors."
#define HEADERS 16
#define ROOM 1024 /* bytes around a message, beside its headers */

struct topic {
    const char *uri;
    struct rd_uri parts;
    struct producer_spec spec;
    struct producer *producer; /* owned; NULL before the first letter */
    uint64_t max;              /* bytes of a message; 0: not known */
    struct buf errors, source;
};

bool topic_is(const char *uri)
{
    return strncmp(uri, SCHEME, strlen(SCHEME)) == 0;
}

struct topic *topic_open(const char *uri, struct err *e)
{
    struct topic *t = calloc(1, sizeof(*t));
    if (!t) {
        err_nomem(e);
        return NULL;
    }
    t->uri = uri;
    int r = rd_uri_parse(&t->parts, uri, e) || !rd_load(e) ? -1 : 0;
    if (r == 0 && t->parts.n_topics != 1)
        r = err_set(e, ERR_USAGE,
                    "dead letter queue '%s' is not one topic: "
                    "kafka://HOST:PORT/TOPIC is wanted",
                    uri);
    if (r == 0)
        return t;
    topic_close(t);
    return NULL;
}

void topic_close(struct topic *t)
{
    if (!t)
        return;
    producer_close(t->producer);
    rd_uri_free(&t->parts);
    buf_free(&t->errors);
    buf_free(&t->source);
    free(t);
}

/* ---- the first letter ---- */

static int look(struct topic *t, struct err *e)
{
    const struct topics_spec spec = { .uri = t->uri,
                                      .patience_ms = PATIENCE_MS };
    struct topics *topics;
    int n = 0;
    if (topics_open(&topics, &spec, e))
        return -1;
    int r = topics_count(topics, t->parts.topics[0], &n, e);
    if (r == 0 && n == 0)
        r = err_set(e, ERR_CANTCREAT,
                    "cannot keep dead letters in '%s': there is no such topic",
                    t->uri);
    if (r == 0)
        t->max = topics_message_max(topics, t->parts.topics[0]);
    topics_close(topics);
    return r;
}

static int begin(struct topic *t, struct err *e)
{
    if (t->producer)
        return 0;
    if (look(t, e))
        return -1;
    t->spec = (struct producer_spec){ .uri = t->uri,
                                      .message_max = t->max,
                                      .patience_ms = PATIENCE_MS };
    return producer_open(&t->producer, &t->spec, e);
}

/* ---- headers ---- */

struct headers {
    struct producer_header v[HEADERS];
    size_t n;
};

static void add(struct headers *h, const char *name, struct str value)
{
    if (value.n)
        h->v[h->n++] = (struct producer_header){ name, value };
}

/* The stage as Kafka Connect would call it. */
static struct str stage_of(struct str command)
{
    return str_eq(command, STR("pipe-extract")) ? STR("VALUE_CONVERTER")
           : str_eq(command, STR("pipe-load"))  ? STR("TASK_PUT")
                                                : STR("TRANSFORMATION");
}

/* The topic that a URI names, else the URI. */
static struct str topic_of(struct str uri)
{
    size_t n = strlen(SCHEME);
    if (uri.n <= n || memcmp(uri.p, SCHEME, n) != 0)
        return uri;
    const char *slash = memchr(uri.p + n, '/', uri.n - n);
    return slash
               ? (struct str){ slash + 1, (size_t)(uri.p + uri.n - slash - 1) }
               : uri;
}

/* The members source and errors as an object. */
static int add_errors(struct topic *t, const struct dlq_letter *l,
                      struct err *e)
{
    buf_reset(&t->errors);
    (void)envelope_origin(&t->errors, l);
    if (t->errors.failed || t->errors.n == 0)
        return err_nomem(e);
    t->errors.p[0] = '{';
    return buf_addc(&t->errors, '}') ? err_nomem(e) : 0;
}

static size_t size_of(const struct headers *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += strlen(h->v[i].name) + h->v[i].value.n + 10;
    return n;
}

/* ---- letters ---- */

int topic_add(struct topic *t, const struct dlq_letter *l,
              const struct envelope_facts *f, struct err *e)
{
    struct headers h = { .n = 0 };
    char id[33], attempt[24], offset[24], length[24];
    if (begin(t, e) || add_errors(t, l, e))
        return -1;
    hash128_hex(f->id, id);
    snprintf(attempt, sizeof(attempt), "%" PRIu64, f->attempt);
    snprintf(offset, sizeof(offset), "%" PRIu64, l->offset);
    add(&h, CONNECT "topic", topic_of(l->uri));
    add(&h, CONNECT "partition", l->partition);
    add(&h, CONNECT "offset", str_of(offset));
    add(&h, CONNECT "connector.name", l->pipeline);
    add(&h, CONNECT "task.id", l->run_id);
    add(&h, CONNECT "stage", stage_of(l->stage));
    add(&h, CONNECT "class.name", l->stage);
    if (l->n_errors) {
        add(&h, CONNECT "exception.class.name", str_of(l->errors[0].code));
        add(&h, CONNECT "exception.message", l->errors[0].message);
    }
    add(&h, "pipe.id", str_of(id));
    add(&h, "pipe.attempt", str_of(attempt));
    add(&h, "pipe.errors", buf_str(&t->errors));
    struct producer_message m = { .topic = t->parts.topics[0],
                                  .partition = RD_KAFKA_PARTITION_UA,
                                  .value = l->raw,
                                  .headers = h.v };
    uint64_t around = size_of(&h) + ROOM;
    if (t->max && around < t->max && m.value.n > t->max - around)
        m.value.n = t->max - around;
    if (m.value.n < l->length) {
        snprintf(length, sizeof(length), "%" PRIu64, l->length);
        add(&h, "pipe.raw_length", str_of(length));
    }
    m.n_headers = h.n;
    int r = producer_send(t->producer, &m, e);
    if (r == 0)
        return err_set(e, ERR_IO,
                       "a dead letter of %zu bytes is too large for '%s'",
                       l->raw.n, t->uri);
    return r < 0 ? -1 : 0;
}

int topic_sync(struct topic *t, struct err *e)
{
    return t->producer ? producer_flush(t->producer, e) : 0;
}
