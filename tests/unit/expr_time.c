#include "calc.h"

#include <time.h>

static const struct expr_env berlin = { .tz = "Europe/Berlin" };
static const struct expr_env howe = { .tz = "Australia/Lord_Howe" };
static const struct expr_env utc = { .tz = "UTC" };

static const char *in_berlin(const char *text)
{
    return value_in(&berlin, "{}", text);
}

TEST("a time is cut to the start of its unit, a date stays a date")
{
    const char *t = "{\"t\":\"2024-05-17T13:45:59.25Z\"}";
    CHECK_STR(value(t, "date_trunc('second', t)"), "\"2024-05-17T13:45:59Z\"");
    CHECK_STR(value(t, "date_trunc('minute', t)"), "\"2024-05-17T13:45:00Z\"");
    CHECK_STR(value(t, "date_trunc('hour', t)"), "\"2024-05-17T13:00:00Z\"");
    CHECK_STR(value(t, "date_trunc('DAYS', t)"), "\"2024-05-17T00:00:00Z\"");
    CHECK_STR(value(t, "date_trunc('week', t)"), "\"2024-05-13T00:00:00Z\"");
    CHECK_STR(value(t, "date_trunc('month', t)"), "\"2024-05-01T00:00:00Z\"");
    CHECK_STR(value(t, "date_trunc('quarter', t)"), "\"2024-04-01T00:00:00Z\"");
    CHECK_STR(value(t, "date_trunc('year', t)"), "\"2024-01-01T00:00:00Z\"");
    CHECK_STR(value_in(&utc, t, "date_trunc('year', t)"),
              "\"2024-01-01T00:00:00Z\"");
    CHECK_STR(calc("date_trunc('month', '2024-05-17')"), "\"2024-05-01\"");
    CHECK_STR(calc("date_trunc('week', '2024-01-01')"), "\"2024-01-01\"");
    CHECK_STR(calc("date_trunc('week', '2023-01-01')"), "\"2022-12-26\"");
    CHECK_STR(calc("date_trunc('week', '1969-12-31')"), "\"1969-12-29\"");
    CHECK_STR(calc("date_trunc('hour', '2024-05-17')"),
              "\"2024-05-17T00:00:00Z\"");
    CHECK_STR(value(t, "date_trunc('day', t, 'Asia/Tokyo')"),
              "\"2024-05-17T00:00:00+09:00\"");
    CHECK_STR(calc("date_trunc('week', '0000-01-01')"), "!expr_date");
    CHECK_STR(calc("date_trunc(NULL, '2024-05-17')"), "null");
    CHECK_STR(calc("date_trunc('day', 1)"), "!expr_type");
    CHECK_STR(calc("date_trunc('day', 'soon')"), "!expr_date");
}

