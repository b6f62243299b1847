#include "base/arena.h"

#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    size_t cap;
    _Alignas(16) char data[];
};

#define ARENA_FIRST 4096
#define ARENA_LARGEST ((size_t)4 << 20)

void *arena_alloc(struct arena *a, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (n == 0)
        n = 16;
    if (!a->head || a->head->cap - a->used < n) {
        size_t cap = a->head ? a->head->cap * 2 : ARENA_FIRST;
        if (cap > ARENA_LARGEST)
            cap = ARENA_LARGEST;
        if (cap < n)
            cap = n;
        if (a->max && (cap > a->max || a->total > a->max - cap))
            return NULL;
        struct arena_block *b = malloc(sizeof(*b) + cap);
        if (!b)
            return NULL;
        b->next = a->head;
        b->cap = cap;
        a->head = b;
        a->used = 0;
        a->total += cap;
    }
    void *p = a->head->data + a->used;
    a->used += n;
    return p;
}

struct str arena_dup(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return (struct str){ NULL, 0 };
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){ p, s.n };
}

void arena_reset(struct arena *a)
{
    struct arena_block *b = a->head;
    if (!b)
        return;
    for (struct arena_block *o = b->next, *next; o; o = next) {
        next = o->next;
        free(o);
    }
    b->next = NULL;
    a->total = b->cap;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    arena_reset(a);
    free(a->head);
    *a = (struct arena){ .max = a->max };
}
