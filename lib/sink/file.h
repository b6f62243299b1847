/* file: what the parts of the file connector share; nobody else includes it.
 *
 * A table is a folder DIR/TABLE; its partitions are folders COL=VAL below it,
 * its data files part-LOAD.ndjson and the like, LOAD being unique to a load.
 *
 *     DIR/TABLE/_pipe_loads.ndjson         the ledger; locked by flock
 *     DIR/TABLE/.pipe-LOAD/data/...        what a load stages: the folders as
 *                                          they will be, the files as *.tmp
 *     DIR/TABLE/.pipe-LOAD/lock            flocked while the load is alive
 *     DIR/TABLE/day=1/part-LOAD.ndjson
 *     DIR/TABLE/day=1/_SUCCESS             no load is under way in here
 *
 * A load is staged without the ledger's lock. Then, under it, a row "begun" is
 * written and synced: from there on the load counts, and whoever locks the
 * ledger next brings it to its end if its own process did not: the folders'
 * _SUCCESS goes, staged files are renamed into place, a replace removes the
 * others, _SUCCESS comes back, and a row "loaded" is written. Each step may be
 * done twice. Before that row nothing counts, and what was staged is swept by
 * the next load, once its lock is free.
 *
 * file.c is the load's life, file_part.c the staged files, file_ledger.c the
 * ledger, file_place.c what happens in the table's folder. Parquet is staged in
 * DuckDB (parquet.h) and written when all records have come. */
#ifndef SINK_FILE_H
#define SINK_FILE_H

#include "io/pack.h"
#include "json/select.h"
#include "sink/csvout.h"
#include "sink/parquet.h"

#define FILE_LEDGER "_pipe_loads.ndjson"
#define FILE_STAGE ".pipe-"
#define FILE_DONE "_SUCCESS"
#define FILE_TMP ".tmp"
#define FILE_TOKEN 16 /* hex digits */

/* The staged file of one partition. */
struct part {
    char *dir;         /* owned: "day=1/country=DE"; "" without partitions */
    struct pack *pack; /* owned; NULL: closed for the time being */
    uint64_t used;     /* when it was written to last */
    bool begun;        /* the file is there */
};

struct parts {
    struct part *v; /* owned */
    size_t n, cap, open;
    uint32_t *slots; /* owned: 1 + index by hash of dir, 0 empty */
    size_t n_slots;  /* a power of two */
    size_t last;     /* index of the one written to last */
    uint64_t clock;
};

struct file_sink {
    struct sink base;
    const char *format; /* "ndjson", "csv", "parquet" */
    bool csv;
    bool columnar; /* Parquet */
    enum pack_kind kind;
    struct csvout *csvout;   /* owned */
    struct parquet *parquet; /* owned */
    struct select *select;   /* owned: of the partition columns, in order */
    struct val *vals;        /* owned */
    struct buf scope;        /* folder of --partition, else "" */
    struct buf folder, row;  /* of the record at hand */
    struct parts parts;
    struct buf name;     /* "part-LOAD.ndjson.gz" */
    struct buf ledgered; /* the row, without what tells its state */
    int root, table, ledger, lock, stage, data; /* descriptors; -1: none */
    bool made_root, made_table;                 /* by this load */
    bool locked;                                /* the ledger is ours */
    bool counts;                                /* "begun" is in the ledger */
    char token[FILE_TOKEN + 1];
};

/* A load to be brought to its end. */
struct placing {
    struct str token, scope;
    bool replace;
    unsigned synced; /* folders, in the walk at hand */
};

/* So many files or folders are synced one by one; where there are more, the
 * file system is synced as a whole once, which costs less. */
#define FILE_SYNC_EACH 32

/* ---- file_part.c */

/* Appends to the partition's staged file, which it makes first. */
int parts_write(struct file_sink *s, struct str dir, struct str text,
                struct err *e);

/* The number of the partition's staged file, which is written at the end; its
 * folder is made. 0 or -1. */
int parts_number(struct file_sink *s, struct str dir, size_t *number,
                 struct err *e);

/* Ends, compresses and syncs all staged files. */
int parts_end(struct file_sink *s, struct err *e);
void parts_free(struct parts *p);

/* ---- file_ledger.c */

/* Waits for the ledger, brings an unfinished load to its end, cuts a torn
 * tail. ERR_TEMPFAIL past the time limit. */
int ledger_lock(struct file_sink *s, struct err *e);
void ledger_unlock(struct file_sink *s);

/* Judges a run, and whether the table's layout is the load's. */
int ledger_judge(struct file_sink *s, const struct sink_run *r,
                 enum sink_outcome *outcome, struct buf *previous,
                 struct err *e);

/* The latest load of the run: whether there is one, and its input_hash. */
int ledger_resume(struct file_sink *s, const struct sink_run *run,
                  struct sink_position *at, struct err *e);

/* Makes s->ledgered. */
int ledger_row(struct file_sink *s, const struct sink_run *r, struct err *e);

/* Appends a row in that state ("begun", "loaded") and syncs it. */
int ledger_append(struct file_sink *s, const char *state, struct str row,
                  struct err *e);

/* ---- file_place.c */

/* Opens a folder below at, not through a link; made where it is missing and
 * make is set. -1 with e. */
int place_folder(int at, const char *name, bool make, struct err *e);

/* Makes the folders that staged files will go to, and sees whether they can
 * be had. */
int place_prepare(struct file_sink *s, struct err *e);

/* Brings a load to its end, but for the ledger. */
int place_load(struct file_sink *s, struct placing *p, struct err *e);

/* Syncs the file system that the table is in. */
int place_sync_all(struct file_sink *s, struct err *e);

/* Removes what a load staged, or, token empty, what dead loads staged. */
int place_drop(struct file_sink *s, struct str token, struct err *e);

extern const struct sink_type sink_file;

#endif
