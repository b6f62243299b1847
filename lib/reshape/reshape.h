/* reshape: a record taken through operations in a row, to one record, none, or
 * several, for several outputs.
 *
 * Operations are added by name, as the options of pipe-transform are called,
 * and done in that order: each sees what those before it have made. Where one
 * cannot be done nothing comes of the record. Not thread-safe: one a thread. */
#ifndef RESHAPE_RESHAPE_H
#define RESHAPE_RESHAPE_H

#include "expr/expr.h"

struct reshape;
struct colmap;
struct fieldset;

/* The output that is no route's. */
#define RESHAPE_MAIN ((size_t)-1)

struct reshape_out {
    size_t to; /* number of a route's target, or RESHAPE_MAIN */
    struct str text;
};

/* env is borrowed and must outlive it. Returned owned, freed with reshape_free;
 * NULL: no memory. */
struct reshape *reshape_new(const struct expr_env *env);
void reshape_free(struct reshape *r);

/* Adds the operation of this name ("where", "set", "cast", "rename", "drop",
 * "keep", "flatten", "unnest", "mask", "trim", "squeeze", "lower", "upper",
 * "empty-null", "route", "tee"), or a detail of the last one of its kind
 * ("flatten-sep", "flatten-arrays", "unnest-empty", "unnest-index"). value is
 * borrowed for the call; NULL: none was given. 0, or -1 with e (ERR_USAGE): r
 * is then good for reshape_free alone. */
int reshape_add(struct reshape *r, const char *name, const char *value,
                struct err *e);

/* Where routes and tees lead, as written behind their arrow: target i, of n;
 * two that are written alike are one. */
size_t reshape_targets(const struct reshape *r);
const char *reshape_target(const struct reshape *r, size_t i);

/* True if there may be other than one record for the main output. */
bool reshape_branches(const struct reshape *r);

/* Walks the fields that expressions read and that none of n reshapes, of the
 * same operations, has met in any record: *step and *at are 0 for the first
 * call. Sets *pointer, a JSON Pointer borrowed from the first reshape; false
 * behind the last. */
bool reshape_unseen(const struct reshape *const *all, size_t n, size_t *step,
                    size_t *at, struct str *pointer);

/* Takes m, a map of the fields of records (lineage/colmap.h), through all: it
 * then says where the fields of the main output come from. Of what is flattened
 * only fields that were seen in records before are known. */
void reshape_trace(const struct reshape *r, struct colmap *m,
                   const struct fieldset *seen);

/* Takes record, of this shape (or NULL), through all. *out is what has come of
 * it, *n of them, in order, borrowed from record and r until the next call;
 * none where it is filtered out. Text that has not changed is the record's own.
 * Returns 0; -1 with f (the codes of expr_eval; expr_path; name_taken,
 * not_array, too_large); -2 without memory. */
int reshape_run(struct reshape *r, struct str record,
                const struct shaped *shaped, const struct reshape_out **out,
                size_t *n, struct expr_fault *f);

#endif
