#include "unit.h"

#include "observe/jobmetrics.h"
#include "observe/runmetrics.h"
#include "observe/textfile.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct facts run_of(const char *pipeline, uint64_t out,
                           uint64_t rejected)
{
    struct facts f;
    facts_init(&f);
    f.stage = "pipe-test";
    f.pipeline = pipeline;
    f.how = FACTS_SUCCESS;
    f.read = out + rejected;
    f.out = out;
    f.rejected = rejected;
    f.heads = true;
    f.seconds = 2.5;
    return f;
}

/* The value of the first sample whose line begins so; NAN where there is none.
 */
static double value(const struct metrics *m, const char *start)
{
    struct buf text = { 0 };
    double v = (double)NAN;
    CHECK(metrics_format(&text, m) == 0 && buf_z(&text));
    for (char *line = strtok(text.p, "\n"); line; line = strtok(NULL, "\n"))
        if (isnan(v) && strncmp(line, start, strlen(start)) == 0)
            v = strtod(strrchr(line, ' ') + 1, NULL);
    buf_free(&text);
    return v;
}

static void make(struct metrics *m, struct facts *f)
{
    metrics_init(m);
    runmetrics_add(m, f, &(struct runmetrics_told){ 0 }, 1800000000000000);
    CHECK(!m->failed);
}

static int parse(struct metrics *m, const char *text)
{
    struct err e = { 0 };
    int r = metrics_parse(m, str_of(text), &e);
    CHECK(r == 0 || e.code == ERR_DATA);
    return r;
}

TEST("a text reads back as what was written")
{
    struct facts f = run_of("orders", 7, 1);
    struct metrics m, again;
    struct buf text = { 0 }, second = { 0 };
    struct err e = { 0 };
    facts_reject(&f, "type");
    facts_assertion(&f, &(struct assertion){ .name = STR("a \"b\" \\ \n"),
                                             .gate = true,
                                             .passed = true,
                                             .has_value = true,
                                             .value = 0.1 });
    make(&m, &f);
    CHECK(metrics_format(&text, &m) == 0);
    CHECK(strstr(buf_z(&text), "gate=\"a \\\"b\\\" \\\\ \\n\"} 0.1\n"));
    CHECK(metrics_parse(&again, buf_str(&text), &e) == 0);
    CHECK(metrics_format(&second, &again) == 0);
    CHECK(str_eq(buf_str(&text), buf_str(&second)));
    buf_free(&text);
    buf_free(&second);
    metrics_free(&m);
    metrics_free(&again);
    facts_free(&f);
}

TEST("a text cut anywhere is not taken for a whole one")
{
    struct facts f = run_of("orders", 7, 1);
    struct metrics m, again;
    struct buf text = { 0 };
    struct err e = { 0 };
    make(&m, &f);
    CHECK(metrics_format(&text, &m) == 0);
    for (size_t n = 0; n < text.n; n++) {
        struct str cut = { text.p, n };
        CHECK(metrics_parse(&again, cut, &e) == -1 && e.code == ERR_DATA);
        metrics_free(&again);
    }
    buf_free(&text);
    metrics_free(&m);
    facts_free(&f);
}

TEST("what is none of our texts is refused with its line")
{
    static const char *const bad[] = {
        "garbage\n# EOF\n",
        "a 1\n# EOF\n",
        "# HELP a x\na 1\n# EOF\n",
        "# TYPE a counter\na 1\n# EOF\n",
        "# HELP a x\n# TYPE b counter\n# EOF\n",
        "# HELP a x\n# TYPE a summary\n# EOF\n",
        "# HELP a x\n# TYPE a counter\nb 1\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na -1\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na NaN\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na +Inf\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na 1 1395066363000\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na 1\na 2\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na{x=\"1} 1\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na{x=1} 1\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na{x=\"\\\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na{} 1\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na_bucket 1\n# EOF\n",
        "# HELP a x\n# TYPE a histogram\na 1\n# EOF\n",
        "# HELP a x\n# TYPE a counter\na 1\n# HELP a x\n# EOF\n",
        "# EOF\n# EOF\n",
        "# EOF\n\n",
        "\n# EOF\n",
    };
    struct metrics m;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (parse(&m, bad[i]) == 0) {
            printf("# taken: %s", bad[i]);
            CHECK(false);
        }
        metrics_free(&m);
    }
    CHECK(parse(&m, "# HELP a x\n# TYPE a counter\na{x=\"}\",y=\"\\\"\"} 1\n"
                    "# EOF\n") == 0);
    metrics_free(&m);
    CHECK(parse(&m, "# EOF\n") == 0);
    metrics_free(&m);
}

