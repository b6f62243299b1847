/* bits: a bit for each of many records, set in any order.
 *
 * Few are kept in memory, many in a file without a name that is mapped, whose
 * pages the kernel may write out and take back. Not thread-safe. */
#ifndef TABLE_BITS_H
#define TABLE_BITS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bits {
    unsigned char *v; /* owned; NULL for none */
    size_t bytes;
};

/* Prepares n bits, all 0. Where they need more than memory bytes they go to a
 * file in dir. 0, or -1 with e (ERR_CANTCREAT, ERR_IO where the disk is full,
 * quoting dir; without memory). */
int bits_init(struct bits *b, uint64_t n, size_t memory, const char *dir,
              struct err *e);

void bits_free(struct bits *b);

/* How many are 1. */
uint64_t bits_count(const struct bits *b);

/* i is below n. */
static inline void bits_set(struct bits *b, uint64_t i)
{
    b->v[i / 8] = (unsigned char)(b->v[i / 8] | 1U << i % 8);
}

static inline bool bits_get(const struct bits *b, uint64_t i)
{
    return b->v[i / 8] >> i % 8 & 1;
}

#endif
