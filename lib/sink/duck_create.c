/* Making the table and changing its columns: as the records show it, or as a
 * schema declares it. */
#include "sink/duck_create.h"

#include "sink/declared.h"
#include "sink/duck.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- types ---- */

/* The type for strings of a format; NULL: VARCHAR. */
static const char *type_of_format(const char *format)
{
    static const char *const known[][2] = { { "date-time",
                                              "TIMESTAMP WITH TIME ZONE" },
                                            { "date", "DATE" },
                                            { "uuid", "UUID" } };
    for (size_t i = 0; format && i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(format, known[i][0]) == 0)
            return known[i][1];
    return NULL;
}

/* NULL: numbers whose type follows those that come. */
static const char *type_declared(const struct sink_column *c, char out[32])
{
    unsigned types = c->types & ~(1u << JSON_NULL | 1u << JSON_MISSING);
    if (types == 1u << JSON_STRING) {
        const char *type = type_of_format(c->format);
        return type ? type : "VARCHAR";
    }
    if (types == 1u << JSON_NUMBER) {
        if (c->integer)
            return "BIGINT";
        if (c->places < 0)
            return NULL;
        snprintf(out, 32, "DECIMAL(%d,%d)", DUCK_DIGITS, c->places);
        return out;
    }
    if (types && !(types & ~(1u << JSON_TRUE | 1u << JSON_FALSE)))
        return "BOOLEAN";
    return "JSON"; /* takes any value, as it is */
}

/* ---- what is planned ---- */

/* A time in a date's column would lose its hours, and one that is none would
 * be refused row by row. */
static bool other_format(const struct column *c, const struct sink_column *d)
{
    const char *want = type_of_format(d->format);
    return want && strcmp(c->type, want) != 0 &&
           (strcmp(c->type, "TIMESTAMP WITH TIME ZONE") == 0 ||
            strcmp(c->type, "DATE") == 0 || strcmp(c->type, "UUID") == 0);
}

/* Does the column take what the schema declares? Numbers may be widened. */
static int check_declared(struct duck_sink *s, size_t i,
                          const struct sink_column *d, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct column *c = &s->stage.table.v[i];
    unsigned types = d->types & ~(1u << JSON_NULL | 1u << JSON_MISSING);
    /* A schema that says nothing of the types says nothing against one. */
    if (d->types == ~0u)
        return 0;
    if ((types & ~duck_stage_takes(c)) || other_format(c, d))
        return declared_clash(
            c, d, type_of_format(d->format) ? d->format : NULL, spec, e);
    bool wider = (c->kind == COLUMN_INTEGER && !d->integer) ||
                 (c->kind == COLUMN_DECIMAL && d->places > (int)c->places);
    if (wider && !spec->create)
        return err_set(e, ERR_CONFIG,
                       "column '%s' of table '%s' is %s, the schema says "
                       "number (--create widens it)",
                       c->name, spec->table, c->type);
    if (!wider && (d->integer || d->places >= 0 || c->key))
        return 0;
    s->stage.more[i].may_widen = spec->create && (c->kind == COLUMN_INTEGER ||
                                                  c->kind == COLUMN_DECIMAL);
    return 0;
}

struct duck_column *duck_create_declared(struct duck_stage *s,
                                         const struct sink_column *d,
                                         struct err *e)
{
    char out[32];
    const char *type = type_declared(d, out);
    if (d->name.n == 0 || memchr(d->name.p, '\0', d->name.n) ||
        (d->name.n >= 6 && memcmp(d->name.p, "_pipe_", 6) == 0)) {
        err_set(e, ERR_CONFIG,
                "column name '%.*s' of the schema is empty or reserved",
                STR_ARG(d->name));
        return NULL;
    }
    struct duck_column *m = type ? duck_stage_column(s, d->name, type, e)
                                 : duck_stage_numbers(s, d->name, e);
    if (m)
        m->is_new = true;
    return m;
}

