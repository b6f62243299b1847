/* extreme: the least or the greatest value so far, in a cell.
 *
 * By json/order.h; of values that are equal the first one stays. Short keys
 * tell the order of most values; where they do not, order_cmp does. sign is 1
 * for the least and -1 for the greatest. */
#ifndef AGGREGATE_EXTREME_H
#define AGGREGATE_EXTREME_H

#include "aggregate/cell.h"
#include "aggregate/run.h"

/* Takes v into c, a cell of size bytes. 0 or -1 with e. */
int extreme_take(struct cell *c, size_t size, struct region *side, struct val v,
                 int sign, struct err *e);

/* Takes the values of a run into the cells of size bytes at byte `at` of its
 * rows. 0 or -1 with e. */
int extreme_take_run(const struct run *r, size_t at, size_t size, int sign,
                     struct err *e);

#endif
