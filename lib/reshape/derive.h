/* derive: fields of a record set to the results of expressions, and records
 * chosen by conditions in between.
 *
 * Everything is done in the order in which it was added, and each sees what
 * those before it have set. What is not set keeps its bytes. A field that is
 * there is replaced where it stands (the last of duplicate keys), a new one
 * goes behind the last member; a result that is missing takes the field away.
 * Not thread-safe. */
#ifndef RESHAPE_DERIVE_H
#define RESHAPE_DERIVE_H

#include "base/buf.h"
#include "expr/expr.h"
#include "json/splice.h"

enum derive_kind {
    DERIVE_SET,
    DERIVE_WHERE, /* the record ends here unless the condition is TRUE */
    DERIVE_ROUTE, /* it leaves for an output if the condition is TRUE */
    DERIVE_TEE    /* and goes on all the same */
};

/* How a field is set. */
enum {
    DERIVE_IF_THERE = 1, /* only in records that have it */
    DERIVE_HIDES = 2     /* a value of it that is left would be a leak: a record
                            that has it twice is at fault */
};

struct derive_item {
    enum derive_kind kind;
    struct path path; /* owned: the field; with the rest for DERIVE_SET */
    struct buf key;   /* owned: for a field of the record itself, "name": */
    int expr, slot;
    struct val was; /* what the record has there */
    unsigned how;   /* DERIVE_IF_THERE ... */
    bool first;     /* no earlier one of its round sets the same field */
    bool opens;     /* begins a round: what is set so far becomes the record
                       that it sees */
    size_t to;      /* the output of a route */
};

/* Takes the record as it is by now for output `to`; text is borrowed for the
 * call. 0, or -2 without memory. */
typedef int derive_tee(void *context, size_t to, struct str text);

struct derive {
    struct expr_set *exprs; /* owned */
    struct derive_item *v;  /* owned */
    size_t n;
    struct splice *splices; /* owned: one an item, and one */
    struct buf tail;        /* new members */
    struct buf rec[3];      /* the record in the making */
    derive_tee *tee;        /* set by the caller that adds tees */
    void *tee_context;
};

/* env is borrowed and must outlive d. 0, or -1 without memory; derive_free is
 * due either way. */
int derive_init(struct derive *d, const struct expr_env *env);
void derive_free(struct derive *d);

/* Sets field (a path) to the value of the expression text; what names both in
 * messages; how is of DERIVE_IF_THERE and DERIVE_HIDES. Returns 0, or -1 with e
 * (ERR_USAGE as expr_add gives it). */
int derive_set(struct derive *d, const char *what, struct str field,
               struct str text, unsigned how, struct err *e);

/* Adds a condition of one of the other kinds; to is for routes and tees. */
int derive_test(struct derive *d, enum derive_kind kind, const char *what,
                struct str text, size_t to, struct err *e);

/* What becomes of a record. */
enum derive_end { DERIVE_DONE, DERIVE_FILTERED, DERIVE_ROUTED };

/* Does everything to record, whose shape may be NULL. *out is the result (the
 * record itself where nothing changed), borrowed from record and d until the
 * next call. Returns an enum derive_end (*to is where a routed record goes); -1
 * with f as expr_eval (also not_json; key_twice; and expr_path: the field
 * cannot be set, since a parent is no object or an array too short); -2 without
 * memory. */
int derive_run(struct derive *d, struct str record, const struct shaped *shaped,
               struct str *out, size_t *to, struct expr_fault *f);

#endif
