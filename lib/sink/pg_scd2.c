/* Slowly changing dimensions, type 2 (Kimball): a row a version.
 *
 * Records are staged with their time and hash. Then one statement plans what
 * becomes of the versions of all keys that came (pg_scd2_sql.c), and few carry
 * it out. Two kinds of keys are taken event by event instead, in a loop within
 * the server: those for which a row was refused, so that the events around it
 * count, and those whose events depend on what the one before did. */
#include "sink/pg_scd2.h"

#include "sink/scd2.h"

#include <stdio.h>
#include <stdlib.h>

#define FEW \
    1024 /* keys that are taken event by event if they fail as a whole */

/* ---- the table ---- */

static bool fits(const struct column *c, enum sink_scd2_column which)
{
    switch (which) {
    case SINK_IS_CURRENT: return c->kind == COLUMN_BOOLEAN;
    case SINK_ROW_HASH: return c->kind == COLUMN_TEXT;
    default: return strcmp(c->type, "timestamp with time zone") == 0;
    }
}

int pg_scd2_check(struct pg_sink *s, struct err *e)
{
    static const char *const wants[SINK_SCD2_COLUMNS] = {
        [SINK_VALID_FROM] = "timestamp with time zone",
        [SINK_VALID_TO] = "timestamp with time zone",
        [SINK_IS_CURRENT] = "boolean",
        [SINK_ROW_HASH] = "text"
    };
    return scd2_check(&s->table, s->base.spec, fits, wants, e);
}

void pg_scd2_index(struct pg_sink *s)
{
    struct pg_scd2 m = { .s = s };
    pg_scd2_add(&m, &s->sql, "; CREATE UNIQUE INDEX ON @t (@k-) WHERE @c");
}

/* ---- one record ---- */

int pg_scd2_note(struct pg_sink *s, const struct sink_record *r,
                 struct sink_refusal *why, struct err *e)
{
    struct pg_event *v = &s->event;
    char at[SCD2_TIME_LEN + 1];
    int done = scd2_effective(&s->table, s->base.spec, r, at, &v->clock, why);
    if (done <= 0)
        return done;
    s->clocked |= v->clock;
    s->timed |= !v->clock;
    /* The server has no year 0. */
    bool bc = memcmp(at, "0000", 4) == 0;
    snprintf(v->at, sizeof(v->at), "%s%s%s", bc ? "0001" : "", bc ? at + 4 : at,
             bc ? " BC" : "");
    *v->hash = '\0';
    return r->op == SINK_ROW &&
                   scd2_hash(&s->table, s->base.spec, &s->text, v->hash, e)
               ? -1
               : 1;
}

void pg_scd2_encode(const struct pg_sink *s, struct buf *out)
{
    const struct pg_event *v = &s->event;
    buf_addf(out, "\t%s\t%c\t%s", v->at, v->clock ? 't' : 'f', v->hash);
}

/* ---- what is planned ---- */

/* Runs one step and leaves the table it made analyzed. */
static int make(struct pg_scd2 *m, enum pg_scd2_step step, const char *table,
                struct err *e)
{
    buf_reset(&m->s->sql);
    pg_scd2_sql(m, &m->s->sql, step);
    buf_addf(&m->s->sql, "; ANALYZE %s", table);
    return pg_run_sql(m->s, "write to", e);
}

int pg_scd2_sort(struct pg_sink *s, struct err *e)
{
    struct pg_scd2 m = { .s = s };
    if (!s->stage_made)
        return 0;
    return pg_merge_unstage(s, "_pipe_stage", e) ||
                   make(&m, PG_SCD2_EVENTS, "_pipe_events", e)
               ? -1
               : 0;
}

/* Columns that can neither be NULL nor do without a value, but have a default:
 * 't' in out for those that no staged record has. A row of r is a name. */
static int find_absent(struct pg_sink *s, const PGresult *names, bool *absent,
                       struct err *e)
{
    int n = PQntuples(names), done = 0;
    if (n == 0)
        return 0;
    buf_reset(&s->sql);
    for (int i = 0; i < n; i++) {
        buf_addz(&s->sql, i ? ", bool_or(" : "SELECT bool_or(");
        pg_ident(&s->sql, str_of(PQgetvalue(names, i, 0)));
        buf_addz(&s->sql, " IS NOT NULL)");
    }
    buf_addz(&s->sql, " FROM _pipe_stage WHERE _pipe_op = 'r'");
    PGresult *r = pg_query(s, "write to", e);
    if (!r)
        return -1;
    for (int i = 0; i < n; i++) {
        const struct column *c =
            table_find(&s->table, str_of(PQgetvalue(names, i, 0)));
        if (c && *PQgetvalue(r, 0, i) != 't')
            absent[c - s->table.v] = true;
    }
    PQclear(r);
    return done;
}