TEST("counters and histograms add up, gauges are those of the last run")
{
    struct facts first = run_of("orders", 7, 1),
                 second = run_of("orders", 4, 0);
    struct metrics a, b;
    facts_reject(&first, "type");
    facts_assertion(&first,
                    &(struct assertion){ .name = STR("old"), .gate = true });
    facts_assertion(&second, &(struct assertion){ .name = STR("new"),
                                                  .gate = true,
                                                  .passed = true });
    second.seconds = 400;
    make(&a, &first);
    make(&b, &second);
    metrics_merge(&b, &a);
    CHECK(!b.failed);
    CHECK(value(&b, "pipeline_records_total{") == 12);
    CHECK(value(&b, "pipeline_errors_total{") == 1);
    CHECK(value(&b, "pipeline_rejects_total{") == 1);
    CHECK(value(&b, "pipeline_duration_seconds_count{") == 2);
    CHECK(value(&b, "pipeline_duration_seconds_sum{") == 402.5);
    CHECK(value(&b, "pipeline_duration_seconds_bucket{pipeline=\"orders\","
                    "stage=\"pipe-test\",le=\"1\"}") == 0);
    CHECK(value(&b, "pipeline_duration_seconds_bucket{pipeline=\"orders\","
                    "stage=\"pipe-test\",le=\"300\"}") == 1);
    CHECK(value(&b, "pipeline_duration_seconds_bucket{pipeline=\"orders\","
                    "stage=\"pipe-test\",le=\"+Inf\"}") == 2);
    CHECK(value(&b, "pipeline_quality_gate{pipeline=\"orders\","
                    "stage=\"pipe-test\",gate=\"new\"") == 1);
    CHECK(isnan(value(&b, "pipeline_quality_gate{pipeline=\"orders\","
                          "stage=\"pipe-test\",gate=\"old\"")));
    metrics_free(&a);
    metrics_free(&b);
    facts_free(&first);
    facts_free(&second);
}

TEST("a run that failed keeps when the last good one was, and its gates")
{
    struct facts good = run_of(NULL, 1, 0), bad = run_of(NULL, 0, 0);
    struct metrics a, b;
    facts_assertion(&good,
                    &(struct assertion){ .name = STR("g"), .gate = true });
    bad.how = FACTS_FAILED;
    make(&a, &good);
    make(&b, &bad);
    metrics_merge(&b, &a);
    CHECK(value(&b, "pipeline_last_success_timestamp_seconds{") == 1.8e9);
    CHECK(value(&b, "pipeline_runs_total{pipeline=\"\",stage=\"pipe-test\","
                    "status=\"failed\"}") == 1);
    CHECK(value(&b, "pipeline_quality_gate{") == 0);
    metrics_free(&a);
    metrics_free(&b);
    facts_free(&good);
    facts_free(&bad);
}

