#include "unit.h"

#include "quality/quality.h"
#include "quality/report.h"
#include "json/check.h"

#include <stdlib.h>
#include <unistd.h>

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define DAY ((int64_t)86400 * 1000000)

static struct quality_env plain_env(void)
{
    /* 2026-01-31, whose end is 2026-02-01T00:00:00Z */
    return (struct quality_env){ .dated = true,
                                 .expr = { .date = STR("2026-01-31") },
                                 .date_end = 20485 * DAY,
                                 .memory = (size_t)64 << 20,
                                 .run_id = "test" };
}

/* Takes records in turns through so many workers. 0 or -1. */
static int feed(struct quality *q, const char *const *recs, size_t workers,
                struct err *e)
{
    for (size_t i = 0; recs[i]; i++) {
        struct select_record r = { str_of(recs[i]), NULL };
        if (quality_take(q, i % workers, &r, 1, e))
            return -1;
    }
    return 0;
}

/* How one gate judges these records: "ok MESSAGE", "FAILED MESSAGE", "open
 * MESSAGE" without baseline, or "! ERROR". */
static const char *judge_by(const char *gate, const char *const *recs,
                            size_t workers, uint64_t rejected)
{
    static const char *const words[] = { "not judged", "ok", "FAILED", "open" };
    static char out[1200];
    struct quality_env env = plain_env();
    struct quality q;
    struct err e = { 0 };
    size_t n = 0;
    while (recs[n])
        n++;
    quality_init(&q, &env);
    if (quality_add_gate(&q, gate, &e) || quality_begin(&q, workers, &e) ||
        feed(&q, recs, workers, &e) || quality_merge(&q, &e) ||
        quality_judge(&q, n + rejected, rejected, &e))
        snprintf(out, sizeof(out), "! %s", e.msg);
    else
        snprintf(out, sizeof(out), "%s %.*s", words[q.gates[0].ruling.outcome],
                 STR_ARG(buf_str(&q.gates[0].ruling.message)));
    quality_free(&q);
    return out;
}

/* The same judgement for one, two and five workers. */
static const char *judge(const char *gate, const char *const *recs)
{
    static char first[1200];
    snprintf(first, sizeof(first), "%s", judge_by(gate, recs, 1, 0));
    CHECK_STR(judge_by(gate, recs, 2, 0), first);
    CHECK_STR(judge_by(gate, recs, 5, 0), first);
    return first;
}

static const char *const none[] = { NULL };

/* ---- a folder for files */

static char folder[256];

static void leave_folder(void)
{
    if (chdir("/") || rmdir(folder))
        printf("# left %s\n", folder);
}

static void enter_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    if (folder[0])
        return;
    snprintf(folder, sizeof(folder), "%.200s/quality.XXXXXX",
             tmp ? tmp : "/tmp");
    if (!mkdtemp(folder) || chdir(folder))
        exit(1);
    atexit(leave_folder);
}

/* ---- gates */

TEST("rows and rejects are counted")
{
    const char *const *two = LIST("{}", "{\"a\":1}");
    CHECK_STR(judge("rows >= 2", two), "ok rows is 2, wants >= 2");
    CHECK_STR(judge("rows > 2", two), "FAILED rows is 2, wants > 2");
    CHECK_STR(judge("rows < 2", two), "FAILED rows is 2, wants < 2");
    CHECK_STR(judge("rows <> 2", two), "FAILED rows is 2, wants <> 2");
    CHECK_STR(judge("rows != 3", two), "ok rows is 2, wants != 3");
    CHECK_STR(judge("rows == 2.0", two), "ok rows is 2, wants == 2.0");
    CHECK_STR(judge("rows between 2 and 2", two),
              "ok rows is 2, wants between 2 and 2");
    CHECK_STR(judge("rows within 50% of 4", two),
              "ok rows is 2, wants within 50% of 4");
    CHECK_STR(judge("rows within 49% of 4", two),
              "FAILED rows is 2, wants within 49% of 4");
    CHECK_STR(judge_by("rejects <= 1", two, 1, 2),
              "FAILED rejects is 2, wants <= 1");
    CHECK_STR(judge_by("reject share <= 50%", two, 1, 2),
              "ok reject share is 50% (2 of 4), wants <= 50%");
    CHECK_STR(judge_by("reject share < 50%", two, 1, 2),
              "FAILED reject share is 50% (2 of 4), wants < 50%");
    CHECK_STR(judge("rows = 0", none), "ok rows is 0, wants = 0");
    CHECK_STR(judge("reject share = 0", none),
              "ok reject share is 0% (0 of 0), wants = 0");
}

