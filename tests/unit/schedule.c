/* Schedules: what crontab lines name, held against clocks minute by minute. */
#include "config/schedule.h"

#include "base/date.h"
#include "base/zone.h"
#include "unit.h"

static struct schedule parsed(const char *text)
{
    struct schedule s = { 0 };
    struct err e = { 0 };
    if (schedule_parse(&s, str_of(text), &e)) {
        printf("# %s: %s\n", text, e.msg);
        unit_failed = true;
    }
    return s;
}

static int64_t at(const char *text)
{
    int64_t us = 0;
    if (!time_parse(str_of(text), NULL, &us))
        printf("# no time: %s\n", text);
    return us;
}

static const char *shown(bool found, int64_t us)
{
    static struct buf b;
    if (!found)
        return "never";
    buf_reset(&b);
    time_format(&b, us);
    return buf_z(&b);
}

static const char *next(const char *text, const char *from, const char *tz)
{
    struct schedule s = parsed(text);
    int64_t us = 0;
    bool found = schedule_next(&s, at(from), tz, &us);
    return shown(found, us);
}

static const char *previous(const char *text, const char *from, const char *tz)
{
    struct schedule s = parsed(text);
    int64_t us = 0;
    bool found = schedule_previous(&s, at(from), tz, &us);
    return shown(found, us);
}

TEST("the next moment is after the time, the previous one at or before it")
{
    CHECK_STR(next("15 2 * * *", "2026-01-05T02:15:00Z", NULL),
              "2026-01-06T02:15:00Z");
    CHECK_STR(previous("15 2 * * *", "2026-01-05T02:15:00Z", NULL),
              "2026-01-05T02:15:00Z");
    CHECK_STR(previous("15 2 * * *", "2026-01-05T02:14:59.9Z", NULL),
              "2026-01-04T02:15:00Z");
    CHECK_STR(next("@hourly", "1969-12-31T23:10:00Z", NULL),
              "1970-01-01T00:00:00Z");
}

TEST("names, ranges, lists and steps are read")
{
    CHECK_STR(
        next("*/20 8-18/5 * jan-mar,DEC mon-fri", "2026-03-31T18:41:00Z", NULL),
        "2026-12-01T08:00:00Z");
    CHECK_STR(next("0 0 * * 5-7", "2026-01-05T00:00:00Z", NULL),
              "2026-01-09T00:00:00Z");
    CHECK_STR(next("  5\t4 * *  7 ", "2026-01-05T00:00:00Z", NULL),
              "2026-01-11T04:05:00Z");
}

TEST("of two days that are given either will do, one with a star narrows")
{
    CHECK_STR(next("0 0 13 * fri", "2026-01-13T12:00:00Z", NULL),
              "2026-01-16T00:00:00Z");
    CHECK_STR(next("0 0 */13 * fri", "2026-01-13T12:00:00Z", NULL),
              "2026-02-27T00:00:00Z");
}

TEST("a leap day is found, a day that never comes is not")
{
    CHECK_STR(next("0 0 29 2 *", "2096-03-01T00:00:00Z", NULL),
              "2104-02-29T00:00:00Z");
    CHECK_STR(next("0 0 30 2 *", "2026-01-01T00:00:00Z", NULL), "never");
    CHECK_STR(previous("0 0 31 4,6,9,11 *", "2026-01-01T00:00:00Z", NULL),
              "never");
}

TEST("a moment that clocks skip is the first instant behind the gap")
{
    CHECK_STR(next("30 2 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin"),
              "2026-03-29T01:00:00Z");
    CHECK_STR(next("30 2 * * *", "2026-03-29T01:00:00Z", "Europe/Berlin"),
              "2026-03-30T00:30:00Z");
}

TEST("a moment that clocks show twice is the first; with a star it is both")
{
    CHECK_STR(next("30 2 * * *", "2026-10-25T00:30:00Z", "Europe/Berlin"),
              "2026-10-26T01:30:00Z");
    CHECK_STR(next("30 * * * *", "2026-10-25T00:30:00Z", "Europe/Berlin"),
              "2026-10-25T01:30:00Z");
}

TEST("what is no schedule is refused with its field")
{
    static const char *const bad[] = {
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "5/2 * * * *",
        "*/0 * * * *",
        "1,,2 * * * *",
        "a * * * *",
        "@reboot",
        "@dailyx",
        "1- * * * *",
        "-1 * * * *",
        "1,2, * * * *",
        "* * * jann *",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct schedule s;
        struct err e = { 0 };
        CHECK(schedule_parse(&s, str_of(bad[i]), &e) == -1);
        CHECK(e.code == ERR_CONFIG);
        CHECK(strstr(e.msg, "schedule"));
    }
}

