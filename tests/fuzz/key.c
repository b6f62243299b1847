/* Keys of any bytes: bounded, the same at every call, and a key of what was
 * checked fails only for a number out of range. */
#include "fuzz.h"
#include "json/check.h"
#include "json/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct json_fault fault;
    struct buf a = { 0 }, b = { 0 };
    struct val v = json_val(text);
    int status = key_add(&a, v);
    if (json_check_value(text, JSON_DEPTH_DEFAULT, &fault) == 0)
        MUST(status == 0 || status == -2);
    MUST(key_add(&b, v) == status);
    if (status == 0)
        MUST(a.n > 0 && str_eq(buf_str(&a), buf_str(&b)));
    buf_free(&a);
    buf_free(&b);
    return 0;
}
