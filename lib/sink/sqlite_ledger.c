#include "sink/sqlite.h"
#include "sink/view.h"

#include <stdio.h>

#define LEDGER "_pipe_loads"

int sqlite_ledger_create(struct sqlite_sink *s, struct err *e)
{
    return sqlite_run(
        s,
        "CREATE TABLE IF NOT EXISTS " LEDGER "("
        "id INTEGER PRIMARY KEY, pipeline TEXT NOT NULL,"
        " table_name TEXT NOT NULL, partition TEXT NOT NULL,"
        " run_id TEXT NOT NULL, mode TEXT NOT NULL,"
        " input_bytes INTEGER NOT NULL, input_hash TEXT NOT NULL,"
        " rows_read INTEGER NOT NULL, rows_loaded INTEGER NOT NULL,"
        " rows_rejected INTEGER NOT NULL, watermark TEXT,"
        " schema_version TEXT NOT NULL, started_at TEXT NOT NULL,"
        " loaded_at TEXT NOT NULL);"
        "CREATE INDEX IF NOT EXISTS " LEDGER "_of ON " LEDGER
        "(table_name COLLATE NOCASE, partition, pipeline, run_id)",
        "write the ledger in", e);
}

static void bind_z(sqlite3_stmt *stmt, int at, const char *z)
{
    sqlite3_bind_text(stmt, at, z, -1, SQLITE_STATIC);
}

static sqlite3_stmt *prepare(struct sqlite_sink *s, const char *sql,
                             struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        sqlite_fail(s, e, "read the ledger in");
    return stmt;
}

static sqlite3_stmt *query(struct sqlite_sink *s, const struct sink_run *r,
                           struct err *e)
{
    static const char all[] =
        "SELECT pipeline, run_id, mode, partition, input_hash, loaded_at"
        " FROM " LEDGER " WHERE table_name = ?1 COLLATE NOCASE AND partition = "
        "?2 AND pipeline = ?3"
        " AND run_id = ?4 ORDER BY id DESC LIMIT 1";
    static const char latest[] =
        "SELECT pipeline, run_id, mode, partition, input_hash, loaded_at"
        " FROM " LEDGER
        " WHERE table_name = ?1 COLLATE NOCASE AND pipe_overlap(partition, ?2)"
        " ORDER BY id DESC LIMIT 1";
    bool every = sink_looks_at_all(s->base.spec);
    sqlite3_stmt *stmt = prepare(s, every ? all : latest, e);
    if (!stmt)
        return NULL;
    bind_z(stmt, 1, s->base.spec->table);
    bind_z(stmt, 2, r->partition);
    if (every) {
        bind_z(stmt, 3, r->pipeline);
        bind_z(stmt, 4, r->run_id);
    }
    return stmt;
}

int sqlite_ledger_find(struct sqlite_sink *s, const struct sink_run *r,
                       enum sink_outcome *outcome, struct buf *previous,
                       struct err *e)
{
    *outcome = SINK_NEW;
    if (r->continues)
        return 0;
    sqlite3_stmt *stmt = query(s, r, e);
    if (!stmt)
        return -1;
    int step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        const char *v[6];
        for (int i = 0; i < 6; i++) {
            v[i] = (const char *)sqlite3_column_text(stmt, i);
            v[i] = v[i] ? v[i] : "";
        }
        struct sink_owner owner = { v[0], v[1], v[2], v[3] };
        if (sink_is_own(s->base.spec, r, &owner)) {
            bool same = strcmp(v[4], r->input_hash) == 0;
            *outcome = same                              ? SINK_SAME
                       : sink_looks_at_all(s->base.spec) ? SINK_CONFLICT
                                                         : SINK_NEW;
            buf_addz(previous, v[5]);
        }
    }
    sqlite3_finalize(stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return sqlite_fail(s, e, "read the ledger in");
    return 0;
}

int sqlite_ledger_write(struct sqlite_sink *s, const struct sink_run *r,
                        struct err *e)
{
    static const char sql[] =
        "INSERT INTO " LEDGER "(pipeline, table_name, partition, run_id, mode,"
        " input_hash, schema_version, started_at, loaded_at, input_bytes,"
        " rows_read, rows_loaded, rows_rejected, watermark)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    char schema[33], version[VIEW_WATERMARK];
    table_version(&s->table, &s->sql, schema);
    sqlite3_stmt *stmt = prepare(s, sql, e);
    if (!stmt)
        return -1;
    view_watermark(s->version, version);
    const char *texts[] = {
        r->pipeline, s->base.spec->table,     r->partition,
        r->run_id,   s->base.spec->mode_name, r->input_hash,
        schema,      r->started_at,           r->loaded_at
    };
    for (int i = 0; i < 9; i++)
        bind_z(stmt, i + 1, texts[i]);
    sqlite3_bind_int64(stmt, 10, (sqlite3_int64)r->input_bytes);
    sqlite3_bind_int64(stmt, 11, (sqlite3_int64)r->read);
    sqlite3_bind_int64(stmt, 12, (sqlite3_int64)r->loaded);
    sqlite3_bind_int64(stmt, 13, (sqlite3_int64)r->rejected);
    if (r->watermark || s->version)
        bind_z(stmt, 14, r->watermark ? r->watermark : version);
    int step = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    if (step != SQLITE_DONE)
        return sqlite_fail(s, e, "write the ledger in");
    return sqlite_position_write(s, r, e);
}

int sqlite_ledger_resume(struct sqlite_sink *s, const struct sink_run *r,
                         struct sink_position *at, struct err *e)
{
    static const char sql[] =
        "SELECT input_bytes, input_hash, total(rows_read) OVER w,"
        " total(rows_loaded) OVER w, total(rows_rejected) OVER w"
        " FROM " LEDGER
        " WHERE table_name = ?1 COLLATE NOCASE AND partition = ?2"
        " AND pipeline = ?3 AND run_id = ?4"
        " WINDOW w AS (ORDER BY id) ORDER BY id DESC LIMIT 1";
    sqlite3_stmt *stmt = prepare(s, sql, e);
    if (!stmt)
        return -1;
    bind_z(stmt, 1, s->base.spec->table);
    bind_z(stmt, 2, r->partition);
    bind_z(stmt, 3, r->pipeline);
    bind_z(stmt, 4, r->run_id);
    int step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        const char *hash = (const char *)sqlite3_column_text(stmt, 1);
        at->found = true;
        at->input_bytes = (uint64_t)sqlite3_column_int64(stmt, 0);
        snprintf(at->input_hash, sizeof(at->input_hash), "%s",
                 hash ? hash : "");
        at->read = (uint64_t)sqlite3_column_int64(stmt, 2);
        at->loaded = (uint64_t)sqlite3_column_int64(stmt, 3);
        at->rejected = (uint64_t)sqlite3_column_int64(stmt, 4);
    }
    sqlite3_finalize(stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return sqlite_fail(s, e, "read the ledger in");
    return 0;
}
