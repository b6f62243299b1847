/* Rows that the table would refuse, found by asking: a statement that fails
 * would take the transaction with it. What cannot be asked (a trigger of an
 * extension, a computed column that fails) ends the load. */
#include "sink/duck.h"

#include <stdlib.h>

#define PAGE 10000 /* refusals read at once */

/* ---- refusals ---- */

static int start(struct duck_sink *s, struct err *e)
{
    return duck_run(&s->duck,
                    "CREATE OR REPLACE TEMP TABLE _pipe_refused (seq BIGINT,"
                    " code VARCHAR, col VARCHAR, message VARCHAR)",
                    "stage rows for", e);
}

/* Of a key that is refused all records are. */
static int add_repeats(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf *sql = &s->duck.sql;
    if (!s->stage.folded)
        return 0;
    buf_reset(sql);
    buf_addz(sql, "INSERT INTO _pipe_refused SELECT a._pipe_seq, code, col,"
                  " message FROM _pipe_refused JOIN " DUCK_STAGE
                  " AS f ON f._pipe_seq = seq JOIN " DUCK_ALL
                  " AS a ON a._pipe_seq <> seq");
    for (size_t k = 0; k < spec->n_keys; k++) {
        const struct column *c = table_find(&s->stage.table, spec->keys[k]);
        size_t i = (size_t)(c - s->stage.table.v);
        buf_addf(sql,
                 " AND CAST(a._pipe_c%zu AS %s) = CAST(f._pipe_c%zu AS %s)", i,
                 c->type, i, c->type);
    }
    return duck_run_sql(&s->duck, "stage rows for", NULL, e);
}

static int tell(struct duck_sink *s, const struct duck_rows *rows, size_t i,
                struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct sink_refusal why;
    struct sink_record r;
    static const char *const codes[] = { "constraint", "invalid_value" };
    bool value = strcmp(duck_cell(rows, i, 1), codes[1]) == 0;
    uint64_t number = strtoull(duck_cell(rows, i, 0), NULL, 10);
    sink_refusef(&why, codes[value], str_of(duck_cell(rows, i, 2)), "%s",
                 duck_cell(rows, i, 3));
    s->refused++;
    return backlog_get(&s->backlog, number, &r, e) ||
                   spec->refuse(spec->context, &r, &why, e)
               ? -1
               : 0;
}

static int tell_all(struct duck_sink *s, struct err *e)
{
    uint64_t from = 0;
    size_t n;
    do {
        struct duck_rows rows;
        buf_reset(&s->duck.sql);
        buf_addf(&s->duck.sql,
                 "SELECT CAST(seq AS VARCHAR), first(code), first(col),"
                 " first(message) FROM _pipe_refused WHERE seq >= %llu GROUP BY"
                 " seq ORDER BY _pipe_refused.seq LIMIT %d",
                 (unsigned long long)from, PAGE);
        int r = duck_query(&s->duck, "read the stage of", &rows, e);
        n = rows.n;
        for (size_t i = 0; r == 0 && i < n; i++)
            r = tell(s, &rows, i, e);
        if (r == 0 && n)
            from = strtoull(duck_cell(&rows, n - 1, 0), NULL, 10) + 1;
        duck_rows_free(&rows);
        if (r)
            return -1;
    } while (n == PAGE);
    return 0;
}

/* Tells of what was found, and removes it from the stage. */
static int finish(struct duck_sink *s, struct err *e)
{
    if (add_repeats(s, e) || tell_all(s, e))
        return -1;
    return duck_run(&s->duck,
                    "DELETE FROM " DUCK_STAGE " WHERE _pipe_seq IN (SELECT seq"
                    " FROM _pipe_refused); DROP TABLE _pipe_refused;"
                    " DROP TABLE IF EXISTS _pipe_image",
                    "stage rows for", e);
}

/* ---- values ---- */

