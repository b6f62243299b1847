#include "source/csvscan_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

static inline uint64_t equal(__m512i v, uint8_t c)
{
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)c));
}

static inline void classify(const struct csvscan *s, const uint8_t *p,
                            struct csvscan_masks *m)
{
    __m512i v = _mm512_loadu_si512((const void *)p);
    m->quote = equal(v, s->quote);
    m->delimiter = equal(v, s->delimiter);
    m->lf = equal(v, '\n');
    m->cr = equal(v, '\r');
    m->nul = equal(v, 0);
    m->high = _mm512_movepi8_mask(v);
    m->escape = _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20)) |
                equal(v, '"') | equal(v, '\\');
}

static inline uint64_t prefix_xor(uint64_t x)
{
    __m128i r = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x),
                                     _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(r);
}

/* The indexes, pressed together. Stores whole vectors over what is not used
 * yet. */
static inline void emit(struct csvscan *s, uint32_t base, uint64_t ends)
{
    static const uint8_t order[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
        48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
    };
    __m512i idx = _mm512_maskz_compress_epi8(
        ends, _mm512_loadu_si512((const void *)order));
    const __m512i add = _mm512_set1_epi16((short)base);
    uint16_t *to = s->end + s->n;
    uint32_t n = (uint32_t)__builtin_popcountll(ends);
    s->n += n;
    _mm512_storeu_si512(
        to, _mm512_add_epi16(
                add, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(idx))));
    if (n > 32)
        _mm512_storeu_si512(
            to + 32,
            _mm512_add_epi16(
                add, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(idx, 1))));
}

#define CLASSIFY classify
#define PREFIX_XOR prefix_xor
#define EMIT emit
#define KERNEL csvscan_avx512
#include "source/csvscan_body.h"

#endif
