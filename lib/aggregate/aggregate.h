/* aggregate: records into groups, groups into records of results.
 *
 *     a = aggregate_new(&budget, &env, e);
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
 * missing; over nothing they are null, counts 0. Sums, averages and variances
 * are exact decimals (base/decimal.h); min and max go by json/order.h.
 *
 * A group costs its key (see table/keyset.h), its spelling, and a row: 8 bytes
 * a counted field, 24 a summed one, 16 to 48 for each min, max, first or last,
 * fitted to the values that come first.
 * Aggregates that need the same number share it. What lies in big integers
 * (sums past 38 digits) and values being compared is not charged to the budget.
 * Where the budget is used up, groups are set aside on disk as their states
 * (aggregate_spill_to), and come together again at the end: the results are the
 * same, to the byte. Not thread-safe. */
#ifndef AGGREGATE_AGGREGATE_H
#define AGGREGATE_AGGREGATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "expr/expr.h"
#include "json/select.h"
#include "table/region.h"

struct aggregate;
struct colmap;

/* Why a record cannot be taken. */
struct aggregate_fault {
    const char *code;   /* static: type, number_range, too_deep, not_json, what
                           expressions have (expr/expr.h), not_a_state */
    struct str path;    /* JSON Pointer, borrowed until the next take */
    struct str message; /* borrowed likewise */
};

/* Returns an empty aggregate, owned, freed with aggregate_free; NULL with e.
 * budget is borrowed, and what env points to. */
struct aggregate *aggregate_new(struct budget *budget,
                                const struct expr_env *env, struct err *e);

/* Adds key fields ("a,b.c", or "name=EXPR") or aggregates (aggregate/aggspec.h)
 * behind those that are there. ERR_USAGE on bad text. */
int aggregate_group_by(struct aggregate *a, struct str fields, struct err *e);
int aggregate_compute(struct aggregate *a, struct str specs, struct err *e);

/* Only groups whose result satisfies text, a condition over the fields of the
 * output, are printed. ERR_USAGE on bad text. */
int aggregate_having(struct aggregate *a, struct str text, struct err *e);

/* What is printed are states, "_state" behind the keys, for aggregate_merge. */
void aggregate_partial(struct aggregate *a);

/* What comes are states, of the same keys and aggregates. */
void aggregate_merge(struct aggregate *a);

/* Groups belong to windows: see aggregate_take_in. */
void aggregate_by_window(struct aggregate *a);

/* Groups that outgrow `memory` bytes, of which the tables get their share as
 * the budget's maximum, go to files without names in folder dir (borrowed). */
void aggregate_spill_to(struct aggregate *a, const char *dir, size_t memory);

/* Has tick called now and then while groups go to disk and come back, which
 * takes a while: -1 from it ends what is going on, with -1 and e untouched. */
void aggregate_watch(struct aggregate *a, int (*tick)(void *ctx), void *ctx);

/* Bytes that were set aside on disk. */
uint64_t aggregate_spilled(const struct aggregate *a);

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

/* The same by windows: record i belongs to window windows[i], whose groups are
 * its own. A record of several windows is given once for each. */
int aggregate_take_in(struct aggregate *a, const struct select_record *recs,
                      const int64_t *windows, size_t n, size_t *at,
                      struct aggregate_fault *fault, struct err *e);

/* Ends the input: results come in order of the groups' first appearance, or
 * by key (json/order.h, key after key) where sorted. 0 or -1. */
int aggregate_end(struct aggregate *a, bool sorted, struct err *e);

/* Sets line (reset first) to the next group's record, without LF: 1, 0 behind
 * the last, or -1 with e. ERR_DATA where an average is outside the range of
 * decimals or --having cannot be computed. */
int aggregate_next(struct aggregate *a, struct buf *line, struct err *e);

/* ---- groups one by one: for windows ---- */

/* The group of record i of the last batch, where it was taken. */
uint32_t aggregate_group_of(const struct aggregate *a, size_t i);

/* How many groups there are, and which window one belongs to. */
uint32_t aggregate_groups(const struct aggregate *a);
int64_t aggregate_window_of(const struct aggregate *a, uint32_t group);

/* Sets line (reset first) to one group's record, with head (members, without
 * a comma behind) in front: 1; 0 where --having says no; -1 with e. */
int aggregate_print(struct aggregate *a, uint32_t group, struct str head,
                    struct buf *line, struct err *e);

/* Absorbs group `from` into group `into`, as if its records had come behind
 * into's; from is dead then. */
int aggregate_fold(struct aggregate *a, uint32_t from, uint32_t into,
                   struct err *e);

/* Forgets all groups but those that keep wants; they stay in order and get new
 * numbers from 0, which moved (may be NULL) is told. */
int aggregate_keep(struct aggregate *a, bool (*keep)(void *, uint32_t),
                   void (*moved)(void *, uint32_t from, uint32_t to), void *ctx,
                   struct err *e);

/* Forgets all groups, and keeps the description. */
void aggregate_clear(struct aggregate *a);

/* Makes m, a map of the fields of records (lineage/colmap.h), that of the
 * results: once the description has ended. */
void aggregate_trace(const struct aggregate *a, struct colmap *m);

void aggregate_free(struct aggregate *a);

#endif
