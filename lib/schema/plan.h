/* plan: what is left to check of the records of one shape with the same keys.
 *
 * A shape says of each value its type, and the keys say which rules it has to
 * fit; so types, required and additional properties, counts and the choices
 * that hang on them are decided when a plan is made. What remains is a flat
 * list of steps over tokens. A plan only ever says "surely good": where a step
 * fails, or nothing is known, the walk (run.h) has the verdict. Internal to
 * lib/schema. */
#ifndef SCHEMA_PLAN_H
#define SCHEMA_PLAN_H

#include "json/select.h"
#include "schema/run.h"

/* Shapes of more tokens are walked. */
#define PLAN_TOKENS_MAX 4096

/* Sixteen bytes that are compared at once. */
typedef uint64_t plan_lane __attribute__((vector_size(16)));

/* A key that has to be the same: its bytes with the closing quote, and zeros.
 */
#define PLAN_KEYS_STEP 4 /* their number is a multiple of this */
struct plan_key {
    plan_lane word, mask;
    uint32_t token;
};

/* A key that is longer than that: all of its bytes. */
struct plan_long {
    uint32_t token, n;
    const char *bytes; /* behind the steps of its plan */
};

enum plan_op {
    PLAN_LENGTH,  /* string: node->string has the limits */
    PLAN_PATTERN, /* string: node->string */
    PLAN_FORMAT,  /* string: node->string */
    PLAN_WORDS,   /* string: values */
    PLAN_STRING,  /* string: values, of any length and number */
    PLAN_DIGITS,  /* number: as PLAN_NUMBER; it fits if it is plain digits of
                     which none is below `first` at the start */
    PLAN_POINT,   /* the same, and a point may be among the digits */
    PLAN_NUMBER,  /* number: node->types, node->number */
    PLAN_VALUE,   /* number, array, object: values */
    PLAN_WALK     /* anything: the walk judges this value by node */
};

struct plan_step {
    uint32_t token;
    uint8_t op;
    char first;
    uint16_t depth; /* of the walk at this place */
    union {
        const struct node *node;
        const struct values *values;
    } by;
    struct bounds bounds; /* PLAN_NUMBER */
};

struct plan {
    uint64_t serial; /* of the shape */
    uint64_t hits;   /* records that had these keys, of late */
    size_t bytes;    /* of memory */
    uint32_t n_keys, n_longs, n_steps;
    uint32_t visits;             /* at least as many as the walk's steps */
    bool hopeless;               /* these records are for the walk */
    bool walks;                  /* there is a PLAN_WALK among the steps */
    const struct plan_key *keys; /* all within the block that plan begins */
    const struct plan_long *longs;
    const struct plan_step *steps;
};

/* Room to make plans in. */
struct planner;

/* NULL: no memory. Freed with planner_free. */
struct planner *planner_new(void);
void planner_free(struct planner *w);

/* Makes the plan for records like this one, of at most PLAN_TOKENS_MAX tokens.
 * Changes r's state as a walk does. Owned, freed with free; NULL: no memory. */
struct plan *plan_make(struct planner *w, struct schema_run *r,
                       const struct shaped *shaped);

#endif