TEST("null and missing are told apart where it is asked for")
{
    const char *const *r =
        LIST("{\"a\":null}", "{}", "{\"a\":0}", "{\"a\":\"\"}", "{\"b\":1}",
             "{\"a\":false}", "{\"a\":[null]}", "{\"a\":{}}");
    CHECK_STR(judge("null share of a <= 37.5%", r),
              "ok null share of a is 37.5% (3 of 8), wants <= 37.5%");
    CHECK_STR(judge("null count of a = 3", r),
              "ok null count of a is 3, wants = 3");
    CHECK_STR(judge("missing share of a < 0.25", r),
              "FAILED missing share of a is 25% (2 of 8), wants < 0.25");
    CHECK_STR(judge("missing count of a = 2", r),
              "ok missing count of a is 2, wants = 2");
    CHECK_STR(judge("null share of a = 0", none),
              "ok null share of a is 0% (0 of 0), wants = 0");
}

TEST("keys are counted by value, and those with a null part are none")
{
    const char *const *r =
        LIST("{\"a\":1,\"b\":\"x\"}", "{\"a\":1.0,\"b\":\"y\"}",
             "{\"a\":\"1\",\"b\":\"x\"}", "{\"a\":null,\"b\":\"x\"}",
             "{\"b\":\"x\"}", "{\"a\":\"\\u0031\",\"b\":\"x\"}");
    CHECK_STR(judge("distinct count of a = 2", r),
              "ok distinct count of a is 2, wants = 2");
    CHECK_STR(judge("distinct share of a >= 99%", r),
              "FAILED distinct share of a is 50% (2 of 4), wants >= 99%");
    CHECK_STR(judge("unique b, a", r),
              "FAILED unique b, a: 1 of 4 keys repeated, such as \"x\", \"1\"");
    CHECK_STR(
        judge("unique a, b", LIST("{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}",
                                  "{\"a\":12}", "{\"a\":12}")),
        "ok unique a, b: 0 of 2 keys repeated");
    CHECK_STR(judge("unique a", none), "ok unique a: 0 of 0 keys repeated");
    CHECK_STR(judge("distinct share of a > 0", none),
              "FAILED distinct share of a has no value, wants > 0");
}

TEST("the key that repeats is shown as a value")
{
    CHECK_STR(judge("unique a", LIST("{\"a\":-1234.50}", "{\"a\":-1234.5}")),
              "FAILED unique a: 1 of 2 keys repeated, such as -1234.5");
    CHECK_STR(judge("unique a", LIST("{\"a\":1e3}", "{\"a\":1000}")),
              "FAILED unique a: 1 of 2 keys repeated, such as 1000");
    CHECK_STR(judge("unique a", LIST("{\"a\":0}", "{\"a\":-0.0}")),
              "FAILED unique a: 1 of 2 keys repeated, such as 0");
    CHECK_STR(judge("unique a", LIST("{\"a\":true}", "{\"a\":true}")),
              "FAILED unique a: 1 of 2 keys repeated, such as true");
    CHECK_STR(judge("unique a", LIST("{\"a\":[1]}", "{\"a\":[1.0]}")),
              "FAILED unique a: 1 of 2 keys repeated, such as [1e0]");
    CHECK_STR(judge("unique a",
                    LIST("{\"a\":\"q\\\"\\n\"}", "{\"a\":\"q\\\"\\u000a\"}")),
              "FAILED unique a: 1 of 2 keys repeated, such as \"q\\\"\\n\"");
    CHECK_STR(judge("unique a", LIST("{\"a\":1e7000}", "{\"a\":1}")),
              "FAILED unique a cannot be told for 1 of 2 values (not "
              "comparable), such as 1e7000");
}

