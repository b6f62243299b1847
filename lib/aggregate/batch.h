/* batch: what a batch of records has for the accumulators, by column.
 *
 * A column is what one path leads to in each record, or what the caller
 * computed of it: computed columns stand behind those of the paths. Where it is
 * wanted, the short keys of a column's numbers (json/order.h) stand beside
 * them. Not thread-safe. */
#ifndef AGGREGATE_BATCH_H
#define AGGREGATE_BATCH_H

#include "base/err.h"
#include "json/order.h"
#include "json/select.h"

/* Sets of types, and of records. */
#define BATCH_TYPE(type) (1U << (type))
#define BATCH_BIT(i) ((uint64_t)1 << (i))

struct batch {
    size_t n; /* records */
    size_t columns;
    size_t paths; /* of which these many are of the selector */
    struct select_batch picked;
    bool *wants_numbers;       /* owned, by column; the caller's to set */
    struct order_key *numbers; /* owned, as picked.vals */
    uint64_t *no_key;          /* owned, by column: numbers without a key */
    uint64_t *odd;             /* owned, by column: strings without a key */
    char *room;                /* owned: short computed values, padded */
    /* Sets of records. */
    uint64_t broken;  /* not JSON */
    uint64_t walked;  /* without a shape, so without keys too */
    uint64_t escaped; /* with a backslash: the paths' strings have no keys */
};

/* Prepares b for the columns that s has now, and so many computed ones. 0, or
 * -1 (memory); batch_free is due either way. */
int batch_init(struct batch *b, const struct select *s, size_t computed,
               struct err *e);
void batch_free(struct batch *b);

/* Fills b with n records (SELECT_BATCH at most), but for the keys of numbers.
 * What it holds borrows from them. */
void batch_fill(struct batch *b, struct select *s,
                const struct select_record *recs, size_t n);

/* Puts a value, computed from record i, into a column behind the paths'. It is
 * borrowed where it is long, and copied where it is short. */
void batch_put(struct batch *b, size_t column, size_t i, struct val v);

/* Fills in the keys of numbers. */
void batch_read_numbers(struct batch *b);

static inline const struct val *batch_vals(const struct batch *b, size_t column)
{
    return b->picked.vals + column * SELECT_BATCH;
}

static inline const struct order_key *batch_numbers(const struct batch *b,
                                                    size_t column)
{
    return b->numbers + column * SELECT_BATCH;
}

/* True if values of these types may be in the column. */
static inline bool batch_has(const struct batch *b, size_t column,
                             unsigned types)
{
    return (b->picked.types[column] & types) != 0;
}

/* The records whose value in the column is of one of these types. */
uint64_t batch_of_types(const struct batch *b, size_t column, unsigned types);

/* The length of the longest value of the column. */
size_t batch_longest(const struct batch *b, size_t column);

#endif
