/* joinspill: the join of a reference that is larger than memory.
 *
 * Reference and stream are parted by the same hash of their keys onto disk;
 * then each part of the reference is held in memory while its part of the
 * stream goes past it, and a part that still does not fit is parted again
 * (Grace hash join: Kitsuregawa, Tanaka and Moto-oka 1983). What comes out is
 * brought back into the order of the stream by its records' numbers, so that it
 * is byte for byte what a join in memory gives. Not thread-safe.
 *
 *     joinspill_open, then joinspill_put for every record, then
 *     joinspill_step until it returns 0, then joinspill_next until it does */
#ifndef JOIN_JOINSPILL_H
#define JOIN_JOINSPILL_H

#include "join/join.h"

/* A record of the stream and where it came from. */
struct joinspill_record {
    struct str text;
    uint64_t number; /* ascending from record to record */
    uint64_t line, offset;
};

/* What became of it. */
struct joinspill_item {
    struct joinspill_record rec; /* text as it came; TEXT: empty */
    struct joinprobe_result res;
};

struct joinspill {
    struct join *j; /* borrowed */
    struct spill stream, done;
    unsigned part;          /* the next one */
    struct joinprobe probe; /* keys of the stream */
    struct budget budget;   /* of a part's table */
    struct buf item;
};

/* Prepares s, zeroed, for a join that has spilled. 0 or -1 with e. */
int joinspill_open(struct joinspill *s, struct join *j, struct err *e);

/* Sets n records (SELECT_BATCH at most) aside; shaped is as in recs. 0 or -1
 * with e. */
int joinspill_put(struct joinspill *s, const struct joinspill_record *from,
                  const struct select_record *recs, size_t n, struct err *e);

/* Joins one more part: 1, 0 when all are done, -1 with e. */
int joinspill_step(struct joinspill *s, struct err *e);

/* The next result in order of the stream: 1 with item filled, borrowed until
 * the next call; 0 behind the last, -1 with e. */
int joinspill_next(struct joinspill *s, struct joinspill_item *item,
                   struct err *e);

/* Bytes that went to disk, at the first parting. */
uint64_t joinspill_bytes(const struct joinspill *s);

void joinspill_free(struct joinspill *s);

#endif
