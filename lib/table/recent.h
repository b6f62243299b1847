/* recent: keys with the times at which they were let through, forgotten when
 * they are old.
 *
 * A key is let through at time t unless it was let through at a time less than
 * `window` away, before or after: so what comes out of order is judged as well
 * as what does not. A key may have been let through more than once within what
 * is remembered; all of these times count. What is older than a horizon is
 * dropped by copying the rest, once it may be half of all: memory is that of
 * three times the keys of a horizon at most, and the cost of a record is
 * constant. Not thread-safe. */
#ifndef TABLE_RECENT_H
#define TABLE_RECENT_H

#include "table/keyset.h"

struct recent_table {
    struct budget budget;
    struct keyset keys;
    struct region last;  /* by number of key: its latest entry */
    struct region times; /* the entries */
};

struct recent {
    struct recent_table t[2];
    unsigned now;    /* the one in use; the other is empty */
    int64_t window;  /* in any unit, that of all times */
    int64_t horizon; /* times before it are forgotten */
    uint64_t live;   /* entries after the last copy */
    uint64_t copies;
};

/* Prepares r; memory is for both tables, 0: no limit. Allocates nothing. */
void recent_init(struct recent *r, int64_t window, size_t memory);

/* Moves the horizon, never back. */
void recent_forget(struct recent *r, int64_t horizon);

/* Lets key through at time t: 1; 0 where it is a duplicate; -1 with e
 * (ERR_CONFIG where what is to be remembered has no room). t is not before
 * horizon + window. */
int recent_pass(struct recent *r, struct hash128 hash, struct str key,
                int64_t t, struct err *e);

/* The keyset in use, for keyset_hash and prefetching. */
static inline struct keyset *recent_keys(struct recent *r)
{
    return &r->t[r->now].keys;
}

void recent_free(struct recent *r);

#endif
