/* where: the way to a value, kept on the stack while walking and written out
 * as a JSON Pointer (RFC 6901) only where something is wrong. */
#ifndef SCHEMA_WHERE_H
#define SCHEMA_WHERE_H

#include "base/buf.h"
#include "base/str.h"

enum where_kind {
    WHERE_ROOT,  /* key is a pointer that stands before all */
    WHERE_KEY,   /* key is raw: escapes as written */
    WHERE_INDEX, /* 0-based */
    WHERE_NAME   /* the name of the property itself, not its value */
};

struct where {
    const struct where *up;
    enum where_kind kind;
    struct str key;
    size_t index;
};

/* Appends the pointer; with any_index "*" stands for every array index. 0 or
 * -1. */
int where_pointer(struct buf *out, const struct where *at, bool any_index);

#endif