TEST("sum, mean, min and max are exact")
{
    const char *const *r = LIST("{\"x\":0.1}", "{\"x\":0.2}", "{\"x\":null}",
                                "{\"x\":-7.05}", "{}", "{\"x\":3e0}");
    CHECK_STR(judge("sum of x = -3.75", r),
              "ok sum of x is -3.75, wants = -3.75");
    CHECK_STR(judge("mean of x = -0.9375", r),
              "ok mean of x is -0.9375, wants = -0.9375");
    CHECK_STR(judge("min of x >= -7", r),
              "FAILED min of x is -7.05, wants >= -7");
    CHECK_STR(judge("max of x between 3 and 3", r),
              "ok max of x is 3, wants between 3 and 3");
    const char *const *far =
        LIST("{\"x\":1e40}", "{\"x\":1e-40}", "{\"x\":-1e40}");
    CHECK_STR(judge("sum of x = 1e-40", far),
              "ok sum of x is 0.0000000000000000000000000000000000000001, "
              "wants = 1e-40");
    CHECK_STR(judge("mean of x = 0.3333333333333333333333333333333333",
                    LIST("{\"x\":1}", "{\"x\":0}", "{\"x\":0}")),
              "ok mean of x is 0.333333333333, wants = "
              "0.3333333333333333333333333333333333");
    CHECK_STR(judge("mean of x > 0", none),
              "FAILED mean of x has no value, wants > 0");
}

TEST("a statistic of what is no number fails")
{
    const char *const *r = LIST("{\"x\":1}", "{\"x\":\"2\"}", "{\"x\":1e7000}");
    CHECK_STR(judge_by("mean of x > 0", r, 1, 0),
              "FAILED mean of x cannot be told for 2 of 3 values (not numbers "
              "to compute with), such as \"2\"");
    CHECK_STR(judge("sum of x > 0", LIST("{\"x\":9e6144}", "{\"x\":9e6144}")),
              "FAILED sum of x is outside the range of numbers");
    CHECK_STR(judge("min of x > 0",
                    LIST("{\"x\":9e6144}", "{\"x\":9e6143}", "{\"x\":-0.5}")),
              "FAILED min of x is -0.5, wants > 0");
}

TEST("stddev is that of a sample, and cancels nothing")
{
    CHECK_STR(
        judge("stddev of x = 2", LIST("{\"x\":1}", "{\"x\":3}", "{\"x\":5}")),
        "ok stddev of x is 2, wants = 2");
    CHECK_STR(judge("stddev of x = 0.1",
                    LIST("{\"x\":10000000.2}", "{\"x\":10000000.1}",
                         "{\"x\":10000000.3}")),
              "ok stddev of x is 0.1, wants = 0.1");
    CHECK_STR(judge("stddev of x = 1",
                    LIST("{\"x\":123456789012345678901234567890}",
                         "{\"x\":123456789012345678901234567891}",
                         "{\"x\":123456789012345678901234567892}")),
              "ok stddev of x is 1, wants = 1");
    CHECK_STR(judge("stddev of x = 0", LIST("{\"x\":1}")),
              "FAILED stddev of x has no value, wants = 0");
}

