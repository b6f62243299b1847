/* rule_read: reading a document into rules. Internal to lib/evolve: rule.c
 * walks the document, keyword.c reads keywords, refer.c follows references. */
#ifndef EVOLVE_RULE_READ_H
#define EVOLVE_RULE_READ_H

#include "evolve/rule.h"
#include "schema/lookup.h"

struct anchor {
    struct tree *tree;
    struct str name;
    bool dynamic;
};

/* A reference to be followed when all else is read. */
struct pending {
    struct rule *rule;
    const struct tree *at; /* the keyword */
    struct str text;
    bool dynamic, recursive;
};

struct pending_list {
    struct pending *v; /* owned */
    size_t n, cap;
};

/* A version being read. */
struct rule_reader {
    struct rules *set;
    struct document *doc;    /* at hand */
    struct document *others; /* of the version; chained */
    struct lookup by_uri;    /* trees of resources, documents among them */
    struct lookup anchors;   /* by resource and name */
    struct anchor **dynamic; /* owned: the dynamic ones */
    size_t n_dynamic, cap_dynamic;
    size_t resources; /* with a URI of their own, the first document aside */
    struct pending_list refs, later; /* later: dynamic ones */
    struct err *e;
};

/* Reads a document and adds it to the version: the first one is its own. text
 * is copied, name borrowed. NULL with r->e filled. */
struct document *rule_document(struct rule_reader *r, struct str text,
                               const char *name, struct str uri);

/* The rule of the schema t, read at the first call. NULL with r->e filled. */
struct rule *rule_of(struct rule_reader *r, struct tree *t);

/* Reads what rule's tree says. 0 or -1. */
int rule_keywords(struct rule_reader *r, struct rule *rule);

/* Notes a reference. 0 or -1. */
int rule_refer(struct rule_reader *r, struct rule *rule, const struct tree *at,
               bool dynamic, bool recursive);

/* Notes the document at hand under its URI. 0 or -1. */
int rule_locate(struct rule_reader *r);

/* Notes $id and anchors of t. 0 or -1. */
int rule_identify(struct rule_reader *r, struct rule *rule, struct tree *t);

/* Notes that what `to` says applies where `rule` does, which has a place. 0 or
 * -1. */
int rule_also(struct rule_reader *r, struct rule *rule, struct rule *to);

/* Says by other means what the unevaluatedProperties of the set's rules from
 * number `from` on say, where that is possible. 0 or -1. */
int rule_unevaluated(struct rule_reader *r, size_t from);

/* Follows all references, and reads the documents that they lead to. 0 or
 * -1. */
int rule_resolve(struct rule_reader *r);

/* Sets *draft to that of the metaschema with this URI, which is none of the
 * known ones, by the metaschema that it names itself. Returns 1; 0 where there
 * is none; -1 with r->e filled. */
int rule_dialect(struct rule_reader *r, struct str uri, unsigned *draft);

/* The draft of a $schema; 0: not known. */
unsigned rule_draft_of(struct str uri);

/* Fails: ERR_CONFIG, "schema NAME at /pointer: message". Returns -1. */
int rule_fail(struct rule_reader *r, const struct tree *at, const char *fmt,
              ...) __attribute__((format(printf, 3, 4)));

/* n bytes from the set's arena, zeroed. NULL with r->e filled. */
void *rule_alloc(struct rule_reader *r, size_t n);

#endif
