/* program: what a schema compiles to. Internal to lib/schema.
 *
 * A node is a schema. Everything lives in the arena of the struct schema and
 * is read-only once it is linked. */
#ifndef SCHEMA_PROGRAM_H
#define SCHEMA_PROGRAM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "json/value.h"
#include "schema/format.h"
#include "schema/limit.h"
#include "schema/pattern.h"
#include "schema/schema.h"
#include "schema/values.h"

/* Types as bits. A number is one of two: whole by value, or not. */
#define TYPE_BIT(t) (1u << (t))
#define TYPE_BOOLEAN (TYPE_BIT(JSON_FALSE) | TYPE_BIT(JSON_TRUE))
#define TYPE_FRACTION TYPE_BIT(JSON_NUMBER)
#define TYPE_INTEGER (1u << 8)
#define TYPE_NUMBER (TYPE_FRACTION | TYPE_INTEGER)
#define TYPE_ANY 0x1feu

#define NO_LIMIT UINT64_MAX

struct node;

struct node_list {
    const struct node **v;
    size_t n;
};

struct string_rules {
    uint64_t min, max; /* code points; 0 and NO_LIMIT: none */
    const struct pattern *pattern;
    struct str pattern_text;
    enum format format;
};

struct array_rules {
    uint64_t min, max;
    bool unique;
    struct node_list prefix;
    const struct node *rest; /* elements behind the prefix; NULL: anything */
    const struct node *contains;
    bool contains_evaluates; /* what fits it counts as evaluated */
    uint64_t min_contains, max_contains;
};

/* Properties by index. */
struct needs {
    uint32_t *v;
    size_t n;
};

/* A property that the schema names: in properties, required or dependent*. */
struct prop {
    struct str key;                  /* characters */
    struct str token;                /* `"key":` as it is usually written */
    struct node_list nodes;          /* what its value has to fit */
    struct needs needs[2];           /* what it asks for where it is there */
    const struct node *dependent[2]; /* what the object has to fit then */
    const struct node *schema; /* of properties; NULL: only named elsewhere */
    bool required;
};

struct pattern_prop {
    struct str text;
    struct pattern *pattern;
    const struct node *schema;
};

#define NO_PROP UINT32_MAX

struct object_rules {
    struct prop *props;
    uint32_t n, cap;
    uint32_t *slots; /* open addressing by hash64 of the key: index + 1 */
    size_t n_slots;  /* a power of 2 */
    struct pattern_prop *patterns;
    size_t n_patterns;
    const struct node *additional; /* NULL: anything */
    const struct node *names;      /* NULL: anything */
    uint64_t min, max;
    uint64_t *required; /* bits by property index */
    size_t n_words;     /* of such a bitmap */
    size_t guess;       /* first slot in the runner's guesses */
    bool linked;        /* there are needs or dependents */
};

/* Schemas that apply to the same value. */
struct in_place {
    const struct node *ref, *dynamic; /* $ref; $dynamicRef, $recursiveRef */
    struct node_list all, any, one;
    const struct node *negated, *cond, *then, *otherwise;
};

/* What is left when all that applies in place has been looked at. NULL:
 * anything. */
struct unevaluated {
    const struct node *items, *properties;
};

enum node_kind { NODE_RULES, NODE_TRUE, NODE_FALSE };

struct node {
    struct node *next; /* all nodes of the program */
    enum node_kind kind;
    const struct node *alias;   /* says all where the schema is a mere $ref */
    unsigned types;             /* allowed, as bits */
    unsigned wants;             /* allowed also by what applies in place */
    const char *code, *message; /* of NODE_FALSE */
    struct values *constant, *choices; /* const, enum; NULL where there is none,
                                          as with all rules below */
    struct number_rules *number;
    struct string_rules *string;
    struct array_rules *array;
    struct object_rules *object;
    struct in_place *in_place;
    struct unevaluated *unevaluated;
    struct node_list parts; /* itself and what it reaches by $ref and allOf */
    struct str prefix;      /* the document's URI and #; empty: the main one */
    struct str where;       /* JSON Pointer in the document */
    int mark;               /* linking: 0 new, 1 open, 2 done */
    const struct node *listed_by; /* linking: by whose allOf last */
    unsigned height;              /* linking: of what applies in place */
};

extern const struct node node_true;

struct schema {
    struct arena arena;
    struct node *nodes;
    const struct node *root;
    struct pattern *patterns; /* chained, owned */
    struct buf notes;
    int (*place)(const void *of, struct str pointer, struct buf *out);
    const void *place_of;
    size_t n_guesses;
};

/* Index of the property with this key (characters), or NO_PROP. */
uint32_t prop_find(const struct object_rules *o, struct str key);

/* schema_compile for a metaschema, which is taken as right. */
struct schema *schema_compile_meta(struct str text, const char *source,
                                   struct str uri,
                                   const struct schema_options *options,
                                   struct err *e);

/* Finds cycles that consume nothing and fills wants and parts of all nodes.
 * ERR_CONFIG or ERR_TEMPFAIL. */
int schema_link(struct schema *s, const char *source, struct err *e);

#endif
