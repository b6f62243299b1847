/* summary: what a profile says, as plain data: made from a stream that has
 * ended, or read from the JSON that an earlier one was written as. */
#ifndef PROFILE_SUMMARY_H
#define PROFILE_SUMMARY_H

#include "base/arena.h"
#include "profile/profile.h"

#define SUMMARY_VERSION 1
#define SUMMARY_QUANTILES 7 /* p1 p5 p25 p50 p75 p95 p99 */
#define SUMMARY_EDGES 9     /* between tenths of the numbers */
#define SUMMARY_BARS 24
#define SUMMARY_VALUES_DEFAULT 50
#define SUMMARY_VALUES_MOST 1000
#define SUMMARY_BYTES_MAX ((size_t)256 << 20) /* of a file that is read */

extern const double summary_shares[SUMMARY_QUANTILES];
extern const char *const summary_share_names[SUMMARY_QUANTILES];

struct summary_value {
    enum json_type type; /* string, number, true or false */
    struct str text;     /* characters, or a number's spelling */
    bool cut;            /* it goes on */
    uint64_t count;
};

struct summary_pattern {
    struct str text;
    uint64_t count;
};

/* Numbers of a field. Texts are JSON numbers, exact; empty: none. */
struct summary_numbers {
    uint64_t n, integers, outside;
    struct str min, max, sum, mean;
    double deviation; /* of all of them, not of a sample; NAN: no double is it,
                         or none of the numbers is one */
    double quantiles[SUMMARY_QUANTILES];
    double error; /* relative, of quantiles and edges; 0: exact */
    double edges[SUMMARY_EDGES];      /* ascending, all different */
    uint64_t bins[SUMMARY_EDGES + 1]; /* numbers up to each edge, and above */
    size_t n_edges;
    double bars_from, bars_to; /* p1 and p99; the ends hold all beyond */
    uint64_t bars[SUMMARY_BARS];
    size_t n_bars;
};

struct summary_strings {
    uint64_t n;
    struct str min, max;
    uint64_t chars_least, chars_most;
    double chars_mean;
    struct summary_pattern *patterns; /* most frequent first */
    size_t n_patterns;
    uint64_t other; /* strings of other patterns */
    bool drawn;     /* runs of all patterns are drawn together */
};

/* How a field's values lie in what a baseline has of it. */
struct summary_match {
    bool there;         /* the baseline has the field */
    uint64_t *values;   /* of the baseline's listed values, how many */
    uint64_t *patterns; /* of its patterns */
    uint64_t bins[SUMMARY_EDGES + 1];
};

struct summary_field {
    struct str path;
    uint32_t depth; /* 1: of the record itself */
    uint64_t of;    /* records, objects around it, or elements */
    uint64_t missing, null, trues, falses, arrays, objects;
    struct summary_numbers numbers;
    struct summary_strings strings;
    uint64_t distinct;     /* strings, numbers and booleans that differ */
    double distinct_error; /* relative standard error; 0: exact */
    bool repeats;          /* some value occurs twice */
    struct summary_value *values; /* most frequent first */
    size_t n_values;
    bool all_values; /* they are all there are */
    uint64_t lost;   /* a count may be so much too low */
    bool rises, falls;
    uint64_t elements_least, elements_most; /* of arrays */
    double elements_mean;
    struct summary_match match;
};

struct summary {
    uint64_t records, bytes;
    bool twins_known;
    uint64_t twins;
    struct summary_field *fields;
    size_t n_fields;
    uint64_t more_fields;      /* that there was no room for, about */
    struct str pipeline, date; /* empty: none */
    struct arena arena;        /* of all that is in here */
};

/* Values that are strings, numbers or booleans. */
static inline uint64_t summary_scalars(const struct summary_field *f)
{
    return f->strings.n + f->numbers.n + f->trues + f->falses;
}

/* Values that are there and not null. */
static inline uint64_t summary_present(const struct summary_field *f)
{
    return summary_scalars(f) + f->arrays + f->objects;
}

/* Can no two of its values be the same, as far as can be told? */
bool summary_is_unique(const struct summary_field *f);

/* "date", "timestamp", "email" ...: what nearly all of its strings are; NULL:
 * nothing that has a name. */
const char *summary_format(const struct summary_field *f);

/* The field with this path, or NULL. */
const struct summary_field *summary_find(const struct summary *s,
                                         struct str path);

/* Are they the same, numbers by value? */
bool summary_same_value(const struct summary_value *a,
                        const struct summary_value *b);

/* Fills s, which needs no init, from a profile that has ended, with so many
 * values and patterns a field at most; where there is a baseline (borrowed for
 * the call) fields are matched with it. 0 or -1 with e (memory); summary_free
 * in every case. */
int summary_fill(struct summary *s, const struct profile *p, size_t values,
                 const struct summary *baseline, struct err *e);
void summary_free(struct summary *s);

/* Appends s as one JSON object without line end, but for what stands behind
 * its last member: no closing brace. 0 or -1 with e. */
int summary_json(const struct summary *s, struct buf *out, struct err *e);

/* Reads such an object (whole; members that are unknown are passed over) into
 * s, which needs no init. 0, or -1 with ERR_CONFIG where it is none or of
 * another version; summary_free in every case. */
int summary_read(struct summary *s, struct str json, struct err *e);

#endif
