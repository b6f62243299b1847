/* utf8_kernels: the kernels that this build has, and the tables of those with
 * vectors. */
#ifndef JSON_UTF8_KERNELS_H
#define JSON_UTF8_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef bool utf8_kernel(const uint8_t *p, size_t n);

utf8_kernel utf8_scalar;
#if defined(__x86_64__)
utf8_kernel utf8_avx2, utf8_avx512;
#elif defined(__aarch64__)
utf8_kernel utf8_neon;
#endif

/* What may be wrong with two bytes in a row: a bit stays set where the first
 * one's high digit, its low digit and the second one's high digit allow for it.
 * Two continuations are right as the end of a longer character, which is seen
 * from its first byte. */
enum {
    UTF8_UNFINISHED = 1,  /* a lead byte, and no continuation behind it */
    UTF8_STRAY = 2,       /* a continuation behind ASCII */
    UTF8_OVERLONG_3 = 4,  /* e0, then 80 to 9f */
    UTF8_ABOVE = 8,       /* f4 or more, then 90 to bf */
    UTF8_SURROGATE = 16,  /* ed, then a0 to bf */
    UTF8_OVERLONG_2 = 32, /* c0 or c1 */
    UTF8_EDGE_4 = 64,     /* f0 (overlong) or f5 and more, then 80 to 8f */
    UTF8_TWO = 128,       /* two continuations */

    UTF8_ANY_LOW = UTF8_UNFINISHED | UTF8_STRAY | UTF8_TWO,
    UTF8_F5_LOW = UTF8_ANY_LOW | UTF8_ABOVE | UTF8_EDGE_4,
    UTF8_CONTINUED = UTF8_STRAY | UTF8_TWO | UTF8_OVERLONG_2
};

/* clang-format off */
static const uint8_t utf8_first_high[16] = {
    UTF8_STRAY, UTF8_STRAY, UTF8_STRAY, UTF8_STRAY,
    UTF8_STRAY, UTF8_STRAY, UTF8_STRAY, UTF8_STRAY,
    UTF8_TWO, UTF8_TWO, UTF8_TWO, UTF8_TWO,
    UTF8_UNFINISHED | UTF8_OVERLONG_2,
    UTF8_UNFINISHED,
    UTF8_UNFINISHED | UTF8_OVERLONG_3 | UTF8_SURROGATE,
    UTF8_UNFINISHED | UTF8_ABOVE | UTF8_EDGE_4
};
static const uint8_t utf8_first_low[16] = {
    UTF8_ANY_LOW | UTF8_OVERLONG_2 | UTF8_OVERLONG_3 | UTF8_EDGE_4,
    UTF8_ANY_LOW | UTF8_OVERLONG_2,
    UTF8_ANY_LOW, UTF8_ANY_LOW,
    UTF8_ANY_LOW | UTF8_ABOVE,
    UTF8_F5_LOW, UTF8_F5_LOW, UTF8_F5_LOW, UTF8_F5_LOW,
    UTF8_F5_LOW, UTF8_F5_LOW, UTF8_F5_LOW, UTF8_F5_LOW,
    UTF8_F5_LOW | UTF8_SURROGATE,
    UTF8_F5_LOW, UTF8_F5_LOW
};
static const uint8_t utf8_second_high[16] = {
    UTF8_UNFINISHED, UTF8_UNFINISHED, UTF8_UNFINISHED, UTF8_UNFINISHED,
    UTF8_UNFINISHED, UTF8_UNFINISHED, UTF8_UNFINISHED, UTF8_UNFINISHED,
    UTF8_CONTINUED | UTF8_OVERLONG_3 | UTF8_EDGE_4,
    UTF8_CONTINUED | UTF8_OVERLONG_3 | UTF8_ABOVE,
    UTF8_CONTINUED | UTF8_SURROGATE | UTF8_ABOVE,
    UTF8_CONTINUED | UTF8_SURROGATE | UTF8_ABOVE,
    UTF8_UNFINISHED, UTF8_UNFINISHED, UTF8_UNFINISHED, UTF8_UNFINISHED
};
/* clang-format on */

#endif
