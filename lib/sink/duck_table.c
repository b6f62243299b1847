/* The table as it is. */
#include "sink/duck.h"

#include <stdlib.h>

/* ---- columns ---- */

/* Only DuckDB knows whether a column is computed: it refuses to plan an insert
 * into it. */
static bool is_generated(struct duck_sink *s, const char *name)
{
    struct err lost;
    struct buf *sql = &s->duck.sql;
    buf_reset(sql);
    buf_addz(sql, "EXPLAIN INSERT INTO ");
    buf_add_str(sql, buf_str(&s->name));
    buf_addz(sql, " (");
    duck_ident(sql, str_of(name));
    buf_addz(sql, ") SELECT NULL");
    return duck_run_sql(&s->duck, "read", NULL, &lost) != 0;
}

static int add_column(struct duck_sink *s, const char *name, const char *type,
                      const char *fallback, bool not_null, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct duck_column *m = duck_stage_column(&s->stage, str_of(name), type, e);
    if (!m)
        return -1;
    struct column *c = &s->stage.table.v[s->stage.table.n - 1];
    m->not_null = not_null;
    m->fallback = fallback ? strdup(fallback) : NULL;
    if (fallback && !m->fallback)
        return err_nomem(e);
    c->derived = fallback && is_generated(s, name);
    bool grows = strcmp(type, "BIGINT") == 0 ||
                 (c->kind == COLUMN_DECIMAL &&
                  (c->precision == 18 || c->precision == DUCK_DIGITS));
    m->may_widen = spec->create && !spec->n_columns && grows && !c->key;
    return 0;
}

static void add_where(struct duck_sink *s)
{
    struct buf *sql = &s->duck.sql;
    buf_addz(sql, " WHERE database_name = current_database() AND schema_name"
                  " = current_schema() AND lower(table_name) = lower(");
    duck_literal(sql, str_of(s->base.spec->table));
    buf_addc(sql, ')');
}

static int read_columns(struct duck_sink *s, struct err *e)
{
    struct duck_rows rows;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql,
             "SELECT column_name, data_type, column_default,"
             " CAST(is_nullable AS VARCHAR) FROM duckdb_columns()");
    add_where(s);
    buf_addz(&s->duck.sql, " ORDER BY column_index");
    int r = duck_query(&s->duck, "read", &rows, e);
    for (size_t i = 0; r == 0 && i < rows.n; i++)
        r = add_column(s, duck_cell(&rows, i, 0), duck_cell(&rows, i, 1),
                       duck_cell(&rows, i, 2),
                       strcmp(duck_cell(&rows, i, 3), "false") == 0, e);
    s->exists = r == 0 && rows.n > 0;
    duck_rows_free(&rows);
    return r;
}

/* ---- rules ---- */

static void free_list(char **v, size_t n)
{
    for (size_t i = 0; v && i < n; i++)
        free(v[i]);
    free(v);
}

static void free_rule(struct duck_rule *r)
{
    free_list(r->v, r->n);
    free_list(r->to, r->n);
    free(r->what);
    free(r->column);
    free(r->table);
}

void duck_table_forget(struct duck_sink *s)
{
    for (size_t i = 0; i < s->n_rules; i++)
        free_rule(&s->rules[i]);
    free(s->rules);
    s->rules = NULL;
    s->n_rules = 0;
}

static char *quoted(const char *name)
{
    struct buf b = { .max = 65536 };
    duck_ident(&b, str_of(name));
    char *copy = buf_z(&b) ? strdup(b.p) : NULL;
    buf_free(&b);
    return copy;
}

static struct duck_rule *add_rule(struct duck_sink *s, enum duck_rule_kind kind,
                                  const char *what, const char *table,
                                  struct err *e)
{
    struct duck_rule *grown =
        realloc(s->rules, (s->n_rules + 1) * sizeof(*grown));
    if (!grown) {
        err_nomem(e);
        return NULL;
    }
    s->rules = grown;
    struct duck_rule *r = &grown[s->n_rules];
    *r = (struct duck_rule){ .kind = kind, .what = strdup(what) };
    s->n_rules++;
    r->table = table ? quoted(table) : NULL;
    if (r->what && (r->table || !table))
        return r;
    err_nomem(e);
    return NULL;
}

/* One more expression of a rule: a condition, a column, and the column that it
 * refers to. */
static int add_part(struct duck_rule *r, char *part, char *to, struct err *e)
{
    size_t bytes = (r->n + 1) * sizeof(char *);
    char **grown = realloc(r->v, bytes);
    if (grown)
        r->v = grown;
    bool good = part && grown;
    grown = good ? realloc(r->to, bytes) : NULL;
    if (grown)
        r->to = grown;
    if (!grown) {
        free(part);
        free(to);
        return err_nomem(e);
    }
    r->v[r->n] = part;
    r->to[r->n++] = to;
    return 0;
}

/* Does the mode itself see to it that the columns are unique? */
static bool is_own_key(const struct duck_sink *s, const struct duck_rule *r)
{
    const struct sink_spec *spec = s->base.spec;
    if (r->kind != RULE_UNIQUE || r->n != spec->n_keys ||
        (spec->mode != SINK_UPSERT && spec->mode != SINK_INSERT))
        return false;
    for (size_t i = 0; i < r->n; i++) {
        bool found = false;
        for (size_t k = 0; k < spec->n_keys && !found; k++) {
            struct buf b = { .max = 65536 };
            duck_ident(&b, spec->keys[k]);
            found = buf_z(&b) && strcasecmp(b.p, r->v[i]) == 0;
            buf_free(&b);
        }
        if (!found)
            return false;
    }
    return true;
}

