#include "window/span.h"

#include "base/date.h"

#define DAY_SECONDS 86400
#define CENTURY_DAYS 36525
#define FIRST_MONDAY (-3) /* 1969-12-29 */

/* ---- reading ---- */

struct unit {
    const char *name;
    enum span_unit unit;
    int64_t n;   /* of it */
    int64_t max; /* whole numbers of it: 100 years */
};

static const struct unit units[] = {
    { "ms", SPAN_MICROS, 1000, CENTURY_DAYS *(SPAN_DAY / 1000) },
    { "s", SPAN_MICROS, SPAN_SECOND, CENTURY_DAYS *(SPAN_DAY / SPAN_SECOND) },
    { "m", SPAN_MICROS, 60 * SPAN_SECOND, CENTURY_DAYS *(int64_t)1440 },
    { "h", SPAN_MICROS, SPAN_HOUR, CENTURY_DAYS *(int64_t)24 },
    { "d", SPAN_DAYS, 1, CENTURY_DAYS },
    { "w", SPAN_WEEKS, 1, CENTURY_DAYS / 7 },
    { "mo", SPAN_MONTHS, 1, 1200 },
};

bool span_parse(struct str text, struct span *s)
{
    int64_t n = 0;
    size_t at = 0;
    for (; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++) {
        n = n * 10 + (text.p[at] - '0');
        if (n > units[0].max)
            return false;
    }
    struct str name = { text.p + at, text.n - at };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (!str_eq(name, str_of(units[i].name)))
            continue;
        *s = (struct span){ units[i].unit, n * units[i].n };
        return n >= 1 && n <= units[i].max;
    }
    return false;
}

int64_t span_micros(const struct span *s)
{
    switch (s->unit) {
    case SPAN_MICROS: return s->n;
    case SPAN_DAYS: return s->n * SPAN_DAY;
    case SPAN_WEEKS: return s->n * 7 * SPAN_DAY;
    case SPAN_MONTHS: break;
    }
    return 0;
}

/* ---- the clock ---- */

/* Rounds down, also below zero. */
static int64_t floor_to(int64_t v, int64_t n)
{
    int64_t rest = v % n;
    return v - rest - (rest < 0 ? n : 0);
}

static int64_t offset_at(const struct zone *z, int64_t at)
{
    return z ? zone_offset(z, floor_to(at, SPAN_SECOND) / SPAN_SECOND) *
                   SPAN_SECOND
             : 0;
}

/* The first instant of (low, high] that has high's offset, of which there is
 * no other change between them. */
static int64_t change_between(const struct zone *z, int64_t low, int64_t high)
{
    int64_t offset = offset_at(z, high);
    low = floor_to(low, SPAN_SECOND) / SPAN_SECOND;
    high = floor_to(high, SPAN_SECOND) / SPAN_SECOND;
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        if (zone_offset(z, mid) * SPAN_SECOND == offset)
            high = mid;
        else
            low = mid;
    }
    return high * SPAN_SECOND;
}

/* True if clocks that change from one offset to the other at this instant show
 * a multiple of n then, or skip one. */
static bool begins_at(int64_t change, int64_t before, int64_t after, int64_t n)
{
    int64_t shown = change + after;
    return floor_to(shown, n) >= change + before || floor_to(shown, n) == shown;
}

static int64_t floor_clock(int64_t n, const struct zone *z, int64_t at)
{
    int64_t offset = offset_at(z, at);
    int64_t start = floor_to(at + offset, n) - offset;
    int64_t before = offset_at(z, start);
    if (before == offset)
        return start;
    int64_t change = change_between(z, start, at);
    if (begins_at(change, before, offset, n))
        return change;
    return floor_to(change - 1 + before, n) - before;
}

static int64_t next_clock(int64_t n, const struct zone *z, int64_t start)
{
    int64_t offset = offset_at(z, start);
    int64_t next = floor_to(start + offset, n) + n - offset;
    int64_t after = offset_at(z, next);
    if (after == offset)
        return next;
    int64_t change = change_between(z, start, next);
    if (begins_at(change, offset, after, n))
        return change;
    return floor_to(change + after, n) + n - after;
}

/* ---- the calendar ---- */

/* The local date of an instant, in days. */
static int64_t local_day(const struct zone *z, int64_t at)
{
    return floor_to(at + offset_at(z, at), SPAN_DAY) / SPAN_DAY;
}

static int64_t day_start(const struct zone *z, int64_t day)
{
    int64_t local = day * DAY_SECONDS;
    return (z ? zone_instant(z, local, true) : local) * SPAN_SECOND;
}

/* The first day of the piece behind the one that begins with a day (steps 1),
 * or of the one that holds a day (0). */
static int64_t piece_day(const struct span *s, int64_t day, int steps)
{
    int y, m, d;
    int64_t n = s->n;
    switch (s->unit) {
    case SPAN_WEEKS:
        n *= 7;
        return floor_to(day - FIRST_MONDAY, n) + FIRST_MONDAY + steps * n;
    case SPAN_MONTHS:
        date_civil(day, &y, &m, &d);
        n = floor_to((int64_t)y * 12 + m - 1, n) + steps * n;
        y = (int)(floor_to(n, 12) / 12);
        return date_days(y, (int)(n - (int64_t)y * 12) + 1, 1);
    case SPAN_DAYS:
    case SPAN_MICROS: break;
    }
    return floor_to(day, n) + steps * n;
}

/* Where clocks go back over midnight, the date does too: a piece still begins
 * once, when its first day was first shown. */
static int64_t floor_date(const struct span *s, const struct zone *z,
                          int64_t at)
{
    int64_t day = piece_day(s, local_day(z, at), 0);
    int64_t next = piece_day(s, day, 1);
    return day_start(z, day_start(z, next) <= at ? next : day);
}

int64_t span_floor(const struct span *s, const struct zone *z, int64_t at)
{
    return s->unit == SPAN_MICROS ? floor_clock(s->n, z, at)
                                  : floor_date(s, z, at);
}

int64_t span_next(const struct span *s, const struct zone *z, int64_t start)
{
    if (s->unit == SPAN_MICROS)
        return next_clock(s->n, z, start);
    return day_start(z, piece_day(s, local_day(z, start), 1));
}

static int days_of(int year, int month)
{
    int64_t next =
        month == 12 ? date_days(year + 1, 1, 1) : date_days(year, month + 1, 1);
    return (int)(next - date_days(year, month, 1));
}

int64_t span_before(const struct span *s, const struct zone *z, int64_t at)
{
    if (s->unit == SPAN_MICROS)
        return at - s->n;
    int64_t day = local_day(z, at), back = day;
    int64_t time = at + offset_at(z, at) - day * SPAN_DAY;
    if (s->unit == SPAN_MONTHS) {
        int y, m, d;
        date_civil(day, &y, &m, &d);
        int64_t month = (int64_t)y * 12 + m - 1 - s->n;
        y = (int)(floor_to(month, 12) / 12);
        m = (int)(month - (int64_t)y * 12) + 1;
        back = date_days(y, m, d < days_of(y, m) ? d : days_of(y, m));
    } else {
        back -= s->n * (s->unit == SPAN_WEEKS ? 7 : 1);
    }
    int64_t second = floor_to(time, SPAN_SECOND);
    int64_t local = back * DAY_SECONDS + second / SPAN_SECOND;
    return (z ? zone_instant(z, local, false) : local) * SPAN_SECOND +
           (time - second);
}
