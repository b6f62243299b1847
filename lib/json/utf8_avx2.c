#include "json/utf8_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define WIDTH 32

typedef __m256i vec;

static inline vec load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline vec either(vec a, vec b)
{
    return _mm256_or_si256(a, b);
}

/* By halves, the lower one coming to the upper one's aid. */
#define moved(v, k) \
    _mm256_alignr_epi8(v, _mm256_permute2x128_si256(v, v, 0x08), 16 - (k))

static inline bool ascii(vec v)
{
    return _mm256_movemask_epi8(v) == 0;
}

static inline bool clear(vec v)
{
    return _mm256_testz_si256(v, v);
}

/* Entries of the table by the bytes' low digits. */
static inline vec look_up(const uint8_t *table, vec v)
{
    __m128i t = _mm_loadu_si128((const __m128i *)(const void *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t),
                               _mm256_and_si256(v, _mm256_set1_epi8(15)));
}

static inline vec errors(vec v3, vec v2, vec v1, vec v)
{
    vec a = look_up(utf8_first_high, _mm256_srli_epi16(v1, 4));
    vec b = look_up(utf8_first_low, v1);
    vec c = look_up(utf8_second_high, _mm256_srli_epi16(v, 4));
    vec wrong = _mm256_and_si256(_mm256_and_si256(a, b), c);
    /* The top bit is set where a third or fourth byte has to be. */
    vec third = _mm256_subs_epu8(v2, _mm256_set1_epi8(0xe0 - 0x80));
    vec fourth = _mm256_subs_epu8(v3, _mm256_set1_epi8(0xf0 - 0x80));
    vec must = _mm256_and_si256(_mm256_or_si256(third, fourth),
                                _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(must, wrong);
}

#define KERNEL utf8_avx2
#include "json/utf8_body.h"

#endif
