/* when: a date or a date-time as expressions see it, on the clock of a zone.
 */
#ifndef EXPR_WHEN_H
#define EXPR_WHEN_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct zone;

enum when_unit {
    WHEN_SECOND,
    WHEN_MINUTE,
    WHEN_HOUR,
    WHEN_DAY,
    WHEN_WEEK, /* from Monday, as ISO 8601 has it */
    WHEN_MONTH,
    WHEN_QUARTER,
    WHEN_YEAR
};

struct when {
    int64_t us;     /* the instant, microseconds since 1970-01-01T00:00:00Z */
    int64_t local;  /* what clocks show then, as if it were UTC */
    int64_t day;    /* of local */
    bool is_date;   /* written as a date alone: us is its midnight */
    const char *tz; /* NULL: UTC; borrowed */
    const struct zone *zone; /* NULL: UTC; borrowed */
};

/* Reads a date or date-time; without a zone it is in tz (NULL: UTC). False if
 * it is neither. tz is known (tz_known). */
bool when_read(struct when *w, struct str s, const char *tz);

/* From an instant. */
void when_at(struct when *w, int64_t us, const char *tz);

/* True within the years 0000 to 9999, which alone can be written. */
bool when_in_range(const struct when *w);

/* A unit's name in the singular or plural, whatever its case. */
bool when_unit_of(struct str name, enum when_unit *unit);

/* To the start of the unit: the first instant of the day and so on; of an hour
 * that clocks show twice that of the one w lies in. */
void when_trunc(struct when *w, enum when_unit unit);

/* n units on. Seconds, minutes and hours are time that passes; longer units
 * move the date and keep what the clock shows: the last day of a shorter month
 * is taken, in a gap the time as clocks would show it without the change, and
 * of a time shown twice the one with w's offset. False past the range. */
bool when_add(struct when *w, int64_t n, enum when_unit unit);

/* How many starts of the unit lie behind a, up to b: negative if b is before
 * a. Both are in the same zone. */
int64_t when_diff(const struct when *a, const struct when *b,
                  enum when_unit unit);

/* The ISO week, 1 to 53, and the year that it belongs to. */
int when_iso_week(int64_t day, int *year);

#endif
