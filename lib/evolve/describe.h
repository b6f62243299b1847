/* describe: a finding of the prover as a difference between two versions.
 * Internal to lib/evolve. */
#ifndef EVOLVE_DESCRIBE_H
#define EVOLVE_DESCRIBE_H

#include "evolve/compat.h"
#include "evolve/prove.h"

/* Fills d's pointer, kind, was, is and message, whose texts are in the arena.
 * breaks: the one direction in which f was found: COMPAT_BACKWARD if the right
 * side is the newer version. 0, or -1 without memory. */
int describe_finding(struct arena *a, const struct finding *f, unsigned breaks,
                     struct difference *d);

/* A default that was added, removed (NULL) or changed at rule. */
int describe_default(struct arena *a, const struct rule *rule,
                     const struct tree *was, const struct tree *is,
                     struct difference *d);

#endif
