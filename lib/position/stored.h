/* stored: the positions that a ledger keeps, read without touching it.
 *
 * A target whose loads are transactions keeps them in the table
 * _pipe_positions, beside its ledger: a row for each pipeline, source,
 * partition and table that is loaded, written by the load itself. */
#ifndef POSITION_STORED_H
#define POSITION_STORED_H

#include "position/position.h"

#define STORED_TABLE "_pipe_positions"

/* Reads what the ledger at uri (sqlite:FILE or postgresql://...) has of the
 * pipeline's source ps->source into ps, in the place of what was there. A
 * target that is not there, or has no such table, has none. Waits up to 30 s
 * for locks; stop (NULL: never) ends the waiting. 0; -1 with ERR_USAGE (a URI
 * of another kind), or why it cannot be read. */
int stored_read(const char *uri, const char *pipeline, struct positions *ps,
                const char *app, bool (*stop)(void), struct err *e);

/* Takes the text of one, as it stands there, into ps. 0; -1 with ERR_DATA where
 * it is damaged. */
int stored_parse(struct positions *ps, const char *json, struct err *e);

/* Appends the names of the pipeline's sources that the ledger has positions of,
 * in order, NUL behind each. As stored_read. */
int stored_sources(const char *uri, const char *pipeline, struct buf *names,
                   const char *app, bool (*stop)(void), struct err *e);

#endif
