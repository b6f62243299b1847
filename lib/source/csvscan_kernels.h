/* csvscan_kernels: the kernels that this build has, and what they share. */
#ifndef SOURCE_CSVSCAN_KERNELS_H
#define SOURCE_CSVSCAN_KERNELS_H

#include "json/scan_kernels.h"
#include "source/csvscan.h"

/* Masks of 64 bytes: bit i is byte i. */
struct csvscan_masks {
    uint64_t quote, delimiter, lf, cr, nul, high;
    uint64_t escape; /* control characters, double quotes and backslashes */
};

typedef void csvscan_kernel(struct csvscan *s, const uint8_t *p, uint32_t n);

csvscan_kernel csvscan_scalar;
#if defined(__x86_64__)
csvscan_kernel csvscan_avx2, csvscan_avx512;
#elif defined(__aarch64__)
csvscan_kernel csvscan_neon;
#endif

/* Eight at a time, needed or not: a branch for each would be guessed wrong too
 * often. Behind the last one the indexes mean nothing. */
static inline void csvscan_emit_bits(struct csvscan *s, uint32_t base,
                                     uint64_t ends)
{
    uint16_t *to = s->end + s->n;
    s->n += (uint32_t)__builtin_popcountll(ends);
    for (; ends; to += 8) {
        for (int i = 0; i < 8; i++) {
            uint64_t bit = ends | (uint64_t)1 << 63;
            to[i] = (uint16_t)(base + (uint32_t)__builtin_ctzll(bit));
            ends &= ends - 1;
        }
    }
}

#endif
