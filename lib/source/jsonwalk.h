/* jsonwalk: down a JSON document to the value that a path leads to, and from
 * behind it to the document's end, in constant memory.
 *
 * A path has to lead to one value: a document without it is an error, and so is
 * one with a second member of a name on the way, which other readers would
 * take instead of the first. */
#ifndef SOURCE_JSONWALK_H
#define SOURCE_JSONWALK_H

#include "json/path.h"
#include "source/jsontext.h"

#define JSONWALK_MAX 64 /* steps of a path */

struct jsonwalk {
    const struct path *path;   /* borrowed */
    size_t max_key;            /* bytes */
    bool object[JSONWALK_MAX]; /* what was entered at each step */
};

/* From the document's first byte at hand to that of the value. 0; -1 with e,
 * ERR_DATA where there is none. */
int jsonwalk_down(struct jsonwalk *w, struct jsontext *t, struct err *e);

/* From behind the value to behind the document. 0 or -1. */
int jsonwalk_up(const struct jsonwalk *w, struct jsontext *t, struct err *e);

#endif
