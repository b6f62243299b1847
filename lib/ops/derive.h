/* derive: sets fields of a record to the results of expressions.
 *
 * Assignments are made in order, and each sees what those before it have set.
 * What is not set keeps its bytes. A field that is there is replaced where it
 * stands (the last of duplicate keys), a new one goes behind the last member;
 * a result that is missing takes the field away. Not thread-safe. */
#ifndef OPS_DERIVE_H
#define OPS_DERIVE_H

#include "base/buf.h"
#include "expr/expr.h"
#include "json/splice.h"

struct assignment {
    struct path path; /* owned: the field */
    struct buf key;   /* owned: for a field of the record itself, "name": */
    int expr, slot;
    struct val was; /* what the record has there */
    bool first;     /* no earlier one of its round sets the same field */
    bool opens;     /* begins a round: what is set so far becomes the record
                       that it sees */
};

struct derive {
    struct expr_set *exprs; /* borrowed */
    struct assignment *v;   /* owned */
    size_t n;
    struct splice *splices; /* owned: one an assignment, and one */
    struct buf tail;        /* new members */
    struct buf rec[3];      /* the record in the making */
};

/* exprs is borrowed and must outlive d. */
void derive_init(struct derive *d, struct expr_set *exprs);

/* Adds the assignment that text ("field=EXPR") makes. Returns 0, or -1 with e
 * (ERR_USAGE as expr_add gives it). */
int derive_add(struct derive *d, struct str text, struct err *e);

/* Makes all assignments to record, which must be loaded into the expressions
 * (expr_load). *out is the result, borrowed until the next call. Returns 0; -1
 * with f as expr_eval (also expr_path: the field cannot be set, since a parent
 * is no object or an array too short); -2 without memory. */
int derive_run(struct derive *d, struct str record, struct str *out,
               struct expr_fault *f);

void derive_free(struct derive *d);

#endif
