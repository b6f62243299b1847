/* From the staging table to the target, in few statements. */
#include "sink/duck.h"

#include "base/date.h"
#include "json/check.h"

#include <stdlib.h>

/* ---- pieces of SQL ---- */

static size_t column_of(struct duck_sink *s, struct str name)
{
    return (size_t)(table_find(&s->stage.table, name) - s->stage.table.v);
}

static void add_name(struct duck_sink *s, size_t i)
{
    duck_ident(&s->duck.sql, str_of(s->stage.table.v[i].name));
}

void duck_merge_add_same_key(struct duck_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t k = 0; k < spec->n_keys; k++) {
        size_t i = column_of(s, spec->keys[k]);
        buf_addz(&s->duck.sql, k ? " AND t." : "t.");
        add_name(s, i);
        buf_addz(&s->duck.sql, " = ");
        duck_stage_add_value(&s->stage, i);
    }
}

void duck_merge_add_known(struct duck_sink *s)
{
    buf_addz(&s->duck.sql, "EXISTS (SELECT 1 FROM ");
    buf_add_str(&s->duck.sql, buf_str(&s->name));
    buf_addz(&s->duck.sql, " AS t WHERE ");
    duck_merge_add_same_key(s);
    buf_addc(&s->duck.sql, ')');
}

void duck_merge_add_value(struct duck_sink *s, size_t i)
{
    struct buf *sql = &s->duck.sql;
    const char *fallback = s->stage.more[i].fallback;
    size_t having = duck_stage_having(&s->stage, i);
    if (having && (having == s->stage.n_sets || !fallback)) {
        duck_stage_add_value(&s->stage, i);
    } else if (having) {
        buf_addz(sql, "CASE WHEN ");
        duck_stage_add_has(&s->stage, i);
        buf_addz(sql, " THEN ");
        duck_stage_add_value(&s->stage, i);
        buf_addf(sql, " ELSE %s END", fallback);
    } else {
        buf_addz(sql, fallback ? fallback : "NULL");
    }
}

/* The staged keys, in their columns' types. */
static void add_keys(struct duck_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t k = 0; k < spec->n_keys; k++) {
        buf_addz(&s->duck.sql, k ? ", " : "");
        duck_stage_add_value(&s->stage, column_of(s, spec->keys[k]));
    }
}

/* ---- what gives way ---- */

/* A time as a literal of microseconds, which fit all of DuckDB's types of
 * times. */
static int add_instant(struct duck_sink *s, struct str text, struct err *e)
{
    int64_t us;
    if (!time_parse(text, s->base.spec->tz, &us))
        return err_set(e, ERR_USAGE,
                       "partition column '%.*s' of table '%s' has times: "
                       "'%.*s' is none",
                       STR_ARG(s->base.spec->part_column), s->base.spec->table,
                       STR_ARG(text));
    buf_addf(&s->duck.sql, "%lld", (long long)us);
    return 0;
}

static int add_number(struct duck_sink *s, struct str text, struct err *e)
{
    if (json_number_valid(text) && duck_value_plain(&s->duck.sql, text))
        return 0;
    return err_set(e, ERR_USAGE,
                   "partition column '%.*s' of table '%s' has numbers: '%.*s' "
                   "is none that it can have",
                   STR_ARG(s->base.spec->part_column), s->base.spec->table,
                   STR_ARG(text));
}

static bool has_times(const struct duck_sink *s, size_t i)
{
    enum duck_staged t = s->stage.more[i].staged;
    return t == STAGED_DATE || t == STAGED_TIMESTAMP || t == STAGED_TIMESTAMPTZ;
}

