/* cast: a CSV cell as a JSON value of a type.
 *
 * Numbers keep their digits: only what JSON does not allow is dropped (a
 * leading '+', leading zeros) or added (a 0 before a leading point). */
#ifndef SOURCE_CAST_H
#define SOURCE_CAST_H

#include "base/buf.h"
#include "base/str.h"
#include "source/types.h"

/* Appends the cell as JSON. An empty cell becomes null unless it is a string.
 * Blanks around numbers and booleans are dropped. integer: sign and digits;
 * number: also fraction and exponent; boolean: true/false, t/f, yes/no, y/n,
 * 1/0 in any case. Returns 0; 1 where the cell is not of this type (nothing
 * is appended); -1 if out failed. */
int cast_cell(struct buf *out, enum type type, struct str cell);

#endif
