#include "unit.h"

#include "base/date.h"
#include "window/window.h"

#include <stdlib.h>

#define MAX 60000

static struct err err;

/* ---- a window under test, and what came out of it ---- */

struct result {
    int64_t start, end; /* seconds */
    long key, n, sum, update;
};

static struct result out[MAX], want[MAX];
static size_t n_out, n_want;
static uint64_t rejected, late;
static char last_line[512], last_fault[512];

static struct budget budget;
static struct window *w;
static struct window_host host;
static struct window_options options;

static int64_t time_of(struct val line, const char *name)
{
    struct val v = json_get(line, str_of(name));
    int64_t us = 0;
    CHECK(v.type == JSON_STRING &&
          time_parse((struct str){ v.raw.p + 1, v.raw.n - 2 }, NULL, &us));
    return us / SPAN_SECOND;
}

static long number_of(struct val line, const char *name)
{
    struct val v = json_get(line, str_of(name));
    return v.type == JSON_NUMBER ? strtol(v.raw.p, NULL, 10) : 0;
}

static int on_emit(void *ctx, struct str text, struct err *e)
{
    (void)ctx;
    (void)e;
    struct val line = json_val(text);
    snprintf(last_line, sizeof(last_line), "%.*s", STR_ARG(text));
    CHECK(n_out < MAX);
    out[n_out++] =
        (struct result){ .start = time_of(line, "window_start"),
                         .end = time_of(line, "window_end"),
                         .key = number_of(line, "k"),
                         .n = number_of(line, "n"),
                         .sum = number_of(line, "s"),
                         .update = number_of(line, "window_update") };
    return 0;
}

static int on_fault(void *ctx, size_t i, const struct aggregate_fault *f,
                    struct err *e)
{
    (void)ctx;
    (void)i;
    (void)e;
    rejected++;
    late += strcmp(f->code, "late") == 0;
    snprintf(last_fault, sizeof(last_fault), "%s %.*s %.*s", f->code,
             STR_ARG(f->path), STR_ARG(f->message));
    return 0;
}

static struct aggregate *aggregate(const char *by, const char *specs)
{
    static const struct expr_env env;
    struct aggregate *a = aggregate_new(&budget, &env, &err);
    CHECK(a && (!by || aggregate_group_by(a, str_of(by), &err) == 0));
    if (specs) {
        CHECK(aggregate_compute(a, str_of(specs), &err) == 0);
        aggregate_by_window(a);
    }
    CHECK(aggregate_begin(a, &err) == 0);
    return a;
}

static bool failed; /* a take has, since begin: it is said once */

static void take(const char *record)
{
    struct select_record rec = { str_of(record), NULL };
    if (!failed && window_take(w, &rec, 1, 0, &err)) {
        failed = true;
        printf("# %s\n", err.msg);
        CHECK(!"taken");
    }
}

/* Times of records are whole seconds, in the field t. */
static void begin(const char *spec, const char *by, const char *tz)
{
    options.tz = tz;
    options.zone = tz ? zone_find(tz) : NULL;
    options.budget = &budget;
    n_out = 0;
    rejected = late = 0;
    failed = false;
    CHECK(windowspec_parse(&options.spec, str_of(spec), &err) == 0);
    CHECK(path_parse(&options.time, STR("t"), &err) == 0);
    host =
        (struct window_host){ .aggregate = aggregate(by, "n=count(),s=sum(v)"),
                              .emit = on_emit,
                              .fault = on_fault };
    if (by && options.spec.kind >= WINDOW_SESSION)
        host.keys = aggregate(by, NULL);
    w = window_new(&options, &host, &err);
    CHECK(w);
}

static void end(void)
{
    window_free(w);
    aggregate_free(host.aggregate);
    aggregate_free(host.keys);
    path_free(&options.time);
    options = (struct window_options){ 0 };
    CHECK(budget.used == 0);
    budget = (struct budget){ 0 };
}

/* ---- random streams ---- */

struct event {
    int64_t t; /* seconds */
    long key, v;
    bool bad; /* v is no number */
};

static struct event events[MAX];
static char texts[SELECT_BATCH][80];

static uint64_t state = 88172645463325252U;

