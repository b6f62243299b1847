/* From the staging table to the target, in few statements.
 *
 * The staging table has the target's columns and _pipe_seq (the record's
 * number), _pipe_set (which fields it had, as s->sets) and _pipe_op (r: row,
 * d: the key of a row that is gone). Rows that the target refuses are found by
 * trying halves between savepoints. */
#include "sink/pg.h"

#include <stdlib.h>

#define FEW 4096 /* rows that are tried one by one if they fail as a whole */

/* ---- pieces of SQL ---- */

static void add_list(struct pg_sink *s, const struct str *names, size_t n,
                     const char *prefix)
{
    for (size_t i = 0; i < n; i++) {
        buf_addf(&s->sql, "%s%s", i ? ", " : "", prefix);
        pg_ident(&s->sql, names[i]);
    }
}

static void add_keys(struct pg_sink *s, const char *prefix)
{
    add_list(s, s->base.spec->keys, s->base.spec->n_keys, prefix);
}

/* a.key = b.key AND ... */
static void add_same_key(struct pg_sink *s, const char *a, const char *b)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addf(&s->sql, "%s%s.", i ? " AND " : "", a);
        pg_ident(&s->sql, spec->keys[i]);
        buf_addf(&s->sql, " = %s.", b);
        pg_ident(&s->sql, spec->keys[i]);
    }
}

static void add_columns(struct pg_sink *s, const char *set)
{
    bool first = true;
    for (size_t i = 0; i < s->table.n && set[i]; i++) {
        if (set[i] == '0')
            continue;
        buf_addz(&s->sql, first ? "" : ", ");
        first = false;
        pg_ident(&s->sql, str_of(s->table.v[i].name));
    }
}

static bool is_tracked(const struct sink_spec *spec, struct str name)
{
    for (size_t i = 0; i < spec->n_tracked; i++)
        if (str_eq(spec->tracked[i], name))
            return true;
    return false;
}

static void add_target(struct pg_sink *s, const char *doing)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, doing);
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " AS t");
}

/* previous_c = the value that goes, where it is another. */
static void add_previous(struct pg_sink *s, struct str name)
{
    struct buf previous = { .max = 4096 };
    struct buf quoted = { .max = 8192 };
    buf_addf(&previous, "previous_%.*s", STR_ARG(name));
    pg_ident(&quoted, name);
    buf_addz(&s->sql, ", ");
    pg_ident(&s->sql, buf_str(&previous));
    const char *q = buf_z(&quoted);
    buf_addf(&s->sql,
             " = CASE WHEN t.%s IS DISTINCT FROM excluded.%s THEN t.%s ELSE t.",
             q ? q : "", q ? q : "", q ? q : "");
    pg_ident(&s->sql, buf_str(&previous));
    buf_addz(&s->sql, " END");
    buf_free(&previous);
    buf_free(&quoted);
}

/* ON CONFLICT: what happens to a row that is there. */
static void add_conflict(struct pg_sink *s, const char *set)
{
    const struct sink_spec *spec = s->base.spec;
    bool first = true;
    buf_addz(&s->sql, " ON CONFLICT (");
    add_keys(s, "");
    for (size_t i = 0; spec->mode != SINK_INSERT && i < s->table.n && set[i];
         i++) {
        const struct column *c = &s->table.v[i];
        if (set[i] == '0' || c->key)
            continue;
        buf_addz(&s->sql, first ? ") DO UPDATE SET " : ", ");
        first = false;
        pg_ident(&s->sql, str_of(c->name));
        buf_addz(&s->sql, " = excluded.");
        pg_ident(&s->sql, str_of(c->name));
        if (spec->mode == SINK_SCD3 && is_tracked(spec, str_of(c->name)))
            add_previous(s, str_of(c->name));
    }
    if (first)
        buf_addz(&s->sql, ") DO NOTHING");
}

/* ---- rows, and those that are refused ---- */

/* Inserts staged rows of one set with from <= _pipe_seq <= to; `where` is one
 * more condition. */
