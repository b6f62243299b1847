/* timefmt: formats of dates and times as regular expressions that match what is
 * a date of the calendar and a time of the day, and nothing else.
 *
 * The letters of java.time.format.DateTimeFormatter that stand for digits:
 * yyyy (uuuu), MM, dd, HH, mm, ss, S..., and zones as one to three X or x, Z
 * or ZZZZZ; one letter for two where zeros are left out; 'text' and [optional
 * parts]. As contracts have it, T stands for itself, YYYY for yyyy and DD for
 * dd, and Z for any spelling of a zone. */
#ifndef CONTRACT_TIMEFMT_H
#define CONTRACT_TIMEFMT_H

#include "base/buf.h"

struct timefmt {
    struct buf pattern; /* "^...$" */
    bool zone;          /* values may have one */
    bool needs_zone;    /* values have one */
    bool date;          /* year, month and day are there */
    bool time;          /* something of the time of day is there */
    bool ordered;       /* values compare as strings */
    bool rfc3339;       /* values are read by base/date.h */
    bool plain_date;    /* it is yyyy-MM-dd */
};

/* A fraction of a second of any length, point included, or none. */
#define TIMEFMT_FRACTION "\001"

/* Reads a format into f, which needs no init; free it in any case. Returns 0;
 * -1 without memory; 1 where it has letters that are not known, or nothing
 * that is a time. */
int timefmt_read(struct timefmt *f, struct str format);
void timefmt_free(struct timefmt *f);

#endif
