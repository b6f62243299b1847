/* acc_keys: the keys of a run's values for a set that all groups share: the
 * group's number, then the value's key (json/key.h).
 *
 * All keys of a run are made and hashed before the first is looked up, so that
 * the memory which the lookups will need is on its way meanwhile. */
#ifndef AGGREGATE_ACC_KEYS_H
#define AGGREGATE_ACC_KEYS_H

#include "aggregate/acc_ops.h"

struct acc_keys {
    size_t n;       /* keys: of the values that are no gaps */
    size_t next;    /* the record behind the last that was looked at */
    size_t of[64];  /* the record of each key */
    size_t end[65]; /* where each starts in acc->key, and the last one ends */
    struct hash128 hash[64];
};

/* The key of one value, in acc->key, borrowed until the next one. 0 or -1 with
 * e; it has a key, for it was judged. */
int acc_key_of(struct acc *acc, uint32_t group, struct val v, struct str *key,
               struct err *e);

/* Makes the keys of values from run->from on, of as many as have room. 0 or -1
 * with e. */
int acc_keys_make(struct acc *acc, const struct run *run, struct acc_keys *k,
                  struct err *e);

/* Key i, borrowed from acc->key. */
static inline struct str acc_keys_get(const struct acc *acc,
                                      const struct acc_keys *k, size_t i)
{
    return (struct str){ acc->key.p + k->end[i], k->end[i + 1] - k->end[i] };
}

#endif
