/* timeformat: times by a format, as strptime and strftime have them (POSIX).
 *
 *     %Y %y year      %m month, 01   %b %B its name, short, long   %d %e day
 *     %j day of year  %H %I hour     %p AM, PM     %M minute       %S second
 *     %f micros       %z offset      %s seconds since 1970         %a %A
 * weekday %F is %Y-%m-%d  %T %H:%M:%S    %R %H:%M      %D %m/%d/%y     %% is %
 *     only written: %u %w weekday (Monday 1; Sunday 0), %G %V ISO year, week
 *
 * Names are English in every environment. Thread-safe. */
#ifndef BASE_TIMEFORMAT_H
#define BASE_TIMEFORMAT_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* What stands in a text. */
struct time_parts {
    int64_t day;    /* since 1970-01-01 */
    int64_t micros; /* of the day; a second 60 is the next minute's 0 */
    bool has_clock; /* a time of day, not a date alone */
    bool has_zone;
    int offset;      /* seconds, where has_zone */
    bool is_instant; /* by %s: day and micros are UTC */
};

/* True if the format is one to read (write) by; else *at is the byte that is
 * wrong, and a reading format without a year is wrong at its end. */
bool time_format_check(struct str format, bool read, size_t *at);

/* Reads all of text by a format that was checked. Numbers may have fewer
 * digits than usual, a space stands for any white space or none, letters may be
 * capitals or not. What is not there is the least: the first month, day 1, hour
 * 0. False unless it fits and is a date of the calendar. */
bool time_read(struct str text, struct str format, struct time_parts *p);

/* Appends what clocks that are `offset` seconds from UTC show at an instant, in
 * microseconds, by a format that was checked. 0 or -1. */
int time_write(struct buf *out, struct str format, int64_t us, int offset);

#endif
