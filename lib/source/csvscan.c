#include "source/csvscan.h"

#include "json/scan.h"
#include "source/csvscan_kernels.h"

#include <string.h>

static const struct {
    const char *name;
    csvscan_kernel *run;
} kernels[] = {
#if defined(__x86_64__)
    { "avx512", csvscan_avx512 },
    { "avx2", csvscan_avx2 },
#elif defined(__aarch64__)
    { "neon", csvscan_neon },
#endif
    { "scalar", csvscan_scalar },
};

#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

void csvscan_init(struct csvscan *s, struct csvtok_dialect d, bool cr_ends)
{
    s->quote = (uint8_t)d.quote;
    s->delimiter = (uint8_t)d.delimiter;
    s->quotes = d.no_quote ? 0 : ~(uint64_t)0;
    s->lf = cr_ends ? 0 : ~(uint64_t)0;
}

void csvscan_run(struct csvscan *s, const char *p, uint32_t n)
{
    const char *name = scan_kernel();
    size_t k = 0;

    while (k + 1 < KERNELS && strcmp(kernels[k].name, name) != 0)
        k++;
    kernels[k].run(s, (const uint8_t *)p, n);
}
