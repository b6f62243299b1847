/* blocks: pieces of memory of 2^k bytes in one region, to be given back.
 *
 * For states of groups that grow by doubling. A block is known by its place,
 * not by an address: the region moves as it grows. */
#ifndef AGGREGATE_BLOCKS_H
#define AGGREGATE_BLOCKS_H

#include "base/err.h"
#include "table/region.h"

#include <stdint.h>

#define BLOCKS_UNIT 16
#define BLOCKS_LOG_LEAST 4 /* log2 of the least block's bytes */
#define BLOCKS_LOG_MOST 30

struct blocks {
    struct region mem;
    uint32_t given_back[BLOCKS_LOG_MOST + 1]; /* a list for each size */
};

void blocks_init(struct blocks *b, struct budget *budget);
void blocks_free(struct blocks *b);

/* Sets *place (never 0) to a zeroed block of 2^log bytes. 0; or -1 with e (the
 * budget, memory, 64 GiB) and nothing changed. */
int blocks_get(struct blocks *b, unsigned log, uint32_t *place, struct err *e);

/* Gives back a block of 2^log bytes; place 0 is none. */
void blocks_put(struct blocks *b, unsigned log, uint32_t place);

/* The bytes of a block, borrowed until the next blocks_get. */
static inline void *blocks_at(const struct blocks *b, uint32_t place)
{
    return b->mem.p + (size_t)(place - 1) * BLOCKS_UNIT;
}

#endif
