/* aggspec: the language of -a: 'name=fn(argument, ...)[, ...]'.
 *
 * An argument is a field or an expression (aggregate/argument.h); constants
 * follow it where a function has some. Names of functions are case-insensitive
 * and some have synonyms. Without "name=" the name is fn_field, where field is
 * the last key of the argument's path ("sum_amount"), and "count" for count();
 * an aggregate of an expression needs a name. Parentheses nest, and quotes,
 * single or double, hide what is between them. */
#ifndef AGGREGATE_AGGSPEC_H
#define AGGREGATE_AGGSPEC_H

#include "base/err.h"
#include "base/str.h"
#include "aggregate/acc.h"
#include "aggregate/argument.h"

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
    AGGSPEC_ARG_MIN, /* the first argument's value where the second is least */
    AGGSPEC_ARG_MAX,
    AGGSPEC_VARIANCE, /* of a sample: over n - 1 */
    AGGSPEC_VAR_POP,
    AGGSPEC_STDDEV,
    AGGSPEC_STDDEV_POP,
    AGGSPEC_DISTINCT,
    AGGSPEC_APPROX_DISTINCT,
    AGGSPEC_PERCENTILE, /* q says which kind */
    AGGSPEC_APPROX_PERCENTILE,
    AGGSPEC_MODE,
    AGGSPEC_TOP,
    AGGSPEC_LIST,
    AGGSPEC_HISTOGRAM
};

/* One aggregate. For AGGSPEC_ROWS there is no argument. */
struct aggspec {
    enum aggspec_fn fn;
    const char *fn_name;     /* static: as in messages */
    struct argument arg, by; /* owned; by: of ARG_MIN and ARG_MAX */
    struct acc_param param;  /* owned: its decimals */
    struct acc_question q;   /* owned: its decimal */
    struct str name;         /* owned: of the output field, as characters */
};

struct aggspecs {
    struct aggspec *v; /* owned */
    size_t n;
};

/* Appends the aggregates of text to list. Returns 0, or -1 with ERR_USAGE
 * quoting text and the byte (1-based) where it went wrong. Expressions are not
 * parsed yet. */
int aggspec_parse(struct aggspecs *list, struct str text, struct err *e);

void aggspec_free(struct aggspecs *list);

#endif
