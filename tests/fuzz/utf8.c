/* Every kernel says what walking the characters says: of a text, of what is
 * behind its first bytes, and of both again and again. */
#include "fuzz.h"
#include "json/utf8.h"

static bool walk(struct str text)
{
    const char *p = text.p, *end = p + text.n;
    for (size_t n; p < end; p += n)
        if ((n = utf8_char(p, end)) == 0)
            return false;
    return true;
}

static void judge(struct str text)
{
    MUST(utf8_valid(text) == walk(text));
}

/* The text often enough for the widest step of any kernel, in a block of just
 * that size. */
static void judge_repeated(struct str text)
{
    size_t times = text.n ? 1024 / text.n + 1 : 1;
    char *many = malloc(times * text.n + 1);
    MUST(many);
    for (size_t i = 0; i < times; i++)
        memcpy(many + 1 + i * text.n, text.p, text.n);
    judge((struct str){ many + 1, times * text.n });
    free(many);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const kernels[] = { "scalar", "avx2", "avx512", "neon" };
    for (size_t k = 0; k < sizeof(kernels) / sizeof(*kernels); k++) {
        if (!utf8_use(kernels[k]))
            continue;
        for (size_t skip = 0; skip <= n && skip < 4; skip++) {
            struct str text = { (const char *)data + skip, n - skip };
            judge(text);
            judge_repeated(text);
        }
    }
    return 0;
}
