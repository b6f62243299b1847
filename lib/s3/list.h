/* list: the objects of a bucket below a prefix, page by page (ListObjectsV2).
 *
 * In the order of their keys' bytes, in constant memory. Each page is asked
 * for by the key it begins behind, so a listing may take as long as it likes.
 * Not thread-safe. */
#ifndef S3_LIST_H
#define S3_LIST_H

#include "s3/client.h"

#include <stdint.h>

/* Slices are borrowed until the next list_next. */
struct list_object {
    struct str key;
    struct str etag; /* with its quotes */
    uint64_t size;
    int64_t modified; /* microseconds since 1970; 0: not known */
};

struct list;

/* Objects whose keys begin with prefix and are behind `after` (empty: all).
 * s is borrowed until list_close, the rest copied. NULL without memory. */
struct list *list_open(struct s3 *s, struct str prefix, struct str after,
                       struct err *e);

/* 1, 0 at the end, -1 as s3_ask, and with ERR_DATA for an answer that is no
 * listing or not in order. */
int list_next(struct list *l, struct list_object *o, struct err *e);

void list_close(struct list *l); /* NULL is fine */

#endif
