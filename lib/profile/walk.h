/* walk: the values of records to their fields.
 *
 * Records of one shape with the same keys have each value behind the same
 * token, so the way through a shape that comes again is planned once, as
 * json/select.h does for a few fields. All others are walked. Not
 * thread-safe. */
#ifndef PROFILE_WALK_H
#define PROFILE_WALK_H

#include "json/select.h"
#include "profile/fields.h"

#define WALK_PLANS 256

struct walk_plan;

struct walk {
    struct fields *fields;   /* borrowed */
    struct walk_plan *plans; /* owned: WALK_PLANS, by the shape's serial */
    struct buf key;          /* scratch */
    struct buf padded;       /* a record that is not in a block */
};

/* 0 or -1 (memory). */
int walk_init(struct walk *w, struct fields *fields);
void walk_free(struct walk *w);

/* Has the record's values wait in the columns of their fields; r is its shape,
 * or NULL, and then they do not wait beyond the call. Of duplicate keys the
 * last counts. 0; or -1 with e: memory, or ERR_DATA where it is not JSON (only
 * if nobody checked). */
int walk_take(struct walk *w, struct str record, const struct shaped *r,
              struct err *e);

#endif
