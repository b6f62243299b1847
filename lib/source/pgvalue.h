/* pgvalue: PostgreSQL's text of values as JSON.
 *
 * The text is what the server writes with datestyle ISO, timezone UTC,
 * bytea_output hex: it is trusted to be what its type says, as far as memory
 * is not concerned. Not thread-safe. */
#ifndef SOURCE_PGVALUE_H
#define SOURCE_PGVALUE_H

#include "base/buf.h"
#include "base/str.h"
#include "source/pgtype.h"

/* Room to work in; zeroed to begin with. */
struct pgvalue {
    struct buf bytes, element; /* owned */
};

/* Appends text, a value of type t, as JSON. room is how many levels of nesting
 * it may have. NULL; or a static code and, in *why, a static message of why it
 * may not be part of a record. Without memory out, or v's own buffers, have
 * failed. */
const char *pgvalue_add(struct pgvalue *v, struct buf *out,
                        const struct pgtype *t, struct str text, unsigned room,
                        const char **why);

/* Appends what a cell of COPY's text format stands for, backslashes resolved.
 * 0 or -1 (memory). */
int pgvalue_unescape(struct buf *out, struct str cell);

void pgvalue_free(struct pgvalue *v);

#endif
