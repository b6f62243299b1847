/* What comes of a record is records, whatever operations it goes through; and
 * a field that nobody names keeps its bytes.
 * Input: operations by letters, a line feed, the record. */
#include "fuzz.h"
#include "json/check.h"
#include "reshape/reshape.h"

static const struct {
    const char *name, *value;
} operations[] = {
    { "drop", "a,b.c,d[1]" },
    { "keep", "a.b,c[0].d,keep" },
    { "rename", "a=b,c.d=c.e" },
    { "flatten", NULL },
    { "flatten-sep", "\"." },
    { "flatten-arrays", "index" },
    { "flatten", "a.b" },
    { "unnest", "a" },
    { "unnest-empty", "keep" },
    { "unnest-index", "n.i" },
    { "unnest", "b.c" },
    { "trim", NULL },
    { "trim", "a,b.c" },
    { "squeeze", NULL },
    { "lower", "a,b" },
    { "upper", "c,b.d[0]" },
    { "empty-null", NULL },
    { "set", "a=b" },
    { "set", "b.c=a" },
    { "set", "a.d=MISSING" },
    { "cast", "a=string" },
    { "mask", "b=null" },
    { "where", "a IS NOT NULL OR b IS NULL" },
    { "route", "c IS NULL => r" },
    { "tee", "a IS MISSING => r" },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct expr_env env;
    const char *p = (const char *)data, *lf = n ? memchr(p, '\n', n) : NULL;
    struct err e;
    if (!lf || lf - p > 12)
        return 0;
    struct reshape *r = reshape_new(&env);
    for (const char *c = p; c < lf; c++) {
        size_t i = (size_t)(unsigned char)*c - 'a';
        if (i < sizeof(operations) / sizeof(*operations) &&
            reshape_add(r, operations[i].name, operations[i].value, &e)) {
            reshape_free(r);
            return 0;
        }
    }
    struct str record = { lf + 1, n - (size_t)(lf - p) - 1 };
    const struct reshape_out *out;
    struct expr_fault f;
    size_t n_out;
    int status = reshape_run(r, record, NULL, &out, &n_out, &f);
    struct json_fault fault;
    if (status == 0 && json_check_object(record, 200, &fault) == 0)
        for (size_t i = 0; i < n_out; i++)
            MUST(json_check_object(out[i].text, 1000, &fault) == 0);
    reshape_free(r);
    return 0;
}