TEST("families that others have added stay, and buckets of old begin anew")
{
    struct facts f = run_of("p", 1, 0);
    struct metrics m, before;
    CHECK(parse(&before, "# HELP pipeline_consumer_lag Lag.\n"
                         "# TYPE pipeline_consumer_lag gauge\n"
                         "pipeline_consumer_lag{topic=\"a\"} 17\n"
                         "# HELP pipeline_duration_seconds D.\n"
                         "# TYPE pipeline_duration_seconds histogram\n"
                         "pipeline_duration_seconds_bucket{le=\"3\"} 5\n"
                         "pipeline_duration_seconds_sum 5\n# EOF\n") == 0);
    make(&m, &f);
    metrics_merge(&m, &before);
    CHECK(value(&m, "pipeline_consumer_lag{topic=\"a\"}") == 17);
    CHECK(value(&m, "pipeline_duration_seconds_count{") == 1);
    CHECK(isnan(value(&m, "pipeline_duration_seconds_bucket{le=\"3\"}")));
    metrics_free(&m);
    metrics_free(&before);
    facts_free(&f);
}

TEST("codes beyond the limit count as others")
{
    static char codes[FACTS_CODES_MAX + 5][16];
    struct facts f = run_of("p", 0, 0);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < FACTS_CODES_MAX + 5; i++) {
            snprintf(codes[i], sizeof(codes[i]), "code_%zu", i);
            facts_reject(&f, codes[i]);
        }
    CHECK(f.n_codes == FACTS_CODES_MAX + 1);
    CHECK_STR(f.codes[FACTS_CODES_MAX].code, "other");
    CHECK(f.codes[FACTS_CODES_MAX].n == 10);
    CHECK(f.codes[0].n == 2);
    facts_free(&f);
}

TEST("the score is the share of good records times that of gates that hold")
{
    struct facts f = run_of("p", 90, 10);
    double score = -1;
    CHECK(facts_score(&f, &score) && fabs(score - 0.9) < 1e-12);
    facts_assertion(&f, &(struct assertion){ .passed = false }); /* a check */
    CHECK(facts_score(&f, &score) && fabs(score - 0.9) < 1e-12);
    facts_assertion(&f, &(struct assertion){ .gate = true, .passed = true });
    facts_assertion(&f, &(struct assertion){ .gate = true });
    CHECK(facts_score(&f, &score) && fabs(score - 0.45) < 1e-12);
    facts_free(&f);
    f = run_of("p", 0, 0);
    CHECK(!facts_score(&f, &score));
    facts_free(&f);
}

TEST("long gates that begin alike are two samples")
{
    struct facts f = run_of("p", 1, 0);
    struct metrics m, again;
    struct buf text = { 0 };
    struct err e = { 0 };
    char name[400];
    for (int i = 0; i < 2; i++) {
        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = (char)('0' + i);
        facts_assertion(&f, &(struct assertion){ .name = { name, sizeof(name) },
                                                 .gate = true });
    }
    make(&m, &f);
    CHECK(metrics_format(&text, &m) == 0);
    CHECK(metrics_parse(&again, buf_str(&text), &e) == 0);
    buf_free(&text);
    metrics_free(&m);
    metrics_free(&again);
    facts_free(&f);
}

/* ---- a stage that writes while it works */

