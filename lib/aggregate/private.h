/* private: what the parts of aggregate share.
 *
 *   aggregate.c  the description
 *   take.c       records into groups
 *   result.c     groups into records
 *   states.c     groups into states, and back
 *   overflow.c   states on disk, where groups outgrow the memory
 */
#ifndef AGGREGATE_PRIVATE_H
#define AGGREGATE_PRIVATE_H

#include "expr/expr.h"
#include "json/select.h"
#include "aggregate/acc.h"
#include "aggregate/aggregate.h"
#include "aggregate/aggspec.h"
#include "aggregate/batch.h"
#include "aggregate/group.h"
#include "table/spill.h"

/* Keys of a batch, where they do not lie in the records: bytes. */
#define AGGREGATE_KEYS 65536

/* What aggregates skip. */
#define GAPS (BATCH_TYPE(JSON_MISSING) | BATCH_TYPE(JSON_NULL))

/* A key field: where it comes from and what it is called. */
struct grouping {
    struct argument arg; /* owned */
    struct str name;     /* owned, or borrowed from arg */
    bool named;          /* owned */
};

/* A field of the output: a key part, or an aggregate of accumulators. Several
 * aggregates may share one: an average is a sum over a count. */
struct column {
    struct str name;
    struct buf label; /* ,"name": as it is printed */
    const struct aggspec *spec;
    size_t acc, count, squares;
};

#define NO_COLUMN SIZE_MAX

/* An accumulator and the values of a record that it works on. */
struct feed {
    struct acc acc;
    const char *fn; /* the function that asked for it first, for messages */
    const struct acc_param *param; /* borrowed from the spec */
    size_t judged;                 /* the argument */
    size_t by;                     /* the second one, or NO_COLUMN */
};

/* Groups that did not fit: their states by hash of the key, and behind the end
 * the results of each part, to be merged. */
struct overflow {
    const char *dir;      /* borrowed; NULL: there is no spilling */
    size_t memory;        /* in all: tables have their share of it */
    struct spill *states; /* owned; NULL: all fit so far */
    struct spill *results;
    uint64_t born;         /* groups before those in the table */
    struct region numbers; /* while parts are read: uint64_t a group */
    struct buf item, key;
    struct val *a, *b;      /* owned: parts of two keys */
    uint64_t bytes;         /* set aside in all */
    bool failed;            /* no memory while comparing */
    int (*tick)(void *ctx); /* NULL: nobody wants to know */
    void *tick_ctx;
    uint64_t steps; /* since it was called */
    struct err why; /* what failed, while it may be cured */
};

/* Where states that come are tried before a group is touched: accumulators of
 * their own, which are cleared from time to time. */
struct rehearsal {
    struct acc *accs; /* owned, one a feed; NULL: none came so far */
    struct region side;
    char *row;    /* owned */
    uint32_t n;   /* states that are in them, a group each */
    size_t bytes; /* what they took of the budget */
};

/* Records come in batches. Most are taken column by column; what can be
 * rejected, and what is rare, record by record in between. Columns are the
 * fields that are read, and behind them what expressions compute. */
struct aggregate {
    struct budget *budget;
    struct grouping *by; /* owned */
    size_t n_by;
    bool windowed;  /* keys begin with the number of a window */
    size_t n_parts; /* of a key */
    struct aggspecs specs;
    struct column *columns; /* n_by keys, then the specs */

    struct select *select;
    struct expr_set *exprs; /* owned */
    size_t n_exprs;
    size_t n_fields;
    const struct path **field;        /* of a column; NULL: it is computed */
    const struct argument **computed; /* those that are, in order */
    size_t *by_arg;                   /* which columns are the key */
    struct val *key_vals;             /* of the record in hand */

    struct feed *feeds;
    size_t n_feeds;
    struct batch batch;
    struct group_key keyed[SELECT_BATCH]; /* the batch's keys */
    uint32_t group[SELECT_BATCH]; /* and where the records taken belong */
    char *row[SELECT_BATCH];
    char window[SELECT_BATCH][24]; /* numbers of windows, as JSON */
    const struct select_record *recs;
    uint64_t special; /* records of the batch to be taken one by one */
    uint64_t faulty;  /* and those that an expression refuses */
    struct groups groups;
    struct region rows, side;
    size_t row_size;
    bool far; /* some accumulator's far */

    struct buf keys, key, pointer, message;
    struct expr_fault fault; /* of the record in hand */
    uint32_t *order;         /* owned; NULL: first appearance */
    uint32_t next;           /* to print */
    bool sorted, partial, merging, writing;
    struct expr_set *having; /* owned */
    size_t n_having;         /* its conditions: all must be TRUE */
    struct overflow over;
    struct rehearsal trial;
    char signature[17]; /* of what is computed: states know theirs */
    struct buf state;
};

/* Makes the rows ready, if they are not: fitted to the records of the batch,
 * and without a key one row, whatever comes. 0 or -1 with e. */
int aggregate_begin_rows(struct aggregate *a, struct err *e);

static inline char *aggregate_row(const struct aggregate *a, uint32_t group)
{
    return a->rows.p + (size_t)group * a->row_size;
}

/* How many groups there are. */
static inline uint32_t aggregate_size(const struct aggregate *a)
{
    return a->n_parts ? a->groups.n : a->row_size != 0;
}

/* The group whose key is vals, found or made: 1, 0 with fault, -1 with e. */
int aggregate_group(struct aggregate *a, const struct val *vals, bool has_key,
                    uint32_t *group, struct aggregate_fault *fault,
                    struct err *e);

/* Fills in a fault from a->message. Returns 0. */
int aggregate_fault_at(struct aggregate *a, struct aggregate_fault *f,
                       const char *code, const struct path *path);

/* Forgets all groups, and keeps the description. */
void aggregate_reset(struct aggregate *a);

/* ---- states.c ---- */

/* Between these two, states are written. */
int states_begin(struct aggregate *a, struct err *e);
void states_end(struct aggregate *a);

/* Appends the states of a group as a JSON array. 0 or -1 with e. */
int states_write(struct aggregate *a, uint32_t group, struct buf *out,
                 struct err *e);

/* Absorbs such states into a group, as if what they are of came behind what
 * the group has. *feed (0 at first) is how many accumulators are through: where
 * memory runs out, the same call goes on. 0 or -1 with e. */
int states_absorb(struct aggregate *a, uint32_t group, struct str states,
                  size_t *feed, struct err *e);

/* Gives back what trying states took. */
void states_end_rehearsal(struct aggregate *a);

/* Takes the records of a batch, which are states (--merge). */
int states_take(struct aggregate *a, const struct select_record *recs, size_t n,
                size_t *at, struct aggregate_fault *fault, struct err *e);

/* ---- overflow.c ---- */

/* True where a failure was one of memory that overflow_dump cures. */
bool overflow_can(const struct aggregate *a);

/* Sets all groups aside; the table is empty then. 0 or -1 with e. */
int overflow_dump(struct aggregate *a, struct err *e);

/* At the end of the input: has the results of all groups ready, if some were
 * set aside. 0 or -1 with e. */
int overflow_end(struct aggregate *a, struct err *e);

/* The next result: 1, 0 at the end, -1 with e. */
int overflow_next(struct aggregate *a, struct buf *line, struct err *e);

void overflow_free(struct aggregate *a);

#endif
