/* duck_json: rows of DuckDB as JSON objects.
 *
 * Exact: integers of any width and decimals keep every digit, floating point
 * numbers are the fewest digits that give them back. Times are RFC 3339, in UTC
 * where they are instants and without a zone where they are not; bytes are
 * base64; intervals ISO 8601; lists, structs and maps arrays and objects. What
 * JSON has no number for is a string: "NaN", "Infinity", "-Infinity". Not
 * thread-safe. */
#ifndef DUCK_DUCK_JSON_H
#define DUCK_DUCK_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "duck/duck_api.h"

#include <stdbool.h>

/* A column, or what is within one. */
struct duck_shape {
    enum duck_type type;
    uint8_t width, scale; /* of a decimal */
    uint64_t array_size;
    struct duck_shape *child; /* owned, n of them */
    size_t n;
    struct buf label; /* of a column or member: its name as a JSON key and ':'
                       */
    /* Of the chunk that is looked at: */
    const void *data;
    const uint64_t *valid; /* NULL: all are */
};

/* Levels of nesting at most. */
#define DUCK_SHAPE_DEPTH 64

/* Learns a type (borrowed) and a name. 1; 0 where it has a type that has no
 * form here: its text is to be asked for; -1 without memory. duck_shape_free in
 * every case. */
int duck_shape_init(struct duck_shape *s, const struct duck_api *api,
                    duck_handle type, const char *name, struct err *e);
void duck_shape_free(struct duck_shape *s);

/* Levels of nesting, 0 for what is no list, struct or map. */
unsigned duck_shape_depth(const struct duck_shape *s);

/* Looks at a chunk's vector, borrowed while its rows are written. */
void duck_shape_bind(struct duck_shape *s, const struct duck_api *api,
                     duck_handle vector);

/* Appends a row of n columns as an object. */
void duck_json_row(struct buf *out, const struct duck_shape *columns, size_t n,
                   uint64_t row);

#endif
