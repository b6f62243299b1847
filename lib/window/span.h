/* span: lengths of time as people mean them, and where they divide the clock.
 *
 * A span of hours and less is a number of microseconds; days, weeks and months
 * are those of the calendar, so a day may have 23 or 25 hours. A span divides
 * time into pieces without a gap and without an overlap:
 *
 * - of microseconds: a piece begins whenever clocks in the zone show a multiple
 *   of it, counted from midnight of 1970-01-01, and where they skip one: so the
 *   hour that clocks show twice is two pieces;
 * - of days, weeks, months: at the midnights that begin every n-th day since
 *   1970-01-01, week since Monday 1969-12-29, month since January of year 0.
 *
 * Instants are microseconds since 1970-01-01T00:00:00Z; a zone is NULL for UTC.
 * Thread-safe. */
#ifndef WINDOW_SPAN_H
#define WINDOW_SPAN_H

#include "base/str.h"
#include "base/zone.h"

#include <stdbool.h>
#include <stdint.h>

#define SPAN_SECOND ((int64_t)1000000)
#define SPAN_HOUR (3600 * SPAN_SECOND)
#define SPAN_DAY (24 * SPAN_HOUR)

enum span_unit { SPAN_MICROS, SPAN_DAYS, SPAN_WEEKS, SPAN_MONTHS };

struct span {
    enum span_unit unit;
    int64_t n; /* at least 1 */
};

/* Reads "90s": a whole number from 1 and ms, s, m, h, d, w or mo; 100 years at
 * most. False unless it is one. */
bool span_parse(struct str text, struct span *s);

/* The span in microseconds with days of 24 hours; 0 for months, which have no
 * such length. */
int64_t span_micros(const struct span *s);

/* The first instant of the piece that at lies in. Spans of microseconds are at
 * most SPAN_DAY here and in span_next: no zone changes its offset twice in
 * that. */
int64_t span_floor(const struct span *s, const struct zone *z, int64_t at);

/* The first instant of the piece behind the one that begins at start. */
int64_t span_next(const struct span *s, const struct zone *z, int64_t start);

/* The instant one span before at: of days and more by the clock, on the
 * month's last day where it has no such day. */
int64_t span_before(const struct span *s, const struct zone *z, int64_t at);

#endif
