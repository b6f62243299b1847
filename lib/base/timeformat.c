#include "base/timeformat.h"

#include "base/date.h"

#define US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * US)

static const char *const months[] = { "January", "February", "March",
                                      "April",   "May",      "June",
                                      "July",    "August",   "September",
                                      "October", "November", "December" };

static const char *const weekdays[] = { "Sunday",    "Monday",   "Tuesday",
                                        "Wednesday", "Thursday", "Friday",
                                        "Saturday" };

static int64_t floor_mod(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}

/* What a directive stands for others, or NULL. */
static const char *expansion(char c)
{
    switch (c) {
    case 'F': return "%Y-%m-%d";
    case 'T': return "%H:%M:%S";
    case 'R': return "%H:%M";
    case 'D': return "%m/%d/%y";
    default: return NULL;
    }
}

bool time_format_check(struct str format, bool read, size_t *at)
{
    const char *known =
        read ? "YymbBdejHIpMSfzsaAFTRD%" : "YymbBdejHIpMSfzsaAFTRD%uwGV";
    bool year = !read;
    for (size_t i = 0; i < format.n; i++) {
        if (format.p[i] != '%')
            continue;
        *at = i++;
        if (i == format.n || !format.p[i] || !strchr(known, format.p[i]))
            return false;
        year = year || strchr("YyFDs", format.p[i]);
    }
    *at = format.n;
    return year;
}

/* ---- reading */

struct reader {
    const char *p, *end;
    int year, month, day, yday, hour, minute, second, micros;
    bool half, pm; /* %I, and PM */
    int64_t epoch;
    struct time_parts *out;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A number of 1 to `most` digits. */
static bool number(struct reader *r, int most, int *v)
{
    const char *from = r->p;
    for (*v = 0; r->p < r->end && r->p - from < most; r->p++) {
        if (*r->p < '0' || *r->p > '9')
            break;
        *v = *v * 10 + (*r->p - '0');
    }
    return r->p > from;
}

/* The index of the name that stands here, long or cut to three letters. */
static bool name(struct reader *r, const char *const *names, int n, int *index)
{
    for (int i = 0; i < n; i++) {
        size_t all = strlen(names[i]), same = 0, there;
        there = (size_t)(r->end - r->p);
        while (same < all && same < there &&
               (r->p[same] | 0x20) == (names[i][same] | 0x20))
            same++;
        if (same < 3)
            continue;
        r->p += same == all ? all : 3;
        *index = i;
        return true;
    }
    return false;
}

static bool read_fraction(struct reader *r)
{
    const char *from = r->p;
    int weight = 100000;
    for (r->micros = 0; r->p < r->end && r->p - from < 9; r->p++) {
        if (*r->p < '0' || *r->p > '9')
            break;
        r->micros += weight * (*r->p - '0');
        weight /= 10; /* what is below a microsecond is cut off */
    }
    return r->p > from;
}

static bool two_digits(struct reader *r, int *v)
{
    const char *from = r->p;
    return number(r, 2, v) && r->p - from == 2;
}

/* Z, +hh, +hhmm or +hh:mm */
static bool read_offset(struct reader *r)
{
    int h, m = 0;
    r->out->has_zone = true;
    if (r->p < r->end && (*r->p | 0x20) == 'z') {
        r->p++;
        return true;
    }
    if (r->p == r->end || (*r->p != '+' && *r->p != '-'))
        return false;
    int sign = *r->p++ == '-' ? -60 : 60;
    if (!two_digits(r, &h))
        return false;
    bool colon = r->p < r->end && *r->p == ':';
    r->p += colon;
    bool more = r->p < r->end && *r->p >= '0' && *r->p <= '9';
    if ((colon || more) && !two_digits(r, &m))
        return false;
    r->out->offset = (h * 60 + m) * sign;
    return h <= 23 && m <= 59;
}

static bool read_epoch(struct reader *r)
{
    const int64_t most = INT64_C(253402300799); /* year 9999 */
    bool minus = r->p < r->end && *r->p == '-';
    r->p += minus;
    const char *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
        r->epoch = r->epoch * 10 + (*r->p++ - '0');
        if (r->epoch > most)
            return false;
    }
    if (minus)
        r->epoch = -r->epoch;
    r->out->is_instant = true;
    return r->p > from;
}

