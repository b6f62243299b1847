/* query: a database's table or query as a source of records.
 *
 * A row is a record, its fields in the order of the columns. Values are exact:
 * numbers keep the digits that the database shows, what has no form in JSON is
 * a string, bytes are base64 (RFC 4648), instants RFC 3339 in UTC. Databases
 * are opened for reading only. */
#ifndef SOURCE_QUERY_H
#define SOURCE_QUERY_H

#include "base/buf.h"
#include "base/err.h"
#include "source/ops.h"
#include "source/source.h"

/* What is asked, and of whom; borrowed while the source is open. */
struct source_query {
    const char *sql;    /* one statement that gives rows; or NULL, and */
    const char *table;  /* all of "table" or "schema.table" */
    const char *app;    /* what the server shall call us */
    bool (*stop)(void); /* true once a signal came; NULL: never */
};

/* ---- for connectors ---- */

/* Labels of columns: {"first": and ,"second": and so on. */
struct query_columns {
    struct buf *labels; /* owned, n of them */
    size_t n;
    struct buf names; /* owned: all names, NUL behind each */
};

/* Adds the next column. 0, or -1 with e: ERR_USAGE where a column before has
 * the name, or it is no UTF-8. */
int query_column(struct query_columns *c, const char *name, struct err *e);
void query_columns_free(struct query_columns *c);

/* Appends the statement that q stands for. 0, or -1 without memory. */
int query_sql(const struct source_query *q, struct buf *out);

#endif
