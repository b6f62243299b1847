/* run: records in a row whose values accumulators can take for certain, by
 * column.
 *
 * A value is null, missing, or of a type of acc_types; and a number has a short
 * key (json/order.h) where the accumulator acc_wants_numbers. Arrays are by
 * record; values that have keys are readable for CELL_PADDING bytes. Borrows
 * all that it points to. */
#ifndef AGGREGATE_RUN_H
#define AGGREGATE_RUN_H

#include "json/order.h"
#include "table/region.h"

struct run {
    size_t from, to; /* 64 records at most */
    const struct val *vals;
    const struct order_key *numbers; /* keys, where a value is one */
    const struct val *by; /* second arguments; NULL: there are none */
    const struct order_key *by_numbers;
    uint64_t no_keys; /* records whose strings have no keys, as bits */
    bool gaps;        /* some values may be null or missing */
    bool strings;     /* all values are strings that have keys */
    bool one_row;     /* all records are of one group */
    char *const *rows;
    const uint32_t *groups;
    struct region *side; /* of the rows' cells */
};

/* True if accumulators skip value i. */
static inline bool run_is_gap(const struct run *r, size_t i)
{
    return r->gaps && r->vals[i].type <= JSON_NULL;
}

/* The key of value i. */
static inline struct order_key run_key(const struct run *r, size_t i)
{
    const struct val *v = &r->vals[i];
    if (v->type == JSON_STRING && !(r->no_keys >> i & 1))
        return order_key_string(v->raw.p + 1, v->raw.n - 2);
    if (v->type == JSON_NUMBER)
        return r->numbers[i];
    return (struct order_key){ .kind = ORDER_OTHER };
}

#endif
