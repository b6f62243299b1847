#include "sink/pg.h"

#include "sink/range.h"
#include "sink/view.h"

#include <stdio.h>
#include <stdlib.h>

/* The ledger is made once, under a lock of its own: two that do it at the same
 * time would fail, with IF NOT EXISTS too. */
int pg_ledger_create(struct pg_sink *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT to_regclass(");
    pg_literal(&s->sql, buf_str(&s->ledger));
    buf_addz(&s->sql, ") IS NOT NULL");
    PGresult *r = pg_query(s, "read the ledger of", e);
    if (!r)
        return -1;
    bool there = *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    if (there)
        return 0;
    buf_reset(&s->sql);
    buf_addf(&s->sql,
             "SELECT pg_advisory_xact_lock(%d, 0); CREATE TABLE"
             " IF NOT EXISTS ",
             PG_LOCK_SPACE);
    buf_add_str(&s->sql, buf_str(&s->ledger));
    buf_addz(&s->sql,
             " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
             " pipeline text NOT NULL, table_name text NOT NULL,"
             " partition text NOT NULL, run_id text NOT NULL,"
             " mode text NOT NULL, input_bytes bigint NOT NULL,"
             " input_hash text NOT NULL, rows_read bigint NOT NULL,"
             " rows_loaded bigint NOT NULL, rows_rejected bigint NOT NULL,"
             " watermark text, schema_version text NOT NULL,"
             " started_at timestamptz NOT NULL,"
             " loaded_at timestamptz NOT NULL); CREATE INDEX IF NOT "
             "EXISTS " PG_LEDGER "_of ON ");
    buf_add_str(&s->sql, buf_str(&s->ledger));
    buf_addz(&s->sql, " (table_name, partition, pipeline, run_id)");
    return pg_run_sql(s, "make the ledger of", e);
}

/* WHERE the table, and with it the very run. */
static void add_where(struct pg_sink *s, const struct sink_run *run, bool very)
{
    buf_add_str(&s->sql, buf_str(&s->ledger));
    buf_addz(&s->sql, " WHERE table_name = ");
    pg_literal(&s->sql, str_of(s->name));
    if (!very)
        return;
    buf_addz(&s->sql, " AND partition = ");
    pg_literal(&s->sql, str_of(run->partition));
    buf_addz(&s->sql, " AND pipeline = ");
    pg_literal(&s->sql, str_of(run->pipeline));
    buf_addz(&s->sql, " AND run_id = ");
    pg_literal(&s->sql, str_of(run->run_id));
}

/* The latest load of each partition, and among them of those that can have
 * rows in common with the run's: row of r, or -1. */
static int latest_row(const PGresult *r, const struct sink_run *run)
{
    for (int i = 0; i < PQntuples(r); i++)
        if (range_overlap(str_of(PQgetvalue(r, i, 3)), str_of(run->partition)))
            return i;
    return -1;
}

int pg_ledger_find(struct pg_sink *s, const struct sink_run *run,
                   enum sink_outcome *outcome, struct buf *previous,
                   struct err *e)
{
    bool all = sink_looks_at_all(s->base.spec);
    *outcome = SINK_NEW;
    if (run->continues)
        return 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT pipeline, run_id, mode, partition, input_hash,"
                      " to_char(loaded_at,"
                      " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM ");
    add_where(s, run, all);
    if (!all) {
        buf_addz(&s->sql, " AND id IN (SELECT max(id) FROM ");
        add_where(s, run, false);
        buf_addz(&s->sql, " GROUP BY partition)");
    }
    buf_addz(&s->sql, " ORDER BY id DESC");
    buf_addz(&s->sql, all ? " LIMIT 1" : "");
    PGresult *r = pg_query(s, "read the ledger of", e);
    if (!r)
        return -1;
    int i = latest_row(r, run);
    struct sink_owner owner = { 0 };
    if (i >= 0)
        owner = (struct sink_owner){ PQgetvalue(r, i, 0), PQgetvalue(r, i, 1),
                                     PQgetvalue(r, i, 2), PQgetvalue(r, i, 3) };
    if (i >= 0 && sink_is_own(s->base.spec, run, &owner)) {
        bool same = strcmp(PQgetvalue(r, i, 4), run->input_hash) == 0;
        *outcome = same ? SINK_SAME : all ? SINK_CONFLICT : SINK_NEW;
        buf_addz(previous, PQgetvalue(r, i, 5));
    }
    PQclear(r);
    return 0;
}

int pg_ledger_resume(struct pg_sink *s, const struct sink_run *run,
                     struct sink_position *at, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT input_bytes, input_hash, sum(rows_read) OVER w,"
                      " sum(rows_loaded) OVER w, sum(rows_rejected) OVER w"
                      " FROM ");
    add_where(s, run, true);
    buf_addz(&s->sql, " WINDOW w AS (ORDER BY id) ORDER BY id DESC LIMIT 1");
    PGresult *r = pg_query(s, "read the ledger of", e);
    if (!r)
        return -1;
    if (PQntuples(r)) {
        at->found = true;
        at->input_bytes = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
        snprintf(at->input_hash, sizeof(at->input_hash), "%s",
                 PQgetvalue(r, 0, 1));
        at->read = strtoull(PQgetvalue(r, 0, 2), NULL, 10);
        at->loaded = strtoull(PQgetvalue(r, 0, 3), NULL, 10);
        at->rejected = strtoull(PQgetvalue(r, 0, 4), NULL, 10);
    }
    PQclear(r);
    return 0;
}

static void add_value(struct pg_sink *s, const char *text, char before)
{
    buf_addc(&s->sql, before);
    if (text)
        pg_literal(&s->sql, str_of(text));
    else
        buf_addz(&s->sql, "NULL");
}

int pg_ledger_write(struct pg_sink *s, const struct sink_run *r, struct err *e)
{
    char schema[33], version[VIEW_WATERMARK];
    table_version(&s->table, &s->text, schema);
    view_watermark(s->version, version);
    const char *texts[] = { r->pipeline,
                            s->name,
                            r->partition,
                            r->run_id,
                            s->base.spec->mode_name,
                            r->input_hash,
                            r->watermark || !s->version ? r->watermark
                                                        : version,
                            schema,
                            r->started_at,
                            r->loaded_at };
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO ");
    buf_add_str(&s->sql, buf_str(&s->ledger));
    buf_addz(&s->sql, " (pipeline, table_name, partition, run_id, mode,"
                      " input_hash, watermark, schema_version, started_at,"
                      " loaded_at, input_bytes, rows_read, rows_loaded,"
                      " rows_rejected) VALUES ");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        add_value(s, texts[i], i ? ',' : '(');
    buf_addf(&s->sql, ",%llu,%llu,%llu,%llu)",
             (unsigned long long)r->input_bytes, (unsigned long long)r->read,
             (unsigned long long)r->loaded, (unsigned long long)r->rejected);
    return pg_run_sql(s, "write the ledger of", e) || pg_position_write(s, r, e)
               ? -1
               : 0;
}