int duck_check_values(struct duck_sink *s, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i < s->stage.table.n; i++) {
        const struct column *c = &s->stage.table.v[i];
        struct buf *sql = &s->duck.sql;
        if (!s->stage.more[i].parsed || s->stage.more[i].unfit)
            continue;
        if (!any && start(s, e))
            return -1;
        any = true;
        buf_reset(sql);
        buf_addz(sql, "INSERT INTO _pipe_refused SELECT _pipe_seq,"
                      " 'invalid_value', ");
        duck_literal(sql, str_of(c->name));
        buf_addf(sql, ", concat('''', _pipe_c%zu[:60], ''' is no ', ", i);
        duck_literal(sql, str_of(c->type));
        buf_addf(sql,
                 ") FROM " DUCK_STAGE " WHERE _pipe_c%zu IS NOT NULL AND"
                 " TRY_CAST(_pipe_c%zu AS %s) IS NULL",
                 i, i, c->type);
        if (duck_run_sql(&s->duck, "read the stage of", NULL, e))
            return -1;
    }
    return any ? finish(s, e) : 0;
}

/* ---- rules ---- */

/* A column as it will be in the table. */
static void add_image_of(struct duck_sink *s, size_t i, bool joined)
{
    struct buf *sql = &s->duck.sql;
    size_t having = duck_stage_having(&s->stage, i);
    bool keeps = joined && !s->stage.table.v[i].key &&
                 !s->stage.more[i].is_new && having < s->stage.n_sets;
    if (keeps) {
        buf_addz(sql, "CASE WHEN ");
        buf_addz(sql, "t.rowid IS NOT NULL AND NOT ");
        duck_stage_add_has(&s->stage, i);
        buf_addz(sql, " THEN t.");
        duck_ident(sql, str_of(s->stage.table.v[i].name));
        buf_addz(sql, " ELSE ");
    }
    duck_merge_add_value(s, i);
    buf_addz(sql, keeps ? " END AS " : " AS ");
    duck_ident(sql, str_of(s->stage.table.v[i].name));
}

/* The rows as they will be in the table: _pipe_image. */
static int make_image(struct duck_sink *s, struct err *e)
{
    struct buf *sql = &s->duck.sql;
    const struct table *t = &s->stage.table;
    bool joined = s->base.spec->mode == SINK_UPSERT;
    buf_reset(sql);
    buf_addz(sql, "CREATE OR REPLACE TEMP TABLE _pipe_image AS SELECT *");
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].derived) {
            buf_addf(sql, ", %s AS ", s->stage.more[i].fallback);
            duck_ident(sql, str_of(t->v[i].name));
        }
    buf_addz(sql, " FROM (SELECT _pipe_seq");
    for (size_t i = 0; i < t->n; i++)
        if (!t->v[i].derived) {
            buf_addz(sql, ", ");
            add_image_of(s, i, joined);
        }
    buf_addz(sql, " FROM " DUCK_STAGE);
    if (joined) {
        buf_addz(sql, " LEFT JOIN ");
        buf_add_str(sql, buf_str(&s->name));
        buf_addz(sql, " AS t ON ");
        duck_merge_add_same_key(s);
    }
    buf_addc(sql, ')');
    return duck_run_sql(&s->duck, "stage rows for", NULL, e);
}

static void add_refusals(struct duck_sink *s, const struct duck_rule *r,
                         const char *seq)
{
    struct buf *sql = &s->duck.sql;
    buf_reset(sql);
    buf_addf(sql, "INSERT INTO _pipe_refused SELECT %s, 'constraint', ", seq);
    duck_literal(sql, str_of(r->column ? r->column : ""));
    buf_addz(sql, ", concat('breaks ', ");
    duck_literal(sql, str_of(r->what));
    buf_addz(sql, ") FROM ");
}

static void add_not_nulls(struct duck_sink *s, const struct duck_rule *r)
{
    for (size_t i = 0; i < r->n; i++)
        buf_addf(&s->duck.sql, "%s(%s) IS NOT NULL", i ? " AND " : "", r->v[i]);
}

