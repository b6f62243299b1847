#include "unit.h"

#include "base/date.h"

#include <stdlib.h>
#include <time.h>

#define SECOND INT64_C(1000000)

/* The time as text, borrowed until the fourth next call. */
static const char *utc(int64_t us)
{
    static struct buf ring[4];
    static int at;
    struct buf *b = &ring[at++ & 3];
    buf_reset(b);
    CHECK(time_format(b, us) == 0);
    return buf_z(b);
}

static const char *parsed(const char *text, const char *tz)
{
    int64_t us;
    return time_parse(str_of(text), tz, &us) ? utc(us) : "no";
}

static const char *in_zone(const char *text, const char *tz)
{
    static struct buf b;
    int64_t us;
    buf_reset(&b);
    if (!time_parse(str_of(text), NULL, &us) || time_format_tz(&b, us, tz))
        return "no";
    return buf_z(&b);
}

static const char *day_start(const char *day, const char *tz)
{
    int64_t days;
    return date_parse(str_of(day), &days) ? utc(tz_day_start(days, tz)) : "no";
}

static bool is_date(const char *text)
{
    int64_t days;
    return date_parse(str_of(text), &days);
}

static bool is_time(const char *text)
{
    return time_is_rfc3339(str_of(text));
}

TEST("days and dates convert both ways over 1,200 years")
{
    int y = 1500, m = 1, d = 1;
    static const int length[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    int64_t first = date_days(1500, 1, 1);
    for (int64_t n = first; y < 2700; n++) {
        int cy, cm, cd;
        date_civil(n, &cy, &cm, &cd);
        if (cy != y || cm != m || cd != d || date_days(y, m, d) != n) {
            CHECK(!"dates run on");
            return;
        }
        bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        if (++d > length[m - 1] + (m == 2 && leap)) {
            d = 1;
            if (++m > 12) {
                m = 1;
                y++;
            }
        }
    }
    CHECK(date_days(1970, 1, 1) == 0);
    CHECK(date_days(2000, 3, 1) == 11017);
    CHECK(date_days(0, 1, 1) == -719528);
}

TEST("a date is YYYY-MM-DD and of the calendar")
{
    CHECK(is_date("2024-02-29"));
    CHECK(is_date("2000-02-29"));
    CHECK(is_date("0000-02-29"));
    CHECK(!is_date("2023-02-29"));
    CHECK(!is_date("1900-02-29"));
    CHECK(!is_date("2024-04-31"));
    CHECK(!is_date("2024-00-10"));
    CHECK(!is_date("2024-13-10"));
    CHECK(!is_date("2024-01-00"));
    CHECK(!is_date("2024-1-01"));
    CHECK(!is_date("2024-01-01 "));
    CHECK(!is_date("20240101"));
    CHECK(!is_date("+024-01-01"));
    CHECK(!is_date("2024-01-0:"));
    CHECK(!is_date(""));
}

TEST("RFC 3339 is held to the letter")
{
    CHECK(is_time("2024-01-31T08:00:00Z"));
    CHECK(is_time("2024-01-31t08:00:00z"));
    CHECK(is_time("2024-01-31 08:00:00Z"));
    CHECK(is_time("2024-01-31T08:00:00.123456789012-23:59"));
    CHECK(is_time("2024-01-31T23:59:59-00:00"));
    CHECK(is_time("1998-12-31T23:59:60Z"));
    CHECK(is_time("1998-12-31T15:59:60.5-08:00"));
    CHECK(is_time("2016-06-30T23:59:60Z"));
    CHECK(is_time("1960-02-29T23:59:60Z"));
    CHECK(!is_time("1998-12-31T23:58:60Z"));
    CHECK(!is_time("1998-12-31T22:59:60Z"));
    CHECK(!is_time("1998-12-30T23:59:60Z"));
    CHECK(!is_time("1998-12-31T23:59:61Z"));
    CHECK(!is_time("2024-01-31T24:00:00Z"));
    CHECK(!is_time("2024-01-31T08:60:00Z"));
    CHECK(!is_time("2024-01-31T08:00:00"));
    CHECK(!is_time("2024-01-31T08:00Z"));
    CHECK(!is_time("2024-01-31T08:00:00.Z"));
    CHECK(!is_time("2024-01-31T08:00:00,5Z"));
    CHECK(!is_time("2024-01-31T08:00:00+0100"));
    CHECK(!is_time("2024-01-31T08:00:00+24:00"));
    CHECK(!is_time("2024-01-31T08:00:00+01:60"));
    CHECK(!is_time("2024-01-31T08:00:00Z "));
    CHECK(!is_time("2023-02-29T08:00:00Z"));
    CHECK(!is_time("2024-01-31_08:00:00Z"));
    CHECK(!is_time("2024-01-31"));
}

TEST("times are read with a zone, without one, and as bare dates")
{
    CHECK_STR(parsed("2024-01-31T08:00:00+01:30", NULL),
              "2024-01-31T06:30:00Z");
    CHECK_STR(parsed("2024-01-31 08:00:00", NULL), "2024-01-31T08:00:00Z");
    CHECK_STR(parsed("2024-01-31 08:00:00", "Europe/Berlin"),
              "2024-01-31T07:00:00Z");
    CHECK_STR(parsed("2024-07-31 08:00:00", "Europe/Berlin"),
              "2024-07-31T06:00:00Z");
    CHECK_STR(parsed("2024-07-31 08:00:00Z", "Europe/Berlin"),
              "2024-07-31T08:00:00Z");
    CHECK_STR(parsed("2024-07-31", "Asia/Kolkata"), "2024-07-30T18:30:00Z");
    CHECK_STR(parsed("2024-07-31 08:00:00", "Mars/Olympus"), "no");
    CHECK_STR(parsed("2024-07-31", "Mars/Olympus"), "no");
    CHECK_STR(parsed("1998-12-31T23:59:60Z", NULL), "1999-01-01T00:00:00Z");
    CHECK_STR(parsed("1969-12-31T23:59:59.999999Z", NULL),
              "1969-12-31T23:59:59.999999Z");
    CHECK_STR(parsed("2024-01-31T08:00:00.1200Z", NULL),
              "2024-01-31T08:00:00.12Z");
    CHECK_STR(parsed("2024-01-31T08:00:00.1234567Z", NULL),
              "2024-01-31T08:00:00.123456Z");
    CHECK_STR(parsed("0000-01-01T00:00:00Z", NULL), "0000-01-01T00:00:00Z");
    CHECK_STR(parsed("9999-12-31T23:59:59Z", NULL), "9999-12-31T23:59:59Z");
    CHECK_STR(parsed("yesterday", NULL), "no");
}

TEST("times are written in a zone with its offset")
{
    CHECK_STR(in_zone("2024-01-31T08:00:00Z", "Europe/Berlin"),
              "2024-01-31T09:00:00+01:00");
    CHECK_STR(in_zone("2024-07-31T08:00:00.5Z", "America/St_Johns"),
              "2024-07-31T05:30:00.5-02:30");
    CHECK_STR(in_zone("2024-07-31T08:00:00Z", NULL), "2024-07-31T08:00:00Z");
    CHECK_STR(in_zone("2024-07-31T08:00:00Z", "UTC"),
              "2024-07-31T08:00:00+00:00");
    /* Berlin's mean time, +00:53:28, in whole minutes and the same instant. */
    CHECK_STR(in_zone("1880-01-01T00:00:00Z", "Europe/Berlin"),
              "1880-01-01T00:53:00+00:53");
}

TEST("zones are known by their names and nothing else")
{
    CHECK(tz_known("Europe/Berlin"));
    CHECK(tz_known("UTC"));
    CHECK(tz_known("America/Argentina/Buenos_Aires"));
    CHECK(tz_known("Etc/GMT+5"));
    CHECK(!tz_known(""));
    CHECK(!tz_known("Europe/Nowhere"));
    CHECK(!tz_known("Europe"));
    CHECK(!tz_known("../zoneinfo/UTC"));
    CHECK(!tz_known("/usr/share/zoneinfo/UTC"));
    CHECK(!tz_known("tzdata.zi"));
    CHECK(!tz_known("Europe/Berlin\n"));
    CHECK(!tz_known("right/Europe/Berlin"));
}

TEST("a day begins at its first instant, also when clocks change")
{
    CHECK_STR(day_start("2024-03-31", "Europe/Berlin"), "2024-03-30T23:00:00Z");
    CHECK_STR(day_start("2024-04-01", "Europe/Berlin"),
              "2024-03-31T22:00:00Z"); /* 23 hours later */
    CHECK_STR(day_start("2024-10-27", "Europe/Berlin"), "2024-10-26T22:00:00Z");
    CHECK_STR(day_start("2024-10-28", "Europe/Berlin"),
              "2024-10-27T23:00:00Z"); /* 25 hours later */
    /* No midnight: 00:00 became 01:00. */
    CHECK_STR(day_start("2018-11-04", "America/Sao_Paulo"),
              "2018-11-04T03:00:00Z");
    CHECK_STR(day_start("2018-11-05", "America/Sao_Paulo"),
              "2018-11-05T02:00:00Z");
    /* 24:00 became 23:00: midnight comes once. */
    CHECK_STR(day_start("2018-02-18", "America/Sao_Paulo"),
              "2018-02-18T03:00:00Z");
    /* 00:01 became 23:01: midnight twice, the day begins at the first. */
    CHECK_STR(day_start("2010-11-07", "America/St_Johns"),
              "2010-11-07T02:30:00Z");
    /* The day that Samoa left out begins where the next one does. */
    CHECK_STR(day_start("2011-12-30", "Pacific/Apia"), "2011-12-30T10:00:00Z");
    CHECK_STR(day_start("2011-12-31", "Pacific/Apia"), "2011-12-30T10:00:00Z");
    CHECK_STR(day_start("2024-05-05", NULL), "2024-05-05T00:00:00Z");
}

TEST("a local time shown twice is the first, one in a gap keeps its distance")
{
    CHECK_STR(parsed("2024-10-27 02:30:00", "Europe/Berlin"),
              "2024-10-27T00:30:00Z");
    CHECK_STR(parsed("2024-10-27 03:00:00", "Europe/Berlin"),
              "2024-10-27T02:00:00Z");
    CHECK_STR(parsed("2024-03-31 02:30:00", "Europe/Berlin"),
              "2024-03-31T01:30:00Z");
    CHECK_STR(parsed("2024-03-31 03:00:00", "Europe/Berlin"),
              "2024-03-31T01:00:00Z");
}

TEST("the rule in the file's footer holds for years past its table")
{
    CHECK_STR(parsed("2500-07-01 12:00:00", "Europe/Berlin"),
              "2500-07-01T10:00:00Z");
    CHECK_STR(parsed("2500-01-01 12:00:00", "Europe/Berlin"),
              "2500-01-01T11:00:00Z");
    CHECK_STR(parsed("2500-01-01 12:00:00", "Australia/Sydney"),
              "2500-01-01T01:00:00Z");
    CHECK_STR(parsed("2500-07-01 12:00:00", "Australia/Sydney"),
              "2500-07-01T02:00:00Z");
    CHECK_STR(parsed("2500-07-01 12:00:00", "Europe/Dublin"),
              "2500-07-01T11:00:00Z");
    CHECK_STR(parsed("2500-07-01 12:00:00", "America/Sao_Paulo"),
              "2500-07-01T15:00:00Z");
}

TEST("offsets agree with the C library's in many zones and years")
{
    static const char *const zones[] = {
        "Europe/Berlin",       "America/New_York",  "America/Sao_Paulo",
        "Australia/Sydney",    "Asia/Kolkata",      "Pacific/Apia",
        "Europe/Dublin",       "Africa/Casablanca", "America/St_Johns",
        "Asia/Gaza",           "America/Nuuk",      "Antarctica/Troll",
        "Pacific/Chatham",     "Asia/Tehran",       "America/Caracas",
        "Australia/Lord_Howe", "Africa/Cairo",      "Etc/GMT+5",
    };
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        setenv("TZ", zones[i], 1);
        tzset();
        for (int k = 0; k < 3000; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            /* 1900 to 2150 */
            time_t t = (time_t)(seed >> 20) % 7889400000 - 2208988800;
            struct tm tm;
            localtime_r(&t, &tm);
            if (tz_offset(t * SECOND, zones[i]) != tm.tm_gmtoff) {
                printf("# %s at %lld\n", zones[i], (long long)t);
                CHECK(!"the same offset");
                break;
            }
        }
    }
    unsetenv("TZ");
}

