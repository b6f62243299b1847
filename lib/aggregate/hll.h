/* hll: HyperLogLog, how many different values there were, about.
 *
 * Flajolet, Fusy, Gandouet, Meunier 2007, with the hash of 64 bits of Heule,
 * Nunkesser, Hall 2013; the estimate is Ertl's improved raw one (2017, "New
 * cardinality estimation algorithms for HyperLogLog sketches", algorithm 6),
 * which needs no tables and is good from 0 on. The standard error is 1.04 /
 * sqrt(2^bits): 0.81% for 14 bits. What is estimated depends on the set of
 * values alone. Registers are bytes. Thread-safe. */
#ifndef AGGREGATE_HLL_H
#define AGGREGATE_HLL_H

#include <stddef.h>
#include <stdint.h>

#define HLL_BITS_LEAST 4
#define HLL_BITS_MOST 18
#define HLL_BITS_DEFAULT 14

/* The largest rank for so many bits. */
static inline unsigned hll_rank_most(unsigned bits)
{
    return 64 - bits + 1;
}

/* The register of a hash, and its rank: what the register holds at least. */
static inline uint32_t hll_place(uint64_t hash, unsigned bits, unsigned *rank)
{
    uint64_t rest = hash << bits | (uint64_t)1 << (bits - 1);
    *rank = (unsigned)__builtin_clzll(rest) + 1;
    return (uint32_t)(hash >> (64 - bits));
}

/* The estimate from the registers' histogram: how many hold 0, 1, ...,
 * hll_rank_most(bits). */
uint64_t hll_estimate(const uint32_t *histogram, unsigned bits);

#endif
