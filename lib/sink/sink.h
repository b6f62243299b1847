/* sink: where records are loaded: one transaction with its ledger row.
 *
 * The life of a load:
 *     sink_open     finds the target and checks what can be checked early
 *     sink_begin    takes the lock, opens the transaction, empties what the
 *                   mode replaces
 *     sink_write    one record; what the target refuses is handed back
 *     sink_prepare  judges the run against the ledger, writes its ledger row
 *     sink_commit   makes all of it durable, or none
 *     sink_close    rolls back what was not committed
 * Nothing is visible to others before sink_commit. A connector is one struct
 * sink_type, listed in sink.c. One thread. */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum sink_mode {
    SINK_APPEND,  /* add rows; the same run adds them once */
    SINK_REPLACE, /* rows of the partition give way to the new ones */
    SINK_UPSERT   /* insert, or update the row with the same key */
};

/* How numbers of one column are kept, where the default (INTEGER or REAL) is
 * not wanted. */
struct sink_decimal {
    struct str column;
    bool text;       /* as text, digit for digit */
    unsigned places; /* else as an integer of 10^-places */
};

/* What to load; everything borrowed for the life of the sink. */
struct sink_spec {
    const char *uri;    /* as given */
    const char *target; /* behind the scheme */
    const char *table;
    enum sink_mode mode;
    struct str part_column; /* .n 0: no partition */
    struct str part_value;
    bool all;               /* replace the whole table */
    const struct str *keys; /* upsert: key columns, NUL-terminated */
    size_t n_keys;
    bool create;       /* create the table, add columns */
    bool dry_run;      /* will not be committed */
    bool missing_null; /* upsert: a missing field sets NULL */
    const struct sink_decimal *decimals;
    size_t n_decimals;
    uint64_t lock_timeout_ms;
    bool (*stop)(void); /* a signal wants us to stop waiting */
};

/* What the ledger says of a run; all borrowed for the call. */
struct sink_run {
    const char *pipeline;  /* "" if unnamed */
    const char *partition; /* "COL=VAL", "*" for the whole table, or "" */
    const char *run_id;
    uint64_t input_bytes;
    const char *input_hash;
    uint64_t read, loaded, rejected;
    const char *started_at, *loaded_at; /* RFC 3339 */
};

enum sink_outcome {
    SINK_NEW,     /* not loaded before: the ledger row is written */
    SINK_SAME,    /* this very run is loaded already: commit nothing */
    SINK_CONFLICT /* append: this run id was loaded with other input */
};

/* Why the target refuses a record. */
struct sink_refusal {
    const char *code;  /* static */
    struct str column; /* borrowed until the next write; may be empty */
    char message[512];
};

struct sink;

struct sink *sink_open(const struct sink_spec *spec, struct err *e);
int sink_begin(struct sink *s, struct err *e);

/* 1: loaded; 0: refused, with why filled; -1. */
int sink_write(struct sink *s, struct str record, struct sink_refusal *why,
               struct err *e);

/* previous receives when the same run id was loaded before (for SAME and
 * CONFLICT; RFC 3339). */
int sink_prepare(struct sink *s, const struct sink_run *run,
                 enum sink_outcome *outcome, struct buf *previous,
                 struct err *e);
int sink_commit(struct sink *s, struct err *e);
void sink_close(struct sink *s);

/* ---- for connectors ---- */

struct sink_type {
    const char *scheme; /* "sqlite" */
    struct sink *(*open)(const struct sink_spec *spec, struct err *e);
    int (*begin)(struct sink *s, struct err *e);
    int (*write)(struct sink *s, struct str record, struct sink_refusal *why,
                 struct err *e);
    int (*prepare)(struct sink *s, const struct sink_run *run,
                   enum sink_outcome *outcome, struct buf *previous,
                   struct err *e);
    int (*commit)(struct sink *s, struct err *e);
    void (*close)(struct sink *s);
};

/* The first member of every connector's own struct. */
struct sink {
    const struct sink_type *type;
    const struct sink_spec *spec;
};

extern const struct sink_type sink_sqlite;

#endif
