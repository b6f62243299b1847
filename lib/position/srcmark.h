/* srcmark: where a record comes from, as its field _src.
 *
 * Positions travel with the records where nothing else does: in a pipeline
 * without pipe-run, and in streams without an end. pipe-extract adds the field,
 * as the last one, pipe-load takes it off again. Stages in between leave it
 * where it is, or put fields of their own behind it.
 *
 * A mark without a value is of a record behind which more is to come that the
 * next position stands for. */
#ifndef POSITION_SRCMARK_H
#define POSITION_SRCMARK_H

#include "position/position.h"

struct srcmark {
    struct str source;
    struct str partition;
    enum position_kind kind;
    struct str value; /* JSON scalar; empty: none yet */
    struct str from;  /* what reading went on from; empty: the beginning */
    bool rewind;
    bool cursor;        /* value is of a field, in any order; then */
    uint64_t lag;       /* of it (position/frontier.h) */
    struct hash128 tie; /* and the record's hash */
};

/* Appends record, one object, with the field. 0 or -1 (memory). */
int srcmark_add(struct buf *out, struct str record, const struct srcmark *m);

/* Finds the field: 1 with *m, whose texts borrow from the record or from
 * scratch (reset first), and what is to stay of the record: its first *length
 * bytes, then *rest, which borrows from it; 0 where there is none; -1
 * (memory). Unless it is searched everywhere only the end is looked at. */
int srcmark_find(struct str record, bool everywhere, struct srcmark *m,
                 size_t *length, struct str *rest, struct buf *scratch,
                 struct err *e);

#endif
