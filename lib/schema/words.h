/* words: a set of short strings, asked with two loads and mostly one
 * comparison, for enum and const. Internal to lib/schema; read-only once made.
 *
 * A word is kept with its closing quote behind it and zeros up to 16 bytes, so
 * that the length need not be compared. */
#ifndef SCHEMA_WORDS_H
#define SCHEMA_WORDS_H

#include "base/arena.h"

#include <stdint.h>

#define WORD_MAX 15 /* bytes of a word */

struct word {
    uint64_t lo, hi; /* its first eight bytes, and the others */
};

struct words {
    uint64_t factor[2];
    unsigned shift;
    uint32_t mask;
    struct word *slots; /* open addressing, at most a quarter full; lo is 0
                           where a slot is free */
};

static inline struct word word_at(const void *p)
{
    struct word x;
    memcpy(&x.lo, p, sizeof(x.lo));
    memcpy(&x.hi, (const char *)p + sizeof(x.lo), sizeof(x.hi));
    return x;
}

#define WORDS_MAX 4096 /* in a set */

/* Makes the set of v[0 .. n), n at most WORDS_MAX, in the arena: of those that
 * are at most WORD_MAX bytes long and need no escape. 0, or -1 without memory.
 */
int words_new(struct words **out, struct arena *a, const struct str *v,
              size_t n);

static inline uint32_t words_slot(const struct words *w, struct word x)
{
    return (uint32_t)((x.lo * w->factor[0] + x.hi * w->factor[1]) >> w->shift);
}

/* True if the string of n bytes at p is in the set. n is at most WORD_MAX,
 * p[n] is the closing quote, and 16 bytes can be read at p. */
static inline bool words_have(const struct words *w, const char *p, size_t n)
{
    static const unsigned char keep[32] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    struct word x = word_at(p), k = word_at(keep + WORD_MAX - n);
    x.lo &= k.lo;
    x.hi &= k.hi;
    for (uint32_t i = words_slot(w, x);; i = (i + 1) & w->mask) {
        if (w->slots[i].lo == x.lo && w->slots[i].hi == x.hi)
            return true;
        if (!w->slots[i].lo)
            return false;
    }
}

#endif
