/* Paths of any text parse or are refused with a message; parsing what was
 * kept as text gives the same steps. */
#include "fuzz.h"
#include "json/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct path p, again, *list;
    size_t count;
    struct err e = { 0 };
    if (path_parse(&p, text, &e)) {
        MUST(e.code == ERR_USAGE && e.msg[0]);
    } else {
        MUST(str_eq(p.text, text) && path_parse(&again, p.text, &e) == 0);
        MUST(again.n == p.n);
        for (size_t i = 0; i < p.n; i++)
            MUST(p.steps[i].index == again.steps[i].index &&
                 str_eq(p.steps[i].key, again.steps[i].key));
        (void)path_name(&p);
        path_free(&again);
        path_free(&p);
    }
    if (path_list_parse(&list, &count, text, &e) == 0)
        path_list_free(list, count);
    return 0;
}
