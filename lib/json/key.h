/* key: values as keys, equal if and only if their bytes are.
 *
 * Strings by their characters, without normalisation; numbers by value (1 =
 * 1.0 = 1e0, 0 = -0); "1" is not 1; null and missing are two; arrays by
 * element, objects by member in any order (of duplicate keys the last). Each
 * key ends itself, so composite keys are their parts in a row. */
#ifndef JSON_KEY_H
#define JSON_KEY_H

#include "json/value.h"

/* Appends v's key. Returns 0; -1 if out failed or there is no memory; -2 where
 * v is or holds a number outside the range of number_in_range; -3 where v is
 * not JSON or nests deeper than JSON_DEPTH_DEFAULT. */
int key_add(struct buf *out, struct val v);

/* Appends the first value of a key, one that key_add made, as JSON, for people
 * to read: numbers as 1.25e3, missing as null, members sorted by name. Moves
 * key behind it. Lone surrogates are not UTF-8. 0, or -1 if out failed. */
int key_print(struct buf *out, struct str *key);

#endif
