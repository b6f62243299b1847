/* values: the values of enum and const, compared by value.
 *
 * Equality is that of json/key.h: strings by characters, numbers by value,
 * objects in any order of members. */
#ifndef SCHEMA_VALUES_H
#define SCHEMA_VALUES_H

#include "base/arena.h"
#include "base/buf.h"
#include "json/value.h"
#include "schema/words.h"

struct value {
    enum json_type type;
    struct str text; /* strings: characters; numbers: as written; containers:
                        their key */
    struct str raw;  /* as written */
};

struct values {
    struct value *v;
    size_t n;
    size_t *slots; /* open addressing over the strings: index + 1; NULL where
                      they are few */
    size_t n_slots;
    struct words *words; /* the strings that are short; NULL where there are
                            too many */
};

/* Copies array's elements (or, if single, the one value) into the arena.
 * Returns NULL: no memory, with *bad false; or a value that cannot be
 * compared, with *bad true. */
struct values *values_new(struct arena *a, struct val v, bool single,
                          bool *bad);

/* True if v is one of them. text is v's characters where it is a string.
 * scratch is overwritten. Returns 1 or 0; -1: no memory; -2: v holds a number
 * out of range or nests too deep for comparison. */
int values_match(const struct values *s, struct val v, struct str text,
                 struct buf *scratch);

#endif
