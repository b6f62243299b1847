/* load: what the parts of pipe-load share.
 *
 * pipe-load.c has the options, spec.c turns them into what a sink wants,
 * declare.c reads the columns of a schema, load.c brings the stream into the
 * sink, batch.c in pieces. */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "base/arena.h"
#include "base/hash.h"
#include "sink/sink.h"
#include "stage/stage.h"

/* The command line. */
struct load_args {
    const char *table, *mode, *partition, *range, *on_unknown, *missing;
    const char *effective, *scd2_columns, *latest_view, *latest_by, *audit,
        *source, *schema, *approve, *tmpdir;
    bool all, create, allow_empty, dry_run;
    uint64_t lock_timeout_ms, keep_versions, batch, batch_ms;
    struct opt_list keys, decimals, tracked;
};

/* For OPT_CHOICE. */
extern const char *const load_modes[];

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

/* What the load consists of; owns what the spec borrows. */
struct load {
    const struct load_args *args;
    struct stage *st;
    struct sink_spec spec;
    struct sink *sink;
    bool begun;
    struct buf partition; /* "COL=VAL", "COL=FROM..TO" expanded; "*"; "" */
    struct columns keys, tracked, effective, latest_by, scd2;
    struct sink_decimal *decimals; /* owned array, names borrowed from argv */
    struct str audit_names[AUDIT_COLUMNS], audit_values[AUDIT_COLUMNS];
    struct arena schema;         /* what columns borrow from */
    struct sink_column *columns; /* owned array */
    struct approvals *approvals; /* owned */
    XXH3_state_t *hash;          /* of the input so far */
    uint64_t bytes;
    struct buf started_at;
    struct batches batch;
};

/* Fills l->spec from the command line. 0, or -1 with st->err. */
int load_spec(struct stage *st, struct load *l);
void load_spec_free(struct load *l);

/* Reads --schema and --approve into l->spec. 0, or -1 with e. */
int load_declare(struct load *l, struct err *e);
void load_declare_free(struct load *l);

/* Loads the stream. 0, or -1 with st->err. */
int load_stream(struct stage *st, struct load *l);

/* Parts of it, for batches: opens the transaction if it is not; brings in what
 * was staged; writes the ledger row and commits. */
int load_begin(struct stage *st, struct load *l);
int load_apply(struct stage *st, struct load *l);
int load_settle(struct stage *st, struct load *l);

/* The policy on an upstream that cannot be verified. */
int load_judge_unknown(struct stage *st, struct load *l, enum verdict verdict);

/* The input's hash so far. */
void load_hash(const struct load *l, char hex[33]);

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
