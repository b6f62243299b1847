/* Every allocation fails in turn: an error and no leak, never a crash. (Not
 * those of the C library's locales, which stay broken after such a failure.)
 * The allocator is the C library's, counted; sanitizers bring one of their own,
 * so there is nothing to test under them. */
#include "unit.h"

#include "reshape/reshape.h"

#include <stdlib.h>

static const struct expr_env env = { .tz = "Europe/Berlin" };

static const char *const sets[] = {
    "a = round(a * 3 / 7, 2)",
    "b = CASE WHEN upper(t) LIKE '2%Z' THEN s || '!' ELSE coalesce(m, s) END",
    "big = 99999999999999999999999999999999999999 * n * n - 1",
    "c.d.e = a IN (1, 2, -3) OR NOT days(t, '2024-01-01') BETWEEN 1 AND 2",
    "n = MISSING",
    "o = c",
    "f = regexp_replace(p, '(a)', '\\1y') ~* '^AY' AND p ~ p",
    "g = split(replace(p, 'b', '--'), '-')",
    "h = array(sqrt(2), big % 7, power(big, 2) % 1000, 1.5::decimal(9, 2))",
    "i = date_trunc('hour', t) || format_time(t, '%d') || lpad(p, 4)",
    "j = object('a', mask(p), 'b', pseudonymise(p, 'env:UNIT_KEY'))",
    "k = "
    "array_max(json_parse('[1,99999999999999999999999999999999999999999]'))",
};

static const char record[] =
    "{\"a\":12345678901234567890.5,\"s\":\"x\\u00e9\\ud800\",\"p\":\"a.b\","
    "\"n\":123456789012345678901234567890,\"t\":\"2024-03-31T01:30:00Z\"}";

static const char wanted[] =
    "{\"a\":5291005243386243381.64,\"s\":\"x\\u00e9\\ud800\",\"p\":\"a.b\","
    "\"t\":\"2024-03-31T01:30:00Z\",\"b\":\"x\xc3\xa9\\ud800!\","
    "\"big\":15241578753238836750495351562536198787349489412342"
    "63068459504648437463801212498094800124980947899,"
    "\"c\":{\"d\":{\"e\":true}},"
    "\"o\":{\"d\":{\"e\":true}},\"f\":true,\"g\":[\"a.\",\"\",\"\"],"
    "\"h\":[1.414213562373095048801688724209698,6,201,1.50],"
    "\"i\":\"2024-03-31T03:00:00+02:0031 a.b\","
    "\"j\":{\"a\":\"*.*\",\"b\":\"dd17e3f2c79de32e3f3fa66503e34c71\"},"
    "\"k\":99999999999999999999999999999999999999999}";

/* Does all that there is to do. True if the result was right. */
static bool whole_job(void)
{
    struct err e = { 0 };
    struct expr_fault f = { 0 };
    const struct reshape_out *out;
    size_t n = 0;
    struct reshape *r = reshape_new(&env);
    bool ok = r != NULL;
    for (size_t i = 0; ok && i < sizeof(sets) / sizeof(*sets); i++)
        ok = reshape_add(r, "set", sets[i], &e) == 0;
    ok = ok && reshape_run(r, str_of(record), NULL, &out, &n, &f) == 0;
    if (ok && (n != 1 || !str_eq(out->text, str_of(wanted)))) {
        printf("# have %.*s\n", n ? (int)out->text.n : 0, n ? out->text.p : "");
        ok = false;
    }
    reshape_free(r);
    return ok;
}

#ifdef __SANITIZE_ADDRESS__

TEST("the whole job, under the sanitizer's allocator")
{
    setenv("UNIT_KEY", "key", 1);
    CHECK(whole_job());
}

#else

#include "starve.h"

TEST("each allocation that fails is an error, and nothing leaks")
{
    setenv("UNIT_KEY", "key", 1);
    struct starved was = starve_each(whole_job);
    /* Regular expressions do without code of the machine and its stack. */
    CHECK(was.failures > 200 && was.spared < 30);
}

#endif

UNIT_MAIN
