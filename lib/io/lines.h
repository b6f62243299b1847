/* lines: an input cut into lines, as slices of one reused buffer.
 *
 * LF ends a line, CRLF too; a byte order mark at the start is dropped. A line
 * longer than the limit is skipped to its end in bounded memory and reported
 * with its first bytes. */
#ifndef IO_LINES_H
#define IO_LINES_H

#include "base/str.h"
#include "io/input.h"

#define LINES_KEEP 65536 /* bytes kept of a line that is too long */

struct lines {
    struct input *in;       /* borrowed */
    char *buf;              /* owned */
    size_t cap, start, end; /* unread bytes are buf[start .. end) */
    size_t scanned;         /* no LF before buf[start + scanned] */
    size_t max;             /* bytes of a line at most */
    uint64_t line;          /* lines handed out so far */
    uint64_t offset;        /* of buf[start] in the decompressed input */
    bool eof;
};

struct line {
    struct str text;   /* without LF or CRLF; borrowed until the next call */
    uint64_t line;     /* 1-based */
    uint64_t offset;   /* 0-based, of its first byte */
    uint64_t length;   /* bytes in all, also where text is cut */
    bool too_long;     /* text holds the first LINES_KEEP bytes only */
    bool unterminated; /* the last line, and no LF behind it */
};

/* in is borrowed. Returns 0 or -1 (memory). */
int lines_init(struct lines *l, struct input *in, size_t max, struct err *e);

/* 1 with line filled, 0 at the end, -1 with e. */
int lines_next(struct lines *l, struct line *line, struct err *e);

void lines_free(struct lines *l);

#endif
