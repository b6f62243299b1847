/* Two numbers with a space between: order is antisymmetric, and two spellings
 * are one canonical number if and only if they compare equal. */
#include "fuzz.h"
#include "json/check.h"
#include "json/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *p = (const char *)data, *space = n ? memchr(p, ' ', n) : NULL;
    if (!space)
        return 0;
    struct str a = { p, (size_t)(space - p) };
    struct str b = { space + 1, n - a.n - 1 };
    if (!json_number_valid(a) || !json_number_valid(b))
        return 0;
    struct buf ca = { 0 }, cb = { 0 };
    int order = number_cmp(a, b), back = number_cmp(b, a);
    MUST((order > 0) - (order < 0) == (back < 0) - (back > 0));
    MUST(number_cmp(a, a) == 0);
    if (number_canon(&ca, a) == 0 && number_canon(&cb, b) == 0)
        MUST((order == 0) == str_eq(buf_str(&ca), buf_str(&cb)));
    int64_t v;
    MUST(!number_to_i64(a, &v) || number_is_integer(a));
    buf_free(&ca);
    buf_free(&cb);
    return 0;
}
