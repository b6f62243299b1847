/* pgvalue: values of PostgreSQL, in the text form that the server sends, as
 * JSON.
 *
 * Numbers keep their digits (NaN and the infinities are strings), booleans are
 * booleans, json and jsonb stand as they are on one line, bytea (hex) is
 * base64, timestamps are RFC 3339, all else is a string. The session has
 * DateStyle ISO, TimeZone UTC and bytea_output hex. Thread-safe. */
#ifndef SOURCE_PGVALUE_H
#define SOURCE_PGVALUE_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Types by their number in pg_type, the same in every database. */
enum pgvalue_type {
    PGVALUE_BOOL = 16,
    PGVALUE_BYTEA = 17,
    PGVALUE_INT8 = 20,
    PGVALUE_INT2 = 21,
    PGVALUE_INT4 = 23,
    PGVALUE_OID = 26,
    PGVALUE_JSON = 114,
    PGVALUE_FLOAT4 = 700,
    PGVALUE_FLOAT8 = 701,
    PGVALUE_TIMESTAMP = 1114,
    PGVALUE_TIMESTAMPTZ = 1184,
    PGVALUE_NUMERIC = 1700,
    PGVALUE_JSONB = 3802
};

/* True for the types whose values are JSON numbers. */
bool pgvalue_is_number(uint32_t type);

/* Appends text, a value of this type, as JSON. Text that does not look like
 * its type becomes a string. 0, or -1 if out failed. */
int pgvalue_add(struct buf *out, uint32_t type, struct str text);

#endif
