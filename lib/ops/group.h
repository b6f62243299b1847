/* group: the groups of an aggregate: their keys, numbers and spellings.
 *
 * A group is known by its key (json/key.h, part after part) and numbered from
 * 0 in order of first appearance. The first spelling of every key part is
 * kept. Not thread-safe. */
#ifndef OPS_GROUP_H
#define OPS_GROUP_H

#include "json/value.h"
#include "table/keyset.h"

struct groups {
    size_t parts; /* of a key */
    struct keyset keys;
    struct region text; /* spellings: parts end with LF, missing is empty */
    struct region ends; /* uint64_t a group: where its spelling ends in text */
};

void group_init(struct groups *g, size_t parts, struct budget *budget);

/* The number of the group with this key, if it is there. */
static inline bool group_find(const struct groups *g, struct hash128 hash,
                              struct str key, uint32_t *number)
{
    return keyset_find(&g->keys, hash, key, number);
}

/* Adds the group with this key, which is new, with the spelling of vals
 * (g->parts of them). 0 or -1 with e; a group is then not half there. */
int group_add(struct groups *g, struct hash128 hash, struct str key,
              const struct val *vals, uint32_t *number, struct err *e);

/* Fills vals with the parts of group number as first spelled, MISSING where
 * there was none. Borrowed until the next group is added. */
void group_spelling(const struct groups *g, uint32_t number, struct val *vals);

/* Returns all group numbers ordered by key, part after part (json/order.h),
 * owned, freed with free; NULL with e. */
uint32_t *group_sort(const struct groups *g, struct err *e);

void group_free(struct groups *g);

#endif
