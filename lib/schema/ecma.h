/* ecma: the regular expressions of ECMA-262 in the words of PCRE2.
 *
 * The dialect is that of the flag u (ECMA-262 section 22.2): a pattern is of
 * characters, not of UTF-16 units; an escape that it does not define is an
 * error and means nothing else by chance. Internal to lib/schema. */
#ifndef SCHEMA_ECMA_H
#define SCHEMA_ECMA_H

#include "base/buf.h"
#include "base/str.h"

/* Appends text, which is UTF-8, to out as PCRE2 takes it (in UTF mode, without
 * UCP, with empty classes allowed). Beyond the standard, unless strict: } ] and
 * a { that begins no count stand for themselves, a backslash before any other
 * sign than a letter or digit too (\- \@ \_), a hyphen beside a class in a
 * class too, and (?i) may switch flags for what follows.
 * Returns 0; -1 with the reason appended to why, which stays empty without
 * memory. */
int ecma_translate(struct buf *out, struct str text, bool strict,
                   struct buf *why);

#endif
