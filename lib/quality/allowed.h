/* allowed: the values that a field may have, from a file or a list.
 *
 * One value a line: a JSON value, or else the characters of a string, so that
 * a plain list of codes will do. A line that spells a number, true, false or
 * null is that value; the string of the same characters stands in quotes. One
 * that begins like a JSON string, array or object has to be one. Lines without
 * anything are skipped. Values compare by json/key.h. Read-only once it is
 * filled, and then for any number of threads. */
#ifndef QUALITY_ALLOWED_H
#define QUALITY_ALLOWED_H

#include "base/buf.h"
#include "json/value.h"
#include "table/keyset.h"

struct allowed {
    struct keyset keys;
    struct buf key; /* scratch */
};

/* Prepares an empty set that charges budget (borrowed). */
void allowed_init(struct allowed *a, struct budget *budget);

/* Adds the values in text, or in a file (plain, gzip or zstd). 0, or -1 with
 * ERR_CONFIG naming source or path and the line, with ERR_NOINPUT, ERR_NOPERM
 * or ERR_IO, or as keyset_insert. */
int allowed_add(struct allowed *a, struct str text, const char *source,
                struct err *e);
int allowed_load(struct allowed *a, const char *path, struct err *e);

/* 1 if v is among them, 0 if not, -1 without memory. key is scratch. */
int allowed_has(const struct allowed *a, struct val v, struct buf *key);

void allowed_free(struct allowed *a);

#endif
