/* inflate: gzip and zstd, decompressed as a stream in constant memory.
 *
 * Used by input; commands see only input.h. An inflater owns a block for
 * compressed bytes. The caller fills it and takes what comes out:
 *
 *     for (;;) {
 *         ssize_t got = inflater_read(z, buf, n, e);
 *         if (got != 0 || inflater_done(z))
 *             return got;                       // bytes, the end, or -1
 *         void *room = inflater_room(z, &space);
 *         inflater_feed(z, read(fd, room, space)); // 0 tells the end
 *     }
 *
 * Several gzip members or zstd frames in a row are one stream (RFC 1952
 * section 2.2, RFC 8878 section 3). Whatever follows and is neither is an
 * error, and so is an end inside a member or frame. Not thread-safe. */
#ifndef IO_INFLATE_H
#define IO_INFLATE_H

#include "base/err.h"
#include "io/input.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Bytes that inflate_sniff wants to see at most. */
#define INFLATE_MAGIC 4

enum inflate_kind {
    INFLATE_MORE = -1, /* so far it could be compressed: show more bytes */
    INFLATE_NONE,      /* plain bytes */
    INFLATE_GZIP,
    INFLATE_ZSTD
};

/* What a stream that starts with these n bytes is. MORE only below
 * INFLATE_MAGIC bytes; at the end of the input MORE means NONE. */
enum inflate_kind inflate_sniff(const void *p, size_t n);

/* Makes an inflater, owned by the caller, freed with inflater_free. kind is
 * GZIP or ZSTD. limits (copied) cap what comes out; uri (borrowed) is named in
 * messages. Returns 0, or -1 with e (memory). */
int inflater_new(struct inflater **z, enum inflate_kind kind,
                 const struct input_limits *limits, const char *uri,
                 struct err *e);

/* Where compressed bytes go: *space is set to how many. Only where
 * inflater_read returned 0. */
void *inflater_room(struct inflater *z, size_t *space);

/* n bytes were put into the room; 0: the compressed input is at its end. */
void inflater_feed(struct inflater *z, size_t n);

/* Takes 1 to n decompressed bytes. 0: feed more, or the end if inflater_done.
 * -1 with ERR_DATA: truncated, corrupt, or a limit exceeded; the message says
 * which. */
ssize_t inflater_read(struct inflater *z, void *buf, size_t n, struct err *e);

/* True once the end was fed and every byte was taken. */
bool inflater_done(const struct inflater *z);

/* Frees z (NULL is fine). */
void inflater_free(struct inflater *z);

#endif
