#include "json/utf8.h"

#include "json/scan.h"
#include "json/utf8_kernels.h"

#include <stdatomic.h>

size_t utf8_char(const char *s, const char *send)
{
    const unsigned char *p = (const unsigned char *)s;
    const unsigned char *end = (const unsigned char *)send;
    size_t left = (size_t)(end - p);
    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2)
        return 0; /* continuation byte or overlong */
    if (p[0] < 0xe0)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (p[0] < 0xf0) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        if (p[0] == 0xe0 && p[1] < 0xa0)
            return 0; /* overlong */
        if (p[0] == 0xed && p[1] > 0x9f)
            return 0; /* surrogate */
        return 3;
    }
    if (p[0] > 0xf4 || left < 4)
        return 0;
    if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
        return 0;
    if (p[0] == 0xf0 && p[1] < 0x90)
        return 0; /* overlong */
    if (p[0] == 0xf4 && p[1] > 0x8f)
        return 0; /* above U+10FFFF */
    return 4;
}

/* The reference: what all other kernels are held to. */
bool utf8_scalar(const uint8_t *s, size_t n)
{
    const char *p = (const char *)s, *end = p + n;
    while (p < end) {
        if (end - p >= 8) {
            uint64_t w;
            memcpy(&w, p, 8);
            if ((w & 0x8080808080808080u) == 0) {
                p += 8;
                continue;
            }
        }
        size_t step = utf8_char(p, end);
        if (step == 0)
            return false;
        p += step;
    }
    return true;
}

static const struct {
    const char *name;
    utf8_kernel *run;
} kernels[] = {
#if defined(__x86_64__)
    { "avx512", utf8_avx512 },
    { "avx2", utf8_avx2 },
#elif defined(__aarch64__)
    { "neon", utf8_neon },
#endif
    { "scalar", utf8_scalar },
};

#define KERNELS (sizeof(kernels) / sizeof(*kernels))

static utf8_kernel choose;
static _Atomic(utf8_kernel *) kernel = choose; /* no order is needed */

/* The scanner knows what the machine has and what is asked for. */
static void choose_as_scan(void)
{
    const char *name = scan_kernel();
    size_t k = 0;
    while (k + 1 < KERNELS && strcmp(kernels[k].name, name) != 0)
        k++;
    atomic_store_explicit(&kernel, kernels[k].run, memory_order_relaxed);
}

static bool choose(const uint8_t *p, size_t n)
{
    choose_as_scan();
    return atomic_load_explicit(&kernel, memory_order_relaxed)(p, n);
}

bool utf8_use(const char *name)
{
    if (!scan_use(name))
        return false;
    choose_as_scan();
    return true;
}

int utf8_lossy(struct buf *out, struct str s)
{
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        size_t n = utf8_char(p, end);
        buf_add(out, n ? p : "\xef\xbf\xbd", n ? n : 3);
        p += n ? n : 1;
    }
    return out->failed ? -1 : 0;
}

bool utf8_valid(struct str s)
{
    utf8_kernel *run = atomic_load_explicit(&kernel, memory_order_relaxed);
    return run((const uint8_t *)s.p, s.n);
}