/* All columns are written, a missing field as NULL; but a surrogate key and the
 * like, which no record has, the server fills. */
static int choose_columns(struct pg_scd2 *m, struct err *e)
{
    struct pg_sink *s = m->s;
    bool *absent = calloc(s->table.n + 1, sizeof(*absent));
    if (!absent)
        return err_nomem(e);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT attname FROM pg_attribute WHERE attnum > 0 AND"
                      " NOT attisdropped AND attnotnull AND attgenerated = ''"
                      " AND (atthasdef OR attidentity <> '') AND attrelid ="
                      " to_regclass(");
    pg_literal(&s->sql, buf_str(&s->qualified));
    buf_addc(&s->sql, ')');
    PGresult *names = pg_query(s, "read the columns of", e);
    int done = names ? find_absent(s, names, absent, e) : -1;
    PQclear(names);
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        buf_addc(&m->used,
                 scd2_is_field(c) && (c->key || !absent[i]) ? '1' : '0');
    }
    free(absent);
    return done ? -1 : m->used.failed ? err_nomem(e) : 0;
}

static int check_tracked(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_tracked; i++)
        if (!table_find(&s->table, spec->tracked[i]))
            return err_set(e, ERR_CONFIG,
                           "option --track: table '%s' has no column '%.*s'",
                           spec->table, STR_ARG(spec->tracked[i]));
    return 0;
}

/* Looks over the history: versions that others wrote may never begin or end.
 * *later: some begin or end behind the load's clock. */
static int check_times(struct pg_sink *s, bool *later, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    PGresult *r;
    buf_reset(&s->sql);
    buf_addz(&s->sql,
             "SELECT coalesce(min(coalesce(_pipe_f::text, 'NULL')) FILTER"
             " (WHERE isfinite(_pipe_f) IS NOT TRUE), ''), min(_pipe_u) FILTER"
             " (WHERE NOT isfinite(_pipe_u)), max(greatest(_pipe_f, _pipe_u))"
             " > ");
    pg_literal(&s->sql, str_of(spec->now));
    buf_addz(&s->sql, " FROM _pipe_versions WHERE _pipe_is");
    if (!(r = pg_query(s, "read", e)))
        return -1;
    bool from = *PQgetvalue(r, 0, 0), to = !PQgetisnull(r, 0, 1);
    *later = *PQgetvalue(r, 0, 2) == 't';
    if (from || to)
        err_set(e, ERR_CONFIG,
                "table '%s' has the time '%.60s' in column '%s': mode scd2 "
                "wants times, and NULL where a version is open",
                spec->table, PQgetvalue(r, 0, from ? 0 : 1),
                spec->scd2_names[from ? SINK_VALID_FROM : SINK_VALID_TO].p);
    PQclear(r);
    return from || to ? -1 : 0;
}

/* By the load's clock a change is the newest, even if that clock went back.
 * Where it is not the only change of its key, it matters what the others do. */
static int set_clock(struct pg_sink *s, bool later, struct err *e)
{
    if (s->clocked && s->timed &&
        pg_run(s,
               "INSERT INTO _pipe_slow SELECT _pipe_k FROM _pipe_events WHERE"
               " NOT _pipe_only GROUP BY _pipe_k HAVING bool_or(_pipe_clock)",
               "write to", e))
        return -1;
    if (!s->clocked || !later)
        return 0;
    return pg_run(s,
                  "UPDATE _pipe_events AS e SET _pipe_at = v.last FROM (SELECT"
                  " _pipe_k, max(greatest(_pipe_f, _pipe_u)) AS last FROM"
                  " _pipe_versions WHERE _pipe_is GROUP BY _pipe_k) AS v WHERE"
                  " e._pipe_k = v._pipe_k AND e._pipe_clock AND e._pipe_at <"
                  " v.last AND e._pipe_only",
                  "write to", e);
}

/* Events of records that are refused go; others may then be the first or only
 * one of their key. */
static int drop_refused(struct pg_sink *s, struct err *e)
{
    if (s->refused.n == 0)
        return 0;
    return pg_merge_unstage(s, "_pipe_events", e) ||
                   pg_run(s,
                          "UPDATE _pipe_events AS e SET _pipe_first ="
                          " e._pipe_at = o.a, _pipe_only = o.a = o.b FROM"
                          " (SELECT _pipe_k, min(_pipe_at) AS a, max(_pipe_at)"
                          " AS b FROM _pipe_events GROUP BY _pipe_k) AS o WHERE"
                          " o._pipe_k = e._pipe_k AND (e._pipe_first <>"
                          " (e._pipe_at = o.a) OR e._pipe_only <> (o.a ="
                          " o.b))",
                          "write to", e)
               ? -1
               : 0;
}

