/* pgsession: a read-only transaction with PostgreSQL.
 *
 * All that is asked in it sees one state of the database, and nothing in it
 * can write. Values come as text with datestyle ISO, timezone UTC,
 * intervalstyle iso_8601, bytea_output hex and all digits of floats; in
 * UTF-8, but what a database without an encoding has, bytes of any kind. Waits
 * notice signals (stop, which may be NULL). Errors are ERR_TEMPFAIL where the
 * connection was lost, else what pglink_code makes of the server's. Not
 * thread-safe. */
#ifndef SOURCE_PGSESSION_H
#define SOURCE_PGSESSION_H

#include "base/err.h"

#include <libpq-fe.h>
#include <stdbool.h>

#define PGSESSION_MAX 64 /* that are waited for at once */

struct pgsession {
    PGconn *db;         /* owned */
    bool (*stop)(void); /* true once a signal came; NULL: never */
};

/* Connects, as pglink_open, and begins the transaction: in the snapshot that
 * another one exported; NULL: in one of its own. 0, or -1 with e;
 * pgsession_close is due either way. */
int pgsession_open(struct pgsession *s, const char *uri, const char *app,
                   bool (*stop)(void), const char *snapshot, struct err *e);

/* Runs statements that give no rows. 0 or -1. */
int pgsession_run(struct pgsession *s, const char *sql, struct err *e);

/* Asks one statement for all of its rows: 0 with *rows owned, freed with
 * PQclear; or -1. */
int pgsession_ask(struct pgsession *s, const char *sql, PGresult **rows,
                  struct err *e);

/* Sends one statement. 0 or -1. */
int pgsession_send(struct pgsession *s, const char *sql, struct err *e);

/* The next result of what was sent: 1 with *r owned, 0 at the end of them,
 * -1. */
int pgsession_result(struct pgsession *s, PGresult **r, struct err *e);

/* What the server, or the connection, has failed with. Always -1. */
int pgsession_fail(struct pgsession *s, const PGresult *r, struct err *e);

/* Waits at most a tenth of a second for one of n sessions (1 to
 * PGSESSION_MAX) to have something to read, and takes what there is: 1; 0 where
 * nothing came; -1 with e: a connection is lost, or a signal came, and the
 * servers are told. */
int pgsession_wait(struct pgsession *const *v, size_t n, struct err *e);

void pgsession_close(struct pgsession *s);

#endif
