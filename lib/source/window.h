/* window: a contiguous view on an input that grows at its end.
 *
 * The bytes at hand are p[0 .. n). A reader asks for more until it has what
 * it looks for, and drops from the front what it is done with; dropping moves
 * no bytes. Pointers into the window hold until the next window_more. */
#ifndef SOURCE_WINDOW_H
#define SOURCE_WINDOW_H

#include "io/input.h"

/* Bytes that may be read, but mean nothing, behind p[n). */
#define WINDOW_PADDING 64

struct window {
    struct input *in; /* borrowed */
    char *p;          /* the bytes at hand */
    size_t n;
    uint64_t offset; /* of p[0] in the input */
    bool eof;        /* nothing will come behind p[n - 1] */
    char *buf;       /* owned */
    size_t cap;
};

/* in is borrowed. Allocates nothing yet. */
void window_init(struct window *w, struct input *in);

/* Reads at least one byte behind those at hand: 1, 0 at the end, -1 with e.
 * Callers bound the window by dropping. */
int window_more(struct window *w, struct err *e);

/* Drops the first n bytes. */
void window_drop(struct window *w, size_t n);

/* Drops a UTF-8 byte order mark. 0; -1 with e, ERR_DATA where there is one of
 * UTF-16 or UTF-32. For the start of the input. */
int window_skip_bom(struct window *w, struct err *e);

void window_free(struct window *w);

#endif