TEST("hours that clocks show twice are two, and days have 23 or 25 of them")
{
    /* 2024-10-27: 02:00 to 03:00 comes twice; 2024-03-31: not at all. */
    CHECK_STR(in_berlin("date_trunc('hour', '2024-10-27T00:30:00Z')"),
              "\"2024-10-27T02:00:00+02:00\"");
    CHECK_STR(in_berlin("date_trunc('hour', '2024-10-27T01:30:00Z')"),
              "\"2024-10-27T02:00:00+01:00\"");
    CHECK_STR(in_berlin("date_trunc('minute', '2024-10-27T01:30:30Z')"),
              "\"2024-10-27T02:30:00+01:00\"");
    CHECK_STR(in_berlin("date_trunc('day', '2024-10-27T22:30:00Z')"),
              "\"2024-10-27T00:00:00+02:00\"");
    CHECK_STR(in_berlin("date_trunc('day', '2024-03-31T12:00:00Z')"),
              "\"2024-03-31T00:00:00+01:00\"");
    CHECK_STR(in_berlin("seconds(date_add('2024-03-31', 1, 'day'), "
                        "'2024-03-31') / 3600"),
              "23");
    CHECK_STR(in_berlin("seconds(date_add('2024-10-27', 1, 'day'), "
                        "'2024-10-27') / 3600"),
              "25");
    /* Half an hour's change within an hour: its first instant. */
    CHECK_STR(value_in(&howe, "{}",
                       "date_trunc('hour', '2024-04-07T01:45:00+10:30')"),
              "\"2024-04-07T01:00:00+11:00\"");
    CHECK_STR(value_in(&howe, "{}",
                       "date_trunc('hour', '2024-10-06T02:45:00+11:00')"),
              "\"2024-10-06T02:30:00+11:00\"");
    /* A midnight that clocks skip. */
    CHECK_STR(calc("date_trunc('day', '2024-09-08T12:00:00Z', "
                   "'America/Santiago')"),
              "\"2024-09-08T01:00:00-03:00\"");
    CHECK_STR(calc("date_trunc('hour', '2024-09-08', 'America/Santiago')"),
              "\"2024-09-08T01:00:00-03:00\"");
    CHECK_STR(calc("date_trunc('day', '2024-09-08', 'America/Santiago')"),
              "\"2024-09-08\"");
    CHECK_STR(calc("date_add('2024-09-08', 0, 'day', 'America/Santiago')"),
              "\"2024-09-08\"");
}

TEST("the mean times of old have seconds, and what they give is RFC 3339")
{
    static const struct expr_env noronha = { .tz = "America/Noronha" };
    /* 1914-01-01: at 00:00:00 clocks went to 00:09:40. */
    CHECK_STR(value_in(&noronha, "{}", "epoch('1914-01-01T00:09:41')"),
              "-1767217819");
    CHECK_STR(value_in(&noronha, "{}", "epoch('1913-12-31T23:59:59')"),
              "-1767217821");
    CHECK_STR(value_in(&noronha, "{}", "epoch('1972-06-30T21:59:60')"),
              "78796800");
    CHECK_STR(value_in(&noronha, "{}", "epoch('1972-06-30T22:59:60')"),
              "!expr_date");
    /* 00:53:28 east is written as 00:53, which here is the year before. */
    CHECK_STR(in_berlin("date_add('0000-01-01T00:00:00', 0, 'day')"),
              "!expr_date");
    CHECK_STR(in_berlin("date_add('0000-01-01T00:00:28', 0, 'day')"),
              "\"0000-01-01T00:00:00+00:53\"");
    CHECK_STR(in_berlin("date_add('0000-01-01', 1, 'day')"), "\"0000-01-02\"");
    CHECK_STR(in_berlin("'0000-01-01T00:00:00'::timestamp"), "!expr_cast");
}

