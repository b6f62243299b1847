/* newfile: which files have not been read yet, or have changed since.
 *
 * What is known of a file is its size, the time it changed and a checksum
 * (XXH3, 128 bits) of its bytes, kept as its position: "SIZE:NANOSECONDS:HASH".
 * Not thread-safe. */
#ifndef SOURCE_NEWFILE_H
#define SOURCE_NEWFILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "position/position.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What is known, by the files' names; to find one among many fast. */
struct newfile {
    const struct position **v; /* owned; sorted; they are borrowed */
    size_t n;
};

enum newfile_state {
    NEWFILE_NEW,     /* never read */
    NEWFILE_SAME,    /* size and time are those noted */
    NEWFILE_TOUCHED, /* the time is another: the checksum will tell */
    NEWFILE_GREW,    /* longer than it was */
    NEWFILE_CHANGED
};

/* Takes what positions (borrowed; may be NULL) say. 0 or -1 (memory). */
int newfile_init(struct newfile *n, const struct positions *known,
                 struct err *e);

enum newfile_state newfile_judge(const struct newfile *n, const char *path,
                                 const struct stat *st);

/* Is that the checksum noted for the file? */
bool newfile_is_hash(const struct newfile *n, const char *path,
                     struct hash128 hash);

/* The checksum of all bytes of fd, whose offset stays. 0, or -1 with ERR_IO. */
int newfile_hash(int fd, const char *path, struct hash128 *hash, struct err *e);

/* Notes in at what the file is; hash NULL: not known, it will be read again
 * once it has changed. 0 or -1 (memory). */
int newfile_note(struct positions *at, const char *path, const struct stat *st,
                 const struct hash128 *hash, struct err *e);

void newfile_free(struct newfile *n);

#endif
