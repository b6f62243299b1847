/* spool: records set aside on disk, each with a number, and read back in
 * order.
 *
 * The file has no name from the start, so nothing is left behind however the
 * process ends. Write first, then rewind once, then read. Memory: two blocks.
 * Not thread-safe. */
#ifndef TABLE_SPOOL_H
#define TABLE_SPOOL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/output.h"

#include <stdint.h>

struct spool {
    int fd;            /* owned; -1: none */
    struct output out; /* while writing */
    uint64_t at;       /* bytes written, or read */
    struct buf block;  /* while reading: bytes read ahead, */
    size_t taken;      /* of which these are used up */
};

/* Makes the file in folder dir. ERR_CANTCREAT, quoting dir. */
int spool_open(struct spool *s, const char *dir, struct err *e);

/* Appends record with number; *at becomes its place, which spool_next gives
 * again. Records are below 4 GiB. 0 or -1 (ERR_IO). */
int spool_add(struct spool *s, uint32_t number, struct str record, uint64_t *at,
              struct err *e);

/* Ends the writing and goes to the first record. */
int spool_rewind(struct spool *s, struct err *e);

/* Reads the next record: 1 with all filled (record borrowed until the next
 * call), 0 at the end, -1 with e. */
int spool_next(struct spool *s, uint32_t *number, struct str *record,
               uint64_t *at, struct err *e);

void spool_close(struct spool *s);

#endif
