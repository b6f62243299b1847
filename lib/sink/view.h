/* view: what connectors share of the views they keep: the names and numbers of
 * versioned tables, and what a view of the latest rows asks of its table.
 * Internal to lib/sink. Thread-safe. */
#ifndef SINK_VIEW_H
#define SINK_VIEW_H

#include "sink/table.h"

/* Versions that the ledger knows, the latest first: uint64_t in a buffer. */

/* Appends the version that a ledger row's watermark names, if it does (it may
 * be NULL). 0 or -1. */
int view_add_version(struct buf *versions, const char *watermark,
                     struct err *e);
size_t view_versions(const struct buf *versions);
uint64_t view_version(const struct buf *versions, size_t i);

/* Is it one of them? */
bool view_has_version(const struct buf *versions, uint64_t version);

#define VIEW_WATERMARK 40
/* The watermark of a load that made that version. */
void view_watermark(uint64_t version, char out[VIEW_WATERMARK]);

/* Appends the name of a table's version. */
int view_version_name(struct buf *out, const char *table, uint64_t version);

/* The version that a name is of; 0: none of this table, or none that was given
 * here. fold_case: names that differ in ASCII case are the same. */
uint64_t view_version_of(const char *name, const char *table, bool fold_case);

/* Fails for a relation that is in the way of a view; where: the target, or
 * NULL. */
int view_taken(const char *name, const char *where, const char *what,
               struct err *e);

/* Has the table the column of --latest-by, and one that sorts? decimals: do
 * COLUMN_DECIMAL? 0, or -1 with ERR_CONFIG. */
int view_check_by(struct table *t, const struct sink_spec *spec, bool decimals,
                  struct err *e);

#endif
