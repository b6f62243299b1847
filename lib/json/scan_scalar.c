/* The reference: what all other kernels are held to. */
#include "json/scan_kernels.h"

static void classify(const uint8_t *p, struct scan_masks *m)
{
    *m = (struct scan_masks){ 0 };
    for (int i = 0; i < 64; i++) {
        uint64_t bit = (uint64_t)1 << i;
        uint8_t c = p[i];
        if (c == '"')
            m->quote |= bit;
        else if (c == '\\')
            m->backslash |= bit;
        else if (c == '{' || c == '}' || c == '[' || c == ']' || c == ':' ||
                 c == ',')
            m->structural |= bit;
        else if (c == ' ' || c == '\t' || c == '\r')
            m->space |= bit;
        else if (c == '\n')
            m->newline |= bit;
        else if (c == '-' || (c >= '0' && c <= '9'))
            m->number |= bit;
        if (c < 0x20)
            m->control |= bit;
        if (c >= 0x80)
            m->high |= bit;
    }
}

#define CLASSIFY(p, m) classify(p, m)
#define PREFIX_XOR(x) scan_prefix_xor(x)
#define EMIT scan_emit_bits
#define SCAN_NAME(x) scalar_##x
#define KERNEL scan_run_scalar
#include "json/scan_body.h"
