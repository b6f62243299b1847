/* series: many series by key, each a struct detect, in bounded memory.
 *
 * A hash table with chains on a seeded hash; keys are compared exactly. Where
 * a new key would take more than the maximum, the series that had no value for
 * longest is forgotten, in constant time (least recently used). Not
 * thread-safe. */
#ifndef DETECT_SERIES_H
#define DETECT_SERIES_H

#include "base/err.h"
#include "base/str.h"
#include "detect/detect.h"

struct series_entry;

struct series {
    size_t block;  /* detect_size */
    uint64_t seed; /* of the hash: nobody outside can foresee it */
    size_t max;    /* bytes that entries and table may take; 0: no limit */
    size_t used;
    size_t n; /* series */
    uint64_t forgotten;
    struct series_entry **heads; /* owned; a power of two of them */
    size_t n_heads;
    struct series_entry *newest, *oldest;
};

/* Prepares s for series of these parameters. Allocates nothing. */
void series_init(struct series *s, const struct detect_params *p,
                 size_t max_bytes);

/* The series of key (copied), new where there is none; it is now the newest.
 * *d is borrowed until the next call. 0, or -1: ERR_CONFIG where not even this
 * one has room, ERR_TEMPFAIL without memory; s is as it was then, or has
 * forgotten. */
int series_get(struct series *s, struct str key, struct detect **d,
               struct err *e);

/* Series are walked from the oldest to the newest: *at is NULL for the first
 * call, and its own afterwards. False behind the last. */
bool series_next(const struct series *s, const struct series_entry **at,
                 struct str *key, const struct detect **d);

void series_free(struct series *s);

#endif
