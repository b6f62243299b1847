/* declared: a table that is there, beside the columns that a schema declares.
 *
 * What is the same for every target that keeps a schema. Internal to
 * lib/sink. */
#ifndef SINK_DECLARED_H
#define SINK_DECLARED_H

#include "sink/table.h"

/* Fails with ERR_CONFIG, as the column is of another type than declared.
 * format: of its strings, where the target has a type for it; or NULL. */
int declared_clash(const struct column *c, const struct sink_column *d,
                   const char *format, const struct sink_spec *spec,
                   struct err *e);

/* Columns that the schema has no more are dropped (no field goes there) where
 * the spec approves. 0, or -1 with ERR_CONFIG. */
int declared_drop_removed(struct table *t, const struct sink_spec *spec,
                          struct err *e);

#endif
