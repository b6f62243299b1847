/* private: what the parts of aggregate share: the description and the results
 * (aggregate.c), and the way of the records between them (take.c). */
#ifndef OPS_PRIVATE_H
#define OPS_PRIVATE_H

#include "json/select.h"
#include "ops/acc.h"
#include "ops/aggregate.h"
#include "ops/aggspec.h"
#include "ops/batch.h"
#include "ops/group.h"

/* Keys of a batch, where they do not lie in the records: bytes. */
#define AGGREGATE_KEYS 65536

/* A field of the output: a key part, or an aggregate of accumulators. Several
 * aggregates may share one: an average is a sum over a count. */
struct column {
    struct str name;
    struct buf label; /* ,"name": as it is printed */
    enum aggspec_fn fn;
    size_t acc, count;
};

/* An accumulator and the values of a record that it works on. */
struct feed {
    struct acc acc;
    const char *fn; /* the function that asked for it first, for messages */
    size_t judged;  /* the argument */
};

/* Records come in batches. Most are taken column by column; what can be
 * rejected, and what is rare, record by record in between. The values of a
 * record in hand are in one array: the arguments as they were looked up (keys
 * and what is aggregated). */
struct aggregate {
    struct budget *budget;
    struct path *by; /* key fields */
    size_t n_by;
    struct aggspecs specs;
    struct column *columns; /* n_by keys, then the specs */

    struct select *select;
    size_t n_args;
    const struct path **arg_path; /* borrowed from by and specs */
    struct val *vals;             /* of the record in hand */
    size_t *by_arg;               /* which arguments are the key */
    struct val *key_vals;         /* and they themselves */

    struct feed *feeds;
    size_t n_feeds;
    struct batch batch;
    struct group_key keyed[SELECT_BATCH]; /* the batch's keys */
    uint32_t group[SELECT_BATCH]; /* and where the records taken belong */
    char *row[SELECT_BATCH];
    uint64_t special; /* records of the batch to be taken one by one */
    struct groups groups;
    struct region rows, side;
    size_t row_size;
    bool far; /* some accumulator's far */

    struct buf keys, key, pointer, message;
    uint32_t *order; /* owned; NULL: first appearance */
    uint32_t next;   /* to print */
};

/* Makes the rows ready, if they are not: fitted to the records of the batch,
 * and without a key one row, whatever comes. 0 or -1 with e. */
int aggregate_begin_rows(struct aggregate *a, struct err *e);

static inline char *aggregate_row(const struct aggregate *a, uint32_t group)
{
    return a->rows.p + (size_t)group * a->row_size;
}

#endif
