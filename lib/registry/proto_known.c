#include "registry/proto_known.h"

#include "registry/wire.h"

#include <stdio.h>

static bool cut(const struct proto_message *t, const struct emit *m)
{
    return emit_fault(m, "bad_protobuf",
                      "%.*s: the message is cut or no Protobuf",
                      STR_ARG(t->name));
}

static bool no_memory(const struct emit *m)
{
    m->why->code = NULL;
    return false;
}

/* Fields 1 and 2 of a time. */
static bool time_parts(struct str data, int64_t *seconds, int32_t *nanos)
{
    struct wire_field w;
    int got;
    *seconds = *nanos = 0;
    while ((got = wire_next(&data, &w)) == 1) {
        if (w.type == WIRE_VARINT && w.number == 1)
            *seconds = (int64_t)w.value;
        else if (w.type == WIRE_VARINT && w.number == 2)
            *nanos = (int32_t)w.value;
    }
    return got == 0;
}

static bool timestamp(const struct proto_message *t, struct str data,
                      struct emit *m)
{
    int64_t seconds;
    int32_t nanos;
    if (!time_parts(data, &seconds, &nanos))
        return cut(t, m);
    if (nanos < 0 || nanos > 999999999)
        return emit_fault(m, "time_range", "%d nanoseconds", (int)nanos);
    return emit_instant(m, seconds, nanos, "Z");
}

/* "-1.5s": both parts have one sign. */
static bool duration(const struct proto_message *t, struct str data,
                     struct emit *m)
{
    char text[48], fraction[16] = "";
    int64_t seconds;
    int32_t nanos;
    if (!time_parts(data, &seconds, &nanos))
        return cut(t, m);
    bool minus = seconds < 0 || nanos < 0;
    if (nanos < -999999999 || nanos > 999999999 ||
        seconds < -INT64_C(315576000000) || seconds > INT64_C(315576000000) ||
        (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
        return emit_fault(m, "time_range", "a duration of %lld s and %d ns",
                          (long long)seconds, (int)nanos);
    int n = snprintf(fraction, sizeof(fraction), ".%09d",
                     nanos < 0 ? -nanos : nanos);
    while (n && (fraction[n - 1] == '0' || fraction[n - 1] == '.'))
        fraction[--n] = '\0';
    snprintf(text, sizeof(text), "\"%s%lld%ss\"", minus ? "-" : "",
             (long long)(seconds < 0 ? -seconds : seconds), fraction);
    return emit_raw(m, str_of(text));
}

/* Paths with commas between. */
static bool field_mask(const struct proto_message *t, struct str data,
                       struct emit *m)
{
    struct buf text = { 0 };
    struct wire_field w;
    int got;
    while ((got = wire_next(&data, &w)) == 1) {
        if (w.number != 1 || w.type != WIRE_BYTES)
            continue;
        if (text.n)
            buf_addc(&text, ',');
        buf_add_str(&text, w.bytes);
    }
    bool good = got           ? cut(t, m)
                : text.failed ? no_memory(m)
                              : emit_text(m, buf_str(&text));
    buf_free(&text);
    return good;
}

/* Unscaled bytes in field 1, the scale in field 3. */
static bool decimal(const struct proto_message *t, struct str data,
                    struct emit *m)
{
    struct str bytes = { "", 0 };
    struct wire_field w;
    int32_t scale = 0;
    int got;
    while ((got = wire_next(&data, &w)) == 1) {
        if (w.number == 1 && w.type == WIRE_BYTES)
            bytes = w.bytes;
        else if (w.number == 3 && w.type == WIRE_VARINT)
            scale = (int32_t)w.value;
    }
    return got ? cut(t, m) : emit_decimal(m, bytes, scale);
}

bool proto_known(const struct proto_message *t, struct str data, struct emit *m)
{
    switch (t->form) {
    case PROTO_TIMESTAMP: return timestamp(t, data, m);
    case PROTO_DURATION: return duration(t, data, m);
    case PROTO_FIELD_MASK: return field_mask(t, data, m);
    default: return decimal(t, data, m);
    }
}
