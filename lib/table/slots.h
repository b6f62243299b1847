/* slots: a hash table of 64-bit values, kept in order of the values.
 *
 * Open addressing with linear probing. A value is its own hash: its leading 30
 * bits, as a fraction of all that they can be, say where among the slots its
 * home is, so that values lie in ascending order from front to
 * back (Amble and Knuth 1974, "Ordered hash tables"), but for gaps. A search
 * ends at the first value that is not less; and the table grows in place, by
 * any factor, in one pass in order: by a half or a quarter where it is large,
 * so that it never holds much more than its values, nor itself twice. Up to
 * four fifths of it are used, where it is small three. Values are spread well
 * by whoever makes them; 0 is no value. Not thread-safe. */
#ifndef TABLE_SLOTS_H
#define TABLE_SLOTS_H

#include "base/err.h"
#include "table/region.h"

#include <stdbool.h>
#include <stdint.h>

/* Of a value, at the end: they order values of one home and nothing else. */
#define SLOTS_FREE_BITS 34

#define SLOTS_AT_A_TIME 4

struct slots {
    struct region mem; /* owned */
    uint64_t *v;       /* the slots: in mem, or some that stay empty */
    uint64_t homes;    /* behind these are slots for what found none */
    uint64_t end;      /* slots; the last SLOTS_AT_A_TIME stay empty */
    uint64_t n, room;  /* values; values that fit before the table must grow */
};

/* Prepares an empty table that charges budget (borrowed). Allocates nothing. */
void slots_init(struct slots *s, struct budget *budget);

/* Has room for one more value; slots move. 0, or -1 with e as region_reserve
 * (ERR_CONFIG also past 3 * 2^30 values); the table is unchanged then. */
int slots_reserve(struct slots *s, struct err *e);

void slots_free(struct slots *s);

static inline uint64_t slots_home(const struct slots *s, uint64_t value)
{
    return (value >> SLOTS_FREE_BITS) * s->homes >> (64 - SLOTS_FREE_BITS);
}

/* The slot of the first value that is not less, as far as the search goes; or
 * the empty slot before it. Only value itself can be there or not: others are
 * where value would have to stand. Looks at some slots at a time without
 * branches, for where the search ends nobody can guess. */
static inline uint64_t *slots_seek(const struct slots *s, uint64_t value)
{
    uint64_t *at = s->v + slots_home(s, value);
    for (;;) {
        unsigned n = 0;
        for (unsigned i = 0; i < SLOTS_AT_A_TIME; i++)
            n += at[i] - 1 < value - 1; /* so 0 is greater than all */
        at += n;
        if (n < SLOTS_AT_A_TIME)
            return at;
    }
}

/* Starts to load what slots_seek will look at. */
static inline void slots_prefetch(const struct slots *s, uint64_t value)
{
    const uint64_t *at = s->v + slots_home(s, value);
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + 4, 1); /* often in the next line */
}

/* True where slots_reserve has to be called before the next slots_put. */
static inline bool slots_full(const struct slots *s)
{
    return s->n >= s->room || s->v[s->end - SLOTS_AT_A_TIME - 1];
}

/* Puts value, which is not there, into the slot where slots_seek found that it
 * belongs. The table is not full. */
static inline void slots_put(struct slots *s, uint64_t *at, uint64_t value)
{
    while (value) {
        uint64_t next = *at;
        *at++ = value;
        value = next;
    }
    s->n++;
}

#endif
