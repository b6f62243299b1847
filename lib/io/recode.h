/* recode: bytes of any encoding that iconv(3) knows, as UTF-8.
 *
 * Nothing is replaced and nothing left out. What is no character of the
 * encoding comes out byte by byte, each behind a byte 0xFF, which is part of
 * no UTF-8: so the record it is in is rejected where text is wanted, and keeps
 * its bytes. Bytes that end inside a character are truncated: ERR_DATA. Not
 * thread-safe. */
#ifndef IO_RECODE_H
#define IO_RECODE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RECODE_ROOM ((size_t)64 << 10) /* bytes taken at once */

struct recoder;

/* From the encoding of this name. uri, for messages, is borrowed. Owned, freed
 * with recoder_free. 0; -1 with ERR_USAGE where nobody knows the name. */
int recoder_new(struct recoder **r, const char *encoding, const char *uri,
                struct err *e);

/* Room for RECODE_ROOM bytes, once recoder_read has returned 0 (or before the
 * first); the first n bytes of it hold input now. */
void *recoder_room(struct recoder *r);
void recoder_feed(struct recoder *r, size_t n);

/* Takes 1 to n bytes of UTF-8; 0: feed more, or, with last set,
 * the end; -1 with e. */
ssize_t recoder_read(struct recoder *r, void *buf, size_t n, bool last,
                     struct err *e);

/* Frees r (NULL is fine). */
void recoder_free(struct recoder *r);

#endif
