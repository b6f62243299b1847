/* columns: the names of a CSV input's columns, ready to be written as keys.
 *
 * A record cannot hold two fields of one name. So of equal names in a header
 * the first stays and the others become NAME_2, NAME_3 ...; a column without a
 * name becomes columnN, by its place from 1. A name that the header has itself
 * is never given away. The same header always gives the same names. */
#ifndef SOURCE_COLUMNS_H
#define SOURCE_COLUMNS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "source/types.h"

#include <stddef.h>

#define COLUMNS_MAX 65536

struct column {
    struct str key;     /* as JSON, with comma or brace before, colon behind:
                           {"first": or ,"second": */
    struct str pointer; /* as JSON Pointer: /first */
    enum type type;
};

struct columns {
    struct str *names; /* both of n entries, in the arena */
    struct column *at;
    size_t n;
    struct arena arena;
};

/* Takes the names from a header's n cells (copied; NULL: none has a name).
 * types may be NULL; uri is for messages. ERR_DATA where a name is no UTF-8,
 * where there are more than COLUMNS_MAX, or where types requires a column that
 * is not there. */
int columns_init(struct columns *c, const struct str *cells, size_t n,
                 const struct types *types, const char *uri, struct err *e);

void columns_free(struct columns *c);

#endif