static const struct {
    const char *name;
    enum duck_rule_kind kind;
} kinds[] = { { "PRIMARY KEY", RULE_UNIQUE },
              { "UNIQUE", RULE_UNIQUE },
              { "CHECK", RULE_CHECK },
              { "FOREIGN KEY", RULE_FOREIGN_KEY } };

/* A row: index, type, text, expression, column, other table, its column. */
static int take_row(struct duck_sink *s, const struct duck_rows *rows, size_t i,
                    struct err *e)
{
    const char *type = duck_cell(rows, i, 1);
    size_t k = 0, n = sizeof(kinds) / sizeof(*kinds);
    while (k < n && strcmp(type, kinds[k].name) != 0)
        k++;
    if (k == n) /* NOT NULL: read with the columns */
        return 0;
    bool first =
        i == 0 || strcmp(duck_cell(rows, i, 0), duck_cell(rows, i - 1, 0)) != 0;
    const char *table = duck_cell(rows, i, 5);
    if (first && !add_rule(s, kinds[k].kind, duck_cell(rows, i, 2),
                           kinds[k].kind == RULE_FOREIGN_KEY ? table : NULL, e))
        return -1;
    struct duck_rule *r = &s->rules[s->n_rules - 1];
    const char *to = duck_cell(rows, i, 6);
    if (r->kind == RULE_CHECK)
        return first ? add_part(r, strdup(duck_cell(rows, i, 3)), NULL, e) : 0;
    return add_part(r, quoted(duck_cell(rows, i, 4)), to ? quoted(to) : NULL,
                    e);
}

static int read_constraints(struct duck_sink *s, struct err *e)
{
    struct duck_rows rows;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql,
             "SELECT CAST(constraint_index AS VARCHAR), constraint_type,"
             " constraint_text, expression, unnest(constraint_column_names),"
             " referenced_table, unnest(referenced_column_names)"
             " FROM duckdb_constraints()");
    add_where(s);
    buf_addz(&s->duck.sql, " AND constraint_type <> 'NOT NULL'");
    int r = duck_query(&s->duck, "read", &rows, e);
    for (size_t i = 0; r == 0 && i < rows.n; i++)
        r = take_row(s, &rows, i, e);
    duck_rows_free(&rows);
    return r;
}

static int read_indexes(struct duck_sink *s, struct err *e)
{
    struct duck_rows rows;
    buf_reset(&s->duck.sql);
    buf_addz(&s->duck.sql, "SELECT index_name, sql, unnest(CAST(expressions AS"
                           " VARCHAR[])) FROM duckdb_indexes()");
    add_where(s);
    buf_addz(&s->duck.sql, " AND is_unique AND NOT is_primary");
    int r = duck_query(&s->duck, "read", &rows, e);
    for (size_t i = 0; r == 0 && i < rows.n; i++) {
        bool first = i == 0 || strcmp(duck_cell(&rows, i, 0),
                                      duck_cell(&rows, i - 1, 0)) != 0;
        const char *sql = duck_cell(&rows, i, 1);
        if (first &&
            !add_rule(s, RULE_UNIQUE, sql ? sql : "unique index", NULL, e))
            r = -1;
        if (r == 0)
            r = add_part(&s->rules[s->n_rules - 1],
                         strdup(duck_cell(&rows, i, 2)), NULL, e);
    }
    duck_rows_free(&rows);
    return r;
}

int duck_table_add_not_null(struct duck_sink *s, size_t i, struct err *e)
{
    const char *name = s->stage.table.v[i].name;
    struct duck_rule *r = add_rule(s, RULE_NOT_NULL, "NOT NULL", NULL, e);
    if (!r)
        return -1;
    s->keeps = true;
    r->column = strdup(name);
    return r->column ? add_part(r, quoted(name), NULL, e) : err_nomem(e);
}

/* NOT NULL of a key is seen to: a null key is refused. */
static int add_not_nulls(struct duck_sink *s, struct err *e)
{
    const struct table *t = &s->stage.table;
    for (size_t i = 0; i < t->n; i++)
        if (s->stage.more[i].not_null && !t->v[i].key && !t->v[i].derived &&
            duck_table_add_not_null(s, i, e))
            return -1;
    return 0;
}

static void drop_own_keys(struct duck_sink *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_rules; i++)
        if (is_own_key(s, &s->rules[i]))
            free_rule(&s->rules[i]);
        else
            s->rules[n++] = s->rules[i];
    s->n_rules = n;
}

int duck_table_read(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    duck_stage_clear(&s->stage);
    duck_table_forget(s);
    s->keeps = false;
    if (read_columns(s, e))
        return -1;
    if (!s->exists)
        return spec->create ? 0
                            : err_set(e, ERR_CONFIG,
                                      "table '%s' is not in '%s' (--create "
                                      "makes it)",
                                      spec->table, spec->target);
    if (table_check_keys(&s->stage.table, spec, e))
        return -1;
    if (spec->part_column.n && !spec->create &&
        !table_find(&s->stage.table, spec->part_column))
        return err_set(e, ERR_CONFIG,
                       "partition column '%.*s' is not in table '%s'",
                       STR_ARG(spec->part_column), spec->table);
    if (read_constraints(s, e) || read_indexes(s, e) || add_not_nulls(s, e))
        return -1;
    drop_own_keys(s);
    s->keeps |= s->n_rules > 0;
    return 0;
}