static int check_row(struct duck_sink *s, const struct duck_rule *r,
                     struct err *e)
{
    struct buf *sql = &s->duck.sql;
    add_refusals(s, r, "_pipe_seq");
    buf_addz(sql, "_pipe_image AS i WHERE ");
    if (r->kind == RULE_NOT_NULL) {
        buf_addf(sql, "%s IS NULL", r->v[0]);
    } else if (r->kind == RULE_CHECK) {
        buf_addf(sql, "NOT (%s)", r->v[0]);
    } else {
        add_not_nulls(s, r);
        buf_addf(sql, " AND NOT EXISTS (SELECT 1 FROM %s AS o WHERE ",
                 r->table);
        for (size_t i = 0; i < r->n; i++)
            buf_addf(sql, "%so.%s = i.%s", i ? " AND " : "", r->to[i], r->v[i]);
        buf_addc(sql, ')');
    }
    return duck_run_sql(&s->duck, "read the stage of", NULL, e);
}

static void add_expressions(struct duck_sink *s, const struct duck_rule *r)
{
    for (size_t i = 0; i < r->n; i++)
        buf_addf(&s->duck.sql, "%s%s AS _pipe_e%zu", i ? ", " : "", r->v[i], i);
}

/* Of rows of the load with the same values the first is the one. */
static int check_among(struct duck_sink *s, const struct duck_rule *r,
                       struct err *e)
{
    struct buf *sql = &s->duck.sql;
    add_refusals(s, r, "_pipe_seq");
    buf_addz(sql, "(SELECT _pipe_seq, row_number() OVER (PARTITION BY ");
    for (size_t i = 0; i < r->n; i++)
        buf_addf(sql, "%s%s", i ? ", " : "", r->v[i]);
    buf_addz(sql, " ORDER BY _pipe_seq) AS _pipe_n FROM _pipe_image WHERE ");
    add_not_nulls(s, r);
    buf_addz(sql, ") WHERE _pipe_n > 1");
    return duck_run_sql(&s->duck, "read the stage of", NULL, e);
}

/* Rows of the table that an upsert changes count as they will be. */
static int check_against(struct duck_sink *s, const struct duck_rule *r,
                         struct err *e)
{
    struct buf *sql = &s->duck.sql;
    add_refusals(s, r, "_pipe_seq");
    buf_addz(sql, "(SELECT _pipe_seq, ");
    add_expressions(s, r);
    buf_addz(sql, " FROM _pipe_image) AS i SEMI JOIN (SELECT ");
    add_expressions(s, r);
    buf_addz(sql, " FROM ");
    buf_add_str(sql, buf_str(&s->name));
    buf_addz(sql, " AS t");
    if (s->base.spec->mode == SINK_UPSERT) {
        buf_addz(sql, " WHERE NOT EXISTS (SELECT 1 FROM " DUCK_STAGE " WHERE ");
        duck_merge_add_same_key(s);
        buf_addc(sql, ')');
    }
    buf_addz(sql, ") AS u ON ");
    for (size_t i = 0; i < r->n; i++)
        buf_addf(sql, "%si._pipe_e%zu = u._pipe_e%zu", i ? " AND " : "", i, i);
    return duck_run_sql(&s->duck, "read the stage of", NULL, e);
}

/* A row that refers to its own table may refer to one that comes with it:
 * DuckDB's own check decides. */
static bool refers_to_itself(const struct duck_sink *s,
                             const struct duck_rule *r)
{
    return r->kind == RULE_FOREIGN_KEY && r->table &&
           str_eq(str_of(r->table), buf_str(&s->name));
}

static int check(struct duck_sink *s, bool unique, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i < s->n_rules; i++) {
        const struct duck_rule *r = &s->rules[i];
        if ((r->kind == RULE_UNIQUE) != unique || refers_to_itself(s, r))
            continue;
        if (!any && (start(s, e) || make_image(s, e)))
            return -1;
        any = true;
        if (unique ? check_among(s, r, e) || check_against(s, r, e)
                   : check_row(s, r, e))
            return -1;
    }
    return any ? finish(s, e) : 0;
}

int duck_check_rows(struct duck_sink *s, struct err *e)
{
    return check(s, false, e);
}

int duck_check_unique(struct duck_sink *s, struct err *e)
{
    return check(s, true, e);
}
