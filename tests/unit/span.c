#include "unit.h"

#include "base/buf.h"
#include "base/date.h"
#include "window/span.h"
#include "window/watermark.h"
#include "window/windowspec.h"

#include <stdint.h>

static struct err err;

static struct span span(const char *text)
{
    struct span s = { SPAN_MICROS, 1 };
    CHECK(span_parse(str_of(text), &s));
    return s;
}

static int64_t at(const char *text)
{
    int64_t us = 0;
    CHECK(time_parse(str_of(text), NULL, &us));
    return us;
}

/* The piece of `length` in tz that holds a time, as "start end". */
static const char *piece(const char *length, const char *tz, const char *time)
{
    static struct buf out;
    struct span s = span(length);
    const struct zone *z = tz ? zone_find(tz) : NULL;
    int64_t start = span_floor(&s, z, at(time));
    buf_reset(&out);
    time_format_tz(&out, start, tz);
    buf_addc(&out, ' ');
    time_format_tz(&out, span_next(&s, z, start), tz);
    return buf_z(&out);
}

static const char *const berlin = "Europe/Berlin";
static const char *const new_york = "America/New_York";

TEST("a length is a whole number and a unit, up to 100 years")
{
    CHECK(span("250ms").n == 250000);
    CHECK(span("90s").n == 90 * SPAN_SECOND);
    CHECK(span("5m").n == 300 * SPAN_SECOND);
    CHECK(span("36h").n == 36 * SPAN_HOUR);
    CHECK(span("30d").unit == SPAN_DAYS && span("30d").n == 30);
    CHECK(span("2w").unit == SPAN_WEEKS && span("2w").n == 2);
    CHECK(span("1mo").unit == SPAN_MONTHS && span("1200mo").n == 1200);
    static const char *const bad[] = { "",
                                       "5",
                                       "h",
                                       "0h",
                                       "-1h",
                                       "1.5h",
                                       "1 h",
                                       "1H",
                                       "1y",
                                       "1201mo",
                                       "36526d",
                                       "1hh",
                                       "99999999999999999999s" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct span s;
        CHECK(!span_parse(str_of(bad[i]), &s));
    }
}

TEST("without a zone pieces are multiples since 1970, before it too")
{
    CHECK_STR(piece("1h", NULL, "2026-03-29T01:59:59.999999Z"),
              "2026-03-29T01:00:00Z 2026-03-29T02:00:00Z");
    CHECK_STR(piece("1h", NULL, "1969-12-31T23:30:00Z"),
              "1969-12-31T23:00:00Z 1970-01-01T00:00:00Z");
    CHECK_STR(piece("1d", NULL, "1969-12-31T23:30:00Z"),
              "1969-12-31T00:00:00Z 1970-01-01T00:00:00Z");
    CHECK_STR(piece("250ms", NULL, "1969-12-31T23:59:59.9Z"),
              "1969-12-31T23:59:59.75Z 1970-01-01T00:00:00Z");
}

TEST("weeks begin on Monday, months on the first, also by twos and threes")
{
    CHECK_STR(piece("1w", NULL, "2026-11-22T12:00:00Z"),
              "2026-11-16T00:00:00Z 2026-11-23T00:00:00Z");
    CHECK_STR(piece("1mo", NULL, "2024-02-29T23:00:00Z"),
              "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z");
    CHECK_STR(piece("3mo", NULL, "2025-12-31T23:00:00Z"),
              "2025-10-01T00:00:00Z 2026-01-01T00:00:00Z");
    CHECK_STR(piece("12mo", NULL, "1969-07-20T20:17:40Z"),
              "1969-01-01T00:00:00Z 1970-01-01T00:00:00Z");
}

TEST("the hour that clocks show twice in autumn is two hours")
{
    CHECK_STR(piece("1h", berlin, "2026-10-25T00:30:00Z"),
              "2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00");
    CHECK_STR(piece("1h", berlin, "2026-10-25T01:30:00Z"),
              "2026-10-25T02:00:00+01:00 2026-10-25T03:00:00+01:00");
    CHECK_STR(piece("1h", new_york, "2013-11-03T05:30:00Z"),
              "2013-11-03T01:00:00-04:00 2013-11-03T01:00:00-05:00");
    CHECK_STR(piece("1h", new_york, "2013-11-03T06:30:00Z"),
              "2013-11-03T01:00:00-05:00 2013-11-03T02:00:00-05:00");
    CHECK_STR(piece("15m", berlin, "2026-10-25T00:59:00Z"),
              "2026-10-25T02:45:00+02:00 2026-10-25T02:00:00+01:00");
}

