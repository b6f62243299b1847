/* object: one object: read, written, looked at, removed.
 *
 * A read that loses its connection goes on from where it was (Range), as long
 * as the object is still the same (If-Match). Not thread-safe. */
#ifndef S3_OBJECT_H
#define S3_OBJECT_H

#include "s3/client.h"

#include <stdint.h>

struct object_get;

/* Begins to read; etag (may be empty) is what it must have. s is borrowed
 * until object_get_close, the rest copied. 0 with *g owned; -1 as s3_call,
 * ERR_TEMPFAIL where it has another ETag. */
int object_get_open(struct object_get **g, struct s3 *s, struct str key,
                    struct str etag, struct err *e);

/* Reads 1 to n bytes, 0 at the end of the whole object, -1. g is a
 * struct object_get: a reader for input_reader. */
ssize_t object_get_read(void *g, void *buf, size_t n, struct err *e);

/* Bytes of the whole object. */
uint64_t object_get_size(const struct object_get *g);

void object_get_close(struct object_get *g); /* NULL is fine */

/* Reads a small object whole, appending to out. 1, 0 where there is none, -1
 * as s3_ask. */
int object_read(struct s3 *s, struct str key, struct buf *out, struct err *e);

/* Writes an object; with fresh only where there is none of that name. 1, 0
 * where there is one, -1 as s3_ask. A server that does not know the condition
 * writes it all the same, see object_can_refuse. */
int object_put(struct s3 *s, struct str key, struct str body, bool fresh,
               struct err *e);

/* Does the server refuse to overwrite where it was asked to? Writes to a key
 * that is there for that. 1, 0, -1. */
int object_can_refuse(struct s3 *s, struct str key, struct err *e);

struct object_info {
    uint64_t size;
    char etag[128]; /* with its quotes */
};

/* Looks at an object: 1, 0 where there is none, -1 as s3_ask. */
int object_head(struct s3 *s, struct str key, struct object_info *info,
                struct err *e);

/* Removes it, if it is there. 0 or -1 as s3_ask. */
int object_delete(struct s3 *s, struct str key, struct err *e);

#endif
