#include "registry/emit.h"

#include "base/base64.h"
#include "base/date.h"
#include "base/decimal.h"
#include "json/number.h"
#include "json/utf8.h"
#include "json/value.h"
#include "json/visible.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY 86400
#define YEAR_0 INT64_C(-62167219200)     /* 0000-01-01T00:00:00Z */
#define YEAR_10000 INT64_C(253402300800) /* behind year 9999 */
#define NANOS 1000000000

bool emit_fault(const struct emit *m, const char *code, const char *fmt, ...)
{
    char text[sizeof(m->why->message)];
    struct buf b = { .max = 8 * sizeof(text) };
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t len = n < 0                      ? 0
                 : (size_t)n < sizeof(text) ? (size_t)n
                                            : sizeof(text) - 1;
    visible_text(&b, (struct str){ text, len });
    struct str shown = visible_start(buf_str(&b), sizeof(m->why->message) - 1);
    memcpy(m->why->message, shown.p, shown.n);
    m->why->message[shown.n] = '\0';
    m->why->path[0] = '\0';
    m->why->code = code;
    buf_free(&b);
    return false;
}

/* Puts step, the end of which is dropped where it is too long, in front of the
 * path. */
static void put_in_front(char *path, size_t size, struct str step)
{
    size_t n = strlen(path);
    if (step.n + n >= size)
        return; /* the innermost steps tell most */
    memmove(path + step.n, path, n + 1);
    memcpy(path, step.p, step.n);
}

bool emit_within(const struct emit *m, struct str key)
{
    struct buf b = { .max = sizeof(m->why->path) };
    if (!m->why->code)
        return false;
    buf_addc(&b, '/');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~' || key.p[i] == '/')
            buf_addz(&b, key.p[i] == '~' ? "~0" : "~1");
        else
            buf_addc(&b, key.p[i]);
    }
    if (!b.failed)
        put_in_front(m->why->path, sizeof(m->why->path), buf_str(&b));
    buf_free(&b);
    return false;
}

bool emit_within_index(const struct emit *m, uint64_t index)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)index);
    return emit_within(m, str_of(text));
}

/* Whether the last addition was one. */
static bool written(const struct emit *m)
{
    if (m->out->failed)
        m->why->code = NULL;
    return !m->out->failed;
}

bool emit_room(const struct emit *m, size_t more)
{
    size_t used = m->out->n - m->start;
    if (used > m->max || more > m->max - used)
        return emit_fault(m, "too_long", "more than %zu bytes of JSON", m->max);
    return true;
}

bool emit_open(struct emit *m, char bracket)
{
    if (m->depth == m->max_depth)
        return emit_fault(m, "too_deep", "nested more than %u levels deep",
                          m->max_depth);
    m->depth++;
    buf_addc(m->out, bracket);
    return written(m) && emit_room(m, 0);
}

bool emit_close(struct emit *m, char bracket)
{
    m->depth--;
    buf_addc(m->out, bracket);
    return written(m);
}

bool emit_raw(struct emit *m, struct str json)
{
    buf_add_str(m->out, json);
    return written(m);
}

bool emit_bool(struct emit *m, bool v)
{
    return emit_raw(m, v ? STR("true") : STR("false"));
}

bool emit_u64(struct emit *m, uint64_t v)
{
    number_add_u64(m->out, v);
    return written(m);
}

