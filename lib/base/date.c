#include "base/date.h"

#include "base/zone.h"

#include <time.h>

#define US 1000000
#define DAY_US ((int64_t)86400 * US)

/* ---- calendar */

int64_t date_days(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void date_civil(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

/* Rounds down, also below zero. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- reading */

/* Reads exactly n digits. */
static bool digits(const char *p, int n, int *v)
{
    *v = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *v = *v * 10 + (p[i] - '0');
    }
    return true;
}

static int days_in_month(int year, int month)
{
    static const char days[12] = { 31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

bool date_parse(struct str s, int64_t *days)
{
    int y, m, d;
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !digits(s.p, 4, &y) ||
        !digits(s.p + 5, 2, &m) || !digits(s.p + 8, 2, &d) || m < 1 || m > 12 ||
        d < 1 || d > days_in_month(y, m))
        return false;
    *days = date_days(y, m, d);
    return true;
}

/* A date-time taken apart. */
struct fields {
    int64_t days;
    int hour, minute, second;
    int micros;
    bool zoned;
    int offset; /* seconds, where zoned */
};

static bool read_zone(const char *p, size_t n, struct fields *f)
{
    f->zoned = n > 0;
    if (n == 0 || (n == 1 && (*p == 'Z' || *p == 'z')))
        return true;
    int h, m;
    if (n != 6 || (*p != '+' && *p != '-') || p[3] != ':' ||
        !digits(p + 1, 2, &h) || !digits(p + 4, 2, &m) || h > 23 || m > 59)
        return false;
    f->offset = (h * 60 + m) * (*p == '-' ? -60 : 60);
    return true;
}

static bool read_fields(struct str s, struct fields *f)
{
    *f = (struct fields){ 0 };
    if (s.n < 19 || !date_parse((struct str){ s.p, 10 }, &f->days))
        return false;
    const char *p = s.p + 10, *end = s.p + s.n;
    if ((*p != 'T' && *p != 't' && *p != ' ') || p[3] != ':' || p[6] != ':' ||
        !digits(p + 1, 2, &f->hour) || !digits(p + 4, 2, &f->minute) ||
        !digits(p + 7, 2, &f->second) || f->hour > 23 || f->minute > 59 ||
        f->second > 60)
        return false;
    p += 9;
    if (p < end && *p == '.') {
        const char *from = ++p;
        for (int weight = US / 10; p < end && *p >= '0' && *p <= '9'; p++) {
            f->micros += weight * (*p - '0');
            weight /= 10; /* what is below a microsecond is cut off */
        }
        if (p == from)
            return false;
    }
    return read_zone(p, (size_t)(end - p), f);
}

/* The instant of f, whose seconds are 60 only where UTC can have a leap
 * second: at the end of a month. */
static bool fields_instant(const struct fields *f, const struct zone *z,
                           int64_t *us)
{
    bool leap = f->second == 60;
    int64_t at = f->days * 86400 + f->hour * 3600 + f->minute * 60 + f->second;
    at -= leap; /* of which clocks know nothing */
    if (f->zoned)
        at -= f->offset;
    else if (z)
        at = zone_instant(z, at, false);
    at += leap;
    if (leap) {
        int y, m, d;
        if (at % 86400 != 0)
            return false;
        date_civil(at / 86400, &y, &m, &d);
        if (d != 1)
            return false;
    }
    *us = at * US + f->micros;
    return true;
}

bool time_parse(struct str s, const char *tz, int64_t *us)
{
    struct fields f;
    const struct zone *z = NULL;
    if (s.n == 10) {
        int64_t days;
        if (!date_parse(s, &days) || (tz && !tz_known(tz)))
            return false;
        *us = tz_day_start(days, tz);
        return true;
    }
    if (!read_fields(s, &f))
        return false;
    if (tz && !f.zoned && !(z = zone_find(tz)))
        return false;
    return fields_instant(&f, z, us);
}

bool time_is_rfc3339(struct str s)
{
    struct fields f;
    int64_t us;
    return read_fields(s, &f) && f.zoned && fields_instant(&f, NULL, &us);
}

/* ---- zones */

bool tz_known(const char *tz)
{
    return zone_find(tz) != NULL;
}

int64_t tz_day_start(int64_t days, const char *tz)
{
    const struct zone *z = tz ? zone_find(tz) : NULL;
    int64_t local = days * 86400;
    return (z ? zone_instant(z, local, true) : local) * US;
}

int64_t tz_instant(int64_t local, const char *tz)
{
    const struct zone *z = tz ? zone_find(tz) : NULL;
    int64_t seconds = floor_div(local, US);
    return z ? zone_instant(z, seconds, false) * US + (local - seconds * US)
             : local;
}

int tz_offset(int64_t us, const char *tz)
{
    const struct zone *z = tz ? zone_find(tz) : NULL;
    return z ? zone_offset(z, floor_div(us, US)) : 0;
}

/* ---- writing */

static char *put(char *p, int v, int width)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + width;
}

int date_format(struct buf *out, int64_t days)
{
    int y, m, d;
    date_civil(days, &y, &m, &d);
    if (y < 0 || y > 9999)
        return buf_addf(out, "%05d-%02d-%02d", y, m, d);
    char text[10], *p = put(text, y, 4);
    *p++ = '-';
    p = put(p, m, 2);
    *p++ = '-';
    put(p, d, 2);
    return buf_add(out, text, sizeof(text));
}

/* Date, 'T', time and fraction, without a zone. */
static int format_local(struct buf *out, int64_t us)
{
    int64_t days = floor_div(us, DAY_US);
    int64_t rest = us - days * DAY_US;
    int seconds = (int)(rest / US), micros = (int)(rest % US);
    char text[16], *p = text;
    *p++ = 'T';
    p = put(p, seconds / 3600, 2);
    *p++ = ':';
    p = put(p, seconds / 60 % 60, 2);
    *p++ = ':';
    p = put(p, seconds % 60, 2);
    if (micros) {
        *p++ = '.';
        p = put(p, micros, 6);
        while (p[-1] == '0')
            p--;
    }
    date_format(out, days);
    return buf_add(out, text, (size_t)(p - text));
}

int time_format(struct buf *out, int64_t us)
{
    format_local(out, us);
    return buf_addc(out, 'Z');
}

int time_format_tz(struct buf *out, int64_t us, const char *tz)
{
    if (!tz)
        return time_format(out, us);
    /* RFC 3339 has no seconds in offsets; the mean times of the 19th century
     * have. Whole minutes in both parts keep the instant. */
    int minutes = tz_offset(us, tz) / 60;
    format_local(out, us + (int64_t)minutes * 60 * US);
    int a = minutes < 0 ? -minutes : minutes;
    char text[6] = { minutes < 0 ? '-' : '+', 0, 0, ':', 0, 0 };
    put(text + 1, a / 60, 2);
    put(text + 4, a % 60, 2);
    return buf_add(out, text, sizeof(text));
}

int64_t time_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * US + ts.tv_nsec / 1000;
}