TEST("units are added: hours pass, days and months move the date")
{
    CHECK_STR(calc("date_add('2024-01-31', 1, 'month')"), "\"2024-02-29\"");
    CHECK_STR(calc("date_add('2024-02-29', 1, 'year')"), "\"2025-02-28\"");
    CHECK_STR(calc("date_add('2024-02-29', -4, 'years')"), "\"2020-02-29\"");
    CHECK_STR(calc("date_add('2024-01-31', -2, 'quarter')"), "\"2023-07-31\"");
    CHECK_STR(calc("date_add('2024-01-31', 2, 'week')"), "\"2024-02-14\"");
    CHECK_STR(calc("date_add('2024-01-31', 90, 'minute')"),
              "\"2024-01-31T01:30:00Z\"");
    CHECK_STR(calc("date_add('2024-01-31T23:59:59.5Z', 1, 'second')"),
              "\"2024-02-01T00:00:00.5Z\"");
    CHECK_STR(in_berlin("date_add('2024-10-26T02:30:00+02:00', 1, 'day')"),
              "\"2024-10-27T02:30:00+02:00\"");
    CHECK_STR(in_berlin("date_add('2024-10-27T02:30:00+02:00', 1, 'hour')"),
              "\"2024-10-27T02:30:00+01:00\"");
    CHECK_STR(in_berlin("date_add('2024-10-27T02:30:00+01:00', 0, 'day')"),
              "\"2024-10-27T02:30:00+01:00\"");
    CHECK_STR(in_berlin("date_add('2024-03-30T02:30:00+01:00', 1, 'day')"),
              "\"2024-03-31T03:30:00+02:00\"");
    CHECK_STR(in_berlin("date_add('2024-03-30T02:30:00', 24, 'hour')"),
              "\"2024-03-31T03:30:00+02:00\"");
    CHECK_STR(in_berlin("date_add('2024-01-15T12:00:00', 6, 'month')"),
              "\"2024-07-15T12:00:00+02:00\"");
    CHECK_STR(calc("date_add('2024-01-31', 1.5, 'day')"), "!expr_type");
    CHECK_STR(calc("date_add('9999-12-31', 1, 'day')"), "!expr_date");
    CHECK_STR(calc("date_add('0000-01-01', -1, 'second')"), "!expr_date");
    CHECK_STR(calc("date_add('2024-01-01', 9000000000000000000, 'hour')"),
              "!expr_date");
    CHECK_STR(calc("date_add('2024-01-01', -9000000000000000000, 'year')"),
              "!expr_date");
    CHECK_STR(calc("date_add('2024-01-01', 400000000000, 'minute')"),
              "!expr_date");
}

TEST("a difference counts the starts of units from one to the other")
{
    CHECK_STR(calc("date_diff('day', '2024-01-31', '2024-03-01')"), "30");
    CHECK_STR(calc("date_diff('day', '2024-03-01', '2024-01-31')"), "-30");
    CHECK_STR(calc("date_diff('month', '2024-01-31', '2024-02-01')"), "1");
    CHECK_STR(calc("date_diff('year', '2024-12-31', '2025-01-01')"), "1");
    CHECK_STR(calc("date_diff('quarter', '2024-03-31', '2025-04-01')"), "5");
    CHECK_STR(calc("date_diff('week', '2024-01-07', '2024-01-08')"), "1");
    CHECK_STR(calc("date_diff('hour', '2024-01-01T00:59:00Z', "
                   "'2024-01-01T01:00:00Z')"),
              "1");
    CHECK_STR(calc("date_diff('second', '2024-01-01T00:00:00.9Z', "
                   "'2024-01-01T00:00:01.1Z')"),
              "1");
    CHECK_STR(in_berlin("date_diff('hour', '2024-10-27', '2024-10-28')"), "25");
    CHECK_STR(in_berlin("date_diff('day', '2024-10-27T21:59:00Z', "
                        "'2024-10-27T23:00:00Z')"),
              "1");
    CHECK_STR(calc("date_diff('day', '2024-10-27T14:59:00Z', "
                   "'2024-10-27T15:00:00Z', 'Asia/Tokyo')"),
              "1");
}

TEST("fields of a time are those of the zone's clock")
{
    const char *t = "{\"t\":\"2024-12-31T23:30:15.250Z\"}";
    CHECK_STR(value(t, "extract(year FROM t)"), "2024");
    CHECK_STR(value_in(&berlin, t, "extract(YEAR FROM t)"), "2025");
    CHECK_STR(value(t, "date_part('quarter', t)"), "4");
    CHECK_STR(value(t, "date_part('month', t)"), "12");
    CHECK_STR(value(t, "date_part('day', t)"), "31");
    CHECK_STR(value(t, "date_part('hour', t)"), "23");
    CHECK_STR(value(t, "date_part('hour', t, 'Asia/Kolkata')"), "5");
    CHECK_STR(value(t, "date_part('minute', t)"), "30");
    CHECK_STR(value(t, "date_part('second', t)"), "15.25");
    CHECK_STR(value(t, "date_part('doy', t)"), "366");
    CHECK_STR(value(t, "date_part('dow', t)"), "2");
    CHECK_STR(value(t, "date_part('week', t)"), "1");
    CHECK_STR(value(t, "date_part('isoyear', t)"), "2025");
    CHECK_STR(value(t, "extract(epoch from t)"), "1735687815.25");
    CHECK_STR(calc("extract(dow FROM '2024-06-02')"), "0");
    CHECK_STR(calc("extract(isodow FROM '2024-06-02')"), "7");
    CHECK_STR(calc("extract(dow FROM '1969-12-31')"), "3");
    CHECK_STR(calc("extract(week FROM '2021-01-03')"), "53");
    CHECK_STR(calc("extract(hour FROM '2021-01-03')"), "0");
    CHECK_STR(calc("extract(year FROM NULL)"), "null");
    CHECK(strstr(calc("extract(century FROM '2021-01-03')"),
                 "field expected") != NULL);
    CHECK(strstr(calc("extract('year', '2021-01-03')"), "a field of a time") !=
          NULL);
}

