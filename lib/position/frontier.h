/* frontier: a position taken from a field of the records, which may come in
 * any order.
 *
 * The position is the greatest value, with the records that are to be
 * recognised when they are read again: those of that very value or, with a
 * lag, all within the lag before it. */
#ifndef POSITION_FRONTIER_H
#define POSITION_FRONTIER_H

#include "position/position.h"

struct frontier_entry {
    int64_t key;
    struct hash128 hash;
};

struct frontier {
    uint64_t lag;             /* microseconds of a time, units of a number */
    struct frontier_entry *v; /* with a lag: n of them */
    size_t n, cap;
    bool overflow; /* there were more than a position keeps: some of them will
                      come again */
};

/* Where a value lies on the axis that a lag is measured on; false for kinds
 * without one (only times and numbers have it). */
bool frontier_key(enum position_kind kind, struct str value, int64_t *key);

/* A record with this value was read. 0 or -1 with e. */
int frontier_take(struct frontier *f, struct position *p,
                  enum position_kind kind, struct str value,
                  struct hash128 record, struct err *e);

/* Brings p's ties up to date, before it is written. 0 or -1 with e. */
int frontier_settle(struct frontier *f, struct position *p, struct err *e);

/* What was committed before, and lies where records are read again, stays
 * known: adds it to p's ties. 0 or -1 with e. */
int frontier_merge(struct position *p, const struct position *before,
                   struct err *e);

void frontier_free(struct frontier *f);

#endif
