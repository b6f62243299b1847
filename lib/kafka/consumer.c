#include "kafka/consumer.h"

#include "kafka/consumer_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_MS 100   /* for messages: then a signal is looked for */
#define LOOK_MS 60000 /* for new partitions, when following */
#define PROBE_MS 5000 /* for the answer of a broker that is quiet */

uint64_t consumer_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void consumer_pause(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
}

/* ---- partitions ---- */

/* The spelling of the topic that outlives a message; NULL where it is none of
 * ours. */
static const char *topic_of(const struct consumer *c, const char *name)
{
    for (size_t i = 0; i < c->uri.n_topics; i++)
        if (strcmp(c->uri.topics[i], name) == 0)
            return c->uri.topics[i];
    return NULL;
}

static struct consumer_part *find_part(const struct consumer *c,
                                       const char *topic, int32_t id)
{
    for (size_t i = 0; i < c->n_parts; i++)
        if (c->parts[i]->id == id && strcmp(c->parts[i]->topic, topic) == 0)
            return c->parts[i];
    return NULL;
}

struct consumer_part *consumer_find(struct consumer *c, const char *topic,
                                    int32_t id)
{
    struct consumer_part *p = find_part(c, topic, id);
    const char *name = topic_of(c, topic);
    if (p || !name)
        return p;
    struct consumer_part **more =
        realloc(c->parts, (c->n_parts + 1) * sizeof(struct consumer_part *));
    if (!more)
        return NULL;
    c->parts = more;
    p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    *p = (struct consumer_part){ .topic = name,
                                 .id = id,
                                 .next = -1,
                                 .end = -1,
                                 .safe = -1,
                                 .asked = -1,
                                 .group = -1,
                                 .seen = -1 };
    c->parts[c->n_parts++] = p;
    return p;
}

/* Messages come in runs of one partition. */
static struct consumer_part *part_of(struct consumer *c,
                                     const rd_kafka_message_t *m)
{
    const char *topic = m->rkt ? c->rd->topic_name(m->rkt) : "";
    if (!c->last || c->last->id != m->partition ||
        strcmp(c->last->topic, topic) != 0)
        c->last = find_part(c, topic, m->partition);
    return c->last;
}

bool consumer_has_topics(const struct consumer *c)
{
    return c->uri.n_topics > 1;
}

static rd_kafka_topic_partition_list_t *list_one(const struct consumer *c,
                                                 const struct consumer_part *p)
{
    rd_kafka_topic_partition_list_t *list = c->rd->topic_partition_list_new(1);
    c->rd->topic_partition_list_add(list, p->topic, p->id)->offset = p->next;
    return list;
}

/* The partition is read to its end: nothing more is fetched of it. */
static void finish_part(struct consumer *c, struct consumer_part *p)
{
    rd_kafka_topic_partition_list_t *list = list_one(c, p);
    p->done = true;
    c->rd->pause_partitions(c->rk, list);
    c->rd->topic_partition_list_destroy(list);
}

/* ---- assignment ---- */

/* Fails outside of a callback, where it can be told. */
static void fail_later(struct consumer *c, const struct err *e)
{
    if (!c->failed)
        c->failure = *e;
    c->failed = true;
}

/* Finds where each partition of the list starts. */
static int place_list(struct consumer *c, rd_kafka_topic_partition_list_t *list,
                      struct err *e)
{
    size_t n = (size_t)list->cnt;
    struct consumer_part **parts = calloc(n + 1, sizeof(*parts));
    int r = parts ? 0 : err_nomem(e);
    for (size_t i = 0; i < n && r == 0; i++) {
        parts[i] =
            consumer_find(c, list->elems[i].topic, list->elems[i].partition);
        if (!parts[i])
            r = err_nomem(e);
    }
    if (r == 0 && n && place_group(c, parts, n, false, e))
        r = -1;
    for (size_t i = 0; i < n && r == 0; i++) {
        /* A run that ends reads what it was given first: what another one
         * leaves behind is the next run's. */
        bool late = c->assigned && !c->spec->follow && parts[i]->next < 0;
        r = place_part(c, parts[i], e);
        parts[i]->done |= late;
        list->elems[i].offset = parts[i]->next;
    }
    for (size_t i = 0; i < n && r == 0; i++)
        parts[i]->assigned = true;
    free(parts);
    return r;
}

