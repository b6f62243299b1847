/* producer: messages into Kafka topics, in transactions or one by one, and
 * what is known of them afterwards.
 *
 * Every producer is idempotent, and a message counts once all in-sync replicas
 * have it. With a transactional id what is sent between producer_begin and
 * producer_commit is seen by readers of committed messages as a whole or not at
 * all, and producer_init makes every older producer of that id harmless, having
 * ended what it left open. Not thread-safe. */
#ifndef KAFKA_PRODUCER_H
#define KAFKA_PRODUCER_H

#include "base/err.h"
#include "base/str.h"
#include "kafka/rd.h"

#include <stdbool.h>
#include <stdint.h>

struct producer;

/* Everything borrowed while the producer is open. */
struct producer_spec {
    const char *uri;           /* only its brokers are looked at */
    const char *app;           /* client.id; NULL: the library's */
    const char *transactional; /* id; NULL: no transactions */
    uint64_t message_max;      /* bytes of a message as a topic takes it; 0: as
                                  the library has it */
    uint64_t patience_ms;      /* how long nothing may go on */
    bool (*stop)(void);        /* NULL: never */
};

struct producer_header {
    const char *name;
    struct str value;
};

/* A message; everything borrowed for the call. */
struct producer_message {
    const char *topic;
    int32_t partition; /* RD_KAFKA_PARTITION_UA: by the key, as Java does */
    bool has_key;
    struct str key;
    bool tombstone; /* no value */
    struct str value;
    int64_t time_ms; /* 0: now */
    const struct producer_header *headers;
    size_t n_headers;
};

/* Makes a producer, without asking a broker. 0 with *p owned, freed with
 * producer_close; -1 with ERR_USAGE, ERR_CONFIG, ERR_UNAVAILABLE (no
 * library). */
int producer_open(struct producer **p, const struct producer_spec *spec,
                  struct err *e);

/* Fences other producers of the id. 0; -1 with ERR_UNAVAILABLE where there is
 * no broker, and as rd_code has it. */
int producer_init(struct producer *p, struct err *e);

/* Begins a transaction. 0 or -1. */
int producer_begin(struct producer *p, struct err *e);

/* Hands a message over, which is copied. 1; 0: it is too large for the topic;
 * -1: it or one before it could not be delivered. */
int producer_send(struct producer *p, const struct producer_message *m,
                  struct err *e);

/* Looks what became of messages, without waiting. 0; -1: one is lost. */
int producer_serve(struct producer *p, struct err *e);

/* Waits until all messages are delivered. 0 or -1. */
int producer_flush(struct producer *p, struct err *e);

/* What is known of a transaction that was to be committed. */
enum producer_outcome {
    PRODUCER_COMMITTED,
    PRODUCER_ABORTED, /* e tells why */
    PRODUCER_UNSURE,  /* e tells why: the broker may have committed it */
    PRODUCER_FENCED   /* the same, and a newer producer has the id */
};
enum producer_outcome producer_commit(struct producer *p, struct err *e);

/* Aborts the transaction that is open, and forgets what was not delivered. NULL
 * is fine. */
void producer_close(struct producer *p);

#endif
