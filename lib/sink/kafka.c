#include "sink/kafka.h"

#include <stdio.h>
#include <stdlib.h>

/* Rows of one pipeline and topic are read before each load, and one load that
 * waits holds up those behind it in its partition. */
#define LEDGER_PARTITIONS 16

static const char *time_field;
static bool run_headers;
static uint64_t patience_ms = 30000;
static uint64_t partitions;

static const struct opt opts[] = {
    { OPT_GROUP, 0, "kafka", NULL, NULL, "Kafka", NULL, 0, 0, 0, COMPLETE_NONE,
      NULL },
    { OPT_STRING, 0, "kafka-time", "FIELD", &time_field,
      "messages have the time in this field (RFC 3339, or milliseconds since "
      "1970); else that of the load",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "kafka-headers", NULL, &run_headers,
      "messages name their run and pipeline in the headers pipe.run_id and "
      "pipe.pipeline",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "kafka-partitions", "N", &partitions,
      "--create makes a topic with so many partitions; default: as the broker "
      "has it",
      NULL, 1, 10000, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "kafka-wait", "TIME", &patience_ms,
      "wait so long for a broker that does not answer; default 30s", NULL, 1, 0,
      0, COMPLETE_NONE, NULL },
    RD_OPTION,
    { 0 }
};

/* ---- open ---- */

static int check_names(const struct sink_spec *spec, struct err *e)
{
    struct rd_uri u, both;
    struct buf uri = { .max = 65536 };
    if (rd_uri_parse(&u, spec->uri, e))
        return -1;
    int r = u.n_topics ? err_set(e, ERR_USAGE,
                                 "target '%s' names a topic: that is option "
                                 "--table",
                                 spec->uri)
                       : 0;
    buf_addf(&uri, "kafka://%s/%s", u.brokers, spec->table);
    if (r == 0 && !buf_z(&uri))
        r = err_nomem(e);
    if (r == 0 && (strchr(spec->table, ',') || !*spec->table ||
                   strcmp(spec->table, KAFKA_LEDGER) == 0))
        r = err_set(e, ERR_USAGE, "'%s' is no topic to load into", spec->table);
    if (r == 0 && (r = rd_uri_parse(&both, uri.p, e)) == 0)
        rd_uri_free(&both);
    rd_uri_free(&u);
    buf_free(&uri);
    return r;
}

static int check_spec(const struct sink_spec *spec, struct err *e)
{
    if (spec->part_column.n)
        return err_set(e, ERR_USAGE,
                       "option --partition is not for Kafka: no field chooses "
                       "what a topic has");
    if (spec->n_decimals)
        return err_set(e, ERR_USAGE,
                       "option --decimal is not for Kafka: numbers keep their "
                       "text");
    if (spec->missing_null)
        return err_set(e, ERR_USAGE,
                       "option --missing is not for Kafka: a message is the "
                       "whole record");
    return check_names(spec, e);
}

static void kafka_close(struct sink *base)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    producer_close(s->producer);
    topics_close(s->topics);
    select_free(s->select);
    free(s->vals);
    buf_free(&s->id);
    buf_free(&s->key);
    buf_free(&s->scratch);
    buf_free(&s->who);
    free(s);
}

/* Finds the topics. Where they are to be made that waits until there is
 * something to load. */
static int look_for_topics(struct kafka_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int n;
    if (topics_count(s->topics, spec->table, &n, e) ||
        topics_count(s->topics, KAFKA_LEDGER, &s->ledgers, e))
        return -1;
    if (!spec->create && (n == 0 || s->ledgers == 0))
        return err_set(e, ERR_CONFIG,
                       "topic '%s' is not in '%s' (--create makes it)",
                       n ? KAFKA_LEDGER : spec->table, spec->uri);
    if (n > 0)
        s->message_max = topics_message_max(s->topics, spec->table);
    return 0;
}

static struct sink *kafka_open(const struct sink_spec *spec, struct err *e)
{
    struct kafka_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_nomem(e);
        return NULL;
    }
    s->base = (struct sink){ &sink_kafka, spec, 0 };
    s->key.max = s->scratch.max = (size_t)16 << 20;
    s->asking = (struct topics_spec){ .uri = spec->uri,
                                      .app = "pipe-load",
                                      .patience_ms = patience_ms,
                                      .stop = spec->stop };
    if (kafka_message_init(s, time_field, run_headers, e) ||
        topics_open(&s->topics, &s->asking, e) || look_for_topics(s, e)) {
        kafka_close(&s->base);
        return NULL;
    }
    return &s->base;
}

