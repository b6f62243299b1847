/* A value put into a record is found there again, and the record stays one.
 * Input: a path, a line feed, the record. */
#include "fuzz.h"
#include "json/check.h"
#include "json/select.h"
#include "json/splice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *p = (const char *)data, *lf = n ? memchr(p, '\n', n) : NULL;
    struct path path;
    struct err e;
    if (!lf || path_parse(&path, (struct str){ p, (size_t)(lf - p) }, &e))
        return 0;
    struct str record = { lf + 1, n - (size_t)(lf - p) - 1 };
    struct json_fault fault;
    struct buf out = { 0 };
    int status = json_put(&out, record, &path, STR("[7]"));
    if (status == 0 && path.n > 0 &&
        json_check_object(record, 200, &fault) == 0) {
        struct val v;
        struct select *s = select_new();
        MUST(json_check_object(buf_str(&out), 1000, &fault) == 0);
        MUST(select_add(s, &path) == 0);
        MUST(select_run(s, buf_str(&out), &v) == 0);
        MUST(str_eq(v.raw, STR("[7]")));
        select_free(s);
    }
    buf_free(&out);
    path_free(&path);
    return 0;
}
