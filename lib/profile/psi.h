/* psi: the population stability index, and what of a difference is chance.
 *
 *     PSI = sum over bins of (a - e) * ln(a / e)
 *
 * with the shares e in the baseline and a now: the symmetric divergence of
 * Kullback and Leibler (1951), as credit scoring has used it since Siddiqi
 * 2006, where below 0.1 is stable and above 0.2 a change. Thread-safe. */
#ifndef PROFILE_PSI_H
#define PROFILE_PSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A share of 0 has no logarithm: shares count as this at least. */
#define PSI_SHARE_LEAST 0.0001

/* The index of n bins. 0 where either has no values. */
double psi_of(const uint64_t *expected, const uint64_t *actual, size_t n);

/* What the index stays under with a probability of 99.9% where nothing has
 * changed: it is distributed as (1 / expected + 1 / actual) times chi square of
 * bins - 1 (Yurdakul 2018, "Statistical properties of population stability
 * index"), whose quantile is that of Wilson and Hilferty 1931. The counts are
 * those of all bins together, above 0. */
double psi_chance(size_t bins, uint64_t expected, uint64_t actual);

/* Do a of n and b of m differ by more than chance lets them once in a thousand
 * times (z-test of two proportions)? */
bool psi_shares_differ(uint64_t a, uint64_t n, uint64_t b, uint64_t m);

#endif
