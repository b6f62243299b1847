#include "json/utf8_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDTH 64

/* Entries of the table by the bytes' low digits. */
static inline __m512i look_up(const uint8_t *table, __m512i v)
{
    __m128i t = _mm_loadu_si128((const __m128i *)(const void *)table);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(t),
                               _mm512_and_si512(v, _mm512_set1_epi8(15)));
}

/* Bytes k to 63 + k of two vectors in a row, for k from 61. */
static inline __m512i from(int k, __m512i before, __m512i v)
{
    /* clang-format off */
    const __m512i count = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48,
        47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32,
        31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
        15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    /* clang-format on */
    __m512i index = _mm512_add_epi8(count, _mm512_set1_epi8((char)k));
    return _mm512_permutex2var_epi8(before, index, v);
}

/* Not zero where v, behind the bytes `before`, is wrong. */
static inline __m512i errors(__m512i before, __m512i v)
{
    __m512i v1 = from(63, before, v);
    __m512i v2 = from(62, before, v);
    __m512i v3 = from(61, before, v);

    __m512i a = look_up(utf8_first_high, _mm512_srli_epi16(v1, 4));
    __m512i b = look_up(utf8_first_low, v1);
    __m512i c = look_up(utf8_second_high, _mm512_srli_epi16(v, 4));
    __m512i wrong = _mm512_and_si512(_mm512_and_si512(a, b), c);
    /* The top bit is set where a third or fourth byte has to be. */
    __m512i third = _mm512_subs_epu8(v2, _mm512_set1_epi8(0xe0 - 0x80));
    __m512i fourth = _mm512_subs_epu8(v3, _mm512_set1_epi8(0xf0 - 0x80));
    __m512i must = _mm512_and_si512(_mm512_or_si512(third, fourth),
                                    _mm512_set1_epi8((char)0x80));
    return _mm512_xor_si512(must, wrong);
}

static inline __m512i load(const uint8_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

/* The first n bytes, zeros behind; what is masked is not touched. */
static inline __m512i load_some(const uint8_t *p, size_t n)
{
    return _mm512_maskz_loadu_epi8(_bzhi_u64(~(uint64_t)0, (unsigned)n), p);
}

bool utf8_avx512(const uint8_t *p, size_t n)
{
    __m512i before = _mm512_setzero_si512(), bad = before;
    size_t i = 0;
    for (; n - i >= 4 * WIDTH; i += 4 * WIDTH) {
        __m512i v0 = load(p + i), v1 = load(p + i + WIDTH);
        __m512i v2 = load(p + i + 2 * WIDTH), v3 = load(p + i + 3 * WIDTH);
        __m512i all =
            _mm512_or_si512(_mm512_or_si512(v0, v1), _mm512_or_si512(v2, v3));
        bad = _mm512_or_si512(bad, errors(before, v0));
        if (_mm512_movepi8_mask(all)) {
            bad = _mm512_or_si512(bad, errors(v0, v1));
            bad = _mm512_or_si512(bad, errors(v1, v2));
            bad = _mm512_or_si512(bad, errors(v2, v3));
        }
        before = v3;
    }
    for (; n - i >= WIDTH; i += WIDTH) {
        __m512i v = load(p + i);
        bad = _mm512_or_si512(bad, errors(before, v));
        before = v;
    }
    /* Zeros behind the end show what is not finished there. */
    __m512i v = load_some(p + i, n - i);
    bad = _mm512_or_si512(bad, errors(before, v));
    return _mm512_test_epi8_mask(bad, bad) == 0;
}

#endif
