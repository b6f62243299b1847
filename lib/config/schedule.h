/* schedule: the moments that a crontab line names.
 *
 * Five fields as crontab(5) has them: minute, hour, day of the month, month and
 * weekday (0 to 7, Sunday is 0 and 7); each is '*', numbers, ranges and names
 * (jan, mon) with commas between, and steps behind '*' or a range. Or one of
 * @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. Where both
 * days are given, neither beginning with '*', either will do.
 *
 * When clocks change, moments are those of cron(8). Of a schedule whose minute
 * and hour are both given without a '*' at the front, a moment that is skipped
 * is the first instant behind the gap, and one that is shown twice is the first
 * of both. Any other schedule goes by what clocks show: nothing in a gap, and
 * twice what is shown twice. Thread-safe. */
#ifndef CONFIG_SCHEDULE_H
#define CONFIG_SCHEDULE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    uint64_t minutes; /* bit 0 to 59 */
    uint32_t hours;   /* 0 to 23 */
    uint32_t days;    /* 1 to 31 */
    uint16_t months;  /* 1 to 12 */
    uint8_t weekdays; /* 0 (Sunday) to 6 */
    bool any_day;     /* the day of the month begins with '*' */
    bool any_weekday; /* so does the weekday */
    bool wild;        /* so does the minute or the hour */
};

/* Parses text. 0, or -1 with ERR_CONFIG naming the field. */
int schedule_parse(struct schedule *s, struct str text, struct err *e);

/* The latest moment that is not after `us`, and the first that is after it, in
 * microseconds since 1970, by the clocks of tz (NULL: UTC; to be known). False
 * where there is none within some thirty years, as of the 30th of February. */
bool schedule_previous(const struct schedule *s, int64_t us, const char *tz,
                       int64_t *at);
bool schedule_next(const struct schedule *s, int64_t us, const char *tz,
                   int64_t *at);

#endif
