/* swar: eight bytes compared at once in a 64-bit word. Internal to lib/schema.
 *
 * A byte is within a range [lo, hi] of ASCII if neither of two subtractions
 * borrows; the top bit of each byte, set beforehand, keeps borrows from
 * crossing (Warren, "Hacker's Delight", section 6-2). Words are built with
 * memcpy, so the order of bytes does not matter. */
#ifndef SCHEMA_SWAR_H
#define SCHEMA_SWAR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SWAR_ONES 0x0101010101010101u
#define SWAR_HIGH 0x8080808080808080u

static inline uint64_t swar_load(const void *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/* The top bits of those bytes of x that are within the bytes of lo and hi, all
 * below 0x80. lo > hi: none is. */
static inline uint64_t swar_within(uint64_t x, uint64_t lo, uint64_t hi)
{
    return ((x | SWAR_HIGH) - lo) & ((hi | SWAR_HIGH) - (x & ~SWAR_HIGH)) & ~x &
           SWAR_HIGH;
}

#endif
