/* pattern: regular expressions of schemas, matched with bounded effort.
 *
 * ECMA-262 syntax (ecma.h) through PCRE2 in UTF mode, compiled to machine
 * code where the machine allows it. \d, \w and \b are ASCII, \s is the white
 * space of Unicode; $ is the very end. Patterns search; they are not anchored.
 */
#ifndef SCHEMA_PATTERN_H
#define SCHEMA_PATTERN_H

#include "base/buf.h"
#include "base/str.h"

/* Steps of one match before it is given up: enough for any honest pattern on
 * a line of text, a fraction of a second for a catastrophic one. */
#define PATTERN_MATCH_LIMIT 1000000
#define PATTERN_LONG_MATCH 20000 /* steps, from which on a match is long */
#define PATTERN_DEPTH_LIMIT 10000
#define PATTERN_HEAP_KIB 20000

struct pattern;
struct pattern_run;

/* Returns the compiled pattern, owned, freed with pattern_free; chained to
 * next. NULL: why is filled with the reason, or is empty without memory. */
struct pattern *pattern_new(struct str text, struct pattern *next,
                            struct buf *why);

/* Frees p and all that it is chained to. */
void pattern_free(struct pattern *p);

/* What one thread needs to match; owned, freed with pattern_run_free. NULL: no
 * memory. */
struct pattern_run *pattern_run_new(void);
void pattern_run_free(struct pattern_run *r);

/* How many long matches there may be from now on; at first, any number. Behind
 * them a match is given up where it becomes long. */
void pattern_run_allow(struct pattern_run *r, size_t long_matches);

/* 1: text holds a match; 0: none; -1: gave up at a limit. Text that is not
 * UTF-8 (a lone surrogate) holds none. */
int pattern_match(const struct pattern *p, struct pattern_run *r,
                  struct str text);

/* True if text is a regular expression by the letter of ECMA-262, flag u,
 * whether PCRE2 can run it or not. */
bool pattern_is_ecma(struct str text);

/* True if matching never gives up on text that is ASCII. */
bool pattern_is_simple(const struct pattern *p);

#endif
