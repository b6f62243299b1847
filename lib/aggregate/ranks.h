/* ranks: the k-th least of many numbers, without sorting them.
 *
 * Selection by partitioning (Hoare 1961, "Find") with a pivot from a sample
 * that lies a little beyond the rank looked for (after Floyd and Rivest 1975),
 * so that what is left to search is small after two or three rounds. What was
 * found out about the order is kept: further ranks of the same numbers search
 * between the cuts that are there. Where pivots turn out badly, the middle of
 * the values' range is one: so no input takes more than 64 rounds longer. */
#ifndef AGGREGATE_RANKS_H
#define AGGREGATE_RANKS_H

#include <stddef.h>
#include <stdint.h>

#define RANKS_CUTS 256

struct ranks {
    int64_t *v; /* borrowed; they are rearranged */
    size_t n;
    /* Ascending; no number before a cut is greater than one behind it. */
    size_t cut[RANKS_CUTS];
    size_t cuts;
};

/* Begins anew with n numbers. */
void ranks_start(struct ranks *r, int64_t *v, size_t n);

/* The number that would be at place k (0-based, below n) if they were sorted.
 * Takes time in proportion to n at first, less later. */
int64_t ranks_get(struct ranks *r, size_t k);

#endif
