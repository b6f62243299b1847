/* tar: files in a row, as POSIX.1-2001 pax archives have them.
 *
 * What is written is what tar(1) reads: regular files alone, with mode and time
 * of change; a name of more than 100 bytes, or of a size from 8 GiB on, has a
 * pax header before it. Read is what is written here, and nothing else: any
 * other kind of entry is an error. Not thread-safe. */
#ifndef REPORT_TAR_H
#define REPORT_TAR_H

#include "base/buf.h"
#include "base/err.h"
#include "io/input.h"
#include "io/pack.h"

#include <stdint.h>

struct tar_entry {
    struct str path; /* relative, no ".." in it */
    uint64_t size;   /* bytes */
    unsigned mode;   /* permissions */
    int64_t mtime;   /* seconds since 1970 */
};

/* Writes the header of a file; its bytes and tar_pad follow. */
int tar_header(struct pack *p, const struct tar_entry *entry, struct err *e);

/* Fills up behind size bytes. */
int tar_pad(struct pack *p, uint64_t size, struct err *e);

/* The end of the archive. */
int tar_end(struct pack *p, struct err *e);

/* Reading. */
struct tar_reader {
    struct input *in; /* borrowed */
    uint64_t left;    /* bytes of the entry not yet read */
    unsigned pad;     /* and behind them */
    struct buf path;  /* of the entry */
};

/* The next file, what is left of the last one skipped: 1, entry->path borrowed
 * until the next call; 0 at the end of the archive; -1 with ERR_DATA where it
 * is cut off or no archive of ours. */
int tar_next(struct tar_reader *t, struct tar_entry *entry, struct err *e);

/* Reads 1 to n bytes of the file; 0 at its end; -1. */
ssize_t tar_read(struct tar_reader *t, void *to, size_t n, struct err *e);

void tar_free(struct tar_reader *t);

#endif