TEST("what was told while a stage worked counts once, and its run at the end")
{
    struct facts f = run_of("p", 60, 4);
    struct runmetrics_told told = { 0 };
    struct metrics first, last;
    f.how = FACTS_OPEN;
    f.usage = (struct usage){ 1.5, 1000, 100, 50 };
    f.latency.given = true;
    facts_latency(&f, 0.2);
    facts_latency(&f, -3);
    facts_reject(&f, "type");
    metrics_init(&first);
    runmetrics_add(&first, &f, &told, 1);
    runmetrics_tell(&told, &f);
    CHECK(isnan(value(&first, "pipeline_runs_total")));
    CHECK(isnan(value(&first, "pipeline_last_success")));
    f.how = FACTS_SUCCESS;
    f.read = f.out = 100;
    f.usage = (struct usage){ 2.5, 2000, 300, 70 };
    facts_latency(&f, 1e9);
    facts_reject(&f, "type");
    facts_reject(&f, "range");
    metrics_init(&last);
    runmetrics_add(&last, &f, &told, 2000000);
    metrics_merge(&last, &first);
    CHECK(value(&last, "pipeline_records_total") == 100);
    CHECK(value(&last, "pipeline_errors_total") == 4);
    CHECK(value(&last, "pipeline_runs_total") == 1);
    CHECK(value(&last, "pipeline_stage_cpu_seconds_total") == 2.5);
    CHECK(value(&last, "pipeline_stage_read_bytes_total") == 300);
    CHECK(value(&last, "pipeline_stage_written_bytes_total") == 70);
    CHECK(value(&last, "pipeline_stage_peak_memory_bytes") == 2000);
    CHECK(value(&last, "pipeline_rejects_total{pipeline=\"p\",stage=\"pipe-"
                       "test\",code=\"type\"}") == 2);
    CHECK(value(&last, "pipeline_processing_latency_seconds_count") == 3);
    CHECK(value(&last, "pipeline_processing_latency_seconds_sum") == 1e9 + 0.2);
    CHECK(value(&last, "pipeline_processing_latency_seconds_bucket{pipeline="
                       "\"p\",stage=\"pipe-test\",le=\"0.1\"}") == 1);
    CHECK(value(&last, "pipeline_processing_latency_seconds_bucket{pipeline="
                       "\"p\",stage=\"pipe-test\",le=\"604800\"}") == 2);
    metrics_free(&first);
    metrics_free(&last);
    facts_free(&f);
}

/* ---- a run */

static struct jobfacts job_of(const char *outcome)
{
    return (struct jobfacts){ .pipeline = "p",
                              .outcome = outcome,
                              .ran = true,
                              .started_us = 1000000000,
                              .now_us = 2000000000,
                              .seconds = 7,
                              .rows = 50,
                              .currency = "" };
}

/* What the file is after f, which it was before. */
static void then(struct metrics *file, const struct jobfacts *f)
{
    struct metrics now;
    metrics_init(&now);
    jobmetrics_add(&now, f);
    metrics_merge(&now, file);
    metrics_free(file);
    *file = now;
    CHECK(!now.failed);
}

TEST("a run is under way from its start to its end")
{
    struct metrics file;
    struct jobfacts begins = job_of(NULL), ends = job_of("timeout");
    metrics_init(&file);
    then(&file, &begins);
    CHECK(value(&file, "pipeline_running_since") == 1000);
    CHECK(isnan(value(&file, "pipeline_last_run_success")));
    CHECK(value(&file, "pipeline_runs_total{pipeline=\"p\",stage=\"pipe-run\","
                       "status=\"failed\",outcome=\"timeout\"}") == 0);
    then(&file, &ends);
    CHECK(value(&file, "pipeline_running_since") == 0);
    CHECK(value(&file, "pipeline_last_run_success") == 0);
    CHECK(isnan(value(&file, "pipeline_last_success")));
    CHECK(isnan(value(&file, "pipeline_last_rows")));
    CHECK(value(&file, "pipeline_runs_total{pipeline=\"p\",stage=\"pipe-run\","
                       "status=\"failed\",outcome=\"timeout\"}") == 1);
    metrics_free(&file);
}

TEST("a run that is refused says nothing of the one that is under way")
{
    struct metrics file;
    struct jobfacts begins = job_of(NULL), busy = job_of("busy");
    busy.ran = false;
    metrics_init(&file);
    then(&file, &begins);
    then(&file, &busy);
    CHECK(value(&file, "pipeline_running_since") == 1000);
    CHECK(value(&file, "pipeline_runs_total{pipeline=\"p\",stage=\"pipe-run\","
                       "status=\"refused\",outcome=\"busy\"}") == 1);
    metrics_free(&file);
}

