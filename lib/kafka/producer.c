#include "kafka/producer.h"

#include "kafka/consumer_private.h" /* consumer_now */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS 100    /* then a signal is looked for */
#define SERVE 1024     /* messages between two looks at what became of them */
#define ABORT_MS 10000 /* a broker ends what we cannot, after its own time */
#define TOPICS 4

struct producer {
    struct rd_trouble trouble; /* the first member: rd_conf */
    const struct rd *rd;
    const struct producer_spec *spec;
    struct rd_uri uri;
    rd_kafka_t *rk;
    struct {
        char *name;
        rd_kafka_topic_t *rkt;
    } topics[TOPICS];
    size_t n_topics;
    uint64_t sent, ended;     /* messages; ended: with a report */
    rd_kafka_resp_err_t lost; /* why the first one was; 0: none was */
    bool open;                /* a transaction is */
};

/* ---- what went wrong ---- */

static bool is_fenced(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__FENCED ||
           err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Fails; behind a general error the library has a special one, which it cannot
 * get over, or one that its threads have seen. */
static int fail(struct producer *p, rd_kafka_resp_err_t err, const char *what,
                struct err *e)
{
    char why[300] = "";
    rd_kafka_resp_err_t fatal = p->rd->fatal_error(p->rk, why, sizeof(why));
    if (fatal)
        err = fatal;
    if (is_fenced(err))
        return err_set(e, ERR_TEMPFAIL,
                       "another load took the place of this one: it has the "
                       "same transactional id '%s'",
                       p->spec->transactional ? p->spec->transactional : "");
    if (!fatal && p->trouble.err && rd_is_away(err)) {
        err = p->trouble.err;
        snprintf(why, sizeof(why), "%s", p->trouble.text);
    }
    enum err_code code = rd_code(err);
    return err_set(e, code == ERR_NOINPUT ? ERR_CANTCREAT : code,
                   "cannot %s '%s': %s", what, p->spec->uri,
                   *why ? why : p->rd->err2str(err));
}

/* Takes the error, which is freed. */
static int fail_error(struct producer *p, rd_kafka_error_t *error,
                      const char *what, struct err *e)
{
    rd_kafka_resp_err_t err = p->rd->error_code(error);
    if (!rd_is_away(err) && !is_fenced(err) && rd_code(err) == ERR_TEMPFAIL)
        err_set(e, ERR_TEMPFAIL, "cannot %s '%s': %s", what, p->spec->uri,
                p->rd->error_string(error));
    else
        fail(p, err, what, e);
    p->rd->error_destroy(error);
    return -1;
}

static int stopped(struct producer *p, struct err *e)
{
    return p->spec->stop && p->spec->stop()
               ? err_set(e, ERR_TEMPFAIL, "interrupted")
               : 0;
}

/* What became of a message. */
static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct producer *p = opaque;
    (void)rk;
    p->ended++;
    if (m->err && !p->lost)
        p->lost = m->err;
}

