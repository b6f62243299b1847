/* Expressions of any text compile or are refused with a caret; over any bytes
 * they stay within them, and over a record they give JSON or a fault. The
 * input is an expression, a line feed, a record. */
#include "fuzz.h"
#include "expr/expr.h"
#include "json/check.h"

static void evaluate(struct expr_set *x, int i, struct str record)
{
    struct expr_fault f = { 0 };
    struct json_fault bad;
    struct val v;
    expr_begin(x);
    bool whole = json_check_object(record, 64, &bad) == 0;
    if (expr_load(x, record, NULL)) {
        MUST(!whole);
        return;
    }
    int rc = expr_eval(x, i, &v, &f);
    MUST(rc == 0 || rc == -1);
    if (rc)
        MUST(f.code && f.msg[0]);
    else if (whole && v.type != JSON_MISSING)
        MUST(json_check_value(v.raw, JSON_DEPTH_MAX, &bad) == 0);
    if (whole)
        MUST(expr_test(x, i, &f) >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct expr_env env = { .tz = "Europe/Berlin",
                                  .date = STR("2026-01-31") };
    const char *p = (const char *)data;
    const char *feed = n ? memchr(p, '\n', n) : NULL;
    struct str text = { p, feed ? (size_t)(feed - p) : n };
    struct str record =
        feed ? (struct str){ feed + 1, n - text.n - 1 } : STR("{}");
    struct err e = { 0 };
    struct expr_set *x = expr_new(&env);
    if (!x)
        return 0;
    int i = expr_add(x, "fuzz", text, &e);
    if (i < 0)
        MUST(e.code && e.msg[0]); /* not usage where a key is not there */
    else
        evaluate(x, i, record);
    expr_free(x);
    return 0;
}
