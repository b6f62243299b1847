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

struct words {
    uint64_t factor[2];
    unsigned shift;
    uint32_t mask;
    struct word {
        uint64_t v[2]; /* zeros: the slot is free */
    } * slots;         /* open addressing, at most a quarter full */
};

#define WORDS_MAX 4096 /* in a set */

/* Makes the set of v[0 .. n), n at most WORDS_MAX, in the arena: of those that
 * are at most WORD_MAX bytes long and need no escape. 0, or -1 without memory.
 */
int words_new(struct words **out, struct arena *a, const struct str *v,
              size_t n);

static inline uint32_t words_slot(const struct words *w, const uint64_t v[2])
{
    return (uint32_t)((v[0] * w->factor[0] + v[1] * w->factor[1]) >> w->shift) &
           w->mask;
}

/* True if the string of n bytes at p is in the set. n is at most WORD_MAX,
 * p[n] is the closing quote, and 16 bytes can be read at p. */
static inline bool words_have(const struct words *w, const char *p, size_t n)
{
    static const unsigned char keep[32] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    uint64_t v[2], k[2];
    memcpy(v, p, sizeof(v));
    memcpy(k, keep + WORD_MAX - n, sizeof(k));
    v[0] &= k[0];
    v[1] &= k[1];
    for (uint32_t i = words_slot(w, v);; i = (i + 1) & w->mask) {
        const uint64_t *have = w->slots[i].v;
        if (have[0] == v[0] && have[1] == v[1])
            return true;
        if (!have[0])
            return false;
    }
}

#endif
