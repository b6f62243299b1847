/* reshape_steps: what the parts of reshape share: the steps that operations
 * become (reshape_add.c) and the way of a record through them (reshape.c). */
#ifndef RESHAPE_RESHAPE_STEPS_H
#define RESHAPE_RESHAPE_STEPS_H

#include "reshape/derive.h"
#include "reshape/flatten.h"
#include "reshape/prune.h"
#include "reshape/rename.h"
#include "reshape/reshape.h"
#include "reshape/tidy.h"
#include "reshape/unnest.h"

enum step_kind {
    STEP_DERIVE, /* all that expressions do, as long as nothing else follows */
    STEP_PRUNE,
    STEP_RENAME,
    STEP_FLATTEN,
    STEP_UNNEST,
    STEP_TIDY
};

struct step {
    enum step_kind kind;
    union {
        struct derive derive;
        struct prune prune;
        struct rename rename;
        struct flatten flatten;
        struct unnest unnest;
        struct tidy tidy;
    };
    struct buf out; /* the record behind this step */
    /* For unnest, whose records take the steps behind it one by one: */
    struct reshape *r;
    struct expr_fault *f;
};

struct reshape {
    const struct expr_env *env;
    struct step **steps; /* owned, and each: others point at them */
    size_t n;
    char **targets; /* owned */
    size_t n_targets;
    bool branches;
    /* of the record in hand */
    struct reshape_out *outs; /* owned; .p NULL: the text is in staged */
    size_t n_outs, cap_outs;
    struct buf staged, pointer;
};

/* Keeps text for an output: a copy unless it stays until the end. 0 or -2;
 * what is too large shows when all is done. */
int reshape_put(struct reshape *r, size_t to, struct str text, bool stays);

#endif
