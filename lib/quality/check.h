/* check: what every record has to satisfy beside a schema: --check.
 *
 * A check passes unless its expression is FALSE, as SQL's CHECK does: NULL and
 * missing pass. One list of checks, and a checker for each thread. */
#ifndef QUALITY_CHECK_H
#define QUALITY_CHECK_H

#include "base/buf.h"
#include "expr/expr.h"
#include "quality/rule.h"

/* Why a record does not pass; borrowed until the next record. */
struct check_fault {
    const char *code;   /* static: check, or that of an expr_fault */
    struct str path;    /* JSON Pointer, "" the record */
    struct str message; /* has the check's name and text */
    struct str name;    /* of the check */
};

/* What came of a check. */
struct check_count {
    uint64_t failed; /* records for which it is FALSE */
    uint64_t errors; /* records for which it has no value */
};

struct checker {
    const struct rule *rules; /* borrowed */
    size_t n;
    struct expr_set *exprs;         /* owned */
    struct check_count *counts;     /* owned: one a check */
    struct buf *messages;           /* owned: one a check */
    struct expr_fault *expr_faults; /* owned */
    struct check_fault *faults;     /* owned */
};

/* Compiles n rules, which are borrowed and must outlive c. 0, or -1 with
 * ERR_USAGE as expr_add gives it; free c also then. */
int checker_init(struct checker *c, const struct rule *rules, size_t n,
                 const struct expr_env *env, struct err *e);

/* Checks a record. Returns how many faults *faults has, 0 where it passes; a
 * rule that warns only counts. -1 without memory. A record that is not JSON
 * has one fault. */
int checker_run(struct checker *c, struct str record,
                const struct shaped *shaped, const struct check_fault **faults);

/* Adds what another checker of the same rules has counted. */
void checker_merge(struct checker *into, const struct checker *from);

void checker_free(struct checker *c);

#endif
