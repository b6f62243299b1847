/* fieldset: which fields records have, and of which types their values are, as
 * far as some of them were looked at.
 *
 * Fields within objects are fields too, named by their path; elements of arrays
 * are not looked into. Fields come in the order in which they were first seen,
 * an object's before those within it. Not thread-safe. */
#ifndef LINEAGE_FIELDSET_H
#define LINEAGE_FIELDSET_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define FIELDSET_MAX 1000     /* fields that are told apart */
#define FIELDSET_DEPTH 8      /* levels of objects */
#define FIELDSET_NO_PARENT -1 /* a field of the record itself */

struct fieldset_field {
    struct str name; /* the key's characters */
    struct str path; /* as lineage/colmap.h names fields */
    int parent;      /* the index of the object around it */
    unsigned types;  /* of enum fieldset_type, by bit */
};

enum fieldset_type {
    FIELDSET_INTEGER = 1,
    FIELDSET_NUMBER = 2, /* not a whole one as it is written */
    FIELDSET_STRING = 4,
    FIELDSET_BOOLEAN = 8,
    FIELDSET_OBJECT = 16,
    FIELDSET_ARRAY = 32,
    FIELDSET_NULL = 64
};

/* Zeroed to begin with. */
struct fieldset {
    struct fieldset_field *v; /* owned */
    size_t n, cap;
    struct arena text;
    struct buf scratch;
    bool full; /* some field found no room */
};

/* Takes a JSON object. On other text it ends early and does no harm. */
void fieldset_take(struct fieldset *f, struct str record);

/* The same for the whole lines of text. */
void fieldset_take_lines(struct fieldset *f, struct str text);

/* Appends the name of the types: "integer", "number" (also where some are
 * whole), "string|null". 0 or -1. */
int fieldset_types(struct buf *out, unsigned types);

void fieldset_free(struct fieldset *f);

#endif
