/* linerow: an input record by record, each of one line or of several.
 *
 * LF ends a line, CRLF too; a byte order mark is dropped. Blank lines between
 * records, and lines that start with the comment, are passed over. Where
 * `starts` is set a record goes on up to the next line that starts one; a
 * comment ends it too. Memory is bounded by the longest record allowed: a
 * longer one is read over. Not thread-safe. */
#ifndef SOURCE_LINEROW_H
#define SOURCE_LINEROW_H

#include "base/buf.h"
#include "source/sight.h"

struct linerow_reader {
    struct sight w;
    size_t max;      /* bytes of a record at most */
    char comment;    /* 0: none */
    uint64_t lines;  /* so far */
    size_t taken;    /* bytes of the sight that the last record used */
    struct buf head; /* first bytes of a record that is too long */
    /* Does the line start a record? 1, 0, -1 with e. NULL: each does. */
    int (*starts)(void *ctx, struct str line, struct err *e);
    void *ctx;
};

/* Slices are borrowed until the next linerow_next. */
struct linerow {
    struct str text; /* without the last line end */
    uint64_t line, offset, length;
    bool too_long;     /* text holds the first LINES_KEEP bytes only */
    bool unterminated; /* the last one, and no line end behind it */
};

/* in is borrowed. Passes over the first `skip` lines. 0 or -1. */
int linerow_open(struct linerow_reader *r, struct input *in, size_t max,
                 uint64_t skip, struct err *e);
void linerow_close(struct linerow_reader *r); /* also after a failed open */

/* 1 with row filled, 0 at the end, -1 with e. */
int linerow_next(struct linerow_reader *r, struct linerow *row, struct err *e);

#endif
