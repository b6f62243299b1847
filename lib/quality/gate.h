/* gate: what a batch as a whole has to satisfy: the language of --expect.
 *
 *     GATE     = [warn:] [NAME:] MEASURE BOUND
 *              | unique FIELD {, FIELD}
 *              | values of FIELD in FILE | values of FIELD in (LITERAL {, ...})
 *              | newest FIELD within DURATION of (date | now)
 *     MEASURE  = rows | rejects | reject share
 *              | (null | missing | distinct) (count | share) of FIELD
 *              | duplicate (count | share) of FIELD {, FIELD}
 *              | (count | share) of FIELD [not] in (LITERAL | NULL {, ...})
 *              | (count | share) of FIELD [not] in 'FILE'
 *              | (count | share) of FIELD [not] matching 'REGEX'
 *              | (sum | mean | min | max | stddev) of FIELD
 *     BOUND    = (= | <> | < | <= | > | >=) VALUE
 *              | (> | >=) VALUE and (< | <=) VALUE
 *              | (< | <=) VALUE or (> | >=) VALUE
 *              | between VALUE and VALUE
 *              | within PERCENT of (baseline | VALUE)
 *
 * Keywords in capitals or not. A VALUE is a JSON number, for shares also a
 * percentage ("5%"). A FIELD is a path as in expressions (a.b[0], "odd name")
 * or a JSON Pointer; it ends at a space or comma. pipe-validate(1) says what
 * the measures mean. */
#ifndef QUALITY_GATE_H
#define QUALITY_GATE_H

#include "base/buf.h"
#include "base/decimal.h"
#include "json/path.h"
#include "quality/rule.h"
#include "schema/pattern.h"

enum measure {
    MEASURE_ROWS,
    MEASURE_REJECTS,
    MEASURE_REJECT_SHARE,
    MEASURE_NULL_COUNT, /* null and missing */
    MEASURE_NULL_SHARE,
    MEASURE_MISSING_COUNT,
    MEASURE_MISSING_SHARE,
    MEASURE_DISTINCT_COUNT,
    MEASURE_DISTINCT_SHARE,
    MEASURE_DUPLICATE_COUNT, /* rows whose key was there before */
    MEASURE_DUPLICATE_SHARE,
    MEASURE_AMONG_COUNT, /* values that are (not) in a list, or (do not) match
                          */
    MEASURE_AMONG_SHARE,
    MEASURE_SUM,
    MEASURE_MEAN,
    MEASURE_MIN,
    MEASURE_MAX,
    MEASURE_STDDEV,
    MEASURE_NEWEST,
    MEASURE_REPEATS,  /* unique: the same as duplicate count */
    MEASURE_OUTSIDERS /* values of: values that are not among them */
};

enum bound_kind {
    BOUND_NONE_ALLOWED, /* repeats and outsiders: 0 */
    BOUND_RANGE,        /* low, high: either may be absent */
    BOUND_NOT,          /* <> low */
    BOUND_OUTSIDE,      /* below low or above high */
    BOUND_NEAR,         /* within `share` of low */
    BOUND_BASELINE,     /* within `share` of the baseline */
    BOUND_FRESH         /* within us of the end of the date, or of now */
};

struct bound {
    enum bound_kind kind;
    bool has_low, has_high, open_low, open_high; /* open: not itself */
    struct decimal low, high, share;
    int64_t us;
    bool of_now;
};

struct gate {
    struct rule rule;
    enum measure measure;
    struct path *fields; /* owned */
    size_t n_fields;
    struct bound bound;
    struct str shows;  /* the measure as written: a slice of the rule */
    struct str wants;  /* the bound as written: likewise */
    struct buf label;  /* "mean of /amount": one name of one measure, whatever
                          its spelling; empty where it is no number */
    bool negated;      /* not in, not matching */
    struct str among;  /* [not] in ..., [not] matching ..., as written */
    struct buf file;   /* in FILE */
    struct buf values; /* in (...): JSON, one a line */
    struct pattern *pattern; /* owned: matching; NULL: none */
};

/* Parses text (copied) into g, which needs no init. 0, or -1 with ERR_USAGE
 * and a caret below the byte; free g also then. */
int gate_parse(struct gate *g, const char *text, struct err *e);

/* True for measures that are a part of a whole, from 0 to 1. */
bool measure_is_share(enum measure m);

/* True where the gate has a list of values: in `file`, or else in `values`. */
bool gate_has_list(const struct gate *g);

void gate_free(struct gate *g);

#endif
