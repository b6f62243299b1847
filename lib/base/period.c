#include "base/period.h"

#include "base/date.h"
#include "base/zone.h"

#include <stdbool.h>
#include <stdlib.h>

#define US 1000000
#define HOUR 3600
#define DAY 86400

static int no_date(struct str text, struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "'%.*s' is not a date (YYYY-MM-DD; YYYY-MM-DDThh, YYYY-Www, "
                   "YYYY-MM)",
                   STR_ARG(text));
}

/* Reads exactly n digits. */
static bool digits(const char *p, size_t n, int *v)
{
    *v = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *v = *v * 10 + (p[i] - '0');
    }
    return true;
}

/* ---- days, weeks, months */

static int whole_days(struct period *p, int64_t first, int64_t last,
                      const char *tz)
{
    p->start = tz_day_start(first, tz);
    p->end = tz_day_start(last, tz);
    return 0;
}

static int parse_month(struct period *p, struct str s, const char *tz,
                       struct err *e)
{
    int y, m;
    if (!digits(s.p, 4, &y) || s.p[4] != '-' || !digits(s.p + 5, 2, &m) ||
        m < 1 || m > 12)
        return no_date(s, e);
    return whole_days(p, date_days(y, m, 1),
                      m == 12 ? date_days(y + 1, 1, 1) : date_days(y, m + 1, 1),
                      tz);
}

/* The Monday of a year's first week. */
static int64_t first_monday(int year)
{
    int64_t fourth = date_days(year, 1, 4);
    return fourth - ((fourth + 3) % 7 + 7) % 7; /* 1970-01-01: Thursday */
}

static int parse_week(struct period *p, struct str s, const char *tz,
                      struct err *e)
{
    int y, w;
    if (!digits(s.p, 4, &y) || s.p[4] != '-' || !digits(s.p + 6, 2, &w) ||
        w < 1)
        return no_date(s, e);
    int64_t monday = first_monday(y) + 7 * (int64_t)(w - 1);
    if (monday >= first_monday(y + 1))
        return no_date(s, e);
    return whole_days(p, monday, monday + 7, tz);
}

/* ---- hours */

/* Clocks around a time; no zone changes its offset twice in two days. */
struct clocks {
    int64_t change; /* the first instant with the offset after */
    int32_t before, after;
};

static struct clocks clocks_around(const struct zone *z, int64_t local)
{
    int64_t guess = local - zone_offset(z, local);
    int64_t low = guess - DAY, high = guess + DAY;
    struct clocks c = { high, zone_offset(z, low), zone_offset(z, high) };
    while (c.before != c.after && high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        if (zone_offset(z, mid) == c.before)
            low = mid;
        else
            high = mid;
        c.change = high;
    }
    return c;
}

/* Local seconds, at an offset, within [from, to): true if there are any. */
static bool hour_within(struct period *p, int64_t local, int32_t offset,
                        int64_t from, int64_t to)
{
    p->start = local - offset;
    p->end = p->start + HOUR;
    if (p->start < from)
        p->start = from;
    if (p->end > to)
        p->end = to;
    return p->start < p->end;
}

static int twice(struct str s, const struct clocks *c, struct err *e)
{
    const int32_t offset[2] = { c->before / 60, c->after / 60 };
    char text[2][8];
    for (int i = 0; i < 2; i++) {
        int minutes = abs(offset[i]);
        text[i][0] = offset[i] < 0 ? '-' : '+';
        for (int k = 0, v = minutes / 60 * 100 + minutes % 60; k < 4; k++) {
            text[i][4 - k] = (char)('0' + v % 10);
            v /= 10;
        }
        text[i][5] = '\0';
    }
    return err_set(e, ERR_USAGE,
                   "'%.*s' comes twice: '%.*s%s' or '%.*s%s' is meant",
                   STR_ARG(s), STR_ARG(s), text[0], STR_ARG(s), text[1]);
}

/* local is the hour's begin, in seconds as if it were UTC. */
static int find_hour(struct period *p, struct str s, int64_t local,
                     const int *minutes, const char *tz, struct err *e)
{
    const struct zone *z = tz ? zone_find(tz) : NULL;
    struct clocks c = { INT64_MAX, 0, 0 };
    struct period second;
    if (z)
        c = clocks_around(z, local);
    bool one = hour_within(p, local, c.before, INT64_MIN,
                           c.before == c.after ? INT64_MAX : c.change);
    bool two = c.before != c.after &&
               hour_within(&second, local, c.after, c.change, INT64_MAX);
    bool both = one && two;
    if (minutes) {
        one = one && c.before / 60 == *minutes;
        two = two && c.after / 60 == *minutes;
    }
    if (one && two)
        return twice(s, &c, e);
    if (!one && !two)
        return err_set(e, ERR_USAGE, "clocks do not show '%.*s' in %s",
                       STR_ARG(s), tz ? tz : "UTC");
    if (minutes && !both) /* a period has one name */
        return err_set(e, ERR_USAGE, "'%.*s' comes once: '%.13s' is meant",
                       STR_ARG(s), s.p);
    if (two)
        *p = second;
    p->start *= US;
    p->end *= US;
    return 0;
}

static int parse_hour(struct period *p, struct str s, const char *tz,
                      struct err *e)
{
    int64_t day;
    int hour, h = 0, m = 0;
    const char *zone = s.p + 13;
    bool zoned = s.n == 18;
    if (!date_parse((struct str){ s.p, 10 }, &day) || s.p[10] != 'T' ||
        !digits(s.p + 11, 2, &hour) || hour > 23 ||
        (zoned && ((*zone != '+' && *zone != '-') || !digits(zone + 1, 2, &h) ||
                   !digits(zone + 3, 2, &m) || h > 23 || m > 59)))
        return no_date(s, e);
    int minutes = (h * 60 + m) * (zoned && *zone == '-' ? -1 : 1);
    return find_hour(p, s, day * DAY + hour * HOUR, zoned ? &minutes : NULL, tz,
                     e);
}

int period_parse(struct period *p, struct str text, const char *tz,
                 struct err *e)
{
    int64_t day;
    switch (text.n) {
    case 7: return parse_month(p, text, tz, e);
    case 8:
        return text.p[5] == 'W' ? parse_week(p, text, tz, e) : no_date(text, e);
    case 10:
        return date_parse(text, &day) ? whole_days(p, day, day + 1, tz)
                                      : no_date(text, e);
    case 13:
    case 18: return parse_hour(p, text, tz, e);
    default: return no_date(text, e);
    }
}
