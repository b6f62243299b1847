/* compile: the state of a compilation. Internal to lib/schema.
 *
 * A document is first scanned (scan.c): which schemas are in it, under which
 * URIs and anchors, in which dialect (dialect.c). Then compile.c walks schemas,
 * ref.c follows references, keyword.c reads keywords, prop.c lays out
 * properties; link.c works on the finished graph.
 *
 * Where a $dynamicRef leads depends on the schema resources that were entered
 * on the way to it. So schemas are compiled once for each such context
 * (context.c), and at run time every reference is a plain one. */
#ifndef SCHEMA_COMPILE_H
#define SCHEMA_COMPILE_H

#include "schema/lookup.h"
#include "schema/program.h"
#include "schema/store.h"
#include "schema/where.h"

/* Vocabularies as bits; draft-07 has all of them. */
enum {
    VOCAB_CORE = 1,
    VOCAB_APPLICATOR = 2,
    VOCAB_UNEVALUATED = 4,
    VOCAB_VALIDATION = 8,
    VOCAB_META_DATA = 16,
    VOCAB_FORMAT = 32,
    VOCAB_CONTENT = 64
};

/* What a $schema stands for. */
struct dialect {
    struct dialect *next;
    struct str uri; /* without an empty fragment */
    enum schema_draft draft;
    unsigned vocabularies;
    bool asserts_formats; /* whatever the options say */
    bool open;            /* its metaschema is being read */
    struct schema *meta;  /* its program, owned; NULL: not needed yet */
};

/* A text that schemas are in. */
struct document {
    struct document *next;
    struct buf text;   /* owned, unless borrowed */
    struct buf name;   /* of messages, owned */
    struct str uri;    /* where it was found; empty: nowhere */
    struct str prefix; /* of places in errors: empty for the main document */
    bool main, builtin;
    const struct resource *root;
};

struct anchor {
    struct anchor *next; /* of the resource's dynamic ones */
    struct str name;
    struct val v;
    struct str where;
    bool dynamic;
};

/* A schema document or a schema within one that has an $id: what "#" means
 * inside. */
struct resource {
    struct resource *next; /* of all */
    struct val root;
    struct str uri;   /* base, without fragment */
    struct str where; /* JSON Pointer of the root in the document */
    const struct document *doc;
    struct dialect *dialect;
    const struct resource *within; /* NULL for a document's root */
    struct anchor *dynamic;
    bool recursive; /* $recursiveAnchor */
};

/* The first resource that was entered of those with a dynamic anchor. */
struct binding {
    struct str name; /* empty: $recursiveAnchor */
    const struct resource *res;
};

struct context {
    size_t number;
    size_t n;
    struct binding *v; /* sorted by name */
};

/* Contexts of one compilation: those of real schemas are a few. */
#define CONTEXTS_MAX 512

struct pending;

struct compiler {
    struct schema *s;
    const char *source;
    struct err *e;
    enum schema_draft draft; /* of documents without $schema */
    bool format_assertion;
    bool meta; /* a metaschema is compiled: what it describes is not checked */
    struct pattern_run *pattern;
    struct store *store;
    struct arena scratch; /* what only the compilation needs */
    struct document *documents;
    const struct document *doc; /* at hand, for messages */
    struct dialect *dialects;
    struct resource *resources;
    struct context *contexts[CONTEXTS_MAX];
    size_t n_contexts;
    struct lookup memo;      /* nodes by schema and context */
    struct lookup places;    /* resources by schema */
    struct lookup by_uri;    /* resources */
    struct lookup anchors;   /* by resource and name */
    struct lookup members;   /* of containers, by key: ref.c */
    struct pending *pending; /* references that wait for their schema */
    size_t n_pending, cap_pending;
};

/* Keywords in the order in which they are compiled. */
enum keyword {
    KW_REF,
    KW_DYNAMIC_REF,
    KW_RECURSIVE_REF,
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
    KW_UNEVALUATED_ITEMS,
    KW_UNEVALUATED_PROPERTIES,
    KW_DEFS,
    KW_DEFINITIONS,
    KW_N
};

/* One schema being compiled. */
struct frame {
    struct compiler *c;
    struct node *n;
    const struct resource *res;
    const struct dialect *dialect;
    const struct context *context;
    const struct where *at;
    struct val v[KW_N]; /* MISSING where the schema does not say */
};

