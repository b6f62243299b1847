#include "dlq/idmap.h"

#include <stdlib.h>

/* The keys are hashes already: their low bits are the place. */
static struct idmap_slot *place(const struct idmap *m, struct hash128 key)
{
    size_t i = key.lo & (m->cap - 1);
    while (m->slots[i].value != 0 &&
           (m->slots[i].key.lo != key.lo || m->slots[i].key.hi != key.hi))
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

static int grow(struct idmap *m)
{
    struct idmap bigger = { .n = m->n, .cap = m->cap ? m->cap * 2 : 64 };
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value != 0)
            *place(&bigger, m->slots[i].key) = m->slots[i];
    free(m->slots);
    *m = bigger;
    return 0;
}

uint64_t *idmap_at(struct idmap *m, struct hash128 key)
{
    if (m->n >= m->cap / 4 * 3 && (m->n >= IDMAP_MAX || grow(m)))
        return NULL;
    struct idmap_slot *s = place(m, key);
    if (s->value == 0) {
        s->key = key;
        m->n++;
    }
    return &s->value;
}

uint64_t idmap_get(const struct idmap *m, struct hash128 key)
{
    return m->cap ? place(m, key)->value : 0;
}

void idmap_free(struct idmap *m)
{
    free(m->slots);
    *m = (struct idmap){ 0 };
}
