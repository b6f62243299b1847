/* Every allocation fails in turn: an error and no leak, never a crash and never
 * a wrong result. The allocator is the C library's, counted; sanitizers bring
 * one of their own, so there is nothing to test under them. */
#include "unit.h"

#include "window/window.h"

#ifndef __SANITIZE_ADDRESS__

#include "starve.h"

static struct err err;
static struct buf got;

static int on_emit(void *ctx, struct str line, struct err *e)
{
    (void)ctx;
    buf_add_str(&got, line);
    return buf_addc(&got, '\n') ? err_nomem(e) : 0;
}

static int on_fault(void *ctx, size_t i, const struct aggregate_fault *f,
                    struct err *e)
{
    (void)ctx;
    (void)i;
    (void)f;
    (void)e;
    return 0;
}

/* Out of order, escaped, late, faulty, from two sources. */
static const char *const records[] = {
    "{\"t\":10,\"p\":1,\"k\":\"a\",\"v\":1}",
    "{\"t\":70,\"p\":1,\"k\":\"b\\u0062\",\"v\":2.5}",
    "{\"t\":65,\"p\":2,\"k\":\"a\",\"v\":99999999999999999999999999999}",
    "{\"t\":\"1970-01-01T00:02\\u003a30Z\",\"p\":1,\"k\":\"a\",\"v\":1}",
    "{\"t\":150,\"p\":2,\"k\":\"a\",\"v\":\"x\"}",
    "{\"t\":20,\"p\":2,\"k\":\"a\",\"v\":1}",
    "{\"t\":75,\"p\":2,\"k\":\"a\",\"v\":1}",
    "{\"t\":500,\"p\":2,\"k\":\"c\",\"v\":3}",
    "{\"t\":500,\"p\":1,\"k\":\"c\",\"v\":4}",
};

static struct aggregate *describe(struct budget *b, const char *specs)
{
    static const struct expr_env env;
    struct aggregate *a = aggregate_new(b, &env, &err);
    if (!a || aggregate_group_by(a, STR("k"), &err) ||
        (specs && aggregate_compute(a, str_of(specs), &err))) {
        aggregate_free(a);
        return NULL;
    }
    if (specs)
        aggregate_by_window(a);
    if (aggregate_begin(a, &err) == 0)
        return a;
    aggregate_free(a);
    return NULL;
}

static int take_all(struct window *w)
{
    for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
        struct select_record rec = { str_of(records[i]), NULL };
        if (window_take(w, &rec, 1, 0, &err))
            return -1;
    }
    return window_end(w, &err);
}

/* All there is to do, from options to results: 0 or -1. */
static int whole_job(const char *spec)
{
    struct budget budget = { .max = (size_t)64 << 20 };
    struct path source = { 0 };
    struct window_options o = { .budget = &budget,
                                .source = &source,
                                .late = WINDOW_LATE_UPDATE,
                                .keep_us = 1000 * SPAN_SECOND };
    struct window *w = NULL;
    struct window_host host = { .emit = on_emit, .fault = on_fault };
    int r = -1;
    buf_reset(&got);
    if (windowspec_parse(&o.spec, str_of(spec), &err) == 0 &&
        path_parse(&o.time, STR("t"), &err) == 0 &&
        path_parse(&source, STR("p"), &err) == 0 &&
        (host.aggregate = describe(&budget, "n=count(),s=sum(v)")) &&
        (host.keys = describe(&budget, NULL)) &&
        (w = window_new(&o, &host, &err)))
        r = take_all(w);
    window_free(w);
    aggregate_free(host.aggregate);
    aggregate_free(host.keys);
    path_free(&o.time);
    path_free(&source);
    return r;
}

static void starve(const char *spec)
{
    CHECK(whole_job(spec) == 0); /* what is allocated once, is */
    buf_free(&got);
    long before = live, failures = 0;
    CHECK(whole_job(spec) == 0);
    char want[4096];
    snprintf(want, sizeof(want), "%.*s", STR_ARG(buf_str(&got)));
    buf_free(&got);
    CHECK(live == before && strlen(want) > 100);
    for (long n = 0;; n++) {
        err = (struct err){ 0 };
        countdown = n;
        int r = whole_job(spec);
        bool unused = countdown >= 0;
        countdown = -1;
        /* A failure that was got over must not show. */
        CHECK(r == 0 ? str_eq(buf_str(&got), str_of(want))
                     : err.code == ERR_TEMPFAIL);
        buf_free(&got);
        CHECK(live == before);
        failures += r != 0;
        if (unused || unit_failed)
            break;
    }
    CHECK(failures > 20);
}

TEST("tumbling windows survive the failure of each allocation")
{
    starve("1m");
}

TEST("sliding windows survive the failure of each allocation")
{
    starve("sliding:2m,1m");
}

TEST("sessions survive the failure of each allocation")
{
    starve("session:30s");
}

TEST("trailing windows survive the failure of each allocation")
{
    starve("trailing:2m");
}

#else

TEST("nothing to do: the sanitizer has an allocator of its own")
{
}

#endif

UNIT_MAIN
