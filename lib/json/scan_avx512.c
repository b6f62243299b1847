#include "json/scan_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

static inline __m512i load(const uint8_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

static inline void classify(const uint8_t *p, struct scan_masks *m)
{
    __m512i v = load(p);
    __m512i v20 = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
    m->quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    m->backslash = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
    m->control = _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20));
    m->structural = _mm512_cmpeq_epi8_mask(v20, _mm512_set1_epi8('{')) |
                    _mm512_cmpeq_epi8_mask(v20, _mm512_set1_epi8('}')) |
                    _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(':')) |
                    _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(','));
    m->newline = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n'));
    m->space = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(' ')) |
               _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\t')) |
               _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\r'));
    m->high = _mm512_movepi8_mask(v);
    m->number =
        _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8('0')),
                               _mm512_set1_epi8(10)) |
        _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('-'));
}

static inline uint64_t prefix_xor(uint64_t x)
{
    __m128i r = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x),
                                     _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(r);
}

/* The tokens' bytes and their indexes, pressed together. Stores whole vectors
 * over what is not used yet: 128 tokens of room are there. */
static inline void emit(struct scan *s, const uint8_t *p, uint32_t base,
                        uint64_t tokens, uint64_t number)
{
    static const uint8_t order[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
        48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
    };
    __m512i v = _mm512_mask_blend_epi8(number, load(p), _mm512_set1_epi8('0'));
    __m512i idx = _mm512_maskz_compress_epi8(tokens, load(order));
    _mm512_storeu_si512(s->tok + s->n, _mm512_maskz_compress_epi8(tokens, v));
    uint32_t *pos = s->pos + s->n;
    const __m512i add = _mm512_set1_epi32((int)base);
    size_t n = (size_t)__builtin_popcountll(tokens);
    s->n += n;
    _mm512_storeu_si512(
        pos, _mm512_add_epi32(
                 add, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(idx))));
    if (n > 16)
        _mm512_storeu_si512(
            pos + 16,
            _mm512_add_epi32(
                add, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(idx, 1))));
    if (n > 32) {
        _mm512_storeu_si512(
            pos + 32,
            _mm512_add_epi32(
                add, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(idx, 2))));
        _mm512_storeu_si512(
            pos + 48,
            _mm512_add_epi32(
                add, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(idx, 3))));
    }
}

#define CLASSIFY(p, m) classify(p, m)
#define PREFIX_XOR(x) prefix_xor(x)
#define EMIT emit
#define SCAN_NAME(x) avx512_##x
#define KERNEL scan_run_avx512
#include "json/scan_body.h"

#endif
