/* decode: gzip and zstd, decoded in the thread that asks.
 *
 * The part of inflate that knows the formats. A decoder borrows compressed
 * bytes a piece at a time and gives plain ones:
 *
 *     ssize_t got = decoder_read(d, buf, n, e);
 *     if (got == 0 && !decoder_done(d))
 *         decoder_feed(d, more, more_n);          // 0 tells the end
 *
 * The bodies of gzip members are left to ISA-L where the build has it, which
 * takes a third of zlib's time; headers are always zlib's. ISA-L decodes some
 * blocks that zlib refuses for a code that is not complete; the check and the
 * length behind the data must be right for either. Not thread-safe. */
#ifndef IO_DECODE_H
#define IO_DECODE_H

#include "io/inflate.h"

struct decoder;

/* As inflater_new; freed with decoder_free. */
int decoder_new(struct decoder **d, enum inflate_kind kind,
                const struct input_limits *limits, const char *uri,
                struct err *e);

/* The next n compressed bytes, borrowed until decoder_read returns 0 again.
 * 0 bytes: they are at their end. Only where decoder_read returned 0. */
void decoder_feed(struct decoder *d, const void *p, size_t n);

/* Takes 1 to n plain bytes; 0: feed more, or the end if decoder_done; -1 as
 * inflater_read. */
ssize_t decoder_read(struct decoder *d, void *buf, size_t n, struct err *e);

/* True once the end was fed and every byte was taken. */
bool decoder_done(const struct decoder *d);

/* Frees d (NULL is fine). */
void decoder_free(struct decoder *d);

#endif
