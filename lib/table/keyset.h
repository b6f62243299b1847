/* keyset: the set of all keys seen, each with a number in order of appearance.
 *
 * Keys are bytes (json/key.h makes them from values) and are compared exactly;
 * the hash only finds where to look. Open addressing with linear probing over
 * slots of 8 bytes (32 bits of the hash, and where the key lies); a slot's
 * place is the leading bits of its tag, so the table grows in one pass over
 * the old slots in order, without touching a key. Keys lie one behind the
 * other in an append-only region, each with its number and length in front.
 * A key costs its bytes, about 12 more there, 11 to 22 for its slot, and no
 * malloc; to find it costs two loads that may miss the caches, and both can be
 * started early. Not thread-safe. */
#ifndef TABLE_KEYSET_H
#define TABLE_KEYSET_H

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "table/region.h"

#include <stdbool.h>
#include <stdint.h>

struct keyset_slot {
    uint32_t tag;
    uint32_t at; /* of the key, in units of KEYSET_UNIT, from 1; 0: empty */
};

#define KEYSET_UNIT 8

struct keyset {
    struct region slots, keys; /* owned */
    uint32_t n;                /* keys */
    uint32_t room;             /* keys that fit before the slots must grow */
    unsigned shift;            /* a slot's place is its tag >> shift */
    uint32_t mask;
};

/* Prepares an empty set that charges budget (borrowed). Allocates nothing. */
void keyset_init(struct keyset *k, struct budget *budget);

/* Adds key, whose hash is hash128(key), unless it is there. *number becomes
 * its number, 0-based in order of first insertion. Returns 1 where it is new,
 * 0 where it was there, -1 with e (see region_reserve; ERR_CONFIG also past
 * 3 * 2^30 keys or 32 GiB of them); the set is unchanged then. */
int keyset_insert(struct keyset *k, struct hash128 hash, struct str key,
                  uint32_t *number, struct err *e);

/* Looks a key up without adding it. */
bool keyset_find(const struct keyset *k, struct hash128 hash, struct str key,
                 uint32_t *number);

/* Walks the keys in order of first insertion: *at is 0 for the first call, and
 * its own afterwards. Sets *key, borrowed until the next insert; false behind
 * the last. */
bool keyset_next(const struct keyset *k, size_t *at, struct str *key);

void keyset_free(struct keyset *k);

static inline uint32_t keyset_tag(struct hash128 hash)
{
    return (uint32_t)(hash.hi >> 32);
}

/* Starts to load the slot that hash leads to, a while before it is needed. */
static inline void keyset_prefetch(const struct keyset *k, struct hash128 hash)
{
    if (k->n)
        __builtin_prefetch(
            (const struct keyset_slot *)(const void *)k->slots.p +
            (keyset_tag(hash) >> k->shift));
}

/* The next step, once the slot is there: starts to load the key that may be
 * the one. */
static inline void keyset_prefetch_key(const struct keyset *k,
                                       struct hash128 hash)
{
    if (k->n == 0)
        return;
    const struct keyset_slot *slots =
        (const struct keyset_slot *)(const void *)k->slots.p;
    uint32_t tag = keyset_tag(hash), i = tag >> k->shift;
    while (slots[i].at && slots[i].tag != tag)
        i = (i + 1) & k->mask;
    if (slots[i].at)
        __builtin_prefetch(k->keys.p + (size_t)(slots[i].at - 1) * KEYSET_UNIT);
}

#endif
