#include "table/wordset.h"

#include "base/seed.h"

void wordset_init(struct wordset *w, struct budget *budget)
{
    *w =
        (struct wordset){ .add = seed(0), .mul = { seed(1) | 1, seed(2) | 1 } };
    w->zero = wordset_mix(w, 0);
    slots_init(&w->slots, budget);
}

int wordset_insert(struct wordset *w, uint64_t hash, struct err *e)
{
    uint64_t *at = slots_seek(&w->slots, hash);
    if (*at == hash)
        return 0;
    if (slots_full(&w->slots)) {
        if (slots_reserve(&w->slots, e))
            return -1;
        at = slots_seek(&w->slots, hash);
    }
    slots_put(&w->slots, at, hash);
    return 1;
}

void wordset_free(struct wordset *w)
{
    slots_free(&w->slots);
}
