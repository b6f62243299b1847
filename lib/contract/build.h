/* build: puts a tree together from what a parser finds, one after the other.
 * Internal to lib/contract. */
#ifndef CONTRACT_BUILD_H
#define CONTRACT_BUILD_H

#include "contract/yaml.h"

#define BUILD_MAX_ANCHORS 1000

struct build_at {
    uint32_t line, column;
};

struct build {
    struct arena *arena; /* borrowed */
    const char *name;    /* borrowed: in messages */
    struct err *e;
    struct build_open *open; /* owned: containers, the innermost last */
    size_t n_open;
    struct yaml_member *stack; /* owned: members of those that are open */
    size_t n, cap;
    struct build_anchor *anchors; /* owned */
    size_t n_anchors;
    uint64_t values;
    const struct yaml *root; /* once it is complete */
};

/* Fails: ERR_CONFIG, "YAML NAME, line N, column N: message". Returns -1. */
int build_fail(struct build *b, struct build_at at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* True where a key is to come. */
bool build_wants_key(const struct build *b);

/* All return 0, or -1 with b->e. Texts are copied; anchor is NULL for none. */
int build_key(struct build *b, struct str key, bool merges, struct build_at at);
int build_open(struct build *b, enum json_type type, const char *anchor,
               struct build_at at);
int build_close(struct build *b);
int build_alias(struct build *b, const char *anchor, struct build_at at);

/* A string, or a plain scalar: what yaml_resolve makes of it. */
int build_scalar(struct build *b, struct str text, bool plain,
                 const char *anchor, struct build_at at);

/* Frees all but the tree. */
void build_free(struct build *b);

#endif
