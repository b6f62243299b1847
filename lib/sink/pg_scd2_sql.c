/* The statements that keep versions of rows.
 *
 * A key's history is a list of moments, at which it begins to have a value or
 * is gone; events come between them and on them. What an event does follows
 * from the value that was valid then and from the moment behind it, so that
 * window functions over moments and events tell what becomes of all versions
 * of all keys at once. */
#include "sink/pg_scd2.h"

#include "sink/scd2.h"

/* ---- names ---- */

static void add_alias(struct buf *out, char alias)
{
    if (alias == 'r')
        buf_addz(out, "_pipe_r.");
    else if (alias != '-')
        buf_addf(out, "%c.", alias);
}

static void add_keys(const struct pg_scd2 *m, struct buf *out, char alias)
{
    const struct sink_spec *spec = m->s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(out, i ? ", " : "");
        add_alias(out, alias);
        pg_ident(out, spec->keys[i]);
    }
}

static void add_same_key(const struct pg_scd2 *m, struct buf *out, char a,
                         char b)
{
    const struct sink_spec *spec = m->s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(out, i ? " AND " : "");
        add_alias(out, a);
        pg_ident(out, spec->keys[i]);
        buf_addz(out, " = ");
        add_alias(out, b);
        pg_ident(out, spec->keys[i]);
    }
}

/* Not every type has an equality. */
static const char *comparable(const struct column *c)
{
    bool plain = c->kind == COLUMN_INTEGER || c->kind == COLUMN_DECIMAL ||
                 c->kind == COLUMN_REAL || c->kind == COLUMN_BOOLEAN ||
                 c->kind == COLUMN_BYTES || strcmp(c->type, "jsonb") == 0;
    return plain ? "" : "::text";
}

/* The columns that are written: which says how (w, W, S or D). */
static void add_fields(const struct pg_scd2 *m, struct buf *out, char which)
{
    const struct table *t = &m->s->table;
    bool first = true;
    for (size_t i = 0; i < t->n; i++) {
        const struct column *c = &t->v[i];
        struct str name = str_of(c->name);
        bool list = which == 'w' || which == 'W';
        if (m->used.p[i] == '0' || (c->key && !list) ||
            (c->audit && which == 'D'))
            continue;
        if (list) {
            buf_addz(out, first ? "" : ", ");
            add_alias(out, which == 'w' ? '-' : 's');
            pg_ident(out, name);
        } else if (which == 'S') {
            pg_ident(out, name);
            buf_addz(out, " = s.");
            pg_ident(out, name);
            buf_addz(out, ", ");
        } else {
            buf_addz(out, "t.");
            pg_ident(out, name);
            buf_addf(out, "%s IS DISTINCT FROM s.", comparable(c));
            pg_ident(out, name);
            buf_addf(out, "%s OR ", comparable(c));
        }
        first = false;
    }
}

void pg_scd2_add(const struct pg_scd2 *m, struct buf *out, const char *text)
{
    static const char metas[] = "fuch"; /* as enum sink_scd2_column */
    const struct pg_sink *s = m->s;
    for (const char *p = text; *p; p++) {
        if (*p != '@') {
            size_t n = strcspn(p, "@");
            buf_add(out, p, n);
            p += n - 1;
            continue;
        }
        const char *meta = strchr(metas, *++p);
        if (meta)
            pg_ident(out, s->base.spec->scd2_names[meta - metas]);
        else if (*p == 't')
            buf_add_str(out, buf_str(&s->qualified));
        else if (*p == 'k')
            add_keys(m, out, *++p);
        else if (*p == '=') {
            add_same_key(m, out, p[1], p[2]);
            p += 2;
        } else {
            add_fields(m, out, *p);
        }
    }
}

/* ---- the plan ---- */

/* Of several records of a key with one time the last counts; of one record
 * that moves a row to an equal key, the row. */
