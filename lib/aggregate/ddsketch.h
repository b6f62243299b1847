/* ddsketch: DDSketch, quantiles of many numbers with a relative error.
 *
 * Masson, Rim, Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch
 * with relative-error guarantees". A number is counted in bucket
 * ceil(log(|x|) / log(gamma)) of its sign, with gamma = (1 + error) / (1 -
 * error); zero in one of its own, and what is nearer to it than 1e-300. A sign
 * has a span of buckets up to its highest one, and what is lower is counted in
 * the lowest: the bound holds for numbers that are not 10^17 times smaller than
 * the largest of their sign, and of 1% that takes 2048 buckets at most, as
 * numbers of all sizes would, of 0.1% ten times as many. Counts are whole, so
 * that neither the order of the numbers nor that of merges makes a difference.
 *
 * A sketch is a head and a table in a block; both can be moved. */
#ifndef AGGREGATE_DDSKETCH_H
#define AGGREGATE_DDSKETCH_H

#include "aggregate/blocks.h"

#define DDSKETCH_ERROR_DEFAULT 0.01
#define DDSKETCH_ERROR_LEAST 0.0001
#define DDSKETCH_ERROR_MOST 0.5

/* What all sketches of one error share. */
struct ddsketch_shape {
    double error, log_gamma;
    int32_t span;
};

/* error is one of those above, or in between. */
struct ddsketch_shape ddsketch_shape_of(double error);

/* Buckets are counted in a hash table. */
struct ddsketch {
    uint64_t n;      /* numbers */
    uint64_t zeros;  /* of them */
    int32_t high[2]; /* highest buckets of the positive and negative ones */
    uint32_t place;  /* the block, 0: none */
    uint32_t used;   /* buckets in it */
    uint8_t log;     /* of its bytes */
    uint8_t signs;   /* 1: there are positive ones; 2: negative ones */
};

struct ddsketch_bucket {
    uint64_t count;
    int32_t index;
    uint32_t sign; /* 1: positive; 2: negative; 0: no bucket */
};

/* Adds a bucket's count, sign 0 standing for zeros. 0; or -1 with e and nothing
 * changed. */
int ddsketch_add(struct ddsketch *s, const struct ddsketch_shape *shape,
                 struct blocks *b, struct ddsketch_bucket bucket,
                 struct err *e);

/* The bucket of a number, with count 1. */
struct ddsketch_bucket ddsketch_bucket_of(const struct ddsketch_shape *shape,
                                          double v);

/* Sets *all to the buckets but for zeros, s->used of them or less, ascending by
 * the numbers they stand for: owned, freed with free. Returns how many, or -1
 * without memory. */
long ddsketch_buckets(const struct ddsketch *s,
                      const struct ddsketch_shape *shape,
                      const struct blocks *b, struct ddsketch_bucket **all);

/* The number in the middle of a bucket. */
double ddsketch_middle(const struct ddsketch_shape *shape,
                       const struct ddsketch_bucket *b);

#endif
