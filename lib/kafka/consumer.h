/* consumer: messages of Kafka topics, partition by partition, from where a
 * ledger left off.
 *
 * Without a group all partitions of the topics are read; with one, those that
 * the group assigns. Where a partition is read from is the caller's to say
 * (consumer_spec.resume); the group's own offsets follow what is confirmed,
 * and are never ahead of it. Only committed messages are handed out. Unless it
 * follows, a consumer ends where each partition ended when it was opened, or
 * assigned. Not thread-safe. */
#ifndef KAFKA_CONSUMER_H
#define KAFKA_CONSUMER_H

#include "base/err.h"
#include "kafka/rd.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a partition starts that nobody has read before: these, or a time in
 * milliseconds since 1970 from which on messages are wanted. */
#define CONSUMER_GROUP (-3) /* where the group is; else its beginning */
#define CONSUMER_BEGINNING (-2)
#define CONSUMER_END (-1)

struct consumer;

/* Everything borrowed while the consumer is open. */
struct consumer_spec {
    const char *uri;
    const char *app;   /* client.id; NULL: the library's */
    const char *group; /* NULL: none */
    bool follow;
    int64_t from;
    bool skip_gone;       /* go on with what is left where messages are gone */
    uint64_t patience_ms; /* how long to wait for a broker */
    bool (*stop)(void);   /* NULL: never */
    /* The offset at which a partition goes on; false: not read yet. */
    bool (*resume)(void *context, const struct consumer *c, const char *topic,
                   int32_t partition, int64_t *offset);
    void *context;
};

/* A partition that is read. */
struct consumer_part {
    const char *topic; /* borrowed from the consumer */
    int32_t id;
    int64_t next;  /* offset behind what was handed out; -1: not known */
    int64_t end;   /* where it ended when it was assigned */
    int64_t safe;  /* a ledger has what lies before; -1: nothing */
    int64_t asked; /* as much was sent to the group */
    int64_t group; /* the group's offset; -1: none */
    int64_t seen;  /* what that was at the start */
    bool assigned, done;
};

/* Connects, and finds the topics. 0 with *c owned, freed with consumer_close;
 * -1 with ERR_USAGE, ERR_CONFIG, ERR_NOINPUT (no such topic), ERR_NOPERM,
 * ERR_DATA (messages are gone), ERR_UNAVAILABLE (no broker, no library). */
int consumer_open(struct consumer **c, const struct consumer_spec *spec,
                  struct err *e);

/* More than one topic? Then partitions are told apart by topic too. */
bool consumer_has_topics(const struct consumer *c);

#define CONSUMER_IDLE 2

/* The next message: 1 with *m, borrowed until the next call that is not
 * at_hand, and *part; 0 at the end; CONSUMER_IDLE: nothing for now, it has
 * waited a moment, or must not (at_hand, a signal); -1 with ERR_DATA,
 * ERR_TEMPFAIL and others. */
int consumer_next(struct consumer *c, bool at_hand,
                  const rd_kafka_message_t **m,
                  const struct consumer_part **part, struct err *e);

/* A ledger has what lies before this offset: the group may know. topic NULL:
 * the only one. */
void consumer_confirm(struct consumer *c, const char *topic, int32_t partition,
                      int64_t offset);

/* Sends what was confirmed to the group; a failure is not told, since it is
 * sent again with the next one. wait: until it is there. */
void consumer_commit(struct consumer *c, bool wait);

/* Messages behind what was handed out, as far as the brokers have told. */
uint64_t consumer_lag(const struct consumer *c);

/* Leaves the group; NULL is fine. */
void consumer_close(struct consumer *c);

#endif
