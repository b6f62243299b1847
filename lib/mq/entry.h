/* entry: an entry of a Redis stream as a record. */
#ifndef MQ_ENTRY_H
#define MQ_ENTRY_H

#include "base/buf.h"
#include "base/str.h"
#include "mq/redis.h"

#include <stddef.h>

/* Bytes that the record has at least, were it made of all fields. */
size_t entry_size(const struct redis_reply *fields);

/* The value of the last field of this name; .p NULL where there is none. */
struct str entry_get(const struct redis_reply *fields, struct str name);

/* Appends {"name":"value",...}, in the entry's order; of fields of one name the
 * last. Bytes that are no UTF-8 stay as they are. Fields behind those that made
 * it longer than `enough` bytes are left out. 0 or -1 (memory). */
int entry_object(struct buf *out, const struct redis_reply *fields,
                 size_t enough);

/* Appends JSON text with its line ends, which are white space, as spaces. 0 or
 * -1. */
int mq_one_line(struct buf *out, struct str json);

#endif
