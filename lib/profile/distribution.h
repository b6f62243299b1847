/* distribution: the numbers of a column in order, with how many of each: as
 * they are where all are counted, else in the buckets of a sketch. */
#ifndef PROFILE_DISTRIBUTION_H
#define PROFILE_DISTRIBUTION_H

#include "profile/column.h"

struct distribution_step {
    double x; /* the number, or the middle of its bucket */
    uint64_t n;
};

struct distribution {
    struct distribution_step *v; /* owned; ascending */
    size_t n;
    uint64_t total;
    const struct ddsketch_shape *shape; /* borrowed */
    bool exact;
};

/* Reads c, which has ended. 0 or -1 (memory); distribution_free in every case.
 */
int distribution_of(struct distribution *d, const struct column *c,
                    const struct column_shared *s);
void distribution_free(struct distribution *d);

/* The least number with a share of p (0 to 1) up to it; total is not 0. */
double distribution_at(const struct distribution *d, double p);

/* bins[i]: how many are up to edges[i] and above the one before; bins[n] the
 * rest. Unless both are exact, numbers of an edge's bucket count as up to it.
 */
void distribution_split(const struct distribution *d, const double *edges,
                        size_t n, bool edges_exact, uint64_t *bins);

#endif
