/* lookup: what a compilation remembers by a place in a text and a name, or by
 * either. Internal to lib/schema and lib/evolve. */
#ifndef SCHEMA_LOOKUP_H
#define SCHEMA_LOOKUP_H

#include "base/str.h"

struct lookup {
    struct lookup_slot *slots; /* owned; open addressing */
    size_t n, cap;             /* cap is a power of 2, or 0 */
};

/* A number as a name. */
static inline struct str lookup_number(size_t i)
{
    return (struct str){ NULL, i };
}

/* The value kept for (of, name); NULL where there is none. */
void *lookup_get(const struct lookup *l, const void *of, struct str name);

/* Keeps value, which is not NULL, for (of, name), in the place of an older one.
 * Borrows name's bytes. 0 or -1 (memory). */
int lookup_put(struct lookup *l, const void *of, struct str name, void *value);

void lookup_free(struct lookup *l);

#endif
