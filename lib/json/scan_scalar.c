/* The reference: what all other kernels are held to. */
#include "json/scan_kernels.h"

static void classify(const uint8_t *p, struct scan_masks *m)
{
    *m = (struct scan_masks){ 0 };
    for (int i = 0; i < 64; i++) {
        uint64_t bit = (uint64_t)1 << i;
        uint8_t c = p[i];
        switch (c) {
        case '"': m->quote |= bit; break;
        case '\\': m->backslash |= bit; break;
        case '{':
        case '}':
        case '[':
        case ']':
        case ':':
        case ',': m->structural |= bit; break;
        case ' ':
        case '\t':
        case '\r': m->edge |= bit; break;
        case '.': m->point |= bit; break;
        case '-': m->minus |= bit; break;
        case '0': m->zero |= bit; break;
        case '\n':
            m->newline |= bit;
            m->structural |= bit;
            break;
        default: break;
        }
        if (c >= '0' && c <= '9')
            m->digit |= bit;
        if (c < 0x20 && c != '\n')
            m->control |= bit;
        if (c >= 0x80)
            m->high |= bit;
    }
    m->edge |= m->structural | m->quote;
    m->rare = m->backslash | m->control | m->high;
}

#define CLASSIFY(p, m) classify(p, m)
#define CLASSIFY_RARE(p, m) (void)0
#define PREFIX_XOR(x) scan_prefix_xor(x)
#define EMIT scan_emit_bits
#define SCAN_NAME(x) scalar_##x
#define KERNEL scan_run_scalar
#include "json/scan_body.h"
