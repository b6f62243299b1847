/* types: which JSON type the cells of a column become, by column name.
 *
 * A column without an entry is a string. Read-only in use, then shareable. */
#ifndef SOURCE_TYPES_H
#define SOURCE_TYPES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum type { TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN };

struct types_entry {
    struct str name;
    enum type type;
    bool required; /* named by the user: its column has to be there */
};

struct types {
    struct types_entry *entries; /* in the arena */
    size_t n, cap;
    struct arena arena;
};

/* Adds "name=type, ..." (integer, number, boolean, string), one CSV row: a
 * name with a comma in it is written "a,b=integer" with the quotes; the type
 * stands behind the last '='. A later entry for a name replaces an earlier
 * one. Returns 0, or -1 with ERR_USAGE. */
int types_parse(struct types *t, const char *text, struct err *e);

/* Adds the types of the top-level properties of a JSON Schema file, for names
 * that are not there yet. Where a property allows several types (null apart)
 * or none of the four, it stays a string. Returns 0; -1 with ERR_CONFIG where
 * it is no schema, ERR_NOINPUT, ERR_NOPERM or ERR_IO. */
int types_schema(struct types *t, const char *path, struct err *e);

/* The entry for a column, or NULL. */
const struct types_entry *types_find(const struct types *t, struct str name);

/* "string", "integer", ... */
const char *type_name(enum type type);

void types_free(struct types *t);

#endif