static long random_below(long n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (long)(state % (uint64_t)n);
}

/* n events from start on, about `pace` seconds apart, up to `disorder` seconds
 * behind their place. */
static void make_events(size_t n, int64_t start, long pace, long disorder,
                        long keys)
{
    for (size_t i = 0; i < n; i++) {
        start += random_below(2 * pace + 1);
        events[i] = (struct event){ .t = start - random_below(disorder + 1),
                                    .key = random_below(keys),
                                    .v = random_below(2000) - 1000,
                                    .bad = random_below(50) == 0 };
    }
}

static void feed(size_t n)
{
    struct select_record recs[SELECT_BATCH];
    for (size_t i = 0; i < n;) {
        size_t some = 1 + (size_t)random_below(SELECT_BATCH), k = 0;
        for (; k < some && i < n; k++, i++) {
            const char *quote = events[i].bad ? "\"" : "";
            snprintf(texts[k], sizeof(texts[k]),
                     "{\"t\":%lld,\"k\":%ld,\"v\":%s%ld%s}",
                     (long long)events[i].t, events[i].key, quote, events[i].v,
                     quote);
            recs[k] = (struct select_record){ str_of(texts[k]), NULL };
        }
        CHECK(window_take(w, recs, k, 0, &err) == 0);
    }
}

/* ---- what results should be ---- */

static void expect(int64_t start, int64_t stop, const struct event *e)
{
    for (size_t i = 0; i < n_want; i++) {
        if (want[i].start == start && want[i].key == e->key) {
            want[i].n++;
            want[i].sum += e->v;
            return;
        }
    }
    want[n_want++] = (struct result){ start, stop, e->key, 1, e->v, 0 };
}

/* Windows of `steps` pieces; for a step of one hour. */
static void expect_panes(size_t n, const struct span *step, int64_t steps)
{
    n_want = 0;
    for (size_t i = 0; i < n; i++) {
        if (events[i].bad)
            continue;
        int64_t start = span_floor(step, options.zone, events[i].t * 1000000);
        for (int64_t k = 0; k < steps; k++) {
            int64_t stop = start;
            for (int64_t m = 0; m < steps; m++)
                stop = span_next(step, options.zone, stop);
            expect(start / 1000000, stop / 1000000, &events[i]);
            start = span_floor(step, options.zone, start - 1);
        }
    }
}

static int by_key_and_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->t < y->t ? -1 : x->t > y->t;
}

static void expect_sessions(size_t n, int64_t gap)
{
    static struct event sorted[MAX];
    struct result *last = NULL;
    memcpy(sorted, events, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_key_and_time);
    n_want = 0;
    for (size_t i = 0; i < n; i++) {
        const struct event *e = &sorted[i];
        if (e->bad)
            continue;
        if (!last || last->key != e->key || e->t >= last->end) {
            last = &want[n_want++];
            *last = (struct result){ .start = e->t, .key = e->key };
        }
        last->end = e->t + gap;
        last->n++;
        last->sum += e->v;
    }
}

