/* compile: the state of a compilation. Internal to lib/schema.
 *
 * compile.c walks schemas, ref.c follows references, keyword.c reads keywords,
 * prop.c lays out properties; link.c works on the finished graph. */
#ifndef SCHEMA_COMPILE_H
#define SCHEMA_COMPILE_H

#include "schema/program.h"
#include "schema/where.h"

/* A schema document or an embedded one ($id): what "#" means inside. */
struct resource {
    struct str root;  /* text */
    struct str id;    /* as written; empty: none */
    struct str where; /* JSON Pointer of the root */
};

struct memo;
struct pending;
struct step;

struct compiler {
    struct schema *s;
    const char *source;
    struct err *e;
    enum schema_draft draft;
    bool format_assertion;
    struct pattern_run *pattern;
    struct memo *memo; /* nodes by the place of their text */
    size_t n_memo, cap_memo;
    struct pending *pending; /* references that wait for their schema */
    size_t n_pending, cap_pending;
    struct step *steps; /* members by container and key */
    size_t n_steps, cap_steps;
};

/* Keywords in the order in which they are compiled. */
enum keyword {
    KW_REF,
    KW_TYPE,
    KW_ENUM,
    KW_CONST,
    KW_MINIMUM,
    KW_MAXIMUM,
    KW_EXCLUSIVE_MINIMUM,
    KW_EXCLUSIVE_MAXIMUM,
    KW_MULTIPLE_OF,
    KW_MIN_LENGTH,
    KW_MAX_LENGTH,
    KW_PATTERN,
    KW_FORMAT,
    KW_PREFIX_ITEMS,
    KW_ITEMS,
    KW_ADDITIONAL_ITEMS,
    KW_MIN_ITEMS,
    KW_MAX_ITEMS,
    KW_UNIQUE_ITEMS,
    KW_CONTAINS,
    KW_MIN_CONTAINS,
    KW_MAX_CONTAINS,
    KW_PROPERTIES,
    KW_REQUIRED,
    KW_PATTERN_PROPERTIES,
    KW_ADDITIONAL_PROPERTIES,
    KW_PROPERTY_NAMES,
    KW_MIN_PROPERTIES,
    KW_MAX_PROPERTIES,
    KW_DEPENDENT_REQUIRED,
    KW_DEPENDENT_SCHEMAS,
    KW_DEPENDENCIES,
    KW_ALL_OF,
    KW_ANY_OF,
    KW_ONE_OF,
    KW_NOT,
    KW_IF,
    KW_THEN,
    KW_ELSE,
    KW_DEFS,
    KW_DEFINITIONS,
    KW_N
};

/* One schema being compiled. */
struct frame {
    struct compiler *c;
    struct node *n;
    const struct resource *res;
    const struct where *at;
    struct val v[KW_N]; /* MISSING where the schema does not say */
};

/* Compiles the schema v. NULL: c->e says why. */
const struct node *compile_schema(struct compiler *c, struct val v,
                                  const struct where *at,
                                  const struct resource *res);

/* The $id that makes v a resource of its own, as written without quotes; or
 * empty. */
struct str resource_id(const struct compiler *c, struct val v);

/* The resource that v, at the pointer where, belongs to: res, or one of its
 * own. NULL with c->e filled. */
const struct resource *resource_of(struct compiler *c, struct val v,
                                   struct str where,
                                   const struct resource *res);

/* Sets *slot, at once or when all else is done, to the schema that reference
 * text names. 0 or -1. */
int compile_ref(struct compiler *c, struct str text, const struct node **slot,
                const struct where *at, const struct resource *res);

/* Compiles what references wait for. 0 or -1. */
int compile_pending(struct compiler *c);

/* Compiles f's keyword k. 0 or -1. */
int keyword_compile(struct frame *f, enum keyword k);

/* Finds the keyword of that name. Returns 1 with *k; 0 where the name is not
 * known to the draft; 2 for one that changes no verdict; -1 for one that would
 * and is not implemented. */
int keyword_find(enum schema_draft draft, struct str name, enum keyword *k);

/* Joins properties, patterns and the rest of f's node, when all its keywords
 * are compiled. 0 or -1. */
int prop_finish(struct frame *f);

/* Index of u's property with that key (raw), added if new. NO_PROP with c->e
 * filled. */
uint32_t prop_add(struct compiler *c, struct object_rules *u, struct str raw);

/* Fails: ERR_CONFIG, "schema FILE at /pointer: message". Returns -1. */
int compile_fail(struct compiler *c, const struct where *at, const char *fmt,
                 ...) __attribute__((format(printf, 3, 4)));
int compile_nomem(struct compiler *c);

/* Notes something that is not checked. */
void compile_note(struct compiler *c, const struct where *at, const char *fmt,
                  ...) __attribute__((format(printf, 3, 4)));

/* n bytes from the program's arena, zeroed. NULL with c->e filled. */
void *compile_alloc(struct compiler *c, size_t n);

/* The characters of a string value, in the arena. 0 or -1. */
int compile_text(struct compiler *c, struct str raw, struct str *text);

#endif
