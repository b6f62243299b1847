/* judge: does a value of the schema's own (enum, const, default) fit a rule?
 *
 * Three answers, since a rule may hold what cannot be told: a format that is
 * not known, a pattern that takes too many steps. */
#ifndef EVOLVE_JUDGE_H
#define EVOLVE_JUDGE_H

#include "evolve/rule.h"

enum answer { ANSWER_NO, ANSWER_MAYBE, ANSWER_YES };

struct judge {
    struct rules *set;
    bool no_format; /* format says nothing */
    uint64_t steps; /* left; at 0 the answer is MAYBE */
    unsigned depth;
    /* Where the last NO came from. */
    const struct rule *rule;
    const char *keyword;
};

/* True answers only: YES and NO are certain. */
enum answer judge_value(struct judge *j, const struct rule *rule,
                        const struct tree *v);

/* The same for a string of these characters. */
enum answer judge_text(struct judge *j, const struct rule *rule,
                       struct str text);

/* The type of a value as one KIND_ bit. */
unsigned judge_kind(const struct tree *v);

#endif