static int by_window(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

static bool same(const struct result *a, const struct result *b)
{
    return a->start == b->start && a->end == b->end && a->key == b->key &&
           a->n == b->n && a->sum == b->sum;
}

/* Windows come in order of end and start; then compares all with want. */
static void compare(void)
{
    for (size_t i = 1; i < n_out; i++)
        if (out[i - 1].end > out[i].end ||
            (out[i - 1].end == out[i].end && out[i - 1].start > out[i].start)) {
            CHECK(!"in order");
            break;
        }
    qsort(out, n_out, sizeof(*out), by_window);
    qsort(want, n_want, sizeof(*want), by_window);
    CHECK(n_out == n_want);
    for (size_t i = 0; i < n_out && i < n_want; i++) {
        if (same(&out[i], &want[i]))
            continue;
        printf("# %zu: have %lld %lld %ld %ld, want %lld %lld %ld %ld\n", i,
               (long long)out[i].start, (long long)out[i].end, out[i].key,
               out[i].n, (long long)want[i].start, (long long)want[i].end,
               want[i].key, want[i].n);
        CHECK(!"same");
        break;
    }
}

static uint64_t count_bad(size_t n)
{
    uint64_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += events[i].bad;
    return bad;
}

/* ---- tumbling and sliding ---- */

TEST("with enough lateness windows give what all records at once would")
{
    static const char *const specs[] = {
        "1m", "1h", "1d", "sliding:1h,10m", "sliding:5m,1m", "sliding:3d,1d"
    };
    static const char *const zones[] = { NULL, "Europe/Berlin",
                                         "America/New_York" };
    for (int round = 0; round < 36; round++) {
        size_t n = 200 + (size_t)random_below(600);
        long disorder = random_below(4000);
        /* Behind the first come the changes of March 2013, on both sides. */
        make_events(n, 1362700000 + random_below(2000000), 500, disorder, 7);
        options.lateness_us = disorder * SPAN_SECOND;
        begin(specs[round % 6], "k", zones[round % 3]);
        feed(n);
        CHECK(window_end(w, &err) == 0);
        expect_panes(n, &options.spec.step, options.spec.steps);
        compare();
        CHECK(rejected == count_bad(n) && late == 0);
        end();
    }
}

TEST("a window is emitted as soon as the watermark is at its end")
{
    options.lateness_us = 10 * SPAN_SECOND;
    begin("1m", NULL, NULL);
    take("{\"t\":0,\"v\":1}");
    take("{\"t\":69,\"v\":1}");
    CHECK(n_out == 0);
    take("{\"t\":59,\"v\":1}");
    take("{\"t\":70,\"v\":1}");
    CHECK(n_out == 1);
    CHECK_STR(last_line, "{\"window_start\":\"1970-01-01T00:00:00Z\","
                         "\"window_end\":\"1970-01-01T00:01:00Z\","
                         "\"n\":2,\"s\":2}");
    end();
}

TEST("groups of a window come in order of appearance, windows by their end")
{
    options.lateness_us = 300 * SPAN_SECOND;
    begin("1m", "k", NULL);
    take("{\"t\":130,\"k\":3,\"v\":1}");
    take("{\"t\":10,\"k\":2,\"v\":1}");
    take("{\"t\":70,\"k\":1,\"v\":1}");
    take("{\"t\":20,\"k\":1,\"v\":1}");
    take("{\"t\":131,\"k\":1,\"v\":1}");
    CHECK(n_out == 0 && window_end(w, &err) == 0 && n_out == 5);
    long keys[] = { 2, 1, 1, 3, 1 };
    for (size_t i = 0; i < 5; i++)
        CHECK(out[i].key == keys[i]);
    end();
}

TEST("what comes behind the watermark is late, what is at it is not")
{
    begin("1m", NULL, NULL);
    take("{\"t\":60,\"v\":1}");
    take("{\"t\":61,\"v\":1}");
    take("{\"t\":60,\"v\":1}");
    CHECK(late == 0);
    take("{\"t\":59,\"v\":1}");
    CHECK(late == 1);
    CHECK_STR(last_fault, "late /t 1970-01-01T00:00:59Z is late: the watermark "
                          "is at 1970-01-01T00:01:01Z");
    CHECK(window_end(w, &err) == 0 && n_out == 1 && out[0].n == 3);
    end();
}

TEST("late records are counted: taken, late and bad are all there are")
{
    static const char *const specs[] = { "1m", "sliding:1m,30s", "session:30s",
                                         "trailing:5m" };
    for (int round = 0; round < 24; round++) {
        size_t n = 500;
        bool drop = round % 2;
        make_events(n, 1000000, 20, 300, 3);
        options.lateness_us = random_below(100) * SPAN_SECOND;
        options.late = drop ? WINDOW_LATE_DROP : WINDOW_LATE_REJECT;
        begin(specs[round / 2 % 4], "k", NULL);
        feed(n);
        CHECK(window_end(w, &err) == 0);
        uint64_t gone = rejected + window_counts(w)->dropped;
        CHECK(drop ? late == 0 && window_counts(w)->dropped > 0 : late > 0);
        long taken = 0;
        if (options.spec.kind == WINDOW_TRAILING)
            taken = (long)n_out;
        else if (options.spec.kind != WINDOW_SLIDING)
            for (size_t i = 0; i < n_out; i++)
                taken += out[i].n;
        else
            taken = (long)(n - gone);
        CHECK((uint64_t)taken + gone == n);
        end();
    }
}

TEST("a record late for some of its windows is taken into the others")
{
    begin("sliding:10m,5m", NULL, NULL);
    take("{\"t\":299,\"v\":1}");
    take("{\"t\":301,\"v\":1}"); /* -5m to 5m is emitted */
    CHECK(n_out == 1);
    take("{\"t\":250,\"v\":1}");
    CHECK(late == 0 && window_counts(w)->partly_late == 1);
    CHECK(window_end(w, &err) == 0 && n_out == 3);
    CHECK(out[0].n == 1 && out[1].n == 3 && out[2].n == 1);
    end();
}

/* ---- late records that update ---- */

/* Keeps of each window and key the result with the highest number. */
static void keep_updated(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < n_out; i++) {
        size_t k = 0;
        while (k < kept &&
               !(out[k].start == out[i].start && out[k].key == out[i].key))
            k++;
        if (k < kept)
            CHECK(out[i].update == out[k].update + 1);
        out[k] = out[i];
        kept += k == kept;
    }
    n_out = kept;
    qsort(out, n_out, sizeof(*out), by_window);
}

