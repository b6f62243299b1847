/* slot: the replication slot that keeps a change stream for us, and the
 * publication that says which tables are in it.
 *
 * All over a connection for replication that is not streaming yet; waiting
 * notices signals (stop, which may be NULL). Errors: ERR_CONFIG where the
 * server is not set up as it must be, ERR_TEMPFAIL where a retry may do. Not
 * thread-safe. */
#ifndef PGLOG_SLOT_H
#define PGLOG_SLOT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* May a slot have this name? Lower-case letters, digits, _; at most 63. */
bool slot_name_valid(const char *name);

/* Makes values and times of the session come in one form, and keeps timeouts
 * for idle sessions from ending it. */
int slot_session(PGconn *db, bool (*stop)(void), struct err *e);

struct slot_server {
    uint64_t end;        /* LSN up to which the server's log is on disk */
    uint64_t timeout_ms; /* after which it ends a silent client; 0: never */
};

int slot_ask_server(PGconn *db, bool (*stop)(void), struct slot_server *server,
                    struct err *e);

struct slot {
    bool found;
    uint64_t confirmed; /* LSN: what is before may be gone */
};

/* Looks for the slot, which must be one of this database and plugin whose log
 * is still there. */
int slot_find(PGconn *db, const char *name, const char *plugin,
              bool (*stop)(void), struct slot *slot, struct err *e);

/* Waits until no other session streams from it, for a while: that of a run that
 * was killed ends once the server notices. ERR_TEMPFAIL where one goes on. */
int slot_await(PGconn *db, const char *name, bool (*stop)(void), struct err *e);

int slot_create(PGconn *db, const char *name, const char *plugin,
                bool (*stop)(void), struct err *e);

/* A point of the log and all rows as they were right there: nothing that is
 * visible in the snapshot is behind it, all else is. */
struct slot_point {
    uint64_t lsn;
    char slot[64];
    struct buf snapshot; /* owned: its name for SET TRANSACTION SNAPSHOT, until
                            the next command of the connection */
};

/* Makes a slot that ends with the connection, for its point. */
int slot_export(PGconn *db, const char *plugin, bool (*stop)(void),
                struct slot_point *point, struct err *e);

/* Drops that slot; the snapshot stays with whoever has taken it. */
int slot_release(PGconn *db, const struct slot_point *point, bool (*stop)(void),
                 struct err *e);

/* What a publication holds: all tables, or those of a list for wal2json's
 * option add-tables; and the changes it publishes, for its option actions. */
struct slot_publication {
    bool all_tables;
    struct buf tables;  /* owned: names, as wal2json wants them */
    struct buf actions; /* owned: "insert,update,delete,truncate" */
};

/* ERR_CONFIG also where the plugin cannot tell of its tables. */
int slot_publication(PGconn *db, const char *name, const char *plugin,
                     bool (*stop)(void), struct slot_publication *p,
                     struct err *e);
void slot_publication_free(struct slot_publication *p);

#endif
