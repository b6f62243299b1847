/* csvsniff: how a CSV source is written, found out from its first bytes.
 *
 * Nothing is taken that the rows at hand do not all agree on, and where they
 * agree on two answers there is none. What was found depends on the bytes
 * alone, never on how they arrive. Not thread-safe. */
#ifndef SOURCE_CSVSNIFF_H
#define SOURCE_CSVSNIFF_H

#include "io/input.h"
#include "source/csvtok.h"
#include "source/source.h"

struct csvsniff {
    struct csvtok_dialect dialect;
    bool no_header; /* the first row looks like the others, not like names */
    bool delimiter, quote, escape; /* were found out, and are not as given */
    bool said; /* the first line says the delimiter, and is no row */
};

/* Is the first line "sep=" and a delimiter? Takes it then, unless opts say one,
 * skip lines or want no header. in is only peeked into. 0 or -1. */
int csvsniff_said(struct csvsniff *s, struct input *in,
                  const struct source_opts *opts, struct err *e);

/* Finds what opts left open of the dialect, the rest being as in *s. SAFE: only
 * a delimiter, semicolon, tab or '|', of a header without a comma which the
 * row behind it has as often, or without one a header that is no CSV with
 * commas; reads no further than that row. AUTO: delimiter,
 * quote, escape and whether there is a header, from as much as an input shows
 * (INPUT_PEEK_MAX), for which it waits; ERR_DATA where two delimiters do.
 * in is only peeked into. 0 or -1. */
int csvsniff_safe(struct csvsniff *s, struct input *in,
                  const struct source_opts *opts, struct err *e);
int csvsniff_auto(struct csvsniff *s, struct input *in,
                  const struct source_opts *opts, struct err *e);

/* What was found, in words, "the delimiter is ';', there is no header"; nothing
 * where all is as usual. 0 or -1. */
int csvsniff_say(const struct csvsniff *s, struct buf *text);

#endif
