/* unfilter: bzip2, xz and lz4, decompressed as a stream through libarchive.
 *
 * For files that input does not decompress by itself. Truncated and corrupt
 * data is an error, limits are as input has them. Not thread-safe. */
#ifndef IO_UNFILTER_H
#define IO_UNFILTER_H

#include "base/err.h"
#include "base/str.h"
#include "io/input.h"

#include <stdbool.h>

/* Bytes that unfilter_sniff wants to see. */
#define UNFILTER_HEAD 6

struct unfilter;

/* True if a file that begins so is compressed in one of these ways. */
bool unfilter_sniff(struct str head);

/* Decompresses what in gives (borrowed until unfilter_close; its limits are
 * kept to). 0 with *u owned, freed with unfilter_close; -1 with ERR_DATA or
 * ERR_UNAVAILABLE. */
int unfilter_open(struct unfilter **u, struct input *in, struct err *e);

/* Reads 1 to n bytes, 0 at the end; -1 with e. For input_reader: u is a struct
 * unfilter. */
ssize_t unfilter_read(void *u, void *buf, size_t n, struct err *e);

void unfilter_close(struct unfilter *u); /* NULL is fine */

#endif
