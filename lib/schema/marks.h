/* marks: which members or elements of one value are evaluated, by number.
 *
 * While a schema with unevaluated* is walked, all that applies to its value in
 * place notes here what it has looked at. Internal to lib/schema. */
#ifndef SCHEMA_MARKS_H
#define SCHEMA_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARKS_LOCAL 2 /* words that need no allocation */

/* All zero at first. */
struct marks {
    bool all;       /* each of them, however many there are */
    size_t n;       /* words in heap */
    uint64_t *heap; /* owned; NULL: local is enough */
    uint64_t local[MARKS_LOCAL];
};

/* Marks number i. 0 or -1 (no memory). */
int marks_set(struct marks *m, size_t i);

bool marks_has(const struct marks *m, size_t i);

/* Marks what from has marked. 0 or -1 (no memory). */
int marks_merge(struct marks *m, const struct marks *from);

void marks_free(struct marks *m);

#endif
