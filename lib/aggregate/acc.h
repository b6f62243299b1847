/* acc: accumulators: what is kept of a group for one argument.
 *
 * An accumulator's state is a run of bytes in the group's row, all zero at
 * first and without pointers into the row, so rows may move (with realloc's
 * freedom). What a state outgrows is kept by the accumulator, or in the side
 * region that all cells of the rows share, and is charged to the budget. Null
 * and missing values are not for accumulators: the caller skips them, but for
 * ACC_ROWS. A value is judged before it is taken, so that a record is taken by
 * all accumulators or by none.
 *
 * A state can be written as JSON and absorbed by another accumulator of the
 * same kind and parameters: so groups are spilled, and parts of the input that
 * were taken elsewhere are merged. Not thread-safe. */
#ifndef AGGREGATE_ACC_H
#define AGGREGATE_ACC_H

#include "base/buf.h"
#include "base/decimal.h"
#include "base/err.h"
#include "json/value.h"
#include "aggregate/blocks.h"
#include "aggregate/cell.h"
#include "aggregate/ddsketch.h"
#include "aggregate/run.h"
#include "aggregate/sum.h"
#include "table/keyset.h"
#include "table/region.h"

enum acc_kind {
    ACC_ROWS,    /* counts records */
    ACC_COUNT,   /* counts values */
    ACC_SUM,     /* of numbers, exact */
    ACC_SQUARES, /* sum of their squares, exact */
    ACC_MIN,     /* by json/order.h */
    ACC_MAX,
    ACC_FIRST,
    ACC_LAST,
    ACC_ARG_MIN, /* the value where `by` is least, of equals the first */
    ACC_ARG_MAX,
    ACC_DISTINCT, /* counts different values, by json/key.h */
    ACC_HLL,      /* the same, about (aggregate/hll.h) */
    ACC_VALUES,   /* all numbers, for percentiles */
    ACC_SKETCH,   /* the same, about (aggregate/ddsketch.h) */
    ACC_TALLY,    /* counts each different value */
    ACC_LIST,     /* all values in order */
    ACC_BUCKETS,  /* counts numbers by ranges of equal width */
};

/* What a kind must know beside its values. */
struct acc_param {
    struct decimal low, width; /* ACC_BUCKETS; the width is above 0 */
    uint32_t n;                /* ACC_BUCKETS: how many, from 1 */
    double error;  /* ACC_SKETCH: relative, from 0.0001 to 0.5; else: 0.01 */
    unsigned bits; /* ACC_HLL: 2^bits registers, 4 to 18; else: 14 */
};

struct acc_ops;

struct acc {
    enum acc_kind kind;
    size_t at; /* byte of the row where the state is, a multiple of ACC_ALIGN */
    size_t cell; /* of states that are cells: bytes of a cell */
    bool far;    /* numbers came that may drive a sum out of range */
    const struct acc_ops *ops;
    struct acc_param param;
    struct sums sums;      /* of sums and squares */
    struct blocks blocks;  /* of sketches and buckets */
    struct region pool;    /* chains, or the entries of ACC_TALLY */
    struct region text;    /* spellings: of ACC_VALUES and ACC_TALLY */
    struct region scratch; /* ACC_VALUES: for selecting */
    struct acc_selection *selection; /* owned: of what is in scratch */
    struct keyset seen;          /* ACC_DISTINCT, ACC_TALLY: group and value */
    struct buf key;              /* of the value in hand */
    struct ddsketch_shape shape; /* ACC_SKETCH */
    struct acc_index *index;     /* owned, between acc_write_begin and _end */
};

/* Prepares an accumulator; what it keeps beside rows is charged to budget.
 * param is copied, NULL stands for defaults; what its decimals own is borrowed
 * for as long as the accumulator lives. */
void acc_init(struct acc *acc, enum acc_kind kind,
              const struct acc_param *param, struct budget *budget);
void acc_free(struct acc *acc);

/* Forgets all groups and gives back what was charged for them. The rows and
 * the side region are the caller's. */
void acc_reset(struct acc *acc);

/* True if the state is made of cells: reading a cell may go past its end. */
static inline bool acc_is_cell(enum acc_kind kind)
{
    return kind >= ACC_MIN && kind <= ACC_ARG_MAX;
}

/* Fits the accumulator to values that mostly have at most n bytes; acc_size is
 * known from then on. */
void acc_fit(struct acc *acc, size_t n);

/* Size of the state in a row in bytes, a multiple of ACC_ALIGN. Behind the last
 * row ACC_PADDING bytes must be readable. */
