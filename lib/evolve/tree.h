/* tree: a JSON document as a tree, for schemas: small, and read at random.
 *
 * Numbers stay text. Of duplicate keys the last counts. A document may have
 * TREE_MAX_BYTES and nest TREE_MAX_DEPTH deep; its tree is bounded too. */
#ifndef EVOLVE_TREE_H
#define EVOLVE_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/value.h"

#include <stdint.h>

#define TREE_MAX_BYTES ((size_t)16 << 20)
#define TREE_MAX_DEPTH 256
#define TREE_MAX_MEMORY ((size_t)384 << 20)

struct rule;

struct tree {
    enum json_type type;
    uint32_t n;       /* elements or members */
    struct str text;  /* strings: characters; numbers: as written */
    struct str raw;   /* as written */
    struct tree *v;   /* elements, or the members' values */
    struct str *keys; /* of members: characters */
    uint32_t *slots;  /* members by key where they are many: index + 1 */
    uint32_t n_slots; /* a power of 2 */
    uint32_t at;      /* place in up */
    const struct tree *up;
    struct rule *rule; /* what the schema at this place says, once read */
};

/* Reads text, which is copied, into a tree within the arena. ERR_CONFIG: not
 * JSON (with the line), nested too deep, too large; ERR_TEMPFAIL. source names
 * it in messages. NULL with e filled. */
struct tree *tree_parse(struct arena *a, struct str text, const char *source,
                        struct err *e);

/* An object that has these keys (an array and texts in the arena; each counts
 * once), with true as their values. NULL: no memory. */
struct tree *tree_names(struct arena *a, struct str *keys, size_t n);

/* The member with this key; NULL where there is none or t is no object. */
struct tree *tree_get(const struct tree *t, struct str key);

/* Its place among the members, or UINT32_MAX. */
uint32_t tree_find(const struct tree *t, struct str key);

/* Appends the JSON Pointer of t's place. 0 or -1. */
int tree_pointer(struct buf *out, const struct tree *t);

/* Appends t as JSON without spaces. 0 or -1. */
int tree_write(struct buf *out, const struct tree *t);

/* Equal by value: 1 is 1.0, members in any order. */
bool tree_equal(const struct tree *a, const struct tree *b);

#endif
