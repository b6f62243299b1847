/* simple: regular expressions that need no search, matched byte by byte.
 *
 * Most patterns of data are a row of characters and classes, anchored at the
 * start: ^O[0-9]{8}-[0-9]{7,}$, ^\d+$, ^(web|app)$. Where each repetition is
 * followed by characters that it cannot take itself, there is one way to match
 * and no way back. Such patterns are compiled to ranges that are compared
 * eight bytes at a time; all others are left to PCRE2. Of text that is not
 * ASCII only what follows from its ASCII characters is said. Internal to
 * lib/schema; read-only once made. */
#ifndef SCHEMA_SIMPLE_H
#define SCHEMA_SIMPLE_H

#include "base/str.h"

struct simple;

/* Compiles text, which PCRE2 has accepted as a pattern. Returns it, owned,
 * freed with simple_free; NULL where it is none of the simple ones, or without
 * memory. */
struct simple *simple_new(struct str text);
void simple_free(struct simple *s);

/* 1: text matches; 0: it does not; -1: it is not ASCII in a place where that
 * matters. Cost: linear. */
int simple_match(const struct simple *s, struct str text);

#endif