size_t acc_size(const struct acc *acc);
#define ACC_ALIGN 8
#define ACC_PADDING CELL_PADDING

/* ---- taking values ---- */

/* Kinds of two arguments: `by` is the second one's value, and a record is for
 * them if neither is null or missing. Others take no notice of it. */
static inline bool acc_has_by(enum acc_kind kind)
{
    return kind == ACC_ARG_MIN || kind == ACC_ARG_MAX;
}

/* Can the accumulator take v? Returns 1; 0 with *code set (static: type,
 * number_range, too_deep) and the reason appended to why, with fn as the name
 * of who asks; -1 with e. */
int acc_judge(struct acc *acc, struct val v, struct val by, const char *fn,
              const char **code, struct buf *why, struct err *e);

/* Would this row's sum stay within the range of decimals? To be asked where
 * acc->far; result as of acc_judge. */
int acc_rehearse(const struct acc *acc, const char *row, struct val v,
                 const char **code, struct buf *why, struct err *e);

/* Takes v, which acc_judge let pass, into the row of group. side holds what
 * cells outgrow. 0; or -1 with e and nothing changed, so that the value can be
 * taken again. */
int acc_take(struct acc *acc, char *row, struct region *side, uint32_t group,
             struct val v, struct val by, struct err *e);

/* The types, as bits (1 << enum json_type), of which every value can be taken
 * whatever it is, but for numbers without a key where acc_wants_numbers. */
unsigned acc_types(enum acc_kind kind);
unsigned acc_by_types(enum acc_kind kind);

/* True if acc_take_run needs the keys of numbers. */
bool acc_wants_numbers(enum acc_kind kind);
bool acc_wants_by_numbers(enum acc_kind kind);

/* Takes the values of a run, as acc_take would one after the other. 0; or -1
 * with e: the records from run->from on are then still to be taken. */
int acc_take_run(struct acc *acc, struct run *run, struct err *e);

/* ---- results ---- */

enum acc_ask {
    ASK_PLAIN,
    ASK_PERCENTILE,      /* between the two nearest ranks in proportion */
    ASK_PERCENTILE_DISC, /* the least value with a share of p up to it */
    ASK_MODE,            /* the most frequent value */
    ASK_TOP,             /* the k most frequent, with their counts */
    ASK_TOP_VALUES,      /* the same without */
};

/* Of values that are equally frequent the one that appeared first wins. */
struct acc_question {
    enum acc_ask ask;
    struct decimal p; /* 0 to 1 */
    uint32_t k;
};

/* Appends the answer as JSON: null where there was no value, but counts and
 * sums are 0. q may be NULL for ASK_PLAIN. 0, or -1 with e (memory). */
int acc_print(struct acc *acc, const char *row, const struct region *side,
              uint32_t group, const struct acc_question *q, struct buf *out,
              struct err *e);

/* Counts so far, of ACC_ROWS, ACC_COUNT and ACC_DISTINCT. */
uint64_t acc_count(const struct acc *acc, const char *row);

/* Appends the sum over count (not 0). Returns 0, -1 without memory, -2 where
 * that is outside the range of decimals. */
int acc_print_average(const struct acc *sum, const char *row, uint64_t count,
                      struct buf *out);

/* Appends the variance of count numbers by their sum and the sum of their
 * squares, or its root, the standard deviation: of a sample (over n - 1; null
 * where there are less than 2), else of all there are. Exact, but for the
 * quotient and the root, rounded half-even to 34 digits. Returns as
 * acc_print_average. */
int acc_print_variance(const struct acc *sum, const struct acc *squares,
                       const char *row, uint64_t count, bool sample, bool root,
                       struct buf *out);

/* ---- states as text ---- */

/* To be called before the states of n_groups groups are written, and at the
 * end. What it needs in between, 8 bytes a different value and a group, is not
 * charged to the budget, which may be used up just then. 0 or -1 with e. */
int acc_write_begin(struct acc *acc, uint32_t n_groups, struct err *e);
void acc_write_end(struct acc *acc);

/* Appends the state as a JSON value in one line. 0 or -1 with e (memory). */
int acc_write(struct acc *acc, const char *row, const struct region *side,
              uint32_t group, struct buf *out, struct err *e);

/* Takes what another accumulator wrote, as if its values were taken one by one
 * behind those that are there: an absorbed state is written the same again.
 * 0; -1 with ERR_DATA and nothing changed where state (JSON) is no such state
 * or leads out of range; -1 for memory or the budget, with a part of the state
 * maybe taken: such a row is good for nothing. */
int acc_absorb(struct acc *acc, char *row, struct region *side, uint32_t group,
               struct str state, struct err *e);

#endif
