#include "unit.h"

#include "detect/series.h"

#include <math.h>
#include <stdlib.h>

#define MINUTE ((int64_t)60 * 1000000)
#define DAY (1440 * MINUTE)

static struct detect_params params(bool seasons)
{
    struct detect_params p = { .threshold = 6,
                               .warm_up = 200,
                               .cooldown = 100 };
    if (seasons) {
        p.seasons[0] = (struct detect_season){ DAY, 144 };
        p.seasons[1] = (struct detect_season){ 7 * DAY, 336 };
        p.n_seasons = 2;
    }
    return p;
}

/* Numbers from -1 to 1, the same in every run (Park and Miller). */
static uint64_t state = 1;

static double noise(void)
{
    state = state * 48271 % 2147483647;
    return (double)state / 1073741823.5 - 1;
}

/* A day's curve with its noise, a value each 10 minutes. */
static double daily(int64_t i)
{
    return 100 + 30 * sin((double)(i % 144) / 144 * 2 * M_PI) + 2 * noise();
}

struct outcome {
    int alerts, at; /* the last one */
};

/* Feeds n values of f, the clock ten minutes further each time. */
static struct outcome feed(const struct detect_params *p, struct detect *d,
                           int64_t from, int64_t n, double (*f)(int64_t))
{
    struct outcome o = { 0, -1 };
    struct detect_verdict v;
    for (int64_t i = from; i < from + n; i++) {
        detect_next(p, d, i * 10 * MINUTE, f(i), &v);
        CHECK(isfinite(v.score) && isfinite(v.expected));
        if (v.alert) {
            o.alerts++;
            o.at = (int)i;
        }
    }
    return o;
}

static struct detect *fresh(const struct detect_params *p)
{
    state = 1;
    return calloc(1, detect_size(p));
}

static double flat(int64_t i)
{
    (void)i;
    return 45;
}

TEST("nothing is judged before the warm-up is over")
{
    struct detect_params p = params(false);
    struct detect *d = fresh(&p);
    struct detect_verdict v;
    for (int i = 0; i < 200; i++) {
        detect_next(&p, d, 0, i == 150 ? 1e6 : noise(), &v);
        CHECK(!v.judged && !v.alert && v.score == 0);
    }
    detect_next(&p, d, 0, 0, &v);
    CHECK(v.judged);
    free(d);
}

TEST("the first value is its own expectation")
{
    struct detect_params p = params(true);
    struct detect *d = fresh(&p);
    struct detect_verdict v;
    detect_next(&p, d, 0, 12.5, &v);
    CHECK(v.expected == 12.5);
    free(d);
}

TEST("a constant series has no score; the first other value alerts, once")
{
    struct detect_params p = params(true);
    struct detect *d = fresh(&p);
    struct detect_verdict v;
    CHECK(feed(&p, d, 0, 5000, flat).alerts == 0);
    detect_next(&p, d, 5000 * 10 * MINUTE, 45.001, &v);
    CHECK(v.alert && v.expected == 45);
    detect_next(&p, d, 5001 * 10 * MINUTE, 45.001, &v);
    CHECK(!v.alert);
    free(d);
}

static double spike(int64_t i)
{
    double v = noise();
    return i == 3000 ? 15 : v;
}

TEST("a spike in noise alerts where it is, and nothing else does")
{
    struct detect_params p = params(false);
    struct detect *d = fresh(&p);
    struct outcome o = feed(&p, d, 0, 6000, spike);
    CHECK(o.alerts == 1 && o.at == 3000);
    free(d);
}

static double shifted(int64_t i)
{
    double v = noise();
    return i >= 3000 ? v + 1.5 : v;
}

TEST("a shift within the noise's reach is found by the mean of the last values")
{
    struct detect_params p = params(false);
    struct detect *d = fresh(&p);
    struct outcome o = feed(&p, d, 0, 3200, shifted);
    CHECK(o.alerts == 1 && o.at >= 3000 && o.at < 3030);
    free(d);
}

static double flat_noon(int64_t i)
{
    double v = daily(i);
    return i / 144 == 20 && i % 144 >= 20 && i % 144 < 60 ? 100 : v;
}

TEST("a day that lacks its peak is found by its season only")
{
    struct detect_params p = params(true), none = params(false);
    struct detect *d = fresh(&p);
    struct outcome o = feed(&p, d, 0, 25 * 144, flat_noon);
    CHECK(o.alerts == 1 && o.at >= 20 * 144 + 20 && o.at < 20 * 144 + 60);
    free(d);
    d = fresh(&none);
    o = feed(&none, d, 0, 25 * 144, flat_noon);
    CHECK(o.at < 20 * 144 + 20 || o.at >= 20 * 144 + 60);
    free(d);
}

static double weekend(int64_t i)
{
    double v = daily(i);
    return i / 144 % 7 >= 5 ? v - 60 : v;
}

