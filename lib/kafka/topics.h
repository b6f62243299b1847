/* topics: what brokers know of topics, new topics, and all committed messages
 * of one partition.
 *
 * The client asks as a consumer does, so that to ask for a topic never makes
 * one. Not thread-safe. */
#ifndef KAFKA_TOPICS_H
#define KAFKA_TOPICS_H

#include "base/err.h"
#include "base/str.h"
#include "kafka/rd.h"

#include <stdbool.h>
#include <stdint.h>

struct topics;

/* Everything borrowed while it is open. */
struct topics_spec {
    const char *uri;      /* only its brokers are looked at */
    const char *app;      /* client.id; NULL: the library's */
    uint64_t patience_ms; /* how long to wait for a broker */
    bool (*stop)(void);   /* NULL: never */
};

/* Makes a client, without asking a broker. 0 with *t owned, freed with
 * topics_close; -1 with ERR_USAGE, ERR_CONFIG, ERR_UNAVAILABLE (no
 * library). */
int topics_open(struct topics **t, const struct topics_spec *spec,
                struct err *e);
void topics_close(struct topics *t);

/* The number of partitions; 0: there is no such topic. -1 with ERR_UNAVAILABLE
 * where there is no broker, and as rd_code has it. */
int topics_count(struct topics *t, const char *name, int *n, struct err *e);

/* Makes a topic, and waits until brokers know it. partitions and replicas: -1
 * for the broker's default. compact: of each key the last message is kept for
 * good. A topic that is there stays as it is. 0 or -1. */
int topics_make(struct topics *t, const char *name, int partitions,
                bool compact, struct err *e);

/* The topic's max.message.bytes; 0 where brokers do not tell. */
uint64_t topics_message_max(struct topics *t, const char *name);

/* Hands all messages of the partition to take, the oldest first, that were
 * committed when this was called; one that is being committed or aborted at
 * that time is waited for until it is decided, wait_ms at most (then -1 with
 * ERR_TEMPFAIL). take: 0, or -1 with e to give up; key and value are borrowed
 * for the call, and empty where there is none. 0 or -1. */
int topics_read(struct topics *t, const char *name, int32_t partition,
                uint64_t wait_ms,
                int (*take)(void *context, struct str key, struct str value,
                            struct err *e),
                void *context, struct err *e);

#endif
