/* Functions of dates and times, on the clock of a zone. */
#include "base/date.h"
#include "base/timeformat.h"
#include "expr/func.h"
#include "expr/lex.h"
#include "expr/when.h"

#include <stdio.h>

#define US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * US)
#define ZONE_MAX 100 /* bytes of a name */

enum time_field {
    YEAR,
    QUARTER,
    MONTH,
    DAY,
    DOW,
    ISODOW,
    DOY,
    WEEK,
    ISOYEAR,
    HOUR,
    MINUTE,
    SECOND,
    EPOCH
};

static bool field_of(struct str name, enum time_field *f)
{
    static const char *const names[] = {
        "year", "quarter", "month", "day",    "dow",    "isodow", "doy",
        "week", "isoyear", "hour",  "minute", "second", "epoch"
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (lex_is(name, names[i])) {
            *f = (enum time_field)i;
            return true;
        }
    return false;
}

/* ---- arguments */

static bool zone_known(struct str s)
{
    char name[ZONE_MAX + 1];
    if (s.n > ZONE_MAX || memchr(s.p, '\0', s.n))
        return false;
    memcpy(name, s.p, s.n);
    name[s.n] = '\0';
    return tz_known(name);
}

int func_check_time(char kind, struct str s, struct func_why *why)
{
    enum when_unit unit;
    enum time_field field;
    const char *wrong = NULL;
    why->at = 0;
    if (kind == 'z' && !zone_known(s))
        wrong = "time zone that the system does not know";
    else if (kind == 'u' && !when_unit_of(s, &unit))
        wrong = "unit of time expected: second, minute, hour, day, week, "
                "month, quarter or year";
    else if (kind == 'f' && !field_of(s, &field))
        wrong = "field expected: year, quarter, month, day, dow, isodow, doy, "
                "week, isoyear, hour, minute, second or epoch";
    else if ((kind == 'r' || kind == 'w') &&
             !time_format_check(s, kind == 'r', &why->at))
        wrong = why->at < s.n ? "unknown directive in the time format"
                              : "time format without a year";
    if (wrong)
        snprintf(why->text, sizeof(why->text), "%s", wrong);
    return wrong ? -1 : 0;
}

/* A string that must be of a kind: what compiling refused in a constant is a
 * fault of the record here. */
static int need_kind(struct call *c, uint32_t i, char kind, struct str *s)
{
    struct func_why why;
    char is[80];
    int rc = call_string(c, i, s);
    if (rc || func_check_time(kind, *s, &why) == 0)
        return rc;
    return expr_faultf(c->x, c->at, &c->args[i], "expr_date", "%s: %s, not %s",
                       c->f->name, why.text, operand_describe(&c->args[i], is));
}

/* The zone that is argument i, if there is one, else the set's. */
static int need_zone(struct call *c, uint32_t i, const char **tz)
{
    struct str s;
    *tz = c->x->env.tz;
    if (i < c->n) {
        int rc = need_kind(c, i, 'z', &s);
        if (rc)
            return rc;
        s = arena_dup(&c->x->scratch, s); /* with a NUL behind it */
        if (!s.p)
            return -2;
        *tz = s.p;
    }
    if (*tz && strcmp(*tz, "UTC") == 0)
        *tz = NULL; /* which is written Z */
    return 0;
}

static int outside(struct call *c, const struct operand *o)
{
    char is[80];
    return expr_faultf(c->x, c->at, o, "expr_date",
                       "%s is outside the years 0000 to 9999",
                       operand_describe(o, is));
}

/* The date or date-time that is argument i, on the clock of tz. */
static int need_when(struct call *c, uint32_t i, const char *tz, struct when *w)
{
    struct operand *o = &c->args[i];
    char is[80];
    struct str s;
    int rc = call_string(c, i, &s);
    if (rc)
        return rc;
    if (!when_read(w, s, tz))
        return expr_faultf(c->x, c->at, o, "expr_date",
                           "%s is neither a date nor a date-time",
                           operand_describe(o, is));
    return when_in_range(w) ? 0 : outside(c, o);
}

/* A date as one, a time with the zone's offset. */
static int give_when(struct call *c, const struct when *w)
{
    struct buf *out = call_buf(c);
    if (!when_in_range(w))
        return call_faultf(c, "expr_date",
                           "the result is outside the years 0000 to 9999");
    if (w->is_date)
        date_format(out, w->day);
    else
        time_format_tz(out, w->us, w->tz);
    return call_buf_text(c);
}

/* Microseconds as seconds, without zeros at the end. */
static int give_seconds(struct call *c, decimal_int us)
{
    struct decimal d = { .small = us, .scale = 6 };
    for (; d.scale && d.small % 10 == 0; d.scale--)
        d.small /= 10;
    return call_decimal(c, &d);
}

/* ---- days */

/* The day of a date or a date-time: one with a zone is seen from ours, one
 * without is on the day that it names. */
static int day_of(struct call *c, uint32_t i, const char *tz, int64_t *day)
{
    struct str s;
    struct when w;
    int rc = call_string(c, i, &s);
    if (rc || date_parse(s, day))
        return rc;
    rc = need_when(c, i, time_is_rfc3339(s) ? tz : NULL, &w);
    *day = w.day;
    return rc;
}

static int call_date(struct call *c)
{
    const char *tz;
    int64_t day;
    int rc = need_zone(c, 1, &tz);
    if (rc == 0)
        rc = day_of(c, 0, tz, &day);
    if (rc)
        return rc;
    date_format(call_buf(c), day);
    return call_buf_text(c);
}

static int call_days(struct call *c)
{
    int64_t a, b;
    int rc = day_of(c, 0, c->x->env.tz, &a);
    if (rc == 0)
        rc = day_of(c, 1, c->x->env.tz, &b);
    return rc ? rc : call_i64(c, a - b);
}

/* ---- instants */

/* Any instant, also one that the zone would not show in a year of four digits.
 */
static int need_instant(struct call *c, uint32_t i, int64_t *us)
{
    char is[80];
    struct str s;
    int rc = call_string(c, i, &s);
    if (rc || time_parse(s, c->x->env.tz, us))
        return rc;
    return expr_faultf(c->x, c->at, &c->args[i], "expr_date",
                       "%s is neither a date nor a date-time",
                       operand_describe(&c->args[i], is));
}

static int call_seconds(struct call *c)
{
    int64_t a, b;
    int rc = need_instant(c, 0, &a);
    if (rc == 0)
        rc = need_instant(c, 1, &b);
    return rc ? rc : give_seconds(c, (decimal_int)a - b);
}

static int call_epoch(struct call *c)
{
    int64_t us;
    int rc = need_instant(c, 0, &us);
    return rc ? rc : give_seconds(c, us);
}

static int call_from_epoch(struct call *c)
{
    const struct decimal million = { .small = 1000000 };
    const struct decimal *seconds;
    struct decimal d = DECIMAL_ZERO;
    struct when w;
    const char *tz;
    int64_t us;
    int rc = need_zone(c, 1, &tz);
    if (rc == 0)
        rc = call_number(c, 0, &seconds);
    if (rc)
        return rc;
    rc = decimal_mul(&d, seconds, &million);
    if (rc == 0)
        rc = decimal_trunc(&d, &d, 0); /* below a microsecond: cut off */
    bool fits = rc == 0 && decimal_to_i64(&d, &us) && us < INT64_MAX / 10 &&
                us > INT64_MIN / 10;
    decimal_free(&d);
    if (rc)
        return expr_decimal_fault(c->x, c->at, rc);
    if (!fits)
        return outside(c, &c->args[0]);
    when_at(&w, us, tz);
    return when_in_range(&w) ? give_when(c, &w) : outside(c, &c->args[0]);
}

static int call_at_zone(struct call *c)
{
    const char *tz;
    struct when w;
    int64_t us;
    int rc = need_zone(c, 1, &tz);
    if (rc == 0)
        rc = need_instant(c, 0, &us);
    if (rc)
        return rc;
    when_at(&w, us, tz);
    return when_in_range(&w) ? give_when(c, &w) : outside(c, &c->args[0]);
}

/* ---- units */

static int need_unit(struct call *c, uint32_t i, enum when_unit *unit)
{
    struct str s;
    int rc = need_kind(c, i, 'u', &s);
    if (rc == 0)
        (void)when_unit_of(s, unit);
    return rc;
}

static int call_trunc(struct call *c)
{
    enum when_unit unit;
    const char *tz;
    struct when w;
    int rc = need_unit(c, 0, &unit);
    if (rc == 0)
        rc = need_zone(c, 2, &tz);
    if (rc == 0)
        rc = need_when(c, 1, tz, &w);
    if (rc)
        return rc;
    when_trunc(&w, unit);
    return give_when(c, &w);
}

static int call_add(struct call *c)
{
    enum when_unit unit;
    const char *tz;
    struct when w;
    int64_t n;
    int rc = need_unit(c, 2, &unit);
    if (rc == 0)
        rc = need_zone(c, 3, &tz);
    if (rc == 0)
        rc = need_when(c, 0, tz, &w);
    if (rc == 0)
        rc = call_whole(c, 1, INT64_MIN, INT64_MAX, &n);
    if (rc)
        return rc;
    if (!when_add(&w, n, unit))
        return call_faultf(c, "expr_date",
                           "the result is outside the years 0000 to 9999");
    return give_when(c, &w);
}

static int call_diff(struct call *c)
{
    enum when_unit unit;
    const char *tz;
    struct when a, b;
    int rc = need_unit(c, 0, &unit);
    if (rc == 0)
        rc = need_zone(c, 3, &tz);
    if (rc == 0)
        rc = need_when(c, 1, tz, &a);
    if (rc == 0)
        rc = need_when(c, 2, tz, &b);
    return rc ? rc : call_i64(c, when_diff(&a, &b, unit));
}

/* ---- fields */

static int64_t date_field(const struct when *w, enum time_field f)
{
    int y, m, d, iso;
    date_civil(w->day, &y, &m, &d);
    int64_t weekday = (w->day + 4) % 7; /* day 0 was a Thursday */
    weekday += weekday < 0 ? 7 : 0;
    switch (f) {
    case YEAR: return y;
    case QUARTER: return (m + 2) / 3;
    case MONTH: return m;
    case DAY: return d;
    case DOW: return weekday;
    case ISODOW: return weekday ? weekday : 7;
    case DOY: return w->day - date_days(y, 1, 1) + 1;
    case WEEK: return when_iso_week(w->day, &iso);
    default: (void)when_iso_week(w->day, &iso); return iso;
    }
}

static int call_part(struct call *c)
{
    enum time_field f;
    const char *tz;
    struct when w;
    struct str s;
    int rc = need_kind(c, 0, 'f', &s);
    if (rc == 0)
        rc = need_zone(c, 2, &tz);
    if (rc == 0)
        rc = need_when(c, 1, tz, &w);
    if (rc)
        return rc;
    (void)field_of(s, &f);
    int64_t of_day = w.local - w.day * DAY_US;
    switch (f) {
    case HOUR: return call_i64(c, of_day / US / 3600);
    case MINUTE: return call_i64(c, of_day / US / 60 % 60);
    case SECOND: return give_seconds(c, of_day % (60 * US));
    case EPOCH: return give_seconds(c, w.us);
    default: return call_i64(c, date_field(&w, f));
    }
}

/* ---- formats */

static int call_format(struct call *c)
{
    const char *tz;
    struct str format;
    struct when w;
    int rc = need_kind(c, 1, 'w', &format);
    if (rc == 0)
        rc = need_zone(c, 2, &tz);
    if (rc == 0)
        rc = need_when(c, 0, tz, &w);
    if (rc)
        return rc;
    time_write(call_buf(c), format, w.us, (int)((w.local - w.us) / US));
    return call_buf_text(c);
}

static int call_parse(struct call *c)
{
    struct time_parts p;
    struct str text, format;
    const char *tz;
    struct when w = { 0 };
    char is[80], by[80];
    int rc = need_kind(c, 1, 'r', &format);
    if (rc == 0)
        rc = need_zone(c, 2, &tz);
    if (rc == 0)
        rc = call_string(c, 0, &text);
    if (rc)
        return rc;
    if (!time_read(text, format, &p))
        return expr_faultf(c->x, c->at, &c->args[0], "expr_date",
                           "%s is no time by the format %s",
                           operand_describe(&c->args[0], is),
                           operand_describe(&c->args[1], by));
    if (!p.has_clock) {
        w.is_date = true;
        w.day = p.day;
        return give_when(c, &w);
    }
    int64_t us = p.day * DAY_US + p.micros;
    if (p.has_zone)
        us -= p.offset * US;
    else if (!p.is_instant)
        us = tz_instant(us, tz);
    when_at(&w, us, tz);
    return when_in_range(&w) ? give_when(c, &w) : outside(c, &c->args[0]);
}

static const struct func rows[] = {
    { "at_zone", 2, 2, false, " z", call_at_zone },
    { "date", 1, 2, false, " z", call_date },
    { "date_add", 3, 4, false, "  uz", call_add },
    { "date_diff", 3, 4, false, "u  z", call_diff },
    { "date_part", 2, 3, false, "f z", call_part },
    { "date_trunc", 2, 3, false, "u z", call_trunc },
    { "days", 2, 2, false, "", call_days },
    { "epoch", 1, 1, false, "", call_epoch },
    { "extract", 2, 3, false, "f z", call_part },
    { "format_time", 2, 3, false, " wz", call_format },
    { "from_epoch", 1, 2, false, " z", call_from_epoch },
    { "parse_time", 2, 3, false, " rz", call_parse },
    { "seconds", 2, 2, false, "", call_seconds },
};

const struct func_table func_time = FUNC_TABLE(rows);