struct insert {
    const char *set, *where;
    bool conflict;
    uint64_t changed;
    bool repeated; /* one statement met a key twice */
    bool latest;   /* of the rows of one key the last, in the keys' order */
};

#define ALL UINT64_MAX       /* as `to`: without a range */
#define ONE (UINT64_MAX - 1) /* the row that the loop is at */

static void add_insert(struct pg_sink *s, const struct insert *i, uint64_t from,
                       uint64_t to)
{
    add_target(s, "INSERT INTO ");
    if (strchr(i->set, '1')) {
        buf_addz(&s->sql, " (");
        add_columns(s, i->set);
        buf_addz(&s->sql, ") SELECT ");
        if (i->latest) {
            buf_addz(&s->sql, "DISTINCT ON (");
            add_keys(s, "");
            buf_addz(&s->sql, ") ");
        }
        add_columns(s, i->set);
    } else {
        buf_addz(&s->sql, " SELECT");
    }
    buf_addf(&s->sql, " FROM _pipe_stage WHERE %s", i->where);
    if (to == ONE)
        buf_addz(&s->sql, " AND _pipe_seq = _pipe_r._pipe_seq");
    else if (to != ALL)
        buf_addf(&s->sql, " AND _pipe_seq BETWEEN %llu AND %llu",
                 (unsigned long long)from, (unsigned long long)to);
    buf_addz(&s->sql, " ORDER BY ");
    if (i->latest) {
        add_keys(s, "");
        buf_addz(&s->sql, ", _pipe_seq DESC");
    } else {
        buf_addz(&s->sql, "_pipe_seq");
    }
    if (i->conflict)
        add_conflict(s, i->set);
}

/* Removes what else was staged of a record that is refused. */
static int unstage(struct pg_sink *s, uint64_t number, struct err *e)
{
    buf_reset(&s->sql);
    buf_addf(&s->sql, "DELETE FROM _pipe_stage WHERE _pipe_seq = %llu",
             (unsigned long long)number);
    return pg_run_sql(s, "write to", e);
}

/* Fills why from a row of _pipe_refused. */
static void read_refusal(const PGresult *r, int row, struct sink_refusal *why)
{
    const char *detail = PQgetvalue(r, row, 3);
    sink_refusef(why,
                 strncmp(PQgetvalue(r, row, 1), "23", 2) == 0 ? "constraint"
                                                              : "invalid_value",
                 str_of(PQgetvalue(r, row, 4)), "%s%s%s%s",
                 PQgetvalue(r, row, 2), *detail ? " (" : "", detail,
                 *detail ? ")" : "");
}

int pg_merge_each(struct pg_sink *s, const char *declare,
                  const struct buf *rows, const struct buf *work,
                  uint64_t *changed, struct err *e)
{
    struct buf body = { 0 };
    buf_addf(&body, "DECLARE %s", declare);
    buf_addz(&body, " _pipe_r record; _pipe_n bigint; _pipe_sum bigint := 0;"
                    " _pipe_a text; _pipe_b text; _pipe_c text; _pipe_d text;"
                    " BEGIN FOR _pipe_r IN ");
    buf_add_str(&body, buf_str(rows));
    buf_addz(&body, " LOOP BEGIN ");
    buf_add_str(&body, buf_str(work));
    buf_addz(&body,
             " GET DIAGNOSTICS _pipe_n = ROW_COUNT; _pipe_sum := _pipe_sum +"
             " _pipe_n; EXCEPTION WHEN data_exception OR"
             " integrity_constraint_violation OR raise_exception OR"
             " program_limit_exceeded THEN GET STACKED DIAGNOSTICS _pipe_a ="
             " RETURNED_SQLSTATE, _pipe_b = MESSAGE_TEXT, _pipe_c ="
             " PG_EXCEPTION_DETAIL, _pipe_d = COLUMN_NAME; INSERT INTO"
             " _pipe_refused VALUES (_pipe_r._pipe_seq, _pipe_a, _pipe_b,"
             " _pipe_c, _pipe_d); END; END LOOP; INSERT INTO _pipe_refused"
             " VALUES (-1, _pipe_sum::text, '', '', ''); END");
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TEMP TABLE _pipe_refused (seq bigint, state text,"
                      " message text, detail text, col text) ON COMMIT DROP;"
                      " DO ");
    pg_literal(&s->sql, buf_str(&body));
    buf_addz(&s->sql, "; SELECT * FROM _pipe_refused ORDER BY seq");
    bool lost = body.failed || rows->failed || work->failed;
    buf_free(&body);
    PGresult *r = lost ? NULL : pg_query(s, "write to", e);
    if (!r)
        return lost ? err_nomem(e) : -1;
    int done = 0;
    for (int k = 0; done == 0 && k < PQntuples(r); k++) {
        struct sink_refusal why;
        const char *number = PQgetvalue(r, k, 0);
        if (*number == '-') {
            *changed += strtoull(PQgetvalue(r, k, 1), NULL, 10);
            continue;
        }
        uint64_t seq = strtoull(number, NULL, 10);
        read_refusal(r, k, &why);
        done = pg_copy_refuse(s, seq, &why, e) || unstage(s, seq, e) ? -1 : 0;
    }
    PQclear(r);
    return done ? -1 : pg_run(s, "DROP TABLE _pipe_refused", "write to", e);
}

