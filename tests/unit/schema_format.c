/* The quick readings of dates and times against those of base/date. */
#include "unit.h"

#include "base/date.h"
#include "schema/format.h"

#include <stdint.h>

TEST("a date is one of the calendar, for every day, month and leap rule")
{
    static const int years[] = { 0, 4, 1900, 2000, 2023, 2024, 2100, 9999 };
    char text[16];
    int64_t days;
    for (size_t i = 0; i < sizeof(years) / sizeof(*years); i++)
        for (int m = 0; m < 100; m++)
            for (int d = 0; d < 100; d++) {
                struct str s = { text, 10 };
                snprintf(text, sizeof(text), "%04d-%02d-%02d", years[i], m, d);
                CHECK(format_ok(FORMAT_DATE, s) == date_parse(s, &days));
            }
}

/* What base/date says, with the one difference that the keyword makes. */
static bool exact(struct str s)
{
    return s.n > 10 && s.p[10] != ' ' && time_is_rfc3339(s);
}

TEST("no byte of a date or time may be another one")
{
    static const char *const texts[] = {
        "2024-01-31T10:22:56Z",      "2024-12-09T23:59:59.123Z",
        "2024-02-28T00:00:00+01:00", "1999-10-19T19:09:29.5-23:59",
        "2024-02-29T20:00:00Z",      "2016-12-31T23:59:60Z",
        "2024-01-31T10:22:56",       "2024-01-31T10:22:56.Z",
    };
    char copy[64];
    int64_t days;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        size_t n = strlen(texts[i]);
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                memcpy(copy, texts[i], n);
                copy[at] = (char)c;
                CHECK(format_ok(FORMAT_DATE_TIME, (struct str){ copy, n }) ==
                      exact((struct str){ copy, n }));
                CHECK(format_ok(FORMAT_DATE, (struct str){ copy, 10 }) ==
                      date_parse((struct str){ copy, 10 }, &days));
            }
    }
}

TEST("a time may not be longer or shorter, but by its fraction")
{
    const char *text = "2024-01-31T10:22:56.1234567890123456789+01:00";
    char copy[64];
    size_t n = strlen(text);
    for (size_t from = 0; from <= n; from++)
        for (size_t to = from; to <= n; to++) {
            memcpy(copy, text, from);
            memcpy(copy + from, text + to, n - to);
            struct str s = { copy, from + n - to };
            CHECK(format_ok(FORMAT_DATE_TIME, s) == exact(s));
        }
}

TEST("hours and minutes of a zone have their limits")
{
    char text[64];
    for (int sign = 0; sign < 4; sign++)
        for (int h = 0; h < 100; h++)
            for (int m = 0; m < 100; m++) {
                int n = snprintf(text, sizeof(text),
                                 "2024-01-31T10:22:56%c%02d:%02d", "+-,z"[sign],
                                 h, m);
                struct str s = { text, (size_t)n };
                CHECK(format_ok(FORMAT_DATE_TIME, s) == exact(s));
            }
}

UNIT_MAIN
