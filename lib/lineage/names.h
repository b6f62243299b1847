/* names: texts as numbers, dense from 0 in order of first appearance.
 *
 * Open addressing on 64-bit hashes, texts compared exactly. Not thread-safe. */
#ifndef LINEAGE_NAMES_H
#define LINEAGE_NAMES_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

#define NAMES_NONE UINT32_MAX

/* Zeroed to begin with. */
struct names {
    struct str *v; /* owned; by number, texts in the arena */
    uint32_t n, cap;
    uint32_t *slots; /* owned: number + 1 */
    uint32_t mask;   /* slots, a power of two, less 1 */
    struct arena text;
};

/* The number of text, which is new or known; NAMES_NONE without memory. */
uint32_t names_add(struct names *t, struct str text);

/* The same for what is known; else NAMES_NONE. */
uint32_t names_find(const struct names *t, struct str text);

void names_free(struct names *t);

#endif