/* Compiles the schema v, which was scanned, as it is reached in a context.
 * NULL: c->e says why. */
const struct node *compile_schema(struct compiler *c, struct val v,
                                  const struct where *at,
                                  const struct context *context);

/* A node that nothing fits. NULL with c->e filled. */
const struct node *compile_false(struct compiler *c, const struct where *at,
                                 const char *code, const char *message);

/* True if the schema was compiled in some context. */
bool compile_is_done(const struct compiler *c, struct val v);

/* ---- scan.c */

/* Scans a document and adds it. text and name are taken over, also on failure.
 * NULL with c->e filled. */
struct document *scan_document(struct compiler *c, struct buf text,
                               struct buf name, struct str uri, bool builtin);

/* Scans a schema that stands in an unknown keyword, when a reference names it.
 * 0 or -1. */
int scan_schema(struct compiler *c, struct val v, const struct where *at,
                struct resource *res);

/* The resource whose URI this is, from the store if need be. Returns 1; 0
 * where there is none; -1 with c->e filled. */
int scan_find(struct compiler *c, struct str uri, struct resource **res);

/* ---- dialect.c */

/* The dialect of a $schema (characters). NULL with c->e filled. */
struct dialect *dialect_find(struct compiler *c, struct str uri,
                             const struct where *at);

/* The dialect of a schema that does not say. NULL: no memory. */
struct dialect *dialect_default(struct compiler *c);

/* Checks all documents against their metaschemas. 0 or -1. */
int dialect_check_all(struct compiler *c);

void dialect_free_all(struct compiler *c);

/* ---- context.c */

/* The context behind the border of res. NULL with c->e filled. */
const struct context *context_enter(struct compiler *c,
                                    const struct context *from,
                                    const struct resource *res);

/* The resource that the context has for a dynamic anchor; NULL: none. */
const struct resource *context_get(const struct context *x, struct str name);

/* ---- ref.c */

enum ref_kind { REF_PLAIN, REF_DYNAMIC, REF_RECURSIVE };

/* Sets *slot, when all else is done, to the schema that reference text, in
 * f's schema, names. 0 or -1. */
int compile_ref(struct frame *f, enum ref_kind kind, struct str text,
                const struct node **slot, const struct where *at);

/* Compiles what references wait for. 0 or -1. */
int compile_pending(struct compiler *c);

/* ---- keyword.c, prop.c, compile.c */

/* What a keyword's value holds. */
enum holds { HOLDS_NONE, HOLDS_SCHEMAS, HOLDS_MAP };

/* Whether the keyword of that name holds schemas, one or a list, or a map of
 * them. */
enum holds keyword_holds(const struct dialect *d, struct str name);

/* Compiles f's keyword k. 0 or -1. */
int keyword_compile(struct frame *f, enum keyword k);

/* Finds the keyword of that name. Returns 1 with *k; 0 where the name is not
 * known to the dialect; 2 for one that changes no verdict. */
int keyword_find(const struct dialect *d, struct str name, enum keyword *k);

/* Joins properties, patterns and the rest of f's node, when all its keywords
 * are compiled. 0 or -1. */
int prop_finish(struct frame *f);

/* Index of u's property with that key (raw), added if new. NO_PROP with c->e
 * filled. */
uint32_t prop_add(struct compiler *c, struct object_rules *u, struct str raw);

/* Fails: ERR_CONFIG, "schema FILE at /pointer: message", FILE being c->doc.
 * Returns -1. */
int compile_fail(struct compiler *c, const struct where *at, const char *fmt,
                 ...) __attribute__((format(printf, 3, 4)));
int compile_nomem(struct compiler *c);

/* Notes something that is not checked. */
void compile_note(struct compiler *c, const struct where *at, const char *fmt,
                  ...) __attribute__((format(printf, 3, 4)));

/* n bytes from the program's arena, zeroed. NULL with c->e filled. */
void *compile_alloc(struct compiler *c, size_t n);

/* The same from the compilation's own. */
void *compile_scratch(struct compiler *c, size_t n);

/* The characters of a string value, in the program's arena. 0 or -1. */
int compile_text(struct compiler *c, struct str raw, struct str *text);

#endif
