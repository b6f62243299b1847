/* sqlite: what the parts of the SQLite connector share; nobody else includes
 * it.
 *
 * sqlite.c is the transaction and the ledger, sqlite_table.c the table's
 * columns (reading, creating, adding), sqlite_row.c one record's values and
 * statements. */
#ifndef SINK_SQLITE_H
#define SINK_SQLITE_H

#include "json/value.h"
#include "sink/sink.h"

#include <sqlite3.h>

/* What a column takes, from its declared type: SQLite's affinity rules, and
 * two names of our own that keep exact decimals and say so in the schema. */
enum column_kind {
    COLUMN_ANY, /* no declared type, BLOB: stored as it comes */
    COLUMN_INTEGER,
    COLUMN_REAL,
    COLUMN_NUMERIC, /* DATE, NUMERIC, DECIMAL ...: numbers and texts that do
                       not look like numbers (SQLite would convert those) */
    COLUMN_BOOLEAN,
    COLUMN_TEXT,
    COLUMN_JSON,    /* JSON_TEXT: arrays and objects as their text */
    COLUMN_DECIMAL, /* DECIMAL_TEXT: numbers digit for digit */
    COLUMN_SCALED   /* SCALEDINT(N): integers of 10^-N */
};

struct column {
    char *name; /* owned */
    char *type; /* owned: as declared */
    enum column_kind kind;
    unsigned places; /* of COLUMN_SCALED */
    bool key;
    struct val val;     /* of the record at hand; type MISSING: not there */
    struct str spelled; /* its key there, as characters */
};

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
    bool begun, exists; /* transaction open; table there */
    bool in_memory;     /* a dry run on a database that is not there */
    struct column *columns;
    size_t n_columns, cap_columns;
    size_t guess; /* where the next key is looked for first */
    struct shape shapes[SHAPES_MAX];
    size_t n_shapes, next_shape;
    struct buf sql, text, fields, keys;
    struct str part_json; /* the partition value as JSON, borrowed from... */
    struct buf part_buf;  /* ...this */
};

/* Fills e from the database's last error: SQLite's codes as exit codes. */
int sqlite_fail(struct sqlite_sink *s, struct err *e, const char *doing);

/* Runs one statement of s->sql. */
int sqlite_run_sql(struct sqlite_sink *s, const char *doing, struct err *e);

/* Appends name as a quoted SQL identifier. */
void sqlite_quote(struct buf *b, struct str name);

/* sqlite_table.c */
int table_read(struct sqlite_sink *s, struct err *e);
int table_create(struct sqlite_sink *s, struct str record, struct err *e);
int table_check(struct sqlite_sink *s, struct err *e);
/* At the end of a load: --decimal may not name what is no column. */
int table_check_decimals(struct sqlite_sink *s, struct err *e);
void table_free(struct sqlite_sink *s);
/* The column for a key, guessing at s->guess first; NULL if there is none. */
struct column *table_find(struct sqlite_sink *s, struct str name);
/* Adds a column for a value: 0, or -1. */
int table_add_column(struct sqlite_sink *s, struct str name, struct val v,
                     struct err *e);

/* sqlite_row.c */
int row_write(struct sqlite_sink *s, struct str record,
              struct sink_refusal *why, struct err *e);
void row_free(struct sqlite_sink *s);
/* Has the record all keys, none null? 1, or 0 with why. */
int row_has_keys(struct sqlite_sink *s, struct str record,
                 struct sink_refusal *why);
/* Binds a value for a column to a parameter: 1 done, 0 refused, -1. */
int row_bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
             const struct column *c, struct val v, struct sink_refusal *why,
             struct err *e);

#endif