TEST("the newest time is held against the end of the date")
{
    const char *const *r = LIST("{\"t\":\"2026-01-31T21:30:00Z\"}",
                                "{\"t\":\"2026-02-01T00:30:00+02:00\"}",
                                "{\"t\":null}", "{\"t\":\"2026-01-30\"}");
    CHECK_STR(judge("newest t within 2h of date", r),
              "ok newest t is 2026-01-31T22:30:00Z, wants within 2h of date "
              "(2026-02-01T00:00:00Z)");
    CHECK_STR(judge("newest t within 89m of date", r),
              "FAILED newest t is 2026-01-31T22:30:00Z, wants within 89m of "
              "date (2026-02-01T00:00:00Z)");
    CHECK_STR(judge("newest t within 90m of date", r),
              "ok newest t is 2026-01-31T22:30:00Z, wants within 90m of date "
              "(2026-02-01T00:00:00Z)");
    /* One record from the future would make any batch look fresh. */
    CHECK_STR(judge("newest t within 1d of date",
                    LIST("{\"t\":\"2026-01-31T21:30:00Z\"}",
                         "{\"t\":\"2062-01-31T21:30:00Z\"}")),
              "FAILED newest t is 2062-01-31T21:30:00Z, wants within 1d of "
              "date (2026-02-01T00:00:00Z)");
    CHECK_STR(judge("newest t within 1d of date",
                    LIST("{\"t\":\"yesterday\"}", "{\"t\":\"2026-01-31\"}")),
              "FAILED newest t cannot be told for 1 of 2 values (not times), "
              "such as \"yesterday\"");
    CHECK_STR(judge("newest t within 1d of date", none),
              "FAILED newest t has no value, wants within 1d of date "
              "(2026-02-01T00:00:00Z)");
}

TEST("values are among those of a list by value")
{
    const char *const *r = LIST("{\"s\":\"a\"}", "{\"s\":1.0}", "{\"s\":null}",
                                "{}", "{\"s\":true}", "{\"s\":\"\\u0061\"}");
    CHECK_STR(judge("values of s in ('a', 1, TRUE)", r),
              "ok values of s: 0 of 4 not in ('a', 1, TRUE)");
    CHECK_STR(judge_by("values of s in ('1', 'true', 'a')", r, 1, 0),
              "FAILED values of s: 2 of 4 not in ('1', 'true', 'a'), such as "
              "1.0");
}

