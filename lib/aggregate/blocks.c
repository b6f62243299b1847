#include "aggregate/blocks.h"

#include <string.h>

void blocks_init(struct blocks *b, struct budget *budget)
{
    *b = (struct blocks){ .mem.budget = budget };
}

void blocks_free(struct blocks *b)
{
    region_free(&b->mem);
    memset(b->given_back, 0, sizeof(b->given_back));
}

int blocks_get(struct blocks *b, unsigned log, uint32_t *place, struct err *e)
{
    size_t n = (size_t)1 << log;
    if (log < BLOCKS_LOG_LEAST || log > BLOCKS_LOG_MOST)
        return err_set(e, ERR_BUG, "block of a size that there is not");
    uint32_t at = b->given_back[log];
    if (at) {
        memcpy(&b->given_back[log], blocks_at(b, at), sizeof(at));
        memset(blocks_at(b, at), 0, n);
        *place = at;
        return 0;
    }
    if (b->mem.n / BLOCKS_UNIT >= UINT32_MAX - 1)
        return err_set(e, ERR_CONFIG, "more than 64 GiB of states");
    if (region_reserve(&b->mem, n, e))
        return -1;
    *place = (uint32_t)(b->mem.n / BLOCKS_UNIT) + 1;
    b->mem.n += n;
    return 0;
}

void blocks_put(struct blocks *b, unsigned log, uint32_t place)
{
    if (!place)
        return;
    memcpy(blocks_at(b, place), &b->given_back[log], sizeof(place));
    b->given_back[log] = place;
}
