/* seed: a random number of the process's own.
 *
 * Hash tables over foreign data start from it, so that nobody can prepare
 * input whose keys all fall into one place (Crosby and Wallach 2003, "Denial
 * of service via algorithmic complexity attacks"). Nothing that is printed or
 * stored may depend on it. Thread-safe. */
#ifndef BASE_SEED_H
#define BASE_SEED_H

#include <stdint.h>

/* The i-th of the process's random numbers: the same at every call. */
uint64_t seed(unsigned i);

#endif