/* Inserts few rows one by one. */
static int insert_each(struct pg_sink *s, struct insert *i, uint64_t from,
                       uint64_t to, struct err *e)
{
    struct buf rows = { 0 }, work = { 0 };
    buf_addf(&rows,
             "SELECT _pipe_seq FROM _pipe_stage WHERE %s AND _pipe_seq BETWEEN"
             " %llu AND %llu ORDER BY _pipe_seq",
             i->where, (unsigned long long)from, (unsigned long long)to);
    add_insert(s, i, from, ONE);
    buf_add_str(&work, buf_str(&s->sql));
    buf_addc(&work, ';');
    int r = pg_merge_each(s, "", &rows, &work, &i->changed, e);
    buf_free(&rows);
    buf_free(&work);
    return r;
}

/* In one statement: 1; 0 where a row is refused, of which nothing is left; -1.
 */
static int insert_at_once(struct pg_sink *s, struct insert *i, uint64_t from,
                          uint64_t to, struct err *e)
{
    struct sink_refusal why;
    enum pg_fault fault = PG_FATAL;
    uint64_t changed = 0;
    if (pg_run(s, "SAVEPOINT _pipe_rows", "write to", e))
        return -1;
    add_insert(s, i, from, to);
    int done = pg_try(s, "write to", &changed, &fault, &why, e);
    if (done < 0)
        return -1;
    i->changed += changed;
    i->repeated = done == 0 && fault == PG_REPEATED;
    return pg_run(s,
                  done ? "RELEASE _pipe_rows"
                       : "ROLLBACK TO _pipe_rows; RELEASE _pipe_rows",
                  "write to", e)
               ? -1
               : done;
}

static int insert_range(struct pg_sink *s, struct insert *i, uint64_t from,
                        uint64_t to, struct err *e)
{
    int done = insert_at_once(s, i, from, to, e);
    if (done || i->repeated)
        return done < 0 ? -1 : 0;
    if (to == ALL) {
        to = s->backlog.n - 1;
        if (pg_run(s,
                   "CREATE INDEX IF NOT EXISTS _pipe_stage_seq ON"
                   " _pipe_stage (_pipe_seq)",
                   "write to", e))
            return -1;
    }
    if (to - from < FEW)
        return insert_each(s, i, from, to, e);
    uint64_t half = from + (to - from) / 2;
    return insert_range(s, i, from, half, e) ||
                   insert_range(s, i, half + 1, to, e)
               ? -1
               : 0;
}

