/* reader: an input cut into lines and scanned, in one pass over each block.
 *
 * LF ends a line, CRLF too; a byte order mark at the start is dropped. A line
 * longer than the limit is skipped to its end in bounded memory and handed out
 * with its first bytes. Not thread-safe, but one thread may load a reader that
 * another one then takes the lines of. */
#ifndef RECORD_READER_H
#define RECORD_READER_H

#include "io/input.h"
#include "io/lines.h"
#include "json/select.h"

struct reader {
    struct input *in; /* borrowed */
    char *buf;     /* the block, owned if there is an input; SCAN_PADDING bytes
                      behind cap */
    size_t cap, n; /* bytes that fit, bytes there */
    struct scan scan;
    struct shape_cache *shapes; /* owned */
    unsigned max_depth;
    size_t max;    /* bytes of a line at most */
    uint64_t line; /* lines handed out */
    uint64_t base; /* offset of buf[0] in the decompressed input */
    bool started, eof;
    bool loaded;  /* by reader_load */
    bool skipped; /* a line was too long, and is to be handed out first: */
    struct line long_line;
};

struct reader_line {
    struct line line; /* as io/lines hands it out */
    bool blank;       /* nothing but spaces */
    bool feed;        /* ended by a line feed alone, which stands behind text */
    unsigned flags;   /* SCAN_ */
    struct scan_line tokens;
    struct shaped view;          /* of tokens */
    const struct shaped *shaped; /* view; NULL where the line is no JSON object
                                    of the depth allowed, or is too long */
};

/* in is borrowed; NULL for a reader of blocks (reader_use). Returns 0 or -1
 * (memory). */
int reader_init(struct reader *r, struct input *in, size_t max,
                unsigned max_depth, struct err *e);

/* 1 with line filled, 0 at the end, -1 with e. The line, which must not move,
 * borrows from the block until the next call. */
int reader_next(struct reader *r, struct reader_line *line, struct err *e);

/* As many lines as are at hand after the first, max (SHAPE_KEEP at most) or
 * fewer: at least 1; 0 at the end, -1 with e. All of them stay valid, with
 * tokens and shapes, until the next call. */
int reader_batch(struct reader *r, struct reader_line *lines, int max,
                 struct err *e);

/* The same, but 0 also where the next line can be had only by reading on. So
 * the text of lines handed out before stays in place; of tokens and shapes
 * this is true of the last call's only. */
int reader_at_hand(struct reader *r, struct reader_line *lines, int max,
                   struct err *e);

/* Reads on until there is a line to hand out, or the end, and scans all that
 * was read; reader_at_hand has the lines then, and 0 behind the last. 0 or -1
 * with e. */
int reader_load(struct reader *r, struct err *e);

/* What was read behind the last whole line, borrowed, and its offset in the
 * input; only of a reader that was loaded. */
struct str reader_open(const struct reader *r, uint64_t *offset);

/* Makes r go on where another one stopped that was loaded from the same input:
 * with the line that was open there, copied. 0 or -1 (memory). */
int reader_begin(struct reader *r, struct str open, uint64_t offset,
                 struct err *e);

/* Makes r count lines, and know shapes, from where `before` stopped. */
void reader_follow(struct reader *r, struct reader *before);

/* Makes a reader without an input read this block, borrowed and readable for
 * SCAN_PADDING bytes behind it: whole lines from byte `from` on and, if it is
 * the last, one without its end. offset is that of block in the input; lines
 * are counted from 1 again. */
void reader_use(struct reader *r, struct str block, size_t from,
                uint64_t offset, bool last);

/* True if a line with a shape is JSON and UTF-8 to the last byte, which its
 * shape does not say of numbers, words, escapes and characters. */
bool reader_check(const struct reader_line *line);

void reader_free(struct reader *r);

#endif
