/* load: what the parts of pipe-load share.
 *
 * pipe-load.c has the options, spec.c turns them into what a sink wants,
 * declare.c reads the columns of a schema, load.c brings the stream into the
 * sink, batch.c in pieces, events.c change events, sources.c where they come
 * from; pass.c is the target
 * "-", spool.c puts the stream into a folder, drain.c loads from there what
 * task.c finds whole; ask.c asks the ledger. */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "base/arena.h"
#include "base/hash.h"
#include "cdc/cdc.h"
#include "json/select.h"
#include "position/frontier.h"
#include "position/srcmark.h"
#include "sink/sink.h"
#include "stage/stage.h"

/* The command line. */
struct load_args {
    const char *table, *mode, *partition, *range, *on_unknown, *missing;
    const char *effective, *scd2_columns, *latest_view, *latest_by, *audit,
        *source, *schema, *approve, *tmpdir;
    const char *spool, *drain; /* folders */
    const char *ask;           /* a load, as JSON */
    bool all, create, allow_empty, dry_run, spool_ok;
    uint64_t breaker_failures, breaker_reset_ms;
    uint64_t lock_timeout_ms, keep_versions, batch, batch_ms;
    struct opt_list keys, decimals, tracked;
    const char *format, *compress; /* of files */
    const char *source_table, *latency_field;
    bool cdc;
    struct opt_list by, csv_columns;
};

/* For OPT_CHOICE. */
extern const char *const load_modes[];

/* The command's own options. */
extern const struct opt load_options[];

/* Those of the targets: the i-th table, NULL behind the last. */
const struct opt *load_more(size_t i);

#define AUDIT_COLUMNS 3

struct columns {
    struct str *v; /* owned array of owned strings */
    size_t n;
};

/* The batches of a run, and how far they have come. */
struct batches {
    bool on;
    bool looked;             /* the ledger was asked */
    bool skipping;           /* records come that were committed before */
    struct sink_position at; /* what is committed */
    uint64_t records;        /* of the run, so far */
    uint64_t open;           /* of them, since the last commit */
    struct counts then;      /* the stage's counts at that commit */
    int64_t since;           /* when the first of them came: microseconds */
    bool warned;             /* of an upstream that cannot be verified */
};

/* How far the sources of the load have been read. */
struct sources {
    struct positions *v;        /* owned, n of them */
    struct frontier *frontiers; /* owned: of those with a cursor */
    size_t n, n_frontiers;
    bool looked; /* at the first record */
    bool marked; /* which carried its position */
    bool within; /* more is to come that the last position stands for */
    struct buf scratch;
};

/* What the load consists of; owns what the spec borrows. */
struct load {
    const struct load_args *args;
    struct stage *st;
    struct sink_spec spec;
    struct sink *sink;
    bool begun;
    struct buf partition; /* "COL=VAL", "COL=FROM..TO" expanded; "*"; "" */
    struct columns keys, tracked, effective, latest_by, scd2, by, csv;
    struct sink_decimal *decimals; /* owned array, names borrowed from argv */
    struct str audit_names[AUDIT_COLUMNS], audit_values[AUDIT_COLUMNS];
    struct arena schema;         /* what columns borrow from */
    struct sink_column *columns; /* owned array */
    struct approvals *approvals; /* owned */
    XXH3_state_t *hash;          /* of the input so far */
    uint64_t bytes;
    struct buf started_at;
    struct batches batch;
    struct cdc *cdc;              /* owned; NULL: records are rows */
    struct cdc_position position; /* the greatest of the load's events */
    uint64_t event;               /* the change event at hand, by its offset */
    struct sources sources;
    struct select *latency; /* owned: the time of a record's event; NULL */
    bool refused;           /* the target refused a part of it */
};

/* Fills l->spec from the command line. 0, or -1 with st->err. */
int load_spec(struct stage *st, struct load *l);
void load_spec_free(struct load *l);

