/* column: what there is to say of one field, from its values as they go by.
 *
 * While a field has few values each is counted, and all that is told of it is
 * exact. From COLUMN_VALUES different ones on, the counts go into sketches:
 * HyperLogLog for how many different values there are (aggregate/hll.h),
 * DDSketch for quantiles (aggregate/ddsketch.h), and the frequent values are
 * counted with a bound (profile/frequent.h). Counts, sums, extremes, lengths
 * and patterns stay exact. Memory has a bound whatever the data is. Not
 * thread-safe. */
#ifndef PROFILE_COLUMN_H
#define PROFILE_COLUMN_H

#include "aggregate/ddsketch.h"
#include "aggregate/hll.h"
#include "aggregate/sum.h"
#include "json/order.h"
#include "profile/frequent.h"
#include "profile/patterns.h"

#define COLUMN_VALUES 4096   /* counted exactly */
#define COLUMN_FREQUENT 1024 /* kept of more */
#define COLUMN_BATCH 128

/* What all columns share; zeroed to begin with, then column_share. */
struct column_shared {
    struct budget *budget; /* borrowed */
    struct budget free;    /* of what is small: no limit */
    struct ddsketch_shape shape;
    struct blocks blocks; /* of sketches */
    struct sums sums;
    struct buf text, canon; /* scratch */
};

/* A value that waits: strings without their quotes. COLUMN_PADDING bytes from
 * its start are readable, whatever its length. */
#define COLUMN_PADDING 64
struct column_value {
    const char *p;
    uint32_t n;   /* bytes; of an array its elements */
    uint8_t type; /* enum json_type */
    bool odd;     /* may have escapes or other characters than ASCII */
};

/* The least or greatest so far. */
struct column_end {
    struct order_key key;
    struct buf text; /* its characters or spelling, cut to FREQUENT_TEXT */
    bool set;
};

/* Mean and sum of the squared distances from it, in doubles (Welford 1962;
 * West 1979 for values with a weight). */
struct column_moments {
    double n, mean, squares;
};

struct column {
    uint64_t types[JSON_OBJECT + 1];
    uint64_t integers; /* numbers written without point and exponent */
    uint64_t outside;  /* numbers too large or small to compute with */
    uint64_t elements, elements_least, elements_most; /* of arrays */
    uint64_t chars, chars_least, chars_most;          /* of strings */
    struct frequent values;
    struct sum sum;
    struct column_moments moments;
    struct column_end least[2], most[2]; /* of numbers, of strings */
    struct ddsketch sketch;
    uint8_t *registers; /* owned: HyperLogLog; NULL while all is exact */
    struct patterns patterns;
    struct column_end before;  /* the last value, while there is an order */
    bool rises, falls;         /* each value against the one before */
    uint8_t ordered_type;      /* of which all are; MISSING: mixed */
    uint32_t n;                /* values that wait */
    struct column_value *wait; /* owned: COLUMN_BATCH */
};

/* Prepares s, which column_unshare frees. */
void column_share(struct column_shared *s, struct budget *budget);
void column_unshare(struct column_shared *s);

/* Prepares c, which needs no init. 0 or -1 (memory). */
int column_init(struct column *c, struct column_shared *s);
void column_free(struct column *c);

/* Takes all that waits. To be called before the text goes. 0 or -1 with e. */
int column_flush(struct column *c, struct column_shared *s, struct err *e);

static inline int column_take(struct column *c, struct column_shared *s,
                              struct column_value v, struct err *e)
{
    if (c->n == COLUMN_BATCH && column_flush(c, s, e))
        return -1;
    c->wait[c->n++] = v;
    return 0;
}

/* Brings what was counted by value into the sums, lengths and patterns, at the
 * end. 0 or -1 with e. */
int column_end(struct column *c, struct column_shared *s, struct err *e);

static inline bool column_is_exact(const struct column *c)
{
    return c->registers == NULL;
}

/* Different values, but for null; about, where it is not exact. */
uint64_t column_distinct(const struct column *c);

/* Numbers are in this order in sketches: the bucket of x, ascending. */
int64_t column_rank(const struct ddsketch_shape *shape, double x);

#endif