/* Compares the column with a bound or value. */
static int add_compared(struct duck_sink *s, size_t i, const char *op,
                        struct str text, struct err *e)
{
    struct buf *sql = &s->duck.sql;
    const struct column *c = &s->stage.table.v[i];
    bool time = has_times(s, i);
    bool number = duck_stage_takes(c) == 1u << JSON_NUMBER;
    bool plain = c->kind == COLUMN_TEXT || number;
    buf_addz(sql, time ? "epoch_us(" : plain ? "" : "CAST(");
    add_name(s, i);
    buf_addf(sql, "%s %s ", time ? ")" : plain ? "" : " AS VARCHAR)", op);
    if (time)
        return add_instant(s, text, e);
    if (number)
        return add_number(s, text, e);
    duck_literal(sql, text);
    return 0;
}

/* The instant of a text, NULL where it is none; without a zone: UTC, whatever
 * DuckDB's own is. */
static void add_text_instant(struct duck_sink *s, const char *name)
{
    static const char form[] = "\\d{4}-\\d\\d-\\d\\d([Tt ]\\d\\d:\\d\\d:\\d\\d"
                               "(\\.\\d+)?",
                      zone[] = "[Zz]|[+-]\\d\\d:\\d\\d";
    buf_addf(&s->duck.sql,
             "CASE WHEN regexp_full_match(%s, '%s)?')"
             " THEN epoch_us(TRY_CAST(%s AS TIMESTAMP))"
             " WHEN regexp_full_match(%s, '%s(%s))')"
             " THEN epoch_us(TRY_CAST(%s AS TIMESTAMPTZ)) END",
             name, form, name, name, form, zone, name);
}

/* Texts that are times compare as instants where the bounds are times, as the
 * records that come are judged; others by their bytes. */
static int add_text_range(struct duck_sink *s, size_t i, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf *sql = &s->duck.sql, name = { .max = 65536 };
    int64_t from, to;
    bool times = time_parse(spec->range_from, NULL, &from) &&
                 time_parse(spec->range_to, NULL, &to);
    duck_ident(&name, str_of(s->stage.table.v[i].name));
    const char *z = buf_z(&name);
    if (times && z) {
        buf_addz(sql, "coalesce(");
        add_text_instant(s, z);
        buf_addf(sql, " BETWEEN %lld AND %lld, ", (long long)from,
                 (long long)to - 1);
    }
    buf_free(&name);
    if (!z)
        return err_nomem(e);
    if (add_compared(s, i, ">=", spec->range_from, e))
        return -1;
    buf_addz(sql, " AND ");
    if (add_compared(s, i, "<", spec->range_to, e))
        return -1;
    buf_addz(sql, times ? ")" : "");
    return 0;
}

static int add_partition(struct duck_sink *s, size_t i, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    const struct column *c = &s->stage.table.v[i];
    if (!spec->range_to.n)
        return add_compared(s, i, "=", spec->part_value, e);
    if (c->kind == COLUMN_JSON || c->kind == COLUMN_BOOLEAN ||
        s->stage.more[i].parsed)
        return err_set(e, ERR_CONFIG,
                       "column '%s' of table '%s' is %s: it has no ranges",
                       c->name, spec->table, c->type);
    if (c->kind == COLUMN_TEXT)
        return add_text_range(s, i, e);
    if (add_compared(s, i, ">=", spec->range_from, e))
        return -1;
    buf_addz(&s->duck.sql, " AND ");
    return add_compared(s, i, "<", spec->range_to, e);
}

/* Deletes what the run replaces. */
static int empty_partition(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    const struct column *c =
        spec->all ? NULL : table_find(&s->stage.table, spec->part_column);
    if (!spec->all && (!c || s->stage.more[c - s->stage.table.v].is_new))
        return 0;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql, "DELETE FROM ");
    buf_add_str(&s->duck.sql, buf_str(&s->name));
    if (c) {
        buf_addz(&s->duck.sql, " WHERE ");
        if (add_partition(s, (size_t)(c - s->stage.table.v), e))
            return -1;
    }
    return duck_run_sql(&s->duck, "empty the partition in", NULL, e);
}

