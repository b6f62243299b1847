/* pgsplit: the rows of a table or query shared out by ranges of a column.
 *
 * Each row is in one range, whatever the table looks like: the first range is
 * open below and has the rows without a value, the last one is open above.
 * Integers, times and dates are cut into ranges of equal width between the
 * smallest and the greatest value; ctid into ranges of as many blocks; other
 * types into ranges of as many rows, by sorting them. */
#ifndef SOURCE_PGSPLIT_H
#define SOURCE_PGSPLIT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "source/pgsession.h"

#include <stddef.h>

struct pgsplit {
    struct buf *conditions; /* owned, n of them: " WHERE ..." or "" */
    size_t n;               /* 1 to what was asked for */
};

/* What is cut. */
struct pgsplit_spec {
    struct str select;  /* SELECT * FROM ... AS q */
    const char *column; /* of it */
    unsigned oid;       /* its type; 0: it is the ctid of */
    const char *table;  /* this table, quoted */
    size_t wanted;      /* ranges */
};

/* Asks the session for the borders. 0, or -1 with e; pgsplit_free is due
 * either way. */
int pgsplit_cut(struct pgsplit *p, struct pgsession *s,
                const struct pgsplit_spec *spec, struct err *e);

void pgsplit_free(struct pgsplit *p);

#endif