TEST("the last update of each result is what all records at once would give")
{
    static const char *const specs[] = { "1m", "sliding:6m,2m", "1h" };
    for (int round = 0; round < 30; round++) {
        size_t n = 500;
        make_events(n, 1000000, 20, 600, 3);
        options.late = WINDOW_LATE_UPDATE;
        options.keep_us = 600 * SPAN_SECOND;
        begin(specs[round % 3], "k", NULL);
        feed(n);
        CHECK(window_end(w, &err) == 0);
        CHECK(late == 0 && window_counts(w)->updates > 0);
        keep_updated();
        expect_panes(n, &options.spec.step, options.spec.steps);
        compare();
        end();
    }
}

TEST("a late record emits its result anew, numbered, until the window goes")
{
    options.late = WINDOW_LATE_UPDATE;
    options.keep_us = 60 * SPAN_SECOND;
    begin("1m", "k", NULL);
    take("{\"t\":10,\"k\":1,\"v\":5}");
    take("{\"t\":60,\"k\":1,\"v\":5}");
    CHECK(n_out == 1 && out[0].update == 0);
    take("{\"t\":11,\"k\":1,\"v\":5}");
    take("{\"t\":12,\"k\":2,\"v\":5}");
    take("{\"t\":12,\"k\":2,\"v\":\"x\"}");
    take("{\"t\":13,\"k\":1,\"v\":5}");
    CHECK(n_out == 4 && rejected == 1 && window_counts(w)->updates == 3);
    CHECK(out[1].key == 1 && out[1].n == 2 && out[1].update == 1);
    CHECK(out[2].key == 2 && out[2].n == 1 && out[2].update == 1);
    CHECK(out[3].key == 1 && out[3].n == 3 && out[3].update == 2);
    take("{\"t\":119,\"k\":1,\"v\":5}");
    take("{\"t\":14,\"k\":1,\"v\":5}");
    CHECK(late == 0 && n_out == 5);
    take("{\"t\":120,\"k\":1,\"v\":5}");
    CHECK(n_out == 6);
    take("{\"t\":15,\"k\":1,\"v\":5}");
    CHECK(late == 1 && n_out == 6);
    end();
}

/* ---- sessions ---- */

TEST("sessions are those of all records at once, however these are mixed")
{
    for (int round = 0; round < 30; round++) {
        size_t n = 300 + (size_t)random_below(2000);
        long disorder = random_below(900);
        make_events(n, 1000000, 1 + random_below(30), disorder,
                    1 + random_below(20));
        options.lateness_us = disorder * SPAN_SECOND;
        begin("session:2m", "k", NULL);
        feed(n);
        CHECK(window_end(w, &err) == 0);
        expect_sessions(n, 120);
        compare();
        CHECK(rejected == count_bad(n) && late == 0);
        end();
    }
}

