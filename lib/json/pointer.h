/* pointer: field paths as JSON Pointers (RFC 6901), for reports. */
#ifndef JSON_POINTER_H
#define JSON_POINTER_H

#include "base/buf.h"
#include "json/path.h"

/* Appends the pointer that path stands for: a.b[0] gives "/a/b/0". Returns 0,
 * or -1 if out failed. */
int pointer_add(struct buf *out, const struct path *p);

#endif
