/* regex: Perl's regular expressions (PCRE2) over strings, compiled once.
 *
 * Patterns that stand in an expression are kept; those out of records are
 * kept as long as there is room. Characters are those of UTF-8; '$' is the end
 * alone. A search ends after so many steps: a pattern that backtracks without
 * end is an error and no hang. Not thread-safe: a set a thread. */
#ifndef REGEX_REGEX_H
#define REGEX_REGEX_H

#include "base/str.h"

#define REGEX_GROUPS_MAX 99

enum regex_flag {
    REGEX_NOCASE = 1,
    REGEX_LINES = 2,   /* ^ and $ at every line */
    REGEX_NEWLINE = 4, /* . is a line feed too */
};

struct regex_set;
struct regex;

/* What is wrong with a pattern or a search. */
struct regex_why {
    char text[160];
    size_t at; /* byte of the pattern, 0-based */
};

/* Returns an empty set, owned, freed with regex_set_free; NULL: no memory. */
struct regex_set *regex_set_new(void);
void regex_set_free(struct regex_set *s);

/* Compiles a pattern for as long as the set lives; pattern is borrowed for as
 * long, and known again by its address. 0, -1 with why, -2 without memory. */
int regex_pin(struct regex_set *s, struct str pattern, unsigned flags,
              struct regex_why *why);

/* The pattern compiled, borrowed from the set until the next regex_get. */
int regex_get(struct regex_set *s, struct str pattern, unsigned flags,
              const struct regex **re, struct regex_why *why);

/* Searches text, which must be UTF-8, from byte `from` on. 1 if it is found,
 * 0 if not, -1 with why past the limits, -2 without memory. *group is then
 * borrowed until the next search: group i lies from byte group[2 * i] to
 * group[2 * i + 1] (SIZE_MAX where it took no part), 0 being the whole. */
int regex_search(struct regex_set *s, const struct regex *re, struct str text,
                 size_t from, const size_t **group, struct regex_why *why);

/* Number of groups besides the whole; the name of group i (1 to that number),
 * borrowed from re, empty where it has none. */
unsigned regex_groups(const struct regex *re);
struct str regex_name(const struct regex *re, unsigned i);

#endif
