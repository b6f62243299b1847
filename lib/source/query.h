/* query: a database's table or query as a source of records.
 *
 * A row is a record, its fields in the order of the columns. Values are exact:
 * numbers keep the digits that the database shows, what has no form in JSON is
 * a string, bytes are base64 (RFC 4648), instants RFC 3339 in UTC. Databases
 * are opened for reading only. Not thread-safe. */
#ifndef SOURCE_QUERY_H
#define SOURCE_QUERY_H

#include "base/buf.h"
#include "base/err.h"
#include "source/ops.h"
#include "source/source.h"

/* What is asked; borrowed while the source is open. */
struct source_query {
    const char *sql;   /* one statement that gives rows; or NULL, and */
    const char *table; /* all of "table" or "schema.table" */
    const char *split; /* a column, or "ctid": read by several connections;
                          NULL: by one */
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

/* The column's number, or -1 with e: there is none of the name that `option`
 * gives. */
int query_find(const struct query_columns *c, const char *option,
               const char *name, struct err *e);
void query_columns_free(struct query_columns *c);

/* How a database writes values. */
enum query_dialect {
    QUERY_SQLITE,    /* numbers and strings are different */
    QUERY_POSTGRESQL /* 'text' becomes what the other side of a comparison is */
};

/* Appends "name" with its quotes. */
void query_name(struct buf *out, const char *name);

/* The same of each part of "schema.table". */
void query_table(struct buf *out, const char *name);

/* Appends 'text' with its quotes. 0, or -1 with e: it has a NUL. */
int query_text(struct buf *out, struct str text, struct err *e);

/* Appends the statement that opts ask for, {cursor} filled in, a semicolon at
 * its end taken away. *placed says whether there was a {cursor}: then the
 * statement looks for the rows itself. 0, or -1 with e: ERR_USAGE where opts
 * ask for nothing. */
int query_sql(const struct source_opts *opts, enum query_dialect d,
              struct buf *out, bool *placed, struct err *e);

/* Appends SELECT * FROM what sql selects, as q, for conditions to follow; of a
 * table the table itself. sql is as query_sql wrote it. */
void query_select(const struct source_query *q, struct str sql,
                  struct buf *out);

/* Appends WHERE and ORDER BY of the cursor; collate (" COLLATE \"C\"") stands
 * behind its field. 0 or -1 with e. */
int query_since(const struct source_cursor *c, enum query_dialect d,
                const char *collate, struct buf *out, struct err *e);

/* Rows on their way out: as many records as come at once, up to a block. */
#define QUERY_BLOCK ((size_t)128 << 10)

struct query_rows {
    struct buf text;           /* owned: records, LF behind each */
    size_t count;              /* of them */
    struct source_fault fault; /* of a row that is none, behind them */
    struct buf path;           /* owned */
    struct buf raw;            /* owned: it as the database showed it */
    size_t raw_length;         /* of all of it, where raw is cut */
    bool rejected;
};

/* Bytes of a rejected row that are kept. */
#define QUERY_KEEP ((size_t)64 << 10)

/* The row that was begun at text.p + from is no record: takes it away and keeps
 * why, and no raw. column is the column's name, NULL for none. 0 or -1
 * (memory). */
int query_reject(struct query_rows *r, size_t from, const char *code,
                 const char *message, const char *column, struct err *e);

/* What the rejected row looked like. 0 or -1 (memory). */
int query_raw(struct query_rows *r, struct str raw, struct err *e);

/* Ends the row that was begun at from: adds its line end, or rejects it where
 * it is longer than max_record. 0 or -1 (memory). */
int query_row(struct query_rows *r, size_t from, size_t max_record,
              struct err *e);

/* True if r holds as much as is handed out at once. */
bool query_full(const struct query_rows *r, const struct source_opts *opts);

/* Hands out what r holds: 1 with the item, borrowed until query_begin; 0 where
 * it holds nothing. */
int query_item(struct query_rows *r, struct source_item *item);

/* Empties what was handed out: before the next rows. */
void query_begin(struct query_rows *r);
void query_rows_free(struct query_rows *r);

#endif
