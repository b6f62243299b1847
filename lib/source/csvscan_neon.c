#include "source/csvscan_kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

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

static inline uint64_t equal(uint8x16x4_t v, uint8_t c)
{
    uint8x16_t w = vdupq_n_u8(c);
    return mask(vceqq_u8(v.val[0], w), vceqq_u8(v.val[1], w),
                vceqq_u8(v.val[2], w), vceqq_u8(v.val[3], w));
}

static inline uint8x16_t escaped(uint8x16_t v)
{
    uint8x16_t quote = vceqq_u8(v, vdupq_n_u8('"'));
    uint8x16_t backslash = vceqq_u8(v, vdupq_n_u8('\\'));
    uint8x16_t control = vcltq_u8(v, vdupq_n_u8(0x20));
    return vorrq_u8(control, vorrq_u8(quote, backslash));
}

static inline void classify(const struct csvscan *s, const uint8_t *p,
                            struct csvscan_masks *m)
{
    uint8x16x4_t v = vld4q_u8(p);
    m->quote = equal(v, s->quote);
    m->delimiter = equal(v, s->delimiter);
    m->lf = equal(v, '\n');
    m->cr = equal(v, '\r');
    m->nul = equal(v, 0);
    m->high = mask(v.val[0], v.val[1], v.val[2], v.val[3]);
    m->escape = mask(escaped(v.val[0]), escaped(v.val[1]), escaped(v.val[2]),
                     escaped(v.val[3]));
}

#if defined(__ARM_FEATURE_AES)
static inline uint64_t prefix_xor(uint64_t x)
{
    poly128_t r = vmull_p64(x, ~(poly64_t)0);
    return vgetq_lane_u64(vreinterpretq_u64_p128(r), 0);
}
#else
#define prefix_xor scan_prefix_xor
#endif

#define CLASSIFY classify
#define PREFIX_XOR prefix_xor
#define EMIT csvscan_emit_bits
#define KERNEL csvscan_neon
#include "source/csvscan_body.h"

#endif
