/* sqlite: what the parts of the SQLite connector share; nobody else includes
 * it.
 *
 * sqlite.c is the transaction and the ledger, sqlite_table.c the table's
 * columns (reading, creating, adding), sqlite_row.c one record's values and
 * statements. */
#ifndef SINK_SQLITE_H
#define SINK_SQLITE_H

#include "sink/table.h"

#include <sqlite3.h>

/* A statement for records with the same set of fields. */
struct shape {
    char *fields; /* owned: one '0' or '1' a column */
    size_t n;     /* columns then */
    sqlite3_stmt *stmt;
};

#define SHAPES_MAX 32
#define COLUMNS_MAX 2000 /* SQLite's own limit */

struct sqlite_sink {
    struct sink base;
    sqlite3 *db;
    bool begun;     /* a transaction is open */
    bool in_memory; /* a dry run on a database that is not there */
    struct table table;
    struct shape shapes[SHAPES_MAX];
    size_t n_shapes, next_shape;
    struct buf sql, text, fields;
};

/* Fills e from the database's last error: SQLite's codes as exit codes. */
int sqlite_fail(struct sqlite_sink *s, struct err *e, const char *doing);

/* Runs one statement of s->sql. */
int sqlite_run_sql(struct sqlite_sink *s, const char *doing, struct err *e);

/* Appends name as a quoted SQL identifier. */
void sqlite_quote(struct buf *b, struct str name);

/* ---- sqlite_table.c */

/* Reads the table's columns and checks them against the spec. */
int sqlite_table_read(struct sqlite_sink *s, struct err *e);

/* Creates the table as the record shows it. */
int sqlite_table_create(struct sqlite_sink *s, struct str record,
                        struct err *e);

/* At the end of a load: --decimal may not name what is no column. */
int sqlite_table_check_decimals(struct sqlite_sink *s, struct err *e);

/* Adds a column for a value: as struct table's add. */
int sqlite_table_add(void *sink, struct str name, struct val v,
                     struct sink_refusal *why, struct err *e);

/* ---- sqlite_row.c */

/* Writes a record: 1, 0 with why, -1 with e. */
int sqlite_row_write(struct sqlite_sink *s, struct str record,
                     struct sink_refusal *why, struct err *e);
void sqlite_row_free(struct sqlite_sink *s);

/* Binds a value for a column to a parameter: 1 done, 0 refused, -1. */
int sqlite_row_bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                    const struct column *c, struct val v,
                    struct sink_refusal *why, struct err *e);

#endif
