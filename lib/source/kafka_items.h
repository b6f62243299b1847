/* kafka_items: a consumer's messages as items of a source.
 *
 * Messages of one partition that are at hand become one item, as long as they
 * are good; each of the others is an item of its own. Not thread-safe. */
#ifndef SOURCE_KAFKA_ITEMS_H
#define SOURCE_KAFKA_ITEMS_H

#include "base/buf.h"
#include "base/err.h"
#include "kafka/consumer.h"
#include "kafka/message.h"
#include "record/reader.h"
#include "registry/registry.h"
#include "source/source.h"

/* What a value is. */
enum kafka_value {
    KAFKA_JSON,
    KAFKA_TEXT,    /* {"value":"..."} */
    KAFKA_BASE64,  /* {"value":"..."} */
    KAFKA_REGISTRY /* framed: its schema is in a registry */
};

#define KAFKA_ITEMS_MAX 2048 /* messages */

struct kafka_items {
    struct consumer *consumer;      /* borrowed */
    struct registry *registry;      /* borrowed; KAFKA_REGISTRY */
    const struct rd *rd;            /* borrowed */
    const struct source_opts *opts; /* borrowed */
    enum kafka_value value;
    enum message_shape shape;

    /* Those of one partition that were gathered, and are handed out from `at`
     * on; end: where each record ends in text. */
    const struct consumer_part *part;
    const rd_kafka_message_t *m[KAFKA_ITEMS_MAX];
    size_t end[KAFKA_ITEMS_MAX];
    bool good[KAFKA_ITEMS_MAX];
    size_t n, at;
    /* The one behind them, of another partition. */
    const rd_kafka_message_t *ahead;
    const struct consumer_part *ahead_part;

    struct reader reader;
    bool reads; /* reader is to be freed */
    struct buf text, one, scratch;
    struct source_fault fault;
    struct registry_fault why; /* what fault borrows from, registry's */
    char path[264];
    char message[160], partition[300], position[32];
};

/* rd and opts are borrowed. 0; -1 (memory). kafka_items_free in any case. */
int kafka_items_init(struct kafka_items *k, const struct rd *rd,
                     const struct source_opts *opts, enum kafka_value value,
                     enum message_shape shape, struct err *e);

/* As source_next. */
int kafka_items_next(struct kafka_items *k, struct source_item *item,
                     struct err *e);

/* Messages that the consumer gave and no item has held yet. */
static inline size_t kafka_items_held(const struct kafka_items *k)
{
    return k->n - k->at + (k->ahead != NULL);
}

/* The partition's name in positions: "3", or "topic/3" where the URI names
 * more topics than one. */
void kafka_items_name(const struct consumer *c, const char *topic, int32_t id,
                      char *name, size_t size);

void kafka_items_free(struct kafka_items *k);

#endif