TEST("the hour that clocks skip in spring is none")
{
    CHECK_STR(piece("1h", berlin, "2026-03-29T00:30:00Z"),
              "2026-03-29T01:00:00+01:00 2026-03-29T03:00:00+02:00");
    CHECK_STR(piece("1h", berlin, "2026-03-29T01:00:00Z"),
              "2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00");
    CHECK_STR(piece("1h", new_york, "2013-03-10T06:30:00Z"),
              "2013-03-10T01:00:00-05:00 2013-03-10T03:00:00-04:00");
    CHECK_STR(piece("1h", new_york, "2013-03-10T07:00:00Z"),
              "2013-03-10T03:00:00-04:00 2013-03-10T04:00:00-04:00");
}

TEST("a piece of some hours begins where clocks skip its beginning")
{
    CHECK_STR(piece("2h", berlin, "2026-03-29T00:59:00Z"),
              "2026-03-29T00:00:00+01:00 2026-03-29T03:00:00+02:00");
    CHECK_STR(piece("2h", berlin, "2026-03-29T01:00:00Z"),
              "2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00");
    CHECK_STR(piece("6h", berlin, "2026-03-29T00:59:00Z"),
              "2026-03-29T00:00:00+01:00 2026-03-29T06:00:00+02:00");
    CHECK_STR(piece("6h", berlin, "2026-10-25T01:30:00Z"),
              "2026-10-25T00:00:00+02:00 2026-10-25T06:00:00+01:00");
}

TEST("a day has 23 or 25 hours where clocks are changed")
{
    CHECK_STR(piece("1d", berlin, "2026-03-29T10:00:00Z"),
              "2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00");
    CHECK_STR(piece("1d", berlin, "2026-10-25T22:30:00Z"),
              "2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00");
    CHECK_STR(piece("1d", new_york, "2013-03-11T03:59:59Z"),
              "2013-03-10T00:00:00-05:00 2013-03-11T00:00:00-04:00");
    CHECK_STR(piece("1d", new_york, "2013-11-04T04:59:59Z"),
              "2013-11-03T00:00:00-04:00 2013-11-04T00:00:00-05:00");
    CHECK_STR(piece("1w", berlin, "2026-03-29T10:00:00Z"),
              "2026-03-23T00:00:00+01:00 2026-03-30T00:00:00+02:00");
    CHECK_STR(piece("1mo", berlin, "2026-10-31T22:59:59Z"),
              "2026-10-01T00:00:00+02:00 2026-11-01T00:00:00+01:00");
}

TEST("a day begins once where clocks go back over its midnight")
{
    /* St. John's until 2011: from 00:01 to 23:01 of the day before. */
    CHECK_STR(piece("1d", "America/St_Johns", "2010-11-07T02:30:30Z"),
              "2010-11-07T00:00:00-02:30 2010-11-08T00:00:00-03:30");
    CHECK_STR(piece("1d", "America/St_Johns", "2010-11-07T03:10:00Z"),
              "2010-11-07T00:00:00-02:30 2010-11-08T00:00:00-03:30");
    /* Sao Paulo until 2018: from 00:00 to 01:00, so a day has no midnight. */
    CHECK_STR(piece("1d", "America/Sao_Paulo", "2018-11-04T03:00:00Z"),
              "2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00");
}

static uint64_t state = 88172645463325252U;

static uint64_t random_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

TEST("pieces leave no gap and do not overlap, in any zone at any time")
{
    static const char *const zones[] = {
        NULL,
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe", /* changes by half an hour */
        "America/St_Johns",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        "Pacific/Apia" /* skipped a day */
    };
    static const char *const lengths[] = { "1m", "30m", "45m", "1h",
                                           "2h", "7h",  "24h", "1d",
                                           "3d", "1w",  "1mo", "5mo" };
    int64_t first = at("1975-01-01"), days = 60 * 365;
    for (int round = 0; round < 60000; round++) {
        const char *tz = zones[random_below(8)];
        struct span s = span(lengths[random_below(12)]);
        const struct zone *z = tz ? zone_find(tz) : NULL;
        int64_t t = first + (int64_t)random_below((uint64_t)days) * SPAN_DAY +
                    (int64_t)random_below((uint64_t)SPAN_DAY);
        int64_t start = span_floor(&s, z, t), next = span_next(&s, z, start);
        bool ok = start <= t && t < next && span_floor(&s, z, start) == start &&
                  span_floor(&s, z, next - 1) == start &&
                  span_floor(&s, z, next) == next;
        CHECK(ok);
        if (!ok) {
            printf("# %s %lld in %lld of unit %d: %lld to %lld\n",
                   tz ? tz : "UTC", (long long)t, (long long)s.n, (int)s.unit,
                   (long long)start, (long long)next);
            break;
        }
    }
}

