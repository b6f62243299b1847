/* spill: what does not fit into memory, on disk in parts: by a hash, so that
 * each part can be worked through by itself.
 *
 * An item is bytes and a number, mostly that of the record it came from. A part
 * gives its items back in the order in which they were added; where that is the
 * order of their numbers, or another, all parts together can be read in that
 * order too (a merge of as many runs). Files have no names, so nothing is left
 * behind however the process ends. Memory: a block a part. Not thread-safe. */
#ifndef TABLE_SPILL_H
#define TABLE_SPILL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* More parts than this are not worth their seeks; what is too large still is
 * parted again. */
#define SPILL_MOST 128

struct spill_part {
    int fd;         /* owned; -1: nothing was added */
    char *block;    /* owned: what is to be written, or was read ahead */
    size_t cap, n;  /* of the block */
    size_t taken;   /* while reading */
    uint64_t bytes; /* added in all */
    uint64_t items;
    uint64_t left; /* while reading: bytes of the file not yet in the block */
    bool reading;
    /* The item that spill_merge has ready. */
    uint64_t number;
    struct str item;
};

struct spill {
    struct spill_part *v; /* owned */
    unsigned n;           /* a power of two */
    size_t block;         /* bytes */
    const char *dir;
    unsigned *heap, in_heap; /* owned: parts by what they have next */
    bool merging;
    /* How spill_merge orders items, and those alike by number; NULL: by number
     * alone. */
    int (*cmp)(void *ctx, struct str a, struct str b);
    void *ctx; /* borrowed */
};

/* Prepares parts for a stage that may use so many bytes of memory: how many
 * and how large blocks follow from it, an eighth in all. dir (borrowed) is
 * where the files will be. 0 or -1 (memory). */
int spill_init(struct spill *p, size_t memory, const char *dir, struct err *e);

/* The part for a hash whose bits are all good, at this level of parting: 0,
 * then 1 for what is parted again, and so on (SPILL_LEVELS - 1 at most). */
#define SPILL_LEVELS 8
unsigned spill_part_of(const struct spill *p, uint64_t hash, unsigned level);

/* Adds an item (below 4 GiB) to part i. 0 or -1 with e (ERR_CANTCREAT, ERR_IO,
 * quoting dir). */
int spill_add(struct spill *p, unsigned i, uint64_t number, struct str item,
              struct err *e);

/* Ends the writing of all parts: what they have in memory goes to their files,
 * and the memory is given back. Reading a part takes its block anew. */
int spill_seal(struct spill *p, struct err *e);

/* Begins to read part i, from its first item; nothing is added to it from then
 * on. */
int spill_rewind(struct spill *p, unsigned i, struct err *e);

/* The next item of part i: 1, 0 behind the last, -1 with e. item is borrowed
 * until the next call for the same part. */
int spill_next(struct spill *p, unsigned i, uint64_t *number, struct str *item,
               struct err *e);

/* Reads all parts in order of the numbers or of cmp, which ascend within each:
 * as spill_next. The first call rewinds them. */
int spill_merge(struct spill *p, uint64_t *number, struct str *item,
                struct err *e);

/* Gives the disk space and the memory of part i back. */
void spill_drop(struct spill *p, unsigned i);

/* Bytes on disk in all. */
uint64_t spill_bytes(const struct spill *p);

void spill_free(struct spill *p);

/* A file without a name in folder dir; -1 with e (ERR_CANTCREAT, quoting
 * dir). */
int spill_file(const char *dir, struct err *e);

#endif
