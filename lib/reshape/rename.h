/* rename: a field under another name, in the same place. */
#ifndef RESHAPE_RENAME_H
#define RESHAPE_RENAME_H

#include "base/buf.h"
#include "base/err.h"
#include "json/path.h"

struct rename {
    struct path from, to; /* owned: differ in the last step */
    struct buf key;       /* owned: the new key, in quotes */
};

/* text is "OLD=NEW", two paths within the same object. 0, or -1 with e
 * (ERR_USAGE); rename_free is due either way. */
int rename_init(struct rename *r, struct str text, struct err *e);
void rename_free(struct rename *r);

/* Appends record with the field renamed, all of duplicates; out stays as it was
 * where there is none. 1 if renamed, 0 if not; -1 if out failed; -3 where the
 * record has a field of the new name already. */
int rename_run(const struct rename *r, struct str record, struct buf *out);

#endif