/* ---- minute by minute: what cron(8) would do */

static bool fields_match(const struct schedule *s, int64_t local)
{
    int y, m, d;
    int64_t day = local / 86400 - (local % 86400 < 0);
    int64_t left = local - day * 86400;
    date_civil(day, &y, &m, &d);
    int weekday = (int)(((day + 4) % 7 + 7) % 7);
    bool a = s->days >> d & 1, b = s->weekdays >> weekday & 1;
    bool days = s->any_day || s->any_weekday ? a && b : a || b;
    return days && s->months >> m & 1 && s->hours >> (left / 3600) & 1 &&
           s->minutes >> (left % 3600 / 60) & 1;
}

/* Does the schedule fall on the minute at which clocks go from `before` to
 * `now` (local seconds)? */
static bool is_due(const struct schedule *s, int64_t before, int64_t now,
                   int64_t latest)
{
    if (s->wild)
        return fields_match(s, now);
    if (now <= latest) /* shown before */
        return false;
    for (int64_t l = before + 60; l <= now; l += 60)
        if (fields_match(s, l))
            return true;
    return false;
}

static void hold_against_clocks(const char *text, const char *tz,
                                const char *from, int days)
{
    struct schedule s = parsed(text);
    const struct zone *z = zone_find(tz);
    CHECK(z != NULL);
    if (!z)
        return;
    int64_t t = at(from) / 1000000, end = t + (int64_t)days * 86400;
    int64_t before = t - 60 + zone_offset(z, t - 60), latest = before;
    int64_t last_due = 0, got = 0;
    for (; t < end; t += 60) {
        int64_t now = t + zone_offset(z, t);
        if (is_due(&s, now > latest ? latest : now - 60, now, latest)) {
            if (last_due) {
                CHECK(schedule_next(&s, last_due * 1000000, tz, &got));
                if (got != t * 1000000) {
                    printf("# '%s' %s after %lld: %lld, wanted %lld\n", text,
                           tz, (long long)last_due, (long long)got / 1000000,
                           (long long)t);
                    unit_failed = true;
                    return;
                }
                CHECK(schedule_previous(&s, t * 1000000 - 1, tz, &got));
                if (got != last_due * 1000000) {
                    printf("# '%s' %s before %lld: %lld, wanted %lld\n", text,
                           tz, (long long)t, (long long)got / 1000000,
                           (long long)last_due);
                    unit_failed = true;
                    return;
                }
            }
            last_due = t;
        }
        if (now > latest)
            latest = now;
        before = now;
    }
    (void)before;
    CHECK(last_due > 0);
}

TEST("moments are those of clocks watched minute by minute, across changes")
{
    static const char *const texts[] = { "30 2 * * *",      "0 0 * * *",
                                         "*/15 * * * *",    "5,35 1-3 * * *",
                                         "0 3 * * mon,thu", "45 */2 * * *",
                                         "59 23 1-7 * 0" };
    static const struct {
        const char *tz, *from;
        int days;
    } places[] = {
        { "Europe/Berlin", "2026-03-20T00:00:00Z", 30 },
        { "Europe/Berlin", "2026-10-20T00:00:00Z", 30 },
        { "America/New_York", "2026-03-01T00:00:00Z", 30 },
        { "America/New_York", "2026-10-25T00:00:00Z", 30 },
        { "Australia/Lord_Howe", "2026-03-28T00:00:00Z", 30 },
        { "Australia/Lord_Howe", "2026-09-28T00:00:00Z", 30 },
        { "Antarctica/Troll", "2026-03-20T00:00:00Z", 30 },
        { "Antarctica/Troll", "2026-10-20T00:00:00Z", 30 },
        { "America/St_Johns", "2010-10-30T00:00:00Z", 30 },
        { "America/Sao_Paulo", "2018-10-28T00:00:00Z", 30 },
        { "America/Sao_Paulo", "2019-02-10T00:00:00Z", 30 },
        { "Pacific/Apia", "2011-12-15T00:00:00Z", 40 },
        { "Asia/Kathmandu", "2026-01-01T00:00:00Z", 30 },
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        for (size_t k = 0; k < sizeof(places) / sizeof(*places); k++)
            hold_against_clocks(texts[i], places[k].tz, places[k].from,
                                places[k].days);
}

UNIT_MAIN
