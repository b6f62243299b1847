#include "kafka/topics.h"

#include "kafka/consumer_private.h" /* consumer_now, consumer_pause */

#include <stdio.h>
#include <stdlib.h>

#define ASK_MS 1000 /* of one request: then a signal is looked for */
#define MAKE_MS 30000
#define WAIT_MS 100
#define BATCH 256

struct topics {
    struct rd_trouble trouble; /* the first member: rd_conf */
    const struct rd *rd;
    const struct topics_spec *spec;
    struct rd_uri uri;
    rd_kafka_t *rk;
    rd_kafka_t *ends;        /* sees open transactions; NULL before the first */
    rd_kafka_queue_t *queue; /* of messages; NULL: nothing was read yet */
};

/* ---- open and close ---- */

static rd_kafka_t *make_client(struct topics *t, const char *isolation,
                               struct err *e)
{
    const char *app = t->spec->app ? t->spec->app : "pipeutils";
    /* No group is joined; the end of a partition must show at once. */
    const struct rd_setting settings[] = {
        { "group.id", app, true },
        { "enable.auto.commit", "false", true },
        { "enable.auto.offset.store", "false", true },
        { "enable.partition.eof", "true", true },
        { "auto.offset.reset", "error", true },
        { "isolation.level", isolation, true },
        { "allow.auto.create.topics", "false", true },
        { "fetch.wait.max.ms", "10", false },
        { "check.crcs", "true", false },
    };
    rd_kafka_conf_t *conf;
    if (rd_conf(t->rd, &conf, t->uri.brokers, t->spec->app, settings,
                sizeof(settings) / sizeof(*settings), t, e))
        return NULL;
    return rd_client(t->rd, RD_KAFKA_CONSUMER, conf, e);
}

int topics_open(struct topics **out, const struct topics_spec *spec,
                struct err *e)
{
    struct topics *t = calloc(1, sizeof(*t));
    if (!t)
        return err_nomem(e);
    t->spec = spec;
    t->rd = rd_load(e);
    if (t->rd && rd_uri_parse(&t->uri, spec->uri, e) == 0)
        t->rk = make_client(t, "read_committed", e);
    if (!t->rk) {
        topics_close(t);
        return -1;
    }
    *out = t;
    return 0;
}

