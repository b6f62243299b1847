/* hash: XXH3 (Collet, libxxhash), 64 and 128 bits, whole or streamed.
 *
 * Not cryptographic: keys are always compared exactly behind a hash. The
 * values are the same on every machine, so they may be stored. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct hash128 {
    uint64_t lo, hi;
};

static inline struct hash128 hash128(struct str s)
{
    XXH128_hash_t h = XXH3_128bits(s.p, s.n);
    return (struct hash128){ h.low64, h.high64 };
}

static inline uint64_t hash64(struct str s)
{
    return XXH3_64bits(s.p, s.n);
}

/* Writes h as 32 hex digits and a NUL into out. */
static inline void hash128_hex(struct hash128 h, char out[33])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[i] = digits[h.hi >> (60 - 4 * i) & 15];
        out[16 + i] = digits[h.lo >> (60 - 4 * i) & 15];
    }
    out[32] = '\0';
}

/* Reads what hash128_hex wrote; false unless it is 32 of its digits. */
static inline bool hash128_read(struct str hex, struct hash128 *h)
{
    uint64_t v[2] = { 0 };
    for (size_t i = 0; i < 32 && hex.n == 32; i++) {
        char c = hex.p[i];
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                            : 16;
        if (d > 15)
            return false;
        v[i / 16] = v[i / 16] << 4 | d;
    }
    *h = (struct hash128){ .hi = v[0], .lo = v[1] };
    return hex.n == 32;
}

#endif
