/* topic: dead letters as messages of a Kafka topic.
 *
 * The message is the raw record, as it is to be read again; what is known of it
 * is in its headers. They are those of Kafka Connect's dead letter queues, so
 * that what reads these reads ours:
 *
 *     __connect.errors.topic, .partition, .offset  where it came from (.topic:
 *                                     its URI, where that is no topic)
 *     __connect.errors.connector.name the pipeline
 *     __connect.errors.task.id        the run
 *     __connect.errors.stage          VALUE_CONVERTER (pipe-extract), TASK_PUT
 *                                     (pipe-load), TRANSFORMATION (others)
 *     __connect.errors.class.name     the command
 *     __connect.errors.exception.class.name, .message  code and message of the
 *                                     first error
 *
 * and pipe.id, the letter's id, by which one that comes twice is told;
 * pipe.attempt; pipe.errors, a JSON object with the members source and errors
 * of dlq.h; pipe.raw_length where the topic takes no message so large, and the
 * value is its start. */
#ifndef DLQ_TOPIC_H
#define DLQ_TOPIC_H

#include "dlq/envelope.h"

struct topic;

bool topic_is(const char *uri);

/* Takes the URI apart and finds the library; no broker is asked before the
 * first letter, since a process may fork until then. uri is borrowed while it
 * is open. NULL with e. */
struct topic *topic_open(const char *uri, struct err *e);

/* Hands a letter over. ERR_CANTCREAT where there is no such topic. 0 or -1. */
int topic_add(struct topic *t, const struct dlq_letter *l,
              const struct envelope_facts *f, struct err *e);

/* Waits until all in-sync replicas have all letters. 0 or -1. */
int topic_sync(struct topic *t, struct err *e);

/* Forgets what was not delivered. NULL is fine. */
void topic_close(struct topic *t);

#endif
