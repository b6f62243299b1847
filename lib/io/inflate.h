/* inflate: gzip and zstd, decompressed as a stream in constant memory, on a
 * thread of its own that works ahead while the caller does.
 *
 * Used by input; commands see only input.h. The caller fills rooms with
 * compressed bytes and takes what comes out:
 *
 *     for (;;) {
 *         void *room = inflater_room(z, &space);
 *         if (room && more can be read without waiting)
 *             inflater_feed(z, read(fd, room, space)); // 0 tells the end
 *         ssize_t got = inflater_read(z, buf, n, e);
 *         if (got != 0 || inflater_done(z))
 *             return got;                              // bytes, the end, or -1
 *         wait for more;
 *     }
 *
 * Several gzip members or zstd frames in a row are one stream (RFC 1952
 * section 2.2, RFC 8878 section 3). Whatever follows and is neither is an
 * error, and so is an end inside a member or frame. What came out before an
 * error is handed out before it.
 *
 * All functions are for one thread, the caller's. The thread behind them takes
 * no signals, waits for nothing but rooms, and ends with inflater_free; a
 * child of fork(2) has none. */
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
 * messages. Returns 0, or -1 with e (memory, threads). */
int inflater_new(struct inflater **z, enum inflate_kind kind,
                 const struct input_limits *limits, const char *uri,
                 struct err *e);

/* Where compressed bytes go: *space, at least INPUT_PEEK_MAX, is set to how
 * many. NULL where no more are wanted now, or the end was fed. */
void *inflater_room(struct inflater *z, size_t *space);

/* n bytes were put into the room; 0: the compressed input is at its end. */
void inflater_feed(struct inflater *z, size_t n);

/* Takes 1 to n decompressed bytes, waiting while they are made. 0: there is a
 * room to feed, or the end if inflater_done. -1 with ERR_DATA: truncated,
 * corrupt, or a limit exceeded; the message says which. */
ssize_t inflater_read(struct inflater *z, void *buf, size_t n, struct err *e);

/* True once the end was fed and every byte was taken. */
bool inflater_done(struct inflater *z);

/* Stops the thread, frees z (NULL is fine). */
void inflater_free(struct inflater *z);

/* gzip through this library from now on: "isa-l", the default where the build
 * has it, or "zlib". False if the build has it not. For tests. */
bool inflate_use(const char *name);

#endif
