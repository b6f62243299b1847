#include "registry/avro_type.h"

#include <limits.h>
#include <stdio.h>

struct in {
    const unsigned char *p, *end;
    bool tagged;
    struct emit *m;
};

static bool value(struct in *in, const struct avro_type *t);

static size_t left(const struct in *in)
{
    return (size_t)(in->end - in->p);
}

static bool cut(const struct in *in)
{
    return emit_fault(in->m, "bad_avro", "the message ends within a value");
}

/* A zigzag varint of at most ten bytes. */
static bool read_long(struct in *in, int64_t *v)
{
    uint64_t u = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (in->p == in->end)
            return cut(in);
        unsigned char c = *in->p++;
        if (shift == 63 && c > 1)
            break;
        u |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *v = (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
            return true;
        }
    }
    return emit_fault(in->m, "bad_avro", "an integer of more than 64 bits");
}

static bool read_int(struct in *in, int64_t *v)
{
    if (!read_long(in, v))
        return false;
    if (*v < INT32_MIN || *v > INT32_MAX)
        return emit_fault(in->m, "bad_avro", "int %lld is out of range",
                          (long long)*v);
    return true;
}

static bool take(struct in *in, size_t n, struct str *s)
{
    if (n > left(in))
        return cut(in);
    *s = (struct str){ (const char *)in->p, n };
    in->p += n;
    return true;
}

static bool read_bytes(struct in *in, struct str *s)
{
    int64_t n;
    if (!read_long(in, &n))
        return false;
    if (n < 0 || (uint64_t)n > left(in))
        return emit_fault(in->m, "bad_avro",
                          "a length of %lld bytes, of which %zu are there",
                          (long long)n, left(in));
    return take(in, (size_t)n, s);
}

/* n bytes, the lowest first. */
static uint64_t little_endian(const char *p, size_t n)
{
    uint64_t u = 0;
    while (n--)
        u = u << 8 | (unsigned char)p[n];
    return u;
}

static bool float_value(struct in *in)
{
    struct str s = { 0 };
    if (!take(in, 4, &s))
        return false;
    uint32_t u = (uint32_t)little_endian(s.p, 4);
    float v;
    memcpy(&v, &u, sizeof(v));
    return emit_float(in->m, v);
}

static bool double_value(struct in *in)
{
    struct str s = { 0 };
    if (!take(in, 8, &s))
        return false;
    uint64_t u = little_endian(s.p, 8);
    double v;
    memcpy(&v, &u, sizeof(v));
    return emit_double(in->m, v);
}

static bool whole_value(struct in *in, const struct avro_type *t)
{
    int64_t v;
    if (!(t->kind == AVRO_INT ? read_int(in, &v) : read_long(in, &v)))
        return false;
    switch (t->logical) {
    case AVRO_DATE: return emit_date(in->m, v);
    case AVRO_CLOCK: return emit_clock(in->m, v, t->per_second);
    case AVRO_TIME: return emit_time(in->m, v, t->per_second, "Z");
    case AVRO_LOCAL_TIME: return emit_time(in->m, v, t->per_second, "");
    default: return emit_i64(in->m, v);
    }
}

/* Months, days and milliseconds, four bytes each. */
static bool duration_value(struct emit *m, struct str s)
{
    char text[64];
    uint64_t millis = little_endian(s.p + 8, 4);
    int n = snprintf(text, sizeof(text), "\"P%lluM%lluDT%llu",
                     (unsigned long long)little_endian(s.p, 4),
                     (unsigned long long)little_endian(s.p + 4, 4),
                     (unsigned long long)millis / 1000);
    if (millis % 1000)
        n += snprintf(text + n, sizeof(text) - (size_t)n, ".%03u",
                      (unsigned)(millis % 1000));
    snprintf(text + n, sizeof(text) - (size_t)n, "S\"");
    return emit_raw(m, str_of(text));
}

static bool uuid_value(struct emit *m, struct str s)
{
    char text[40], *p = text;
    *p++ = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        p += snprintf(p, 3, "%02x", (unsigned char)s.p[i]);
    }
    *p++ = '"';
    return emit_raw(m, (struct str){ text, (size_t)(p - text) });
}

static bool bytes_value(struct in *in, const struct avro_type *t)
{
    struct str s = { 0 };
    if (!(t->kind == AVRO_FIXED ? take(in, t->size, &s) : read_bytes(in, &s)))
        return false;
    switch (t->logical) {
    case AVRO_DECIMAL: return emit_decimal(in->m, s, t->scale);
    case AVRO_DURATION: return duration_value(in->m, s);
    case AVRO_UUID: return uuid_value(in->m, s);
    default: return emit_base64(in->m, s);
    }
}

static bool string_value(struct in *in)
{
    struct str s = { 0 };
    return read_bytes(in, &s) && emit_text(in->m, s);
}