TEST("each day's first instant shows that day, the one before does not")
{
    static const char *const zones[] = { "Europe/Berlin", "America/Sao_Paulo",
                                         "Asia/Beirut",   "America/Havana",
                                         "Asia/Amman",    "Atlantic/Azores" };
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        for (int64_t day = date_days(1980, 1, 1); day < date_days(2040, 1, 1);
             day++) {
            int64_t at = tz_day_start(day, zones[i]) / SECOND;
            int64_t now = at + tz_offset(at * SECOND, zones[i]);
            int64_t prev = at - 1 + tz_offset((at - 1) * SECOND, zones[i]);
            if (now / 86400 != day || prev / 86400 != day - 1) {
                printf("# %s, day %lld\n", zones[i], (long long)day);
                CHECK(!"the day begins there");
                break;
            }
        }
    }
}

TEST("a truncated zone file is refused, a damaged one does no harm")
{
    static unsigned char bytes[65536];
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
    CHECK(n > 100);
    if (f)
        fclose(f);
    char dir[] = "/tmp/pipe-date-XXXXXX", path[64], name[16];
    CHECK(mkdtemp(dir) != NULL);
    setenv("TZDIR", dir, 1);
    uint64_t seed = 7;
    for (size_t i = 0; i < 600; i++) {
        size_t len = i < 300 ? n * i / 300 : n;
        unsigned char was = 0;
        size_t at = 0;
        if (len == n) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            at = (seed >> 33) % n;
            was = bytes[at];
            bytes[at] ^= (unsigned char)(1 + (seed >> 20) % 255);
        }
        snprintf(name, sizeof(name), "Z%zu", i);
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "wb");
        CHECK(f && fwrite(bytes, 1, len, f) == len);
        if (f)
            fclose(f);
        if (len < n)
            CHECK(!tz_known(name));
        else if (tz_known(name))
            tz_day_start(tz_offset(time_now(), name), name);
        bytes[at] = len == n ? was : bytes[at];
        remove(path);
    }
    unsetenv("TZDIR");
    remove(dir);
}

TEST("the clock is read in microseconds")
{
    CHECK(time_now() / SECOND - time(NULL) < 2);
    CHECK(time_now() > date_days(2020, 1, 1) * 86400 * SECOND);
}

UNIT_MAIN
