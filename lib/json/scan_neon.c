#include "json/scan_kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

/* Classes of a byte: those of its low and those of its high digit, anded. */
enum {
    BRACKET = 1, /* [ ] { } */
    COLON = 2,
    COMMA = 4,
    STRUCTURAL = BRACKET | COLON | COMMA,
    BLANK = 8,
    TAB_OR_CR = 16,
    SPACE = BLANK | TAB_OR_CR,
    DIGIT = 32,
    MINUS = 64,
    NEWLINE = 128, /* the top bit, which is all that mask looks at */
};

/* One bit a byte, of vectors in which byte i of vector k is byte 4i + k of the
 * text: each shift and insert puts the top bits of one beside those of the
 * other ("Interleaved Vectors on ARM", Salter 2024). Only top bits count. */
static inline uint64_t mask(uint8x16_t v0, uint8x16_t v1, uint8x16_t v2,
                            uint8x16_t v3)
{
    uint8x16_t v01 = vsriq_n_u8(v1, v0, 1), v23 = vsriq_n_u8(v3, v2, 1);
    uint8x16_t four = vsriq_n_u8(v23, v01, 2);
    uint8x16_t twice = vsriq_n_u8(four, four, 4);
    uint8x8_t all = vshrn_n_u16(vreinterpretq_u16_u8(twice), 4);
    return vget_lane_u64(vreinterpret_u64_u8(all), 0);
}

/* Without loops, which some compilers take through memory. */
static inline uint64_t equal(uint8x16x4_t v, uint8_t c)
{
    uint8x16_t w = vdupq_n_u8(c);
    return mask(vceqq_u8(v.val[0], w), vceqq_u8(v.val[1], w),
                vceqq_u8(v.val[2], w), vceqq_u8(v.val[3], w));
}

static inline uint64_t below(uint8x16x4_t v, uint8_t c)
{
    uint8x16_t w = vdupq_n_u8(c);
    return mask(vcltq_u8(v.val[0], w), vcltq_u8(v.val[1], w),
                vcltq_u8(v.val[2], w), vcltq_u8(v.val[3], w));
}

static inline uint64_t any_of(uint8x16x4_t v, uint8_t bits)
{
    uint8x16_t w = vdupq_n_u8(bits);
    return mask(vtstq_u8(v.val[0], w), vtstq_u8(v.val[1], w),
                vtstq_u8(v.val[2], w), vtstq_u8(v.val[3], w));
}

static inline uint64_t top_bits(uint8x16x4_t v)
{
    return mask(v.val[0], v.val[1], v.val[2], v.val[3]);
}

/* clang-format off */
static const uint8_t low_digit[16] = {
    [0x0] = BLANK | DIGIT, [0x1] = DIGIT, [0x2] = DIGIT, [0x3] = DIGIT,
    [0x4] = DIGIT, [0x5] = DIGIT, [0x6] = DIGIT, [0x7] = DIGIT,
    [0x8] = DIGIT, [0x9] = DIGIT | TAB_OR_CR, [0xa] = COLON | NEWLINE,
    [0xb] = BRACKET, [0xc] = COMMA, [0xd] = BRACKET | TAB_OR_CR | MINUS,
};
static const uint8_t high_digit[16] = {
    [0x0] = TAB_OR_CR | NEWLINE, [0x2] = BLANK | COMMA | MINUS,
    [0x3] = DIGIT | COLON, [0x5] = BRACKET, [0x7] = BRACKET,
};
/* clang-format on */

static inline uint8x16_t classes(uint8x16_t v, uint8x16_t low, uint8x16_t high)
{
    return vandq_u8(vqtbl1q_u8(low, vandq_u8(v, vdupq_n_u8(0xf))),
                    vqtbl1q_u8(high, vshrq_n_u8(v, 4)));
}

static inline void classify(const uint8_t *p, struct scan_masks *m)
{
    const uint8x16_t low = vld1q_u8(low_digit), high = vld1q_u8(high_digit);
    uint8x16x4_t v = vld4q_u8(p), class;
    class.val[0] = classes(v.val[0], low, high);
    class.val[1] = classes(v.val[1], low, high);
    class.val[2] = classes(v.val[2], low, high);
    class.val[3] = classes(v.val[3], low, high);
    m->quote = equal(v, '"');
    m->newline = top_bits(class);
    m->structural = any_of(class, STRUCTURAL) | m->newline;
    m->edge = m->structural | m->quote | any_of(class, SPACE);
    m->digit = any_of(class, DIGIT);
    m->minus = any_of(class, MINUS);
    m->zero = equal(v, '0');
    m->point = equal(v, '.');
    m->backslash = equal(v, '\\');
    m->control = below(v, 0x20) & ~m->newline;
    m->high = top_bits(v);
    m->rare = m->backslash | m->control | m->high;
}

static inline uint64_t prefix_xor(uint64_t x)
{
#if defined(__ARM_FEATURE_AES)
    poly128_t r = vmull_p64(x, ~(poly64_t)0);
    return vgetq_lane_u64(vreinterpretq_u64_p128(r), 0);
#else
    return scan_prefix_xor(x);
#endif
}

#define CLASSIFY(p, m) classify(p, m)
#define CLASSIFY_RARE(p, m) (void)0
#define PREFIX_XOR(x) prefix_xor(x)
#define EMIT scan_emit_bits
#define SCAN_NAME(x) neon_##x
#define KERNEL scan_run_neon
#include "json/scan_body.h"

#endif
