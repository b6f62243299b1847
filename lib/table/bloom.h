/* bloom: a set of keys in little memory, that may take a key for one it has
 * seen.
 *
 * A scalable Bloom filter (Almeida, Baquero, Preguica and Hutchison 2007):
 * filters of growing size, each with half of the error of the one before, so
 * that all of them together never exceed the bound however many keys there
 * are. All bits of a key come from one 128-bit hash. A key that was added is
 * always found. Not thread-safe. */
#ifndef TABLE_BLOOM_H
#define TABLE_BLOOM_H

#include "base/hash.h"
#include "table/region.h"

#define BLOOM_FILTERS 40

struct bloom_filter {
    struct region bits; /* owned */
    uint64_t n_bits, keys, room;
    unsigned hashes;
};

struct bloom {
    struct bloom_filter v[BLOOM_FILTERS];
    unsigned n;
    double error;
    uint64_t expect;       /* keys of the first filter */
    struct budget *budget; /* borrowed */
    uint64_t seed;
};

/* Prepares b: error is the probability, at most, that a new key is taken for
 * one seen, whatever was added, above 0 and below 1; expect is the number of
 * keys (at least 1) that the first filter is made for. Allocates it. 0, or -1
 * with e (ERR_CONFIG where the budget does not allow it). */
int bloom_init(struct bloom *b, double error, uint64_t expect,
               struct budget *budget, struct err *e);

struct hash128 bloom_hash(const struct bloom *b, struct str key);

/* Adds a key: 1 where it was not there for certain, 0 where it seems to be,
 * -1 with e where the set has to grow and cannot. */
int bloom_add(struct bloom *b, struct hash128 hash, struct err *e);

/* Starts to load what bloom_add will look at. */
void bloom_prefetch(const struct bloom *b, struct hash128 hash);

void bloom_free(struct bloom *b);

#endif