bool emit_i64(struct emit *m, int64_t v)
{
    if (v < 0)
        buf_addc(m->out, '-');
    return emit_u64(m, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static bool emit_not_finite(struct emit *m, double v)
{
    return emit_raw(m, isnan(v) ? STR("\"NaN\"")
                       : v > 0  ? STR("\"Infinity\"")
                                : STR("\"-Infinity\""));
}

/* The usual ones, of few digits, in a division: u / 10^k is rounded once, as
 * reading the text is, since both are exact (u below 2^53, k at most 22). */
static bool emit_short(struct emit *m, double v)
{
    static const double pow10[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
    double size = fabs(v);
    if (size >= 1e9 || (v == 0 && signbit(v)))
        return false;
    for (int k = 0; k <= 6; k++) {
        double u = nearbyint(size * pow10[k]);
        if (u / pow10[k] != size)
            continue;
        struct decimal d = { .small = (decimal_int)(v < 0 ? -u : u),
                             .scale = k ? k : 1 };
        if (!k)
            d.small *= 10; /* 1.0: a double stays to be seen as one */
        decimal_format(m->out, &d);
        return true;
    }
    return false;
}

static bool emit_digits(struct emit *m, const char *text)
{
    buf_addz(m->out, text);
    if (!strpbrk(text, ".e"))
        buf_addz(m->out, ".0");
    return written(m);
}

bool emit_double(struct emit *m, double v)
{
    char text[40];
    if (!isfinite(v))
        return emit_not_finite(m, v);
    if (emit_short(m, v))
        return written(m);
    /* Below the smallest normal number fewer digits may do. */
    for (int digits = fabs(v) < 0x1p-1022 ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return emit_digits(m, text);
}

bool emit_float(struct emit *m, float v)
{
    char text[40];
    if (!isfinite(v))
        return emit_not_finite(m, (double)v);
    for (int digits = fabsf(v) < 0x1p-126F ? 1 : 6; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return emit_digits(m, text);
}

bool emit_text(struct emit *m, struct str text)
{
    if (!emit_room(m, text.n))
        return false;
    if (!utf8_valid(text))
        return emit_fault(m, "invalid_utf8", "a string that is not UTF-8");
    json_quote(m->out, text);
    return written(m);
}

bool emit_base64(struct emit *m, struct str bytes)
{
    if (!emit_room(m, bytes.n / 3 * 4))
        return false;
    buf_addc(m->out, '"');
    base64_encode(m->out, bytes);
    buf_addc(m->out, '"');
    return written(m);
}

/* d = d * 2^bits + low, with low of that many bits. */
static int append_bits(struct decimal *d, unsigned bits, uint64_t low)
{
    struct decimal factor = { .small = (decimal_int)1 << bits };
    struct decimal more = { .small = (decimal_int)low };
    int r = decimal_mul(d, d, &factor);
    return r ? r : decimal_add(d, d, &more);
}

bool emit_decimal(struct emit *m, struct str bytes, int32_t scale)
{
    struct decimal d = DECIMAL_ZERO, unit = { .small = 1, .scale = scale };
    size_t i = 0;
    int r = 0;
    if (bytes.n) /* the sign is in the first */
        d.small = (signed char)bytes.p[i++];
    for (; i < bytes.n && i < sizeof(d.small); i++)
        d.small = d.small * 256 + (unsigned char)bytes.p[i];
    for (; i < bytes.n && r == 0; i++)
        r = append_bits(&d, 8, (unsigned char)bytes.p[i]);
    if (r == 0)
        r = decimal_mul(&d, &d, &unit);
    if (r == 0 && decimal_format(m->out, &d))
        r = -1;
    decimal_free(&d);
    if (r == -2)
        return emit_fault(m, "number_range",
                          "a decimal of %zu bytes is out of range", bytes.n);
    if (r)
        m->why->code = NULL;
    return r == 0;
}

/* The fraction of a second, in units of which there are per_second, without
 * zeros at its end. */
static char *put_fraction(char *p, int64_t fraction, int64_t per_second)
{
    if (!fraction)
        return p;
    *p++ = '.';
    while (fraction) {
        fraction *= 10;
        *p++ = (char)('0' + fraction / per_second);
        fraction %= per_second;
    }
    return p;
}

static char *put_two(char *p, int64_t v, char behind)
{
    *p++ = (char)('0' + v / 10);
    *p++ = (char)('0' + v % 10);
    if (behind)
        *p++ = behind;
    return p;
}

/* second of a day, and the fraction behind it. */
static char *put_clock(char *p, int64_t second, int64_t fraction,
                       int64_t per_second)
{
    p = put_two(p, second / 3600, ':');
    p = put_two(p, second / 60 % 60, ':');
    p = put_two(p, second % 60, '\0');
    return put_fraction(p, fraction, per_second);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool emit_second(struct emit *m, int64_t seconds, int64_t fraction,
                        int64_t per_second, const char *zone)
{
    char text[32], *p = text;
    if (seconds < YEAR_0 || seconds >= YEAR_10000)
        return emit_fault(m, "time_range",
                          "a time %lld s from 1970 is not in years 0 to 9999",
                          (long long)seconds);
    int64_t days = floor_div(seconds, DAY);
    buf_addc(m->out, '"');
    date_format(m->out, days);
    *p++ = 'T';
    p = put_clock(p, seconds - days * DAY, fraction, per_second);
    buf_add(m->out, text, (size_t)(p - text));
    buf_addz(m->out, zone);
    buf_addc(m->out, '"');
    return written(m);
}

bool emit_date(struct emit *m, int64_t days)
{
    if (days < YEAR_0 / DAY || days >= YEAR_10000 / DAY)
        return emit_fault(m, "time_range",
                          "a date %lld days from 1970 is not in years 0 to "
                          "9999",
                          (long long)days);
    buf_addc(m->out, '"');
    date_format(m->out, days);
    buf_addc(m->out, '"');
    return written(m);
}

bool emit_clock(struct emit *m, int64_t v, int64_t per_second)
{
    char text[32], *p = text;
    if (v < 0 || v >= DAY * per_second)
        return emit_fault(m, "time_range",
                          "a time of day %lld units from midnight",
                          (long long)v);
    *p++ = '"';
    p = put_clock(p, v / per_second, v % per_second, per_second);
    *p++ = '"';
    return emit_raw(m, (struct str){ text, (size_t)(p - text) });
}

bool emit_time(struct emit *m, int64_t v, int64_t per_second, const char *zone)
{
    int64_t seconds = floor_div(v, per_second);
    return emit_second(m, seconds, v - seconds * per_second, per_second, zone);
}

bool emit_instant(struct emit *m, int64_t seconds, int32_t nanos,
                  const char *zone)
{
    return emit_second(m, seconds, nanos, NANOS, zone);
}
