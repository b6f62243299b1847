/* base64: bytes as text (RFC 4648, section 4, with padding). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/str.h"

/* Appends s in base64. 0 or -1. */
int base64_encode(struct buf *out, struct str s);

/* Appends the bytes that text stands for. 0; -1 if out failed; -2 if text is
 * not base64: wrong length, foreign characters, padding inside, or bits set
 * behind the last byte. */
int base64_decode(struct buf *out, struct str text);

#endif
