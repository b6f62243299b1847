/* period: the time that a date names: a day, or an hour, a week, a month.
 *
 * Periods are half-open and meet: where one ends the next begins. A day, a week
 * or a month begins with the first instant of its first day (tz_day_start). An
 * hour lasts while clocks show it at one offset from UTC: where they go back
 * over it there are two of the name, and where they change by less than an hour
 * one is shorter. Weeks are those of ISO 8601: they begin on Monday, and the
 * first of a year is the one with its 4 January. */
#ifndef BASE_PERIOD_H
#define BASE_PERIOD_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* Instants in microseconds since 1970-01-01T00:00:00Z; end is not part of it.
 */
struct period {
    int64_t start, end;
};

/* Reads YYYY-MM-DD, YYYY-Www, YYYY-MM, YYYY-MM-DDThh, or, for an hour that
 * comes twice, YYYY-MM-DDThh+hhmm with its offset. tz is an IANA name; NULL or
 * one that is not known: UTC. 0, or -1 with ERR_USAGE: it is none of these, or
 * an hour that clocks do not show, or show twice and has no offset, or once and
 * has one: a period has one name. */
int period_parse(struct period *p, struct str text, const char *tz,
                 struct err *e);

#endif
