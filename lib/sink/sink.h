/* sink: where records are loaded: one transaction with its ledger row.
 *
 * The life of a load:
 *     sink_open     finds the target and checks what can be checked early
 *     sink_begin    takes the lock, opens the transaction, empties what the
 *                   mode replaces
 *     sink_write    one record
 *     sink_flush    what sink_write may have held back goes in
 *     sink_apply    all records have come: brings what was staged into the
 *                   table
 *     sink_prepare  judges the run against the ledger, writes its ledger row
 *     sink_commit   makes all of it durable, or none
 *     sink_close    rolls back what was not committed
 * After a commit sink_begin may open the next batch. What the target refuses
 * goes to the spec's refuse, at once or up to the end of sink_apply. Nothing
 * is visible to others before sink_commit. One thread.
 *
 * A connector is one struct sink_type with one line that the build looks for,
 * as it does for sources (source/ops.h): SINK_CONNECTOR(sqlite) = { ... }; */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/opt.h"
#include "json/select.h"
#include "position/position.h"

#include <stdbool.h>
#include <stdint.h>

enum sink_mode {
    SINK_APPEND,        /* add rows; the same run adds them once */
    SINK_INSERT,        /* add rows whose key is not there yet */
    SINK_UPSERT,        /* insert, or update the row with the same key */
    SINK_REPLACE,       /* rows of the partition give way to the new ones */
    SINK_DELETE_INSERT, /* rows with the keys that come give way */
    SINK_SCD2,          /* a row a version: valid_from, valid_to, is_current */
    SINK_SCD3,          /* upsert; tracked columns keep their last value */
    SINK_CDC,           /* apply change events in order, by key */
    SINK_VERSIONED      /* a new table a load, and a view that shows it */
};

/* How numbers of one column are kept, where the default is not wanted. */
struct sink_decimal {
    struct str column;
    bool text;       /* as text, digit for digit */
    unsigned places; /* else as an integer of 10^-places */
};

enum sink_op {
    SINK_ROW,     /* text is the row */
    SINK_DELETE,  /* text has the key of a row that is gone */
    SINK_TRUNCATE /* all rows are gone; no text */
};

/* One record to be loaded; everything borrowed for the call, or until
 * sink_flush. */
struct sink_record {
    enum sink_op op;
    struct str text;    /* a JSON object */
    struct str old_key; /* SINK_ROW: an object with the key that the row had
                           before, where that changed; else empty */
    struct str raw;     /* as it was read, for whoever is told of a refusal */
    struct str at;      /* when it happened (RFC 3339), for SINK_SCD2 without
                           spec.effective; empty: spec.now */
    uint64_t line, offset;
    const struct shaped *shaped; /* of text; NULL: not known */
    bool stays;                  /* text and raw stay until sink_flush */
};

/* Why the target refuses a record. */
struct sink_refusal {
    const char *code;  /* static */
    struct str column; /* borrowed; may be empty */
    char message[512];
};

/* A column as a schema declares it. */
struct sink_column {
    struct str name;
    unsigned types; /* 1 << enum json_type that may occur; null: nullable */
    bool required;  /* every record has it */
    bool integer;   /* its numbers are whole */
    int places;     /* its numbers are multiples of 10^-places; -1: unknown */
    const char *format; /* of its strings: "date-time" ...; may be NULL */
};

/* Names of the columns of SINK_SCD2, in this order. */
enum sink_scd2_column {
    SINK_VALID_FROM,
    SINK_VALID_TO,   /* NULL: open */
    SINK_IS_CURRENT, /* 1 or 0 */
    SINK_ROW_HASH,
    SINK_SCD2_COLUMNS
};

/* SINK_SCD3: the last value of COL is in the column previous_COL. */
#define SINK_PREVIOUS "previous_"

