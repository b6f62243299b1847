/* Positions of the sources, beside the ledger (position/stored.h). */
#include "json/value.h"
#include "position/frontier.h"
#include "position/stored.h"
#include "sink/sqlite.h"

static const char doing[] = "write positions in";

struct writing {
    struct sqlite_sink *sink;
    const struct sink_run *run;
    sqlite3_stmt *find, *put;
    struct buf text;
    struct buf table; /* in one spelling */
};

static int bind(sqlite3_stmt *q, int at, struct str text)
{
    return sqlite3_bind_text(q, at, text.p ? text.p : "", (int)text.n,
                             SQLITE_TRANSIENT);
}

/* What the table has of the partition: into at most one position of stored. */
static int find(struct writing *w, struct str source, struct str partition,
                struct positions *stored, struct err *e)
{
    bind(w->find, 1, str_of(w->run->pipeline));
    bind(w->find, 2, source);
    bind(w->find, 3, partition);
    bind(w->find, 4, buf_str(&w->table));
    int step = sqlite3_step(w->find), r = 0;
    const char *json = step == SQLITE_ROW
                           ? (const char *)sqlite3_column_text(w->find, 0)
                           : NULL;
    if (json)
        r = stored_parse(stored, json, e);
    sqlite3_reset(w->find);
    return step == SQLITE_ROW || step == SQLITE_DONE
               ? r
               : sqlite_fail(w->sink, e, doing);
}

static int put(struct writing *w, struct str source, const struct position *p,
               struct err *e)
{
    struct position bare = *p; /* what it went on from is settled */
    bare.from = STR("");
    bare.rewind = false;
    buf_reset(&w->text);
    if (position_write(&bare, &w->text))
        return err_nomem(e);
    bind(w->put, 1, str_of(w->run->pipeline));
    bind(w->put, 2, source);
    bind(w->put, 3, p->partition);
    bind(w->put, 4, buf_str(&w->text));
    bind(w->put, 5, str_of(w->run->run_id));
    bind(w->put, 6, str_of(w->run->loaded_at));
    bind(w->put, 7, buf_str(&w->table));
    int step = sqlite3_step(w->put);
    sqlite3_reset(w->put);
    return step == SQLITE_DONE ? 0 : sqlite_fail(w->sink, e, doing);
}

static int write_source(struct writing *w, const struct positions *ps,
                        struct err *e)
{
    int r = 0;
    for (size_t i = 0; i < ps->n && r == 0; i++) {
        struct positions stored = { 0 };
        r = find(w, ps->source, ps->v[i].partition, &stored, e);
        if (r == 0)
            r = position_judge(stored.n ? &stored.v[0] : NULL, &ps->v[i],
                               ps->source, e);
        if (r > 0 && stored.n && frontier_merge(&ps->v[i], &stored.v[0], e))
            r = -1;
        if (r > 0)
            r = put(w, ps->source, &ps->v[i], e);
        positions_free(&stored);
    }
    return r;
}

int sqlite_position_write(struct sqlite_sink *s, const struct sink_run *run,
                          struct err *e)
{
    struct writing w = { .sink = s, .run = run };
    if (!run->n_positions)
        return 0;
    if (sqlite_run(s,
                   "CREATE TABLE IF NOT EXISTS " STORED_TABLE
                   "(pipeline TEXT NOT NULL, source TEXT NOT NULL,"
                   " partition TEXT NOT NULL, position TEXT NOT NULL,"
                   " run_id TEXT NOT NULL, updated_at TEXT NOT NULL,"
                   " table_name TEXT NOT NULL,"
                   " PRIMARY KEY(pipeline, source, partition, table_name))",
                   doing, e))
        return -1;
    int r = sqlite3_prepare_v2(s->db,
                               "SELECT position FROM " STORED_TABLE
                               " WHERE pipeline = ? AND source = ?"
                               " AND partition = ? AND table_name = ?",
                               -1, &w.find, NULL) ||
                    sqlite3_prepare_v2(
                        s->db,
                        "INSERT OR REPLACE INTO " STORED_TABLE
                        "(pipeline, source, partition, position, run_id,"
                        " updated_at, table_name)"
                        " VALUES(?, ?, ?, ?, ?, ?, ?)",
                        -1, &w.put, NULL)
                ? sqlite_fail(s, e, doing)
                : 0;
    sink_spell_folded(s->base.spec->table, &w.table);
    if (r == 0 && w.table.failed)
        r = err_nomem(e);
    for (size_t i = 0; r == 0 && i < run->n_positions; i++)
        r = write_source(&w, &run->positions[i], e);
    sqlite3_finalize(w.find);
    sqlite3_finalize(w.put);
    buf_free(&w.text);
    buf_free(&w.table);
    return r;
}
