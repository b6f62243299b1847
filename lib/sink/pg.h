/* pg: what the parts of the PostgreSQL connector share; nobody else includes
 * it.
 *
 * pg.c is the transaction, pg_ledger.c the ledger, pg_talk.c statements and
 * COPY on the connection, pg_table.c the table's columns as they are,
 * pg_create.c making and changing them, pg_row.c one record's values as COPY
 * text, pg_copy.c blocks of rows on their way, pg_merge.c from the staging
 * table to the target, pg_scd2.c the same for versions of rows. */
#ifndef SINK_PG_H
#define SINK_PG_H

#include "sink/backlog.h"
#include "sink/table.h"

#include <libpq-fe.h>

#define PG_COLUMNS_MAX 1600 /* PostgreSQL's own limit */
#define PG_SETS_MAX 4096    /* different sets of fields in one load */

/* What the failure of a statement means. */
enum pg_fault {
    PG_FATAL,   /* nothing helps: e is filled */
    PG_ROW,     /* rows are at fault: why is filled */
    PG_REPEATED /* one statement met the same key twice */
};

/* Rows with the same fields, encoded. */
struct pg_rows {
    char *fields;       /* owned: one '0' or '1' a column */
    size_t n_fields;    /* columns then */
    struct buf text;    /* COPY text */
    struct buf starts;  /* size_t of each row in text */
    struct buf numbers; /* uint64_t of each row in the backlog */
    size_t n;
    uint64_t used; /* for making room */
};

/* scd2: the record at hand. */
struct pg_event {
    char at[36]; /* when it is effective, as the server reads it */
    bool clock;  /* by the load's clock */
    char hash[33];
};

#define PG_OPEN_SETS 16
#define PG_ROOM ((size_t)8 << 20) /* bytes of rows before they are sent */

struct pg_sink {
    struct sink base;
    PGconn *db;
    char *schema; /* owned; NULL: the first of the search path */
    char *name;   /* owned */
    struct buf qualified, ledger; /* quoted, for SQL */
    bool begun, staged, stage_made;
    bool dead;  /* the connection was lost */
    bool retry; /* the transaction was given up for one beside it */
    struct table table;
    struct pg_rows rows[PG_OPEN_SETS];
    size_t n_rows, pending; /* sets; bytes in all of them */
    size_t room;            /* bytes before they are sent */
    uint64_t clock;
    char **sets; /* owned: sets of fields in the staging table */
    size_t n_sets, cap_sets;
    struct backlog backlog;
    struct buf refused; /* uint64_t: numbers that the target refused */
    bool truncated;     /* cdc: all rows before this load are gone */
    bool was_truncated; /* when the group began */
    uint64_t group;     /* cdc: number of the first record of the group */
    bool split;         /* a record was refused of which more is there */
    struct buf groups;  /* pairs of uint64_t: first and last number */
    struct pg_event event;
    bool clocked, timed; /* scd2: records came without a time, with one */
    struct buf sql, fields, text, bytes, encoded;
    const struct sink_run *run; /* from prepare to commit */
};

#define PG_LEDGER "_pipe_loads"
#define PG_ORDER "_pipe_order" /* column: the order in which rows came */

/* Advisory locks of ours have this first key; the second is the table's. */
#define PG_LOCK_SPACE 0x70697065 /* "pipe" */

/* ---- pg.c */

/* Brings what is staged into the target, again without them where records are
 * refused of which more was there. */
int pg_apply_stage(struct pg_sink *s, struct err *e);

/* ---- pg_ledger.c */

int pg_ledger_create(struct pg_sink *s, struct err *e);
int pg_ledger_find(struct pg_sink *s, const struct sink_run *run,
                   enum sink_outcome *outcome, struct buf *previous,
                   struct err *e);
int pg_ledger_write(struct pg_sink *s, const struct sink_run *run,
                    struct err *e);
int pg_ledger_resume(struct pg_sink *s, const struct sink_run *run,
                     struct sink_position *at, struct err *e);

/* ---- pg_talk.c */

int pg_connect(struct pg_sink *s, struct err *e);

/* Runs s->sql. Returns the result, owned; NULL with e filled and s->retry or
 * s->dead set where that is so. */
PGresult *pg_query(struct pg_sink *s, const char *doing, struct err *e);

/* Runs s->sql, or sql, and wants no result. 0 or -1. */
int pg_run_sql(struct pg_sink *s, const char *doing, struct err *e);
int pg_run(struct pg_sink *s, const char *sql, const char *doing,
           struct err *e);

/* Runs s->sql, whose rows may be at fault: 1 with *changed rows, 0 with *fault
 * (ROW or REPEATED) and why, -1 with e. */
int pg_try(struct pg_sink *s, const char *doing, uint64_t *changed,
           enum pg_fault *fault, struct sink_refusal *why, struct err *e);