/* What to load; everything borrowed for the life of the sink. */
struct sink_spec {
    const char *uri;    /* as given */
    const char *target; /* behind the scheme */
    const char *table;
    enum sink_mode mode;
    const char *mode_name;  /* for the ledger */
    struct str part_column; /* .n 0: no partition */
    struct str part_value;
    struct str range_from, range_to; /* of part_column instead of a value:
                                        from <= it < to; .n 0: no range */
    bool all;                        /* replace the whole table */
    const struct str *keys;          /* key columns, NUL-terminated */
    size_t n_keys;
    const struct str *tracked; /* scd3: columns with a previous value; scd2:
                                  whose changes make a version (none: all) */
    size_t n_tracked;
    struct str scd2_names[SINK_SCD2_COLUMNS];
    struct str effective;    /* scd2: field with the time of a change */
    const char *tz;          /* zone of times without one; NULL: UTC */
    const char *now;         /* RFC 3339, UTC: the load's one clock */
    const char *pipeline;    /* NULL: unnamed */
    const char *run_id;      /* NULL: it follows from the input */
    const char *latest_view; /* append: view of the latest row of each key */
    struct str latest_by;    /* by this column, then by load order */
    uint64_t keep_versions;  /* versioned: drop all but so many; 0: keep all */
    /* Columns that a schema declares: no others are made. n_columns 0: columns
     * follow from the records. */
    const struct sink_column *columns;
    size_t n_columns;
    /* May this column of the table, which the schema has no more, stay
     * unwritten? */
    bool (*approved)(void *context, struct str column);
    void *approved_context;
    bool create;       /* create the table, add columns */
    bool dry_run;      /* will not be committed */
    bool batches;      /* committed in several */
    bool missing_null; /* upsert: a missing field sets NULL */
    const struct sink_decimal *decimals;
    size_t n_decimals;
    /* Columns that every row gets beside its own fields: names and texts. */
    const struct str *audit_names, *audit_values;
    size_t n_audit;
    uint64_t lock_timeout_ms;
    const char *tmpdir; /* for what must be set aside */
    /* A file that stays as it is, in which a record's raw text stands at
     * input_from + offset; -1: there is none. */
    int input;
    uint64_t input_from;
    /* Targets that are files: */
    const char *format;   /* "ndjson" (or NULL), "csv", "parquet" */
    const char *compress; /* "gzip", "zstd"; NULL: neither */
    const struct str *by; /* columns whose values choose the partition */
    size_t n_by;
    const struct str *csv_columns; /* none: those of the first record */
    size_t n_csv_columns;
    bool (*stop)(void); /* a signal wants us to stop waiting */
    /* Told of a record that the target refuses. 0, or -1 with e to give up. */
    int (*refuse)(void *context, const struct sink_record *r,
                  const struct sink_refusal *why, struct err *e);
    void *context;
};

/* What the ledger says of a run; all borrowed for the call. */
struct sink_run {
    const char *pipeline;  /* "" if unnamed */
    const char *partition; /* "COL=VAL", "COL=FROM..TO", "*" for the whole
                              table, or "" */
    const char *run_id;
    uint64_t input_bytes;
    const char *input_hash;
    uint64_t read, loaded, rejected;
    const char *watermark;              /* position as JSON, or NULL */
    const char *started_at, *loaded_at; /* RFC 3339 */
    const struct positions *positions;  /* of n_positions sources: where what
                                           was loaded ends; kept in the
                                           transaction, if the target is one
                                           with SINK_POSITIONS */
    size_t n_positions;
    bool continues; /* a batch behind others of this run: it is NEW, and
                       sink_resume has found what there was */
};

/* How far the batches of a run have come, by its latest ledger row. */
struct sink_position {
    bool found;
    uint64_t input_bytes; /* of the first so many bytes of the input... */
    char input_hash[33];  /* ...this is the hash */
    uint64_t read, loaded, rejected; /* of all its rows */
};

enum sink_outcome {
    SINK_NEW,     /* not loaded before: the ledger row is written */
    SINK_SAME,    /* this very run is loaded already: commit nothing */
    SINK_CONFLICT /* append: this run id was loaded with other input */
};

struct sink;

/* ERR_USAGE where the target is unknown or lacks what spec wants, as far as the
 * spec alone tells: nothing is opened. sink_open begins with it. */
int sink_check(const struct sink_spec *spec, struct err *e);

struct sink *sink_open(const struct sink_spec *spec, struct err *e);
int sink_begin(struct sink *s, struct err *e);
int sink_write(struct sink *s, const struct sink_record *r, struct err *e);
int sink_flush(struct sink *s, struct err *e);
int sink_apply(struct sink *s, struct err *e);

/* The records of a group are written all or none: what was written since
 * BEGIN is kept, or undone because one of them was refused. ERR_DATA where the
 * target cannot undo. */
enum sink_group { SINK_GROUP_BEGIN, SINK_GROUP_KEEP, SINK_GROUP_UNDO };
int sink_group(struct sink *s, enum sink_group what, struct err *e);

/* Finds the batches of a run that are committed (pipeline, partition and
 * run_id are looked at). Between sink_begin and sink_commit, so that nobody
 * else adds one. */
int sink_resume(struct sink *s, const struct sink_run *run,
                struct sink_position *at, struct err *e);

/* Records that sink_write took and that changed nothing, because their key was
 * there (SINK_INSERT). Known after sink_apply. */
uint64_t sink_ignored(const struct sink *s);

