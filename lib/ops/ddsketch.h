/* ddsketch: DDSketch, quantiles of many numbers with a relative error.
 *
 * Masson, Rim, Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch
 * with relative-error guarantees". A number is counted in bucket
 * ceil(log(|x|) / log(gamma)) of its sign, with gamma = (1 + error) / (1 -
 * error); zero in one of its own, and what is nearer to it than 1e-300. A sign
 * has DDSKETCH_SPAN buckets up to its highest one, and what is lower is counted
 * in the lowest: for an error of 1% the bound holds for numbers that are not
 * 10^17 times smaller than the largest of their sign. Counts are whole, so that
 * neither the order of the numbers nor that of merges makes a difference.
 *
 * A sketch is a head and a table in a block; both can be moved. */
#ifndef OPS_DDSKETCH_H
#define OPS_DDSKETCH_H

#include "ops/blocks.h"

#define DDSKETCH_ERROR_DEFAULT 0.01
#define DDSKETCH_SPAN 2048

/* Buckets are counted in a hash table. */
struct ddsketch {
    uint64_t n;      /* numbers */
    uint64_t zeros;  /* of them */
    int32_t high[2]; /* highest buckets of the positive and negative ones */
    uint32_t place;  /* the block, 0: none */
    uint16_t used;   /* buckets in it */
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
int ddsketch_add(struct ddsketch *s, struct blocks *b,
                 struct ddsketch_bucket bucket, struct err *e);

/* The bucket of a number, with count 1. */
struct ddsketch_bucket ddsketch_bucket_of(double v, double log_gamma);

/* Sets *all to the buckets but for zeros, s->used of them or less, ascending by
 * the numbers they stand for: owned, freed with free. Returns how many, or -1
 * without memory. */
long ddsketch_buckets(const struct ddsketch *s, const struct blocks *b,
                      struct ddsketch_bucket **all);

/* The number in the middle of a bucket. */
double ddsketch_middle(const struct ddsketch_bucket *b, double error);

#endif
