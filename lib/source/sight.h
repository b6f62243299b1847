/* sight: a contiguous view on an input that grows at its end.
 *
 * The bytes at hand are p[0 .. n). A reader asks for more until it has what
 * it looks for, and drops from the front what it is done with; dropping moves
 * no bytes. Pointers into the sight hold until the next sight_more. */
#ifndef SOURCE_SIGHT_H
#define SOURCE_SIGHT_H

#include "io/input.h"

/* Bytes that may be read, but mean nothing, behind p[n). */
#define SIGHT_PADDING 64

struct sight {
    struct input *in; /* borrowed */
    char *p;          /* the bytes at hand */
    size_t n;
    uint64_t offset; /* of p[0] in the input */
    bool eof;        /* nothing will come behind p[n - 1] */
    char *buf;       /* owned */
    size_t cap;
};

/* in is borrowed. Allocates nothing yet. */
void sight_init(struct sight *w, struct input *in);

/* Reads at least one byte behind those at hand: 1, 0 at the end, -1 with e.
 * Callers bound the sight by dropping. */
int sight_more(struct sight *w, struct err *e);

/* Drops the first n bytes. */
void sight_drop(struct sight *w, size_t n);

/* Drops a UTF-8 byte order mark. 0; -1 with e, ERR_DATA where there is one of
 * UTF-16 or UTF-32. For the start of the input. */
int sight_skip_bom(struct sight *w, struct err *e);

void sight_free(struct sight *w);

#endif