TEST("what a weekend is like is learnt from the weekends before")
{
    struct detect_params p = params(true);
    struct detect *d = fresh(&p);
    feed(&p, d, 0, 28 * 144, weekend);
    CHECK(feed(&p, d, 28 * 144, 28 * 144, weekend).alerts == 0);
    free(d);
}

TEST("after an alert none comes while it goes on, nor in the cooldown")
{
    struct detect_params p = params(false);
    struct detect *d = fresh(&p);
    struct detect_verdict v;
    int alerts = 0;
    feed(&p, d, 0, 1000, spike);
    for (int i = 0; i < 90; i++) {
        detect_next(&p, d, 0, i % 10 ? noise() : 40, &v);
        alerts += v.alert;
    }
    CHECK(alerts == 1);
    for (int i = 0; i < 2000; i++)
        detect_next(&p, d, 0, noise(), &v);
    detect_next(&p, d, 0, 400, &v);
    CHECK(v.alert);
    free(d);
}

TEST("neither zero nor unit of the scale changes a score")
{
    struct detect_params p = params(true);
    struct detect *d = fresh(&p), *e = fresh(&p);
    struct detect_verdict v, w;
    for (int64_t i = 0; i < 4000; i++) {
        double value = spike(i);
        detect_next(&p, d, i * 10 * MINUTE, value, &v);
        detect_next(&p, e, i * 10 * MINUTE, 1e6 + 1024 * value, &w);
        CHECK(fabs(v.score - w.score) < 1e-4);
        CHECK(v.alert == (i == 3000) && w.alert == v.alert);
    }
    free(d);
    free(e);
}

TEST("gaps and clocks that go back or are before 1970 do no harm")
{
    struct detect_params p = params(true);
    struct detect *d = fresh(&p);
    struct detect_verdict v;
    for (int i = 0; i < 4000; i++) {
        int64_t clock = (i % 3 - 1) * (int64_t)i * 997 * MINUTE;
        detect_next(&p, d,
                    i == 7   ? INT64_MIN
                    : i == 8 ? INT64_MAX
                             : clock,
                    noise(), &v);
        CHECK(isfinite(v.score) && isfinite(v.expected));
    }
    free(d);
}

TEST("values at the ends of what is allowed leave all finite")
{
    struct detect_params p = params(true);
    struct detect *d = fresh(&p);
    struct detect_verdict v;
    for (int i = 0; i < 3000; i++) {
        double value = i % 7 == 0   ? DETECT_VALUE_MAX
                       : i % 5 == 0 ? -DETECT_VALUE_MAX
                       : i % 3 == 0 ? 1e-300
                                    : noise();
        detect_next(&p, d, i * MINUTE, value, &v);
        CHECK(isfinite(v.score) && isfinite(v.expected));
    }
    free(d);
}

/* ---- many series ---- */

static struct str key_of(char text[24], int i)
{
    return (struct str){ text, (size_t)snprintf(text, 24, "key%d", i) };
}

TEST("a series is found again by its key, whatever came between")
{
    struct detect_params p = params(false);
    struct series s;
    struct err e = { 0 };
    struct detect *d[1000], *again;
    char text[24];
    series_init(&s, &p, 0);
    for (int i = 0; i < 1000; i++)
        CHECK(series_get(&s, key_of(text, i), &d[i], &e) == 0);
    for (int i = 999; i >= 0; i--) {
        CHECK(series_get(&s, key_of(text, i), &again, &e) == 0);
        CHECK(again == d[i]);
    }
    CHECK(s.n == 1000 && s.forgotten == 0);
    series_free(&s);
}

TEST("at the maximum the series that was silent for longest goes")
{
    struct detect_params p = params(false);
    struct series s;
    struct err e = { 0 };
    struct detect *d;
    struct detect_verdict v;
    char text[24];
    size_t max = 64 * 1024;
    series_init(&s, &p, max);
    for (int i = 0; i < 5000; i++) {
        CHECK(series_get(&s, key_of(text, i), &d, &e) == 0);
        detect_next(&p, d, 0, 7, &v);
        CHECK(s.used <= max);
        /* Number 0 is kept by being used. */
        CHECK(series_get(&s, key_of(text, 0), &d, &e) == 0);
        detect_next(&p, d, 0, 9, &v);
        CHECK(i == 0 || v.expected != 9 || v.judged);
    }
    CHECK(s.forgotten == 5000 - s.n && s.n > 10);
    const struct series_entry *at = NULL;
    const struct detect *each;
    struct str key;
    size_t n = 0;
    while (series_next(&s, &at, &key, &each))
        n++;
    CHECK(n == s.n);
    CHECK(str_eq(key, STR("key0")));
    series_free(&s);
}

TEST("a maximum below one series is refused")
{
    struct detect_params p = params(true);
    struct series s;
    struct err e = { 0 };
    struct detect *d;
    series_init(&s, &p, 1000);
    CHECK(series_get(&s, STR("k"), &d, &e) == -1);
    CHECK(e.code == ERR_CONFIG);
    series_free(&s);
}

UNIT_MAIN
