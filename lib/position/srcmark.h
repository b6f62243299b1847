/* srcmark: where a record comes from, as its last field _src.
 *
 * Positions travel with the records where nothing else does: in a pipeline
 * without pipe-run, and in streams without an end. pipe-extract adds the field,
 * pipe-load takes it off again. Stages in between leave it where it is. */
#ifndef POSITION_SRCMARK_H
#define POSITION_SRCMARK_H

#include "position/position.h"

struct srcmark {
    struct str source;
    struct str partition;
    enum position_kind kind;
    struct str value; /* JSON scalar */
    struct str from;  /* what reading went on from; empty: the beginning */
    bool rewind;
    bool cursor;        /* value is of a field, in any order; then */
    uint64_t lag;       /* of it (position/frontier.h) */
    struct hash128 tie; /* and the record's hash */
};

/* Appends record, one object, with the field. 0 or -1 (memory). */
int srcmark_add(struct buf *out, struct str record, const struct srcmark *m);

/* Takes the field off: 1 with *m, whose texts borrow from the record or from
 * scratch (reset first), and *length of what is to stay of the record, whose
 * last byte is then to be '}'; 0 where there is none; -1 (memory). */
int srcmark_find(struct str record, struct srcmark *m, size_t *length,
                 struct buf *scratch, struct err *e);

#endif