/* Sends s->sql, a COPY FROM STDIN, and its data. The same results. */
int pg_copy(struct pg_sink *s, struct str data, struct sink_refusal *why,
            uint64_t *line, struct err *e);

/* Appends a quoted identifier; a quoted literal. */
void pg_ident(struct buf *b, struct str name);
void pg_literal(struct buf *b, struct str text);

/* Naps; -1 with e if a signal wants us to stop. */
int pg_nap(struct pg_sink *s, unsigned ms, struct err *e);

/* ---- pg_table.c */

int pg_table_read(struct pg_sink *s, struct err *e);
/* Appends what is unique in the table to s->sql, in parentheses: the spec's
 * keys, with scd2 also where a version begins. */
void pg_table_add_keys(struct pg_sink *s);

/* Fills what a type takes, by its name in the catalogue. */
void pg_table_kind(struct column *c, const char *type, int modifier,
                   char category);

/* ---- pg_create.c */

/* Creates the table as the schema or else the record shows it. */
int pg_create(struct pg_sink *s, struct str record, struct err *e);

/* Adds a column for a value: as struct table's add. */
int pg_create_add(void *sink, struct str name, struct val v,
                  struct sink_refusal *why, struct err *e);

/* Makes a number's column one of any number. 0 or -1. */
int pg_create_widen(struct pg_sink *s, struct column *c, struct err *e);

/* At the start of a load: creates the table, adds its columns as the schema
 * and the options want it. */
int pg_create_evolve(struct pg_sink *s, struct err *e);

/* ---- pg_row.c */

/* Appends the record at hand (s->table) as a line of COPY text, of the columns
 * with a '1' in fields, to out. 1, 0 with why (out as it was), -1. */
int pg_row_encode(struct pg_sink *s, const char *fields, struct buf *out,
                  struct sink_refusal *why, struct err *e);

/* ---- pg_copy.c */

/* Takes a record in, which has that number in the backlog: 1, 0 with why, -1
 * with e. */
int pg_copy_take(struct pg_sink *s, const struct sink_record *r,
                 uint64_t number, struct sink_refusal *why, struct err *e);

/* Takes the whole backlog in again, but for what was refused. */
int pg_copy_again(struct pg_sink *s, struct err *e);

/* Sends all that is waiting. */
int pg_copy_flush(struct pg_sink *s, struct err *e);
void pg_copy_free(struct pg_sink *s);

/* The number of a set of fields ("0110...") in the staging table, which may
 * have up to max; -1 with e. */
int pg_copy_set(struct pg_sink *s, struct str fields, size_t max,
                struct err *e);

/* Records from this number on are not to be loaded, as one of them was
 * refused. 0 or -1. */
int pg_copy_undo(struct pg_sink *s, uint64_t from, struct err *e);

/* Tells of the refusal of a record by its number, and has the others of its
 * group not loaded. 0 or -1. */
int pg_copy_refuse(struct pg_sink *s, uint64_t number,
                   const struct sink_refusal *why, struct err *e);

/* ---- pg_merge.c */

/* Makes the staging table, of the target's columns. */
int pg_merge_stage(struct pg_sink *s, struct err *e);

/* Brings the staging table into the target. */
int pg_merge(struct pg_sink *s, struct err *e);

/* Removes what was staged of all records that are refused from a table. */
int pg_merge_unstage(struct pg_sink *s, const char *table, struct err *e);

/* Does work (PL/pgSQL that ends with a semicolon, with the variables of
 * declare) for each row of a query, _pipe_r with its _pipe_seq, within the
 * server; tells of the rows at which it fails. Adds the rows that the last
 * statements of work changed to *changed. */
int pg_merge_each(struct pg_sink *s, const char *declare,
                  const struct buf *rows, const struct buf *work,
                  uint64_t *changed, struct err *e);

/* ---- pg_scd2.c */

/* Are the mode's columns there? */
int pg_scd2_check(struct pg_sink *s, struct err *e);

/* Appends to s->sql the index that lets one version of a key be current. */
void pg_scd2_index(struct pg_sink *s);

/* Fills s->event from the record at hand: 1, 0 with why, -1. */
int pg_scd2_note(struct pg_sink *s, const struct sink_record *r,
                 struct sink_refusal *why, struct err *e);

/* Appends s->event as the last fields of a line of COPY text. */
#define PG_SCD2_STAGED ", _pipe_at, _pipe_clock, _pipe_hash"
void pg_scd2_encode(const struct pg_sink *s, struct buf *out);

/* Chooses the events that count from what is staged. */
int pg_scd2_sort(struct pg_sink *s, struct err *e);

/* Brings them into the target. */
int pg_scd2_merge(struct pg_sink *s, struct err *e);

/* Ends all versions, after what is staged: 1, 0 with why, -1. */
int pg_scd2_truncate(struct pg_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e);

#endif
