/* message: a Kafka message as a record.
 *
 * The value is the record, or a field of it:
 *     MESSAGE_VALUE     the value alone
 *     MESSAGE_FIELDS    the value, and a last field _kafka with all else
 *     MESSAGE_ENVELOPE  {"topic":"t","partition":3,"offset":12,
 *                       "timestamp":"2026-01-31T08:00:00.123Z","key":"k",
 *                       "headers":[{"key":"a","value":"b"}],"value":...}
 * Keys and values of headers are strings; one that is not UTF-8 is base64, as
 * key_b64 or value_b64; none is null. Thread-safe. */
#ifndef KAFKA_MESSAGE_H
#define KAFKA_MESSAGE_H

#include "base/buf.h"
#include "base/str.h"
#include "kafka/rd.h"

enum message_shape { MESSAGE_VALUE, MESSAGE_FIELDS, MESSAGE_ENVELOPE };

/* A message's value; .p NULL where it has none (a tombstone). */
static inline struct str message_value(const rd_kafka_message_t *m)
{
    return (struct str){ m->payload, m->payload ? m->len : 0 };
}

/* Appends JSON text with its line ends, which are white space, as spaces. 0 or
 * -1. */
int message_one_line(struct buf *out, struct str json);

/* Appends the record: value is JSON text on one line (an object for
 * MESSAGE_FIELDS). 0, or -1 if out failed. */
int message_record(struct buf *out, const struct rd *rd,
                   const rd_kafka_message_t *m, enum message_shape shape,
                   struct str value);

#endif
