/* date: calendar dates and RFC 3339 times, proleptic Gregorian.
 *
 * Day numbers count from 1970-01-01 (Hinnant, chrono-compatible low-level date
 * algorithms). Instants are microseconds since 1970-01-01T00:00:00Z; leap
 * second 60 is read as the next minute's 0. Zones come from the system's tzdata
 * (base/zone.h); check a name once with tz_known: where there is no error to
 * give, an unknown zone is taken for UTC. Thread-safe. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Days since the epoch of a valid date; and back. */
int64_t date_days(int year, int month, int day);
void date_civil(int64_t days, int *year, int *month, int *day);

/* Reads exactly YYYY-MM-DD; false unless it is a date of the calendar. */
bool date_parse(struct str s, int64_t *days);

/* Reads an RFC 3339 date-time (also with a space for the T, without a zone,
 * and a bare date, which is its midnight). A time without a zone is in tz: an
 * IANA name, NULL for UTC; shown twice on a day when clocks go back it is the
 * first, and within a gap the time that clocks would show without the change.
 * Fractions are cut to microseconds. False unless it is one. */
bool time_parse(struct str s, const char *tz, int64_t *us);

/* True if s is an RFC 3339 date-time, exactly (T, t or space; zone required;
 * second 60 only where UTC may have a leap second, at the end of a month). */
bool time_is_rfc3339(struct str s);

/* True if the system's tzdata knows the zone. */
bool tz_known(const char *tz);

/* The instant at which the local day `days` begins in tz (NULL: UTC): across a
 * gap the first instant of the day. */
int64_t tz_day_start(int64_t days, const char *tz);

/* The instant, in microseconds, at which clocks in tz (NULL: UTC) show `local`
 * (microseconds as if it were UTC); gaps and repeats as in time_parse. */
int64_t tz_instant(int64_t local, const char *tz);

/* Offset from UTC in seconds at an instant. */
int tz_offset(int64_t us, const char *tz);

/* Appends YYYY-MM-DD; an RFC 3339 time in UTC ("2026-01-31T08:00:00Z", with a
 * fraction only where there is one); the same in a zone ("+01:00"). */
int date_format(struct buf *out, int64_t days);
int time_format(struct buf *out, int64_t us);
int time_format_tz(struct buf *out, int64_t us, const char *tz);

/* Now, in microseconds of UTC. */
int64_t time_now(void);

#endif