TEST("a record between two sessions joins them, one at the gap does not")
{
    options.lateness_us = 1000 * SPAN_SECOND;
    begin("session:10s", NULL, NULL);
    take("{\"t\":100,\"v\":1}");
    take("{\"t\":110,\"v\":1}");
    take("{\"t\":125,\"v\":1}");
    take("{\"t\":118,\"v\":1}");
    CHECK(window_end(w, &err) == 0 && n_out == 2);
    CHECK(out[0].start == 100 && out[0].end == 110 && out[0].n == 1);
    CHECK(out[1].start == 110 && out[1].end == 135 && out[1].n == 3);
    end();
}

TEST("a rejected record neither lengthens nor joins sessions")
{
    options.lateness_us = 1000 * SPAN_SECOND;
    begin("session:10s", "k", NULL);
    take("{\"t\":100,\"k\":1,\"v\":1}");
    take("{\"t\":115,\"k\":1,\"v\":1}");
    take("{\"t\":108,\"k\":1,\"v\":\"x\"}");
    take("{\"t\":200,\"k\":2,\"v\":\"x\"}");
    CHECK(window_end(w, &err) == 0 && n_out == 2 && rejected == 2);
    CHECK(out[0].end == 110 && out[1].start == 115 && out[1].end == 125);
    end();
}

TEST("late records lengthen and join sessions that were emitted")
{
    options.late = WINDOW_LATE_UPDATE;
    options.keep_us = 1000 * SPAN_SECOND;
    begin("session:10s", NULL, NULL);
    take("{\"t\":100,\"v\":1}");
    take("{\"t\":115,\"v\":1}");
    take("{\"t\":200,\"v\":1}");
    CHECK(n_out == 2 && out[0].end == 110 && out[1].end == 125);
    take("{\"t\":108,\"v\":1}");
    CHECK(n_out == 3 && out[2].start == 100 && out[2].end == 125);
    CHECK(out[2].n == 3 && out[2].update == 1);
    take("{\"t\":50,\"v\":1}");
    CHECK(n_out == 4 && out[3].start == 50 && out[3].update == 1);
    CHECK(window_end(w, &err) == 0 && n_out == 5);
    CHECK(out[4].start == 200 && out[4].update == 0);
    end();
}

TEST("what closed sessions and their keys leave behind is given back")
{
    budget.max = (size_t)4 << 20;
    begin("session:10s", "k", NULL);
    for (long i = 0; i < 40000; i++) {
        char text[80];
        snprintf(text, sizeof(text), "{\"t\":%ld,\"k\":%ld,\"v\":1}", i, i);
        take(text);
    }
    CHECK(window_end(w, &err) == 0 && n_out == 40000);
    end();
}

/* ---- trailing ---- */

TEST("a trailing window is the records of the key up to each record")
{
    for (int round = 0; round < 20; round++) {
        size_t n = 400;
        long disorder = random_below(600);
        make_events(n, 1000000, 30, disorder, 4);
        options.lateness_us = disorder * SPAN_SECOND;
        begin("trailing:10m", "k", NULL);
        feed(n);
        CHECK(window_end(w, &err) == 0);
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
            struct result r = {
                events[i].t - 600, events[i].t, events[i].key, 0, 0, 0
            };
            for (size_t k = 0; k <= i; k++) {
                if (events[k].bad || events[k].key != r.key ||
                    events[k].t > r.end || events[k].t <= r.start)
                    continue;
                r.n++;
                r.sum += events[k].v;
            }
            if (events[i].bad)
                continue;
            CHECK(at < n_out && same(&out[at], &r));
            at++;
        }
        CHECK(at == n_out && rejected == count_bad(n));
        end();
    }
}

TEST("records that no trailing window holds any more are given back")
{
    budget.max = (size_t)4 << 20;
    begin("trailing:10s", "k", NULL);
    for (long i = 0; i < 40000; i++) {
        char text[80];
        snprintf(text, sizeof(text), "{\"t\":%ld,\"k\":%ld,\"v\":1}", i, i);
        take(text);
    }
    CHECK(n_out == 40000);
    end();
}