TEST("a deadline moves on when a run was ok, and at no other time")
{
    struct metrics file;
    struct jobfacts f = job_of(NULL);
    const char *name = "pipeline_sla_deadline";
    metrics_init(&file);
    f.deadline_us = 5000000;
    then(&file, &f); /* the first one of all */
    CHECK(value(&file, name) == 5);
    f.deadline_us = 9000000;
    then(&file, &f);
    f.outcome = "failed";
    then(&file, &f);
    CHECK(value(&file, name) == 5);
    f.outcome = "ok";
    then(&file, &f);
    CHECK(value(&file, name) == 9);
    f.deadline_us = 0; /* is declared no more */
    then(&file, &f);
    CHECK(isnan(value(&file, name)));
    metrics_free(&file);
}

TEST("what is declared no more is not exported any more")
{
    struct metrics file;
    struct jobfacts f = job_of("ok");
    metrics_init(&file);
    f.expected_rows = f.baseline_rows = 100;
    f.freshness_seconds = 60;
    then(&file, &f);
    CHECK(value(&file, "pipeline_expected_rows") == 100);
    f.expected_rows = f.baseline_rows = f.freshness_seconds = 0;
    then(&file, &f);
    CHECK(isnan(value(&file, "pipeline_expected_rows")));
    CHECK(isnan(value(&file, "pipeline_baseline_rows")));
    CHECK(isnan(value(&file, "pipeline_freshness")));
    metrics_free(&file);
}

TEST("a run that found all loaded already leaves volume and duration")
{
    struct metrics file;
    struct jobfacts f = job_of("ok");
    metrics_init(&file);
    then(&file, &f);
    f.unchanged = true;
    f.rows = 0;
    f.seconds = 1;
    f.now_us = 3000000000;
    then(&file, &f);
    CHECK(value(&file, "pipeline_last_rows") == 50);
    CHECK(value(&file, "pipeline_last_duration") == 7);
    CHECK(value(&file, "pipeline_rows_loaded_total") == 50);
    CHECK(value(&file, "pipeline_last_success") == 3000);
    metrics_free(&file);
}

TEST("cost adds up by currency")
{
    struct metrics file;
    struct jobfacts f = job_of("ok");
    metrics_init(&file);
    then(&file, &f);
    CHECK(isnan(value(&file, "pipeline_cost_total")));
    f.has_cost = true;
    f.cost = 0.25;
    f.currency = "EUR";
    then(&file, &f);
    then(&file, &f);
    f.currency = "USD";
    then(&file, &f);
    CHECK(value(&file,
                "pipeline_cost_total{pipeline=\"p\",currency=\"EUR\"}") == 0.5);
    CHECK(
        value(&file, "pipeline_cost_total{pipeline=\"p\",currency=\"USD\"}") ==
        0.25);
    metrics_free(&file);
}

/* ---- the file */

static const char *folder(void)
{
    static char path[300];
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%.200s/metrics.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(path))
        exit(1);
    return path;
}

static void remove_folder(const char *path)
{
    char cmd[400];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", path);
    CHECK(system(cmd) == 0);
}

static int add_run(const char *dir)
{
    struct facts f = run_of("p", 1, 0);
    struct metrics m;
    struct err e = { 0 };
    make(&m, &f);
    int r = textfile_add(dir, "p.pipe-test", &m, &e);
    if (r)
        printf("# %s\n", e.msg);
    metrics_free(&m);
    facts_free(&f);
    return r;
}

/* What the file counts; -1 where it is not whole. */
static double look(const char *dir)
{
    char path[400], text[65536];
    struct metrics m;
    struct err e;
    snprintf(path, sizeof(path), "%s/p.pipe-test.prom", dir);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return 0;
    double v = -1;
    if (metrics_parse(&m, (struct str){ text, (size_t)n }, &e) == 0)
        v = value(&m, "pipeline_runs_total{");
    metrics_free(&m);
    return v;
}

/* Reads on until it is killed; 1 where it has seen half a file. */
static _Noreturn void read_on(const char *dir)
{
    for (double last = 0;;) {
        double now = look(dir);
        if (now < last || unit_failed)
            _exit(1);
        last = now;
    }
}

