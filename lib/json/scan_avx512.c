#include "json/scan_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* A table by character, for ASCII. */
#define ROW(f, c)                                                      \
    f(c), f(c + 1), f(c + 2), f(c + 3), f(c + 4), f(c + 5), f(c + 6),  \
        f(c + 7), f(c + 8), f(c + 9), f(c + 10), f(c + 11), f(c + 12), \
        f(c + 13), f(c + 14), f(c + 15)
#define TABLE(f)                                                               \
    {                                                                          \
        ROW(f, 0), ROW(f, 16), ROW(f, 32), ROW(f, 48), ROW(f, 64), ROW(f, 80), \
            ROW(f, 96), ROW(f, 112)                                            \
    }

/* Classes of characters, as bits. */
enum {
    STRUCTURAL = 1, /* line feeds, too */
    SPACE = 2,
    QUOTE = 4,
    POINT = 8,
    RARE = 128 /* backslashes, control characters but for the line feed; the
                  top bit, as bytes above ASCII have it */
};

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_STRUCTURAL(c)                                                   \
    ((c) == '{' || (c) == '}' || (c) == '[' || (c) == ']' || (c) == ':' || \
     (c) == ',' || (c) == '\n')
#define IS_SPACE(c) ((c) == ' ' || (c) == '\t' || (c) == '\r')
#define CLASS(c)                                                       \
    (uint8_t)((IS_STRUCTURAL(c) ? STRUCTURAL : 0) |                    \
              (IS_SPACE(c) ? SPACE : 0) | ((c) == '"' ? QUOTE : 0) |   \
              ((c) == '\\' || ((c) < ' ' && (c) != '\n') ? RARE : 0) | \
              ((c) == '.' ? POINT : 0))

/* The token that begins with a character. */
#define TOKEN(c) (uint8_t)(IS_DIGIT(c) || (c) == '-' ? '0' : (c))

/* What is odd about two characters of a number that follow each other, or of
 * which one is beside it. */
enum {
    POINT_AND = 1,  /* behind a point comes no digit */
    AND_POINT = 2,  /* in front of a point was none */
    MINUS_AND = 4,  /* behind a minus comes no digit */
    AND_MINUS = 8,  /* a minus is not the first */
    AND_OTHER = 16, /* behind part of a number comes what is none */
    OTHER_AND = 32, /* the other way round */
    PAIRS = 63,
    ZERO_AND = 64 /* behind a zero, which is the first digit, comes another */
};

#define IN_NUMBER(c) (IS_DIGIT(c) || (c) == '.' || (c) == '-')
#define BESIDE(c) (IS_STRUCTURAL(c) || IS_SPACE(c) || (c) == '"')
#define FIRST(c)                                                             \
    (uint8_t)(((c) == '.' ? POINT_AND : 0) | (IS_DIGIT(c) ? 0 : AND_POINT) | \
              ((c) == '-' ? MINUS_AND : 0) | (BESIDE(c) ? 0 : AND_MINUS) |   \
              (IN_NUMBER(c) ? AND_OTHER : 0) |                               \
              (IN_NUMBER(c) || BESIDE(c) ? 0 : OTHER_AND) |                  \
              ((c) == '0' ? ZERO_AND : 0))
#define SECOND(c)                                                            \
    (uint8_t)((IS_DIGIT(c) ? OTHER_AND | ZERO_AND : POINT_AND | MINUS_AND) | \
              ((c) == '.' ? AND_POINT : 0) | ((c) == '-' ? AND_MINUS : 0) |  \
              (IN_NUMBER(c) || BESIDE(c) ? 0 : AND_OTHER))
/* What both are still odd in if this one comes before them. */
#define BEFORE_BOTH(c) \
    (uint8_t)(PAIRS | (IS_DIGIT(c) || (c) == '.' ? 0 : ZERO_AND))

static const uint8_t class_of[128] = TABLE(CLASS);
static const uint8_t token_of[128] = TABLE(TOKEN);
static const uint8_t first_of[128] = TABLE(FIRST);
static const uint8_t second_of[128] = TABLE(SECOND);
static const uint8_t before_of[128] = TABLE(BEFORE_BOTH);