/* Inserts the staged rows of all sets. */
static int insert_sets(struct pg_sink *s, bool conflict, const char *more,
                       uint64_t *changed, bool *repeated, struct err *e)
{
    struct buf where = { .max = 4096 };
    int r = 0;
    for (size_t k = 0; r == 0 && k < s->n_sets; k++) {
        buf_reset(&where);
        buf_addf(&where, "_pipe_op = 'r' AND _pipe_set = %zu%s", k, more);
        struct insert i = { .set = s->sets[k],
                            .where = buf_z(&where),
                            .conflict = conflict };
        r = i.where ? insert_range(s, &i, 0, ALL, e) : err_nomem(e);
        *changed += i.changed;
        if (i.repeated) {
            *repeated = true;
            break;
        }
    }
    buf_free(&where);
    return r;
}

/* ---- several records of one key ---- */

/* Is the set with number k one of those with column c? */
static void add_sets_with(struct pg_sink *s, size_t column)
{
    bool first = true;
    buf_addz(&s->sql, "_pipe_set IN (");
    for (size_t k = 0; k < s->n_sets; k++)
        if (strlen(s->sets[k]) > column && s->sets[k][column] == '1') {
            buf_addf(&s->sql, "%s%zu", first ? "" : ", ", k);
            first = false;
        }
    buf_addz(&s->sql, first ? "-1)" : ")");
}

/* Gives folded rows, of the sets whose numbers are in the list, the set that is
 * their union. */
static int unite(struct pg_sink *s, const char *list, struct err *e)
{
    buf_reset(&s->fields);
    for (size_t i = 0; i < s->table.n; i++)
        buf_addc(&s->fields, '0');
    if (s->fields.failed)
        return err_nomem(e);
    for (const char *p = list; *p;) {
        char *end;
        const char *set = s->sets[strtoul(p, &end, 10)];
        for (size_t i = 0; set[i]; i++)
            if (set[i] == '1')
                s->fields.p[i] = '1';
        p = end + (*end == ',');
    }
    int united = pg_copy_set(s, buf_str(&s->fields), SIZE_MAX, e);
    buf_reset(&s->sql);
    buf_addf(&s->sql,
             "UPDATE _pipe_stage SET _pipe_set = %d WHERE _pipe_sets = '%s'",
             united, list);
    return united < 0 ? -1 : pg_run_sql(s, "write to", e);
}

/* Replaces the staged rows of one key by one with the last value that each
 * field had: keeps the last row, and fills in what only earlier ones have. */
static int fold(struct pg_sink *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TEMP TABLE _pipe_fold ON COMMIT DROP AS SELECT ");
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        if (c->derived)
            continue;
        if (c->key) {
            pg_ident(&s->sql, str_of(c->name));
        } else {
            buf_addz(&s->sql, "(array_agg(");
            pg_ident(&s->sql, str_of(c->name));
            buf_addz(&s->sql, " ORDER BY _pipe_seq DESC) FILTER (WHERE ");
            add_sets_with(s, i);
            buf_addz(&s->sql, "))[1] AS ");
            pg_ident(&s->sql, str_of(c->name));
        }
        buf_addz(&s->sql, ", ");
    }
    buf_addz(&s->sql, "max(_pipe_seq) AS _pipe_seq, 'r'::text AS _pipe_op,"
                      " array_to_string(array_agg(DISTINCT _pipe_set ORDER BY"
                      " _pipe_set), ',') AS _pipe_sets, 0 AS _pipe_set"
                      " FROM _pipe_stage WHERE _pipe_op = 'r' GROUP BY ");
    add_keys(s, "");
    buf_addz(&s->sql, "; DROP TABLE _pipe_stage;"
                      " ALTER TABLE _pipe_fold RENAME TO _pipe_stage;"
                      " SELECT DISTINCT _pipe_sets FROM _pipe_stage");
    PGresult *r = pg_query(s, "write to", e);
    int done = r ? 0 : -1;
    for (int i = 0; done == 0 && i < PQntuples(r); i++)
        done = unite(s, PQgetvalue(r, i, 0), e);
    PQclear(r);
    return done;
}

