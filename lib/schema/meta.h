/* meta: the metaschemas of the drafts, built in. Internal to lib/schema. */
#ifndef SCHEMA_META_H
#define SCHEMA_META_H

#include "base/buf.h"
#include "base/str.h"

/* Appends the text of the metaschema (or part of one) with this URI, which has
 * no fragment; http: and https: are one. Returns 1; 0 where none has it; -1
 * without memory. */
int meta_text(struct buf *out, struct str uri);

#endif
