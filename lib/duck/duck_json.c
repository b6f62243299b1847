#include "duck/duck_json.h"

#include "base/base64.h"
#include "base/date.h"
#include "json/value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FIFTEEN_DIGITS 999999999999999.0

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

/* ---- whole numbers ---- */

/* The digits of v at the end of text, at least `least` of them. */
static const char *digits(unsigned_wide v, int least, char text[64])
{
    char *p = text + 63;
    *p = '\0';
    for (; v > UINT64_MAX; v /= 10, least--)
        *--p = (char)('0' + (int)(v % 10));
    for (uint64_t low = (uint64_t)v; low > 0 || least > 0; low /= 10, least--)
        *--p = (char)('0' + (int)(low % 10));
    return p;
}

static void add_digits(struct buf *out, unsigned_wide v)
{
    char text[64];
    const char *p = digits(v, 1, text);
    buf_add(out, p, (size_t)(text + 63 - p));
}

static unsigned_wide magnitude(wide v)
{
    return v < 0 ? (unsigned_wide)0 - (unsigned_wide)v : (unsigned_wide)v;
}

static void add_whole(struct buf *out, wide v)
{
    if (v < 0)
        buf_addc(out, '-');
    add_digits(out, magnitude(v));
}

static void add_decimal(struct buf *out, wide v, unsigned scale)
{
    char text[64];
    const char *p = digits(magnitude(v), (int)scale + 1, text);
    size_t n = (size_t)(text + 63 - p);
    if (v < 0)
        buf_addc(out, '-');
    buf_add(out, p, n - scale);
    if (scale) {
        buf_addc(out, '.');
        buf_add(out, p + n - scale, scale);
    }
}

/* ---- floating point ---- */

/* Most numbers have few decimals: those that a whole number of up to 15 digits
 * and a power of ten give back exactly, since either is exact in a double and
 * their quotient is rounded once, as the text would be. */
static bool add_short(struct buf *out, double v)
{
    static const double powers[] = { 1, 10, 100, 1e3, 1e4, 1e5, 1e6 };
    if (fabs(v) > FIFTEEN_DIGITS || (v == 0 && signbit(v)))
        return false;
    for (unsigned k = 0; k < sizeof(powers) / sizeof(powers[0]); k++) {
        double scaled = nearbyint(v * powers[k]);
        if (fabs(scaled) > FIFTEEN_DIGITS)
            return false;
        if (scaled / powers[k] != v)
            continue;
        add_decimal(out, (wide)scaled * (k ? 1 : 10), k ? k : 1);
        return true;
    }
    return false;
}

static void add_text_of(struct buf *out, const char *text)
{
    buf_addz(out, text);
    if (!strpbrk(text, ".e"))
        buf_addz(out, ".0");
}

/* False where the number has no form in JSON. */
static bool add_odd(struct buf *out, double v)
{
    if (isfinite(v))
        return false;
    buf_addz(out, isnan(v) ? "\"NaN\""
                  : v > 0  ? "\"Infinity\""
                           : "\"-Infinity\"");
    return true;
}

static void add_double(struct buf *out, double v)
{
    char text[40];
    if (add_odd(out, v) || add_short(out, v))
        return;
    for (int n = 15; n <= 17; n++) {
        snprintf(text, sizeof(text), "%.*g", n, v);
        if (strtod(text, NULL) == v)
            break;
    }
    add_text_of(out, text);
}

