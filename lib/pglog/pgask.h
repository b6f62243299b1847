/* pgask: one statement at a time over a connection of PostgreSQL, also one for
 * replication (which takes simple queries only). Waiting notices signals. Not
 * thread-safe. */
#ifndef PGLOG_PGASK_H
#define PGLOG_PGASK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <libpq-fe.h>
#include <stdbool.h>

/* Sends sql and waits for its result, rows or none: *r is owned, freed with
 * PQclear, NULL after a failure; r may be NULL. COPY and START_REPLICATION are
 * results too. 0; -1 with ERR_TEMPFAIL (stopped, connection lost), ERR_NOPERM,
 * ERR_CONFIG. */
int pgask(PGconn *db, const char *sql, bool (*stop)(void), PGresult **r,
          struct err *e);

/* The same for what a buffer holds (NULL terminator is added). */
int pgask_buf(PGconn *db, struct buf *sql, bool (*stop)(void), PGresult **r,
              struct err *e);

/* The failure of a result, or of the connection where r is NULL or has none.
 * Always -1. */
int pgask_fail(PGconn *db, const PGresult *r, struct err *e);

/* Append text as a string and a name as an identifier of SQL. */
void pgask_literal(struct buf *sql, struct str text);
void pgask_name(struct buf *sql, struct str name);

/* The value at a row and column; empty for NULL. Borrowed from r. */
struct str pgask_value(const PGresult *r, int row, int column);

#endif
