/* The reference: what all other kernels are held to. */
#include "source/csvscan_kernels.h"

static void classify(const struct csvscan *s, const uint8_t *p,
                     struct csvscan_masks *m)
{
    *m = (struct csvscan_masks){ 0 };
    for (int i = 0; i < 64; i++) {
        uint8_t c = p[i];
        m->quote |= (uint64_t)(c == s->quote) << i;
        m->delimiter |= (uint64_t)(c == s->delimiter) << i;
        m->lf |= (uint64_t)(c == '\n') << i;
        m->cr |= (uint64_t)(c == '\r') << i;
        m->nul |= (uint64_t)(c == 0) << i;
        m->high |= (uint64_t)(c >= 0x80) << i;
        m->escape |= (uint64_t)(c < 0x20 || c == '"' || c == '\\') << i;
    }
}

#define CLASSIFY classify
#define PREFIX_XOR scan_prefix_xor
#define EMIT csvscan_emit_bits
#define KERNEL csvscan_scalar
#include "source/csvscan_body.h"
