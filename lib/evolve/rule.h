/* rule: what JSON Schemas say, read into a graph that can be reasoned about.
 *
 * Reads draft-07, 2019-09 and 2020-12 (without $schema, 2020-12), and, since
 * old versions are compared too, draft-04 and draft-06. lib/schema compiles a
 * schema to judge records, this keeps its meaning to compare it with another
 * one and to find what it says of a property.
 *
 * References lead to JSON Pointers, anchors and $id, in other documents too,
 * which come from where lib/schema has them (schema/store.h). Each version has
 * documents of its own, also where two lead to the same file. $dynamicRef and
 * $recursiveRef are followed where only one place can be meant. What we cannot
 * reason about (unevaluated* beside references or
 * alternatives) is kept as `opaque`. A set of rules is read by one thread;
 * rules do not change once they are read. */
#ifndef EVOLVE_RULE_H
#define EVOLVE_RULE_H

#include "evolve/tree.h"
#include "schema/pattern.h"

enum rule_draft {
    RULE_DRAFT_04 = 1,
    RULE_DRAFT_06 = 2,
    RULE_DRAFT_07 = 4,
    RULE_DRAFT_2019 = 8,
    RULE_DRAFT_2020 = 16
};
#define RULE_DRAFTS_OLD (RULE_DRAFT_04 | RULE_DRAFT_06 | RULE_DRAFT_07)

/* Types as bits; a number is one of two. */
#define KIND_NULL 1u
#define KIND_FALSE 2u
#define KIND_TRUE 4u
#define KIND_BOOLEAN (KIND_FALSE | KIND_TRUE)
#define KIND_INTEGER 8u
#define KIND_FRACTION 16u
#define KIND_NUMBER (KIND_INTEGER | KIND_FRACTION)
#define KIND_STRING 32u
#define KIND_ARRAY 64u
#define KIND_OBJECT 128u
#define KIND_ANY 255u

#define RULE_NO_MAX UINT64_MAX

/* References and the like that lead from schema to schema for one value: a
 * bound for the stack. */
#define RULE_MAX_CHAIN 500

struct rule_list {
    struct rule **v;
    size_t n;
};

struct names {
    struct str *v; /* sorted by str_cmp */
    size_t n;
};

struct number_part {
    struct str min, max; /* .p NULL: none */
    bool above, below;   /* min, max are excluded */
    struct str multiple; /* .p NULL: none */
    /* As written, of which min and max are the tighter ones. */
    struct str minimum, exclusive_minimum, maximum, exclusive_maximum;
};

struct string_part {
    uint64_t min, max;
    struct pattern *pattern;
    struct str pattern_text, format, encoding, media; /* .p NULL: none */
};

struct array_part {
    uint64_t min, max;
    bool unique;
    struct rule_list prefix;
    struct rule *rest;     /* behind the prefix; NULL: anything */
    const char *rest_name; /* the keyword that says so */
    const char *prefix_name;
    struct rule *contains;
    uint64_t min_contains, max_contains;
};

struct pattern_part {
    struct str text;
    struct pattern *pattern;
    struct rule *rule;
};

struct dependent {
    struct str key;
    struct names names;
    struct rule *rule;   /* or NULL */
    const char *keyword; /* that says so */
};

struct object_part {
    const struct tree *properties; /* NULL: none; its members' rules: */
    struct rule **property;
    struct pattern_part *patterns;
    size_t n_patterns;
    struct rule *additional; /* NULL: anything */
    const char *additional_name;
    struct rule *names; /* NULL: anything */
    uint64_t min, max;
    struct names required;
    struct dependent *dependents;
    size_t n_dependents;
};

/* What applies to the same value. */
struct place_part {
    struct rule *ref;
    struct rule_list all, any, one;
    struct rule *negated, *cond, *then, *otherwise;
};

enum rule_kind { RULE_SET, RULE_TRUE, RULE_FALSE };

struct rule {
    unsigned id; /* dense within the set */
    enum rule_kind kind;
    const struct document *doc;
    const struct tree *tree; /* NULL: made up by the prover */
    unsigned types;
    const struct tree *choices, *constant;
    struct number_part *number; /* NULL where it says nothing, as below */
    struct string_part *string;
    struct array_part *array;
    struct object_part *object;
    struct place_part *place;
    const struct tree *fallback; /* default; NULL: none */
    const char *opaque;          /* a keyword that is beyond us; or NULL */
    bool refers;     /* what it means depends on the document around it */
    struct str base; /* of a resource ($id or document): its URI; else empty */
    bool resource;
    int mark;               /* looking for cycles: 0 new, 1 open, 2 done */
    unsigned height;        /* rules that apply to the same value below it */
    uint64_t seen;          /* the prover's */
    struct rule **negation; /* the prover's: cases of its contrary */
    size_t n_negation;
    struct rule *contrary; /* the prover's: "not" this */
};

struct document {
    struct document *next; /* of the version: those that its references need */
    const char *name;      /* borrowed */
    struct str uri;        /* where it was found; empty: nowhere */
    struct str prefix; /* of places: URI and #, empty for the version's own */
    struct tree *root;
    struct rule *top;
    unsigned draft;
};

struct rules {
    struct arena arena;
    struct pattern *patterns;  /* owned */
    struct pattern_run *match; /* owned */
    struct rule **v;           /* owned: by id */
    size_t n, cap;
    struct store *store; /* owned: other documents */
    bool lenient;        /* what cannot be followed is opaque, not refused */
};

/* An empty set; rules_free in every case. dirs: folders of other documents, as
 * schema_options has them; borrowed. 0 or -1 (memory). */
int rules_init(struct rules *s, const char *const *dirs, size_t n_dirs,
               struct err *e);
void rules_free(struct rules *s);

/* Reads the schema in text (copied) into the set, and the
 * documents that it refers to. name is borrowed; base (copied) is the URI that
 * references are relative to, NULL or empty: none. Returns its document, which
 * lives as long as the set; NULL with ERR_CONFIG, naming the place as a JSON
 * Pointer, or as schema_read. */
struct document *rules_parse(struct rules *s, struct str text, const char *name,
                             const char *base, struct err *e);

/* Appends where rule stands: a JSON Pointer, behind URI and # where that is not
 * the version's own document; nothing for one that is made up. 0 or -1. */
int rule_where(struct buf *out, const struct rule *rule);

/* A rule of its own that says nothing yet. NULL: no memory. */
struct rule *rule_new(struct rules *s);

/* True if the names hold key. */
bool rule_names_have(const struct names *l, struct str key);

/* The rule of properties for key, or NULL. */
struct rule *rule_property(const struct object_part *o, struct str key);

/* True if the regular expression of that text matches every string. */
bool rule_pattern_is_all(struct str text);

/* True if a and b mean the same, as far as their text shows. */
bool rule_same(const struct rule *a, const struct rule *b);

/* The same by all that their references lead to, annotations aside. Costs as
 * much as reading that. */
bool rule_same_whole(const struct rule *a, const struct rule *b);

/* True if two versions, with the documents that they refer to, have the same
 * text. */
bool document_same(const struct document *a, const struct document *b);

#endif