static void add_named(const char *dir, const char *name, const char *pipeline)
{
    struct facts f = run_of(pipeline, 1, 0);
    struct metrics m;
    struct err e = { 0 };
    make(&m, &f);
    CHECK(textfile_add(dir, name, &m, &e) == 0);
    metrics_free(&m);
    facts_free(&f);
}

TEST("the files of a pipeline are gathered, and no other one's")
{
    const char *dir = folder();
    struct metrics m;
    struct buf text = { 0 };
    struct err e = { 0 };
    CHECK(textfile_gather("/nowhere/at/all", "p", &m, &e) == 0 && m.n == 0);
    metrics_free(&m);
    add_named(dir, "p.pipe-test", "p");
    add_named(dir, "p.pipe-other", "p of the other");
    add_named(dir, "p.q.pipe-test", "p.q");
    add_named(dir, "pipe-test", "");
    CHECK(textfile_gather(dir, "p", &m, &e) == 0);
    CHECK(value(&m, "pipeline_errors_total{pipeline=\"p\"") == 0);
    CHECK(value(&m, "pipeline_errors_total{pipeline=\"p of") == 0);
    CHECK(isnan(value(&m, "pipeline_errors_total{pipeline=\"p.q\"")));
    CHECK(isnan(value(&m, "pipeline_errors_total{pipeline=\"\"")));
    CHECK(metrics_format(&text, &m) == 0);
    metrics_free(&m);
    CHECK(metrics_parse(&m, buf_str(&text), &e) == 0); /* no family twice */
    metrics_free(&m);
    CHECK(textfile_gather(dir, "", &m, &e) == 0);
    CHECK(value(&m, "pipeline_errors_total{pipeline=\"\"") == 0);
    CHECK(isnan(value(&m, "pipeline_errors_total{pipeline=\"p\"")));
    metrics_free(&m);
    buf_free(&text);
    remove_folder(dir);
}

/* Where a sync costs nothing, if there is such a place. */
static const char *quick_folder(void)
{
    static char path[64] = "/dev/shm/metrics.XXXXXX";
    return mkdtemp(path) ? path : folder();
}

static pid_t write_some(const char *dir, int n)
{
    pid_t pid = fork();
    for (int i = 0; pid == 0 && i < n; i++)
        if (add_run(dir))
            _exit(1);
    if (pid == 0)
        _exit(0);
    return pid;
}

TEST("readers never see half of a file that four write 10000 times")
{
    enum { WRITERS = 4, READERS = 2, EACH = 2500 };
    const char *dir = quick_folder();
    pid_t readers[READERS], writers[WRITERS];
    int status = 0;
    for (int i = 0; i < READERS; i++)
        if ((readers[i] = fork()) == 0)
            read_on(dir);
    for (int i = 0; i < WRITERS; i++)
        writers[i] = write_some(dir, EACH);
    for (int i = 0; i < WRITERS; i++) {
        waitpid(writers[i], &status, 0);
        CHECK(status == 0);
    }
    for (int i = 0; i < READERS; i++) {
        kill(readers[i], SIGTERM);
        waitpid(readers[i], &status, 0);
        CHECK(WIFSIGNALED(status));
    }
    CHECK(look(dir) == WRITERS * EACH);
    remove_folder(dir);
}

TEST("writers at the same time lose nothing, and one that is killed no file")
{
    const char *dir = quick_folder();
    enum { WRITERS = 8, EACH = 40 };
    pid_t pids[WRITERS], victim = fork();
    if (victim == 0)
        for (;;)
            (void)add_run(dir);
    usleep(20000);
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
    double before = look(dir);
    CHECK(before >= 0);
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        for (int k = 0; pids[i] == 0 && k < EACH; k++)
            if (add_run(dir))
                _exit(1);
        if (pids[i] == 0)
            _exit(0);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        waitpid(pids[i], &status, 0);
        CHECK(status == 0);
    }
    CHECK(look(dir) == before + WRITERS * EACH);
    remove_folder(dir);
}

UNIT_MAIN