/* ---- begin ---- */

static int make_topics(struct kafka_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int n;
    if (topics_count(s->topics, spec->table, &n, e))
        return -1;
    if (n == 0) {
        if (topics_make(s->topics, spec->table,
                        partitions ? (int)partitions : -1,
                        spec->mode != SINK_APPEND, e))
            return -1;
        s->message_max = topics_message_max(s->topics, spec->table);
    }
    return s->ledgers == 0 &&
                   (topics_make(s->topics, KAFKA_LEDGER, LEDGER_PARTITIONS,
                                true, e) ||
                    topics_count(s->topics, KAFKA_LEDGER, &s->ledgers, e))
               ? -1
               : 0;
}

/* Makes the producer, which ends what an older one of the id has open. */
static int make_producer(struct kafka_sink *s, const char *pipeline,
                         struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    buf_reset(&s->id);
    buf_addf(&s->id, "pipe-load.%s.%s", pipeline, spec->table);
    s->producing = (struct producer_spec){ .uri = spec->uri,
                                           .app = "pipe-load",
                                           .transactional = buf_z(&s->id),
                                           .message_max = s->message_max,
                                           .patience_ms = patience_ms,
                                           .stop = spec->stop };
    if (!s->producing.transactional)
        return err_nomem(e);
    return producer_open(&s->producer, &s->producing, e) ||
                   producer_init(s->producer, e)
               ? -1
               : 0;
}

static int kafka_begin(struct sink *base, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    const struct sink_spec *spec = base->spec;
    if (spec->dry_run)
        return 0;
    if (!s->producer &&
        ((spec->create && make_topics(s, e)) ||
         make_producer(s, spec->pipeline ? spec->pipeline : "", e)))
        return -1;
    return producer_begin(s->producer, e);
}

/* ---- records ---- */

/* 1; 0 with why; -1. */
static int send_one(struct kafka_sink *s, const struct producer_message *m,
                    struct sink_refusal *why, struct err *e)
{
    int r = kafka_refuse_size(s, m, why);
    if (r > 0 && s->producer && (r = producer_send(s->producer, m, e)) == 0)
        sink_refusef(why, "message_too_large", STR(""),
                     "message of %zu bytes is larger than message.max.bytes",
                     m->value.n + m->key.n);
    return r;
}

/* 1; 0 with why; -1. */
static int write_op(struct kafka_sink *s, const struct sink_record *r,
                    struct sink_refusal *why, struct err *e)
{
    struct producer_message m;
    int done;
    if (r->op == SINK_TRUNCATE)
        return sink_refusef(why, "truncate", STR(""),
                            "a topic cannot be emptied by a message");
    if (r->op == SINK_DELETE) {
        done = kafka_message_tombstone(s, r->text, &m, why, e);
        return done > 0 ? send_one(s, &m, why, e) : done;
    }
    done = kafka_message_row(s, r, &m, why, e);
    if (done > 0)
        done = kafka_refuse_size(s, &m, why);
    if (done > 0 && r->old_key.n) {
        done = kafka_message_tombstone(s, r->old_key, &m, why, e);
        if (done > 0)
            done = send_one(s, &m, why, e);
        if (done > 0)
            done = kafka_message_row(s, r, &m, why, e);
    }
    return done > 0 ? send_one(s, &m, why, e) : done;
}

static int kafka_write(struct sink *base, const struct sink_record *r,
                       struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    struct sink_refusal why;
    int done = write_op(s, r, &why, e);
    return done == 0  ? base->spec->refuse(base->spec->context, r, &why, e)
           : done < 0 ? -1
                      : 0;
}

static int kafka_flush(struct sink *base, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    return s->producer ? producer_serve(s->producer, e) : 0;
}

/* ---- the end ---- */

/* For commit, which may have to ask the ledger. */
static int keep_run(struct kafka_sink *s, const struct sink_run *run,
                    struct err *e)
{
    const char *const texts[] = { run->pipeline, run->partition, run->run_id };
    const char **const to[] = { &s->run.pipeline, &s->run.partition,
                                &s->run.run_id };
    buf_reset(&s->who);
    for (size_t i = 0; i < 3; i++)
        buf_add(&s->who, texts[i], strlen(texts[i]) + 1);
    if (s->who.failed)
        return err_nomem(e);
    const char *p = s->who.p;
    for (size_t i = 0; i < 3; p += strlen(p) + 1, i++)
        *to[i] = p;
    return 0;
}