static const char events[] =
    "CREATE TEMP TABLE _pipe_events ON COMMIT DROP AS SELECT DISTINCT ON (@k-,"
    " _pipe_at) @k-, _pipe_at, _pipe_clock, _pipe_op, _pipe_hash, _pipe_seq,"
    " dense_rank() OVER (ORDER BY @k-) AS _pipe_k, row_number() OVER w = 1 AS"
    " _pipe_first, first_value(_pipe_at) OVER w = last_value(_pipe_at) OVER w"
    " AS _pipe_only FROM _pipe_stage WINDOW w AS (PARTITION BY @k- ORDER BY"
    " _pipe_at, _pipe_seq DESC, _pipe_op DESC ROWS BETWEEN UNBOUNDED PRECEDING"
    " AND UNBOUNDED FOLLOWING) ORDER BY @k-, _pipe_at, _pipe_seq DESC, _pipe_op"
    " DESC";

/* The one event of a key: does it begin the history, or say what is known? */
static const char versions[] =
    "CREATE TEMP TABLE _pipe_versions ON COMMIT DROP AS SELECT e._pipe_k, @ke,"
    " t.@f AS _pipe_f, t.@u AS _pipe_u, coalesce(t.@h, '') AS _pipe_h,"
    " e._pipe_at, e._pipe_seq, (@=te) IS TRUE AS _pipe_is, CASE WHEN NOT"
    " e._pipe_only THEN NULL WHEN (@=te) IS NOT TRUE THEN CASE e._pipe_op WHEN"
    " 'r' THEN 'i' ELSE '-' END";
static const char versions_known[] =
    " WHEN e._pipe_op = 'r' AND t.@h = e._pipe_hash AND CASE WHEN e._pipe_clock"
    " THEN t.@u IS NULL ELSE t.@f <= e._pipe_at AND (t.@u IS NULL OR e._pipe_at"
    " < t.@u) END THEN '-'";
static const char versions_end[] =
    " END AS _pipe_act FROM _pipe_events AS e LEFT JOIN @t AS t ON @=te WHERE"
    " e._pipe_first";

static void add_versions(const struct pg_scd2 *m, struct buf *out)
{
    pg_scd2_add(m, out, versions);
    /* With --track a row may set other columns. */
    if (m->s->base.spec->n_tracked == 0)
        pg_scd2_add(m, out, versions_known);
    pg_scd2_add(m, out, versions_end);
}

/* h: the versions that events have to be placed among.
 * m: moments, starts (s true, with hash h and end u) and gones (s false).
 * p: with them, at the same time or between, events (op, hash eh, record seq).
 * q: va is the value from there on, cur the one that was valid (NULL: none). */
#define IS_PLACED                                                          \
    "NOT EXISTS (SELECT FROM _pipe_versions AS o WHERE o._pipe_act IS NOT" \
    " NULL AND o._pipe_k = "
static const char plan_points[] =
    "CREATE TEMP TABLE _pipe_plan ON COMMIT DROP AS WITH"
    " h AS (SELECT _pipe_k AS k, _pipe_f AS f, _pipe_u AS u, _pipe_h AS h FROM"
    " _pipe_versions AS v WHERE _pipe_is AND _pipe_act IS NULL AND " IS_PLACED
    "v._pipe_k)),"
    " m AS (SELECT k, f AS ts, true AS s, h, u FROM h UNION ALL SELECT k, u,"
    " false, NULL, NULL FROM h WHERE u IS NOT NULL AND NOT EXISTS (SELECT FROM"
    " h AS n WHERE n.k = h.k AND n.f = h.u)),"
    " e AS (SELECT * FROM _pipe_events AS e WHERE " IS_PLACED "e._pipe_k)),"
    " p AS (SELECT coalesce(m.k, e._pipe_k) AS k, coalesce(m.ts, e._pipe_at)"
    " AS ts, m.s, m.h, m.u, e._pipe_op AS op, CASE e._pipe_op WHEN 'r' THEN"
    " e._pipe_hash END AS eh, e._pipe_seq AS seq FROM m FULL JOIN e ON m.k ="
    " e._pipe_k AND m.ts = e._pipe_at),"
    " q AS (SELECT k, ts, s, h, u, op, seq, CASE WHEN op IS NULL THEN h ELSE eh"
    " END AS va, CASE WHEN s IS NOT NULL THEN h ELSE lag(CASE WHEN op IS NULL"
    " THEN h ELSE eh END) OVER w END AS cur FROM p WINDOW w AS (PARTITION BY k"
    " ORDER BY ts)),";

