/* aggspec: the language of -a: 'name=fn(argument)[, ...]'.
 *
 * Functions: count(), count(*), count(x), sum, avg, min, max, first, last,
 * distinct(x) and its synonym count(distinct x). Names of functions are
 * case-insensitive. Without "name=" the name is fn_field, where field is the
 * last key of the argument's path ("sum_amount"), and "count" for count().
 * An argument ends at its closing parenthesis; parentheses within it nest, and
 * quotes, single or double, hide what is between them. */
#ifndef OPS_AGGSPEC_H
#define OPS_AGGSPEC_H

#include "base/err.h"
#include "base/str.h"
#include "json/path.h"

#include <stdbool.h>

enum aggspec_fn {
    AGGSPEC_ROWS, /* count() */
    AGGSPEC_COUNT,
    AGGSPEC_SUM,
    AGGSPEC_AVG,
    AGGSPEC_MIN,
    AGGSPEC_MAX,
    AGGSPEC_FIRST,
    AGGSPEC_LAST,
    AGGSPEC_DISTINCT
};

/* One aggregate. For AGGSPEC_ROWS arg is empty and unused. */
struct aggspec {
    enum aggspec_fn fn;
    struct path arg; /* owned */
    struct str name; /* owned: of the output field, as characters */
};

struct aggspecs {
    struct aggspec *v; /* owned */
    size_t n;
};

/* "sum", ... ("count" for AGGSPEC_ROWS too) */
const char *aggspec_fn_name(enum aggspec_fn fn);

/* Appends the aggregates of text to list. Returns 0, or -1 with ERR_USAGE
 * quoting text and the byte (1-based) where it went wrong. */
int aggspec_parse(struct aggspecs *list, struct str text, struct err *e);

void aggspec_free(struct aggspecs *list);

#endif
