#include "json/scan_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

static inline uint64_t both(__m256i lo, __m256i hi)
{
    return (uint32_t)_mm256_movemask_epi8(lo) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(hi) << 32;
}

static inline uint64_t equal(__m256i lo, __m256i hi, char c)
{
    __m256i v = _mm256_set1_epi8(c);
    return both(_mm256_cmpeq_epi8(lo, v), _mm256_cmpeq_epi8(hi, v));
}

/* Unsigned bytes at most c. */
static inline uint64_t at_most(__m256i lo, __m256i hi, char c)
{
    __m256i v = _mm256_set1_epi8(c);
    return both(_mm256_cmpeq_epi8(_mm256_min_epu8(lo, v), lo),
                _mm256_cmpeq_epi8(_mm256_min_epu8(hi, v), hi));
}

static inline void classify(const uint8_t *p, struct scan_masks *m)
{
    __m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    const __m256i bit = _mm256_set1_epi8(0x20);
    /* '[' and '{', ']' and '}' differ in this bit alone. */
    __m256i lo20 = _mm256_or_si256(lo, bit), hi20 = _mm256_or_si256(hi, bit);
    m->quote = equal(lo, hi, '"');
    m->newline = equal(lo, hi, '\n');
    m->structural = equal(lo20, hi20, '{') | equal(lo20, hi20, '}') |
                    equal(lo, hi, ':') | equal(lo, hi, ',') | m->newline;
    m->edge = m->structural | m->quote | equal(lo, hi, ' ') |
              equal(lo, hi, '\t') | equal(lo, hi, '\r');
    const __m256i nil = _mm256_set1_epi8('0');
    m->digit = at_most(_mm256_sub_epi8(lo, nil), _mm256_sub_epi8(hi, nil), 9);
    m->zero = equal(lo, hi, '0');
    m->point = equal(lo, hi, '.');
    m->minus = equal(lo, hi, '-');
    m->backslash = equal(lo, hi, '\\');
    m->control = at_most(lo, hi, 0x1f) & ~m->newline;
    m->high = both(lo, hi);
    m->rare = m->backslash | m->control | m->high;
}

static inline uint64_t prefix_xor(uint64_t x)
{
    __m128i r = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x),
                                     _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(r);
}

#define CLASSIFY(p, m) classify(p, m)
#define CLASSIFY_RARE(p, m) (void)0
#define PREFIX_XOR(x) prefix_xor(x)
#define EMIT scan_emit_bits
#define SCAN_NAME(x) avx2_##x
#define KERNEL scan_run_avx2
#include "json/scan_body.h"

#endif