/* r: without events that change nothing. */
static const char plan_changes[] =
    " r AS (SELECT k, ts, s, h, u, CASE WHEN va IS DISTINCT FROM cur THEN op"
    " END AS op, seq, va, cur FROM q WHERE s IS NOT NULL OR va IS DISTINCT FROM"
    " cur),";

/* With --track a row sets other columns where nothing that is watched
 * changed. */
static const char plan_changes_tracked[] =
    " r AS (SELECT k, ts, s, h, u, CASE WHEN va IS DISTINCT FROM cur OR op ="
    " 'r' THEN op END AS op, seq, va, cur FROM q WHERE s IS NOT NULL OR va IS"
    " DISTINCT FROM cur OR op = 'r'),";

/* x: n_ is what comes next; moves: an event that takes the place of the next
 * moment, which has its value; c counts moments.
 * y: ms, mh are of the next moment, events between passed over; was: the row
 * before took the place of this one. Where such an event is not the last one
 * before that moment, what follows depends on what it did: slow. */
static const char plan_moves[] =
    " x AS (SELECT *, va IS DISTINCT FROM cur AND (op = 'd' OR s IS NOT TRUE)"
    " AS moves, lead(s) OVER w AS ns, lead(h) OVER w AS nh, lead(u) OVER w AS"
    " nu, lead(op) OVER w AS nop, lead(ts) OVER w AS nat, count(s) OVER w AS c"
    " FROM r WINDOW w AS (PARTITION BY k ORDER BY ts)),"
    " y AS (SELECT *, moves AND ns IS NOT NULL AND nop IS NULL AND nh IS NOT"
    " DISTINCT FROM va AS takes, last_value(ns) OVER g AS ms, last_value(nh)"
    " OVER g AS mh FROM x WINDOW g AS (PARTITION BY k, c ORDER BY ts ROWS"
    " BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)),"
    " z AS (SELECT *, moves AND nop IS NOT NULL AND ms IS"
    " NOT NULL AND mh IS NOT DISTINCT FROM va AS slow, op IS NULL AND "
    "lag(takes) OVER w"
    " AS was FROM y WINDOW w AS (PARTITION BY k"
    " ORDER BY ts)),";

/* b: where versions begin or end, each up to the next one. */
static const char plan_bounds[] =
    " b AS (SELECT *, CASE WHEN op = 'r' AND NOT takes THEN seq END AS src,"
    " lead(ts) OVER w AS upto FROM z WHERE was IS NOT TRUE WINDOW w AS"
    " (PARTITION BY k ORDER BY ts)),";

/* And the last of the rows that set other columns of the version: they do
 * where it begins or while it is open. */
static const char plan_bounds_tracked[] =
    " d AS (SELECT *, op IS NULL OR s IS NOT NULL OR va IS DISTINCT FROM cur AS"
    " bound FROM z WHERE was IS NOT TRUE AND (op IS NULL OR s IS NOT NULL OR va"
    " IS DISTINCT FROM cur OR ms IS NULL)),"
    " f AS (SELECT *, count(*) FILTER (WHERE bound) OVER (PARTITION BY k ORDER"
    " BY ts) AS i FROM d),"
    " a AS (SELECT *, last_value(CASE WHEN op = 'r' AND NOT takes THEN seq END)"
    " OVER (PARTITION BY k, i ORDER BY ts ROWS BETWEEN CURRENT ROW AND"
    " UNBOUNDED FOLLOWING) AS src FROM f),"
    " b AS (SELECT *, lead(ts) OVER w AS upto FROM a WHERE bound WINDOW w AS"
    " (PARTITION BY k ORDER BY ts)),";

