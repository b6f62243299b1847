/* csvtok: CSV rows cut into cells (RFC 4180), one line of text at a time.
 *
 * Fed a line (bytes up to and including its line end) it says whether the row
 * has ended with it, goes on inside a quoted cell, or is no CSV. So at most one
 * row ends per call and the caller knows the row's bytes and first line. This
 * interface is all that csv.c knows of the tokenizer; libcsv stands behind it,
 * or csvesc where there is an escape.
 *
 * Quotes count only around a whole cell; inside, a doubled quote is one. In a
 * cell that does not start with one they are ordinary characters. Blanks
 * belong to the cell. Not thread-safe. */
#ifndef SOURCE_CSVTOK_H
#define SOURCE_CSVTOK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct csvtok;

struct csvtok_dialect {
    char delimiter, quote;
    bool no_quote; /* quote is ignored: no cell is quoted */
    char escape;   /* before a delimiter, quote, line end or itself it makes
                      that an ordinary character; 0: none */
    char comment;  /* a line that starts so is no row; 0: none. For csvrow */
};

enum csvtok_state {
    CSVTOK_MORE, /* inside a quoted cell: feed the next line */
    CSVTOK_ROW,  /* the row is whole: csvtok_cells */
    CSVTOK_BAD   /* no CSV: csvtok_fault; the next line starts a new row */
};

/* Makes a tokenizer that keeps the first `keep` cells of a row and counts the
 * rest. Owned, freed with csvtok_free. Returns 0 or -1 (memory). */
int csvtok_new(struct csvtok **t, struct csvtok_dialect d, size_t keep,
               struct err *e);

/* From now on keep this many cells. */
void csvtok_keep(struct csvtok *t, size_t keep);

/* Feeds one line, which is not blank. last: nothing follows, so that the line
 * end may be missing and MORE means that a quote was never closed. Returns 0 or
 * -1 (memory). */
int csvtok_feed(struct csvtok *t, struct str line, bool last,
                enum csvtok_state *state, struct err *e);

/* After ROW: the cells kept, borrowed until the next feed, and how many there
 * were in all. An empty cell without quotes has .p NULL. */
const struct str *csvtok_cells(const struct csvtok *t, size_t *total);

/* After BAD: a code (bad_quote, line_end, nul_byte) and a message, static. */
const char *csvtok_fault(const struct csvtok *t, const char **message);

/* Forgets a row begun. */
int csvtok_reset(struct csvtok *t, struct err *e);

void csvtok_free(struct csvtok *t);

/* Cuts text, one row with comma and double quote, into cells that live in the
 * arena. what names it in messages (ERR_USAGE). For option values. */
int csvtok_split(struct str text, struct arena *a, const char *what,
                 struct str **cells, size_t *n, struct err *e);

#endif