/* With all records alike, the last of a key is the whole of it. */
static int keep_last(struct pg_sink *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TEMP TABLE _pipe_fold ON COMMIT DROP AS SELECT"
                      " DISTINCT ON (");
    add_keys(s, "");
    buf_addz(&s->sql, ") * FROM _pipe_stage WHERE _pipe_op = 'r' ORDER BY ");
    add_keys(s, "");
    buf_addz(&s->sql, ", _pipe_seq DESC; DROP TABLE _pipe_stage;"
                      " ALTER TABLE _pipe_fold RENAME TO _pipe_stage");
    return pg_run_sql(s, "write to", e);
}

/* ---- modes ---- */

static int merge_upsert(struct pg_sink *s, struct err *e)
{
    uint64_t changed = 0;
    bool repeated = false;
    /* Sets of different fields are inserted one behind the other, so keys
     * that come in several would be out of order. */
    if (s->n_sets == 1) {
        struct insert i = { .set = s->sets[0],
                            .where = "_pipe_op = 'r'",
                            .conflict = true,
                            .latest = true };
        int done = insert_at_once(s, &i, 0, ALL, e);
        if (done)
            return done < 0 ? -1 : 0;
    }
    if (s->n_sets > 1 ? fold(s, e) : keep_last(s, e))
        return -1;
    if (insert_sets(s, true, "", &changed, &repeated, e))
        return -1;
    return repeated ? err_set(e, ERR_BUG, "one key twice in a folded load") : 0;
}

static int merge_insert(struct pg_sink *s, struct err *e)
{
    uint64_t changed = 0, staged;
    bool repeated = false;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT count(*) FROM _pipe_stage");
    PGresult *r = pg_query(s, "count the records for", e);
    if (!r)
        return -1;
    staged = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    /* The first of a key is the one, also where sets differ. */
    if (s->n_sets > 1) {
        buf_reset(&s->sql);
        buf_addz(&s->sql, "DELETE FROM _pipe_stage AS t USING _pipe_stage AS u"
                          " WHERE u._pipe_seq < t._pipe_seq AND ");
        add_same_key(s, "t", "u");
        if (pg_run_sql(s, "write to", e))
            return -1;
    }
    size_t refused = s->refused.n;
    if (insert_sets(s, true, "", &changed, &repeated, e))
        return -1;
    staged -= (s->refused.n - refused) / sizeof(uint64_t);
    s->base.ignored = staged - changed;
    return 0;
}

static int merge_delete_insert(struct pg_sink *s, struct err *e)
{
    uint64_t changed = 0;
    bool repeated = false;
    add_target(s, "DELETE FROM ");
    buf_addz(&s->sql, " USING (SELECT DISTINCT ");
    add_keys(s, "");
    buf_addz(&s->sql, " FROM _pipe_stage) AS u WHERE ");
    add_same_key(s, "t", "u");
    return pg_run_sql(s, "delete from", e) ||
                   insert_sets(s, false, "", &changed, &repeated, e)
               ? -1
               : 0;
}

/* A key that comes several times takes several steps, so that each previous
 * value is the one before. */
static int merge_scd3(struct pg_sink *s, struct err *e)
{
    uint64_t changed = 0;
    bool repeated = false;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "ALTER TABLE _pipe_stage ADD COLUMN _pipe_round bigint;"
                      " UPDATE _pipe_stage AS t SET _pipe_round = u.n FROM"
                      " (SELECT _pipe_seq AS seq, row_number() OVER (PARTITION"
                      " BY ");
    add_keys(s, "");
    buf_addz(&s->sql, " ORDER BY _pipe_seq) AS n FROM _pipe_stage) AS u WHERE"
                      " t._pipe_seq = u.seq;"
                      " SELECT coalesce(max(_pipe_round), 0) FROM _pipe_stage");
    PGresult *r = pg_query(s, "write to", e);
    if (!r)
        return -1;
    unsigned long long rounds = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    for (unsigned long long i = 1; i <= rounds; i++) {
        char more[64];
        snprintf(more, sizeof(more), " AND _pipe_round = %llu", i);
        if (insert_sets(s, true, more, &changed, &repeated, e))
            return -1;
    }
    return 0;
}

