/* emit: binary values as JSON text, for the decoders of Avro and Protobuf.
 *
 * Integers and decimals keep every digit; a float or double is the shortest
 * number that reads back as the same one; bytes are base64. What passes the
 * limits is a fault. All functions return false where there is a fault, with
 * m->why filled, or no memory, with why->code NULL. */
#ifndef REGISTRY_EMIT_H
#define REGISTRY_EMIT_H

#include "base/buf.h"
#include "base/str.h"
#include "registry/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct emit {
    struct buf *out; /* borrowed */
    size_t start;    /* where this value begins in it */
    size_t max;      /* bytes of JSON */
    unsigned depth, max_depth;
    struct registry_fault *why; /* borrowed */
};

/* Fills m->why, with an empty path. Always false. */
bool emit_fault(const struct emit *m, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What failed lies within this member or element: its place goes in front of
 * the path. Always false, so that a caller unwinds with it. */
bool emit_within(const struct emit *m, struct str key);
bool emit_within_index(const struct emit *m, uint64_t index);

/* A container begins (a bracket or a brace) or ends. */
bool emit_open(struct emit *m, char bracket);
bool emit_close(struct emit *m, char bracket);

/* True while there is room; to be asked wherever a few bytes of input can make
 * more of output. */
bool emit_room(const struct emit *m, size_t more);

/* Bytes that are JSON already. */
bool emit_raw(struct emit *m, struct str json);
bool emit_bool(struct emit *m, bool v);
bool emit_i64(struct emit *m, int64_t v);
bool emit_u64(struct emit *m, uint64_t v);

/* NaN and infinities are the strings "NaN", "Infinity" and "-Infinity". */
bool emit_double(struct emit *m, double v);
bool emit_float(struct emit *m, float v);

/* A string; a fault where text is not UTF-8. */
bool emit_text(struct emit *m, struct str text);
bool emit_base64(struct emit *m, struct str bytes);

/* A whole number in two's complement, big-endian, times 10^-scale. */
bool emit_decimal(struct emit *m, struct str bytes, int32_t scale);

/* Days since 1970-01-01 as "YYYY-MM-DD"; a fault outside years 0 to 9999, here
 * and below. */
bool emit_date(struct emit *m, int64_t days);

/* per_second units (1 to 10^9, a power of ten) since midnight, below a day:
 * "08:00:00.5". */
bool emit_clock(struct emit *m, int64_t v, int64_t per_second);

/* per_second units since 1970-01-01T00:00:00: RFC 3339, with zone "Z" or
 * "". */
bool emit_time(struct emit *m, int64_t v, int64_t per_second, const char *zone);

/* The same as seconds and nanoseconds (0 to 999999999), in UTC. */
bool emit_instant(struct emit *m, int64_t seconds, int32_t nanos,
                  const char *zone);

#endif