static int delete_keys(struct duck_sink *s, struct err *e)
{
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql, "DELETE FROM ");
    buf_add_str(&s->duck.sql, buf_str(&s->name));
    buf_addz(&s->duck.sql,
             " AS t WHERE EXISTS (SELECT 1 FROM " DUCK_STAGE " WHERE ");
    duck_merge_add_same_key(s);
    buf_addc(&s->duck.sql, ')');
    return duck_run_sql(&s->duck, "delete rows from", NULL, e);
}

/* ---- rows that go in ---- */

/* known: rows whose key the target has are left out. */
static int insert(struct duck_sink *s, bool known, struct err *e)
{
    struct buf *sql = &s->duck.sql;
    bool first = true;
    buf_reset(sql);
    buf_addz(sql, "INSERT INTO ");
    buf_add_str(sql, buf_str(&s->name));
    buf_addz(sql, " (");
    for (size_t i = 0; i < s->stage.table.n; i++) {
        if (s->stage.table.v[i].derived)
            continue;
        buf_addz(sql, first ? "" : ", ");
        first = false;
        add_name(s, i);
    }
    buf_addz(sql, ") SELECT ");
    first = true;
    for (size_t i = 0; i < s->stage.table.n; i++) {
        if (s->stage.table.v[i].derived)
            continue;
        buf_addz(sql, first ? "" : ", ");
        first = false;
        duck_merge_add_value(s, i);
    }
    buf_addz(sql, " FROM " DUCK_STAGE);
    if (known) {
        buf_addz(sql, " WHERE NOT ");
        duck_merge_add_known(s);
    }
    return duck_run_sql(&s->duck, "write to", NULL, e);
}

/* A field that a record has not keeps its column. */
static int update(struct duck_sink *s, struct err *e)
{
    struct buf *sql = &s->duck.sql;
    bool first = true;
    buf_reset(sql);
    buf_addz(sql, "UPDATE ");
    buf_add_str(sql, buf_str(&s->name));
    buf_addz(sql, " AS t SET ");
    for (size_t i = 0; i < s->stage.table.n; i++) {
        const struct column *c = &s->stage.table.v[i];
        size_t having = duck_stage_having(&s->stage, i);
        if (c->derived || c->key || !having)
            continue;
        buf_addz(sql, first ? "" : ", ");
        first = false;
        add_name(s, i);
        buf_addz(sql, " = ");
        if (having < s->stage.n_sets) {
            buf_addz(sql, "CASE WHEN ");
            duck_stage_add_has(&s->stage, i);
            buf_addz(sql, " THEN ");
        }
        duck_stage_add_value(&s->stage, i);
        if (having < s->stage.n_sets) {
            buf_addz(sql, " ELSE t.");
            add_name(s, i);
            buf_addz(sql, " END");
        }
    }
    buf_addz(sql, " FROM " DUCK_STAGE " WHERE ");
    duck_merge_add_same_key(s);
    return first ? 0 : duck_run_sql(&s->duck, "write to", NULL, e);
}

/* ---- several records of one key ---- */

static int has_repeats(struct duck_sink *s, bool *repeats, struct err *e)
{
    struct duck_rows rows;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql, "SELECT 'yes' FROM " DUCK_STAGE " GROUP BY ");
    add_keys(s);
    buf_addz(&s->duck.sql, " HAVING count(*) > 1 LIMIT 1");
    int r = duck_query(&s->duck, "read the stage of", &rows, e);
    *repeats = rows.n > 0;
    duck_rows_free(&rows);
    return r;
}

/* The last value that each field of a key had. */
static void add_folded(struct duck_sink *s, size_t i)
{
    struct buf *sql = &s->duck.sql;
    size_t having = duck_stage_having(&s->stage, i);
    buf_addf(sql, ", last(_pipe_c%zu ORDER BY _pipe_seq)", i);
    if (having && having < s->stage.n_sets) {
        buf_addz(sql, " FILTER (WHERE ");
        duck_stage_add_has(&s->stage, i);
        buf_addf(sql, ") AS _pipe_c%zu, bool_or(", i);
        duck_stage_add_has(&s->stage, i);
        buf_addf(sql, ") AS _pipe_h%zu", i);
    } else {
        buf_addf(sql, " AS _pipe_c%zu", i);
    }
}

