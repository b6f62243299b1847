/* patterns: what strings look like, and how often.
 *
 * A string's pattern has A for each capital letter, a for each small one, 9 for
 * each digit, u for each character that is not ASCII, c for each control, and
 * all others as they are: A9999-99. In one of more than 32 characters or with
 * others than ASCII, and in all once a field has more than PATTERNS_MAX, runs
 * are drawn together: A+9+-9+. Strings that are known by their form go by a
 * name that no pattern can have: email, url, uuid, empty. Not thread-safe. */
#ifndef PROFILE_PATTERNS_H
#define PROFILE_PATTERNS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define PATTERNS_MAX 256
#define PATTERN_BYTES 32

/* Behind a string's first byte so many must be readable, whatever its end. */
#define PATTERN_PADDING PATTERN_BYTES

struct pattern_entry {
    char text[PATTERN_BYTES]; /* zeros behind its end */
    uint64_t count;
    bool drawn; /* a name, or its runs are drawn together */
};

/* Zeroed to begin with. */
struct patterns {
    struct pattern_entry *v; /* owned */
    uint16_t *slots;         /* owned: number of an entry, from 1 */
    uint32_t n, last;
    bool drawn;     /* those of all strings, from now on */
    uint64_t other; /* strings of patterns that found no room */
};

/* Counts a string (its characters) count times; ascii tells that it has no
 * other ones. 0 or -1 (memory). */
int patterns_take(struct patterns *p, struct str text, bool ascii,
                  uint64_t count);

/* Orders the entries, most frequent first; no more may be taken then. */
void patterns_sort(struct patterns *p);

void patterns_free(struct patterns *p);

#endif
