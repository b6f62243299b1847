#include "schema/format.h"

#include "base/date.h"
#include "schema/pattern.h"
#include "schema/swar.h"

#include <sys/socket.h>

static const char *const names[] = {
    [FORMAT_NONE] = "",
    [FORMAT_DATE] = "date",
    [FORMAT_DATE_TIME] = "date-time",
    [FORMAT_TIME] = "time",
    [FORMAT_EMAIL] = "email",
    [FORMAT_IPV4] = "ipv4",
    [FORMAT_IPV6] = "ipv6",
    [FORMAT_UUID] = "uuid",
    [FORMAT_DURATION] = "duration",
    [FORMAT_HOSTNAME] = "hostname",
    [FORMAT_IDN_EMAIL] = "idn-email",
    [FORMAT_IDN_HOSTNAME] = "idn-hostname",
    [FORMAT_IRI] = "iri",
    [FORMAT_IRI_REFERENCE] = "iri-reference",
    [FORMAT_JSON_POINTER] = "json-pointer",
    [FORMAT_REGEX] = "regex",
    [FORMAT_RELATIVE_JSON_POINTER] = "relative-json-pointer",
    [FORMAT_URI] = "uri",
    [FORMAT_URI_REFERENCE] = "uri-reference",
    [FORMAT_URI_TEMPLATE] = "uri-template",
};

enum format format_find(struct str name)
{
    for (enum format f = FORMAT_DATE; f < FORMAT_N; f++)
        if (str_eq(name, str_of(names[f])))
            return f;
    return FORMAT_NONE;
}

const char *format_name(enum format f)
{
    return names[f];
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* A leap second stands at the end of a month in UTC: which local day that is
 * depends on the offset. */
static bool is_time(struct str s)
{
    static const char *const days[] = { "1972-12-31T", "1973-01-01T" };
    char z[64];
    size_t n = strlen(days[0]);
    if (s.n > sizeof(z) - n)
        return false;
    for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++) {
        memcpy(z, days[i], n);
        memcpy(z + n, s.p, s.n);
        if (time_is_rfc3339((struct str){ z, n + s.n }))
            return true;
    }
    return false;
}

static bool is_uuid(struct str s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

/* ---- durations: RFC 3339, appendix A ---- */

/* 1*DIGIT and one of the units, from left to right; none may be left out
 * between two. Returns how many there were, or -1. */
static int elements(const char **p, const char *end, const char *units)
{
    int n = 0;
    const char *last = NULL;
    while (*p < end && *p[0] != 'T') {
        const char *q = *p;
        while (q < end && *q >= '0' && *q <= '9')
            q++;
        const char *unit = q > *p && q < end && *q ? strchr(units, *q) : NULL;
        if (!unit || (last && unit != last + 1))
            return -1;
        last = unit;
        *p = q + 1;
        n++;
    }
    return n;
}

static bool is_duration(struct str s)
{
    const char *p = s.p + 1, *end = s.p + s.n;
    if (s.n < 3 || s.p[0] != 'P')
        return false;
    if (s.p[s.n - 1] == 'W')
        return elements(&p, end, "W") == 1;
    if (elements(&p, end, "YMD") < 0)
        return false;
    if (p == end)
        return true;
    p++;
    return elements(&p, end, "HMS") > 0 && p == end;
}

/* ---- JSON Pointers ---- */

static bool is_pointer(struct str s)
{
    if (s.n && s.p[0] != '/')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '~' && (++i == s.n || (s.p[i] != '0' && s.p[i] != '1')))
            return false;
    return true;
}

static bool is_relative_pointer(struct str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    if (i == 0 || (i > 1 && s.p[0] == '0'))
        return false;
    struct str rest = { s.p + i, s.n - i };
    return str_eq(rest, STR("#")) || is_pointer(rest);
}

/* ---- dates and times ---- */

/* Each byte of the eight at p within those of lo and hi. */
static inline bool within(const char *p, const char *lo, const char *hi)
{
    return swar_within(swar_load(p), swar_load(lo), swar_load(hi)) == SWAR_HIGH;
}

/* Two bytes that are digits. */
static inline unsigned two(const char *p)
{
    return (unsigned)(p[0] & 15) * 10 + (unsigned)(p[1] & 15);
}

/* Dates and times as nearly all writers spell them: no leap day, no leap
 * second. What is none of these goes to base/date. */
static inline bool plain_day(const char *p)
{
    static const uint8_t days[20] = { 0,  31, 28, 31, 30, 31, 30,
                                      31, 31, 30, 31, 30, 31 };
    return two(p + 8) - 1 < days[two(p + 5)];
}

static bool plain_date(struct str s)
{
    return s.n == 10 && within(s.p, "0000-00-", "9999-19-") &&
           within(s.p + 2, "00-00-00", "99-19-39") && plain_day(s.p);
}

/* What may follow the seconds. */
static bool plain_zone(const char *p, size_t n)
{
    size_t i = 0;
    if (n && p[0] == '.')
        for (i = 1; i < n && p[i] >= '0' && p[i] <= '9';)
            i++;
    if (i == 1)
        return false;
    if (n - i == 1)
        return p[i] == 'Z';
    char z[8] = { 0 };
    memcpy(z, p + i, n - i == 6 ? 6 : 0);
    return within(z, "+00:00\0", "-29:59\0") && z[0] != ',' && two(z + 1) < 24;
}

static bool plain_time(struct str s)
{
    const char *p = s.p;
    if (s.n < 20 || !within(p, "0000-00-", "9999-19-") ||
        !within(p + 8, "00T00:00", "39T29:59") ||
        !within(p + 11, "00:00:00", "29:59:59") || two(p + 11) > 23 ||
        !plain_day(p))
        return false;
    return (s.n == 20 && p[19] == 'Z') || plain_zone(p + 19, s.n - 19);
}

bool format_ok(enum format f, struct str s)
{
    int64_t days;
    switch (f) {
    case FORMAT_NONE: return true;
    case FORMAT_DATE: return plain_date(s) || date_parse(s, &days);
    case FORMAT_DATE_TIME:
        if (plain_time(s))
            return true;
        /* RFC 3339 lets applications put a space for the T; the grammar, which
         * the keyword names, has the T. */
        return s.n > 10 && s.p[10] != ' ' && time_is_rfc3339(s);
    case FORMAT_TIME: return is_time(s);
    case FORMAT_EMAIL: return is_email(s, false);
    case FORMAT_IPV4: return is_address(AF_INET, s);
    case FORMAT_IPV6: return is_address(AF_INET6, s);
    case FORMAT_UUID: return is_uuid(s);
    case FORMAT_DURATION: return is_duration(s);
    case FORMAT_HOSTNAME: return is_hostname(s);
    case FORMAT_IDN_EMAIL: return is_email(s, true);
    case FORMAT_IDN_HOSTNAME: return is_idn_hostname(s, true);
    case FORMAT_IRI: return is_uri(s, true, false);
    case FORMAT_IRI_REFERENCE: return is_uri(s, true, true);
    case FORMAT_JSON_POINTER: return is_pointer(s);
    case FORMAT_REGEX: return pattern_is_ecma(s);
    case FORMAT_RELATIVE_JSON_POINTER: return is_relative_pointer(s);
    case FORMAT_URI: return is_uri(s, false, false);
    case FORMAT_URI_REFERENCE: return is_uri(s, false, true);
    case FORMAT_URI_TEMPLATE: return is_uri_template(s);
    case FORMAT_N: break;
    }
    return true;
}
