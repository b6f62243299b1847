#include "pglog/slot.h"

#include "pglog/lsn.h"
#include "pglog/pgask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OLDEST 130000 /* the first to tell whether a slot's log is there */
#define BUSY_MS 10000 /* how long a slot in use is waited for */
#define LOOK_MS 100

bool slot_name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && n < 64 && !name[n];
}

int slot_session(PGconn *db, bool (*stop)(void), struct err *e)
{
    if (PQserverVersion(db) < OLDEST)
        return err_set(e, ERR_CONFIG,
                       "server is PostgreSQL %d, a change stream needs 13 or "
                       "newer",
                       PQserverVersion(db) / 10000);
    return pgask(
        db,
        "SELECT set_config(name, CASE name"
        " WHEN 'DateStyle' THEN 'ISO' WHEN 'TimeZone' THEN 'UTC'"
        " WHEN 'IntervalStyle' THEN 'iso_8601'"
        " WHEN 'bytea_output' THEN 'hex'"
        " WHEN 'extra_float_digits' THEN '1'"
        " WHEN 'standard_conforming_strings' THEN 'on'"
        " WHEN 'client_encoding' THEN 'SQL_ASCII'"
        " ELSE '0' END, false) FROM pg_catalog.pg_settings"
        " WHERE name IN ('DateStyle', 'TimeZone', 'IntervalStyle',"
        " 'bytea_output', 'extra_float_digits',"
        " 'standard_conforming_strings', 'statement_timeout',"
        " 'idle_session_timeout',"
        " 'idle_in_transaction_session_timeout')"
        /* A database of mere bytes: else its first one that is no
         * text would end the stream, every time. */
        " OR (name = 'client_encoding' AND"
        " pg_catalog.current_setting('server_encoding') = 'SQL_ASCII')",
        stop, NULL, e);
}

static int not_told(struct err *e, const char *what)
{
    return err_set(e, ERR_TEMPFAIL, "PostgreSQL did not tell %s", what);
}

int slot_ask_server(PGconn *db, bool (*stop)(void), struct slot_server *server,
                    struct err *e)
{
    PGresult *r;
    if (pgask(db, "IDENTIFY_SYSTEM", stop, &r, e))
        return -1;
    bool told = PQntuples(r) == 1 && PQnfields(r) >= 3 &&
                lsn_parse(pgask_value(r, 0, 2), &server->end);
    PQclear(r);
    if (!told)
        return not_told(e, "the end of its log");
    if (pgask(db,
              "SELECT setting FROM pg_catalog.pg_settings"
              " WHERE name = 'wal_sender_timeout'",
              stop, &r, e))
        return -1;
    server->timeout_ms =
        PQntuples(r) == 1 ? strtoull(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    return 0;
}

/* ---- the slot ---- */

static int check_slot(const PGresult *r, const char *name, const char *plugin,
                      struct slot *slot, struct err *e)
{
    struct str is = pgask_value(r, 0, 0);
    if (!str_eq(is, str_of(plugin)))
        return err_set(e, ERR_CONFIG,
                       "slot '%s' is one of plugin '%.*s', not of '%s'", name,
                       STR_ARG(is), plugin);
    if (*PQgetvalue(r, 0, 1) != 't')
        return err_set(e, ERR_CONFIG, "slot '%s' is one of another database",
                       name);
    if (str_eq(pgask_value(r, 0, 3), STR("lost")))
        return err_set(e, ERR_CONFIG,
                       "slot '%s' has lost changes: the server has removed "
                       "the log that it had kept (max_slot_wal_keep_size)",
                       name);
    slot->found = true;
    return lsn_parse(pgask_value(r, 0, 2), &slot->confirmed)
               ? 0
               : not_told(e, "how far the slot is confirmed");
}

int slot_find(PGconn *db, const char *name, const char *plugin,
              bool (*stop)(void), struct slot *slot, struct err *e)
{
    struct buf sql = { .max = 65536 };
    PGresult *r = NULL;
    *slot = (struct slot){ 0 };
    buf_addz(&sql, "SELECT plugin, database = pg_catalog.current_database(),"
                   " confirmed_flush_lsn, wal_status"
                   " FROM pg_catalog.pg_replication_slots WHERE slot_name = ");
    pgask_literal(&sql, str_of(name));
    int done = pgask_buf(db, &sql, stop, &r, e);
    if (done == 0 && PQntuples(r) > 0)
        done = check_slot(r, name, plugin, slot, e);
    PQclear(r);
    buf_free(&sql);
    return done;
}

/* The session that has it: 1 with its number, 0 for none, -1. */
static int ask_owner(PGconn *db, const char *name, bool (*stop)(void),
                     char pid[16], struct err *e)
{
    struct buf sql = { .max = 65536 };
    PGresult *r = NULL;
    buf_addz(&sql, "SELECT active_pid FROM pg_catalog.pg_replication_slots"
                   " WHERE active AND slot_name = ");
    pgask_literal(&sql, str_of(name));
    int done = pgask_buf(db, &sql, stop, &r, e);
    if (done == 0 && PQntuples(r) > 0) {
        snprintf(pid, 16, "%s", PQgetvalue(r, 0, 0));
        done = 1;
    }
    PQclear(r);
    buf_free(&sql);
    return done;
}

int slot_await(PGconn *db, const char *name, bool (*stop)(void), struct err *e)
{
    const struct timespec pause = { 0, LOOK_MS * 1000000 };
    char pid[16];
    for (int ms = 0;; ms += LOOK_MS) {
        int owned = ask_owner(db, name, stop, pid, e);
        if (owned <= 0)
            return owned;
        if (ms >= BUSY_MS)
            return err_set(e, ERR_TEMPFAIL,
                           "slot '%s' is in use by session %s of the server",
                           name, pid);
        if (stop && stop())
            return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
        nanosleep(&pause, NULL);
    }
}

int slot_create(PGconn *db, const char *name, const char *plugin,
                bool (*stop)(void), struct err *e)
{
    char sql[200];
    snprintf(sql, sizeof(sql),
             "CREATE_REPLICATION_SLOT %s LOGICAL %s NOEXPORT_SNAPSHOT", name,
             plugin);
    return pgask(db, sql, stop, NULL, e);
}

/* Of this process at this moment: other hosts make some too. */
static void name_point(struct slot_point *point)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(point->slot, sizeof(point->slot), "pipe_snapshot_%lx_%lx_%lx",
             (unsigned long)getpid(), (unsigned long)t.tv_sec,
             (unsigned long)t.tv_nsec);
}

