/* rule_read: reading a document into rules. Internal to lib/evolve: rule.c
 * walks the document, keyword.c reads keywords, refer.c follows references. */
#ifndef EVOLVE_RULE_READ_H
#define EVOLVE_RULE_READ_H

#include "evolve/rule.h"

/* A reference to be followed when all else is read. */
struct pending {
    struct rule *rule;
    const struct tree *at; /* the keyword */
    struct str text;
    bool dynamic, recursive;
};
struct rule_reader {
    struct rules *set;
    struct document *doc;
    struct pending *pending; /* owned */
    size_t n_pending, cap_pending;
    struct err *e;
};
/* The rule of the schema t, read at the first call. NULL with r->e filled. */
struct rule *rule_of(struct rule_reader *r, struct tree *t);

/* Reads what rule's tree says. 0 or -1. */
int rule_keywords(struct rule_reader *r, struct rule *rule);

/* Notes a reference. 0 or -1. */
int rule_refer(struct rule_reader *r, struct rule *rule, const struct tree *at,
               bool dynamic, bool recursive);

/* Notes $id and anchors of t. 0 or -1. */
int rule_identify(struct rule_reader *r, struct rule *rule, struct tree *t);

/* Follows all references. 0 or -1. */
int rule_resolve(struct rule_reader *r);

/* Fails: ERR_CONFIG, "schema NAME at /pointer: message". Returns -1. */
int rule_fail(struct rule_reader *r, const struct tree *at, const char *fmt,
              ...) __attribute__((format(printf, 3, 4)));

/* n bytes from the set's arena, zeroed. NULL with r->e filled. */
void *rule_alloc(struct rule_reader *r, size_t n);

#endif