/* The clock says so, minute by minute: it shows a multiple of n minutes, or has
 * just skipped one. */
static bool begins(const struct zone *z, int64_t minute, int64_t n)
{
    int64_t now = minute + zone_offset(z, minute * 60) / 60;
    int64_t last = minute - 1 + zone_offset(z, minute * 60 - 60) / 60;
    for (int64_t shown = now; shown > last; shown--)
        if (shown % n == 0)
            return true;
    return now <= last && now % n == 0;
}

TEST("pieces of the clock begin where somebody who watches it says")
{
    static const char *const zones[] = { "Europe/Berlin", "America/New_York",
                                         "Australia/Lord_Howe" };
    static const int lengths[] = { 15, 30, 60, 120, 180, 360, 1440 };
    for (int k = 0; k < 21; k++) {
        const struct zone *z = zone_find(zones[k % 3]);
        struct span s = { SPAN_MICROS, lengths[k / 3] * 60 * SPAN_SECOND };
        for (int64_t year = 2012; year < 2016; year++) {
            int64_t minute = date_days((int)year, 1, 1) * 1440;
            int64_t end = minute + 366 * 1440, start = -1;
            for (; minute < end; minute++) {
                if (begins(z, minute, lengths[k / 3]))
                    start = minute;
                if (start < 0 || minute % 7)
                    continue;
                if (span_floor(&s, z, minute * 60 * SPAN_SECOND) !=
                    start * 60 * SPAN_SECOND) {
                    CHECK(!"as watched");
                    return;
                }
            }
        }
    }
}

TEST("a month before is the same day of the month, or its last")
{
    struct span month = span("1mo"), days = span("30d"), hours = span("24h");
    CHECK(span_before(&month, NULL, at("2026-03-31T10:00:00.5Z")) ==
          at("2026-02-28T10:00:00.5Z"));
    CHECK(span_before(&month, NULL, at("2026-01-15T00:00:00Z")) ==
          at("2025-12-15T00:00:00Z"));
    CHECK(span_before(&days, NULL, at("2026-03-31T10:00:00Z")) ==
          at("2026-03-01T10:00:00Z"));
    const struct zone *z = zone_find(berlin);
    CHECK(span_before(&days, z, at("2026-04-10T12:00:00+02:00")) ==
          at("2026-03-11T12:00:00+01:00"));
    CHECK(span_before(&hours, z, at("2026-03-29T12:00:00+02:00")) ==
          at("2026-03-28T11:00:00+01:00"));
}

/* ---- windowspec ---- */

TEST("a length alone is a tumbling window, others name their kind")
{
    struct windowspec w;
    CHECK(windowspec_parse(&w, STR("1h"), &err) == 0 &&
          w.kind == WINDOW_TUMBLING && w.step.n == SPAN_HOUR && w.steps == 1);
    CHECK(windowspec_parse(&w, STR("tumbling:1mo"), &err) == 0 &&
          w.step.unit == SPAN_MONTHS);
    CHECK(windowspec_parse(&w, STR("sliding:1h,5m"), &err) == 0 &&
          w.kind == WINDOW_SLIDING && w.steps == 12);
    CHECK(windowspec_parse(&w, STR("sliding:1w,1d"), &err) == 0 &&
          w.steps == 7 && w.step.unit == SPAN_DAYS);
    CHECK(windowspec_parse(&w, STR("sliding:12mo,1mo"), &err) == 0 &&
          w.steps == 12);
    CHECK(windowspec_parse(&w, STR("session:30m"), &err) == 0 &&
          w.kind == WINDOW_SESSION && w.gap == SPAN_HOUR / 2);
    CHECK(windowspec_parse(&w, STR("trailing:30d"), &err) == 0 &&
          w.kind == WINDOW_TRAILING && w.length.n == 30);
}

