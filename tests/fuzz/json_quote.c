/* Any bytes survive quoting and unescaping; what is quoted is a string. */
#include "fuzz.h"
#include "json/check.h"
#include "json/utf8.h"
#include "json/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct buf quoted = { 0 }, back = { 0 };
    struct json_fault fault;
    MUST(json_quote(&quoted, text) == 0 && quoted.n >= 2);
    MUST(json_unescape(&back, (struct str){ quoted.p + 1, quoted.n - 2 }) == 0);
    MUST(str_eq(buf_str(&back), text));
    MUST((json_check_value(buf_str(&quoted), 1, &fault) == 0) ==
         utf8_valid(text));
    buf_reset(&back);
    MUST(json_unescape(&back, text) == 0 && back.n <= n);
    (void)json_raw_equals(text, buf_str(&back));
    buf_free(&quoted);
    buf_free(&back);
    return 0;
}