static const char *write_file(const char *text)
{
    static char path[] = "quality-XXXXXX";
    enter_folder();
    strcpy(path, "quality-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return path;
}

TEST("values are among those of a file: JSON or plain lines")
{
    char gate[100];
    const char *path = write_file("\"x\"\r\n\nplain words\n12\ntrue\n[1,2]\n"
                                  "no end");
    snprintf(gate, sizeof(gate), "v: values of s in %s", path);
    char want[100];
    snprintf(want, sizeof(want), "ok values of s: 0 of 6 not in %s", path);
    CHECK_STR(judge(gate, LIST("{\"s\":\"x\"}", "{\"s\":\"plain words\"}",
                               "{\"s\":12}", "{\"s\":true}", "{\"s\":[1,2.0]}",
                               "{\"s\":\"no end\"}")),
              want);
    snprintf(want, sizeof(want),
             "FAILED values of s: 1 of 1 not in %s, such as \"12\"", path);
    CHECK_STR(judge(gate, LIST("{\"s\":\"12\"}")), want);
    unlink(path);
    CHECK(strncmp(judge_by(gate, none, 1, 0), "! cannot open '", 15) == 0);
    path = write_file("fine\n\"not fine\n");
    snprintf(gate, sizeof(gate), "v: values of s in %s", path);
    CHECK(strncmp(judge_by(gate, none, 1, 0), "! line 2 of 'quality-", 21) ==
          0);
    unlink(path);
}

TEST("sets stay within the memory that they are given")
{
    struct quality_env env = plain_env();
    struct quality q;
    struct err e = { 0 };
    char rec[64];
    int r = 0;
    uint32_t i = 0;
    env.memory = 1 << 20;
    quality_init(&q, &env);
    CHECK(quality_add_gate(&q, "unique id", &e) == 0);
    CHECK(quality_begin(&q, 1, &e) == 0);
    for (; i < 1000000 && r == 0; i++) {
        snprintf(rec, sizeof(rec), "{\"id\":\"a-%u-b\"}", i);
        struct select_record sr = { str_of(rec), NULL };
        r = quality_take(&q, 0, &sr, 1, &e);
    }
    CHECK(r == -1 && e.code == ERR_CONFIG && i > 10000 && i < 100000);
    quality_free(&q);
}

TEST("names are given once, over checks and gates")
{
    struct quality_env env = plain_env();
    struct quality q;
    struct err e = { 0 };
    quality_init(&q, &env);
    CHECK(quality_add_check(&q, "a: x > 1", &e) == 0);
    CHECK(quality_add_gate(&q, "a: rows > 1", &e) == -1);
    CHECK(strstr(e.msg, "name is given twice at byte 1") != NULL);
    CHECK(quality_add_gate(&q, "rows > 1", &e) == 0);
    CHECK(quality_add_gate(&q, "warn: rows > 1", &e) == -1);
    CHECK(strstr(e.msg, "is given twice at byte 7") != NULL);
    quality_free(&q);
}

TEST("what a gate needs and is not there is told before any record")
{
    struct quality_env env = plain_env();
    struct quality q;
    struct err e = { 0 };
    env.dated = false;
    quality_init(&q, &env);
    CHECK(quality_add_gate(&q, "newest t within 2h of date", &e) == -1);
    CHECK(e.code == ERR_USAGE &&
          strstr(e.msg, "there is no --date at byte 10"));
    CHECK(quality_add_gate(&q, "newest t within 2h of now", &e) == 0);
    CHECK(quality_add_gate(&q, "rows within 2% of baseline", &e) == 0);
    CHECK(quality_wants_baseline(&q));
    CHECK(quality_begin(&q, 1, &e) == -1 && e.code == ERR_USAGE);
    CHECK(strstr(e.msg, "no baseline") != NULL);
    quality_free(&q);
}

/* ---- checks */

/* The codes and messages of the faults of a record under these checks, each
 * ended by ';'; or "! ERROR". */
static const char *faults(const char *const *checks, const char *record)
{
    static char out[2000];
    struct quality_env env = plain_env();
    const struct check_fault *f = NULL;
    struct quality q;
    struct err e = { 0 };
    size_t n = 0;
    int r = 0;
    out[0] = '\0';
    quality_init(&q, &env);
    for (size_t i = 0; checks[i] && r == 0; i++)
        r = quality_add_check(&q, checks[i], &e);
    if (r == 0)
        r = quality_begin(&q, 1, &e);
    if (r == 0)
        r = quality_check(&q, 0, str_of(record), NULL, &f, &e);
    if (r < 0)
        snprintf(out, sizeof(out), "! %s", e.msg);
    for (int i = 0; i < r; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s %.*s %.*s;",
                              f[i].code, STR_ARG(f[i].path),
                              STR_ARG(f[i].message));
    quality_free(&q);
    return out;
}

TEST("a check passes on TRUE, NULL and missing, and fails on FALSE")
{
    const char *const *c = LIST("pos: a > 0");
    CHECK_STR(faults(c, "{\"a\":1}"), "");
    CHECK_STR(faults(c, "{\"a\":null}"), "");
    CHECK_STR(faults(c, "{}"), "");
    CHECK_STR(faults(c, "{\"a\":0}"), "check  check 'pos' failed: a > 0;");
    CHECK_STR(faults(LIST("a > 0"), "{\"a\":0}"),
              "check  check failed: a > 0;");
    CHECK_STR(faults(LIST("date: d = $date"), "{\"d\":\"2026-01-30\"}"),
              "check  check 'date' failed: d = $date;");
    CHECK_STR(faults(LIST("ok"), "{\"ok\":false}"), "check  check failed: ok;");
    CHECK_STR(faults(LIST("ok"), "{\"ok\":true}"), "");
}

TEST("every check that fails is told, and one that warns is not")
{
    CHECK_STR(
        faults(LIST("x: a > 0", "warn: y: a > 1", "z: a > 2"), "{\"a\":0}"),
        "check  check 'x' failed: a > 0;check  check 'z' failed: a > 2;");
}

TEST("an expression without a value rejects with its own code")
{
    CHECK_STR(faults(LIST("t: a > 0"), "{\"a\":\"x\"}"),
              "expr_type /a cannot compare string \"x\" with number 0 (--check "
              "t, byte 3);");
    CHECK_STR(faults(LIST("t: a"), "{\"a\":1}"),
              "expr_type /a a condition must be a boolean, not number 1 "
              "(--check t, byte 1);");
    CHECK_STR(faults(LIST("t: 1 / a > 0"), "{\"a\":0}"),
              "division_by_zero  division by zero (--check t, byte 3);");
}

TEST("a bad expression is a usage error with a caret")
{
    CHECK_STR(faults(LIST("t: a >"), "{}"),
              "! --check t: a value expected, but the expression ends at byte "
              "4\n  a >\n     ^");
}

TEST("checks count what they found over all workers")
{
    struct quality_env env = plain_env();
    const struct check_fault *f;
    struct quality q;
    struct err e = { 0 };
    quality_init(&q, &env);
    CHECK(quality_add_check(&q, "warn: a > 0", &e) == 0);
    CHECK(quality_begin(&q, 2, &e) == 0);
    CHECK(quality_check(&q, 0, STR("{\"a\":0}"), NULL, &f, &e) == 0);
    CHECK(quality_check(&q, 1, STR("{\"a\":0}"), NULL, &f, &e) == 0);
    CHECK(quality_check(&q, 1, STR("{\"a\":\"\"}"), NULL, &f, &e) == 0);
    CHECK(quality_check(&q, 1, STR("{\"a\":9}"), NULL, &f, &e) == 0);
    CHECK(quality_merge(&q, &e) == 0);
    CHECK(q.workers[0].checker.counts[0].failed == 2);
    CHECK(q.workers[0].checker.counts[0].errors == 1);
    quality_free(&q);
}

/* ---- against a naive reference */

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

TEST("measures of random records are those of a naive count")
{
    enum { N = 3000 };
    static char text[N][64];
    static const char *recs[N + 1];
    for (state = 1; state < 6; state++) {
        uint64_t seed = state;
        int64_t sum = 0, min = INT64_MAX, max = INT64_MIN;
        int n = 0, nulls = 0, missing = 0, distinct = 0;
        static bool seen[2001];
        memset(seen, 0, sizeof(seen));
        for (int i = 0; i < N; i++) {
            uint32_t kind = draw(10);
            int cents = (int)draw(2001) - 1000;
            if (kind == 0) {
                snprintf(text[i], sizeof(text[i]), "{\"y\":1}");
                missing++;
            } else if (kind == 1) {
                snprintf(text[i], sizeof(text[i]), "{\"x\":null}");
                nulls++;
            } else {
                snprintf(text[i], sizeof(text[i]), "{\"x\":%de-2}", cents);
                sum += cents;
                min = cents < min ? cents : min;
                max = cents > max ? cents : max;
                n++;
                distinct += !seen[cents + 1000];
                seen[cents + 1000] = true;
            }
            recs[i] = text[i];
        }
        char gate[100];
        snprintf(gate, sizeof(gate), "sum of x = %llde-2", (long long)sum);
        CHECK(judge(gate, recs)[0] == 'o');
        snprintf(gate, sizeof(gate), "min of x = %llde-2", (long long)min);
        CHECK(judge(gate, recs)[0] == 'o');
        snprintf(gate, sizeof(gate), "max of x = %llde-2", (long long)max);
        CHECK(judge(gate, recs)[0] == 'o');
        snprintf(gate, sizeof(gate), "null count of x = %d", nulls + missing);
        CHECK(judge(gate, recs)[0] == 'o');
        snprintf(gate, sizeof(gate), "missing count of x = %d", missing);
        CHECK(judge(gate, recs)[0] == 'o');
        snprintf(gate, sizeof(gate), "distinct count of x = %d", distinct);
        CHECK(judge(gate, recs)[0] == 'o');
        snprintf(gate, sizeof(gate), "unique x: %d of %d", n - distinct, n);
        char want[64];
        snprintf(want, sizeof(want), "FAILED unique x: %d of %d keys repeated",
                 n - distinct, n);
        CHECK(strncmp(judge_by("unique x", recs, 3, 0), want, strlen(want)) ==
              0);
        state = seed;
    }
}

/* ---- baseline */

static char base[] = "quality-baseline.ndjson";

static const char *slurp(const char *path)
{
    static char out[65536];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(out, 1, sizeof(out) - 1, f) : 0;
    out[n] = '\0';
    if (f)
        fclose(f);
    return out;
}

/* A run of n rows on a date (NULL: none) with an id: its judgement, kept where
 * it is good. */
static const char *run_day(const char *date, const char *id, size_t n,
                           size_t keep)
{
    static char out[1200];
    struct quality_env env = plain_env();
    struct quality q;
    struct err e = { 0 };
    struct select_record r = { STR("{\"x\":2}"), NULL };
    env.run_id = id;
    env.dated = date != NULL;
    if (date)
        env.expr.date = str_of(date);
    quality_init(&q, &env);
    int rc = quality_add_gate(&q, "rows within 20% of baseline", &e);
    if (rc == 0)
        rc = quality_add_gate(&q, "max of /x <= 2", &e);
    if (rc == 0)
        rc = quality_use_baseline(&q, base, keep, 2, &e);
    if (rc == 0)
        rc = quality_begin(&q, 1, &e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = quality_take(&q, 0, &r, 1, &e);
    if (rc == 0)
        rc = quality_merge(&q, &e) || quality_judge(&q, n, 0, &e) ||
             quality_verdict(&q, &e) || quality_keep(&q, &e);
    if (rc)
        snprintf(out, sizeof(out), "! %s", e.msg);
    else
        snprintf(out, sizeof(out), "%.*s",
                 STR_ARG(buf_str(&q.gates[0].ruling.message)));
    quality_free(&q);
    return out;
}

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

TEST("a run is judged by the median of earlier good runs")
{
    enter_folder();
    CHECK_STR(run_day("2026-01-01", "a", 100, 14),
              "rows is 100, no baseline yet: 0 of 2 runs");
    CHECK_STR(run_day("2026-01-02", "b", 110, 14),
              "rows is 110, no baseline yet: 1 of 2 runs");
    CHECK_STR(run_day("2026-01-03", "c", 90, 14),
              "rows is 90, wants within 20% of baseline 105 (84 to 126, median "
              "of 2 runs)");
    CHECK_STR(run_day("2026-01-04", "d", 79, 14),
              "! gate failed: rows is 79, wants within 20% of baseline 100 (80 "
              "to 120, median of 3 runs)");
    CHECK(lines_of(slurp(base)) == 3); /* the bad one is not among them */
    CHECK_STR(run_day("2026-01-04", "d", 120, 14),
              "rows is 120, wants within 20% of baseline 100 (80 to 120, "
              "median of 3 runs)");
    CHECK(lines_of(slurp(base)) == 4);
}

TEST("a re-run of a date replaces its entry and is not held against it")
{
    CHECK_STR(run_day("2026-01-04", "other", 81, 14),
              "rows is 81, wants within 20% of baseline 100 (80 to 120, "
              "median of 3 runs)");
    CHECK(lines_of(slurp(base)) == 4);
    CHECK(strstr(slurp(base), "\"rows\":81") && !strstr(slurp(base), ":120"));
    CHECK(strstr(slurp(base), "\"max of /x\":2") != NULL);
}

TEST("without a date a run is known by its id")
{
    (void)run_day(NULL, "one", 100, 14);
    (void)run_day(NULL, "two", 101, 14);
    CHECK(lines_of(slurp(base)) == 6);
    (void)run_day(NULL, "two", 102, 14);
    CHECK(lines_of(slurp(base)) == 6 && strstr(slurp(base), "\"rows\":102"));
}

TEST("no more runs are kept than asked for, and the oldest go")
{
    (void)run_day("2026-02-01", "x", 100, 3);
    CHECK(lines_of(slurp(base)) == 3);
    CHECK(!strstr(slurp(base), "2026-01") && strstr(slurp(base), "2026-02-01"));
    CHECK(strstr(run_day("2026-02-01", "x", 100, 1), "more than the last 1"));
}

TEST("a line that is no run is refused, and the file stays as it is")
{
    FILE *f = fopen(base, "a");
    fputs("{\"v\":1,\"meas", f);
    fclose(f);
    size_t before = strlen(slurp(base));
    CHECK_STR(run_day("2026-02-02", "y", 100, 14),
              "! baseline 'quality-baseline.ndjson' cannot be used: line 4 is "
              "no run");
    CHECK(strlen(slurp(base)) == before);
    unlink(base);
}

/* ---- report */

TEST("the report is JSON and has what was judged")
{
    struct quality_env env = plain_env();
    struct quality q;
    struct err e = { 0 };
    struct buf out = { 0 };
    struct json_fault fault;
    const struct check_fault *f;
    struct report_rule rules[] = { { "type", STR("/a\"b"), STR("/c"), 3 } };
    struct report_run run = { .stage = "pipe-validate",
                              .run_id = "r",
                              .exit = 65,
                              .error = "gate \"failed\" \xc3",
                              .read = 5,
                              .out = 1,
                              .rejected = 4,
                              .rules = rules,
                              .n_rules = 1 };
    quality_init(&q, &env);
    CHECK(quality_add_check(&q, "c: s <> 'é\"'", &e) == 0);
    CHECK(quality_add_gate(&q, "warn: null share of \"a\"\"b\" < 0.5", &e) ==
          0);
    CHECK(quality_begin(&q, 1, &e) == 0);
    CHECK(quality_check(&q, 0, STR("{\"s\":\"é\\\"\"}"), NULL, &f, &e) == 1);
    CHECK(feed(&q, LIST("{}"), 1, &e) == 0);
    CHECK(report_make(&out, &q, &run) == 0);
    CHECK(strstr(buf_z(&out), "\"passed\":null,\"message\":null") != NULL);
    buf_reset(&out);
    CHECK(quality_merge(&q, &e) == 0 && quality_judge(&q, 5, 4, &e) == 0);
    CHECK(quality_verdict(&q, &e) == 0); /* it only warns */
    CHECK(report_make(&out, &q, &run) == 0);
    CHECK(json_check_object(buf_str(&out), 10, &fault) == 0);
    CHECK(strstr(buf_z(&out),
                 "\"name\":\"c\",\"expression\":\"s <> 'é\\\"'\",\"severity\":"
                 "\"error\",\"failed\":1,\"errors\":0,\"passed\":false}"));
    CHECK(strstr(buf_z(&out), "\"severity\":\"warn\",\n   \"measure\":\"null "
                              "share of \\\"a\\\"\\\"b\\\"\",\"value\":1,"
                              "\"bound\":\"< 0.5\",\"low\":null,\"high\":0.5,"
                              "\"baseline\":null,\"runs\":0,\n   \"passed\":"
                              "false"));
    CHECK(
        strstr(buf_z(&out), "\"error\":\"gate \\\"failed\\\" \xef\xbf\xbd\""));
    CHECK(strstr(buf_z(&out), "{\"code\":\"type\",\"path\":\"/a\\\"b\","
                              "\"schema\":\"/c\","
                              "\"records\":3}"));
    buf_free(&out);
    quality_free(&q);
}

UNIT_MAIN
