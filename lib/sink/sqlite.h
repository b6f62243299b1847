/* sqlite: what the parts of the SQLite connector share; nobody else includes
 * it.
 *
 * sqlite.c is the transaction, sqlite_ledger.c the ledger, sqlite_table.c the
 * table's columns as they are, sqlite_create.c making and changing them,
 * sqlite_value.c one value, sqlite_row.c a record's row, sqlite_key.c rows by
 * their key, sqlite_replace.c what a load empties first, sqlite_scd2.c
 * versions of rows with sqlite_scd2_sql.c, sqlite_view.c views and versions of
 * the table. */
#ifndef SINK_SQLITE_H
#define SINK_SQLITE_H

#include "sink/table.h"

#include <sqlite3.h>

/* A statement for records with the same set of fields. */
struct row_shape {
    char *fields; /* owned: one '0' or '1' a column */
    size_t n;     /* columns then */
    sqlite3_stmt *stmt;
};

#define SHAPES_MAX 32
#define COLUMNS_MAX 2000 /* SQLite's own limit */

/* Statements by key: prepared when first wanted. */
enum key_stmt {
    KEY_DELETE, /* rows with the key */
    KEY_MOVE,   /* the row with one key gets another */
    KEY_SEEN,   /* did the key come in this load? */
    KEY_ADD,    /* it did */
    KEY_STMTS
};

enum scd2_stmt {
    SCD2_STAGE,  /* sets a record aside */
    SCD2_LAST,   /* the key's last version */
    SCD2_AT,     /* the last that begins at or before a time */
    SCD2_NEXT,   /* the first that begins after it */
    SCD2_INSERT, /* a version */
    SCD2_UPDATE, /* its columns, in place */
    SCD2_END,    /* its valid_to and is_current */
    SCD2_START,  /* its valid_from */
    SCD2_DELETE, /* a version that lasted for no time */
    SCD2_STMTS
};

struct sqlite_sink {
    struct sink base;
    sqlite3 *db;
    bool begun;      /* a transaction is open */
    bool in_memory;  /* a dry run on a database that is not there */
    struct buf name; /* of the table that is filled: the spec's but for
                        versioned tables */
    uint64_t version,
        last_version; /* versioned: its number, and the one before; 0: none */
    struct table table;
    struct row_shape shapes[SHAPES_MAX];
    size_t n_shapes, next_shape, last_shape;
    sqlite3_stmt *row; /* of last_shape, for records of this pattern */
    uint64_t pattern;
    sqlite3_stmt *by_key[KEY_STMTS], *scd2[SCD2_STMTS];
    bool keys_made, key_scan; /* delete-insert: its tables of keys are there;
                                 one is an index to the rows */
    bool staged;              /* scd2: its table of records is there */
    struct buf sql, text, fields, key;
};

/* ---- sqlite.c */

/* Fills e from the database's last error: SQLite's codes as exit codes. */
int sqlite_fail(struct sqlite_sink *s, struct err *e, const char *doing);

/* Runs the statements of s->sql; of sql. */
int sqlite_run_sql(struct sqlite_sink *s, const char *doing, struct err *e);
int sqlite_run(struct sqlite_sink *s, const char *sql, const char *doing,
               struct err *e);

/* Prepares s->sql. NULL with e. */
sqlite3_stmt *sqlite_prepare(struct sqlite_sink *s, const char *doing,
                             struct err *e);

/* Steps a statement that gives no rows, and resets it: 1; 0 with why if a
 * constraint refuses (the statement is undone, the transaction stands); -1. */
int sqlite_step(struct sqlite_sink *s, sqlite3_stmt *stmt,
                struct sink_refusal *why, struct err *e);

/* Does work within a savepoint: what it did is undone unless it returns 1. */
int sqlite_atomically(struct sqlite_sink *s,
                      int (*work)(struct sqlite_sink *s, void *context,
                                  struct sink_refusal *why, struct err *e),
                      void *context, struct sink_refusal *why, struct err *e);

/* Appends name as a quoted SQL identifier; the table's; its key columns with
 * between them; 'text' as a string. */
void sqlite_quote(struct buf *b, struct str name);
void sqlite_add_table(struct sqlite_sink *s);
void sqlite_add_keys(struct sqlite_sink *s, const char *before,
                     const char *after, const char *between);
void sqlite_literal(struct buf *b, struct str text);

/* Starts on a record of n bytes: room for its unescaped texts. */
int sqlite_room(struct sqlite_sink *s, size_t n, struct err *e);

/* Drops all prepared statements. */
void sqlite_forget(struct sqlite_sink *s);

/* ---- sqlite_ledger.c */