TEST("windows that outgrow the memory are a failure, not a wrong result")
{
    static const char *const specs[] = { "1h", "session:1h", "trailing:10h" };
    for (int kind = 0; kind < 3; kind++) {
        int r = 0;
        budget.max = (size_t)1 << 20;
        begin(specs[kind], "k", NULL);
        for (long i = 0; i < 100000 && r == 0; i++) {
            char text[80];
            snprintf(text, sizeof(text), "{\"t\":%ld,\"k\":%ld,\"v\":1}",
                     1 + i / 1000, i);
            struct select_record rec = { str_of(text), NULL };
            n_out = 0;
            r = window_take(w, &rec, 1, 0, &err);
        }
        CHECK(r == -1 && err.code == ERR_CONFIG);
        end();
    }
}

/* ---- times and sources ---- */

TEST("times are RFC 3339, dates, and numbers in the unit that was said")
{
    begin("1h", NULL, "Europe/Berlin");
    take("{\"t\":\"2026-10-25T02:30:00+02:00\",\"v\":1}");
    take("{\"t\":\"2026-10-25T00:40:00Z\",\"v\":1}");
    take("{\"t\":1792888200.1234567,\"v\":1}");
    take("{\"t\":\"2026-10-25T02:30:00+01:00\",\"v\":1}");
    CHECK(n_out == 1 && out[0].n == 3);
    take("{\"t\":\"2026-10-26\",\"v\":1}");
    CHECK(rejected == 0 && window_end(w, &err) == 0 && n_out == 3);
    CHECK_STR(last_line, "{\"window_start\":\"2026-10-26T00:00:00+01:00\","
                         "\"window_end\":\"2026-10-26T01:00:00+01:00\","
                         "\"n\":1,\"s\":1}");
    end();
    options.time_places = 3;
    begin("1h", NULL, NULL);
    take("{\"t\":3600000,\"v\":1}");
    take("{\"t\":7.2e6,\"v\":1}");
    CHECK(n_out == 1 && out[0].start == 3600);
    end();
}

TEST("a record without a time, or with none that can be read, is rejected")
{
    static const char *const none[] = { "{}", "{\"t\":null}" };
    static const char *const bad[] = {
        "{\"t\":\"yesterday\"}", "{\"t\":\"1700000000\"}",
        "{\"t\":true}",          "{\"t\":{}}",
        "{\"t\":1e300}",         "{\"t\":1e-9}",
        "{\"t\":253402300800}",  "{\"t\":\"2026-02-30\"}"
    };
    begin("1h", NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        take(none[i]);
        CHECK(rejected == i + 1 &&
              strncmp(last_fault, "time_missing /t", 15) == 0);
    }
    for (size_t i = 0; i < 8; i++) {
        take(bad[i]);
        CHECK(rejected == i + 3 && strncmp(last_fault, "time /t ", 8) == 0);
    }
    CHECK(window_end(w, &err) == 0 && n_out == 0);
    end();
}

TEST("one partition that runs ahead makes no record of another late")
{
    struct path source;
    CHECK(path_parse(&source, STR("p"), &err) == 0);
    options.source = &source;
    begin("1m", NULL, NULL);
    take("{\"t\":1,\"p\":0,\"v\":1}");
    take("{\"t\":1,\"p\":1,\"v\":1}");
    take("{\"t\":1000,\"p\":0,\"v\":1}");
    take("{\"t\":2,\"p\":1,\"v\":1}");
    CHECK(late == 0 && n_out == 0);
    take("{\"t\":70,\"p\":1,\"v\":1}");
    CHECK(n_out == 1 && out[0].n == 3);
    end();
    path_free(&source);
}

TEST("where nothing comes windows close by the clock")
{
    struct select_record rec = { STR("{\"t\":30,\"v\":1}"), NULL };
    options.idle_us = 5 * SPAN_SECOND;
    begin("1m", NULL, NULL);
    CHECK(window_wait_ms(w, 0) == 0);
    CHECK(window_take(w, &rec, 1, 0, &err) == 0);
    CHECK(window_wait_ms(w, 0) == 5001);
    CHECK(window_pass(w, 5001000, &err) == 0 && n_out == 0);
    CHECK(window_wait_ms(w, 5001000) == 25000);
    CHECK(window_pass(w, 30001000, &err) == 0 && n_out == 1);
    end();
}

UNIT_MAIN
