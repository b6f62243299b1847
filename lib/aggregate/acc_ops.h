/* acc_ops: what a family of accumulators brings, for acc.c and the families.
 *
 * Functions get the state itself, not the row; what they promise is said in
 * acc.h. Those that are NULL have nothing to do. */
#ifndef AGGREGATE_ACC_OPS_H
#define AGGREGATE_ACC_OPS_H

#include "aggregate/acc.h"

/* Where a state is and what else belongs to its group. */
struct acc_place {
    void *state;
    struct region *side;
    uint32_t group;
};

struct acc_ops {
    unsigned types, by_types; /* see acc_types */
    bool numbers, by_numbers; /* see acc_wants_numbers */
    size_t bytes;             /* of a state, and in cells beside */
    unsigned cells;
    void (*start)(struct acc *acc);
    int (*judge)(struct acc *acc, struct val v, struct val by, const char *fn,
                 const char **code, struct buf *why, struct err *e);
    int (*rehearse)(const struct acc *acc, const void *state, struct val v,
                    const char **code, struct buf *why, struct err *e);
    int (*take)(struct acc *acc, struct acc_place at, struct val v,
                struct val by, struct err *e);
    int (*take_run)(struct acc *acc, struct run *run, struct err *e);
    int (*print)(struct acc *acc, struct acc_place at,
                 const struct acc_question *q, struct buf *out, struct err *e);
    int (*write_begin)(struct acc *acc, uint32_t n_groups, struct err *e);
    int (*write)(struct acc *acc, struct acc_place at, struct buf *out,
                 struct err *e);
    void (*write_end)(struct acc *acc);
    int (*absorb)(struct acc *acc, struct acc_place at, struct val state,
                  struct err *e);
    void (*release)(struct acc *acc); /* of acc_reset and acc_free */
};

extern const struct acc_ops acc_ops_rows, acc_ops_count, acc_ops_sum,
    acc_ops_squares, acc_ops_min, acc_ops_max, acc_ops_first, acc_ops_last,
    acc_ops_arg, acc_ops_distinct, acc_ops_hll, acc_ops_values, acc_ops_sketch,
    acc_ops_tally, acc_ops_list, acc_ops_buckets;

#define ACC_TYPE(type) (1U << (type))
#define ACC_ALL_TYPES (ACC_TYPE(JSON_OBJECT + 1) - 1)
#define ACC_SCALARS \
    (ACC_ALL_TYPES & ~(ACC_TYPE(JSON_ARRAY) | ACC_TYPE(JSON_OBJECT)))

/* The state in the row of record i of a run. */
static inline void *acc_state(const struct acc *acc, const struct run *run,
                              size_t i)
{
    return run->rows[i] + acc->at;
}

/* A take_run that takes one record after the other. */
int acc_take_each(struct acc *acc, struct run *run, struct err *e);

/* Refuses a value: returns 0, as a judge does. */
int acc_refuse(const char **code, const char *name, struct buf *why,
               const char *text);

/* The same for what json/key and base/decimal say of a value that they cannot
 * take. Returns 0, or -1 with e where that is no memory. */
int acc_refuse_value(int r, const char **code, struct buf *why, struct err *e);

/* Judges a number's text by its range; sets acc->far for what is not plain. */
int acc_judge_number(struct acc *acc, struct str text, const char **code,
                     struct buf *why, struct err *e);

/* A judge that lets numbers within range pass, and nothing else. */
int acc_judge_is_number(struct acc *acc, struct val v, struct val by,
                        const char *fn, const char **code, struct buf *why,
                        struct err *e);

/* "not the state of ...": ERR_DATA, -1. */
int acc_no_state(const struct acc *acc, struct err *e);

/* 0 where a value that stands in a state can be taken, as records' are; -1 with
 * e, ERR_DATA where it cannot. */
int acc_judge_absorbed(struct acc *acc, struct val v, struct val by,
                       struct err *e);

/* An absorb for states that are arrays of values: takes them one by one, once
 * all were judged. */
int acc_absorb_values(struct acc *acc, struct acc_place at, struct val state,
                      struct err *e);

/* The sum in the state of a sum or of squares, in place or put into room. */
const struct decimal *acc_sum_of(const struct acc *acc, const void *state,
                                 struct decimal *room);

/* A count, at least 0, as it stands in a state. */
bool acc_read_count(struct val v, uint64_t *n);

#endif
