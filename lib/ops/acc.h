/* acc: accumulators: what is kept of a group for one argument.
 *
 * An accumulator's state is a run of bytes in the group's row, all zero at
 * first and without pointers into the row, so rows may move (with realloc's
 * freedom). Null and missing values are not for accumulators: the caller skips
 * them, but for ACC_ROWS. A value is judged before it is taken, so that a
 * record is taken by all accumulators or by none. */
#ifndef OPS_ACC_H
#define OPS_ACC_H

#include "base/buf.h"
#include "base/err.h"
#include "json/value.h"
#include "ops/cell.h"
#include "ops/run.h"
#include "ops/sum.h"
#include "table/keyset.h"
#include "table/region.h"

enum acc_kind {
    ACC_ROWS,  /* counts records */
    ACC_COUNT, /* counts values */
    ACC_SUM,   /* of numbers, exact */
    ACC_MIN,   /* by json/order.h */
    ACC_MAX,
    ACC_FIRST,
    ACC_LAST,
    ACC_DISTINCT, /* counts different values, by json/key.h */
};

struct acc {
    enum acc_kind kind;
    size_t at; /* byte of the row where the state is, a multiple of ACC_ALIGN */
    size_t cell; /* ACC_MIN to ACC_LAST: bytes of a cell */
    bool far;    /* ACC_SUM: numbers came that may drive a sum out of range */
    struct sums sums;     /* ACC_SUM */
    struct keyset seen;   /* ACC_DISTINCT: group number and value */
    struct buf key, full; /* ACC_DISTINCT: see acc_judged; with the group */
};

/* Prepares an accumulator; what it keeps beside rows is charged to budget. */
void acc_init(struct acc *acc, enum acc_kind kind, struct budget *budget);
void acc_free(struct acc *acc);

/* True if the state is a cell: one value. */
static inline bool acc_is_cell(enum acc_kind kind)
{
    return kind >= ACC_MIN && kind <= ACC_LAST;
}

/* Fits the accumulator to values that mostly have at most n bytes; acc_size is
 * known from then on. */
void acc_fit(struct acc *acc, size_t n);

/* Size of the state in a row in bytes, a multiple of ACC_ALIGN. Behind the last
 * row ACC_PADDING bytes must be readable. */
size_t acc_size(const struct acc *acc);
#define ACC_ALIGN 8
#define ACC_PADDING CELL_PADDING

/* Can the accumulator take v? Returns 1; 0 with *code set (static: type,
 * number_range, too_deep) and the reason appended to why, with fn as the name
 * of who asks; -1 with e. */
int acc_judge(struct acc *acc, struct val v, const char *fn, const char **code,
              struct buf *why, struct err *e);

/* Would this row's sum stay within the range of decimals? To be asked where
 * acc->far; result as of acc_judge. */
int acc_rehearse(const struct acc *acc, const char *row, struct val v,
                 const char **code, struct buf *why, struct err *e);

/* What acc_take wants instead of the value judged last: its key for
 * ACC_DISTINCT, else v itself. Borrowed until the next acc_judge. */
struct val acc_judged(const struct acc *acc, struct val v);

/* Takes what acc_judged gave into the row of group. side holds what outgrows
 * rows. 0 or -1 with e. */
int acc_take(struct acc *acc, char *row, struct region *side, uint32_t group,
             struct val v, struct err *e);

/* The types, as bits (1 << enum json_type), of which every value can be taken
 * whatever it is, but for numbers without a key where acc_wants_numbers. */
unsigned acc_types(enum acc_kind kind);

/* True if acc_take_run needs the keys of numbers. */
bool acc_wants_numbers(enum acc_kind kind);

/* Takes the values of a run, as acc_take would one after the other. */
int acc_take_run(struct acc *acc, const struct run *run, struct err *e);

/* Appends the result in a row as JSON; null where nothing was taken into a
 * min, max, first or last. */
void acc_print(const struct acc *acc, const char *row,
               const struct region *side, struct buf *out);

/* Counts so far, of ACC_ROWS, ACC_COUNT and ACC_DISTINCT. */
uint64_t acc_count(const struct acc *acc, const char *row);

/* Appends the sum over count (not 0). Returns 0, -1 without memory, -2 where
 * that is outside the range of decimals. */
int acc_print_average(const struct acc *sum, const char *row, uint64_t count,
                      struct buf *out);

#endif
