/* Every allocation fails in turn: an error that says so and no leak, never a
 * crash and never a batch that passes unjudged. The allocator is the C
 * library's, counted; sanitizers bring one of their own, so there is nothing to
 * test under them. */
#include "unit.h"

#include "quality/quality.h"
#include "quality/report.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const gates[] = {
    "warn: unique s, n",
    "values of s in codes",
    "l: values of s in ('it''s', 'x', 1, TRUE)",
    "stddev of n < 0.5",
    "max of n <= 123456789012345678901234567890123456789012345678901",
    "newest t within 2h of date",
    "null share of \"od\"\"d\".x[0] = 1",
    "rows within 10% of baseline",
    "count of s in ('x', NULL) = 3",
    "share of s not in 'codes' < 1",
    "count of s not matching '^[xy]$' < 1 or > 5",
    "duplicate count of s, n >= 0 and < 3",
    "distinct share of /n between 50% and 1",
};

static const char *const recs[] = {
    "{\"s\":\"x\",\"n\":123456789012345678901234567890123456789012345678901,"
    "\"t\":\"2026-01-31T23:00:00\"}",
    "{\"s\":\"\\u0078\","
    "\"n\":123456789012345678901234567890123456789012345678900.5,"
    "\"t\":\"2026-01-31T23:00:00Z\"}",
    "{\"s\":\"x\",\"n\":123456789012345678901234567890123456789012345678901}",
};

static struct err e;

static int add_all(struct quality *q)
{
    int r = quality_add_check(q, "c: n > 0 AND s <> 'y'", &e);
    for (size_t i = 0; r == 0 && i < sizeof(gates) / sizeof(*gates); i++)
        r = quality_add_gate(q, gates[i], &e);
    return r;
}

static int take_all(struct quality *q)
{
    const struct check_fault *f;
    int r = 0;
    for (size_t i = 0; r == 0 && i < 3; i++) {
        struct select_record rec = { str_of(recs[i]), NULL };
        r = quality_check(q, i % 2, rec.text, NULL, &f, &e);
        if (r == 0)
            r = quality_take(q, i % 2, &rec, 1, &e);
    }
    return r;
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

/* Does all that there is to do: 0 where all gates passed. */
static int whole_job(void)
{
    struct quality_env env = {
        .dated = true,
        .expr = { .date = STR("2026-01-31"), .tz = "Europe/Berlin" },
        .date_end = 20484 * (int64_t)86400000000 + 23 * (int64_t)3600000000,
        .memory = (size_t)64 << 20,
        .run_id = "r"
    };
    struct report_run run = { .stage = "unit", .error = "none" };
    struct quality q;
    e = (struct err){ 0 };
    quality_init(&q, &env);
    int r = add_all(&q);
    if (r == 0)
        r = quality_use_baseline(&q, "base", 3, 1, &e) ||
            quality_begin(&q, 2, &e) || take_all(&q) || quality_merge(&q, &e) ||
            quality_judge(&q, 3, 0, &e) || quality_verdict(&q, &e) ||
            report_write("report", &q, &run, &e) || quality_keep(&q, &e);
    quality_free(&q);
    return r ? -1 : 0;
}

static char folder[256];

static void enter_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.200s/quality.XXXXXX",
             tmp ? tmp : "/tmp");
    if (!mkdtemp(folder) || chdir(folder))
        exit(1);
    put_file("codes", "x\n\"y\"\n");
    put_file("base", "{\"v\":1,\"run_id\":\"q\",\"measures\":{\"rows\":3}}\n"
                     "{\"v\":1,\"date\":\"2026-01-\\u0033\\u0030\","
                     "\"measures\":{\"rows\":3}}\n");
}

static void leave_folder(void)
{
    unlink("codes");
    unlink("base");
    unlink("report");
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
}

#ifdef __SANITIZE_ADDRESS__

TEST("the whole job, under the sanitizer's allocator")
{
    enter_folder();
    CHECK(whole_job() == 0);
    CHECK_STR(e.msg, "");
    leave_folder();
}

#else

#include "starve.h"

/* Without memory a file may also be one that cannot be made. (Where the C
 * library's own calls fail, there may be another way to go: then all is
 * well.) */
static bool is_failure(enum err_code code)
{
    return code == ERR_TEMPFAIL || code == ERR_CANTCREAT || code == ERR_IO;
}

TEST("each allocation that fails is an error, and nothing leaks")
{
    printf("# counting\n"); /* takes a buffer for good */
    enter_folder();
    CHECK(whole_job() == 0); /* what is kept for good (zones) is there now */
    CHECK_STR(e.msg, "");
    long before = live, failures = 0;
    for (long n = 0; n < 5000 && !unit_failed; n++) {
        countdown = n;
        int r = whole_job();
        bool reached = countdown < 0;
        countdown = -1;
        if (live != before)
            printf("# allocation %ld: %ld left\n", n, live - before);
        CHECK(live == before);
        CHECK(r == 0 || (reached && is_failure(e.code)));
        if (!reached)
            break;
        if (r && !is_failure(e.code))
            printf("# allocation %ld: %d %s\n", n, e.code, e.msg);
        failures += r != 0;
    }
    CHECK(failures > 100);
    printf("# %ld allocations failed in turn\n", failures);
    leave_folder();
}

#endif

UNIT_MAIN
