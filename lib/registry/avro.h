/* avro: Avro's binary encoding as JSON text, straight from the schema.
 *
 * After the Apache Avro specification 1.11: a schema is compiled once to a
 * graph of types, along which a datum is read and written, without a tree of
 * values. The schema is the writer's; nothing is resolved to another one.
 *
 * In JSON: int and long are numbers with all their digits; float and double
 * the shortest number that reads back the same ("NaN", "Infinity" and
 * "-Infinity" are strings); bytes and fixed are base64; enums strings; a union
 * is its plain value. Logical types: decimal is a number with all the digits
 * of its scale; date, time-millis and -micros, timestamp-millis, -micros and
 * -nanos (UTC) and local-timestamp-* (without zone) are RFC 3339 texts; uuid a
 * string; duration an ISO 8601 duration "P1M2DT3.004S". Logical types that
 * the specification says to ignore, or does not know, are. Types are read-only
 * once made and may be shared by threads. */
#ifndef REGISTRY_AVRO_H
#define REGISTRY_AVRO_H

#include "base/str.h"
#include "registry/emit.h"

#define AVRO_NAMES_MAX 10000 /* named types of a schema */

struct avro;

/* Compiles schema, after those that it refers to (n_before of them, each with
 * what it refers to in front of it): named types of all are known in it.
 * Returns 1 with *a, owned, freed with avro_free; 0 where it is no Avro
 * schema, with why; -1: no memory. */
int avro_new(struct avro **a, struct str schema, const struct str *before,
             size_t n_before, struct registry_fault *why);
void avro_free(struct avro *a);

/* Appends the datum that data is, all of it. tagged: unions are
 * {"TYPE":value}, as in Avro's own JSON encoding. False as emit.h says. */
bool avro_decode(const struct avro *a, struct str data, bool tagged,
                 struct emit *m);

/* True if the schema is plain bytes: those producers frame as they are,
 * without their length. */
bool avro_is_bytes(const struct avro *a);

#endif
