/* loadlog: the loads of a table, numbered, one object each.
 *
 *     TABLE/_pipe_loads/00000000000000000007.json
 *         a row: who loaded what, the uploads to complete and the objects to
 *         remove for it
 *     TABLE/_pipe_loads/00000000000000000007.RUN.PART.MODE.loaded
 *         all of that is done; its name says what a later load must know of it
 *
 * A row is written only where there is none of its number (a conditional
 * write), and only when all loads before it are done: so loads have an order,
 * and each knows what it replaces. With its row a load counts: whoever comes
 * next brings it to its end if its own process did not. Every step of that may
 * be done twice. Not thread-safe. */
#ifndef S3_LOADLOG_H
#define S3_LOADLOG_H

#include "s3/client.h"
#include "sink/sink.h"

#define LOADLOG_FOLDER "_pipe_loads/"

struct loadlog;

/* The log of the table with that prefix ("a/b/table/"). s is borrowed until
 * loadlog_close. NULL without memory. */
struct loadlog *loadlog_open(struct s3 *s, struct str table, struct err *e);
void loadlog_close(struct loadlog *l); /* NULL is fine */

/* Reads what came since the last time. With finish, loads that are not done
 * are brought to their end: without, they do not count. -1 as s3_ask;
 * ERR_CONFIG where a row is damaged or cannot be brought to its end. */
int loadlog_read(struct loadlog *l, bool finish, struct err *e);

/* Judges a run by what was read (see sink_prepare). */
int loadlog_judge(struct loadlog *l, const struct sink_spec *spec,
                  const struct sink_run *run, enum sink_outcome *outcome,
                  struct buf *previous, struct err *e);

/* Appends the row of the run's latest load. 1, 0 where there is none, -1. */
int loadlog_find(struct loadlog *l, const struct sink_run *run, struct buf *row,
                 struct err *e);

/* Appends the latest row of all. 1, 0, -1. */
int loadlog_latest(struct loadlog *l, struct buf *row, struct err *e);

/* Writes row (a JSON object with the load's token) under the next number: 1;
 * 0 where another load has taken that; -1, and then nobody knows. Without
 * shared what another may have written meanwhile is lost. */
int loadlog_claim(struct loadlog *l, struct str row, struct str token,
                  bool shared, struct err *e);

/* Brings the load that was claimed to its end. */
int loadlog_finish(struct loadlog *l, struct str row, struct err *e);

#endif
