#include "unit.h"

#include "base/date.h"
#include "base/period.h"

/* "START END" in the zone, or what is wrong; borrowed until the next call. */
static const char *period(const char *text, const char *tz)
{
    static struct buf b;
    struct err e = { 0 };
    struct period p;
    buf_reset(&b);
    if (period_parse(&p, str_of(text), tz, &e)) {
        CHECK(e.code == ERR_USAGE);
        buf_addz(&b, e.msg);
    } else {
        time_format_tz(&b, p.start, tz);
        buf_addc(&b, ' ');
        time_format_tz(&b, p.end, tz);
    }
    return buf_z(&b);
}

TEST("a day, a week and a month end where the next begins")
{
    CHECK_STR(period("2024-02-29", NULL),
              "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z");
    CHECK_STR(period("2024-02", NULL),
              "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z");
    CHECK_STR(period("2023-12", NULL),
              "2023-12-01T00:00:00Z 2024-01-01T00:00:00Z");
    CHECK_STR(period("2024-W01", NULL),
              "2024-01-01T00:00:00Z 2024-01-08T00:00:00Z");
    CHECK_STR(period("2026-03", "Europe/Berlin"),
              "2026-03-01T00:00:00+01:00 2026-04-01T00:00:00+02:00");
}

TEST("weeks are those of ISO 8601: 53 in some years only")
{
    CHECK_STR(period("2021-W01", NULL),
              "2021-01-04T00:00:00Z 2021-01-11T00:00:00Z");
    CHECK_STR(period("2020-W53", NULL),
              "2020-12-28T00:00:00Z 2021-01-04T00:00:00Z");
    CHECK_STR(period("1969-W01", NULL),
              "1968-12-30T00:00:00Z 1969-01-06T00:00:00Z");
    CHECK(strstr(period("2025-W53", NULL), "not a date"));
    CHECK(strstr(period("2025-W00", NULL), "not a date"));
}

/* Each first day of a year's weeks, by the calendar alone. */
TEST("weeks follow each other over 400 years")
{
    int64_t monday = date_days(1899, 12, 25); /* a Monday */
    int year = 1899, week = 52;
    CHECK(monday % 7 == -3); /* as that of 1970-01-05 is 4 */
    for (; monday < date_days(2300, 1, 1); monday += 7) {
        int y, m, d;
        char text[16];
        struct err e = { 0 };
        struct period p;
        date_civil(monday + 3, &y, &m, &d); /* its Thursday has its year */
        week = y == year ? week : 1;
        year = y;
        snprintf(text, sizeof(text), "%04d-W%02d", y, week++);
        if (period_parse(&p, str_of(text), NULL, &e) ||
            p.start != monday * INT64_C(86400000000) ||
            p.end != p.start + INT64_C(604800000000)) {
            CHECK_STR(text, "the week of its Monday");
            break;
        }
    }
}

TEST("an hour is an hour; one that clocks skip is none")
{
    CHECK_STR(period("2026-03-29T02", NULL),
              "2026-03-29T02:00:00Z 2026-03-29T03:00:00Z");
    CHECK_STR(period("2026-03-29T03", "Europe/Berlin"),
              "2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00");
    CHECK_STR(period("2026-03-29T02", "Europe/Berlin"),
              "clocks do not show '2026-03-29T02' in Europe/Berlin");
    CHECK_STR(period("2026-03-29T05+0100", "Europe/Berlin"),
              "clocks do not show '2026-03-29T05+0100' in Europe/Berlin");
    CHECK_STR(period("2026-03-29T05+0200", "Europe/Berlin"),
              "'2026-03-29T05+0200' comes once: '2026-03-29T05' is meant");
    CHECK(strstr(period("2026-03-29T24", NULL), "not a date"));
    CHECK(strstr(period("2026-03-29T02Z", NULL), "not a date"));
}

TEST("an hour that comes twice wants its offset")
{
    CHECK_STR(period("2026-10-25T02", "Europe/Berlin"),
              "'2026-10-25T02' comes twice: '2026-10-25T02+0200' or "
              "'2026-10-25T02+0100' is meant");
    CHECK_STR(period("2026-10-25T02+0200", "Europe/Berlin"),
              "2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00");
    CHECK_STR(period("2026-10-25T02+0100", "Europe/Berlin"),
              "2026-10-25T02:00:00+01:00 2026-10-25T03:00:00+01:00");
    CHECK_STR(period("2026-11-01T01-0500", "America/New_York"),
              "2026-11-01T01:00:00-05:00 2026-11-01T02:00:00-05:00");
}

TEST("clocks that change by half an hour make a short one")
{
    CHECK_STR(period("2026-04-05T01+1030", "Australia/Lord_Howe"),
              "2026-04-05T01:30:00+10:30 2026-04-05T02:00:00+10:30");
    CHECK_STR(period("2026-04-05T01+1100", "Australia/Lord_Howe"),
              "2026-04-05T01:00:00+11:00 2026-04-05T01:30:00+10:30");
    CHECK_STR(period("2026-10-04T02", "Australia/Lord_Howe"),
              "2026-10-04T02:30:00+11:00 2026-10-04T03:00:00+11:00");
}

TEST("a day without a midnight begins behind the gap")
{
    CHECK_STR(period("2018-11-04", "America/Sao_Paulo"),
              "2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00");
}

TEST("anything else is not a date, cut anywhere")
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-1",
        "2026-00",
        "2026-13",
        "2026-W1",
        "2026-X01",
        "2026-02-30",
        "2026-02-1",
        "2026-02-01T",
        "2026-02-01T1",
        "2026-02-01t01",
        "2026/01",
        "2026-02-01 01",
        "2026-02-01T01:00",
        "2026-02-01T01+01:0",
        "2026-02-01T01 0100",
        "2026-02-01T01+2400",
        "2026-02-01T01+0060",
        "....-01",
        "2026-W0a",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(strstr(period(bad[i], "Europe/Berlin"), "is not a date"));
}

UNIT_MAIN
