/* pgrow: rows of PostgreSQL, as COPY or as a result gives them, as records.
 *
 * Not thread-safe. */
#ifndef SOURCE_PGROW_H
#define SOURCE_PGROW_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "source/pgsession.h"
#include "source/pgtype.h"
#include "source/pgvalue.h"
#include "source/query.h"

struct pgrow {
    struct query_columns columns;
    struct pgtype *types; /* owned, one of each column */
    unsigned *oids;       /* owned, likewise */
    struct pgvalue value;
    struct buf cell;   /* owned: a cell without its escapes */
    size_t max_record; /* bytes */
    unsigned max_depth;
};

/* Takes the columns from the description of a statement; asks the session for
 * types that somebody defined. 0, or -1 with e: ERR_USAGE where two columns
 * have one name, or there is none. */
int pgrow_describe(struct pgrow *r, struct pgsession *s,
                   const PGresult *description, struct err *e);

/* Adds a line of COPY's text format, its line end taken off, to rows: as a
 * record, or as rejected. 0; -1 with e, ERR_DATA where it is no such line. */
int pgrow_copy(struct pgrow *r, struct str line, struct query_rows *rows,
               struct err *e);

/* The same of the first row in a result. */
int pgrow_result(struct pgrow *r, const PGresult *row, struct query_rows *rows,
                 struct err *e);

void pgrow_free(struct pgrow *r);

#endif
