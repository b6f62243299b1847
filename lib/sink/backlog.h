/* backlog: the records of a load, set aside on disk.
 *
 * For targets that refuse records only later, or that have to be fed again
 * after a transaction was given up. The file has no name, so nothing is left
 * behind however the process ends. Memory: two blocks and 8 bytes for each
 * BACKLOG_STEP records. Not thread-safe. */
#ifndef SINK_BACKLOG_H
#define SINK_BACKLOG_H

#include "sink/sink.h"
#include "table/spool.h"

#define BACKLOG_STEP 256

struct backlog {
    struct spool spool; /* the file, and what is not written to it yet */
    bool open;
    uint64_t n;       /* records */
    uint64_t *places; /* owned: where every BACKLOG_STEP-th begins */
    size_t cap;
    struct buf block;  /* what was read last: the bytes from `from` on */
    uint64_t from;     /* place of block */
    uint64_t next, at; /* the record behind the last one read; its place */
};

/* Makes the file in folder dir. ERR_CANTCREAT. */
int backlog_open(struct backlog *b, const char *dir, struct err *e);

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
