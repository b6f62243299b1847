/* load: what the parts of pipe-load share.
 *
 * pipe-load.c has the options, spec.c turns them into what a sink wants,
 * load.c brings the stream into it. */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "base/hash.h"
#include "sink/sink.h"
#include "stage/stage.h"

/* The command line. */
struct load_args {
    const char *table, *mode, *partition, *on_unknown, *missing;
    bool all, create, allow_empty, dry_run;
    uint64_t lock_timeout_ms;
    struct opt_list keys, decimals;
    const char *format, *compress; /* of files */
    struct opt_list by, columns;
};

/* For OPT_CHOICE. */
extern const char *const load_modes[];

/* What the load consists of; owns what the spec borrows. */
struct load {
    const struct load_args *args;
    struct stage *st;
    struct sink_spec spec;
    struct sink *sink;
    bool begun;
    struct buf partition; /* "COL=VAL" expanded; "*"; "" */
    struct str *keys;     /* owned array of owned strings */
    size_t n_keys;
    struct str *by, *columns; /* as keys */
    size_t n_by, n_columns;
    struct sink_decimal *decimals; /* owned array, names borrowed from argv */
    XXH3_state_t *hash;            /* of the input so far */
    uint64_t bytes;
    struct buf started_at;
};

/* Fills l->spec from the command line. 0, or -1 with st->err. */
int load_spec(struct stage *st, struct load *l);
void load_spec_free(struct load *l);

/* Loads the stream. 0, or -1 with st->err. */
int load_stream(struct stage *st, struct load *l);

#endif