/* How many rows of the plan want each step, and keys there are. */
struct counts {
    uint64_t step[PG_SCD2_EVENT];
    uint64_t slow, keys;
};

static int count(struct pg_sink *s, struct counts *c, struct err *e)
{
    static const enum pg_scd2_step steps[] = { PG_SCD2_DELETE, PG_SCD2_END,
                                               PG_SCD2_SET, PG_SCD2_START,
                                               PG_SCD2_INSERT };
    const int n = sizeof(steps) / sizeof(*steps);
    PGresult *r;
    buf_reset(&s->sql);
    buf_addz(&s->sql,
             "INSERT INTO _pipe_slow SELECT DISTINCT k FROM _pipe_plan WHERE"
             " slow; DELETE FROM _pipe_plan AS p USING _pipe_slow AS s WHERE"
             " p.k = s.k; ANALYZE _pipe_plan; ANALYZE _pipe_slow;"
             " SELECT count(*) FILTER (WHERE act = 'd'), count(*) FILTER (WHERE"
             " act = 'u'), count(*) FILTER (WHERE act = 'u' AND src IS NOT"
             " NULL), count(*) FILTER (WHERE act = 'u' AND ts <> f), count(*)"
             " FILTER (WHERE act = 'i'), (SELECT count(*) FROM _pipe_slow),"
             " (SELECT max(_pipe_k) FROM _pipe_events) FROM _pipe_plan");
    if (!(r = pg_query(s, "write to", e)))
        return -1;
    for (int i = 0; i < n; i++)
        c->step[steps[i]] = strtoull(PQgetvalue(r, 0, i), NULL, 10);
    c->slow = strtoull(PQgetvalue(r, 0, n), NULL, 10);
    c->keys = strtoull(PQgetvalue(r, 0, n + 1), NULL, 10);
    PQclear(r);
    return 0;
}

static int plan(struct pg_scd2 *m, struct counts *c, struct err *e)
{
    struct pg_sink *s = m->s;
    bool later;
    buf_reset(&s->sql);
    pg_scd2_add(m, &s->sql,
                "LOCK TABLE @t IN SHARE ROW EXCLUSIVE MODE;"
                " CREATE TEMP TABLE _pipe_slow (k bigint) ON COMMIT DROP");
    return check_tracked(s, e) || pg_run_sql(s, "lock", e) ||
                   choose_columns(m, e) || drop_refused(s, e) ||
                   make(m, PG_SCD2_VERSIONS, "_pipe_versions", e) ||
                   check_times(s, &later, e) || set_clock(s, later, e) ||
                   make(m, PG_SCD2_PLAN, "_pipe_plan", e) || count(s, c, e)
               ? -1
               : 0;
}

/* ---- carrying it out ---- */

static int index_all(struct pg_sink *s, struct err *e)
{
    return pg_run(s,
                  "CREATE INDEX IF NOT EXISTS _pipe_stage_seq ON _pipe_stage"
                  " (_pipe_seq);"
                  "CREATE INDEX IF NOT EXISTS _pipe_events_k ON _pipe_events"
                  " (_pipe_k);"
                  "CREATE INDEX IF NOT EXISTS _pipe_versions_k ON"
                  " _pipe_versions (_pipe_k);"
                  "CREATE INDEX IF NOT EXISTS _pipe_plan_k ON _pipe_plan (k)",
                  "write to", e);
}

/* Takes the events of some keys one by one, and tells of those that the server
 * refuses. */
static int each(struct pg_scd2 *m, const char *which, struct err *e)
{
    struct buf events = { 0 }, work = { 0 };
    uint64_t changed = 0;
    buf_addf(&events,
             "SELECT e.* FROM _pipe_events AS e WHERE %s ORDER BY e._pipe_k,"
             " e._pipe_at",
             which);
    pg_scd2_sql(m, &work, PG_SCD2_EVENT);
    int r = index_all(m->s, e);
    if (r == 0)
        r = pg_merge_each(m->s,
                          "_pipe_t timestamptz; _pipe_u timestamptz; _pipe_w"
                          " record; _pipe_v record; _pipe_valid boolean;"
                          " _pipe_same boolean; _pipe_joins boolean;",
                          &events, &work, &changed, e);
    buf_free(&events);
    buf_free(&work);
    return r;
}

