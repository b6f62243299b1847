/* query_opts: --query, --table and --split, for commands that read databases.
 *
 * The rows belong to all connectors of databases together: one of them shows
 * them as its own. */
#ifndef SOURCE_QUERY_OPTS_H
#define SOURCE_QUERY_OPTS_H

#include "base/buf.h"
#include "cli/opt.h"
#include "source/query.h"

extern const struct opt query_opts[];

/* Appends a text with its dates filled in. 0 or -1. */
typedef int query_opts_expand(void *context, struct buf *out, const char *text);

/* Fills in q from the options; its texts are in memory, which the caller frees
 * when q is used no more. --query @FILE is read from there, up to 1 MiB. 1; 0
 * where none of the options was given; -1 with e, or if expand fails. */
int query_opts_take(struct source_query *q, struct buf *memory,
                    query_opts_expand *expand, void *context, struct err *e);

#endif
