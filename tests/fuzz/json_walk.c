/* The walkers stay within any bytes, checked or not, and end. */
#include "fuzz.h"
#include "json/check.h"
#include "json/value.h"

static void walk(struct val v, int depth, struct buf *scratch, bool checked)
{
    struct str key, text;
    struct val inner;
    if (v.type == JSON_STRING && json_string(v, scratch, &text) == 0)
        MUST(!checked ||
             json_raw_equals((struct str){ v.raw.p + 1, v.raw.n - 2 }, text));
    if (depth == 0 || (v.type != JSON_OBJECT && v.type != JSON_ARRAY))
        return;
    struct json_iter it = json_iter(v.raw);
    while (json_next(&it, &key, &inner))
        walk(inner, depth - 1, scratch, checked);
    MUST(!checked || !it.broken);
    (void)json_get(v, STR("a"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct json_fault fault;
    struct buf scratch = { 0 };
    walk(json_val(text), 8, &scratch, json_check_value(text, 64, &fault) == 0);
    buf_free(&scratch);
    return 0;
}
