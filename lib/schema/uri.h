/* uri: references resolved against a base (RFC 3986 section 5). Internal to
 * lib/schema and lib/evolve.
 *
 * Nothing is refused: what is no URI is taken as a relative path, so that
 * schemas without a base can name each other too. */
#ifndef SCHEMA_URI_H
#define SCHEMA_URI_H

#include "base/buf.h"
#include "base/str.h"

/* The parts of a reference; .p is NULL where a part is not there. The path
 * may be empty, but is always there. Borrows from the text. */
struct uri {
    struct str scheme, authority, path, query, fragment;
};

struct uri uri_split(struct str text);

/* Appends ref as seen from base, without its fragment. 0 or -1 (memory). */
int uri_resolve(struct buf *out, struct str base, struct str ref);

/* Appends s with %XX decoded. Returns 0; -1 where % is followed by no two hex
 * digits, or without memory. */
int uri_decode(struct buf *out, struct str s);

/* Appends the file: URI of an absolute path. 0 or -1 (memory). */
int uri_of_path(struct buf *out, struct str path);

/* Appends the path that a file: URI names. Returns 1; 0 where it is no such
 * URI, or one of another host; -1 without memory. */
int uri_to_path(struct buf *out, struct str uri);

#endif
