/* batch: records whose turn is put off, so that the memory they will need can
 * be loaded meanwhile.
 *
 * A record is a hash and a fixed number of values, which are copied; a batch
 * is for small ones. Not thread-safe. */
#ifndef OPS_BATCH_H
#define OPS_BATCH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "json/value.h"

#define BATCH_RECORDS 32
#define BATCH_RECORD_BYTES 4096

struct batch_item {
    enum json_type type;
    uint32_t n;
    size_t at; /* in bytes */
};

struct batch {
    size_t n;      /* records waiting */
    size_t values; /* of a record */
    struct hash128 hash[BATCH_RECORDS];
    struct batch_item *items; /* owned */
    struct buf bytes;
};

/* Prepares b for records of so many values. 0 or -1 (memory). */
int batch_init(struct batch *b, size_t values, struct err *e);

/* Adds a record. Returns true; false where it must take its turn now: it is
 * too large, or there is no memory. b has room (b->n < BATCH_RECORDS). */
bool batch_add(struct batch *b, struct hash128 hash, const struct val *vals);

/* Fills vals with the values of waiting record i; borrowed from the batch. */
void batch_get(const struct batch *b, size_t i, struct val *vals);

/* Forgets all records. */
void batch_reset(struct batch *b);

void batch_free(struct batch *b);

#endif
