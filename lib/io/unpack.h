/* unpack: the files inside an archive, one after the other, through libarchive.
 *
 * zip, tar, 7z and cpio; tar and cpio also compressed. Nothing is written to
 * disk. An archive is whole or an error: besides what libarchive checks (sizes,
 * checksums), a tar must end in its two blocks of zeros with nothing behind
 * them, and a zip in its directory, of which every entry must have come.
 * Folders, links and devices are passed over. Not thread-safe. */
#ifndef IO_UNPACK_H
#define IO_UNPACK_H

#include "base/err.h"
#include "base/str.h"
#include "io/input.h"

#include <stdbool.h>
#include <stdint.h>

enum unpack_kind {
    UNPACK_NONE, /* no archive */
    UNPACK_TAR,
    UNPACK_CPIO,
    UNPACK_ZIP,
    UNPACK_7Z
};

/* Bytes of a file, decompressed, that unpack_sniff wants to see. */
#define UNPACK_HEAD 512

struct unpack;

struct unpack_member {
    struct str name;  /* as it stands there, bytes; NUL behind it; borrowed
                         until the next unpack_next */
    uint64_t size;    /* 0 where it is not known */
    int64_t modified; /* microseconds since 1970; 0: not known */
};

/* What begins with these bytes. */
enum unpack_kind unpack_sniff(struct str head);

/* What a name promises (.tar .tgz .tar.gz .tzst .zip .7z .cpio ...). */
enum unpack_kind unpack_by_name(struct str name);

/* Opens the archive that in holds (borrowed until unpack_close): tar and cpio
 * are read from it, decompressed; zip and 7z from its descriptor, which must be
 * a regular file. in->limits hold for the sum of all members. Returns 0 with
 * *u owned, freed with unpack_close; -1 with ERR_DATA, or ERR_UNAVAILABLE
 * without libarchive. */
int unpack_open(struct unpack **u, enum unpack_kind kind, struct input *in,
                struct err *e);

/* The next regular file: 1; 0 at the end of an archive that is whole; -1 with
 * ERR_DATA (truncated, corrupt, beyond the limits) or ERR_IO. What was not read
 * of the one before is passed over. */
int unpack_next(struct unpack *u, struct unpack_member *m, struct err *e);

/* Reads 1 to n bytes of the member, 0 at its end; -1 as unpack_next, also where
 * it is encrypted. For input_reader: u is a struct unpack. */
ssize_t unpack_read(void *u, void *buf, size_t n, struct err *e);

void unpack_close(struct unpack *u); /* NULL is fine */

#endif
