/* csvout: records as rows of CSV (RFC 4180, lines ended by LF).
 *
 * Columns are those of the first record, or given. null and missing are an
 * empty cell, the empty string is "". Numbers keep their text; arrays and
 * objects are their JSON. Internal to lib/sink. */
#ifndef SINK_CSVOUT_H
#define SINK_CSVOUT_H

#include "sink/sink.h"

struct csvout;

/* Returns a writer, owned, freed with csvout_free; the names are copied. NULL:
 * no memory. */
struct csvout *csvout_new(const struct str *columns, size_t n);
void csvout_free(struct csvout *c);

/* Appends record as a row. 1; 0 with why, where it has a field that is no
 * column (unknown_column) or text that is not UTF-8 (lone_surrogate); -1
 * without memory. out may hold part of a row unless it is 1. */
int csvout_row(struct csvout *c, struct str record, struct buf *out,
               struct sink_refusal *why);

/* Appends the row of names; there are none before the first record. 0 or -1. */
int csvout_header(const struct csvout *c, struct buf *out);

#endif
