#include "source/csvscan_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

static inline uint64_t both(__m256i lo, __m256i hi)
{
    return (uint32_t)_mm256_movemask_epi8(lo) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(hi) << 32;
}

static inline uint64_t equal(__m256i lo, __m256i hi, uint8_t c)
{
    __m256i v = _mm256_set1_epi8((char)c);
    return both(_mm256_cmpeq_epi8(lo, v), _mm256_cmpeq_epi8(hi, v));
}

static inline __m256i escaped(__m256i x)
{
    __m256i v = _mm256_set1_epi8(0x1f);
    __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(x, v), x);
    __m256i quote = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('"'));
    __m256i backslash = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\'));
    return _mm256_or_si256(control, _mm256_or_si256(quote, backslash));
}

static inline void classify(const struct csvscan *s, const uint8_t *p,
                            struct csvscan_masks *m)
{
    __m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    m->quote = equal(lo, hi, s->quote);
    m->delimiter = equal(lo, hi, s->delimiter);
    m->lf = equal(lo, hi, '\n');
    m->cr = equal(lo, hi, '\r');
    m->nul = equal(lo, hi, 0);
    m->high = both(lo, hi);
    m->escape = both(escaped(lo), escaped(hi));
}

static inline uint64_t prefix_xor(uint64_t x)
{
    __m128i r = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x),
                                     _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(r);
}

#define CLASSIFY classify
#define PREFIX_XOR prefix_xor
#define EMIT csvscan_emit_bits
#define KERNEL csvscan_avx2
#include "source/csvscan_body.h"

#endif