static inline __m512i load(const uint8_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

/* Looks 64 bytes up at once, by seven bits of each. */
static inline __m512i look_up(const uint8_t table[128], __m512i v)
{
    return _mm512_permutex2var_epi8(load(table), v, load(table + 64));
}

/* A mask as a plain number: left to itself the compiler reckons with masks in
 * their own registers, which are few and slow. */
static inline uint64_t plain(__mmask64 mask)
{
    uint64_t x = mask;
    __asm__("" : "+r"(x));
    return x;
}

static inline uint64_t any_of(__m512i class, char bits)
{
    return plain(_mm512_test_epi8_mask(class, _mm512_set1_epi8(bits)));
}

static inline uint64_t equal(__m512i v, char c)
{
    return plain(_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(c)));
}

static inline void classify(const uint8_t *p, struct scan_masks *m)
{
    __m512i v = load(p), class = look_up(class_of, v);
    m->quote = any_of(class, QUOTE);
    m->structural = any_of(class, STRUCTURAL);
    m->newline = equal(v, '\n');
    m->edge = any_of(class, STRUCTURAL | SPACE | QUOTE);
    m->point = any_of(class, POINT);
    m->digit = m->zero = m->minus = 0; /* emit and odd_pairs do without */
    m->rare = plain(_mm512_movepi8_mask(_mm512_or_si512(class, v)));
}

/* Bytes above ASCII were taken for what their other seven bits say. */
static inline void classify_rare(const uint8_t *p, struct scan_masks *m)
{
    __m512i v = load(p);
    uint64_t high = plain(_mm512_movepi8_mask(v));
    m->high = high;
    m->backslash = equal(v, '\\');
    m->control =
        plain(_mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(' '))) & ~m->newline;
    m->quote &= ~high;
    m->structural &= ~high;
    m->edge &= ~high;
    m->point &= ~high;
}

/* All that is odd in pairs, by tables; `back` is how many bytes of the block,
 * two at most, stand in front of p. */
static inline uint64_t odd_pairs(const uint8_t *p, uint32_t back, uint64_t near)
{
    __m512i one, two;
    if (__builtin_expect(back == 2, 1)) {
        one = load(p - 1);
        two = load(p - 2);
    } else { /* a line feed stands for what is not there, and not read */
        const __m512i feed = _mm512_set1_epi8('\n');
        one = _mm512_mask_loadu_epi8(feed, back ? ~(__mmask64)0 : ~(__mmask64)1,
                                     p - 1);
        two = _mm512_mask_loadu_epi8(feed, ~(__mmask64)3, p - 2);
    }
    __m512i pairs =
        _mm512_and_si512(look_up(first_of, one), look_up(second_of, load(p)));
    return near & plain(_mm512_test_epi8_mask(pairs, look_up(before_of, two)));
}

static inline uint64_t prefix_xor(uint64_t x)
{
    __m128i r = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x),
                                     _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(r);
}

static inline void put_positions(uint32_t *pos, __m128i indexes, __m512i base)
{
    _mm512_storeu_si512(pos,
                        _mm512_add_epi32(base, _mm512_cvtepu8_epi32(indexes)));
}

/* The tokens' bytes and their indexes, pressed together. Stores whole vectors
 * over what is not used yet: 128 tokens of room are there. */
static inline void emit(uint8_t *tok, uint32_t *pos, const uint8_t *p,
                        uint32_t base, uint64_t tokens)
{
    static const uint8_t order[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
        48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
    };
    __m512i v = load(p);
    __m512i byte =
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), look_up(token_of, v), v);
    _mm512_storeu_si512(tok, _mm512_maskz_compress_epi8(tokens, byte));
    __m512i at = _mm512_maskz_compress_epi8(tokens, load(order));
    const __m512i add = _mm512_set1_epi32((int)base);
    put_positions(pos, _mm512_castsi512_si128(at), add);
    put_positions(pos + 16, _mm512_extracti32x4_epi32(at, 1), add);
    if (__builtin_popcountll(tokens) > 32) {
        put_positions(pos + 32, _mm512_extracti32x4_epi32(at, 2), add);
        put_positions(pos + 48, _mm512_extracti32x4_epi32(at, 3), add);
    }
}

#define CLASSIFY(p, m) classify(p, m)
#define CLASSIFY_RARE(p, m) classify_rare(p, m)
#define PREFIX_XOR(x) prefix_xor(x)
#define EMIT(tok, pos, p, base, tokens, number) emit(tok, pos, p, base, tokens)
#define ODD_PAIRS(p, back, m, bare, start, c, last) \
    odd_pairs(p, back, (bare) | (bare) << 1 | (c)->bare)
#define SCAN_NAME(x) avx512_##x
#define KERNEL scan_run_avx512
#include "json/scan_body.h"

#endif