static bool read_half(struct reader *r)
{
    if (r->end - r->p < 2 || (r->p[1] | 0x20) != 'm' ||
        ((r->p[0] | 0x20) != 'a' && (r->p[0] | 0x20) != 'p'))
        return false;
    r->pm = (r->p[0] | 0x20) == 'p';
    r->p += 2;
    return true;
}

static bool read_clock(struct reader *r, char c)
{
    r->out->has_clock = true;
    switch (c) {
    case 'H': return number(r, 2, &r->hour) && r->hour <= 23;
    case 'I':
        r->half = true;
        return number(r, 2, &r->hour) && r->hour >= 1 && r->hour <= 12;
    case 'p': return read_half(r);
    case 'M': return number(r, 2, &r->minute) && r->minute <= 59;
    case 'S': return number(r, 2, &r->second) && r->second <= 60;
    case 'f': return read_fraction(r);
    case 'z': return read_offset(r);
    default: return read_epoch(r);
    }
}

static bool read_directive(struct reader *r, char c)
{
    int index;
    switch (c) {
    case 'Y': {
        const char *from = r->p;
        return number(r, 4, &r->year) && r->p - from == 4;
    }
    case 'y':
        if (!two_digits(r, &r->year))
            return false;
        r->year += r->year < 69 ? 2000 : 1900; /* as POSIX has it */
        return true;
    case 'm': return number(r, 2, &r->month) && r->month >= 1 && r->month <= 12;
    case 'b':
    case 'B':
        if (!name(r, months, 12, &index))
            return false;
        r->month = index + 1;
        return true;
    case 'e':
        while (r->p < r->end && *r->p == ' ')
            r->p++;
        /* fall through */
    case 'd': return number(r, 2, &r->day);
    case 'j': return number(r, 3, &r->yday) && r->yday >= 1;
    case 'a':
    case 'A': return name(r, weekdays, 7, &index);
    case '%': return r->p < r->end && *r->p++ == '%';
    default: return read_clock(r, c);
    }
}

static bool read_format(struct reader *r, struct str format)
{
    for (size_t i = 0; i < format.n; i++) {
        char c = format.p[i];
        const char *more;
        bool ok;
        if (is_space(c)) {
            while (r->p < r->end && is_space(*r->p))
                r->p++;
            continue;
        }
        if (c != '%' || i + 1 == format.n)
            ok = r->p < r->end && *r->p++ == c;
        else if ((more = expansion(format.p[++i])) != NULL)
            ok = read_format(r, str_of(more)); /* one level: none in those */
        else
            ok = read_directive(r, format.p[i]);
        if (!ok)
            return false;
    }
    return true;
}

static bool resolve(const struct reader *r, struct time_parts *p)
{
    int64_t first = date_days(r->year, r->month, 1);
    int64_t next = r->month < 12 ? date_days(r->year, r->month + 1, 1)
                                 : date_days(r->year + 1, 1, 1);
    int hour = r->half ? r->hour % 12 + (r->pm ? 12 : 0) : r->hour;
    p->day = first + r->day - 1;
    if (r->yday) {
        p->day = date_days(r->year, 1, 1) + r->yday - 1;
        next = date_days(r->year + 1, 1, 1);
    }
    p->micros = ((hour * 60 + r->minute) * INT64_C(60) + r->second) * US;
    if (p->is_instant) {
        int64_t rest = floor_mod(r->epoch, 86400);
        p->day = (r->epoch - rest) / 86400;
        p->micros = rest * US;
    }
    p->micros += r->micros;
    return p->is_instant || (r->day >= 1 && p->day < next);
}

bool time_read(struct str text, struct str format, struct time_parts *p)
{
    struct reader r = {
        .p = text.p, .end = text.p + text.n, .month = 1, .day = 1, .out = p
    };
    *p = (struct time_parts){ 0 };
    return read_format(&r, format) && r.p == r.end && resolve(&r, p);
}

