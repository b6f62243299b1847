/* wordset: a set of 64-bit words, for keys that fit into one.
 *
 * A word goes through a bijection that the process's own random numbers
 * choose, and what comes out is its hash and its proof at once: equal hashes
 * are equal words, so a word costs 8 bytes over the load of the table (10 to
 * 15 in all), and to find it one load that may miss the
 * caches. Not thread-safe. */
#ifndef TABLE_WORDSET_H
#define TABLE_WORDSET_H

#include "table/slots.h"

struct wordset {
    struct slots slots;
    uint64_t add, mul[2]; /* the bijection: random, mul odd */
    uint64_t zero;        /* what 0 would become: taken off, so that it is 0 */
};

/* Prepares an empty set that charges budget (borrowed). Allocates nothing. */
void wordset_init(struct wordset *w, struct budget *budget);

/* Adds the word, not 0, of this hash unless it is there: 1 where it is new, 0
 * where it was there, -1 with e as slots_reserve; the set is unchanged then. */
int wordset_insert(struct wordset *w, uint64_t hash, struct err *e);

/* Is it there? */
static inline bool wordset_find(const struct wordset *w, uint64_t hash)
{
    return *slots_seek(&w->slots, hash) == hash;
}

void wordset_free(struct wordset *w);

/* Two rounds of multiply-shift (Dietzfelbinger et al. 1997), which spread by
 * the leading bits; each step can be undone. */
static inline uint64_t wordset_mix(const struct wordset *w, uint64_t word)
{
    uint64_t x = (word ^ w->add) * w->mul[0];
    return (x ^ x >> 32) * w->mul[1];
}

/* The hash of word, which is not 0; nor is the hash. */
static inline uint64_t wordset_hash(const struct wordset *w, uint64_t word)
{
    return wordset_mix(w, word) ^ w->zero;
}

/* Starts to load where hash leads, a while before it is needed. */
static inline void wordset_prefetch(const struct wordset *w, uint64_t hash)
{
    slots_prefetch(&w->slots, hash);
}

#endif
