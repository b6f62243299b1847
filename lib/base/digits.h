/* digits: short decimal numbers, eight or sixteen bytes at a time.
 *
 * A run of digits is a polynomial in 10 whose coefficients lie side by side in
 * a word, so a handful of shifts and multiplications sums it: Lemire, "Number
 * parsing at a gigabyte per second" (2021), section 3.1. Before that the point,
 * if there is one, is squeezed out. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 10^0 to 10^19: all that fit. */
extern const uint64_t digits_pow10[20];

/* How many bytes from its start must be readable, whatever a number's length,
 * where it is read by digits_read_padded. */
#define DIGITS_PADDING 17

/* Digits, with or without a point among them, no sign: 18 digits at most. Sets
 * *v to the number without its point and *scale to the digits behind it.
 * Returns false where p is something else. */
static inline bool digits_read(const char *p, size_t n, uint64_t *v,
                               int32_t *scale)
{
    const char *end = p + n, *point = NULL;
    uint64_t u = 0; /* 19 digits fit */
    if (n > 19)
        return false;
    for (; p < end; p++) {
        if (*p >= '0' && *p <= '9')
            u = u * 10 + (uint64_t)(*p - '0');
        else if (*p == '.' && !point)
            point = p;
        else
            return false;
    }
    if (n - (point != NULL) > 18)
        return false;
    *v = u;
    *scale = point ? (int32_t)(end - point - 1) : 0;
    return true;
}

#define DIGITS_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes of digits 0 to 9, the most significant one lowest. */
static inline uint64_t digits_sum8(uint64_t w)
{
    const uint64_t mask = UINT64_C(0x000000ff000000ff);
    w = w * 10 + (w >> 8);
    return ((w & mask) * (UINT64_C(100) + (UINT64_C(1000000) << 32)) +
            (w >> 16 & mask) * (UINT64_C(1) + (UINT64_C(10000) << 32))) >>
           32;
}

/* Is there a byte above 9? */
static inline uint64_t digits_bad8(uint64_t w)
{
    return ((w + DIGITS_EACH(6)) | w) & DIGITS_EACH(0xf0);
}

/* The lowest byte that is a point, as its bit 7; other bits may stand above. */
static inline uint64_t digits_point8(uint64_t w)
{
    w ^= DIGITS_EACH('.' ^ '0');
    return (w - DIGITS_EACH(1)) & ~w & DIGITS_EACH(0x80);
}

/* Eight bytes from p, each less '0'. */
static inline uint64_t digits_load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return le64toh(w) ^ DIGITS_EACH('0');
}

static inline bool digits_read8(const char *p, size_t n, uint64_t *v,
                                int32_t *scale)
{
    /* What lies behind the number falls out at the top, and zeros come in
     * before it. */
    uint64_t w = digits_load8(p) << 8 * (8 - n);
    uint64_t point = digits_point8(w);
    *scale = 0;
    if (point) {
        unsigned at = (unsigned)__builtin_ctzll(point) - 7;
        uint64_t before = ((uint64_t)1 << at) - 1;
        *scale = 7 - (int32_t)(at / 8);
        w = (w & ~(before << 8 | 0xff)) | (w & before) << 8;
    }
    *v = digits_sum8(w);
    return !digits_bad8(w);
}

/* The same in two words, which __int128 shifts as one. */
static inline bool digits_read16(const char *p, size_t n, uint64_t *v,
                                 int32_t *scale)
{
    __extension__ typedef unsigned __int128 wide;
    wide w = (wide)digits_load8(p + 8) << 64 | digits_load8(p);
    w <<= 8 * (16 - n);
    uint64_t low = digits_point8((uint64_t)w);
    uint64_t high = digits_point8((uint64_t)(w >> 64));
    *scale = 0;
    if (low | high) {
        unsigned at = low ? (unsigned)__builtin_ctzll(low) - 7
                          : (unsigned)__builtin_ctzll(high) + 57;
        wide before = ((wide)1 << at) - 1;
        *scale = 15 - (int32_t)(at / 8);
        w = (w & ~(before << 8 | 0xff)) | (w & before) << 8;
    }
    *v =
        digits_sum8((uint64_t)w) * 100000000 + digits_sum8((uint64_t)(w >> 64));
    return !(digits_bad8((uint64_t)w) | digits_bad8((uint64_t)(w >> 64)));
}

/* A JSON number without exponent, of at most 18 digits: it is
 * *v * 10^-*scale. Returns false where the text is something else. n is at
 * least 1, and DIGITS_PADDING bytes from p are readable. */
static inline bool digits_read_padded(const char *p, size_t n, int64_t *v,
                                      int32_t *scale)
{
    uint64_t u = 0;
    *scale = 0;
    size_t neg = *p == '-';
    p += neg;
    n -= neg;
    bool good = n - 1 < 8    ? digits_read8(p, n, &u, scale)
                : n - 1 < 16 ? digits_read16(p, n, &u, scale)
                             : digits_read(p, n, &u, scale);
    *v = neg ? -(int64_t)u : (int64_t)u;
    return good;
}

#endif
