/* uuid: names for runs, where only UUIDs will do. */
#ifndef OBSERVE_UUID_H
#define OBSERVE_UUID_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define UUID_CHARS 36

/* Writes the UUID of the n parts in this order and a NUL: version 8 (RFC 9562,
 * section 5.8), of whose 122 free bits all are of the XXH3 hash of the parts
 * and their lengths. The same parts give the same UUID everywhere. */
void uuid_of(const struct str *parts, size_t n, char out[UUID_CHARS + 1]);

/* True if s is a UUID, of whatever version; out is it in lower case. */
bool uuid_parse(struct str s, char out[UUID_CHARS + 1]);

#endif