static bool boolean_value(struct in *in)
{
    struct str s = { 0 };
    if (!take(in, 1, &s))
        return false;
    if (s.p[0] & ~1)
        return emit_fault(in->m, "bad_avro", "boolean byte %d",
                          (unsigned char)s.p[0]);
    return emit_bool(in->m, s.p[0]);
}

static bool enum_value(struct in *in, const struct avro_type *t)
{
    int64_t i;
    if (!read_int(in, &i))
        return false;
    if (i < 0 || (uint64_t)i >= t->n)
        return emit_fault(in->m, "bad_avro", "%.*s has no symbol %lld",
                          STR_ARG(t->name), (long long)i);
    return emit_raw(in->m, t->symbols[i]);
}

static bool union_value(struct in *in, const struct avro_type *t)
{
    int64_t i;
    if (!read_long(in, &i))
        return false;
    if (i < 0 || (uint64_t)i >= t->n)
        return emit_fault(in->m, "bad_avro", "a union has no branch %lld",
                          (long long)i);
    const struct avro_type *of = t->of[i];
    if (!in->tagged || of->kind == AVRO_NULL)
        return value(in, of);
    if (!emit_open(in->m, '{') || !emit_raw(in->m, of->tag))
        return false;
    return value(in, of) && emit_close(in->m, '}');
}

static bool record_value(struct in *in, const struct avro_type *t)
{
    if (!emit_open(in->m, '{'))
        return false;
    for (size_t i = 0; i < t->n; i++) {
        const struct avro_field *f = &t->fields[i];
        if (!emit_raw(in->m, f->lead))
            return false;
        if (!value(in, f->type))
            return emit_within(in->m, f->name);
    }
    return emit_close(in->m, '}');
}

/* How many items come; 0 ends the container. A negative count has the length
 * of its block behind it, for those who skip. */
static bool read_block(struct in *in, uint64_t *count)
{
    int64_t n, length;
    if (!read_long(in, &n))
        return false;
    if (n < 0) {
        if (!read_long(in, &length))
            return false;
        if (n == INT64_MIN || length < 0 || (uint64_t)length > left(in))
            return emit_fault(in->m, "bad_avro",
                              "a block of %lld items in %lld bytes",
                              (long long)n, (long long)length);
        n = -n;
    }
    *count = (uint64_t)n;
    return true;
}

static bool map_item(struct in *in, const struct avro_type *t)
{
    struct str key;
    if (!read_bytes(in, &key) || !emit_text(in->m, key) ||
        !emit_raw(in->m, STR(":")))
        return false;
    return value(in, t->of[0]) || emit_within(in->m, key);
}

/* Items may take no bytes at all: what bounds their number is the room for
 * their JSON. */
static bool block_value(struct in *in, const struct avro_type *t)
{
    bool map = t->kind == AVRO_MAP;
    uint64_t count, done = 0;
    if (!emit_open(in->m, map ? '{' : '['))
        return false;
    for (;;) {
        if (!read_block(in, &count))
            return false;
        if (!count)
            return emit_close(in->m, map ? '}' : ']');
        for (; count; count--, done++) {
            if (!emit_room(in->m, 1) || (done && !emit_raw(in->m, STR(","))))
                return false;
            if (map ? !map_item(in, t)
                    : !value(in, t->of[0]) && !emit_within_index(in->m, done))
                return false;
        }
    }
}

static bool value(struct in *in, const struct avro_type *t)
{
    switch (t->kind) {
    case AVRO_NULL: return emit_raw(in->m, STR("null"));
    case AVRO_BOOLEAN: return boolean_value(in);
    case AVRO_INT:
    case AVRO_LONG: return whole_value(in, t);
    case AVRO_FLOAT: return float_value(in);
    case AVRO_DOUBLE: return double_value(in);
    case AVRO_STRING: return string_value(in);
    case AVRO_BYTES:
    case AVRO_FIXED: return bytes_value(in, t);
    case AVRO_ENUM: return enum_value(in, t);
    case AVRO_UNION: return union_value(in, t);
    case AVRO_RECORD: return record_value(in, t);
    case AVRO_ARRAY:
    case AVRO_MAP: return block_value(in, t);
    }
    return false;
}

bool avro_decode(const struct avro *a, struct str data, bool tagged,
                 struct emit *m)
{
    struct in in = { (const unsigned char *)data.p,
                     (const unsigned char *)data.p + data.n, tagged, m };
    m->why->code = NULL;
    if (!value(&in, a->top))
        return false;
    if (in.p != in.end)
        return emit_fault(m, "bad_avro", "%zu bytes behind the value",
                          left(&in));
    return emit_room(m, 0);
}

bool avro_is_bytes(const struct avro *a)
{
    return a->top->kind == AVRO_BYTES && a->top->logical == AVRO_PLAIN;
}
