/* pack: bytes into a descriptor or a writer, plain, as gzip or as zstd.
 *
 * The opposite of inflate. The same bytes give the same file: no name and no
 * time goes into a gzip header. Not thread-safe. */
#ifndef IO_PACK_H
#define IO_PACK_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum pack_kind { PACK_NONE, PACK_GZIP, PACK_ZSTD };

struct pack;

/* What file names end in: "", ".gz" or ".zst". */
const char *pack_suffix(enum pack_kind kind);

/* Packs into fd, which it takes: pack_free closes it. name (borrowed) is for
 * messages; block is how many bytes are gathered for a write. NULL without
 * memory (fd is closed then too). */
struct pack *pack_new(int fd, enum pack_kind kind, size_t block,
                      const char *name, struct err *e);

/* The same into a writer: called with the bytes that are ready, it takes all
 * of them (0) or fails (-1 with e). to is borrowed. */
struct pack *
pack_new_to(int (*write)(void *to, struct str bytes, struct err *e), void *to,
            enum pack_kind kind, size_t block, const char *name, struct err *e);

/* Appends bytes. ERR_IO, or what the writer gives. */
int pack_write(struct pack *p, struct str s, struct err *e);

/* Ends the frame and writes everything out; with sync, down to the disk
 * (of a descriptor).
 * Nothing may follow but pack_free. */
int pack_end(struct pack *p, bool sync, struct err *e);

/* Closes the descriptor, drops what was not written. NULL is fine. */
void pack_free(struct pack *p);

#endif
