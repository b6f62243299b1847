/* One walk for many paths finds what a walk for each path finds. Input: paths,
 * a line feed, the record. */
#include "fuzz.h"
#include "json/check.h"
#include "json/select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *p = (const char *)data, *lf = n ? memchr(p, '\n', n) : NULL;
    struct path *list = NULL;
    size_t paths = 0;
    struct err e;
    if (!lf || lf - p > 200 ||
        path_list_parse(&list, &paths, (struct str){ p, (size_t)(lf - p) }, &e))
        return 0;
    struct str record = { lf + 1, n - (size_t)(lf - p) - 1 };
    struct select *all = select_new();
    struct val have[256], one[1];
    for (size_t i = 0; i < paths; i++)
        MUST(select_add(all, &list[i]) < 256);
    int status = select_run(all, record, have);
    struct json_fault fault;
    bool checked = json_check_object(record, 256, &fault) == 0;
    MUST(status == 0 || !checked);
    for (size_t i = 0; checked && i < paths; i++) {
        struct select *single = select_new();
        MUST(select_add(single, &list[i]) == 0);
        MUST(select_run(single, record, one) == 0);
        struct val v = have[select_add(all, &list[i])];
        MUST(v.type == one[0].type && str_eq(v.raw, one[0].raw));
        select_free(single);
    }
    select_free(all);
    path_list_free(list, paths);
    return 0;
}
