/* expr: SQL expressions over records.
 *
 * A set holds all expressions of a stage, so that one walk of a record finds
 * the fields of all of them. Each expression is parsed once and compiled to a
 * short program; constant parts are computed then. pipeutils-expr(7) describes
 * the language.
 *
 * Use: expr_new, expr_add for each, then per record expr_load and expr_eval or
 * expr_test. Values borrow from the record and from the set's memory of this
 * record: they are valid until the next expr_load. Not thread-safe: a set a
 * thread. */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include "base/err.h"
#include "json/path.h"
#include "json/select.h"
#include "json/value.h"

struct expr_set;

/* What expressions may refer to beside the record; borrowed, and it must
 * outlive the set. Variables that are not set have .p NULL: using one is
 * ERR_USAGE. */
struct expr_env {
    const char *tz;        /* IANA zone for dates; NULL: UTC */
    struct str date;       /* $date, "2026-01-31" */
    struct str start, end; /* $start, $end: the run's interval, RFC 3339 */
};

/* Why an expression has no value for a record, which is then rejected. */
struct expr_fault {
    const char *code; /* static: expr_type, expr_date, expr_cast, expr_size,
                         expr_regex, expr_json, expr_locale, division_by_zero,
                         number_range */
    struct str path;  /* JSON Pointer of the field at fault, or "" where it is
                         no field by itself; borrowed from the set */
    char msg[320];
};

/* Returns an empty set, owned, freed with expr_free; NULL: no memory. */
struct expr_set *expr_new(const struct expr_env *env);
void expr_free(struct expr_set *x);

/* Parses and compiles text (copied) and returns its index, 0-based and dense.
 * what (copied) names it in messages: "--where". -1 with e: ERR_USAGE says what
 * is wrong at which byte; behind a line feed follow the text and, on a line of
 * its own, a caret below that byte. */
int expr_add(struct expr_set *x, const char *what, struct str text,
             struct err *e);

/* Makes a field known that no expression reads, and returns its slot; -1: no
 * memory. A field that is read already has its slot. */
int expr_field(struct expr_set *x, const struct path *p);

/* Walks the fields that expressions read but that no record had so far, nor was
 * a value bound to them: *at is 0 for the first call. Sets *pointer, a JSON
 * Pointer borrowed from the set; false behind the last. */
bool expr_unseen(const struct expr_set *x, size_t *at, struct str *pointer);

/* The name of the record's own field that slot, from 0 on, is or lies within;
 * .p NULL behind the last slot, and for the record itself. */
struct str expr_root(const struct expr_set *x, size_t slot);

/* True if expression i reads a field that contains the one at p or lies within
 * it, but is not the very same. */
bool expr_overlaps(const struct expr_set *x, int i, const struct path *p);

/* How an expression uses a field: for its value, only to decide between values
 * (the conditions of CASE), or as what a hash or mask hides. */
enum expr_use { EXPR_VALUE = 0, EXPR_DECIDES = 1, EXPR_HIDES = 2 };

/* Walks the fields that expression i reads, in order, each as often as it is
 * named: *at is 0 for the first call. Sets *p, borrowed from the set (it has no
 * text), and *use, of enum expr_use; false behind the last. */
bool expr_reads(const struct expr_set *x, int i, size_t *at, struct path *p,
                unsigned *use);

/* True if expression i is a field and nothing else. */
bool expr_is_field(const struct expr_set *x, int i);

/* Makes record, of this shape (or NULL), the one that expressions see. Returns
 * 0; -1 where it is not JSON (possible only if it was not checked). */
int expr_load(struct expr_set *x, struct str record,
              const struct shaped *shaped);

/* Drops the memory of earlier records: call it before the first expr_load of
 * a record; another expr_load (of the same record, changed) keeps it. */
void expr_begin(struct expr_set *x);

/* The value in a slot, and another one in its place for what is evaluated from
 * now on. */
struct val expr_slot(const struct expr_set *x, int slot);
void expr_bind(struct expr_set *x, int slot, struct val v);

/* Computes expression i as JSON: a bare field gives its bytes as they stand,
 * MISSING included. Returns 0, -1 with f, or -2 without memory. */
int expr_eval(struct expr_set *x, int i, struct val *v, struct expr_fault *f);

/* Computes expression i as a condition: 1 if TRUE, 0 if FALSE, NULL or
 * missing; -1 with f (also where it is no boolean), -2 without memory. */
int expr_test(struct expr_set *x, int i, struct expr_fault *f);

#endif
