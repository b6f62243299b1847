/* idmap: 128-bit hashes to numbers, in memory (open addressing). */
#ifndef DLQ_IDMAP_H
#define DLQ_IDMAP_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>

struct idmap_slot {
    struct hash128 key;
    uint64_t value; /* 0: free */
};

/* Starts as all zero. */
struct idmap {
    struct idmap_slot *slots; /* owned */
    size_t n, cap;            /* cap is 0 or a power of two */
};

#define IDMAP_MAX ((size_t)1 << 28) /* keys */

/* The value of key, which is 0 where it is new: then set it to another number
 * before the next call. Borrowed until the next call. NULL without memory or
 * at IDMAP_MAX. */
uint64_t *idmap_at(struct idmap *m, struct hash128 key);

/* The value of key, or 0. */
uint64_t idmap_get(const struct idmap *m, struct hash128 key);

void idmap_free(struct idmap *m);

#endif