static int check_lost(struct producer *p, struct err *e)
{
    if (!p->lost)
        return 0;
    if (p->lost == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return err_set(e, ERR_CONFIG,
                       "a message is larger than '%s' takes (max.message.bytes "
                       "of the topic, --kafka-option message.max.bytes=N)",
                       p->spec->uri);
    return fail(p, p->lost, "write to", e);
}

/* ---- open and close ---- */

static int make_client(struct producer *p, struct err *e)
{
    const struct producer_spec *spec = p->spec;
    char max[24] = "1000000";
    uint64_t n = spec->message_max < 1000         ? 1000
                 : spec->message_max > 1000000000 ? 1000000000
                                                  : spec->message_max;
    if (spec->message_max)
        snprintf(max, sizeof(max), "%" PRIu64, n);
    /* As long as most brokers allow: who waits for the word of others must not
     * lose the transaction meanwhile. Memory is bounded by what is queued. */
    const struct rd_setting settings[] = {
        { "acks", "all", true },
        { "enable.idempotence", "true", true },
        { "partitioner", "murmur2_random", false },
        { "queue.buffering.max.kbytes", "65536", false },
        { "message.max.bytes", max, false },
        { "transactional.id", spec->transactional, true },
        { "transaction.timeout.ms", "900000", false },
    };
    size_t all = sizeof(settings) / sizeof(*settings);
    rd_kafka_conf_t *conf;
    if (rd_conf(p->rd, &conf, p->uri.brokers, spec->app, settings,
                spec->transactional ? all : all - 2, p, e))
        return -1;
    p->rd->conf_set_dr_msg_cb(conf, on_report);
    p->rk = rd_client(p->rd, RD_KAFKA_PRODUCER, conf, e);
    return p->rk ? 0 : -1;
}

int producer_open(struct producer **out, const struct producer_spec *spec,
                  struct err *e)
{
    struct producer *p = calloc(1, sizeof(*p));
    if (!p)
        return err_nomem(e);
    p->spec = spec;
    p->rd = rd_load(e);
    if (!p->rd || rd_uri_parse(&p->uri, spec->uri, e) || make_client(p, e)) {
        producer_close(p);
        return -1;
    }
    *out = p;
    return 0;
}

/* Nothing of what is left is to be sent. */
static void drop(struct producer *p)
{
    p->rd->purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    p->rd->poll(p->rk, 0);
    if (!p->open)
        return;
    p->open = false;
    rd_kafka_error_t *error = p->rd->abort_transaction(p->rk, ABORT_MS);
    if (error)
        p->rd->error_destroy(error);
}

void producer_close(struct producer *p)
{
    if (!p)
        return;
    if (p->rk)
        drop(p);
    for (size_t i = 0; i < p->n_topics; i++) {
        p->rd->topic_destroy(p->topics[i].rkt);
        free(p->topics[i].name);
    }
    if (p->rk)
        p->rd->destroy(p->rk);
    rd_uri_free(&p->uri);
    free(p);
}

/* ---- messages ---- */

static rd_kafka_topic_t *topic_at(struct producer *p, const char *name,
                                  struct err *e)
{
    for (size_t i = 0; i < p->n_topics; i++)
        if (strcmp(p->topics[i].name, name) == 0)
            return p->topics[i].rkt;
    if (p->n_topics == TOPICS) {
        err_set(e, ERR_BUG, "a producer has %d topics at most", TOPICS);
        return NULL;
    }
    char *copy = strdup(name);
    rd_kafka_topic_t *rkt = copy ? p->rd->topic_new(p->rk, name, NULL) : NULL;
    if (!rkt) {
        free(copy);
        err_nomem(e);
        return NULL;
    }
    p->topics[p->n_topics].name = copy;
    p->topics[p->n_topics++].rkt = rkt;
    return rkt;
}

int producer_serve(struct producer *p, struct err *e)
{
    p->rd->poll(p->rk, 0);
    return check_lost(p, e);
}

/* Waits a moment for messages to be delivered; *since and *ended tell when that
 * was the case last. */
static int wait_on(struct producer *p, uint64_t *since, uint64_t *ended,
                   struct err *e)
{
    p->rd->poll(p->rk, WAIT_MS);
    if (check_lost(p, e) || stopped(p, e))
        return -1;
    if (p->ended != *ended) {
        *ended = p->ended;
        *since = consumer_now();
    }
    if (consumer_now() - *since < p->spec->patience_ms)
        return 0;
    return fail(p, RD_KAFKA_RESP_ERR__TIMED_OUT, "write to", e);
}

static int make_headers(struct producer *p, const struct producer_message *m,
                        rd_kafka_headers_t **out, struct err *e)
{
    *out = NULL;
    if (!m->n_headers)
        return 0;
    *out = p->rd->headers_new(m->n_headers);
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < m->n_headers; i++) {
        const struct producer_header *h = &m->headers[i];
        if (p->rd->header_add(*out, h->name, -1, h->value.p,
                              (ssize_t)h->value.n)) {
            p->rd->headers_destroy(*out);
            return err_nomem(e);
        }
    }
    return 0;
}