/* ---- writing */

struct shown {
    int year, month, day, yday, weekday, offset;
    int64_t days, seconds, micros; /* of the day; of the second */
    int64_t us;
};

static void write_offset(struct buf *out, int offset)
{
    int minutes = (offset < 0 ? -offset : offset) / 60;
    buf_addf(out, "%c%02d%02d", offset < 0 ? '-' : '+', minutes / 60,
             minutes % 60);
}

/* The ISO week: its Thursday's year is its own. */
static void write_week(struct buf *out, const struct shown *s, bool year)
{
    int y, m, d;
    int64_t thursday = s->days - (s->weekday + 6) % 7 + 3;
    date_civil(thursday, &y, &m, &d);
    if (year)
        buf_addf(out, "%04d", y);
    else
        buf_addf(out, "%02d", (int)(thursday - date_days(y, 1, 1)) / 7 + 1);
}

static void write_clock(struct buf *out, const struct shown *s, char c)
{
    int hour = (int)(s->seconds / 3600);
    switch (c) {
    case 'H': buf_addf(out, "%02d", hour); break;
    case 'I': buf_addf(out, "%02d", (hour + 11) % 12 + 1); break;
    case 'p': buf_addz(out, hour < 12 ? "AM" : "PM"); break;
    case 'M': buf_addf(out, "%02d", (int)(s->seconds / 60 % 60)); break;
    case 'S': buf_addf(out, "%02d", (int)(s->seconds % 60)); break;
    case 'f': buf_addf(out, "%06d", (int)s->micros); break;
    case 'z': write_offset(out, s->offset); break;
    default:
        buf_addf(out, "%lld", (long long)((s->us - floor_mod(s->us, US)) / US));
    }
}

static void write_directive(struct buf *out, const struct shown *s, char c)
{
    switch (c) {
    case 'Y': buf_addf(out, "%04d", s->year); break;
    case 'y': buf_addf(out, "%02d", s->year % 100); break;
    case 'm': buf_addf(out, "%02d", s->month); break;
    case 'b': buf_add(out, months[s->month - 1], 3); break;
    case 'B': buf_addz(out, months[s->month - 1]); break;
    case 'd': buf_addf(out, "%02d", s->day); break;
    case 'e': buf_addf(out, "%2d", s->day); break;
    case 'j': buf_addf(out, "%03d", s->yday); break;
    case 'a': buf_add(out, weekdays[s->weekday], 3); break;
    case 'A': buf_addz(out, weekdays[s->weekday]); break;
    case 'u': buf_addf(out, "%d", (s->weekday + 6) % 7 + 1); break;
    case 'w': buf_addf(out, "%d", s->weekday); break;
    case 'G':
    case 'V': write_week(out, s, c == 'G'); break;
    case '%': buf_addc(out, '%'); break;
    default: write_clock(out, s, c); break;
    }
}

static void write_format(struct buf *out, struct str format,
                         const struct shown *s)
{
    for (size_t i = 0; i < format.n; i++) {
        const char *more;
        if (format.p[i] != '%' || i + 1 == format.n)
            buf_addc(out, format.p[i]);
        else if ((more = expansion(format.p[++i])) != NULL)
            write_format(out, str_of(more), s); /* one level: none in those */
        else
            write_directive(out, s, format.p[i]);
    }
}

int time_write(struct buf *out, struct str format, int64_t us, int offset)
{
    int64_t local = us + offset * US, of_day = floor_mod(local, DAY_US);
    struct shown s = { .offset = offset,
                       .days = (local - of_day) / DAY_US,
                       .seconds = of_day / US,
                       .micros = of_day % US,
                       .us = us };
    date_civil(s.days, &s.year, &s.month, &s.day);
    s.yday = (int)(s.days - date_days(s.year, 1, 1)) + 1;
    s.weekday = (int)floor_mod(s.days + 4, 7); /* day 0 was a Thursday */
    write_format(out, format, &s);
    return out->failed ? -1 : 0;
}