/* Makes the staging table one with a row a key. */
static int fold(struct duck_sink *s, struct err *e)
{
    struct buf *sql = &s->duck.sql;
    bool repeats;
    if (has_repeats(s, &repeats, e))
        return -1;
    if (!repeats)
        return 0;
    if (duck_run(&s->duck, "ALTER TABLE " DUCK_STAGE " RENAME TO " DUCK_ALL,
                 "stage rows for", e))
        return -1;
    buf_reset(sql);
    buf_addz(sql, "CREATE TEMP TABLE " DUCK_STAGE " AS SELECT ");
    if (s->stage.n_sets == 1) {
        /* All records are alike: the last of a key is the whole of it. */
        buf_addz(sql, "* FROM " DUCK_ALL " SEMI JOIN (SELECT max(_pipe_seq) AS"
                      " _pipe_seq FROM " DUCK_ALL " GROUP BY ");
        add_keys(s);
        buf_addz(sql, ") AS l USING (_pipe_seq)");
    } else {
        buf_addz(sql, "max(_pipe_seq) AS _pipe_seq");
        for (size_t i = 0; i < s->stage.table.n; i++)
            add_folded(s, i);
        buf_addz(sql, " FROM " DUCK_ALL " GROUP BY ");
        add_keys(s);
    }
    s->stage.folded = true;
    return duck_run_sql(&s->duck, "stage rows for", NULL, e);
}

/* ---- modes ---- */

static int merge_upsert(struct duck_sink *s, bool fresh, struct err *e)
{
    if (fold(s, e) || duck_check_rows(s, e) || duck_check_unique(s, e))
        return -1;
    if (!fresh && update(s, e))
        return -1;
    return insert(s, !fresh, e);
}

static int forget_known(struct duck_sink *s, struct err *e)
{
    uint64_t changed = 0;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql, "DELETE FROM " DUCK_STAGE " WHERE ");
    duck_merge_add_known(s);
    if (duck_run_sql(&s->duck, "stage rows for", &changed, e))
        return -1;
    s->base.ignored += changed;
    return 0;
}

/* The first of a key is the one. */
static int forget_repeats(struct duck_sink *s, struct err *e)
{
    uint64_t changed = 0;
    bool repeats;
    if (has_repeats(s, &repeats, e))
        return -1;
    if (!repeats)
        return 0;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql,
             "DELETE FROM " DUCK_STAGE " WHERE _pipe_seq NOT IN (SELECT"
             " min(_pipe_seq) FROM " DUCK_STAGE " GROUP BY ");
    add_keys(s);
    buf_addc(&s->duck.sql, ')');
    if (duck_run_sql(&s->duck, "stage rows for", &changed, e))
        return -1;
    s->base.ignored += changed;
    return 0;
}

static int merge_insert(struct duck_sink *s, bool fresh, struct err *e)
{
    if ((!fresh && forget_known(s, e)) || duck_check_rows(s, e) ||
        forget_repeats(s, e) || duck_check_unique(s, e))
        return -1;
    return insert(s, false, e);
}

int duck_merge(struct duck_sink *s, struct err *e)
{
    enum sink_mode mode = s->base.spec->mode;
    bool fresh = !s->exists;
    if (duck_create_apply(s, e))
        return -1;
    if (!s->exists)
        return 0; /* no record has shown its columns */
    if (!fresh && mode == SINK_REPLACE && empty_partition(s, e))
        return -1;
    if (!s->stage.n)
        return 0;
    if (duck_check_values(s, e))
        return -1;
    if (mode == SINK_UPSERT)
        return merge_upsert(s, fresh, e);
    if (mode == SINK_INSERT)
        return merge_insert(s, fresh, e);
    if (duck_check_rows(s, e) ||
        (!fresh && mode == SINK_DELETE_INSERT && delete_keys(s, e)) ||
        duck_check_unique(s, e))
        return -1;
    return insert(s, false, e);
}