TEST("times are read and written by a format")
{
    CHECK_STR(calc("parse_time('31.12.2024', '%d.%m.%Y')"), "\"2024-12-31\"");
    CHECK_STR(calc("parse_time('31.12.2024 13:05', '%d.%m.%Y %H:%M')"),
              "\"2024-12-31T13:05:00Z\"");
    CHECK_STR(in_berlin("parse_time('12/31/24 01:05 PM', '%D %I:%M %p')"),
              "\"2024-12-31T13:05:00+01:00\"");
    CHECK_STR(in_berlin("parse_time('17/May/2024:10:00:00 +0530', "
                        "'%d/%b/%Y:%T %z')"),
              "\"2024-05-17T06:30:00+02:00\"");
    CHECK_STR(calc("parse_time('2024-05-17 10:00', '%F %R', 'Asia/Tokyo')"),
              "\"2024-05-17T10:00:00+09:00\"");
    CHECK_STR(in_berlin("parse_time('2024-03-31 02:30', '%F %R')"),
              "\"2024-03-31T03:30:00+02:00\"");
    CHECK_STR(calc("parse_time('1700000000', '%s')"),
              "\"2023-11-14T22:13:20Z\"");
    CHECK_STR(calc("parse_time('30.02.2024', '%d.%m.%Y')"), "!expr_date");
    CHECK_STR(calc("parse_time('x', '%Y')"), "!expr_date");
    CHECK_STR(calc("parse_time(2024, '%Y')"), "!expr_type");
    CHECK_STR(fault("{\"a\":\"x\"}", "parse_time(a, '%Y')", "/a"),
              "string \"x\" is no time by the format string \"%Y\" "
              "(--set c, byte 1)");
    CHECK_STR(usage("parse_time(a, '%Y-%q')"),
              "--where: unknown directive in the time format at byte 19\n"
              "  parse_time(a, '%Y-%q')\n"
              "                    ^");
    CHECK(strstr(usage("parse_time(a, '%H:%M')"), "without a year") != NULL);
    CHECK_STR(value("{\"f\":\"%Q\"}", "parse_time('1', f)"), "!expr_date");
    CHECK_STR(in_berlin("format_time('2024-10-27T00:30:00Z', "
                        "'%d.%m.%Y %H:%M %z')"),
              "\"27.10.2024 02:30 +0200\"");
    CHECK_STR(calc("format_time('2024-05-17', '%A, %e %B %Y, week %V')"),
              "\"Friday, 17 May 2024, week 20\"");
    CHECK_STR(calc("format_time('2024-05-17T10:00:00Z', '%T', 'Asia/Tokyo')"),
              "\"19:00:00\"");
    CHECK(strstr(calc("format_time('2024-05-17', '%')"), "directive") != NULL);
}