static const char plan_acts[] =
    " o AS (SELECT k, CASE WHEN s AND op = 'd' THEN 'd' WHEN s OR (op = 'r' AND"
    " takes) THEN 'u' WHEN op = 'r' THEN 'i' ELSE '-' END AS act, CASE WHEN s"
    " THEN ts WHEN takes THEN nat END AS f, ts, upto AS u, CASE WHEN s THEN u"
    " ELSE nu END AS was_u, src, slow FROM b)"
    " SELECT _pipe_k AS k, 'i' AS act, NULL::timestamptz AS f, _pipe_at AS ts,"
    " NULL::timestamptz AS u, _pipe_seq AS src, false AS slow FROM"
    " _pipe_versions WHERE _pipe_act = 'i' UNION ALL"
    " SELECT k, act, f, ts, u, src, slow FROM o WHERE slow OR act IN ('i', 'd')"
    " OR (act = 'u' AND (u IS DISTINCT FROM was_u OR ts <> f OR src IS NOT"
    " NULL))";

static void add_plan(const struct pg_scd2 *m, struct buf *out)
{
    bool tracked = m->s->base.spec->n_tracked > 0;
    buf_addz(out, plan_points);
    buf_addz(out, tracked ? plan_changes_tracked : plan_changes);
    buf_addz(out, plan_moves);
    buf_addz(out, tracked ? plan_bounds_tracked : plan_bounds);
    buf_addz(out, plan_acts);
}

/* ---- carrying it out ---- */

/* The version that a row of the plan is about. */
#define OF_PLAN(act, more)                                                  \
    " FROM _pipe_plan AS p JOIN _pipe_versions AS v ON v._pipe_k = p.k AND" \
    " v._pipe_f = p.f" more " WHERE p.act = '" act "' AND @=tv AND t.@f = p.f"

static const char *const acts[] = {
    [PG_SCD2_DELETE] =
        "DELETE FROM @t AS t USING _pipe_plan AS p JOIN _pipe_versions AS v ON"
        " v._pipe_k = p.k AND v._pipe_f = p.f WHERE p.act = 'd' AND @=tv AND"
        " t.@f = p.f",
    [PG_SCD2_END] = "UPDATE @t AS t SET @u = p.u, @c = p.u IS NULL" OF_PLAN(
        "u", "") " AND t.@u IS DISTINCT FROM p.u",
    [PG_SCD2_SET] = "UPDATE @t AS t SET @S@h = s._pipe_hash" OF_PLAN(
        "u", " JOIN _pipe_stage AS s ON s._pipe_seq = p.src AND s._pipe_op ="
             " 'r'") " AND (@Dt.@h IS DISTINCT FROM s._pipe_hash)",
    [PG_SCD2_START] =
        "UPDATE @t AS t SET @f = p.ts" OF_PLAN("u", "") " AND p.ts <> p.f",
    [PG_SCD2_INSERT] =
        "INSERT INTO @t (@w, @f, @u, @c, @h) SELECT @W, p.ts, p.u, p.u IS NULL,"
        " s._pipe_hash FROM _pipe_plan AS p JOIN _pipe_stage AS s ON"
        " s._pipe_seq = p.src AND s._pipe_op = 'r' WHERE p.act = 'i'",
};

/* ---- one event ---- */

/* _pipe_w: the version that was valid then or the one before; _pipe_v: the one
 * behind it. By the load's clock a change is the newest, even if that clock
 * went back. */
