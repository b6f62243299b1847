/* duck: what the parts of the DuckDB connector share; nobody else includes it.
 *
 * duck.c is the load's life, duck_table.c the table's columns and constraints
 * as they are, duck_create.c making and changing them, duck_check.c rows that
 * the table would refuse, duck_merge.c from the staging table to the target,
 * duck_ledger.c the ledger; duck_stage.h and duck_talk.h stand below.
 *
 * DuckDB has no savepoints, and a statement that fails takes the transaction
 * with it. So records are staged before it is opened, and what the table's
 * constraints would refuse is found by asking before anything is written.
 * DuckDB lets one process have a file open: it is opened when the first record
 * comes, and closed at the commit. */
#ifndef SINK_DUCK_H
#define SINK_DUCK_H

#include "sink/backlog.h"
#include "sink/duck_stage.h"

#define DUCK_LEDGER "_pipe_loads"

/* A rule of the table that a row can break. */
struct duck_rule {
    enum duck_rule_kind {
        RULE_NOT_NULL,
        RULE_CHECK,
        RULE_UNIQUE,
        RULE_FOREIGN_KEY
    } kind;
    char *what;   /* owned: as DuckDB shows it, for messages */
    char *column; /* owned: NOT NULL: its name */
    char **v;     /* owned: SQL: a condition, or expressions */
    size_t n;
    char *table; /* owned: foreign key: quoted name of the other table */
    char **to;   /* owned: n quoted columns there */
};

struct duck_sink {
    struct sink base;
    struct duck duck;
    struct duck_stage stage;
    struct buf name; /* the table's, quoted */
    char *path;      /* owned: the file's */
    char *spill;     /* owned: its folder for what does not fit the memory */
    bool in_memory;  /* a dry run on a file that is not there */
    bool made_file;  /* by this load */
    bool exists;     /* the table is there */
    bool begun;      /* a transaction is open */
    struct duck_rule *rules; /* owned */
    size_t n_rules;
    bool keeps; /* records may be refused late: they are in backlog */
    struct backlog backlog;
    uint64_t count;   /* records written */
    uint64_t refused; /* of those staged, late */
};

/* ---- duck_table.c */

/* Reads the table's columns and rules. 0 or -1. */
int duck_table_read(struct duck_sink *s, struct err *e);

/* Adds the rule that column i is not null. */
int duck_table_add_not_null(struct duck_sink *s, size_t i, struct err *e);
void duck_table_forget(struct duck_sink *s);

/* ---- duck_create.c */

/* Adds the columns that schema and options want to the stage's, and checks
 * those that are there. */
int duck_create_plan(struct duck_sink *s, struct err *e);

/* In the transaction: makes the table, or its new columns. */
int duck_create_apply(struct duck_sink *s, struct err *e);

/* ---- duck_check.c */

/* Finds staged rows whose texts are no values of their column, tells of them
 * and removes them. */
int duck_check_values(struct duck_sink *s, struct err *e);

/* The same for rows that break rules of a row by itself, then for those that
 * break rules of uniqueness, once what is replaced is gone. */
int duck_check_rows(struct duck_sink *s, struct err *e);
int duck_check_unique(struct duck_sink *s, struct err *e);

/* ---- duck_merge.c */

/* Brings the staged rows into the table. */
int duck_merge(struct duck_sink *s, struct err *e);

/* Appends to the SQL: t's key, in the target, is that of the staged row; that
 * a row of the target has it; what is inserted into a column from the staged
 * row, a record without the field getting the default. Of the staged row no
 * name is qualified. */
void duck_merge_add_same_key(struct duck_sink *s);
void duck_merge_add_known(struct duck_sink *s);
void duck_merge_add_value(struct duck_sink *s, size_t column);

/* ---- duck_ledger.c */

int duck_ledger_create(struct duck_sink *s, struct err *e);
int duck_ledger_find(struct duck_sink *s, const struct sink_run *run,
                     enum sink_outcome *outcome, struct buf *previous,
                     struct err *e);
int duck_ledger_write(struct duck_sink *s, const struct sink_run *run,
                      struct err *e);
int duck_ledger_resume(struct duck_sink *s, const struct sink_run *run,
                       struct sink_position *at, struct err *e);

extern const struct sink_type sink_duckdb;

#endif
