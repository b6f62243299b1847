/* relation: tables as a change stream describes them, by their numbers.
 *
 * The stream describes a table before its first change, and again when its
 * definition changed: the description then stands for what follows. Not
 * thread-safe. */
#ifndef PGLOG_RELATION_H
#define PGLOG_RELATION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "source/pgtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relation_column {
    struct str name;
    struct str label;     /* the name in JSON with its colon: "id": */
    struct str type_name; /* as SQL has it; empty where nobody told */
    uint32_t type;        /* in pg_type */
    struct pgtype form;   /* of its values; PGTYPE_TEXT while it is not */
    bool known;           /* which form that is: see pgforms.h */
    bool key;             /* part of the replica identity */
};

struct relation {
    uint32_t oid;
    char identity; /* of the replica: d(efault), n(othing), f(ull), i(ndex) */
    struct str schema, name;
    struct str names; /* "schema":"public","table":"t" */
    struct relation_column *columns;
    size_t n;
    struct arena memory; /* of all the above */
};

/* All that are known; zeroed is empty. */
struct relations {
    struct relation **v; /* by oid, ascending */
    size_t n, cap;
    struct relation *last; /* found last: changes come in runs */
};

/* More tables than this are a stream that is broken. */
#define RELATIONS_MAX 1000000
#define RELATION_COLUMNS_MAX 1600

/* A table with room for n columns, which the caller then names in their order.
 * Owned, freed with relation_free; NULL without memory. Names are copied. */
struct relation *relation_new(uint32_t oid, char identity, struct str schema,
                              struct str name, size_t n);
int relation_name_column(struct relation *r, size_t i, struct str name,
                         struct str type_name);
void relation_type_column(struct relation *r, size_t i, uint32_t type);
void relation_free(struct relation *r);

/* True if a row of it can be told from others by what a change tells. */
bool relation_has_key(const struct relation *r);

/* Takes r (freed also on failure) in the place of the one before. 0 or -1. */
int relations_put(struct relations *rs, struct relation *r, struct err *e);

/* NULL: not described yet. Borrowed until it is described again. */
const struct relation *relations_find(struct relations *rs, uint32_t oid);
void relations_free(struct relations *rs);

#endif
