/* argument: what an aggregate or a group reads from a record: a field, or an
 * expression over fields (expr/expr.h).
 *
 * Text of letters, digits, '_', '.', '[' and ']' names a field, and so does a
 * JSON Pointer; all else is an expression, with other names in double quotes.
 */
#ifndef AGGREGATE_ARGUMENT_H
#define AGGREGATE_ARGUMENT_H

#include "base/err.h"
#include "base/str.h"
#include "json/path.h"

#include <stdbool.h>

struct argument {
    struct path path; /* owned; empty where it is an expression */
    struct str expr;  /* owned; .p NULL where it is a field */
};

/* Parses text as a field or takes it as an expression, unparsed. 0, or -1 with
 * e. */
int argument_parse(struct argument *a, struct str text, struct err *e);

/* The same for what is a field whatever its name. */
int argument_parse_field(struct argument *a, struct str text, struct err *e);

/* Takes text as an expression. */
int argument_take_expr(struct argument *a, struct str text, struct err *e);

static inline bool argument_is_expr(const struct argument *a)
{
    return a->expr.p != NULL;
}

/* True if both read the same. */
bool argument_same(const struct argument *a, const struct argument *b);

void argument_free(struct argument *a);

/* The next item of a list: all up to the next comma that is not in parentheses
 * or quotes, trimmed; *at (0 for the first) moves behind that comma. *start is
 * its place in text. False behind the last. */
bool argument_next(struct str text, size_t *at, struct str *item,
                   size_t *start);

#endif
