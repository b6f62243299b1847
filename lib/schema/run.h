/* run: one thread's state while a program walks records. Internal to
 * lib/schema.
 *
 * A walk has one of two modes. Judging, it ends at the first thing wrong.
 * Collecting, it goes on to the end and notes every error. Both are the same
 * code: fail() says whether to go on. */
#ifndef SCHEMA_RUN_H
#define SCHEMA_RUN_H

#include "schema/marks.h"
#include "schema/program.h"
#include "schema/where.h"

/* Schemas within schemas on one way down: a bound for the stack. */
#define RUN_MAX_DEPTH 3000

/* Schemas applied to one record, and what they walk: a bound for the time that
 * branching references, or thousands of schemas for one value, can cost. */
#define RUN_MAX_STEPS 1000000
#define RUN_STEPS_PER_BYTE 64
#define RUN_MEMBERS_PER_STEP 4 /* of an object or array */
#define RUN_BYTES_PER_STEP 64  /* that are passed over */

/* Matches given up in one record before the walk is: each is a noticeable part
 * of a second at worst. */
#define RUN_MAX_GIVE_UPS 10

/* Long matches (pattern.h) of one record: some, and more for large ones. */
#define RUN_LONG_MATCHES 100
#define RUN_BYTES_PER_LONG_MATCH 4096

#define RUN_CLEAN_OBJECTS 64 /* remembered to have no duplicate keys */

#define EXCERPT_BYTES 60 /* of a value in a message */

struct schema_run {
    const struct schema *schema;
    const char *end; /* of the record */
    bool collect;    /* note errors and go on */
    bool keep;       /* the walk collects, apart from what it judges aside */
    bool stop;       /* the walk has no result: a limit, broken text */
    bool nomem;
    bool telling; /* the errors of a branch are collected for a message */
    const struct node *node; /* at hand, for the place of errors */
    const char *keyword;     /* of an error not named after it; else NULL */
    struct marks *marks;     /* of the value at hand; NULL: nobody asks */
    unsigned precise; /* > 0: a shadowed duplicate must not count as wrong */
    unsigned depth;
    unsigned gave_up; /* matches */
    uint64_t steps, max_steps;
    const char *clean[RUN_CLEAN_OBJECTS]; /* objects, by their address */
    bool any_clean;
    uint32_t *guesses; /* per named property: which one came next last time */
    struct buf text;   /* characters of the string at hand */
    struct buf keys;   /* for comparisons by value */
    struct buf stack;  /* of uint32_t: bitmaps and shadows of open objects */
    struct pattern_run *pattern;
    struct arena arena; /* texts of errors */
    struct schema_error *errors;
    size_t n_errors, cap_errors, lost_errors;
    struct buf message;
    char excerpts[2][EXCERPT_BYTES + 4];
    int excerpt; /* the one written last */
    struct coerce *coerce;
    struct plans *plans; /* NULL: none yet */
};

/* Begins a walk within text, in the mode that is set. */
void run_start(struct schema_run *r, struct str text);

/* Walks the value at p by node n. Returns the byte behind the value; NULL
 * where it does not fit (judging only) or the walk has stopped. */
const char *run_value(struct schema_run *r, const struct node *n, const char *p,
                      const struct where *at);

/* The same for the object at p by the rules of n->object. */
const char *run_object(struct schema_run *r, const struct node *n,
                       const char *p, const struct where *at);

/* Judges by n, whatever the mode: true if the value at p fits. What it has
 * evaluated counts only then. */
bool run_fits(struct schema_run *r, const struct node *n, const char *p,
              const struct where *at);

/* By n's own rules for a value, of what applies in place nothing. */
const char *run_own(struct schema_run *r, const struct node *n, const char *p,
                    const struct where *at);

/* By all of n that applies to the value at p in place. Returns q, which is
 * behind the value, or NULL. */
const char *run_in_place(struct schema_run *r, const struct node *n,
                         const char *p, const char *q, const struct where *at);

/* By n's own rules, what applies in place, and then what unevaluated* says of
 * the rest. Returns as run_value does. */
const char *run_rest(struct schema_run *r, const struct node *n, const char *p,
                     const struct where *at);

/* Notes that member or element i of the value was evaluated. False: stopped. */
bool run_mark(struct schema_run *r, struct marks *m, size_t i);

/* Behind the value at p, whatever it is; NULL and stop where it has no end. */
const char *run_skip(struct schema_run *r, const char *p,
                     const struct where *at);

/* Something is wrong: notes it and returns true when collecting, else false:
 * the caller then ends the walk with NULL. */
bool fail(struct schema_run *r, const struct where *at, const char *code,
          const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same, and the walk ends in either mode. Returns NULL. */
const char *stop(struct schema_run *r, const struct where *at, const char *code,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* No memory. Returns NULL. */
const char *stop_nomem(struct schema_run *r);

/* raw cut to a length that fits a message, at a character's edge; valid until
 * the next call but one. */
const char *excerpt(struct schema_run *r, struct str raw);

/* The members of the object at p that a later one of the same key shadows:
 * their 0-based numbers in order, pushed on r->stack as a list of n from byte
 * `at`; the caller pops by setting r->stack.n = at. Returns 0 or -1 (stopped).
 */
struct shadows {
    size_t at, n;
};
int shadows_push(struct schema_run *r, const char *p, const struct where *at,
                 struct shadows *s);
bool shadows_has(const struct schema_run *r, const struct shadows *s, size_t i);

/* Releases what schema_coerce and schema_accept keep in the runner. */
void coerce_free(struct coerce *c);
void plans_free(struct plans *p);

/* Fills out with "string or null" for a mask of types. */
const char *types_text(char out[80], unsigned types);

#endif
