#include "aggregate/chain.h"

#include <string.h>

/* With their heads, chunks are from one cache line to 64 KiB; but as large as
 * a piece that needs it. */
#define CAP_LEAST (64 - sizeof(struct chunk))
#define CAP_MOST ((64 << 10) - sizeof(struct chunk))

_Static_assert(sizeof(struct chunk) == CHAIN_UNIT, "a head is a unit");

/* Adds an empty chunk of at least n bytes, which becomes the last one. */
static int add_chunk(struct chain *c, struct region *r, size_t n, struct err *e)
{
    size_t cap = (size_t)c->cap * 2 + sizeof(struct chunk);
    if (cap < CAP_LEAST)
        cap = CAP_LEAST;
    if (cap > CAP_MOST)
        cap = CAP_MOST;
    if (cap < n)
        cap = (n + CHAIN_UNIT - 1) / CHAIN_UNIT * CHAIN_UNIT;
    if (r->n / CHAIN_UNIT >= UINT32_MAX - 1 || cap > UINT32_MAX - CHAIN_UNIT)
        return err_set(e, ERR_CONFIG, "more than 32 GiB of values");
    if (region_reserve(r, sizeof(struct chunk) + cap, e))
        return -1;
    uint32_t place = (uint32_t)(r->n / CHAIN_UNIT) + 1;
    struct chunk head = { .cap = (uint32_t)cap };
    memcpy(chain_chunk(r, place), &head, sizeof(head));
    r->n += sizeof(head) + cap;
    if (c->last)
        memcpy(chain_chunk(r, c->last), &place, sizeof(place));
    else
        c->first = place;
    c->before += c->used;
    c->last = place;
    c->used = 0;
    c->cap = head.cap;
    return 0;
}

static void put(struct chain *c, const struct region *r, const char *p,
                size_t n)
{
    memcpy(chain_chunk(r, c->last) + sizeof(struct chunk) + c->used, p, n);
    c->used += (uint32_t)n;
}

int chain_add(struct chain *c, struct region *r, const void *p, size_t n,
              struct err *e)
{
    size_t fits = c->cap - c->used;
    if (n <= fits) {
        if (n)
            put(c, r, p, n);
        return 0;
    }
    /* What fits goes to the old chunk once the new one is there. */
    struct chain old = *c;
    if (add_chunk(c, r, n - fits, e))
        return -1;
    if (fits)
        put(&old, r, p, fits);
    c->before += fits;
    put(c, r, (const char *)p + fits, n - fits);
    return 0;
}

const char *chain_next(const struct chain *c, const struct region *r,
                       uint32_t *place, size_t *n)
{
    struct chunk head;
    uint32_t next = c->first;
    if (*place) {
        memcpy(&head, chain_chunk(r, *place), sizeof(head));
        next = head.next;
    }
    if (!next)
        return NULL;
    memcpy(&head, chain_chunk(r, next), sizeof(head));
    *place = next;
    *n = next == c->last ? c->used : head.cap;
    return chain_chunk(r, next) + sizeof(head);
}
