/* Positions of the sources, beside the ledger (position/stored.h). */
#include "json/value.h"
#include "position/frontier.h"
#include "position/stored.h"
#include "sink/pg.h"

static const char doing[] = "write positions of";

/* In the ledger's schema. */
static void add_table(struct pg_sink *s)
{
    if (s->schema) {
        pg_ident(&s->sql, str_of(s->schema));
        buf_addc(&s->sql, '.');
    }
    buf_addz(&s->sql, STORED_TABLE);
}

/* Under the ledger's lock, as that was made. */
static int make_table(struct pg_sink *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addf(&s->sql,
             "SELECT pg_advisory_xact_lock(%d, 0); SET LOCAL"
             " client_min_messages = warning; CREATE TABLE IF NOT EXISTS ",
             PG_LOCK_SPACE);
    add_table(s);
    buf_addz(&s->sql,
             " (pipeline text NOT NULL, source text NOT NULL,"
             " partition text NOT NULL, position text NOT NULL,"
             " run_id text NOT NULL, updated_at timestamptz NOT NULL,"
             " table_name text NOT NULL,"
             " PRIMARY KEY (pipeline, source, partition, table_name))");
    return pg_run_sql(s, doing, e);
}

/* Does the table exist? Asked first, since not everybody may make one. */
static int has_table(struct pg_sink *s, struct err *e)
{
    struct buf name = { 0 };
    buf_reset(&s->sql);
    add_table(s);
    buf_add_str(&name, buf_str(&s->sql));
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT to_regclass(");
    pg_literal(&s->sql, buf_str(&name));
    buf_addz(&s->sql, ") IS NOT NULL");
    PGresult *r = name.failed ? NULL : pg_query(s, doing, e);
    int there = r ? *PQgetvalue(r, 0, 0) == 't' : -1;
    PQclear(r);
    if (name.failed)
        err_nomem(e);
    buf_free(&name);
    return there;
}

static void add_literal(struct pg_sink *s, const char *before, struct str text)
{
    buf_addz(&s->sql, before);
    pg_literal(&s->sql, text);
}

static int find(struct pg_sink *s, const char *pipeline, struct str source,
                struct str partition, struct positions *stored, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT position FROM ");
    add_table(s);
    add_literal(s, " WHERE pipeline = ", str_of(pipeline));
    add_literal(s, " AND source = ", source);
    add_literal(s, " AND partition = ", partition);
    add_literal(s, " AND table_name = ", str_of(s->name));
    buf_addz(&s->sql, " FOR UPDATE");
    PGresult *r = pg_query(s, doing, e);
    if (!r)
        return -1;
    int bad = PQntuples(r) ? stored_parse(stored, PQgetvalue(r, 0, 0), e) : 0;
    PQclear(r);
    return bad;
}

static int put(struct pg_sink *s, const struct sink_run *run, struct str source,
               const struct position *p, struct err *e)
{
    struct position bare = *p; /* what it went on from is settled */
    bare.from = STR("");
    bare.rewind = false;
    buf_reset(&s->text);
    if (position_write(&bare, &s->text))
        return err_nomem(e);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO ");
    add_table(s);
    buf_addz(&s->sql, " (pipeline, source, partition, position, run_id,"
                      " updated_at, table_name) VALUES (");
    pg_literal(&s->sql, str_of(run->pipeline));
    add_literal(s, ", ", source);
    add_literal(s, ", ", p->partition);
    add_literal(s, ", ", buf_str(&s->text));
    add_literal(s, ", ", str_of(run->run_id));
    add_literal(s, ", ", str_of(run->loaded_at));
    add_literal(s, ", ", str_of(s->name));
    buf_addz(&s->sql, ") ON CONFLICT (pipeline, source, partition, table_name)"
                      " DO UPDATE"
                      " SET position = excluded.position, run_id ="
                      " excluded.run_id, updated_at = excluded.updated_at");
    return pg_run_sql(s, doing, e);
}

static int write_source(struct pg_sink *s, const struct sink_run *run,
                        const struct positions *ps, struct err *e)
{
    int r = 0;
    for (size_t i = 0; i < ps->n && r == 0; i++) {
        struct positions stored = { 0 };
        r = find(s, run->pipeline, ps->source, ps->v[i].partition, &stored, e);
        if (r == 0)
            r = position_judge(stored.n ? &stored.v[0] : NULL, &ps->v[i],
                               ps->source, e);
        if (r > 0 && stored.n && frontier_merge(&ps->v[i], &stored.v[0], e))
            r = -1;
        if (r > 0)
            r = put(s, run, ps->source, &ps->v[i], e);
        positions_free(&stored);
    }
    return r;
}

int pg_position_write(struct pg_sink *s, const struct sink_run *run,
                      struct err *e)
{
    if (!run->n_positions)
        return 0;
    int there = has_table(s, e);
    int r = there < 0 || (!there && make_table(s, e)) ? -1 : 0;
    for (size_t i = 0; r == 0 && i < run->n_positions; i++)
        r = write_source(s, run, &run->positions[i], e);
    return r;
}