static int add_declared(struct duck_sink *s, const struct sink_column *d,
                        struct err *e)
{
    struct duck_column *m = duck_create_declared(&s->stage, d, e);
    if (!m)
        return -1;
    /* Rows that are there have none. */
    m->not_null = !s->exists && d->required && !(d->types & 1u << JSON_NULL);
    /* A new table's rule is not known to be one: rows are asked for it. */
    if (!m->not_null || s->stage.table.v[s->stage.table.n - 1].key)
        return 0;
    return duck_table_add_not_null(s, s->stage.table.n - 1, e);
}

static int lacks(struct duck_sink *s, struct str name, const char *of,
                 struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "table '%s' has no column '%.*s'%s (--create adds it)",
                   s->base.spec->table, STR_ARG(name), of);
}

int duck_create_plan(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct table *t = &s->stage.table;
    for (size_t i = 0; i < spec->n_columns; i++) {
        const struct sink_column *d = &spec->columns[i];
        const struct column *c = table_find(t, d->name);
        if (!c && !spec->create)
            return lacks(s, d->name, " of the schema", e);
        if (c ? check_declared(s, (size_t)(c - t->v), d, e)
              : add_declared(s, d, e))
            return -1;
    }
    for (size_t i = 0; i < spec->n_audit && !spec->create; i++)
        if (!table_find(t, spec->audit_names[i]))
            return lacks(s, spec->audit_names[i], "", e);
    /* Of a table that records shape they come behind the first one's fields. */
    if (t->n && duck_stage_audits(&s->stage, e))
        return -1;
    for (size_t i = 0; i < t->n; i++)
        s->keeps |= s->stage.more[i].parsed && !s->stage.more[i].unfit;
    return spec->n_columns && s->exists
               ? declared_drop_removed(&s->stage.table, spec, e)
               : 0;
}

/* ---- in the transaction ---- */

static void add_definition(struct duck_sink *s, size_t i)
{
    struct buf *sql = &s->duck.sql;
    duck_ident(sql, str_of(s->stage.table.v[i].name));
    buf_addf(sql, " %s", s->stage.table.v[i].type);
}

static void add_keys(struct duck_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->duck.sql, i ? ", " : "");
        duck_ident(&s->duck.sql, spec->keys[i]);
    }
}

static int create(struct duck_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf *sql = &s->duck.sql;
    if (table_check_keys(&s->stage.table, spec, e))
        return -1;
    buf_reset(sql);
    buf_addz(sql, "CREATE TABLE ");
    buf_add_str(sql, buf_str(&s->name));
    buf_addz(sql, " (");
    for (size_t i = 0; i < s->stage.table.n; i++) {
        buf_addz(sql, i ? ", " : "");
        add_definition(s, i);
        bool key = s->stage.table.v[i].key && spec->mode != SINK_APPEND;
        buf_addz(sql, s->stage.more[i].not_null || key ? " NOT NULL" : "");
    }
    if (spec->mode == SINK_UPSERT || spec->mode == SINK_INSERT) {
        buf_addz(sql, ", PRIMARY KEY (");
        add_keys(s);
        buf_addc(sql, ')');
    }
    buf_addc(sql, ')');
    if (duck_run_sql(&s->duck, "create a table in", NULL, e))
        return -1;
    s->exists = true;
    return 0;
}

static int alter(struct duck_sink *s, size_t i, struct err *e)
{
    struct buf *sql = &s->duck.sql;
    bool added = s->stage.more[i].is_new;
    buf_reset(sql);
    buf_addz(sql, "ALTER TABLE ");
    buf_add_str(sql, buf_str(&s->name));
    buf_addz(sql, added ? " ADD COLUMN " : " ALTER COLUMN ");
    if (added) {
        add_definition(s, i);
    } else {
        duck_ident(sql, str_of(s->stage.table.v[i].name));
        buf_addf(sql, " TYPE %s", s->stage.table.v[i].type);
    }
    return duck_run_sql(&s->duck,
                        added ? "add a column in"
                              : "widen a column"
                                " in",
                        NULL, e);
}

int duck_create_apply(struct duck_sink *s, struct err *e)
{
    if (!s->exists)
        return s->stage.table.n ? create(s, e) : 0;
    for (size_t i = 0; i < s->stage.table.n; i++)
        if ((s->stage.more[i].is_new || s->stage.more[i].retyped) &&
            alter(s, i, e))
            return -1;
    return 0;
}
