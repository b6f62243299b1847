/* snapshot: the rows of a publication's tables as they were at one point of
 * the log.
 *
 * A table begins with a truncation: what an earlier snapshot, that was not
 * finished, has left in a target goes. Constant memory. Not thread-safe. */
#ifndef PGLOG_SNAPSHOT_H
#define PGLOG_SNAPSHOT_H

#include "base/err.h"
#include "pglog/pgforms.h"
#include "pglog/pgoutput.h"
#include "pglog/relation.h"

#include <stdbool.h>

struct snapshot;

/* Connects to uri as app and takes the exported snapshot, which the exporter
 * may then give up. All are borrowed until snapshot_close. 0 with *s owned,
 * freed with snapshot_close; -1 with what pglink_open and pgask give. */
int snapshot_open(struct snapshot **s, const char *uri, const char *app,
                  const char *snapshot, const char *publication,
                  struct pgforms *forms, bool (*stop)(void), struct err *e);

/* The next row, or the beginning of a table (row->v is NULL): 1, with slices
 * borrowed until the next call; 0 behind the last; -1. */
int snapshot_next(struct snapshot *s, const struct relation **rel,
                  struct pgoutput_row *row, struct err *e);

void snapshot_close(struct snapshot *s); /* NULL is fine */

/* Reads a line of COPY's text format into n values, whose texts point into
 * line, which is changed. 0, or -1 if it has not n columns. */
int snapshot_split(char *line, size_t size, struct pgoutput_value *to,
                   size_t n);

#endif
