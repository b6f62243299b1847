/* kafka: what the parts of the Kafka connector share; nobody else includes it.
 *
 * A table is a topic, a record a message. A load is one transaction of Kafka,
 * with its ledger row as a message in the compacted topic _pipe_loads: readers
 * of committed messages see all of it or nothing. Loads of one pipeline into
 * one topic have one transactional id, so that who begins puts an end to what
 * another one left open, and to the other one if that is alive: that is the
 * lock. A row's key is [pipeline, topic, partition, run id]; the rows of one
 * pipeline and topic lie in one partition, in order.
 *
 * kafka.c is the load's life, kafka_message.c makes messages of records,
 * kafka_ledger.c reads and writes the ledger. */
#ifndef SINK_KAFKA_H
#define SINK_KAFKA_H

#include "json/select.h"
#include "kafka/producer.h"
#include "kafka/topics.h"
#include "sink/sink.h"

#define KAFKA_LEDGER "_pipe_loads"
#define KAFKA_TOKEN 16 /* hex digits */
#define KAFKA_HEADERS 2

/* A row of the ledger, as far as it matters. */
struct kafka_row {
    bool found;
    struct sink_position at;
    char load[KAFKA_TOKEN + 1]; /* whose row it is: of one attempt */
    struct buf when;            /* loaded_at */
};

struct kafka_sink {
    struct sink base;
    struct topics_spec asking;
    struct topics *topics; /* owned */
    struct producer_spec producing;
    struct producer *producer; /* owned; NULL: nothing is written */
    struct buf id;             /* the transactional id */
    const char *time;          /* field with a message's time; NULL: none */
    struct select *select;     /* owned: of the key fields, then time */
    struct val *vals;          /* owned */
    struct buf key, scratch;
    struct producer_header headers[KAFKA_HEADERS];
    size_t n_headers;
    uint64_t message_max; /* of the topic */
    int ledgers;          /* partitions of the ledger; 0: it is not there */
    bool fenced_others;
    struct sink_position total; /* of the batches that are committed... */
    struct sink_position next;  /* ...and once this one is */
    struct sink_run run;        /* who it is, as sink_prepare was told */
    struct buf who;             /* the texts of run */
    char load[KAFKA_TOKEN + 1]; /* of this transaction */
};

/* ---- kafka_message.c */

/* Prepares for the spec: keys, headers, time. 0 or -1. */
int kafka_message_init(struct kafka_sink *s, const char *time, bool headers,
                       struct err *e);

/* The message of a row: 1; 0 with why; -1. All borrows from the record and
 * from s. */
int kafka_message_row(struct kafka_sink *s, const struct sink_record *r,
                      struct producer_message *m, struct sink_refusal *why,
                      struct err *e);

/* The message that takes away what an object with the key names. The same. */
int kafka_message_tombstone(struct kafka_sink *s, struct str key_object,
                            struct producer_message *m,
                            struct sink_refusal *why, struct err *e);

int kafka_refuse_size(struct kafka_sink *s, const struct producer_message *m,
                      struct sink_refusal *why);

/* ---- kafka_ledger.c */

/* Finds the latest row of the run (pipeline, partition and run_id are looked
 * at); row->when is the caller's to free. 0 or -1. */
int kafka_ledger_find(struct kafka_sink *s, const struct sink_run *run,
                      struct kafka_row *row, struct err *e);

/* Adds a row for the run to the transaction, and fills s->next. 0 or -1. */
int kafka_ledger_write(struct kafka_sink *s, const struct sink_run *run,
                       struct err *e);

extern const struct sink_type sink_kafka;

#endif