/* What was once handed to readers stays with them, in every mode: a run is
 * looked for among all loads. */
static int judge(struct kafka_sink *s, const struct sink_run *run,
                 enum sink_outcome *outcome, struct buf *previous,
                 struct err *e)
{
    struct kafka_row row = { 0 };
    *outcome = SINK_NEW;
    if (run->continues)
        return 0;
    int r = kafka_ledger_find(s, run, &row, e);
    if (r == 0 && row.found) {
        if (strcmp(row.at.input_hash, run->input_hash) == 0)
            *outcome = SINK_SAME;
        else if (sink_looks_at_all(s->base.spec))
            *outcome = SINK_CONFLICT;
        if (buf_add_str(previous, buf_str(&row.when)))
            r = err_nomem(e);
    }
    buf_free(&row.when);
    return r;
}

static int kafka_prepare(struct sink *base, const struct sink_run *run,
                         enum sink_outcome *outcome, struct buf *previous,
                         struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    if (judge(s, run, outcome, previous, e))
        return -1;
    if (*outcome != SINK_NEW || !s->producer)
        return 0;
    return keep_run(s, run, e) || kafka_ledger_write(s, run, e) ||
                   producer_flush(s->producer, e)
               ? -1
               : 0;
}

/* A dry run asks (sink_committed) whether a load is committed whose process is
 * gone: what that left open is ended first. */
static int kafka_resume(struct sink *base, const struct sink_run *run,
                        struct sink_position *at, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    struct kafka_row row = { 0 };
    if (!s->producer && s->ledgers > 0 && make_producer(s, run->pipeline, e))
        return -1;
    int r = kafka_ledger_find(s, run, &row, e);
    if (r == 0)
        *at = s->total = row.at;
    buf_free(&row.when);
    return r;
}

/* The broker did not say what became of the commit: the ledger does, once
 * nothing is under way any more. */
static int resolve(struct kafka_sink *s, bool fenced, struct err *e)
{
    struct kafka_row row = { 0 };
    struct err why = *e;
    producer_close(s->producer);
    s->producer = NULL;
    int r = (!fenced && make_producer(s, s->run.pipeline, e)) ||
                    kafka_ledger_find(s, &s->run, &row, e)
                ? -1
                : 0;
    bool ours = r == 0 && row.found && strcmp(row.load, s->load) == 0;
    buf_free(&row.when);
    if (ours)
        return 0;
    if (r == 0)
        return err_set(e, ERR_TEMPFAIL, "nothing committed: %s", why.msg);
    char lost[300];
    snprintf(lost, sizeof(lost), "%.299s", e->msg);
    return err_set(e, ERR_TEMPFAIL,
                   "it is not known whether the load was committed; the same "
                   "run again finds out: %.300s; %s",
                   why.msg, lost);
}

static int kafka_commit(struct sink *base, struct err *e)
{
    struct kafka_sink *s = (struct kafka_sink *)base;
    int r = 0;
    switch (producer_commit(s->producer, e)) {
    case PRODUCER_COMMITTED: break;
    case PRODUCER_ABORTED: e->code = ERR_TEMPFAIL; return -1;
    case PRODUCER_UNSURE: r = s->run.run_id ? resolve(s, false, e) : -1; break;
    case PRODUCER_FENCED: r = s->run.run_id ? resolve(s, true, e) : -1; break;
    }
    if (r == 0 && s->next.found)
        s->total = s->next;
    return r;
}

SINK_CONNECTOR(kafka) = {
    .scheme = "kafka",
    .usage = "kafka://HOST[:PORT]",
    .opts = opts,
    .modes = SINK_MODE(SINK_APPEND) | SINK_MODE(SINK_UPSERT) |
             SINK_MODE(SINK_CDC),
    .features = SINK_BATCHES | SINK_KEYED,
    .check = check_spec,
    .open = kafka_open,
    .begin = kafka_begin,
    .write = kafka_write,
    .flush = kafka_flush,
    .prepare = kafka_prepare,
    .resume = kafka_resume,
    .commit = kafka_commit,
    .close = kafka_close,
};
