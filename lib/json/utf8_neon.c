#include "json/utf8_kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#define WIDTH 16

typedef uint8x16_t vec;

static inline vec load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline vec either(vec a, vec b)
{
    return vorrq_u8(a, b);
}

#define moved(v, k) vextq_u8(vdupq_n_u8(0), v, 16 - (k))

static inline bool ascii(vec v)
{
    return vmaxvq_u8(v) < 0x80;
}

static inline bool clear(vec v)
{
    return vmaxvq_u8(v) == 0;
}

static inline vec errors(vec v3, vec v2, vec v1, vec v)
{
    vec a = vqtbl1q_u8(vld1q_u8(utf8_first_high), vshrq_n_u8(v1, 4));
    vec b = vqtbl1q_u8(vld1q_u8(utf8_first_low), vandq_u8(v1, vdupq_n_u8(15)));
    vec c = vqtbl1q_u8(vld1q_u8(utf8_second_high), vshrq_n_u8(v, 4));
    vec wrong = vandq_u8(vandq_u8(a, b), c);
    /* The top bit is set where a third or fourth byte has to be. */
    vec third = vqsubq_u8(v2, vdupq_n_u8(0xe0 - 0x80));
    vec fourth = vqsubq_u8(v3, vdupq_n_u8(0xf0 - 0x80));
    vec must = vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(0x80));
    return veorq_u8(must, wrong);
}

#define KERNEL utf8_neon
#include "json/utf8_body.h"

#endif
