/* consumer_private: what the parts of the consumer share. */
#ifndef KAFKA_CONSUMER_PRIVATE_H
#define KAFKA_CONSUMER_PRIVATE_H

#include "kafka/consumer.h"

#define CONSUMER_BATCH 4096 /* messages */

struct consumer {
    struct rd_trouble trouble; /* the first member: rd_conf */
    const struct rd *rd;
    const struct consumer_spec *spec;
    struct rd_uri uri;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    /* Owned one by one, so that they stay where they are. */
    struct consumer_part **parts;
    size_t n_parts;
    struct consumer_part *last; /* of the message before */
    rd_kafka_message_t *batch[CONSUMER_BATCH];
    size_t n, at;
    uint64_t waited_ms; /* without a sign of life from a broker */
    uint64_t look_ms;   /* when to look for new partitions */
    bool assigned;      /* once at least */
    bool dirty;         /* there is something to tell the group */
    struct err failure; /* of a callback */
    bool failed;
};

/* Milliseconds of a clock that never goes back. */
uint64_t consumer_now(void);

/* Waits a moment. */
void consumer_pause(void);

/* The partition, made where it is missing: NULL without memory, or where the
 * topic is not one that is read. */
struct consumer_part *consumer_find(struct consumer *c, const char *topic,
                                    int32_t id);

/* ---- place.c: which partitions there are, where they start and end ---- */

/* Asks brokers for the partitions of all topics, and adds those that are new.
 * Waits for a broker until `until`. */
int place_find(struct consumer *c, uint64_t until, struct err *e);

/* Sets next, end and done of a partition. */
int place_part(struct consumer *c, struct consumer_part *p, struct err *e);

/* Fills the offsets of these partitions that the group has; first: notes them
 * as those that were there before. */
int place_group(struct consumer *c, struct consumer_part *const *parts,
                size_t n, bool first, struct err *e);

#endif
