/* calc: the value of an expression, or why it has none, as text to compare. */
#ifndef CALC_H
#define CALC_H

#include "unit.h"

#include "expr/expr.h"

#include <stdlib.h>

static const struct expr_env plain = { 0 };

/* The value of text over record as JSON, "(missing)", the fault's code or the
 * first line of the usage error; borrowed until the next call. */
__attribute__((unused)) static const char *
value_in(const struct expr_env *env, const char *record, const char *text)
{
    static char out[4096];
    struct err e = { 0 };
    struct expr_fault f = { 0 };
    struct val v;
    struct expr_set *x = expr_new(env);
    int i = expr_add(x, "test", str_of(text), &e);
    if (i < 0) {
        snprintf(out, sizeof(out), "%.*s", (int)strcspn(e.msg, "\n"), e.msg);
        CHECK(e.code == ERR_USAGE);
    } else {
        expr_begin(x);
        CHECK(expr_load(x, str_of(record), NULL) == 0);
        int rc = expr_eval(x, i, &v, &f);
        CHECK(rc == 0 || rc == -1);
        if (rc)
            snprintf(out, sizeof(out), "!%s", f.code);
        else if (v.type == JSON_MISSING)
            snprintf(out, sizeof(out), "(missing)");
        else
            snprintf(out, sizeof(out), "%.*s", (int)v.raw.n, v.raw.p);
    }
    expr_free(x);
    return out;
}

__attribute__((unused)) static const char *value(const char *record,
                                                 const char *text)
{
    return value_in(&plain, record, text);
}

/* The value of an expression without fields. */
__attribute__((unused)) static const char *calc(const char *text)
{
    return value("{}", text);
}

/* The message of the fault that text has over record. */
__attribute__((unused)) static const char *
fault(const char *record, const char *text, const char *path)
{
    static struct expr_fault f;
    struct err e = { 0 };
    struct val v;
    struct expr_set *x = expr_new(&plain);
    int i = expr_add(x, "--set c", str_of(text), &e);
    CHECK(i == 0);
    memset(&f, 0, sizeof(f));
    if (i == 0) {
        expr_begin(x);
        CHECK(expr_load(x, str_of(record), NULL) == 0);
        CHECK(expr_eval(x, i, &v, &f) == -1);
        CHECK(str_eq(f.path, str_of(path)));
    }
    expr_free(x);
    return f.msg;
}

__attribute__((unused)) static const char *usage(const char *text)
{
    static struct err e;
    struct expr_set *x = expr_new(&plain);
    memset(&e, 0, sizeof(e));
    CHECK(expr_add(x, "--where", str_of(text), &e) == -1);
    CHECK(e.code == ERR_USAGE);
    expr_free(x);
    return e.msg;
}

#endif