int slot_export(PGconn *db, const char *plugin, bool (*stop)(void),
                struct slot_point *point, struct err *e)
{
    char sql[200];
    PGresult *r;
    name_point(point);
    snprintf(sql, sizeof(sql),
             "CREATE_REPLICATION_SLOT %s TEMPORARY LOGICAL %s EXPORT_SNAPSHOT",
             point->slot, plugin);
    if (pgask(db, sql, stop, &r, e))
        return -1;
    buf_reset(&point->snapshot);
    bool told = PQntuples(r) == 1 && PQnfields(r) >= 3 &&
                lsn_parse(pgask_value(r, 0, 1), &point->lsn) &&
                !PQgetisnull(r, 0, 2);
    if (told)
        buf_add_str(&point->snapshot, pgask_value(r, 0, 2));
    PQclear(r);
    if (!told)
        return not_told(e, "the point of a snapshot");
    return point->snapshot.failed ? err_nomem(e) : 0;
}

int slot_release(PGconn *db, const struct slot_point *point, bool (*stop)(void),
                 struct err *e)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "DROP_REPLICATION_SLOT %s", point->slot);
    return pgask(db, sql, stop, NULL, e);
}

/* ---- the publication ---- */

static int ask_publication(PGconn *db, const char *name, const char *plugin,
                           bool (*stop)(void), struct slot_publication *p,
                           struct err *e)
{
    static const char *const actions[] = { "insert", "update", "delete",
                                           "truncate" };
    struct buf sql = { .max = 65536 };
    PGresult *r = NULL;
    buf_addz(&sql,
             "SELECT p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete,"
             " p.pubtruncate, p.pubviaroot AND EXISTS (SELECT"
             " FROM pg_catalog.pg_publication_tables t"
             " JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname"
             " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid"
             " AND c.relname = t.tablename"
             " WHERE t.pubname = p.pubname AND c.relkind = 'p')"
             " FROM pg_catalog.pg_publication p WHERE p.pubname = ");
    pgask_literal(&sql, str_of(name));
    int done = pgask_buf(db, &sql, stop, &r, e);
    if (done == 0 && PQntuples(r) == 0)
        done = err_set(e, ERR_CONFIG,
                       "publication '%s' is not there: CREATE PUBLICATION "
                       "makes it",
                       name);
    for (int i = 0; done == 0 && i < 4; i++)
        if (*PQgetvalue(r, 0, i + 1) == 't') {
            buf_addz(&p->actions, p->actions.n ? "," : "");
            buf_addz(&p->actions, actions[i]);
        }
    p->all_tables = done == 0 && *PQgetvalue(r, 0, 0) == 't';
    if (done == 0 && *PQgetvalue(r, 0, 5) == 't' &&
        strcmp(plugin, "wal2json") == 0)
        done = err_set(e, ERR_CONFIG,
                       "publication '%s' has partitioned tables under their "
                       "own names (publish_via_partition_root), wal2json knows "
                       "their partitions only",
                       name);
    PQclear(r);
    buf_free(&sql);
    return done;
}

/* wal2json reads the list at commas and the name at its dot; what is within a
 * name has a backslash. */
static void add_escaped(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (strchr(" ',.*\\", name.p[i]))
            buf_addc(out, '\\');
        buf_addc(out, name.p[i]);
    }
}

static int ask_tables(PGconn *db, const char *name, bool (*stop)(void),
                      struct slot_publication *p, struct err *e)
{
    struct buf sql = { .max = 65536 };
    PGresult *r = NULL;
    buf_addz(&sql, "SELECT schemaname, tablename"
                   " FROM pg_catalog.pg_publication_tables WHERE pubname = ");
    pgask_literal(&sql, str_of(name));
    int done = pgask_buf(db, &sql, stop, &r, e);
    for (int i = 0; done == 0 && i < PQntuples(r); i++) {
        buf_addz(&p->tables, i ? "," : "");
        add_escaped(&p->tables, pgask_value(r, i, 0));
        buf_addc(&p->tables, '.');
        add_escaped(&p->tables, pgask_value(r, i, 1));
    }
    PQclear(r);
    buf_free(&sql);
    return done;
}

int slot_publication(PGconn *db, const char *name, const char *plugin,
                     bool (*stop)(void), struct slot_publication *p,
                     struct err *e)
{
    if (ask_publication(db, name, plugin, stop, p, e) ||
        (!p->all_tables && ask_tables(db, name, stop, p, e)))
        return -1;
    if (!p->all_tables && p->tables.n == 0)
        return err_set(e, ERR_CONFIG, "publication '%s' has no tables", name);
    return p->tables.failed || p->actions.failed ? err_nomem(e) : 0;
}

void slot_publication_free(struct slot_publication *p)
{
    buf_free(&p->tables);
    buf_free(&p->actions);
}
