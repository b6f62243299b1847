#include "base/base64.h"

#include <stdint.h>

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(struct buf *out, struct str s)
{
    if (buf_reserve(out, s.n / 3 * 4 + 4))
        return -1;
    const unsigned char *p = (const unsigned char *)s.p;
    char *o = out->p + out->n;
    for (; s.n >= 3; s.n -= 3, p += 3) {
        *o++ = digits[p[0] >> 2];
        *o++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
        *o++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
        *o++ = digits[p[2] & 63];
    }
    if (s.n > 0) {
        unsigned second = s.n == 2 ? p[1] : 0;
        *o++ = digits[p[0] >> 2];
        *o++ = digits[(p[0] & 3u) << 4 | second >> 4];
        *o++ = s.n == 2 ? digits[(second & 15) << 2] : '=';
        *o++ = '=';
    }
    out->n = (size_t)(o - out->p);
    return 0;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct buf *out, struct str text)
{
    if (text.n % 4 != 0)
        return -2;
    size_t pad = 0;
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
        pad++;
    if (buf_reserve(out, text.n / 4 * 3))
        return -1;
    size_t start = out->n;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.n - pad; i++) {
        int v = digit_value(text.p[i]);
        if (v < 0) {
            out->n = start;
            return -2;
        }
        bits = bits << 6 | (uint32_t)v;
        if (i % 4 != 0)
            out->p[out->n++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
    }
    unsigned left = pad == 2 ? bits & 15 : pad == 1 ? bits & 3 : 0;
    if (left != 0) {
        out->n = start;
        return -2;
    }
    return 0;
}
