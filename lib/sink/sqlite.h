/* sqlite: what the parts of the SQLite connector share; nobody else includes
 * it.
 *
 * sqlite.c is the transaction, sqlite_ledger.c the ledger, sqlite_table.c the
 * table's columns as they are, sqlite_create.c making and changing them,
 * sqlite_value.c one value, sqlite_row.c a record's row, sqlite_many.c many of
 * them at once, sqlite_key.c rows by their key, sqlite_replace.c what a load
 * empties first, sqlite_scd2.c versions of rows with sqlite_scd2_sql.c,
 * sqlite_view.c views and versions of the table. */
#ifndef SINK_SQLITE_H
#define SINK_SQLITE_H

#include "base/arena.h"
#include "sink/table.h"

#include <sqlite3.h>

/* One value as SQLite takes it. */
enum cell_kind { CELL_NULL, CELL_INTEGER, CELL_REAL, CELL_TEXT };

struct cell {
    enum cell_kind kind;
    union {
        int64_t integer;
        double real;
        struct str text; /* borrowed */
    };
};

/* A statement for records with the same set of fields. */
struct row_shape {
    char *fields; /* owned: one '0' or '1' a column */
    size_t n;     /* columns then */
    size_t width; /* of them the record has so many */
    sqlite3_stmt *stmt;
    sqlite3_stmt *many; /* for the rows that are held; prepared when wanted */
};

#define SHAPES_MAX 32
#define MANY_ROWS 64

/* Rows held back, all for one shape, to be written by one statement. */
struct many {
    bool judged, fits;  /* was the table looked at; can it be written so? */
    size_t rowid;       /* the column that may be the rowid; or SIZE_MAX */
    size_t n, at;       /* rows held; the one that the statement is at */
    size_t width;       /* cells of a row */
    struct cell *cells; /* owned: rows one behind the other, and one to spare */
    size_t cap;         /* cells that fit */
    struct sink_record recs[MANY_ROWS];
    struct arena texts; /* those that had escapes */
    size_t columns;     /* that the statement can read */
};
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
    size_t n_shapes, next_shape;
    struct row_shape *shape; /* the last one's, for records of this pattern */
    uint64_t pattern;
    struct many many;
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

/* A value for a column as SQLite takes it, borrowing from the record and from
 * s->text: 1 done, 0 refused, -1. */
int sqlite_cell(struct sqlite_sink *s, const struct column *c, struct val v,
                struct cell *cell, struct sink_refusal *why, struct err *e);
void sqlite_bind_cell(sqlite3_stmt *stmt, int at, const struct cell *cell);

/* Binds a value for a column to a parameter. The same. */
int sqlite_bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                const struct column *c, struct val v, struct sink_refusal *why,
                struct err *e);

/* Binds the keys of the record at hand from parameter at on. */
int sqlite_bind_keys(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                     struct sink_refusal *why, struct err *e);

/* Binds a text that outlives the statement's run. */
void sqlite_bind_str(sqlite3_stmt *stmt, int at, struct str text);

/* An audit column's value. */
struct str sqlite_audit(const struct sqlite_sink *s, const struct column *c);

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

/* The statement that writes rows held for s->shape. NULL with e. */
sqlite3_stmt *sqlite_row_many(struct sqlite_sink *s, struct err *e);

/* Writes a row of cells for s->shape. The same. */
int sqlite_row_cells(struct sqlite_sink *s, const struct cell *cells,
                     struct sink_refusal *why, struct err *e);

/* ---- sqlite_many.c */

/* Can rows of this table be held? 1, 0; -1 with e. */
int sqlite_many_fits(struct sqlite_sink *s, struct err *e);

/* Room for a row of s->shape behind those held; its cells stay until the next
 * one is asked for. NULL: no memory. */
struct cell *sqlite_many_room(struct sqlite_sink *s);

/* Can this row in that room be held, of this record? */
bool sqlite_many_takes(const struct sqlite_sink *s, const struct cell *row,
                       const struct sink_record *r);

/* Holds it; r's texts stay until sqlite_many_flush. 0 or -1. */
int sqlite_many_hold(struct sqlite_sink *s, const struct sink_record *r,
                     struct err *e);

/* Writes what is held, and tells the spec's refuse what the table refuses. 0 or
 * -1. */
int sqlite_many_flush(struct sqlite_sink *s, struct err *e);

/* Appends to s->sql what differs from the statement of one row: INSERT, and
 * where width values come from. */
void sqlite_many_add_insert(struct sqlite_sink *s);
void sqlite_many_add_values(struct sqlite_sink *s, size_t width);

/* Makes the rows held a table that such statements can read. 0 or -1. */
int sqlite_many_declare(struct sqlite_sink *s, struct err *e);

void sqlite_many_free(struct sqlite_sink *s);

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

/* sqlite_position.c: keeps run->positions. 0 or -1. */
int sqlite_position_write(struct sqlite_sink *s, const struct sink_run *run,
                          struct err *e);

extern const struct sink_type sink_sqlite;

#endif