/* Keys that the plan is right for. */
static int each_of(struct pg_scd2 *m, uint64_t from, uint64_t to, struct err *e)
{
    char which[200];
    snprintf(which, sizeof(which),
             "e._pipe_k BETWEEN %llu AND %llu AND NOT EXISTS (SELECT FROM"
             " _pipe_slow AS s WHERE s.k = e._pipe_k)",
             (unsigned long long)from, (unsigned long long)to);
    return each(m, which, e);
}

/* The plan's steps for keys from <= k <= to: 1, 0 if a row is refused, -1. */
static int carry_out(struct pg_scd2 *m, const struct counts *c, uint64_t from,
                     uint64_t to, struct err *e)
{
    struct pg_sink *s = m->s;
    struct sink_refusal why;
    enum pg_fault fault = PG_FATAL;
    uint64_t changed;
    int done = 1;
    for (int i = PG_SCD2_DELETE; done > 0 && i <= PG_SCD2_INSERT; i++) {
        if (!c->step[i])
            continue;
        buf_reset(&s->sql);
        pg_scd2_sql(m, &s->sql, (enum pg_scd2_step)i);
        if (from > 1 || to < c->keys)
            buf_addf(&s->sql, " AND p.k BETWEEN %llu AND %llu",
                     (unsigned long long)from, (unsigned long long)to);
        done = pg_try(s, "write to", &changed, &fault, &why, e);
    }
    return done == 0 && fault == PG_REPEATED
               ? err_set(e, ERR_BUG, "one key twice in a plan")
               : done;
}

static int carry_out_range(struct pg_scd2 *m, const struct counts *c,
                           uint64_t from, uint64_t to, struct err *e)
{
    struct pg_sink *s = m->s;
    if (pg_run(s, "SAVEPOINT _pipe_rows", "write to", e))
        return -1;
    int done = carry_out(m, c, from, to, e);
    if (done < 0)
        return -1;
    if (pg_run(s,
               done ? "RELEASE _pipe_rows"
                    : "ROLLBACK TO _pipe_rows; RELEASE _pipe_rows",
               "write to", e))
        return -1;
    if (done)
        return 0;
    if (to - from < FEW)
        return each_of(m, from, to, e);
    uint64_t half = from + (to - from) / 2;
    return index_all(s, e) || carry_out_range(m, c, from, half, e) ||
                   carry_out_range(m, c, half + 1, to, e)
               ? -1
               : 0;
}

int pg_scd2_merge(struct pg_sink *s, struct err *e)
{
    struct pg_scd2 m = { .s = s };
    struct counts c = { 0 };
    int r = plan(&m, &c, e);
    if (r == 0 && c.keys)
        r = carry_out_range(&m, &c, 1, c.keys, e);
    if (r == 0 && c.slow)
        r = each(&m, "e._pipe_k IN (SELECT k FROM _pipe_slow)", e);
    if (r == 0)
        r = pg_run(s,
                   "DROP TABLE _pipe_plan, _pipe_slow, _pipe_versions,"
                   " _pipe_events",
                   "write to", e);
    buf_free(&m.used);
    return r;
}

/* ---- all rows are gone ---- */

int pg_scd2_truncate(struct pg_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e)
{
    struct pg_scd2 m = { .s = s };
    if (!s->table.exists)
        return 1;
    int done = pg_scd2_note(s, r, why, e);
    if (done <= 0)
        return done;
    char at[sizeof(s->event.at)];
    memcpy(at, s->event.at, sizeof(at));
    /* What was before it happens before it. */
    if (pg_copy_flush(s, e) || pg_apply_stage(s, e) ||
        (s->stage_made && pg_run(s, "TRUNCATE _pipe_stage", "write to", e)))
        return -1;
    s->truncated = true;
    buf_reset(&s->sql);
    pg_scd2_add(&m, &s->sql,
                "LOCK TABLE @t IN SHARE ROW EXCLUSIVE MODE;"
                " DELETE FROM @t AS t WHERE t.@f = ");
    buf_addf(&s->sql, "'%s'", at);
    pg_scd2_add(&m, &s->sql, "; UPDATE @t AS t SET @c = false, @u = ");
    buf_addf(&s->sql, "'%s' WHERE ", at);
    pg_scd2_add(&m, &s->sql, "t.@f < ");
    buf_addf(&s->sql, "'%s' AND (", at);
    pg_scd2_add(&m, &s->sql, "t.@u IS NULL OR t.@u > ");
    buf_addf(&s->sql, "'%s')", at);
    return pg_run_sql(s, "write to", e) ? -1 : 1;
}
