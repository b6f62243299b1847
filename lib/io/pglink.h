/* pglink: connections to PostgreSQL, for whoever reads from it or writes to it.
 *
 * Passwords come from ~/.pgpass, $PGPASSFILE or $PGPASSWORD, never from the
 * URI: everybody can read it in the list of processes. Waiting notices signals
 * (stop, which may be NULL). Not thread-safe. */
#ifndef IO_PGLINK_H
#define IO_PGLINK_H

#include "base/err.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* Is uri one that may be used? role ("target") begins the message. 0, or -1
 * with ERR_USAGE. */
int pglink_check(const char *uri, const char *role, struct err *e);

/* Connects within 30 s, as the program called app. *db is owned, freed with
 * PQfinish, also after a failure, where it may be NULL. 0, or -1 with e:
 * ERR_UNAVAILABLE, ERR_NOPERM, ERR_CONFIG (no such database), ERR_TEMPFAIL
 * (stopped). */
int pglink_open(PGconn **db, const char *uri, const char *app,
                bool (*stop)(void), struct err *e);

/* The same for a connection that also takes the commands of logical
 * replication, beside simple queries. */
int pglink_open_replication(PGconn **db, const char *uri, const char *app,
                            bool (*stop)(void), struct err *e);

/* Waits until the connection can be read (or also written). When stopped it
 * cancels what the server does: -1 with ERR_TEMPFAIL. */
int pglink_wait(PGconn *db, bool write, bool (*stop)(void), struct err *e);

/* Asks the server to give up what it does, and waits a second at most for it to
 * have heard. */
void pglink_cancel(PGconn *db);

/* A message of the server, on one line. */
void pglink_line(char *out, size_t size, const char *message);

/* What a SQLSTATE means for the exit code. */
enum err_code pglink_code(const char *state);

#endif
