/* prove: does every value that some schemas accept fit another one?
 *
 * The question A1 and A2 and ... within B is taken apart keyword by keyword,
 * property by property (structural subtyping; recursive schemas by
 * coinduction, as Amadio and Cardelli, "Subtyping recursive types", 1993).
 * Alternatives on the left are split into cases; alternatives on the right are
 * tried, and what one of them leaves over must fit the others. A yes is a
 * proof; a no means only that none was found. Each obligation that could not
 * be met is kept as a finding.
 *
 * Time and memory are bounded: a prover that has used up its steps gives up,
 * and answers no. One thread. */
#ifndef EVOLVE_PROVE_H
#define EVOLVE_PROVE_H

#include "evolve/judge.h"
#include "evolve/pool.h"

#define PROVE_STEPS 10000000
#define PROVE_DEPTH 400 /* proofs within proofs */
#define PROVE_SPLITS 6  /* case distinctions within each other */
#define PROVE_FINDINGS 10000
#define PROVE_MEMORY ((size_t)512 << 20)

/* Rules that apply to one value together: by id, each once. */
struct rule_set {
    struct rule **v;
    size_t n;
};

/* Something that b asks for and the left side does not promise. */
struct finding {
    const struct rule *rule; /* of the right side, or the left where missing */
    const char *keyword;     /* in it; NULL: the rule itself (false) */
    struct str detail;       /* within the keyword: a property; .p NULL: none */
    struct str had;          /* JSON of what the left promises; .p NULL: none */
    struct str need;         /* JSON of what the right asks; .p NULL: as the
                                keyword is written */
    bool left;     /* rule is of the left side: it has what the right has not */
    bool disjoint; /* had and need cannot be compared */
};

struct memo;

struct prover {
    struct rules *set;
    bool no_format;
    struct err *e;
    struct pool pool;
    struct arena arena; /* texts of findings, keys of the memo */
    struct memo **slots;
    size_t n_memo, cap_memo;
    struct memo **trail; /* proven, in order */
    size_t n_trail, cap_trail;
    struct finding *found;
    size_t n_found, cap_found, lost;
    struct rule *nothing, *single[6]; /* false; one type each */
    uint64_t stamp, steps;
    uint64_t reports; /* rounds of findings */
    unsigned depth, level, splits, quiet, closest;
    bool gave_up, nomem;
};

int prover_init(struct prover *p, struct rules *set, struct err *e);
void prover_free(struct prover *p);

/* True if every value that fits all of a (of n rules, copied) fits b. */
bool prove(struct prover *p, struct rule *const *a, size_t n,
           const struct rule *b);

/* ---- between the prover's parts ---- */

struct split {
    struct rule *rule;
    enum { SPLIT_ANY, SPLIT_ONE, SPLIT_IF } kind;
};

/* All that a set of rules says at once, as far as that can be put together. */
struct conj {
    struct rule_set set; /* as given */
    struct rule **flat;  /* with what they refer to */
    size_t n;
    unsigned types;      /* that can occur */
    struct str min, max; /* .p NULL: none */
    bool above, below;
    uint64_t min_length, max_length, min_items, max_items;
    uint64_t min_properties, max_properties;
    bool unique;
    struct names required;
    struct split *splits; /* alternatives that are open */
    size_t n_splits;
    struct rule **negated;
    size_t n_negated;
    const struct tree *const *values; /* if finite: all that can occur */
    size_t n_values;
    bool finite;
};

/* NULL: p has given up. Lives until the pool is released. */
struct conj *conj_new(struct prover *p, struct rule_set set);

/* a and more of it, sorted. */
struct rule_set set_of(struct prover *p, struct rule *const *v, size_t n);
struct rule_set set_with(struct prover *p, struct rule_set a, struct rule *b);

bool prove_set(struct prover *p, struct rule_set a, const struct rule *b);
bool prove_quiet(struct prover *p, struct rule_set a, const struct rule *b);
bool prove_empty(struct prover *p, struct rule_set a);

/* The findings since then are gone: who had them may find them again. */
void prover_unreport(struct prover *p);

/* What a value within the value at hand is proven to be: one level deeper. */
bool prove_inner(struct prover *p, struct rule_set a, const struct rule *b);
bool prove_inner_quiet(struct prover *p, struct rule_set a,
                       const struct rule *b);

/* Each checks one part of b, if c's values can be of its type. */
bool prove_values(struct prover *p, struct conj *c, const struct rule *b);
bool prove_type(struct prover *p, struct conj *c, const struct rule *b);
bool prove_number(struct prover *p, struct conj *c, const struct rule *b);
bool prove_string(struct prover *p, struct conj *c, const struct rule *b);
bool prove_array(struct prover *p, struct conj *c, const struct rule *b);
bool prove_object(struct prover *p, struct conj *c, const struct rule *b);
bool prove_place(struct prover *p, struct conj *c, const struct rule *b);

/* True if no object, no array can fit c. */
bool object_empty(struct prover *p, struct conj *c);
bool array_empty(struct prover *p, struct conj *c);

/* "not b", made once. NULL: p has given up. */
struct rule *contrary_of(struct prover *p, const struct rule *b);

/* Rules of which every value that does not fit b fits one; "not b" alone where
 * they would be too many. */
struct rule_list prover_cases(struct prover *p, const struct rule *b);

/* Notes that b's keyword asks for more than c promises. had: JSON, copied; .p
 * NULL where c says nothing of the kind. Returns false. */
bool prover_found(struct prover *p, struct finding f);
struct str prover_types(struct prover *p, unsigned types);
struct str prover_count(struct prover *p, uint64_t n);
struct str prover_string(struct prover *p, struct str s);
struct str prover_value(struct prover *p, const struct tree *t);
#define FOUND_NOTHING ((struct str){ NULL, 0 })

/* Counts n steps; false: give up. */
bool prover_spend(struct prover *p, uint64_t n);
void *prover_take(struct prover *p, size_t n);

/* Does v fit rule? *j tells where a NO came from. */
enum answer prover_ask(struct prover *p, const struct rule *rule,
                       const struct tree *v, struct judge *j);

#endif
