/* pool: memory given back in the order opposite to that in which it was taken.
 *
 * Everything taken since a mark is given back at once. Not thread-safe. */
#ifndef EVOLVE_POOL_H
#define EVOLVE_POOL_H

#include <stddef.h>

struct pool_chunk;

struct pool {
    struct pool_chunk **chunks; /* owned */
    size_t n;                   /* chunks there */
    size_t at, used;            /* chunk in use, bytes of it */
    size_t total, max;          /* bytes in all chunks, and at most */
};

struct pool_mark {
    size_t at, used;
};

/* n bytes aligned to 16, uninitialised; NULL at the limit or without memory.
 * A zeroed pool with max set is ready for use. */
void *pool_take(struct pool *p, size_t n);

struct pool_mark pool_mark(const struct pool *p);
void pool_release(struct pool *p, struct pool_mark m);
void pool_free(struct pool *p);

#endif