static rd_kafka_resp_err_t produce(struct producer *p, rd_kafka_topic_t *rkt,
                                   const struct producer_message *m,
                                   rd_kafka_headers_t *headers)
{
    rd_kafka_vu_t v[8] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = rkt },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = m->partition },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = m->time_ms },
    };
    size_t n = 4;
    if (m->has_key) {
        v[n].vtype = RD_KAFKA_VTYPE_KEY;
        v[n].u.mem.ptr = (void *)(uintptr_t)m->key.p;
        v[n++].u.mem.size = m->key.n;
    }
    if (!m->tombstone) {
        v[n].vtype = RD_KAFKA_VTYPE_VALUE;
        v[n].u.mem.ptr = (void *)(uintptr_t)m->value.p;
        v[n++].u.mem.size = m->value.n;
    }
    if (headers) {
        v[n].vtype = RD_KAFKA_VTYPE_HEADERS;
        v[n++].u.headers = headers;
    }
    rd_kafka_error_t *error = p->rd->produceva(p->rk, v, n);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t err = p->rd->error_code(error);
    p->rd->error_destroy(error);
    return err;
}

int producer_send(struct producer *p, const struct producer_message *m,
                  struct err *e)
{
    rd_kafka_topic_t *rkt = topic_at(p, m->topic, e);
    rd_kafka_headers_t *headers; /* the library's, once it takes the message */
    rd_kafka_resp_err_t err;
    uint64_t since = consumer_now(), ended = p->ended;
    if (!rkt || make_headers(p, m, &headers, e))
        return -1;
    int r = 0;
    while ((err = produce(p, rkt, m, headers)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           r == 0)
        r = wait_on(p, &since, &ended, e);
    if (err && headers)
        p->rd->headers_destroy(headers);
    if (r)
        return -1;
    if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return 0;
    if (err)
        return fail(p, err, "write to", e);
    return ++p->sent % SERVE == 0 && producer_serve(p, e) ? -1 : 1;
}

int producer_flush(struct producer *p, struct err *e)
{
    uint64_t since = consumer_now(), ended = p->ended;
    /* Nobody need wait for more messages of a batch. */
    if (p->rd->flush(p->rk, 0) == 0)
        return check_lost(p, e);
    while (p->rd->outq_len(p->rk) > 0) {
        if (wait_on(p, &since, &ended, e))
            return -1;
        (void)p->rd->flush(p->rk, WAIT_MS);
    }
    return check_lost(p, e);
}

/* ---- transactions ---- */

int producer_init(struct producer *p, struct err *e)
{
    uint64_t until = consumer_now() + p->spec->patience_ms;
    for (;;) {
        rd_kafka_error_t *error = p->rd->init_transactions(p->rk, 1000);
        if (!error)
            return 0;
        p->rd->poll(p->rk, 0);
        rd_kafka_resp_err_t why = p->trouble.err;
        if (stopped(p, e)) {
            p->rd->error_destroy(error);
            return -1;
        }
        if (p->rd->error_is_retriable(error) && consumer_now() < until &&
            rd_code(why) != ERR_NOPERM) {
            p->rd->error_destroy(error);
            continue;
        }
        bool away = rd_is_away(p->rd->error_code(error));
        fail_error(p, error, "begin a load into", e);
        if (away && e->code == ERR_TEMPFAIL)
            e->code = ERR_UNAVAILABLE;
        return -1;
    }
}

int producer_begin(struct producer *p, struct err *e)
{
    rd_kafka_error_t *error = p->rd->begin_transaction(p->rk);
    if (error)
        return fail_error(p, error, "begin a load into", e);
    p->open = true;
    return 0;
}

enum producer_outcome producer_commit(struct producer *p, struct err *e)
{
    const struct rd *rd = p->rd;
    uint64_t until = consumer_now() + p->spec->patience_ms;
    /* A signal must not leave the outcome open. */
    for (;;) {
        rd_kafka_error_t *error = rd->commit_transaction(p->rk, 1000);
        if (!error) {
            p->open = false;
            return PRODUCER_COMMITTED;
        }
        rd->poll(p->rk, 0);
        bool again = rd->error_is_retriable(error) && consumer_now() < until;
        bool abort = rd->error_txn_requires_abort(error);
        bool fenced = is_fenced(rd->error_code(error)) ||
                      is_fenced(rd->fatal_error(p->rk, NULL, 0));
        if (again) {
            rd->error_destroy(error);
            continue;
        }
        fail_error(p, error, "commit the load into", e);
        if (!abort)
            p->open = false; /* it is not ours to abort any more */
        return abort    ? PRODUCER_ABORTED
               : fenced ? PRODUCER_FENCED
                        : PRODUCER_UNSURE;
    }
}
