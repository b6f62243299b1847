#include "schema/format.h"

#include "base/date.h"
#include "schema/swar.h"

#include <arpa/inet.h>
#include <strings.h>

static const char *const names[] = {
    [FORMAT_NONE] = "",
    [FORMAT_DATE] = "date",
    [FORMAT_DATE_TIME] = "date-time",
    [FORMAT_TIME] = "time",
    [FORMAT_EMAIL] = "email",
    [FORMAT_IPV4] = "ipv4",
    [FORMAT_IPV6] = "ipv6",
    [FORMAT_UUID] = "uuid",
};

enum format format_find(struct str name)
{
    for (enum format f = FORMAT_DATE; f <= FORMAT_UUID; f++)
        if (str_eq(name, str_of(names[f])))
            return f;
    return FORMAT_NONE;
}

const char *format_name(enum format f)
{
    return names[f];
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* atext of RFC 5322. */
static bool is_atom(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_address(int family, struct str s)
{
    char z[64], out[16];
    if (s.n >= sizeof(z) || memchr(s.p, '\0', s.n))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    return inet_pton(family, z, out) == 1;
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

/* Dot-string: atoms with single dots between them. */
static bool is_dot_string(struct str s)
{
    bool atom = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && atom)
            atom = false;
        else if (is_atom(s.p[i]))
            atom = true;
        else
            return false;
    }
    return atom;
}

static bool is_quoted_string(struct str s)
{
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\\' && i + 2 < s.n)
            c = (unsigned char)s.p[++i];
        else if (c == '"' || c == '\\')
            return false;
        if (c < 0x20 || c > 0x7e)
            return false;
    }
    return true;
}

static bool is_domain(struct str s)
{
    size_t label = 0;
    if (s.n > 253)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool edge = label == 0 || i + 1 == s.n || s.p[i + 1] == '.';
        if (c == '.' && label > 0)
            label = 0;
        else if (is_alnum(c) || (c == '-' && !edge))
            label++;
        else
            return false;
        if (label > 63)
            return false;
    }
    return label > 0;
}

static bool is_host(struct str s)
{
    if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return is_domain(s);
    s = (struct str){ s.p + 1, s.n - 2 };
    if (s.n > 5 && strncasecmp(s.p, "IPv6:", 5) == 0)
        return is_address(AF_INET6, (struct str){ s.p + 5, s.n - 5 });
    return is_address(AF_INET, s);
}

static bool is_email(struct str s)
{
    const char *at = s.n ? memrchr(s.p, '@', s.n) : NULL;
    if (!at || at - s.p > 64)
        return false;
    struct str local = { s.p, (size_t)(at - s.p) };
    struct str host = { at + 1, s.n - local.n - 1 };
    return (is_dot_string(local) || is_quoted_string(local)) && is_host(host);
}

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
    case FORMAT_EMAIL: return is_email(s);
    case FORMAT_IPV4: return is_address(AF_INET, s);
    case FORMAT_IPV6: return is_address(AF_INET6, s);
    case FORMAT_UUID: return is_uuid(s);
    }
    return true;
}
