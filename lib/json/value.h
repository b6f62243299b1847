/* value: walking JSON text by slices, without a tree and without a copy.
 *
 * Functions here take text that json_check accepted and give what the RFC
 * says. On other bytes they stay within the slice and end, with an error or
 * with a nonsensical but harmless result. Thread-safe. */
#ifndef JSON_VALUE_H
#define JSON_VALUE_H

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

enum json_type {
    JSON_MISSING, /* not there at all: differs from null everywhere */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A value as it stands in the record: strings with their quotes and escapes. */
struct val {
    enum json_type type;
    struct str raw; /* borrows from the record; empty where missing */
};

/* The type that the first byte of a value announces; MISSING for a byte that
 * starts none. */
enum json_type json_type_of(char first);

/* "missing", "null", "boolean", "number", "string", "array" or "object". */
const char *json_type_name(enum json_type t);

/* The value in text, spaces around it dropped. */
struct val json_val(struct str text);

/* Behind the value that starts at p, or NULL where it has no end. */
const char *json_skip_value(const char *p, const char *end);

const char *json_skip_space(const char *p, const char *end);

/* Walks the members of an object or the elements of an array.
 *     struct json_iter it = json_iter(value.raw);
 *     while (json_next(&it, &key, &val)) ...
 *     if (it.broken) ... not JSON (only where the text was not checked)
 * key is the raw key without its quotes, escapes as written (empty in arrays);
 * pass NULL where it is not wanted. */
struct json_iter {
    const char *p, *end;
    bool object, broken;
};
struct json_iter json_iter(struct str container);
bool json_next(struct json_iter *it, struct str *key, struct val *v);

/* Appends the characters that raw (a string without its quotes) stands for.
 * A lone surrogate becomes its three-byte form, which is not UTF-8 but keeps
 * different strings different. Returns 0, or -1 if out failed. */
int json_unescape(struct buf *out, struct str raw);

/* The characters of a string value: borrowed from it where it has no escapes,
 * else written into scratch (reset first). Returns 0 or -1 (memory). */
int json_string(struct val v, struct buf *scratch, struct str *text);

/* True if raw (a string or key without its quotes, escapes as written) stands
 * for exactly the characters of text. */
bool json_raw_equals(struct str raw, struct str text);

/* Appends text as a JSON string with its quotes: the shortest escapes, other
 * controls as \u00XX, bytes of 0x80 and above as they are. */
int json_quote(struct buf *out, struct str text);

/* The member of object with this key (characters, not escapes); the last of
 * several; MISSING where there is none or object is no object. */
struct val json_get(struct val object, struct str key);

#endif
