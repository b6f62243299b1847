/* arena: many small allocations with one lifetime.
 *
 * Blocks are chained and grow; arena_reset keeps the largest for reuse.
 * Pointers stay valid until reset or free. Not thread-safe. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* owned */
    size_t used;              /* bytes used in head */
    size_t total;             /* bytes allocated in all blocks */
    size_t max;               /* bytes at most; 0 means no limit */
};

/* Returns n bytes aligned to 16, uninitialised; NULL at the limit or without
 * memory. */
void *arena_alloc(struct arena *a, size_t n);

/* Copies s into the arena, with a NUL behind it; .p is NULL on failure. */
struct str arena_dup(struct arena *a, struct str s);

void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