/* previous receives when the same run id was loaded before (for SAME and
 * CONFLICT; RFC 3339). */
int sink_prepare(struct sink *s, const struct sink_run *run,
                 enum sink_outcome *outcome, struct buf *previous,
                 struct err *e);
int sink_commit(struct sink *s, struct err *e);
void sink_close(struct sink *s);

/* What of SINK_POSITIONS and so on the target can; the same before it is
 * opened (false where uri names none). */
bool sink_has(const struct sink *s, unsigned feature);
bool sink_offers(const char *uri, unsigned feature);

/* Is the load of this run committed (pipeline, partition, run_id and input_hash
 * are looked at)? Of target uri, target, table, lock_timeout_ms, tmpdir and
 * stop are looked at. A load that another process has decided and not ended is
 * ended as the next load would; else nothing is written, and a target that is
 * not there but could be made has no loads. 1, 0, -1. */
int sink_committed(const struct sink_spec *target, const struct sink_run *run,
                   struct err *e);

/* Appends the table's name in one spelling for all that name it in a target of
 * this kind, which need not be there: for run ids. Within one ledger no other
 * table has it. */
void sink_spell(const char *uri, const char *table, struct buf *out);

/* ---- for connectors ---- */

/* What not every target can. */
enum sink_feature {
    SINK_RANGES = 1,     /* replace by range_from and range_to */
    SINK_VIEWS = 2,      /* latest_view */
    SINK_SCHEMAS = 4,    /* columns */
    SINK_AUDITS = 8,     /* audit_names */
    SINK_BATCHES = 16,   /* sink_resume */
    SINK_POSITIONS = 32, /* sink_run.positions */
    SINK_KEYED = 64      /* keys with SINK_APPEND */
};

#define SINK_MODE(m) (1u << (m))

struct sink_type {
    const char *scheme; /* "sqlite" */
    /* NULL: as it is */
    void (*spell)(const char *table, struct buf *out);
    const char *usage;      /* "sqlite:FILE" */
    const struct opt *opts; /* options of its own, an OPT_GROUP row first, that
                               pipe-load takes; static destinations; NULL */
    unsigned modes;         /* SINK_MODE of each that it has */
    unsigned features;      /* enum sink_feature */
    int (*check)(const struct sink_spec *spec, struct err *e); /* or NULL */
    struct sink *(*open)(const struct sink_spec *spec, struct err *e);
    int (*begin)(struct sink *s, struct err *e);
    int (*write)(struct sink *s, const struct sink_record *r, struct err *e);
    /* NULL: nothing to do */
    int (*flush)(struct sink *s, struct err *e);
    int (*apply)(struct sink *s, struct err *e);
    /* NULL: it cannot undo */
    int (*group)(struct sink *s, enum sink_group what, struct err *e);
    int (*prepare)(struct sink *s, const struct sink_run *run,
                   enum sink_outcome *outcome, struct buf *previous,
                   struct err *e);
    int (*resume)(struct sink *s, const struct sink_run *run,
                  struct sink_position *at, struct err *e); /* or NULL */
    int (*commit)(struct sink *s, struct err *e);
    void (*close)(struct sink *s);
};

/* The first member of every connector's own struct. */
struct sink {
    const struct sink_type *type;
    const struct sink_spec *spec;
    uint64_t ignored;
};

/* Rows of events and rows once added stay what they are: such a run is looked
 * for among all loads of its partition. What the other modes did a later load
 * may have covered: they look at the latest that could have touched the same
 * rows. */
bool sink_looks_at_all(const struct sink_spec *spec);

/* What tells whose a row of the ledger is; all borrowed for the call. */
struct sink_owner {
    const char *pipeline, *run_id, *mode, *partition;
};

/* Is the row that was found by that rule one of this run? A load in another
 * mode, or of another partition or range, left other rows alone: to have the
 * same input is not enough, unless the run is looked for among all. */
bool sink_is_own(const struct sink_spec *spec, const struct sink_run *run,
                 const struct sink_owner *row);

/* Refuses a record: fills why; returns 0. column may be empty. */
int sink_refusef(struct sink_refusal *why, const char *code, struct str column,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Is the file of a database there? 0; 1: not yet, but it can be made; -1: the
 * spec does not want that, or it cannot. */
int sink_look_for_file(const struct sink_spec *spec, const char *path,
                       struct err *e);

/* Appends ASCII letters in lower case. */
void sink_spell_folded(const char *table, struct buf *out);

/* Defines the type of a connector. */
#define SINK_CONNECTOR(name) const struct sink_type sink_##name

/* All of them, NULL behind the last; made by the build. */
extern const struct sink_type *const sink_connectors[];

#endif
