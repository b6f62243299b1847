/* What the checker accepts, the walkers walk to its end; what it refuses, it
 * refuses at a byte of the text. */
#include "fuzz.h"
#include "json/check.h"
#include "json/utf8.h"
#include "json/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct json_fault fault = { 0 };
    if (json_check_value(text, JSON_DEPTH_DEFAULT, &fault)) {
        MUST(fault.code && fault.why && fault.offset <= n);
        MUST(json_check_object(text, JSON_DEPTH_DEFAULT, &fault) == -1);
        return 0;
    }
    const char *end = text.p + n;
    const char *p = json_skip_value(json_skip_space(text.p, end), end);
    MUST(p && json_skip_space(p, end) == end);
    MUST(utf8_valid(text));
    MUST((json_val(text).type == JSON_OBJECT) ==
         (json_check_object(text, JSON_DEPTH_DEFAULT, &fault) == 0));
    MUST(json_number_valid(json_val(text).raw) ==
         (json_val(text).type == JSON_NUMBER));
    return 0;
}