static bool is_cooperative(const struct consumer *c)
{
    const char *protocol = c->rd->rebalance_protocol(c->rk);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void assign(struct consumer *c, rd_kafka_topic_partition_list_t *list)
{
    struct err e = { 0 };
    if (place_list(c, list, &e)) {
        fail_later(c, &e);
        c->rd->assign(c->rk, NULL);
        return;
    }
    if (is_cooperative(c)) {
        rd_kafka_error_t *error = c->rd->incremental_assign(c->rk, list);
        if (error)
            c->rd->error_destroy(error);
    } else
        c->rd->assign(c->rk, list);
    for (int i = 0; i < list->cnt; i++) {
        struct consumer_part *p =
            find_part(c, list->elems[i].topic, list->elems[i].partition);
        if (p->done)
            finish_part(c, p);
    }
    c->assigned = true;
}

static void revoke(struct consumer *c, rd_kafka_topic_partition_list_t *list)
{
    consumer_commit(c, true);
    for (int i = 0; i < list->cnt; i++) {
        struct consumer_part *p =
            find_part(c, list->elems[i].topic, list->elems[i].partition);
        if (p)
            p->assigned = false;
    }
    if (is_cooperative(c)) {
        rd_kafka_error_t *error = c->rd->incremental_unassign(c->rk, list);
        if (error)
            c->rd->error_destroy(error);
    } else
        c->rd->assign(c->rk, NULL);
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *c = opaque;
    c->waited_ms = 0;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        assign(c, list);
    else if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        revoke(c, list);
    else
        c->rd->assign(rk, NULL);
}

/* Without a group: all partitions that are not read yet. */
static int assign_all(struct consumer *c, struct err *e)
{
    const struct rd *rd = c->rd;
    rd_kafka_topic_partition_list_t *list =
        rd->topic_partition_list_new((int)c->n_parts);
    rd_kafka_error_t *error = NULL;
    int r = 0;
    for (size_t i = 0; i < c->n_parts && r == 0; i++) {
        struct consumer_part *p = c->parts[i];
        if (p->assigned)
            continue;
        r = place_part(c, p, e);
        p->assigned = r == 0;
        if (r == 0 && !p->done)
            rd->topic_partition_list_add(list, p->topic, p->id)->offset =
                p->next;
    }
    if (r == 0 && list->cnt)
        error = rd->incremental_assign(c->rk, list);
    if (error) {
        r = err_set(e, rd_code(rd->error_code(error)),
                    "cannot read the partitions of '%s': %s", c->spec->uri,
                    rd->error_string(error));
        rd->error_destroy(error);
    }
    rd->topic_partition_list_destroy(list);
    c->assigned = true;
    return r;
}

static int subscribe(struct consumer *c, struct err *e)
{
    const struct rd *rd = c->rd;
    if (place_group(c, c->parts, c->n_parts, true, e))
        return -1;
    rd_kafka_topic_partition_list_t *list =
        rd->topic_partition_list_new((int)c->uri.n_topics);
    for (size_t i = 0; i < c->uri.n_topics; i++)
        rd->topic_partition_list_add(list, c->uri.topics[i],
                                     RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd->subscribe(c->rk, list);
    rd->topic_partition_list_destroy(list);
    return err ? err_set(e, rd_code(err), "cannot join group '%s': %s",
                         c->spec->group, rd->err2str(err))
               : 0;
}

/* ---- open and close ---- */

static int make_client(struct consumer *c, struct err *e)
{
    const struct rd *rd = c->rd;
    const char *group = c->spec->group ? c->spec->group : c->spec->app;
    /* Memory is bounded by what is fetched ahead. A loader that takes its time
     * must not cost the membership: that of a dead process ends by itself. */
    const struct rd_setting settings[] = {
        { "group.id", group ? group : "pipeutils", true },
        { "enable.auto.commit", "false", true },
        { "enable.auto.offset.store", "false", true },
        { "enable.partition.eof", "true", true },
        { "auto.offset.reset", "error", true },
        { "isolation.level", "read_committed", false },
        { "check.crcs", "true", false },
        { "queued.max.messages.kbytes", "16384", false },
        { "max.poll.interval.ms", "3600000", false },
    };
    rd_kafka_conf_t *conf;
    if (rd_conf(rd, &conf, c->uri.brokers, c->spec->app, settings,
                sizeof(settings) / sizeof(*settings), c, e))
        return -1;
    rd->conf_set_rebalance_cb(conf, rebalance);
    c->rk = rd_client(rd, RD_KAFKA_CONSUMER, conf, e);
    return c->rk ? 0 : -1;
}

static int connect_to(struct consumer *c, struct err *e)
{
    c->rd = rd_load(e);
    if (!c->rd || rd_uri_parse(&c->uri, c->spec->uri, e))
        return -1;
    if (c->uri.n_topics == 0)
        return err_set(e, ERR_USAGE,
                       "'%s' names no topic: kafka://HOST:PORT/TOPIC is wanted",
                       c->spec->uri);
    if (make_client(c, e) ||
        place_find(c, consumer_now() + c->spec->patience_ms, e))
        return -1;
    /* From here on one queue has messages and events. */
    c->rd->poll_set_consumer(c->rk);
    c->queue = c->rd->queue_get_consumer(c->rk);
    c->look_ms = consumer_now() + LOOK_MS;
    return c->spec->group ? subscribe(c, e) : assign_all(c, e);
}

int consumer_open(struct consumer **cp, const struct consumer_spec *spec,
                  struct err *e)
{
    struct consumer *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    c->spec = spec;
    if (connect_to(c, e)) {
        consumer_close(c);
        return -1;
    }
    *cp = c;
    return 0;
}

static void drop_batch(struct consumer *c)
{
    for (size_t i = 0; i < c->n; i++)
        c->rd->message_destroy(c->batch[i]);
    c->n = c->at = 0;
}

void consumer_close(struct consumer *c)
{
    if (!c)
        return;
    drop_batch(c);
    /* To leave a group takes a broker. */
    bool leave = c->queue && c->spec->group && !c->failed && !c->trouble.err;
    if (leave) {
        consumer_commit(c, true);
        c->rd->consumer_close(c->rk);
    }
    if (c->queue)
        c->rd->queue_destroy(c->queue);
    if (c->rk)
        c->rd->destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    for (size_t i = 0; i < c->n_parts; i++)
        free(c->parts[i]);
    free(c->parts);
    rd_uri_free(&c->uri);
    free(c);
}

/* ---- messages ---- */

static int fail_message(struct consumer *c, const rd_kafka_message_t *m,
                        struct err *e)
{
    const struct rd *rd = c->rd;
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        return err_set(e, ERR_DATA,
                       "messages are gone while reading partition %" PRId32
                       " of topic '%s' of '%s' (--kafka-gone skip, at the next "
                       "start, goes on without them)",
                       m->partition, m->rkt ? rd->topic_name(m->rkt) : "?",
                       c->spec->uri);
    return err_set(e, rd_code(m->err), "cannot read from '%s': %s",
                   c->spec->uri, rd->message_errstr(m));
}

/* An event: 0, or -1 with e. */
static int take_event(struct consumer *c, const rd_kafka_message_t *m,
                      struct err *e)
{
    struct consumer_part *p = part_of(c, m);
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        /* What lies before and was not handed out were marks of transactions,
         * and what was undone. */
        if (p && p->assigned && m->offset > p->next)
            p->next = m->offset;
        if (p && p->assigned && !p->done && !c->spec->follow &&
            m->offset >= p->end)
            finish_part(c, p);
        return 0;
    }
    /* Too slow for the group: it takes us in again. */
    if (m->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
        return 0;
    if (rd_is_away(m->err)) {
        c->trouble.err = m->err;
        return 0;
    }
    return fail_message(c, m, e);
}

/* Is the message to be handed out? */
static bool take_message(struct consumer *c, const rd_kafka_message_t *m,
                         const struct consumer_part **part)
{
    struct consumer_part *p = part_of(c, m);
    if (!p || !p->assigned || p->done || m->offset < p->next)
        return false;
    if (!c->spec->follow && m->offset >= p->end) {
        finish_part(c, p);
        return false;
    }
    p->next = m->offset + 1;
    if (!c->spec->follow && p->next >= p->end)
        finish_part(c, p);
    *part = p;
    return true;
}

static bool is_over(const struct consumer *c)
{
    if (c->spec->follow || !c->assigned)
        return false;
    for (size_t i = 0; i < c->n_parts; i++)
        if (c->parts[i]->assigned && !c->parts[i]->done)
            return false;
    return true;
}

/* Nothing has come for long: is there a broker? */
static int probe(struct consumer *c, struct err *e)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t err = c->rd->metadata(c->rk, 0, NULL, &m, PROBE_MS);
    if (err)
        return err_set(e, rd_code(c->trouble.err),
                       "no broker of '%s' answers: %s", c->spec->uri,
                       c->trouble.err ? c->trouble.text : c->rd->err2str(err));
    c->rd->metadata_destroy(m);
    c->trouble = (struct rd_trouble){ 0 };
    c->waited_ms = 0;
    return 0;
}

/* Nothing came: CONSUMER_IDLE, or -1 where waiting is over. */
static int idle(struct consumer *c, struct err *e)
{
    uint64_t now = consumer_now();
    if (rd_code(c->trouble.err) == ERR_NOPERM && c->trouble.err)
        return err_set(e, ERR_NOPERM, "cannot read from '%s': %s", c->spec->uri,
                       c->trouble.text);
    if (c->waited_ms < c->spec->patience_ms) {
        if (!c->spec->follow || c->spec->group || now < c->look_ms)
            return CONSUMER_IDLE;
        c->look_ms = now + LOOK_MS;
        return place_find(c, now + PROBE_MS, e) || assign_all(c, e)
                   ? -1
                   : CONSUMER_IDLE;
    }
    if (c->spec->follow || c->spec->group)
        return probe(c, e) ? -1 : CONSUMER_IDLE;
    return err_set(e, ERR_TEMPFAIL,
                   "nothing has come from '%s' for %" PRIu64 " s, and its end "
                   "is not reached: %s",
                   c->spec->uri, c->waited_ms / 1000,
                   c->trouble.err ? c->trouble.text : "its broker is silent");
}

static int fetch(struct consumer *c, struct err *e)
{
    uint64_t from = consumer_now();
    if (c->dirty)
        consumer_commit(c, false);
    ssize_t n =
        c->rd->consume_batch_queue(c->queue, WAIT_MS, c->batch, CONSUMER_BATCH);
    if (n < 0)
        return err_set(e, rd_code(c->rd->last_error()),
                       "cannot read from '%s': %s", c->spec->uri,
                       c->rd->err2str(c->rd->last_error()));
    c->n = (size_t)n;
    if (n == 0)
        c->waited_ms += consumer_now() - from;
    else if (!c->batch[0]->err) {
        c->waited_ms = 0;
        c->trouble.err = 0;
    }
    return n > 0;
}

int consumer_next(struct consumer *c, bool at_hand,
                  const rd_kafka_message_t **m,
                  const struct consumer_part **part, struct err *e)
{
    for (;;) {
        while (c->at < c->n) {
            *m = c->batch[c->at++];
            if ((*m)->err) {
                if (take_event(c, *m, e))
                    return -1;
            } else if (take_message(c, *m, part))
                return 1;
        }
        if (at_hand)
            return CONSUMER_IDLE;
        drop_batch(c);
        if (c->failed) {
            *e = c->failure;
            return -1;
        }
        if (is_over(c))
            return 0;
        if (c->spec->stop && c->spec->stop())
            return CONSUMER_IDLE;
        int got = fetch(c, e);
        if (got < 0)
            return -1;
        if (got == 0 && !c->failed && !is_over(c))
            return idle(c, e);
    }
}

/* ---- what is confirmed ---- */

void consumer_confirm(struct consumer *c, const char *topic, int32_t partition,
                      int64_t offset)
{
    struct consumer_part *p =
        find_part(c, topic ? topic : c->uri.topics[0], partition);
    if (!p || offset <= p->safe)
        return;
    p->safe = offset;
    c->dirty |= c->spec->group != NULL;
}

void consumer_commit(struct consumer *c, bool wait)
{
    const struct rd *rd = c->rd;
    if (!c->spec->group)
        return;
    rd_kafka_topic_partition_list_t *list = rd->topic_partition_list_new(8);
    for (size_t i = 0; i < c->n_parts; i++) {
        struct consumer_part *p = c->parts[i];
        if (!p->assigned || p->safe < 0 || p->safe == p->asked)
            continue;
        rd->topic_partition_list_add(list, p->topic, p->id)->offset = p->safe;
        p->asked = p->safe;
    }
    if (list->cnt)
        rd->commit(c->rk, list, !wait);
    rd->topic_partition_list_destroy(list);
    c->dirty = false;
}

uint64_t consumer_lag(const struct consumer *c)
{
    uint64_t lag = 0;
    for (size_t i = 0; i < c->n_parts; i++) {
        const struct consumer_part *p = c->parts[i];
        int64_t low = -1, high = -1;
        if (!p->assigned)
            continue;
        c->rd->get_watermark_offsets(c->rk, p->topic, p->id, &low, &high);
        if (high < p->end)
            high = p->end;
        if (p->next >= 0 && high > p->next)
            lag += (uint64_t)(high - p->next);
    }
    return lag;
}
