#include "kafka/lag.h"

#include "kafka/consumer_private.h" /* consumer_now, consumer_pause */
#include "kafka/rd.h"

#include <stdlib.h>

#define ASK_MS 1000 /* of one request: then a signal is looked for */

struct lag {
    struct rd_trouble trouble; /* the first member: rd_conf */
    const struct rd *rd;
    const struct lag_spec *spec;
    struct rd_uri uri;
    rd_kafka_t *rk;
    uint64_t until; /* of the question: consumer_now */
};

int lag_open(struct lag **out, const struct lag_spec *spec, struct err *e)
{
    const struct rd_setting settings[] = {
        { "group.id", spec->group, true },
        { "enable.auto.commit", "false", true },
        { "enable.auto.offset.store", "false", true },
        { "isolation.level", "read_committed", true },
        { "allow.auto.create.topics", "false", true },
    };
    struct lag *l = calloc(1, sizeof(*l));
    rd_kafka_conf_t *conf;
    if (!l)
        return err_nomem(e);
    l->spec = spec;
    l->rd = rd_load(e);
    if (l->rd && rd_uri_parse(&l->uri, spec->uri, e) == 0) {
        if (l->uri.n_topics == 0)
            err_set(e, ERR_USAGE, "'%s' names no topic", spec->uri);
        else if (rd_conf(l->rd, &conf, l->uri.brokers, spec->app, settings,
                         sizeof(settings) / sizeof(*settings), l, e) == 0)
            l->rk = rd_client(l->rd, RD_KAFKA_CONSUMER, conf, e);
    }
    if (!l->rk) {
        lag_close(l);
        return -1;
    }
    *out = l;
    return 0;
}

void lag_close(struct lag *l)
{
    if (!l)
        return;
    if (l->rk)
        l->rd->destroy_flags(l->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    rd_uri_free(&l->uri);
    free(l);
}

/* A request failed: 0 where it is to be tried again, -1 with e. */
static int try_again(struct lag *l, rd_kafka_resp_err_t err, const char *topic,
                     struct err *e)
{
    l->rd->poll(l->rk, 0);
    bool away = rd_is_away(err), known = away && l->trouble.err;
    enum err_code code = rd_code(known ? l->trouble.err : err);
    if (l->spec->stop && l->spec->stop())
        return err_set(e, ERR_TEMPFAIL, "interrupted");
    if (away && code != ERR_NOPERM && consumer_now() < l->until) {
        consumer_pause();
        return 0;
    }
    if (away && code == ERR_TEMPFAIL)
        code = ERR_UNAVAILABLE;
    return err_set(e, code, "cannot ask '%s' for topic '%s': %s", l->spec->uri,
                   topic, known ? l->trouble.text : l->rd->err2str(err));
}

static int count_parts(struct lag *l, const char *topic, int *n, struct err *e)
{
    rd_kafka_topic_t *rkt = l->rd->topic_new(l->rk, topic, NULL);
    if (!rkt)
        return err_set(e, ERR_USAGE, "'%s' is no name of a Kafka topic", topic);
    int r = 0;
    for (bool asked = false; r == 0 && !asked;) {
        const rd_kafka_metadata_t *m = NULL;
        rd_kafka_resp_err_t err = l->rd->metadata(l->rk, 0, rkt, &m, ASK_MS);
        if (!err)
            err = m->topic_cnt == 1 ? m->topics[0].err
                                    : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (!err)
            *n = m->topics[0].partition_cnt;
        if (m)
            l->rd->metadata_destroy(m);
        asked = !err;
        if (err)
            r = try_again(l, err, topic, e);
    }
    l->rd->topic_destroy(rkt);
    return r;
}

/* The group's offsets, into list. */
static int ask_group(struct lag *l, const char *topic,
                     rd_kafka_topic_partition_list_t *list, struct err *e)
{
    for (;;) {
        rd_kafka_resp_err_t err = l->rd->committed(l->rk, list, ASK_MS);
        for (int i = 0; !err && i < list->cnt; i++)
            err = list->elems[i].err;
        if (!err)
            return 0;
        if (try_again(l, err, topic, e))
            return -1;
    }
}

static int ask_part(struct lag *l, const rd_kafka_topic_partition_t *p,
                    uint64_t *behind, struct err *e)
{
    int64_t low, high;
    rd_kafka_resp_err_t err;
    while ((err = l->rd->query_watermark_offsets(l->rk, p->topic, p->partition,
                                                 &low, &high, ASK_MS)))
        if (try_again(l, err, p->topic, e))
            return -1;
    int64_t from = p->offset > low ? p->offset : low;
    if (high > from)
        *behind += (uint64_t)(high - from);
    return 0;
}

static int ask_topic(struct lag *l, const char *topic, uint64_t *behind,
                     struct err *e)
{
    int n = 0;
    if (count_parts(l, topic, &n, e))
        return -1;
    rd_kafka_topic_partition_list_t *list = l->rd->topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        l->rd->topic_partition_list_add(list, topic, i);
    int r = ask_group(l, topic, list, e);
    for (int i = 0; i < n && r == 0; i++)
        r = ask_part(l, &list->elems[i], behind, e);
    l->rd->topic_partition_list_destroy(list);
    return r;
}

int lag_ask(struct lag *l, uint64_t *behind, struct err *e)
{
    *behind = 0;
    l->until = consumer_now() + l->spec->patience_ms;
    for (size_t i = 0; i < l->uri.n_topics; i++)
        if (ask_topic(l, l->uri.topics[i], behind, e))
            return -1;
    return 0;
}