static void add_float(struct buf *out, float v)
{
    char text[40];
    if (add_odd(out, (double)v))
        return;
    for (int n = 6; n <= 9; n++) {
        snprintf(text, sizeof(text), "%.*g", n, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    add_text_of(out, text);
}

/* ---- times ---- */

/* Fractions of a second, `n` digits of them, without zeros at the end. */
static void add_fraction(struct buf *out, int64_t v, int n)
{
    if (v == 0)
        return;
    for (; v % 10 == 0; v /= 10)
        n--;
    buf_addf(out, ".%0*" PRId64, n, v);
}

/* Microseconds of a day as "HH:MM:SS". */
static void add_clock(struct buf *out, int64_t us)
{
    int64_t s = us / 1000000;
    const int parts[] = { (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60) };
    char text[] = "00:00:00";
    for (int i = 0; i < 3; i++) {
        text[3 * i] = (char)('0' + parts[i] / 10 % 10);
        text[3 * i + 1] = (char)('0' + parts[i] % 10);
    }
    buf_add(out, text, sizeof(text) - 1);
}

/* Counts since 1970, `per` of them a second (`places` digits). */
static void add_instant(struct buf *out, int64_t v, int64_t per, int places,
                        const char *zone)
{
    /* DuckDB's infinities. */
    if (v == INT64_MAX || v == -INT64_MAX) {
        buf_addz(out, v > 0 ? "\"infinity\"" : "\"-infinity\"");
        return;
    }
    int64_t s = v / per - (v % per < 0), rest = v - s * per;
    int64_t day = s / 86400 - (s % 86400 < 0);
    buf_addc(out, '"');
    date_format(out, day);
    buf_addc(out, 'T');
    add_clock(out, (s - day * 86400) * 1000000);
    add_fraction(out, rest, places);
    buf_addz(out, zone);
    buf_addc(out, '"');
}

static void add_date(struct buf *out, int32_t day)
{
    if (day == INT32_MAX || day == -INT32_MAX) {
        buf_addz(out, day > 0 ? "\"infinity\"" : "\"-infinity\"");
        return;
    }
    buf_addc(out, '"');
    date_format(out, day);
    buf_addc(out, '"');
}

static void add_time(struct buf *out, int64_t us)
{
    buf_addc(out, '"');
    add_clock(out, us);
    add_fraction(out, us % 1000000, 6);
    buf_addc(out, '"');
}

/* A duration of ISO 8601. Each of the three parts has a sign of its own. */
static void add_interval(struct buf *out, const struct duck_interval *v)
{
    uint64_t us = v->micros < 0 ? 0 - (uint64_t)v->micros : (uint64_t)v->micros;
    buf_addz(out, "\"P");
    if (v->months)
        buf_addf(out, "%" PRId32 "M", v->months);
    if (v->days)
        buf_addf(out, "%" PRId32 "D", v->days);
    if (us || (!v->months && !v->days)) {
        buf_addf(out, "T%s%" PRIu64, v->micros < 0 ? "-" : "", us / 1000000);
        add_fraction(out, (int64_t)(us % 1000000), 6);
        buf_addc(out, 'S');
    }
    buf_addc(out, '"');
}

/* ---- texts ---- */

static struct str text_at(const struct duck_shape *s, uint64_t row)
{
    const union duck_string *v = (const union duck_string *)s->data + row;
    return (struct str){ v->near.n <= sizeof(v->near.p) ? v->near.p : v->far.p,
                         v->near.n };
}

static void add_bytes(struct buf *out, struct str v)
{
    buf_addc(out, '"');
    base64_encode(out, v);
    buf_addc(out, '"');
}

/* Its first bit is flipped, so that order is that of numbers. */
static void add_uuid(struct buf *out, wide v)
{
    unsigned_wide u = (unsigned_wide)v ^ (unsigned_wide)1 << 127;
    uint64_t hi = (uint64_t)(u >> 64), lo = (uint64_t)u;
    buf_addf(out,
             "\"%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64
             "-%012" PRIx64 "\"",
             hi >> 32, hi >> 16 & 0xffff, hi & 0xffff, lo >> 48,
             lo & UINT64_C(0xffffffffffff));
}

/* ---- values ---- */

static void add_value(struct buf *out, const struct duck_shape *s,
                      uint64_t row);

static void add_list(struct buf *out, const struct duck_shape *child,
                     uint64_t from, uint64_t n)
{
    buf_addc(out, '[');
    for (uint64_t i = 0; i < n && !out->failed; i++) {
        if (i)
            buf_addc(out, ',');
        add_value(out, child, from + i);
    }
    buf_addc(out, ']');
}

/* A key that is no string becomes the string of its JSON text. */
static void add_key(struct buf *out, const struct duck_shape *key, uint64_t row)
{
    struct buf text = { .max = out->max };
    if (key->type == DUCK_VARCHAR) {
        add_value(out, key, row);
        return;
    }
    add_value(&text, key, row);
    if (text.failed)
        out->failed = true;
    else if (text.n && text.p[0] == '"')
        buf_add_str(out, buf_str(&text));
    else
        json_quote(out, buf_str(&text));
    buf_free(&text);
}

static void add_map(struct buf *out, const struct duck_shape *s,
                    const struct duck_span *span)
{
    buf_addc(out, '{');
    for (uint64_t i = 0; i < span->n && !out->failed; i++) {
        if (i)
            buf_addc(out, ',');
        add_key(out, &s->child[0], span->from + i);
        buf_addc(out, ':');
        add_value(out, &s->child[1], span->from + i);
    }
    buf_addc(out, '}');
}

/* DuckDB aligns its 128 bits as 64. */
static wide wide_at(const struct duck_shape *s, uint64_t row)
{
    wide v;
    memcpy(&v, (const char *)s->data + row * sizeof(v), sizeof(v));
    return v;
}

/* Decimals are as wide as their digits need. */
static wide decimal_at(const struct duck_shape *s, uint64_t row)
{
    if (s->width <= 4)
        return ((const int16_t *)s->data)[row];
    if (s->width <= 9)
        return ((const int32_t *)s->data)[row];
    if (s->width <= 18)
        return ((const int64_t *)s->data)[row];
    return wide_at(s, row);
}

#define AT(type) (((const type *)s->data)[row])

static void add_value(struct buf *out, const struct duck_shape *s, uint64_t row)
{
    if (s->valid && !(s->valid[row / 64] >> row % 64 & 1)) {
        buf_add(out, "null", 4);
        return;
    }
    switch (s->type) {
    case DUCK_BOOLEAN: buf_addz(out, AT(bool) ? "true" : "false"); break;
    case DUCK_TINYINT: add_whole(out, AT(int8_t)); break;
    case DUCK_SMALLINT: add_whole(out, AT(int16_t)); break;
    case DUCK_INTEGER: add_whole(out, AT(int32_t)); break;
    case DUCK_BIGINT: add_whole(out, AT(int64_t)); break;
    case DUCK_UTINYINT: add_whole(out, AT(uint8_t)); break;
    case DUCK_USMALLINT: add_whole(out, AT(uint16_t)); break;
    case DUCK_UINTEGER: add_whole(out, AT(uint32_t)); break;
    case DUCK_UBIGINT: add_whole(out, AT(uint64_t)); break;
    case DUCK_HUGEINT: add_whole(out, wide_at(s, row)); break;
    case DUCK_UHUGEINT: add_digits(out, (unsigned_wide)wide_at(s, row)); break;
    case DUCK_DECIMAL: add_decimal(out, decimal_at(s, row), s->scale); break;
    case DUCK_FLOAT: add_float(out, AT(float)); break;
    case DUCK_DOUBLE: add_double(out, AT(double)); break;
    case DUCK_TIMESTAMP: add_instant(out, AT(int64_t), 1000000, 6, ""); break;
    case DUCK_TIMESTAMP_TZ:
        add_instant(out, AT(int64_t), 1000000, 6, "Z");
        break;
    case DUCK_TIMESTAMP_S: add_instant(out, AT(int64_t), 1, 0, ""); break;
    case DUCK_TIMESTAMP_MS: add_instant(out, AT(int64_t), 1000, 3, ""); break;
    case DUCK_TIMESTAMP_NS:
        add_instant(out, AT(int64_t), 1000000000, 9, "");
        break;
    case DUCK_DATE: add_date(out, AT(int32_t)); break;
    case DUCK_TIME: add_time(out, AT(int64_t)); break;
    case DUCK_INTERVAL: add_interval(out, &AT(struct duck_interval)); break;
    case DUCK_VARCHAR: json_quote(out, text_at(s, row)); break;
    case DUCK_BLOB: add_bytes(out, text_at(s, row)); break;
    case DUCK_UUID: add_uuid(out, wide_at(s, row)); break;
    case DUCK_LIST:
        add_list(out, &s->child[0], AT(struct duck_span).from,
                 AT(struct duck_span).n);
        break;
    case DUCK_ARRAY:
        add_list(out, &s->child[0], row * s->array_size, s->array_size);
        break;
    case DUCK_MAP: add_map(out, s, &AT(struct duck_span)); break;
    case DUCK_STRUCT: duck_json_row(out, s->child, s->n, row); break;
    }
}

void duck_json_row(struct buf *out, const struct duck_shape *columns, size_t n,
                   uint64_t row)
{
    buf_addc(out, '{');
    for (size_t i = 0; i < n && !out->failed; i++) {
        if (i)
            buf_addc(out, ',');
        buf_add_str(out, buf_str(&columns[i].label));
        add_value(out, &columns[i], row);
    }
    buf_addc(out, '}');
}
