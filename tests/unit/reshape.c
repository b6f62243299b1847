/* Records through operations; and every allocation fails in turn (but for
 * those of the C library's locales, which stay broken after such a failure). */
#include "unit.h"

#include "reshape/reshape.h"

#include <stdlib.h>

static const struct expr_env env = { .tz = "Europe/Berlin" };

struct op {
    const char *name, *value;
};

/* What comes of record, a line each, with the target before it. NULL where
 * something failed: why says what. */
static const char *run(const struct op *ops, size_t n, const char *record,
                       char why[400])
{
    static char text[4096];
    struct err e = { 0 };
    struct expr_fault f = { 0 };
    const struct reshape_out *out;
    size_t n_out = 0, used = 0;
    struct reshape *r = reshape_new(&env);
    bool ok = r != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = reshape_add(r, ops[i].name, ops[i].value, &e) == 0;
    int rc = ok ? reshape_run(r, str_of(record), NULL, &out, &n_out, &f) : -1;
    snprintf(why, 400, "%.300s%s %.*s", e.msg, f.code ? f.code : "",
             f.code ? (int)f.path.n : 0, f.code ? f.path.p : "");
    text[0] = '\0';
    for (size_t i = 0; rc == 0 && i < n_out; i++) {
        const char *to =
            out[i].to == RESHAPE_MAIN ? "" : reshape_target(r, out[i].to);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%.*s",
                                 i ? "\n" : "", to, STR_ARG(out[i].text));
    }
    reshape_free(r);
    return rc ? NULL : text;
}

static char why[400];

#define RUN(record, ...)                                                \
    run((const struct op[]){ __VA_ARGS__ },                             \
        sizeof((const struct op[]){ __VA_ARGS__ }) / sizeof(struct op), \
        record, why)

TEST("a record that nothing changes is the same text")
{
    static const char record[] = "{ \"a\" : 1.10 }";
    const struct reshape_out *out;
    size_t n;
    struct err e;
    struct expr_fault f;
    struct reshape *r = reshape_new(&env);
    CHECK(reshape_add(r, "where", "a = 1.1", &e) == 0);
    CHECK(reshape_add(r, "trim", NULL, &e) == 0);
    CHECK(reshape_add(r, "rename", "x=y", &e) == 0);
    CHECK(reshape_run(r, str_of(record), NULL, &out, &n, &f) == 0);
    CHECK(n == 1 && out->text.p == record);
    CHECK(!reshape_branches(r));
    reshape_free(r);
}

TEST("operations are done in order, over rounds and steps")
{
    CHECK_STR(RUN("{\"a\":1}", { "set", "b=a+1" }, { "where", "b = 2" },
                  { "rename", "b=c" }, { "set", "d=c*2" }, { "drop", "a" }),
              "{\"c\":2,\"d\":4}");
    CHECK_STR(RUN("{\"a\":1}", { "set", "o.x=a" }, { "tee", "o.x = 1 => t " },
                  { "set", "o.x=MISSING" }, { "where", "o.x IS MISSING" }),
              "t{\"a\":1,\"o\":{\"x\":1}}\n{\"a\":1}");
    CHECK_STR(RUN("{\"a\":1}", { "route", "a = 1 => x" }, { "set", "a=1/0" }),
              "x{\"a\":1}");
    CHECK_STR(RUN("{\"a\":1}", { "where", "a = 2" }, { "set", "a=1/0" }), "");
}

TEST("targets written alike are one")
{
    CHECK_STR(RUN("{\"l\":[1,2]}", { "unnest", "l" }, { "route", "l=1=>t" },
                  { "route", "l = 2 =>  t " }),
              "t{\"l\":1}\nt{\"l\":2}");
}

TEST("a fault in one part is the fault of all, with its field")
{
    CHECK(RUN("{\"l\":[1,0]}", { "tee", "TRUE => t" }, { "unnest", "l" },
              { "set", "x=1/l" }) == NULL);
    CHECK_STR(why, "division_by_zero ");
    CHECK(RUN("{\"o\":{\"a\":1,\"b\":2}}", { "rename", "o.a=o.b" }) == NULL);
    CHECK_STR(why, "name_taken /o/b");
    CHECK(RUN("{\"l\":{}}", { "unnest", "l" }) == NULL);
    CHECK_STR(why, "not_array /l");
    CHECK(RUN("{\"a\":\"x\"}", { "cast", "a=number" }) == NULL);
    CHECK_STR(why, "expr_cast /a");
}

TEST("keep with parts of one parent, and of the elements of an array")
{
    const char *r =
        "{\"o\":{\"a\":1,\"b\":2,\"c\":3},\"l\":[{\"x\":1,\"y\":2},5]}";
    CHECK_STR(RUN(r, { "keep", "o.a,o.c,l[0].y" }),
              "{\"o\":{\"a\":1,\"c\":3},\"l\":[{\"y\":2},null]}");
    CHECK_STR(RUN(r, { "drop", "o.a,o.c,l[0].y,l[1]" }),
              "{\"o\":{\"b\":2},\"l\":[{\"x\":1},null]}");
}

static bool whole_job(void)
{
    const char *out = RUN(
        "{\"a\":\" x \",\"n\":{\"p\":\"\",\"q\":[1,2]},\"d\":1,\"k\":\"5\"}",
        { "trim", NULL }, { "squeeze", "a" }, { "empty-null", NULL },
        { "cast", "k=number" }, { "mask", "d=null" }, { "tee", "k = 5 => t" },
        { "rename", "a=b" }, { "flatten", NULL }, { "flatten-sep", "." },
        { "unnest", "/n.q" }, { "unnest-index", "i" }, { "drop", "d" },
        { "keep", "b,k,/n.q,i,/n.p" }, { "route", "i = 1 => u" },
        { "set", "s=b || 'y'" });
    static const char wanted[] =
        "t{\"a\":\"x\",\"n\":{\"p\":null,\"q\":[1,2]},\"d\":null,\"k\":5}\n"
        "{\"b\":\"x\",\"n.p\":null,\"n.q\":1,\"k\":5,\"i\":0,\"s\":\"xy\"}\n"
        "u{\"b\":\"x\",\"n.p\":null,\"n.q\":2,\"k\":5,\"i\":1}";
    if (out && strcmp(out, wanted) != 0)
        printf("# have %s\n", out);
    return out && strcmp(out, wanted) == 0;
}

#ifdef __SANITIZE_ADDRESS__

TEST("the whole job, under the sanitizer's allocator")
{
    CHECK(whole_job());
}

#else

#include "starve.h"

TEST("each allocation that fails is an error, and nothing leaks")
{
    struct starved was = starve_each(whole_job);
    CHECK(was.failures > 100);
    CHECK(was.spared == 0);
}

#endif

UNIT_MAIN
