/* cases: the random numbers of generated tests, and how many cases they run.
 *
 * UNIT_CASES and UNIT_SEED in the environment ask for more cases, or others.
 * Each case starts from its own number, so that one that fails can be run
 * alone: UNIT_SEED=n UNIT_CASES=1. */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include <stdint.h>
#include <stdlib.h>

static uint64_t cases_state;

static inline uint64_t cases_env(const char *name, uint64_t otherwise)
{
    const char *v = getenv(name);
    return v && *v ? strtoull(v, NULL, 10) : otherwise;
}

/* splitmix64 (Steele, Lea and Flood 2014): neighbouring seeds have nothing in
 * common. */
static inline uint64_t random_bits(void)
{
    uint64_t z = cases_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline unsigned random_below(unsigned n)
{
    return (unsigned)((random_bits() >> 32) * n >> 32);
}

/* One in n. */
static inline bool chance(unsigned n)
{
    return random_below(n) == 0;
}

#define PICK(list) ((list)[random_below(sizeof(list) / sizeof(*(list)))])

#endif