static const char event_find[] =
    "_pipe_t := _pipe_r._pipe_at;"
    " IF _pipe_r._pipe_clock THEN SELECT t.@f AS f, t.@u AS u INTO _pipe_w FROM"
    " @t AS t WHERE @=tr ORDER BY t.@f DESC LIMIT 1; _pipe_t :="
    " greatest(_pipe_t, _pipe_w.f, _pipe_w.u); END IF;"
    " SELECT t.@f AS f, t.@u AS u, coalesce(t.@h, '') AS h INTO _pipe_w FROM @t"
    " AS t WHERE @=tr AND t.@f <= _pipe_t ORDER BY t.@f DESC LIMIT 1;"
    " _pipe_valid := FOUND AND (_pipe_w.u IS NULL OR _pipe_t < _pipe_w.u);"
    " _pipe_same := _pipe_valid AND _pipe_w.h = _pipe_r._pipe_hash;"
    " SELECT t.@f AS f, coalesce(t.@h, '') AS h INTO _pipe_v FROM @t AS t WHERE"
    " @=tr AND t.@f > _pipe_t ORDER BY t.@f LIMIT 1;"
    " _pipe_joins := FOUND AND _pipe_v.h = _pipe_r._pipe_hash AND"
    " (NOT _pipe_valid OR _pipe_v.f = _pipe_w.u);";

#define END_IT                                                          \
    "UPDATE @t AS t SET @u = _pipe_t, @c = false WHERE @=tr AND t.@f =" \
    " _pipe_w.f;"

static const char event_delete[] =
    " IF _pipe_r._pipe_op = 'd' THEN IF _pipe_valid AND _pipe_w.f = _pipe_t"
    " THEN DELETE FROM @t AS t WHERE @=tr AND t.@f = _pipe_w.f;"
    " ELSIF _pipe_valid THEN " END_IT " END IF;";

static const char event_set[] =
    "UPDATE @t AS t SET @S@h = s._pipe_hash FROM _pipe_stage AS s WHERE @=tr"
    " AND t.@f = _pipe_w.f AND s._pipe_seq = _pipe_r._pipe_seq AND s._pipe_op ="
    " 'r' AND (@Dt.@h IS DISTINCT FROM s._pipe_hash);";

static const char event_place[] =
    " ELSIF NOT _pipe_same THEN IF _pipe_valid THEN " END_IT " END IF;"
    " IF _pipe_joins THEN UPDATE @t AS t SET @f = _pipe_t WHERE @=tr AND t.@f ="
    " _pipe_v.f; ELSE _pipe_u := CASE WHEN _pipe_valid THEN _pipe_w.u ELSE"
    " _pipe_v.f END; INSERT INTO @t (@w, @f, @u, @c, @h) SELECT @W, _pipe_t,"
    " _pipe_u, _pipe_u IS NULL, s._pipe_hash FROM _pipe_stage AS s WHERE"
    " s._pipe_seq = _pipe_r._pipe_seq AND s._pipe_op = 'r'; END IF; END IF;";

static void add_event(const struct pg_scd2 *m, struct buf *out)
{
    bool tracked = m->s->base.spec->n_tracked > 0;
    pg_scd2_add(m, out, event_find);
    pg_scd2_add(m, out, event_delete);
    pg_scd2_add(m, out,
                tracked ? " ELSIF (_pipe_valid AND _pipe_w.f = _pipe_t) OR"
                          " (_pipe_same AND _pipe_w.u IS NULL) THEN "
                        : " ELSIF _pipe_valid AND _pipe_w.f = _pipe_t AND NOT"
                          " _pipe_same THEN ");
    pg_scd2_add(m, out, event_set);
    pg_scd2_add(m, out, event_place);
}

void pg_scd2_sql(const struct pg_scd2 *m, struct buf *out,
                 enum pg_scd2_step step)
{
    switch (step) {
    case PG_SCD2_EVENTS: pg_scd2_add(m, out, events); return;
    case PG_SCD2_VERSIONS: add_versions(m, out); return;
    case PG_SCD2_PLAN: add_plan(m, out); return;
    case PG_SCD2_EVENT: add_event(m, out); return;
    default: pg_scd2_add(m, out, acts[step]); return;
    }
}