TEST("what is no window is refused, quoting it")
{
    static const char *const bad[] = {
        "",
        "hourly",
        "tumbling:",
        "tumbling:36h",
        "hopping:1h",
        "sliding:1h",
        "sliding:1h,7m",
        "sliding:1mo,1d",
        "session:1mo",
        "sliding:,1m",
        "sliding:2d,1m",
        "sliding:1h,5m,1m",
        "session:",
        "trailing:1y",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct windowspec w;
        err = (struct err){ 0 };
        CHECK(windowspec_parse(&w, str_of(bad[i]), &err) == -1);
        CHECK(err.code == ERR_USAGE && strstr(err.msg, bad[i]));
    }
}

/* ---- watermark ---- */

static bool see(struct watermark *w, const char *source, int64_t time,
                int64_t now)
{
    bool moved = false;
    CHECK(watermark_see(w, str_of(source), time, now, &moved, &err) == 0);
    return moved;
}

TEST("the watermark follows the latest time by the lateness, never back")
{
    struct watermark w;
    watermark_init(&w, 10, 0);
    CHECK(w.at == WATERMARK_NONE);
    CHECK(see(&w, "", 100, 0) && w.at == 90);
    CHECK(!see(&w, "", 50, 0) && w.at == 90);
    CHECK(see(&w, "", 101, 0) && w.at == 91);
    CHECK(watermark_wait(&w, 0, 1000) == -1 && !watermark_pass(&w, 1000, true));
    watermark_free(&w);
}

TEST("of several sources the one furthest behind says how far time has come")
{
    struct watermark w;
    watermark_init(&w, 0, 0);
    see(&w, "a", 100, 0);
    CHECK(w.at == 100);
    CHECK(!see(&w, "b", 50, 0) && w.at == 100);
    CHECK(!see(&w, "a", 200, 0));
    CHECK(see(&w, "b", 150, 0) && w.at == 150);
    CHECK(see(&w, "b", 300, 0) && w.at == 200);
    watermark_free(&w);
}

TEST("a source that is idle is left out until it comes again")
{
    struct watermark w;
    watermark_init(&w, 0, 10);
    see(&w, "a", 100, 0);
    see(&w, "b", 50, 0);
    see(&w, "a", 200, 9);
    CHECK(watermark_wait(&w, 9, INT64_MAX) == 1);
    CHECK(watermark_pass(&w, 10, false) && w.at == 200);
    CHECK(!see(&w, "b", 60, 11) && w.at == 200);
    CHECK(!see(&w, "a", 300, 12) && w.at == 200);
    CHECK(see(&w, "b", 250, 12) && w.at == 250);
    watermark_free(&w);
}

TEST("where nothing comes at all time goes on with the clock")
{
    struct watermark w;
    watermark_init(&w, 5, 10);
    CHECK(!watermark_pass(&w, 1000, true));
    see(&w, "a", 100, 1000);
    CHECK(watermark_wait(&w, 1003, 120) == 7);
    CHECK(!watermark_pass(&w, 1009, true) && w.at == 95);
    CHECK(watermark_pass(&w, 1010, true) && w.at == 105);
    CHECK(watermark_wait(&w, 1010, 120) == 15);
    CHECK(watermark_pass(&w, 1025, true) && w.at == 120);
    CHECK(!see(&w, "a", 101, 1026) && w.at == 120);
    CHECK(!watermark_pass(&w, 1036, true) && w.at == 120);
    CHECK(watermark_pass(&w, 1052, true) && w.at == 122);
    watermark_free(&w);
}

TEST("65,536 sources are told apart, and one more is refused")
{
    struct watermark w;
    char name[16];
    bool moved, ok = true;
    watermark_init(&w, 0, 0);
    for (int i = 0; i < WATERMARK_SOURCES; i++) {
        snprintf(name, sizeof(name), "%d", i);
        ok = ok &&
             watermark_see(&w, str_of(name), 1000 + i, 0, &moved, &err) == 0;
    }
    CHECK(ok && w.at == 1000);
    CHECK(see(&w, "0", 5000, 0) && w.at == 1001);
    CHECK(!see(&w, "2", 5000, 0) && w.at == 1001);
    CHECK(see(&w, "1", 5000, 0) && w.at == 1003);
    err = (struct err){ 0 };
    CHECK(watermark_see(&w, STR("x"), 1, 0, &moved, &err) == -1);
    CHECK(err.code == ERR_DATA);
    watermark_free(&w);
}

UNIT_MAIN
