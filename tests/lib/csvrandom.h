/* csvrandom: text in which what matters to CSV is frequent. */
#ifndef TESTS_CSVRANDOM_H
#define TESTS_CSVRANDOM_H

#include "base/buf.h"
#include "source/csvtok.h"

static const char *const kernels[] = { "scalar", "avx2", "avx512", "neon" };
#define KERNELS (sizeof(kernels) / sizeof(*kernels))

static uint64_t seed = 0x9e3779b97f4a7c15u;

/* xorshift64 (Marsaglia 2003): the same numbers at every run. */
static inline uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

static const struct csvtok_dialect dialects[] = {
    { .delimiter = ',', .quote = '"' },
    { .delimiter = ';', .quote = '\'' },
    { .delimiter = '\t', .quote = '"' },
    { .delimiter = '|', .quote = '"', .no_quote = true },
    { .delimiter = ',', .quote = '\\' },
    { .delimiter = '\x01', .quote = 'x' },
    { .delimiter = '\\', .quote = '"' },
    { .delimiter = '"', .no_quote = true },
    { .delimiter = ',', .quote = '"', .comment = 'a' },
    { .delimiter = ',', .quote = '"', .comment = '#' },
};
#define DIALECTS (sizeof(dialects) / sizeof(*dialects))

/* Text in which what matters to CSV is frequent. rule keeps quotes where RFC
 * 4180 has them, else they are anywhere. */
static inline void add_text(struct buf *b, struct csvtok_dialect d, uint32_t n,
                            bool rule, const char *end)
{
    static const char *const words[] = {
        "a",    "bc", "12", "-7.50", "",         " ",
        "true", "N",  "\t", "\\",    "\xc3\xa9", "a long text of many words"
    };
    char quote = d.no_quote ? '"' : d.quote;

    for (; n > 0; n--) {
        uint32_t what = random_below(rule ? 40 : 50);
        bool quoted = rule && !d.no_quote && random_below(3) == 0;
        if (quoted)
            buf_addc(b, quote);
        for (uint32_t k = random_below(4); k > 0; k--) {
            buf_addz(b, words[random_below(12)]);
            if (quoted && random_below(4) == 0) {
                buf_addc(b, quote);
                buf_addc(b, quote);
            }
            if (quoted && random_below(6) == 0)
                buf_addz(b, random_below(2) ? end : "\n");
            if (quoted && random_below(4) == 0)
                buf_addc(b, d.delimiter);
        }
        if (quoted)
            buf_addc(b, quote);
        if (what > 40)
            buf_addc(b, "\"'\r\n\0\xff,;\t|"[random_below(10)]);
        if (what < 30)
            buf_addc(b, d.delimiter);
        else
            buf_addz(b, random_below(30) ? end : "\n");
    }
}

#endif
