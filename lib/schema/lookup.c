#include "schema/lookup.h"

#include "base/hash.h"

#include <stdint.h>
#include <stdlib.h>

struct lookup_slot {
    const void *of;
    struct str name;
    void *value; /* NULL: free */
};

static struct lookup_slot *slot_of(const struct lookup *l, const void *of,
                                   struct str name)
{
    size_t mask = l->cap - 1;
    uint64_t h = (uint64_t)(uintptr_t)of * 0x9e3779b97f4a7c15u;
    h ^= name.p ? hash64(name) : (uint64_t)name.n * 0xff51afd7ed558ccdu;
    size_t i = (size_t)(h >> 20 ^ h) & mask;
    for (; l->slots[i].value; i = (i + 1) & mask) {
        const struct lookup_slot *s = &l->slots[i];
        if (s->of == of && !s->name.p == !name.p &&
            (name.p ? str_eq(s->name, name) : s->name.n == name.n))
            break;
    }
    return &l->slots[i];
}

void *lookup_get(const struct lookup *l, const void *of, struct str name)
{
    return l->cap ? slot_of(l, of, name)->value : NULL;
}

static int grow(struct lookup *l)
{
    struct lookup to = { .cap = l->cap ? l->cap * 2 : 64, .n = l->n };
    to.slots = calloc(to.cap, sizeof(*to.slots));
    if (!to.slots)
        return -1;
    for (size_t i = 0; i < l->cap; i++)
        if (l->slots[i].value)
            *slot_of(&to, l->slots[i].of, l->slots[i].name) = l->slots[i];
    free(l->slots);
    *l = to;
    return 0;
}

int lookup_put(struct lookup *l, const void *of, struct str name, void *value)
{
    if (l->n * 2 >= l->cap && grow(l))
        return -1;
    struct lookup_slot *s = slot_of(l, of, name);
    l->n += !s->value;
    *s = (struct lookup_slot){ of, name, value };
    return 0;
}

void lookup_free(struct lookup *l)
{
    free(l->slots);
    *l = (struct lookup){ 0 };
}
