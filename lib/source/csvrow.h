/* csvrow: a CSV input row by row, each with its exact bytes and place.
 *
 * Lines end with LF or CRLF; with CR alone if the first row does. A row that
 * is no CSV ends with its line. Lines that start with the dialect's comment are
 * passed over. Memory is bounded by the longest row allowed:
 * a longer one is read over, quotes respected. */
#ifndef SOURCE_CSVROW_H
#define SOURCE_CSVROW_H

#include "base/buf.h"
#include "source/csvtok.h"
#include "source/sight.h"

enum csvrow_kind {
    CSVROW_CELLS,
    CSVROW_BLANK,   /* a line of nothing */
    CSVROW_BAD,     /* no CSV: code and message */
    CSVROW_TOO_LONG /* raw is cut */
};

/* Slices are borrowed until the next csvrow_next. */
struct csvrow {
    enum csvrow_kind kind;
    const struct str *cells; /* the first ones, as many as are kept */
    size_t total;            /* all cells */
    struct str raw;          /* without the line end */
    uint64_t line, offset, length;
    bool unterminated; /* the last row, and no line end behind it */
    const char *code, *message;
};

struct csvrow_reader {
    struct sight w;
    struct csvtok *tok;
    struct csvtok_dialect dialect;
    size_t max;     /* bytes of a row at most */
    uint64_t lines; /* so far */
    size_t taken;   /* bytes of the sight that the last row used */
    enum { CSVROW_ANY_END, CSVROW_LF, CSVROW_CR } ends;
    struct buf head; /* first bytes of a row that is too long */
};

/* in is borrowed; keep as in csvtok_new. Skips a byte order mark. 0 or -1. */
int csvrow_open(struct csvrow_reader *r, struct input *in,
                struct csvtok_dialect d, size_t keep, size_t max,
                struct err *e);

/* Passes over n lines, whatever is in them; fewer where there are no more. For
 * the start of the input. 0 or -1. */
int csvrow_skip(struct csvrow_reader *r, uint64_t n, struct err *e);

/* 1 with row filled, 0 at the end, -1 with e: ERR_DATA where the input ends
 * inside quotes. */
int csvrow_next(struct csvrow_reader *r, struct csvrow *row, struct err *e);

/* For readers that take rows by themselves, whole ones, between two calls of
 * csvrow_next: the bytes at hand, from where the next row starts, borrowed
 * until the next csvrow_more or csvrow_next; its line and offset. */
struct str csvrow_at_hand(struct csvrow_reader *r, uint64_t *line,
                          uint64_t *offset);

/* The first n bytes at hand were taken: so many lines. The bytes stay valid as
 * said above. */
void csvrow_pass(struct csvrow_reader *r, size_t n, uint64_t lines);

/* Brings at least one byte more to hand: 1, 0 at the end, -1 with e. */
int csvrow_more(struct csvrow_reader *r, struct err *e);

/* Safe after a failed open. */
void csvrow_close(struct csvrow_reader *r);

#endif
