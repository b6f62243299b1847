#include "lineage/names.h"

#include "base/hash.h"

#include <stdlib.h>

/* The slot of text, or the empty one where it belongs. */
static uint32_t slot_of(const struct names *t, struct str text)
{
    uint32_t i = (uint32_t)hash64(text) & t->mask;
    while (t->slots[i] && !str_eq(t->v[t->slots[i] - 1], text))
        i = (i + 1) & t->mask;
    return i;
}

static int grow(struct names *t)
{
    uint32_t cap = t->cap ? t->cap * 2 : 64;
    struct str *v = cap ? realloc(t->v, cap * sizeof(*v)) : NULL;
    if (v)
        t->v = v;
    uint32_t *slots = v ? calloc((size_t)cap * 2, sizeof(*slots)) : NULL;
    if (!slots)
        return -1;
    free(t->slots);
    t->slots = slots;
    t->mask = cap * 2 - 1;
    t->cap = cap;
    for (uint32_t k = 0; k < t->n; k++)
        t->slots[slot_of(t, t->v[k])] = k + 1;
    return 0;
}

uint32_t names_find(const struct names *t, struct str text)
{
    uint32_t found = t->n ? t->slots[slot_of(t, text)] : 0;
    return found ? found - 1 : NAMES_NONE;
}

uint32_t names_add(struct names *t, struct str text)
{
    uint32_t known = names_find(t, text);
    if (known != NAMES_NONE)
        return known;
    if (t->n == t->cap && grow(t))
        return NAMES_NONE;
    struct str copy = arena_dup(&t->text, text);
    if (!copy.p)
        return NAMES_NONE;
    t->slots[slot_of(t, text)] = t->n + 1;
    t->v[t->n] = copy;
    return t->n++;
}

void names_free(struct names *t)
{
    free(t->v);
    free(t->slots);
    arena_free(&t->text);
    *t = (struct names){ 0 };
}