/* Reads --schema and --approve into l->spec. 0, or -1 with e. */
int load_declare(struct load *l, struct err *e);
void load_declare_free(struct load *l);

/* Loads the stream. 0, or -1 with st->err. */
int load_stream(struct stage *st, struct load *l);

/* Loads what a change event says. */
int load_event(struct stage *st, struct load *l, const struct record *rec);

/* Holds the stream back until its end is good, then passes it to stdout. */
int load_pass(struct stage *st, struct load *l);

/* Parts of it, for batches: opens the transaction if it is not; brings in what
 * was staged; writes the ledger row and commits. */
int load_begin(struct stage *st, struct load *l);
int load_apply(struct stage *st, struct load *l);
int load_settle(struct stage *st, struct load *l);

/* The policy on an upstream that cannot be verified. */
int load_judge_unknown(struct stage *st, struct load *l, enum verdict verdict);

/* The input's hash: begins, takes in n records, is so far. */
int load_hash_start(struct stage *st, struct load *l);
void load_hash_records(struct load *l, const struct record *recs, int n);
void load_hash(const struct load *l, char hex[33]);

/* Who the run is, if nobody named it: its pipeline, day, table and input. */
void load_run_id(const struct stage *st, const struct load *l,
                 const char *input_hash, char id[33]);

/* Prints whether the load args->ask is committed. 0, or -1 with st->err. */
int load_ask(struct stage *st, const struct load_args *args);

/* ---- latency.c */

/* Takes --latency-field, where anybody wants metrics. 0, or -1 with st->err. */
int latency_open(struct stage *st, struct load *l);

/* How long ago the events of n records were. What has no time counts nowhere.
 */
void latency_take(struct stage *st, struct load *l, const struct record *recs,
                  int n);

/* ---- sources.c */

/* Takes the position off a record that carries one, changing it in place. 0, or
 * -1 with st->err. */
int sources_take(struct stage *st, struct load *l, struct record *rec);

/* All has been read: brings the positions up to date. 0, or -1 with st->err. */
int sources_gather(struct stage *st, struct load *l);

/* Nothing is loaded, whatever the run reads is to be read again. 0, or -1 with
 * st->err. */
int sources_leave(struct stage *st);

/* They are committed. 0 or -1. */
int sources_committed(struct sources *s, struct err *e);

/* Appends what makes this reading of the sources another than the last. */
void sources_hash(const struct sources *s, struct buf *out);

void sources_free(struct sources *s);

/* ---- spool.c, drain.c */

/* Puts the stream into the folder, then drains that. 0 where the batch is
 * loaded (or may wait), or -1 with st->err. */
int load_spool(struct stage *st, struct load *l);

/* Loads what waits in the folder. */
int load_drain(struct stage *st, const struct load_args *args);

/* Loads the batches of the folder, oldest first; own is the one whose run this
 * process reports (0: none). wait_ms is for another drainer. 0 when none is
 * left, or -1 with e, which says what waits: ERR_DATA where damaged batches
 * were set aside; ERR_UNAVAILABLE and ERR_TEMPFAIL where the target or the
 * breaker or another drainer wants it later; else the exit code of a load that
 * failed. */
struct queue;
int drain_all(struct stage *st, struct queue *q, const struct load_args *args,
              uint64_t own, uint64_t wait_ms, struct err *e);

/* ---- batch.c: all return 0, or -1 with st->err */

void batch_start(struct stage *st, struct load *l);

/* In a transaction just opened: how far is the run? */
int batch_look(struct stage *st, struct load *l);

/* A record was read and hashed. Sets *done if it is committed already. */
int batch_skip(struct stage *st, struct load *l, bool *done);

/* A record was written: commits if it is time. */
int batch_written(struct stage *st, struct load *l);

/* The input has ended. Sets *done if nothing is left to commit. */
int batch_end(struct stage *st, struct load *l, bool *done);

#endif
