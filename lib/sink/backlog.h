/* backlog: the records of a load, set aside on disk.
 *
 * For targets that refuse records only later, or that have to be fed again
 * after a transaction was given up. The file has no name, so nothing is left
 * behind however the process ends. Records that were read from a file stay
 * there: of them only the place is kept, and a hash that tells if the file has
 * changed since. Memory: three blocks and 8 bytes for each BACKLOG_STEP
 * records. Not thread-safe. */
#ifndef SINK_BACKLOG_H
#define SINK_BACKLOG_H

#include "sink/sink.h"
#include "table/spool.h"

#define BACKLOG_STEP 256

/* What was read last of a file: its bytes from `from` on. */
struct backlog_block {
    struct buf bytes;
    uint64_t from;
};

struct backlog {
    struct spool spool; /* the file, and what is not written to it yet */
    int input;          /* the file with the records, or -1 */
    uint64_t input_from;
    bool open;
    uint64_t n;       /* records */
    uint64_t *places; /* owned: where every BACKLOG_STEP-th begins */
    size_t cap;
    uint64_t line, offset; /* of the last one added */
    struct backlog_block block, input_block;
    uint64_t next, at; /* the record behind the last one read; its place */
    uint64_t next_line, next_offset; /* of the last one read */
};

/* Makes the file in the spec's folder. ERR_CANTCREAT. */
int backlog_open(struct backlog *b, const struct sink_spec *spec,
                 struct err *e);

/* Appends a record; its number is b->n before the call. */
int backlog_add(struct backlog *b, const struct sink_record *r, struct err *e);

/* The record of that number (< b->n), borrowed until the next call. One behind
 * the other is quick. 0 or -1. */
int backlog_get(struct backlog *b, uint64_t number, struct sink_record *r,
                struct err *e);

/* Forgets all records. 0 or -1. */
int backlog_reset(struct backlog *b, struct err *e);

void backlog_close(struct backlog *b);

#endif
