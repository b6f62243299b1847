/* chain: bytes of many groups, each group's one behind the other, in chunks
 * that lie in one region.
 *
 * Each chunk of a chain is twice as large as the one before, up to a maximum:
 * a group of few bytes costs a cache line, one of many little more than they.
 * A zeroed chain is empty. Chains hold no pointers: they may move. */
#ifndef AGGREGATE_CHAIN_H
#define AGGREGATE_CHAIN_H

#include "base/err.h"
#include "table/region.h"

#include <stdint.h>

struct chain {
    uint64_t before;      /* bytes in the chunks before the last */
    uint32_t first, last; /* chunks: their places, in units, from 1 */
    uint32_t used, cap;   /* bytes of the last one, without its head */
};

/* The head of a chunk, which is a unit. */
struct chunk {
    uint32_t next; /* 0: none */
    uint32_t cap;  /* bytes behind the head, a multiple of CHAIN_UNIT */
};

#define CHAIN_UNIT 8

static inline uint64_t chain_size(const struct chain *c)
{
    return c->before + c->used;
}

static inline char *chain_chunk(const struct region *r, uint32_t place)
{
    return r->p + (size_t)(place - 1) * CHAIN_UNIT;
}

/* Appends bytes, split over two chunks where they do not fit the first. 0, or
 * -1 with e (the budget, memory, 32 GiB) and nothing changed. */
int chain_add(struct chain *c, struct region *r, const void *p, size_t n,
              struct err *e);

/* Appends a word. A chain holds words or other bytes, not both. */
static inline int chain_add_word(struct chain *c, struct region *r, uint64_t w,
                                 struct err *e)
{
    if (c->used == c->cap)
        return chain_add(c, r, &w, sizeof(w), e);
    uint64_t *at = (uint64_t *)(void *)(chain_chunk(r, c->last) +
                                        sizeof(struct chunk) + c->used);
    *at = w;
    c->used += sizeof(w);
    return 0;
}

/* Walks the chunks: *place is 0 for the first call and becomes that of the one
 * whose bytes are returned, *n of them. NULL behind the last. */
const char *chain_next(const struct chain *c, const struct region *r,
                       uint32_t *place, size_t *n);

#endif
