/* output: blocks of bytes to stdout, or to a file that appears whole or not at
 * all: a file without a name (O_TMPFILE; elsewhere a temporary one) in the same
 * folder, fsync, a name, rename, fsync of the folder. */
#ifndef IO_OUTPUT_H
#define IO_OUTPUT_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct output {
    int fd;    /* -1: closed or aborted */
    char *buf; /* owned */
    size_t n, cap;
    uint64_t bytes;   /* written to fd so far, without what is in buf */
    char *path, *tmp; /* owned; NULL for a plain descriptor */
    const char *name; /* of a descriptor, for messages; borrowed; NULL: none */
    bool nameless;    /* tmp is a name to give, not one that is there */
    bool reader_gone; /* the last write failed with EPIPE */
    bool (*stop)(void); /* asked when a signal interrupts a write; true gives
                           up. NULL: never */
};

/* Writes to fd and takes it: output_close closes it unless it is 0, 1 or 2. */
int output_fd(struct output *o, int fd, struct err *e);

/* Writes to path by way of a temporary file in the same folder. */
int output_file(struct output *o, const char *path, struct err *e);

/* Has the reader closed its end of a pipe? Then it is as if a write had failed:
 * -1 with ERR_IO, and reader_gone is set. Else 0. Does not wait. */
int output_look(struct output *o, struct err *e);

/* Appends bytes; writes when a block is full. ERR_IO; sets
 * reader_gone where the reader closed its end. */
int output_write(struct output *o, struct str s, struct err *e);

/* Writes out what is buffered. */
int output_flush(struct output *o, struct err *e);

/* Flushes; for a file also fsync, rename and fsync of its folder. */
int output_commit(struct output *o, struct err *e);

/* Drops a file that was not committed; frees memory. Safe after anything. */
void output_close(struct output *o);

#endif
