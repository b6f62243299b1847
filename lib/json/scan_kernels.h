/* scan_kernels: the kernels that this build has. */
#ifndef JSON_SCAN_KERNELS_H
#define JSON_SCAN_KERNELS_H

#include "json/scan.h"

scan_run scan_run_scalar;
#if defined(__x86_64__)
scan_run scan_run_avx2, scan_run_avx512;
#elif defined(__aarch64__)
scan_run scan_run_neon;
#endif

/* Writes the tokens of one step, bit by bit. */
static inline void scan_emit_bits(uint8_t *tok, uint32_t *pos, const uint8_t *p,
                                  uint32_t base, uint64_t tokens,
                                  uint64_t number)
{
    while (tokens) {
        uint32_t i = (uint32_t)__builtin_ctzll(tokens);
        *tok++ = number >> i & 1 ? '0' : p[i];
        *pos++ = base + i;
        tokens &= tokens - 1;
    }
}

/* Bit i is the parity of bits 0 to i. */
static inline uint64_t scan_prefix_xor(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    x ^= x << 32;
    return x;
}

#endif
