/* utf8: is this text well-formed UTF-8?
 *
 * UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. The kernels with vectors look three digits of every two bytes up in
 * tables whose entries, anded, leave what is wrong with the pair: Keiser and
 * Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021).
 * Nothing outside of a slice is read. Thread-safe once scan has its kernel
 * (scan_kernel), apart from utf8_use. */
#ifndef JSON_UTF8_H
#define JSON_UTF8_H

#include "base/buf.h"
#include "base/str.h"

/* Length in bytes of the well-formed UTF-8 character at p (1 to 4), or 0. */
size_t utf8_char(const char *p, const char *end);

/* True if s is well-formed UTF-8. */
bool utf8_valid(struct str s);

/* Appends s, with U+FFFD for every byte that is part of no well-formed
 * character: for text from the command line or out of a cut message. 0 or -1.
 */
int utf8_lossy(struct buf *out, struct str s);

/* Uses the kernel of this name from now on, and scan's of that name with it.
 * False, and nothing changed, if this build or machine has none. For tests:
 * else it is the one that scan_kernel names. */
bool utf8_use(const char *name);

#endif