int sqlite_ledger_create(struct sqlite_sink *s, struct err *e);
int sqlite_ledger_find(struct sqlite_sink *s, const struct sink_run *r,
                       enum sink_outcome *outcome, struct buf *previous,
                       struct err *e);
int sqlite_ledger_write(struct sqlite_sink *s, const struct sink_run *r,
                        struct err *e);
int sqlite_ledger_resume(struct sqlite_sink *s, const struct sink_run *r,
                         struct sink_position *at, struct err *e);

/* ---- sqlite_table.c */

/* Reads the table's columns and checks them against the spec. */
int sqlite_table_read(struct sqlite_sink *s, struct err *e);

/* At the end of a load: options may not name what is no column. */
int sqlite_table_check_end(struct sqlite_sink *s, struct err *e);

/* Appends a column that was added to the table. */
int sqlite_table_append(struct sqlite_sink *s, struct str name,
                        const char *type, struct err *e);

/* The JSON types that a column takes, as bits. */
unsigned sqlite_column_takes(const struct column *c);

/* ---- sqlite_create.c */

/* Creates the table as the record shows it. */
int sqlite_create(struct sqlite_sink *s, struct str record, struct err *e);

/* At the start of a load: creates the table, adds its columns as the schema
 * and the options want it. */
int sqlite_evolve(struct sqlite_sink *s, struct err *e);

/* Adds a column for a value: as struct table's add. */
int sqlite_add(void *sink, struct str name, struct val v,
               struct sink_refusal *why, struct err *e);

/* The type that keeps numbers of a column as --decimal wants; NULL: default. */
const char *sqlite_wanted_type(const struct sqlite_sink *s, struct str name,
                               char out[32]);

/* ---- sqlite_value.c */

/* Binds a value for a column to a parameter: 1 done, 0 refused, -1. */
int sqlite_bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                const struct column *c, struct val v, struct sink_refusal *why,
                struct err *e);

/* Binds the keys of the record at hand from parameter at on. */
int sqlite_bind_keys(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                     struct sink_refusal *why, struct err *e);

/* Binds a text that outlives the statement's run. */
void sqlite_bind_str(sqlite3_stmt *stmt, int at, struct str text);

/* Binds an audit column's value. */
void sqlite_bind_audit(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                       const struct column *c);

/* Registers the functions that our SQL uses. */
int sqlite_functions(struct sqlite_sink *s, struct err *e);

/* ---- sqlite_row.c */

/* Writes a record as a row: 1, 0 with why, -1 with e. */
int sqlite_row_write(struct sqlite_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e);

/* The same for the record at hand, in the table's columns. */
int sqlite_row_put(struct sqlite_sink *s, struct sink_refusal *why,
                   struct err *e);
void sqlite_row_forget(struct sqlite_sink *s);

/* ---- sqlite_key.c */

/* delete-insert: a record; the rows that its key had go first. */
int sqlite_key_write(struct sqlite_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e);

/* Appends definitions of the keys, "k0 TEXT COLLATE NOCASE, k1 ...", for a
 * table of ours in which they compare as in the target. */
int sqlite_key_definitions(struct sqlite_sink *s, struct err *e);

/* cdc: an event. */
int sqlite_key_apply(struct sqlite_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e);

/* ---- sqlite_replace.c */

/* Deletes what the run replaces. The table may not be there yet. */
int sqlite_replace(struct sqlite_sink *s, struct err *e);

/* ---- sqlite_scd2.c */

int sqlite_scd2_check(struct sqlite_sink *s, struct err *e);
int sqlite_scd2_write(struct sqlite_sink *s, const struct sink_record *r,
                      struct sink_refusal *why, struct err *e);
int sqlite_scd2_apply(struct sqlite_sink *s, struct err *e);

/* ---- sqlite_scd2_sql.c */

#define SQLITE_STAGE "temp._pipe_stage" /* records set aside */

/* Appends the name of one of the mode's columns to s->sql, and a text. */
void sqlite_scd2_add(struct sqlite_sink *s, enum sink_scd2_column c,
                     const char *after);

/* Prepared when first wanted; the parameters stand beside their SQL. NULL with
 * e. */
sqlite3_stmt *sqlite_scd2_stmt(struct sqlite_sink *s, enum scd2_stmt which,
                               struct err *e);

/* ---- sqlite_view.c */

/* versioned: chooses the table to fill and makes it where that can be done
 * without a record. */
int sqlite_version_begin(struct sqlite_sink *s, struct err *e);

/* versioned: points the view to it, drops old versions. */
int sqlite_version_end(struct sqlite_sink *s, struct err *e);

/* append: makes the view of the latest rows, or brings it up to date. */
int sqlite_latest_view(struct sqlite_sink *s, struct err *e);

#endif
