#include "evolve/pool.h"

#include <stdlib.h>

#define CHUNK ((size_t)64 << 10)

struct pool_chunk {
    size_t cap;
    _Alignas(16) char data[];
};

static int add_chunk(struct pool *p, size_t n)
{
    size_t cap = n > CHUNK ? n : CHUNK;
    if (p->total > p->max || cap > p->max - p->total)
        return -1;
    struct pool_chunk **v =
        realloc(p->chunks, (p->n + 1) * sizeof(struct pool_chunk *));
    if (!v)
        return -1;
    p->chunks = v;
    struct pool_chunk *c = malloc(sizeof(*c) + cap);
    if (!c)
        return -1;
    c->cap = cap;
    p->total += cap;
    v[p->n++] = c;
    return 0;
}

void *pool_take(struct pool *p, size_t n)
{
    n = n ? (n + 15) & ~(size_t)15 : 16;
    while (p->at < p->n && p->chunks[p->at]->cap - p->used < n) {
        p->at++;
        p->used = 0;
    }
    if (p->at == p->n && add_chunk(p, n))
        return NULL;
    void *to = p->chunks[p->at]->data + p->used;
    p->used += n;
    return to;
}

struct pool_mark pool_mark(const struct pool *p)
{
    return (struct pool_mark){ p->at, p->used };
}

void pool_release(struct pool *p, struct pool_mark m)
{
    p->at = m.at;
    p->used = m.used;
}

void pool_free(struct pool *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->chunks[i]);
    free(p->chunks);
    *p = (struct pool){ .max = p->max };
}
