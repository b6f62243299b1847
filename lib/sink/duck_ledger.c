#include "sink/duck.h"

#include "base/date.h"
#include "sink/range.h"

#include <stdio.h>
#include <stdlib.h>

int duck_ledger_create(struct duck_sink *s, struct err *e)
{
    return duck_run(
        &s->duck,
        "CREATE TABLE IF NOT EXISTS " DUCK_LEDGER
        " (id BIGINT NOT NULL, pipeline VARCHAR NOT NULL,"
        " table_name VARCHAR NOT NULL, partition VARCHAR NOT NULL,"
        " run_id VARCHAR NOT NULL, mode VARCHAR NOT NULL,"
        " input_bytes BIGINT NOT NULL, input_hash VARCHAR NOT NULL,"
        " rows_read BIGINT NOT NULL, rows_loaded BIGINT NOT NULL,"
        " rows_rejected BIGINT NOT NULL, watermark VARCHAR,"
        " schema_version VARCHAR NOT NULL, started_at TIMESTAMPTZ NOT NULL,"
        " loaded_at TIMESTAMPTZ NOT NULL)",
        "write the ledger in", e);
}

/* WHERE the table, and with it the very run. */
static void add_where(struct duck_sink *s, const struct sink_run *run,
                      bool very)
{
    struct buf *sql = &s->duck.sql;
    buf_addz(sql, " FROM " DUCK_LEDGER " WHERE lower(table_name) = lower(");
    duck_literal(sql, str_of(s->base.spec->table));
    buf_addc(sql, ')');
    if (!very)
        return;
    buf_addz(sql, " AND partition = ");
    duck_literal(sql, str_of(run->partition));
    buf_addz(sql, " AND pipeline = ");
    duck_literal(sql, str_of(run->pipeline));
    buf_addz(sql, " AND run_id = ");
    duck_literal(sql, str_of(run->run_id));
}

/* Of the latest load of each partition the first, of those that can have rows
 * in common with the run's. */
static size_t latest_row(const struct duck_rows *rows,
                         const struct sink_run *run)
{
    size_t i = 0;
    while (i < rows->n && !range_overlap(str_of(duck_cell(rows, i, 3)),
                                         str_of(run->partition)))
        i++;
    return i;
}

int duck_ledger_find(struct duck_sink *s, const struct sink_run *run,
                     enum sink_outcome *outcome, struct buf *previous,
                     struct err *e)
{
    bool all = sink_looks_at_all(s->base.spec);
    struct duck_rows rows;
    *outcome = SINK_NEW;
    if (run->continues)
        return 0;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql,
             "SELECT pipeline, run_id, mode, partition, input_hash,"
             " CAST(epoch_us(loaded_at) AS VARCHAR)");
    add_where(s, run, all);
    if (!all) {
        buf_addz(&s->duck.sql, " AND id IN (SELECT max(id)");
        add_where(s, run, false);
        buf_addz(&s->duck.sql, " GROUP BY partition)");
    }
    buf_addz(&s->duck.sql, " ORDER BY id DESC");
    buf_addz(&s->duck.sql, all ? " LIMIT 1" : "");
    int r = duck_query(&s->duck, "read the ledger in", &rows, e);
    size_t i = r == 0 ? latest_row(&rows, run) : 0;
    struct sink_owner owner = { 0 };
    if (r == 0 && i < rows.n)
        owner =
            (struct sink_owner){ duck_cell(&rows, i, 0), duck_cell(&rows, i, 1),
                                 duck_cell(&rows, i, 2),
                                 duck_cell(&rows, i, 3) };
    if (r == 0 && i < rows.n && sink_is_own(s->base.spec, run, &owner)) {
        bool same = strcmp(duck_cell(&rows, i, 4), run->input_hash) == 0;
        *outcome = same ? SINK_SAME : all ? SINK_CONFLICT : SINK_NEW;
        time_format(previous, strtoll(duck_cell(&rows, i, 5), NULL, 10));
    }
    duck_rows_free(&rows);
    return r;
}

int duck_ledger_resume(struct duck_sink *s, const struct sink_run *run,
                       struct sink_position *at, struct err *e)
{
    struct duck_rows rows;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql, "SELECT CAST(input_bytes AS VARCHAR), input_hash,"
                           " CAST(sum(rows_read) OVER w AS VARCHAR),"
                           " CAST(sum(rows_loaded) OVER w AS VARCHAR),"
                           " CAST(sum(rows_rejected) OVER w AS VARCHAR)");
    add_where(s, run, true);
    buf_addz(&s->duck.sql,
             " WINDOW w AS (ORDER BY id) ORDER BY id DESC LIMIT 1");
    int r = duck_query(&s->duck, "read the ledger in", &rows, e);
    if (r == 0 && rows.n) {
        at->found = true;
        at->input_bytes = strtoull(duck_cell(&rows, 0, 0), NULL, 10);
        snprintf(at->input_hash, sizeof(at->input_hash), "%s",
                 duck_cell(&rows, 0, 1));
        at->read = strtoull(duck_cell(&rows, 0, 2), NULL, 10);
        at->loaded = strtoull(duck_cell(&rows, 0, 3), NULL, 10);
        at->rejected = strtoull(duck_cell(&rows, 0, 4), NULL, 10);
    }
    duck_rows_free(&rows);
    return r;
}

int duck_ledger_write(struct duck_sink *s, const struct sink_run *r,
                      struct err *e)
{
    struct buf *sql = &s->duck.sql;
    char schema[33];
    table_version(&s->stage.table, sql, schema);
    const char *texts[] = { r->pipeline,
                            s->base.spec->table,
                            r->partition,
                            r->run_id,
                            s->base.spec->mode_name,
                            r->input_hash,
                            r->watermark,
                            schema,
                            r->started_at,
                            r->loaded_at };
    buf_reset(sql);
    buf_addz(sql, "INSERT INTO " DUCK_LEDGER
                  " (id, pipeline, table_name, partition, run_id, mode,"
                  " input_hash, watermark, schema_version, started_at,"
                  " loaded_at, input_bytes, rows_read, rows_loaded,"
                  " rows_rejected) SELECT coalesce(max(id), 0) + 1");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        buf_addz(sql, ", ");
        if (texts[i])
            duck_literal(sql, str_of(texts[i]));
        else
            buf_addz(sql, "NULL");
    }
    buf_addf(sql, ", %llu, %llu, %llu, %llu FROM " DUCK_LEDGER,
             (unsigned long long)r->input_bytes, (unsigned long long)r->read,
             (unsigned long long)r->loaded, (unsigned long long)r->rejected);
    return duck_run_sql(&s->duck, "write the ledger in", NULL, e);
}
