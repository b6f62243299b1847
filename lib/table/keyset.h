/* keyset: the set of all keys seen, each with a number in order of appearance.
 *
 * Keys are bytes (json/key.h makes them from values) and are compared exactly;
 * the hash only finds where to look. A slot (table/slots.h) is the leading 30
 * bits of the hash and where the key lies; so the table grows without touching
 * a key. Keys lie one behind the other in an append-only region, each with its
 * length in front, and its number if numbers are wanted. A key costs its
 * bytes, 1 or 2 more (5 or 6 with a number), 10 to 15 for its slot, and no
 * malloc; to find it costs two loads that may miss the caches, and both can be
 * started early. Not thread-safe. */
#ifndef TABLE_KEYSET_H
#define TABLE_KEYSET_H

#include "base/hash.h"
#include "base/str.h"
#include "table/slots.h"

struct keyset {
    struct slots slots;
    struct region keys; /* owned */
    uint32_t n;         /* keys */
    bool numbered;
    uint64_t seed; /* of keyset_hash */
};

/* A slot is a tag and, in this many bits, where the key lies: in units of 2
 * bytes, from 1. */
#define KEYSET_AT_BITS SLOTS_FREE_BITS
#define KEYSET_AT_MAX (((uint64_t)1 << KEYSET_AT_BITS) - 1)
#define KEYSET_UNIT 2

/* Prepares an empty set that charges budget (borrowed). Allocates nothing. */
void keyset_init(struct keyset *k, struct budget *budget);

/* The same for who asks for no numbers: all of them are 0. */
void keyset_init_unnumbered(struct keyset *k, struct budget *budget);

/* Adds key, whose hash is keyset_hash(k, key) or any other that is always the
 * same for the same key, unless it is there. *number becomes its number,
 * 0-based in order of first insertion. Returns 1 where it is new, 0 where it
 * was there, -1 with e (see region_reserve; ERR_CONFIG also past 3 * 2^30 keys
 * or 32 GiB of them); the set is unchanged then. */
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

/* A hash of key that nobody outside the process can foresee. */
static inline struct hash128 keyset_hash(const struct keyset *k, struct str key)
{
    uint64_t h = XXH3_64bits_withSeed(key.p, key.n, k->seed);
    return (struct hash128){ h, h }; /* as much of it as is looked at */
}

/* The least slot that a key of this hash can have. */
static inline uint64_t keyset_tag(struct hash128 hash)
{
    return (hash.hi >> KEYSET_AT_BITS << KEYSET_AT_BITS) + 1;
}

/* Starts to load the slot that hash leads to, a while before it is needed. */
static inline void keyset_prefetch(const struct keyset *k, struct hash128 hash)
{
    slots_prefetch(&k->slots, keyset_tag(hash));
}

/* The next step, once the slot is there: starts to load the key that may be
 * the one. */
static inline void keyset_prefetch_key(const struct keyset *k,
                                       struct hash128 hash)
{
    uint64_t tag = keyset_tag(hash);
    const uint64_t *slot = slots_seek(&k->slots, tag);
    /* Something is loaded in any case: which, nobody could guess. */
    const char *p = (const char *)slot;
    if (*slot - tag < KEYSET_AT_MAX)
        p = k->keys.p + (*slot - tag) * KEYSET_UNIT;
    __builtin_prefetch(p);
}

#endif