void topics_close(struct topics *t)
{
    if (!t)
        return;
    if (t->queue)
        t->rd->queue_destroy(t->queue);
    if (t->ends)
        t->rd->destroy_flags(t->ends, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (t->rk)
        t->rd->destroy_flags(t->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    rd_uri_free(&t->uri);
    free(t);
}

/* ---- what there is ---- */

/* A request failed: 0 where it is to be tried again, -1 with e. */
static int try_again(struct topics *t, rd_kafka_resp_err_t err, uint64_t until,
                     const char *topic, struct err *e)
{
    if (!t->queue)
        t->rd->poll(t->rk, 0);
    bool away = rd_is_away(err), known = away && t->trouble.err;
    enum err_code code = rd_code(known ? t->trouble.err : err);
    if (t->spec->stop && t->spec->stop())
        return err_set(e, ERR_TEMPFAIL, "interrupted");
    if (away && code != ERR_NOPERM && consumer_now() < until) {
        consumer_pause();
        return 0;
    }
    if (away && code == ERR_TEMPFAIL)
        code = ERR_UNAVAILABLE;
    return err_set(e, code, "cannot ask '%s' for topic '%s': %s", t->spec->uri,
                   topic, known ? t->trouble.text : t->rd->err2str(err));
}

/* One request. */
static rd_kafka_resp_err_t ask_count(struct topics *t, rd_kafka_topic_t *rkt,
                                     int *n)
{
    const rd_kafka_metadata_t *m = NULL;
    rd_kafka_resp_err_t err = t->rd->metadata(t->rk, 0, rkt, &m, ASK_MS);
    *n = 0;
    if (!err)
        err = m->topic_cnt == 1 ? m->topics[0].err
                                : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    for (int i = 0; !err && i < m->topics[0].partition_cnt; i++)
        if (m->topics[0].partitions[i].leader < 0)
            err = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (!err)
        *n = m->topics[0].partition_cnt;
    if (m)
        t->rd->metadata_destroy(m);
    return rd_code(err) == ERR_NOINPUT && err != 0 ? RD_KAFKA_RESP_ERR_NO_ERROR
                                                   : err;
}

int topics_count(struct topics *t, const char *name, int *n, struct err *e)
{
    uint64_t until = consumer_now() + t->spec->patience_ms;
    rd_kafka_topic_t *rkt = t->rd->topic_new(t->rk, name, NULL);
    rd_kafka_resp_err_t err;
    int r = 0;
    if (!rkt)
        return err_set(e, ERR_USAGE, "'%s' is no name of a Kafka topic", name);
    while (r == 0 && (err = ask_count(t, rkt, n)))
        r = try_again(t, err, until, name, e);
    t->rd->topic_destroy(rkt);
    return r;
}

/* ---- new topics ---- */

/* Sends the request and takes its answer. */
static rd_kafka_resp_err_t create(struct topics *t, rd_kafka_NewTopic_t *topic,
                                  char *why, size_t size)
{
    const struct rd *rd = t->rd;
    rd_kafka_queue_t *q = rd->queue_new(t->rk);
    rd_kafka_AdminOptions_t *o =
        rd->AdminOptions_new(t->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd->AdminOptions_set_request_timeout(o, MAKE_MS, NULL, 0);
    rd->CreateTopics(t->rk, &topic, 1, o, q);
    rd_kafka_event_t *ev = rd->queue_poll(q, MAKE_MS + ASK_MS);
    rd_kafka_resp_err_t err =
        ev ? rd->event_error(ev) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *said = ev && err ? rd->event_error_string(ev) : NULL;
    if (!err) {
        size_t n;
        const rd_kafka_topic_result_t **made = rd->CreateTopics_result_topics(
            rd->event_CreateTopics_result(ev), &n);
        err =
            n == 1 ? rd->topic_result_error(made[0]) : RD_KAFKA_RESP_ERR__FAIL;
        said = n == 1 ? rd->topic_result_error_string(made[0]) : NULL;
    }
    snprintf(why, size, "%s", said ? said : rd->err2str(err));
    if (ev)
        rd->event_destroy(ev);
    rd->AdminOptions_destroy(o);
    rd->queue_destroy(q);
    return err;
}

int topics_make(struct topics *t, const char *name, int partitions,
                bool compact, struct err *e)
{
    char why[300];
    uint64_t until = consumer_now() + t->spec->patience_ms;
    rd_kafka_NewTopic_t *topic =
        t->rd->NewTopic_new(name, partitions, -1, why, sizeof(why));
    if (!topic)
        return err_set(e, ERR_USAGE, "cannot make topic '%s': %s", name, why);
    if (compact)
        (void)t->rd->NewTopic_set_config(topic, "cleanup.policy", "compact");
    rd_kafka_resp_err_t err = create(t, topic, why, sizeof(why));
    t->rd->NewTopic_destroy(topic);
    if (err && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return err_set(e, rd_code(err), "cannot make topic '%s' of '%s': %s",
                       name, t->spec->uri, why);
    /* Brokers are told of it a moment later. */
    for (int n = 0;;) {
        if (topics_count(t, name, &n, e))
            return -1;
        if (n > 0)
            return 0;
        if (try_again(t, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, until, name,
                      e))
            return -1;
    }
}

uint64_t topics_message_max(struct topics *t, const char *name)
{
    const struct rd *rd = t->rd;
    rd_kafka_ConfigResource_t *ask =
        rd->ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_queue_t *q = rd->queue_new(t->rk);
    uint64_t max = 0;
    size_t n = 0, k = 0;
    if (ask)
        rd->DescribeConfigs(t->rk, &ask, 1, NULL, q);
    rd_kafka_event_t *ev = ask ? rd->queue_poll(q, MAKE_MS) : NULL;
    const rd_kafka_DescribeConfigs_result_t *answer =
        ev && !rd->event_error(ev) ? rd->event_DescribeConfigs_result(ev)
                                   : NULL;
    const rd_kafka_ConfigResource_t **of =
        answer ? rd->DescribeConfigs_result_resources(answer, &n) : NULL;
    const rd_kafka_ConfigEntry_t **v =
        n == 1 ? rd->ConfigResource_configs(of[0], &k) : NULL;
    for (size_t i = 0; i < k; i++) {
        const char *value = rd->ConfigEntry_value(v[i]);
        if (value &&
            strcmp(rd->ConfigEntry_name(v[i]), "max.message.bytes") == 0)
            max = strtoull(value, NULL, 10);
    }
    if (ev)
        rd->event_destroy(ev);
    if (ask)
        rd->ConfigResource_destroy(ask);
    rd->queue_destroy(q);
    return max;
}

/* ---- all of a partition ---- */

struct reading {
    const char *name;
    int32_t partition;
    int64_t end; /* offset that is to be reached */
    int64_t at;  /* offset that was reached; -1: nothing has come */
    int (*take)(void *context, struct str key, struct str value, struct err *e);
    void *context;
};

/* The end of all that was written, decided or not: the committed end, which is
 * what the other client is told, may lie before it. */
static int find_end(struct topics *t, struct reading *r, struct err *e)
{
    uint64_t until = consumer_now() + t->spec->patience_ms;
    int64_t low;
    rd_kafka_resp_err_t err;
    if (!t->ends)
        t->ends = make_client(t, "read_uncommitted", e);
    if (!t->ends)
        return -1;
    while ((err = t->rd->query_watermark_offsets(t->ends, r->name, r->partition,
                                                 &low, &r->end, ASK_MS)))
        if (try_again(t, err, until, r->name, e))
            return -1;
    return 0;
}

static int take_message(struct topics *t, struct reading *r,
                        const rd_kafka_message_t *m, struct err *e)
{
    /* The committed end: it is told anew whenever it has moved. */
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        r->at = m->offset;
        return 0;
    }
    if (m->err && rd_is_away(m->err))
        return 0;
    if (m->err)
        return err_set(e, rd_code(m->err), "cannot read topic '%s' of '%s': %s",
                       r->name, t->spec->uri, t->rd->message_errstr(m));
    r->at = m->offset + 1;
    return r->take(r->context, (struct str){ m->key ? m->key : "", m->key_len },
                   (struct str){ m->payload ? m->payload : "", m->len }, e);
}

/* Some messages: the number of them, or -1. */
static int take_some(struct topics *t, struct reading *r, struct err *e)
{
    rd_kafka_message_t *batch[BATCH];
    ssize_t n = t->rd->consume_batch_queue(t->queue, WAIT_MS, batch, BATCH);
    int bad = 0;
    for (ssize_t i = 0; i < n; i++) {
        if (!bad)
            bad = take_message(t, r, batch[i], e);
        t->rd->message_destroy(batch[i]);
    }
    return bad ? -1 : n > 0 ? (int)n : 0;
}

static int read_on(struct topics *t, struct reading *r, uint64_t wait_ms,
                   struct err *e)
{
    uint64_t since = consumer_now();
    while (r->at < r->end) {
        int64_t before = r->at;
        if (take_some(t, r, e) < 0)
            return -1;
        if (t->spec->stop && t->spec->stop())
            return err_set(e, ERR_TEMPFAIL, "interrupted");
        uint64_t now = consumer_now();
        if (r->at != before)
            since = now;
        if (r->at >= 0 && r->at < r->end && now - since >= wait_ms)
            return err_set(e, ERR_TEMPFAIL,
                           "topic '%s' of '%s' has an open transaction of "
                           "another load",
                           r->name, t->spec->uri);
        if (r->at < 0 && now - since >= t->spec->patience_ms)
            return err_set(
                e, ERR_TEMPFAIL, "cannot read topic '%s' of '%s': %s", r->name,
                t->spec->uri, t->trouble.err ? t->trouble.text : "no answer");
    }
    return 0;
}

int topics_read(struct topics *t, const char *name, int32_t partition,
                uint64_t wait_ms,
                int (*take)(void *context, struct str key, struct str value,
                            struct err *e),
                void *context, struct err *e)
{
    struct reading r = { .name = name,
                         .partition = partition,
                         .end = -1,
                         .at = -1,
                         .take = take,
                         .context = context };
    const struct rd *rd = t->rd;
    if (find_end(t, &r, e))
        return -1;
    if (r.end == 0)
        return 0;
    if (!t->queue) {
        rd->poll_set_consumer(t->rk);
        t->queue = rd->queue_get_consumer(t->rk);
    }
    rd_kafka_topic_partition_list_t *list = rd->topic_partition_list_new(1);
    rd->topic_partition_list_add(list, name, partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t err = rd->assign(t->rk, list);
    int done =
        err ? err_set(e, rd_code(err), "cannot read topic '%s' of '%s': %s",
                      name, t->spec->uri, rd->err2str(err))
            : read_on(t, &r, wait_ms, e);
    rd->assign(t->rk, NULL);
    rd->topic_partition_list_destroy(list);
    return done;
}
