/* aggregate: records into groups, groups into records of results.
 *
 *     a = aggregate_new(&budget);
 *     aggregate_group_by(a, "country,day"); aggregate_compute(a, "n=count()");
 *     aggregate_begin(a);
 *     for each batch of records:
 *         for (at = 0; (r = aggregate_take(a, recs, n, &at, &fault, e)) == 0;)
 *             ... recs[at - 1] is rejected for fault
 *     aggregate_end(a, sorted, e);
 *     while (aggregate_next(a, &line, e) == 1) ...
 *
 * Groups compare by value (json/key.h) and are printed in their first
 * spelling; null and missing are two groups, and missing stays absent. Without
 * group_by there is one group, also over no records. Aggregates skip null and
 * missing; over nothing they are null, counts 0. Sums and averages are exact
 * decimals (base/decimal.h); min and max go by json/order.h.
 *
 * A group costs its key (see table/keyset.h), its spelling, and a row: 8 bytes
 * a counted field, 24 a summed one, 16 to 48 for each min, max, first or last,
 * fitted to the values that come first.
 * Aggregates that need the same number share it. distinct() keeps every value
 * of every group. What lies in big integers (sums past 38 digits) and values
 * being compared is not charged to the budget. Not thread-safe. */
#ifndef OPS_AGGREGATE_H
#define OPS_AGGREGATE_H

#include "base/buf.h"
#include "base/err.h"
#include "json/select.h"
#include "base/str.h"
#include "table/region.h"

struct aggregate;

/* Why a record cannot be taken. */
struct aggregate_fault {
    const char *code;   /* static: type, number_range, too_deep, not_json */
    struct str path;    /* JSON Pointer, borrowed until the next take */
    struct str message; /* borrowed likewise */
};

/* Returns an empty aggregate, owned, freed with aggregate_free; NULL with e.
 * budget is borrowed. */
struct aggregate *aggregate_new(struct budget *budget, struct err *e);

/* Adds key fields ("a,b.c") or aggregates (ops/aggspec.h) behind those that
 * are there. ERR_USAGE on bad text. */
int aggregate_group_by(struct aggregate *a, struct str fields, struct err *e);
int aggregate_compute(struct aggregate *a, struct str specs, struct err *e);

/* Ends the description. ERR_USAGE where it asks for nothing or gives two
 * output fields one name. */
int aggregate_begin(struct aggregate *a, struct err *e);

/* Takes n records (checked JSON objects, SELECT_BATCH at most) into their
 * groups, in order, from recs[*at] on; *at of 0 begins with them. Returns 1
 * when all are through; 0 with fault where one cannot be taken, which leaves
 * no trace at all: it is recs[*at - 1], and the same call goes on behind it; -1
 * with e. */
int aggregate_take(struct aggregate *a, const struct select_record *recs,
                   size_t n, size_t *at, struct aggregate_fault *fault,
                   struct err *e);

/* Ends the input: results come in order of the groups' first appearance, or
 * by key (json/order.h, key after key) where sorted. 0 or -1. */
int aggregate_end(struct aggregate *a, bool sorted, struct err *e);

/* Sets line (reset first) to the next group's record, without LF: 1, 0 behind
 * the last, or -1 with e. ERR_DATA where an average is outside the range of
 * decimals. */
int aggregate_next(struct aggregate *a, struct buf *line, struct err *e);

void aggregate_free(struct aggregate *a);

#endif
