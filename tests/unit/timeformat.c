#include "unit.h"

#include "base/date.h"
#include "base/timeformat.h"

#include <time.h>

static uint64_t seed = 20260131;

static uint64_t random_u64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const char *written(const char *format, int64_t us, int offset)
{
    static struct buf out;
    buf_reset(&out);
    CHECK(time_write(&out, str_of(format), us, offset) == 0);
    return buf_z(&out);
}

TEST("times are written as strftime writes them")
{
    static const char format[] = "%Y %y %m %b %B %d %e %j %H %I %p %M %S %s "
                                 "%a %A %F %T %R %D %% %u %w %G %V|x";
    for (int i = 0; i < 20000 && !unit_failed; i++) {
        /* 1600 to 2400 */
        time_t t = (time_t)(random_u64() % 25000000000u) - 11676096000;
        char want[300];
        struct tm tm;
        gmtime_r(&t, &tm);
/* Years of two digits are what is tested. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-y2k"
        strftime(want, sizeof(want), format, &tm);
#pragma GCC diagnostic pop
        CHECK_STR(written(format, (int64_t)t * 1000000, 0), want);
    }
}

TEST("an offset moves the clock, and micros have six digits")
{
    CHECK_STR(written("%F %T.%f %z", 1500000, 3600),
              "1970-01-01 01:00:01.500000 +0100");
    CHECK_STR(written("%F %T.%f %z", -1, -12600),
              "1969-12-31 20:29:59.999999 -0330");
    CHECK_STR(written("%s", -1, 0), "-1");
}

/* "DAY MICROS", "DAY" alone, with the offset or as an instant; or "no". */
static const char *read_by(const char *text, const char *format)
{
    static char out[120];
    struct time_parts p;
    size_t at;
    CHECK(time_format_check(str_of(format), true, &at));
    if (!time_read(str_of(text), str_of(format), &p))
        return "no";
    struct buf day = { 0 };
    date_format(&day, p.day);
    int n = snprintf(out, sizeof(out), "%s", buf_z(&day));
    buf_free(&day);
    if (p.has_clock)
        n += snprintf(out + n, sizeof(out) - (size_t)n, " %lld",
                      (long long)p.micros);
    if (p.has_zone)
        n += snprintf(out + n, sizeof(out) - (size_t)n, " z%d", p.offset);
    if (p.is_instant)
        snprintf(out + n, sizeof(out) - (size_t)n, " instant");
    return out;
}

TEST("dates are read by a format, and only those of the calendar")
{
    CHECK_STR(read_by("31.12.2024", "%d.%m.%Y"), "2024-12-31");
    CHECK_STR(read_by("1.2.2024", "%d.%m.%Y"), "2024-02-01");
    CHECK_STR(read_by("29.2.2023", "%d.%m.%Y"), "no");
    CHECK_STR(read_by("0.2.2023", "%d.%m.%Y"), "no");
    CHECK_STR(read_by("31.13.2023", "%d.%m.%Y"), "no");
    CHECK_STR(read_by("2024-060", "%Y-%j"), "2024-02-29");
    CHECK_STR(read_by("2023-366", "%Y-%j"), "no");
    CHECK_STR(read_by("May 5, 2024", "%b %d, %Y"), "2024-05-05");
    CHECK_STR(read_by("SEPTEMBER 5 24", "%B %e %y"), "2024-09-05");
    CHECK_STR(read_by("Sep 5 69", "%B %e %y"), "1969-09-05");
    CHECK_STR(read_by("Tue, 2024-12-31", "%a, %F"), "2024-12-31");
    CHECK_STR(read_by("2024", "%Y"), "2024-01-01");
    CHECK_STR(read_by("202", "%Y"), "no");
    CHECK_STR(read_by("20240131", "%Y%m%d"), "2024-01-31");
    CHECK_STR(read_by("2024-01-31x", "%F"), "no");
    CHECK_STR(read_by("2024-01-3", "%Y-%m-%d"), "2024-01-03");
    CHECK_STR(read_by("100% 2024", "100%% %Y"), "2024-01-01");
    CHECK_STR(read_by("  2024 \t 05", " %Y %m"), "2024-05-01");
    CHECK_STR(read_by("", "%Y"), "no");
}

TEST("times of day, halves, fractions, offsets and instants")
{
    CHECK_STR(read_by("2024-01-01 13:05", "%F %R"), "2024-01-01 47100000000");
    CHECK_STR(read_by("2024-01-01 12:00 am", "%F %I:%M %p"), "2024-01-01 0");
    CHECK_STR(read_by("2024-01-01 12:30PM", "%F %I:%M%p"),
              "2024-01-01 45000000000");
    CHECK_STR(read_by("2024-01-01 13:00 PM", "%F %I:%M %p"), "no");
    CHECK_STR(read_by("2024-01-01 00:00:00.1234567", "%F %T.%f"),
              "2024-01-01 123456");
    CHECK_STR(read_by("2024-01-01T24:00:00", "%FT%T"), "no");
    CHECK_STR(read_by("2024-01-01 23:59:60", "%F %T"),
              "2024-01-01 86400000000");
    CHECK_STR(read_by("2024-01-01 00:00 +0530", "%F %R %z"),
              "2024-01-01 0 z19800");
    CHECK_STR(read_by("2024-01-01 00:00-03:30", "%F %R%z"),
              "2024-01-01 0 z-12600");
    CHECK_STR(read_by("2024-01-01 00:00Z", "%F %R%z"), "2024-01-01 0 z0");
    CHECK_STR(read_by("2024-01-01 00:00+01", "%F %R%z"), "2024-01-01 0 z3600");
    CHECK_STR(read_by("2024-01-01 00:00+01:", "%F %R%z"), "no");
    CHECK_STR(read_by("2024-01-01 00:00+2400", "%F %R%z"), "no");
    CHECK_STR(read_by("1.5", "%s.%f"), "1970-01-01 1500000 instant");
    CHECK_STR(read_by("-1", "%s"), "1969-12-31 86399000000 instant");
    CHECK_STR(read_by("999999999999", "%s"), "no");
}

TEST("what is written is read again")
{
    static const char *const formats[] = { "%F %T.%f%z", "%d/%b/%Y:%T.%f %z",
                                           "%s.%f",
                                           "%A %j %y %I:%M:%S.%f %p %z",
                                           "%D %R:%S.%f %z" };
    for (int i = 0; i < 20000 && !unit_failed; i++) {
        const char *f = formats[random_u64() % 5];
        int64_t us = (int64_t)(random_u64() % 2000000000000000u);
        int offset = ((int)(random_u64() % 1440) - 720) * 60;
        const char *text = written(f, us, offset);
        struct time_parts p;
        CHECK(time_read(str_of(text), str_of(f), &p));
        int64_t have = p.day * INT64_C(86400000000) + p.micros;
        CHECK(have - (int64_t)p.offset * 1000000 == us);
    }
}

TEST("a format with an unknown directive, or without a year, is refused")
{
    size_t at;
    CHECK(!time_format_check(STR("%Y-%Q"), true, &at) && at == 3);
    CHECK(!time_format_check(STR("%Y-%"), true, &at) && at == 3);
    CHECK(!time_format_check(STR("%H:%M"), true, &at) && at == 5);
    CHECK(time_format_check(STR("%H:%M"), false, &at));
    CHECK(!time_format_check(STR("%V"), true, &at));
    CHECK(time_format_check(STR("%V"), false, &at));
    CHECK(time_format_check(STR(""), false, &at));
    CHECK(!time_format_check((struct str){ "%Y%\0", 4 }, true, &at));
}

UNIT_MAIN