TEST("instants: zones, seconds since 1970")
{
    CHECK_STR(calc("at_zone('2024-05-17T10:00:00Z', 'Europe/Berlin')"),
              "\"2024-05-17T12:00:00+02:00\"");
    CHECK_STR(calc("at_zone('2024-05-17T10:00:00+05:30', 'UTC')"),
              "\"2024-05-17T04:30:00Z\"");
    CHECK_STR(in_berlin("at_zone('2024-05-17 10:00:00', 'UTC')"),
              "\"2024-05-17T08:00:00Z\"");
    CHECK_STR(in_berlin("at_zone('2024-05-17', 'UTC')"),
              "\"2024-05-16T22:00:00Z\"");
    CHECK(strstr(usage("at_zone(a, 'Mars/Base')"), "at byte 13") != NULL);
    CHECK_STR(value("{\"z\":\"../x\"}", "at_zone('2024-05-17', z)"),
              "!expr_date");
    CHECK_STR(value("{\"z\":\"Asia/Tokyo\"}", "at_zone('2024-05-17', z)"),
              "\"2024-05-17T09:00:00+09:00\"");
    CHECK_STR(calc("epoch('1970-01-01T00:00:01.5Z')"), "1.5");
    CHECK_STR(in_berlin("epoch('1970-01-01')"), "-3600");
    CHECK_STR(calc("from_epoch(1.5)"), "\"1970-01-01T00:00:01.5Z\"");
    CHECK_STR(calc("from_epoch(-1)"), "\"1969-12-31T23:59:59Z\"");
    CHECK_STR(calc("from_epoch(1.23456789)"),
              "\"1970-01-01T00:00:01.234567Z\"");
    CHECK_STR(calc("from_epoch(0, 'Asia/Tokyo')"),
              "\"1970-01-01T09:00:00+09:00\"");
    CHECK_STR(calc("from_epoch(1e15)"), "!expr_date");
    CHECK_STR(calc("from_epoch(1e300)"), "!expr_date");
    CHECK_STR(calc("from_epoch(253402300800)"), "!expr_date");
    CHECK_STR(calc("from_epoch(253402300799)"), "\"9999-12-31T23:59:59Z\"");
    CHECK_STR(calc("from_epoch('1')"), "!expr_type");
    CHECK_STR(calc("date('2024-05-17T20:00:00Z', 'Asia/Tokyo')"),
              "\"2024-05-18\"");
}

TEST("truncating and adding agree with counting, all over a year of changes")
{
    static const char *const units[] = { "hour",  "day",     "week",
                                         "month", "quarter", "year" };
    struct expr_set *x = expr_new(&berlin);
    struct err e;
    char text[600];
    for (int i = 0; i < 6; i++) {
        /* The start of a unit is at or before the time and is its own start;
         * one unit on comes behind it. */
        snprintf(text, sizeof(text),
                 "seconds(t, date_trunc('%s', t)) >= 0 AND "
                 "date_trunc('%s', date_trunc('%s', t)) = date_trunc('%s', t) "
                 "AND seconds(date_add(date_trunc('%s', t), 1, '%s'), t) > 0 "
                 "AND date_diff('%s', t, date_add(t, 5, '%s')) = 5",
                 units[i], units[i], units[i], units[i], units[i], units[i],
                 units[i], units[i]);
        CHECK(expr_add(x, units[i], str_of(text), &e) == i);
    }
    for (int64_t t = 1704067200; t < 1704067200 + 370 * 86400 && !unit_failed;
         t += 1501) {
        char record[100];
        struct expr_fault f;
        struct tm tm;
        time_t at = (time_t)t;
        gmtime_r(&at, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        snprintf(record, sizeof(record), "{\"t\":\"%s\"}", text);
        expr_begin(x);
        CHECK(expr_load(x, str_of(record), NULL) == 0);
        for (int i = 0; i < 6; i++) {
            if (expr_test(x, i, &f) != 1)
                printf("# %s %s\n", units[i], text);
            CHECK(expr_test(x, i, &f) == 1);
        }
    }
    expr_free(x);
}

UNIT_MAIN