int pg_merge_unstage(struct pg_sink *s, const char *table, struct err *e)
{
    uint64_t number;
    if (s->refused.n == 0)
        return 0;
    buf_reset(&s->sql);
    buf_addf(&s->sql, "DELETE FROM %s WHERE _pipe_seq = ANY ('{", table);
    for (size_t at = 0; at < s->refused.n; at += sizeof(number)) {
        memcpy(&number, s->refused.p + at, sizeof(number));
        buf_addf(&s->sql, "%s%llu", at ? "," : "", (unsigned long long)number);
    }
    buf_addz(&s->sql, "}'::bigint[])");
    return pg_run_sql(s, "write to", e);
}

/* Deletions first; of a key that is deleted only what came later counts. */
static int merge_cdc(struct pg_sink *s, struct err *e)
{
    if (pg_merge_unstage(s, "_pipe_stage", e))
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TEMP TABLE _pipe_gone ON COMMIT DROP AS SELECT ");
    add_keys(s, "");
    buf_addz(&s->sql, ", max(_pipe_seq) AS seq FROM _pipe_stage WHERE"
                      " _pipe_op = 'd' GROUP BY ");
    add_keys(s, "");
    buf_addz(&s->sql, "; DELETE FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " AS t USING _pipe_gone AS u WHERE ");
    add_same_key(s, "t", "u");
    buf_addz(&s->sql, "; DELETE FROM _pipe_stage AS t USING _pipe_gone AS u"
                      " WHERE t._pipe_seq <= u.seq AND ");
    add_same_key(s, "t", "u");
    if (pg_run_sql(s, "delete from", e))
        return -1;
    return merge_upsert(s, e);
}

/* ---- the staging table ---- */

int pg_merge_stage(struct pg_sink *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql,
             "CREATE TEMP TABLE _pipe_stage ON COMMIT DROP AS SELECT ");
    for (size_t i = 0; i < s->table.n; i++) {
        pg_ident(&s->sql, str_of(s->table.v[i].name));
        buf_addz(&s->sql, ", ");
    }
    buf_addz(&s->sql, "0::bigint AS _pipe_seq, 0 AS _pipe_set,"
                      " ''::text AS _pipe_op");
    if (s->base.spec->mode == SINK_SCD2)
        buf_addz(&s->sql, ", now() AS _pipe_at, false AS _pipe_clock,"
                          " ''::text AS _pipe_hash");
    buf_addz(&s->sql, " FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " LIMIT 0; ALTER TABLE _pipe_stage ALTER _pipe_set SET"
                      " DEFAULT 0, ALTER _pipe_op SET DEFAULT 'r'");
    if (pg_run_sql(s, "make a staging table for", e))
        return -1;
    s->stage_made = true;
    return 0;
}

int pg_merge(struct pg_sink *s, struct err *e)
{
    if (s->truncated && s->base.spec->mode != SINK_SCD2) {
        buf_reset(&s->sql);
        buf_addz(&s->sql, "DELETE FROM ");
        buf_add_str(&s->sql, buf_str(&s->qualified));
        if (s->table.exists && pg_run_sql(s, "empty", e))
            return -1;
    }
    if (!s->stage_made)
        return 0;
    enum sink_mode mode = s->base.spec->mode;
    /* For joins with the target: scd2 joins by number alone; one set of fields
     * is sorted, whatever they are. */
    const char *analyze = mode == SINK_SCD2 ? "ANALYZE _pipe_stage (_pipe_seq)"
                                            : "ANALYZE _pipe_stage";
    if ((mode != SINK_UPSERT || s->n_sets > 1) &&
        pg_run(s, analyze, "write to", e))
        return -1;
    switch (mode) {
    case SINK_INSERT: return merge_insert(s, e);
    case SINK_DELETE_INSERT: return merge_delete_insert(s, e);
    case SINK_SCD3: return merge_scd3(s, e);
    case SINK_CDC: return merge_cdc(s, e);
    case SINK_SCD2: return pg_scd2_merge(s, e);
    default: return merge_upsert(s, e);
    }
}
