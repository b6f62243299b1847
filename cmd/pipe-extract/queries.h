/* queries: what databases are asked, from the options. */
#ifndef EXTRACT_QUERIES_H
#define EXTRACT_QUERIES_H

#include "base/buf.h"
#include "source/query.h"
#include "stage/stage.h"

struct queries {
    struct source_query query;
    struct buf text; /* that it borrows */
};

/* Fills in o from --query, --table and --split; checks that there is a database
 * to be asked. 0 or -1 with st->err. */
int queries_parse(struct queries *q, struct stage *st, struct source_opts *o);

void queries_free(struct queries *q);

#endif
