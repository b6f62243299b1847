/* wordkey: keys that are digits between literals, as words of 64 bits.
 *
 * Real keys repeat a pattern: O20240101-0000001, 2024-01-01, 4711. Of such a
 * key only the digits are new. A pattern, which is the key with its digits
 * left open, gets a number when it is first seen; pattern and digits together
 * then fit into a word if the digits are at most 16; patterns of which
 * less than half is digits are left out. Two keys are equal (as
 * json/key.h has it) if and only if their words are, and whether a key has a
 * word depends on its value and on what patterns came before, never on its
 * spelling: a key that had none when it came first has none later. The number
 * of patterns is bounded; keys of any other pattern have no word, and go by
 * their bytes. Words are of the process, not to be stored. Not thread-safe. */
#ifndef TABLE_WORDKEY_H
#define TABLE_WORDKEY_H

#include "json/value.h"

#include <stdint.h>

struct wordkeys;

/* NULL: no memory. Owned, freed with wordkeys_free. */
struct wordkeys *wordkeys_new(void);
void wordkeys_free(struct wordkeys *w);

#define WORDKEY_PATTERNS 1023 /* at most */
#define WORDKEY_BYTES 32      /* of a key as JSON text, at most */

/* The word of the key whose n parts are the values vals[part[0 .. n)]; 0: it
 * has none. Keys of one w have all the same number of parts. */
uint64_t wordkey_of(struct wordkeys *w, const struct val *vals,
                    const size_t *part, size_t n);

#endif
