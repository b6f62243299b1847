#include "expr/when.h"

#include "base/date.h"
#include "base/zone.h"
#include "expr/lex.h"

#define US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * US)

/* Microseconds of the units up to the hour. */
static const int64_t span_us[] = { US, 60 * US, 3600 * US };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t floor_mod(int64_t a, int64_t b)
{
    return a - floor_div(a, b) * b;
}

static int64_t offset_us(const struct zone *z, int64_t us)
{
    return z ? (int64_t)zone_offset(z, floor_div(us, US)) * US : 0;
}

/* ---- reading */

static void set_instant(struct when *w, int64_t us)
{
    w->us = us;
    w->local = us + offset_us(w->zone, us);
    w->day = floor_div(w->local, DAY_US);
}

void when_at(struct when *w, int64_t us, const char *tz)
{
    *w = (struct when){ .tz = tz, .zone = tz ? zone_find(tz) : NULL };
    set_instant(w, us);
}

bool when_read(struct when *w, struct str s, const char *tz)
{
    int64_t us, day;
    if (!time_parse(s, tz, &us))
        return false;
    when_at(w, us, tz);
    w->is_date = date_parse(s, &day);
    if (w->is_date) { /* its midnight may be no instant of that day */
        w->day = day;
        w->local = day * DAY_US;
    }
    return true;
}

bool when_in_range(const struct when *w)
{
    int64_t day = w->day;
    if (!w->is_date) /* as it is written: without the seconds of its offset */
        day = floor_div(w->local - (w->local - w->us) % (60 * US), DAY_US);
    return day >= date_days(0, 1, 1) && day <= date_days(9999, 12, 31);
}

bool when_unit_of(struct str name, enum when_unit *unit)
{
    static const char *const names[] = {
        "second", "minute", "hour", "day", "week", "month", "quarter", "year"
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct str one = name;
        if (one.n > 3 && (one.p[one.n - 1] | 0x20) == 's')
            one.n--;
        if (lex_is(one, names[i])) {
            *unit = (enum when_unit)i;
            return true;
        }
    }
    return false;
}

/* ---- units of the calendar */

static int64_t month_of(int64_t day)
{
    int y, m, d;
    date_civil(day, &y, &m, &d);
    return (int64_t)y * 12 + m - 1;
}

/* The first day of a month counted from year 0. */
static int64_t month_start(int64_t month)
{
    return date_days((int)floor_div(month, 12), (int)floor_mod(month, 12) + 1,
                     1);
}

static int64_t months_in(enum when_unit unit)
{
    return unit == WHEN_MONTH ? 1 : unit == WHEN_QUARTER ? 3 : 12;
}

/* The Monday on or before day; 1970-01-01 was a Thursday. */
static int64_t monday(int64_t day)
{
    return day - floor_mod(day + 3, 7);
}

int when_iso_week(int64_t day, int *year)
{
    int m, d;
    int64_t thursday = monday(day) + 3; /* its year is the week's */
    date_civil(thursday, year, &m, &d);
    return (int)((thursday - date_days(*year, 1, 1)) / 7) + 1;
}

/* ---- truncation */

static void trunc_span(struct when *w, int64_t span)
{
    int64_t local = w->local - floor_mod(w->local, span);
    int64_t offset = w->local - w->us, us = local - offset;
    /* Clocks were changed within the hour: its first instant, then. */
    if (offset_us(w->zone, us) != offset && span > US)
        us = zone_instant(w->zone, floor_div(local, US), true) * US;
    set_instant(w, us);
}

void when_trunc(struct when *w, enum when_unit unit)
{
    if (unit <= WHEN_HOUR) {
        if (w->is_date)
            set_instant(w, w->us);
        else
            trunc_span(w, span_us[unit]);
        w->is_date = false;
        return;
    }
    if (unit == WHEN_WEEK) {
        w->day = monday(w->day);
    } else if (unit > WHEN_WEEK) {
        int64_t month = month_of(w->day);
        w->day = month_start(month - floor_mod(month, months_in(unit)));
    }
    w->local = w->day * DAY_US;
    w->us = tz_day_start(w->day, w->tz);
    if (!w->is_date)
        set_instant(w, w->us);
}

/* ---- addition */

static int64_t add_months(int64_t day, int64_t n)
{
    int y, m, d;
    date_civil(day, &y, &m, &d);
    int64_t month = (int64_t)y * 12 + m - 1 + n;
    int64_t first = month_start(month), next = month_start(month + 1);
    int64_t there = first + d - 1;
    return there < next ? there : next - 1;
}

bool when_add(struct when *w, int64_t n, enum when_unit unit)
{
    const int64_t most = INT64_C(400000000000); /* seconds in 10000 years */
    int64_t offset = w->local - w->us, rest = floor_mod(w->local, DAY_US);
    if (n > most || n < -most)
        return false;
    if (unit <= WHEN_HOUR) {
        int64_t us;
        if (__builtin_mul_overflow(n, span_us[unit], &us) ||
            __builtin_add_overflow(us, w->us, &us))
            return false;
        w->is_date = false;
        set_instant(w, us);
        return when_in_range(w);
    }
    if (unit > WHEN_WEEK && (n > 120000 || n < -120000))
        return false;
    w->day = unit <= WHEN_WEEK ? w->day + (unit == WHEN_WEEK ? 7 * n : n)
                               : add_months(w->day, n * months_in(unit));
    if (!when_in_range(w))
        return false;
    int64_t local = w->day * DAY_US + rest, us = local - offset;
    if (w->is_date) {
        w->local = local;
        w->us = tz_day_start(w->day, w->tz);
        return true;
    }
    if (w->zone && offset_us(w->zone, us) != offset)
        us = zone_instant(w->zone, floor_div(local, US), false) * US +
             floor_mod(local, US);
    set_instant(w, us);
    return when_in_range(w);
}

/* ---- difference */

int64_t when_diff(const struct when *a, const struct when *b,
                  enum when_unit unit)
{
    struct when from = *a, to = *b;
    switch (unit) {
    case WHEN_SECOND:
    case WHEN_MINUTE:
    case WHEN_HOUR:
        when_trunc(&from, unit);
        when_trunc(&to, unit);
        return (to.us - from.us) / span_us[unit];
    case WHEN_DAY: return b->day - a->day;
    case WHEN_WEEK: return (monday(b->day) - monday(a->day)) / 7;
    default: break;
    }
    int64_t n = months_in(unit);
    return floor_div(month_of(b->day), n) - floor_div(month_of(a->day), n);
}
