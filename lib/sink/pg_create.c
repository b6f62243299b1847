/* Making the table and changing its columns: as the records show it, or as a
 * schema declares it. */
#include "sink/pg.h"

#include "json/number.h"
#include "sink/declared.h"
#include "sink/scd2.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- types ---- */

/* NULL: a null says nothing, the column waits for a value. */
static const char *type_for(struct val v)
{
    int64_t i;
    switch (v.type) {
    case JSON_STRING: return "text";
    case JSON_TRUE:
    case JSON_FALSE: return "boolean";
    case JSON_NUMBER: return number_to_i64(v.raw, &i) ? "bigint" : "numeric";
    case JSON_ARRAY:
    case JSON_OBJECT: return "jsonb";
    default: return NULL;
    }
}

/* The type for strings of a format; NULL: text. */
static const char *type_of_format(const char *format)
{
    static const char *const known[][2] = { { "date-time", "timestamptz" },
                                            { "date", "date" },
                                            { "uuid", "uuid" } };
    for (size_t i = 0; format && i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(format, known[i][0]) == 0)
            return known[i][1];
    return NULL;
}

#define DIGITS 38 /* of a decimal with so many places */

static const char *type_declared(const struct sink_column *c, char out[32])
{
    unsigned types = c->types & ~(1u << JSON_NULL | 1u << JSON_MISSING);
    if (types == 1u << JSON_STRING) {
        const char *type = type_of_format(c->format);
        return type ? type : "text";
    }
    if (types == 1u << JSON_NUMBER) {
        if (c->integer || c->places < 0)
            return c->integer ? "bigint" : "numeric";
        snprintf(out, 32, "numeric(%d,%d)", DIGITS, c->places);
        return out;
    }
    if (types && !(types & ~(1u << JSON_TRUE | 1u << JSON_FALSE)))
        return "boolean";
    return "jsonb"; /* takes any value, as it is */
}

static const char *type_of_audit(struct str name)
{
    return str_eq(name, STR("_loaded_at")) ? "timestamptz" : "text";
}

/* The JSON types that a column takes, as bits. */
static unsigned takes(const struct column *c)
{
    switch (c->kind) {
    case COLUMN_INTEGER:
    case COLUMN_REAL:
    case COLUMN_DECIMAL: return 1u << JSON_NUMBER;
    case COLUMN_BOOLEAN: return 1u << JSON_TRUE | 1u << JSON_FALSE;
    case COLUMN_TEXT:
    case COLUMN_PARSED:
    case COLUMN_BYTES: return 1u << JSON_STRING;
    case COLUMN_ARRAY: return 1u << JSON_ARRAY;
    default: return ~0u;
    }
}

static bool good_name(struct str name)
{
    return name.n > 0 && name.n < 64 && !memchr(name.p, '\0', name.n);
}

static bool is_tracked(const struct sink_spec *spec, struct str name)
{
    for (size_t i = 0; spec->mode == SINK_SCD3 && i < spec->n_tracked; i++)
        if (str_eq(spec->tracked[i], name))
            return true;
    return false;
}

static int previous_name(struct str name, char out[80], struct err *e)
{
    if (name.n + strlen(SINK_PREVIOUS) > 63)
        return err_set(e, ERR_CONFIG,
                       "column name '" SINK_PREVIOUS "%.*s' is longer than "
                       "PostgreSQL's 63 bytes",
                       STR_ARG(name));
    snprintf(out, 80, SINK_PREVIOUS "%.*s", STR_ARG(name));
    return 0;
}

/* ---- adding and widening columns ---- */

static int add_column_to(struct pg_sink *s, struct str table, struct str name,
                         const char *type, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "ALTER TABLE ");
    buf_add_str(&s->sql, table);
    buf_addz(&s->sql, " ADD COLUMN ");
    pg_ident(&s->sql, name);
    buf_addf(&s->sql, " %s", type);
    return pg_run_sql(s, "add a column to", e);
}

static int add_column(struct pg_sink *s, struct str name, const char *type,
                      struct err *e)
{
    if (!good_name(name))
        return err_set(e, ERR_CONFIG,
                       "column name '%.*s' is empty or longer than "
                       "PostgreSQL's 63 bytes",
                       STR_ARG(name));
    return add_column_to(s, buf_str(&s->qualified), name, type, e);
}

/* The column with the previous values of one that is tracked. */
static int add_previous(struct pg_sink *s, struct str name, const char *type,
                        struct err *e)
{
    char previous[80];
    if (previous_name(name, previous, e))
        return -1;
    if (table_find(&s->table, str_of(previous)))
        return 0;
    if (!s->base.spec->create)
        return err_set(e, ERR_CONFIG,
                       "table '%s' has no column '%s' (--create adds it)",
                       s->base.spec->table, previous);
    if (add_column(s, str_of(previous), type, e) ||
        (s->stage_made &&
         add_column_to(s, STR("_pipe_stage"), str_of(previous), type, e)))
        return -1;
    struct column *c =
        table_append(&s->table, s->base.spec, str_of(previous), type, e);
    if (!c)
        return -1;
    c->derived = true;
    return 0;
}

int pg_create_add(void *sink, struct str name, struct val v,
                  struct sink_refusal *why, struct err *e)
{
    struct pg_sink *s = sink;
    const char *type = type_for(v);
    if (s->base.spec->n_columns)
        return sink_refusef(why, "unknown_column", STR(""),
                            "neither the table nor the schema has a column "
                            "'%.*s'",
                            (int)(name.n < 200 ? name.n : 200), name.p);
    if (!type)
        return 2;
    if (!good_name(name))
        return sink_refusef(why, "column_name", STR(""),
                            "a column name can have 63 bytes at most");
    /* Rows that wait have no place for it. */
    if (pg_copy_flush(s, e) ||
        (is_tracked(s->base.spec, name) && add_previous(s, name, type, e)) ||
        add_column(s, name, type, e) ||
        (s->stage_made && add_column_to(s, STR("_pipe_stage"), name, type, e)))
        return -1;
    struct column *c = table_append(&s->table, s->base.spec, name, type, e);
    if (!c)
        return -1;
    pg_table_kind(c,
                  strcmp(type, "bigint") == 0    ? "int8"
                  : strcmp(type, "boolean") == 0 ? "bool"
                                                 : type,
                  -1, ' ');
    return 1;
}

int pg_create_widen(struct pg_sink *s, struct column *c, struct err *e)
{
    struct str name = str_of(c->name);
    if (pg_copy_flush(s, e) || pg_view_make_way(s, e))
        return -1;
    for (int staged = 0; staged <= (int)s->stage_made; staged++) {
        buf_reset(&s->sql);
        buf_addz(&s->sql, "ALTER TABLE ");
        buf_add_str(&s->sql,
                    staged ? STR("_pipe_stage") : buf_str(&s->qualified));
        buf_addz(&s->sql, " ALTER COLUMN ");
        pg_ident(&s->sql, name);
        buf_addz(&s->sql, " TYPE numeric");
        if (pg_run_sql(s, "widen a column of", e))
            return -1;
    }
    char *type = strdup("numeric");
    if (!type)
        return err_nomem(e);
    free(c->type);
    c->type = type;
    c->bounded = false;
    pg_table_kind(c, "numeric", -1, ' ');
    return 0;
}

/* ---- a new table ---- */

static bool is_key(const struct sink_spec *spec, struct str name)
{
    for (size_t i = 0; i < spec->n_keys; i++)
        if (str_eq(spec->keys[i], name))
            return true;
    return false;
}

struct making {
    struct pg_sink *s;
    struct buf seen; /* names so far, NUL around each */
    struct err *e;
    bool failed; /* e is filled */
};

/* One definition of CREATE TABLE, unless the name was there before. */
static void define_plain(struct making *m, struct str name, const char *type,
                         bool not_null)
{
    struct buf *seen = &m->seen, *sql = &m->s->sql;
    size_t from = seen->n;
    buf_addc(seen, '\0');
    buf_add_str(seen, name);
    buf_addc(seen, '\0');
    if (seen->failed)
        return;
    if (from && memmem(seen->p, from, seen->p + from, seen->n - from)) {
        seen->n = from;
        return;
    }
    buf_addz(sql, from ? ", " : "");
    pg_ident(sql, name);
    buf_addf(sql, " %s%s", type, not_null ? " NOT NULL" : "");
}

/* A column, and what a mode keeps beside it. */
static void define(struct making *m, struct str name, const char *type,
                   bool not_null)
{
    const struct sink_spec *spec = m->s->base.spec;
    char previous[80];
    if (scd2_is_ours(&m->s->table, spec, name))
        return; /* it has a type of its own */
    not_null |= spec->mode != SINK_APPEND && is_key(spec, name);
    define_plain(m, name, type, not_null);
    if (!is_tracked(spec, name))
        return;
    if (previous_name(name, previous, m->e))
        m->failed = true;
    else
        define_plain(m, str_of(previous), type, false);
}

/* The last of duplicate keys counts, also for the type. */
static void define_fields(struct making *m, struct str record)
{
    struct pg_sink *s = m->s;
    struct json_iter it = json_iter(record);
    struct str raw;
    struct val v;
    while (json_next(&it, &raw, &v)) {
        buf_reset(&s->text);
        if (json_unescape(&s->text, raw))
            return;
        struct str name = buf_str(&s->text);
        const char *type =
            good_name(name) ? type_for(json_get(json_val(record), name)) : NULL;
        if (type)
            define(m, name, type, false);
    }
}

static void define_declared(struct making *m)
{
    const struct sink_spec *spec = m->s->base.spec;
    char out[32];
    for (size_t i = 0; i < spec->n_columns && !m->failed; i++) {
        const struct sink_column *c = &spec->columns[i];
        bool null = c->types & 1u << JSON_NULL;
        if (!good_name(c->name)) {
            err_set(m->e, ERR_CONFIG,
                    "column name '%.*s' of the schema is empty or longer than "
                    "PostgreSQL's 63 bytes",
                    STR_ARG(c->name));
            m->failed = true;
        }
        define(m, c->name, type_declared(c, out), c->required && !null);
    }
}

/* Columns that the load fills. */
static void define_own(struct making *m)
{
    const struct sink_spec *spec = m->s->base.spec;
    if (spec->part_column.n && !spec->range_to.n)
        define(m, spec->part_column, type_for(json_val(m->s->table.part_json)),
               false);
    if (spec->mode == SINK_SCD2) {
        define_plain(m, spec->scd2_names[SINK_VALID_FROM], "timestamptz", true);
        define_plain(m, spec->scd2_names[SINK_VALID_TO], "timestamptz", false);
        define_plain(m, spec->scd2_names[SINK_IS_CURRENT], "boolean", true);
        define_plain(m, spec->scd2_names[SINK_ROW_HASH], "text", true);
    }
    for (size_t i = 0; i < spec->n_audit; i++)
        define_plain(m, spec->audit_names[i],
                     type_of_audit(spec->audit_names[i]), false);
    if (spec->latest_view)
        define_plain(m, STR(PG_ORDER), PG_ORDER_TYPE, false);
}

/* Keys are unique where the mode means it; delete-insert looks for rows by
 * key. */
static void define_key(struct pg_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    bool index = spec->mode == SINK_DELETE_INSERT;
    bool unique = spec->n_keys && spec->mode != SINK_APPEND && !index;
    if (unique) {
        buf_addz(&s->sql, ", PRIMARY KEY ");
        pg_table_add_keys(s);
    }
    buf_addc(&s->sql, ')');
    if (spec->mode == SINK_SCD2)
        pg_scd2_index(s);
    if (index) {
        buf_addz(&s->sql, "; CREATE INDEX ON ");
        buf_add_str(&s->sql, buf_str(&s->qualified));
        buf_addc(&s->sql, ' ');
        pg_table_add_keys(s);
    }
}

int pg_create(struct pg_sink *s, struct str record, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct making m = { .s = s, .e = e };
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TABLE ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addc(&s->sql, '(');
    if (spec->n_columns)
        define_declared(&m);
    else
        define_fields(&m, record);
    define_own(&m);
    bool none = m.seen.n == 0, lost = m.seen.failed || s->text.failed;
    buf_free(&m.seen);
    if (m.failed)
        return -1;
    if (lost)
        return err_nomem(e);
    if (none)
        return err_set(e, ERR_DATA,
                       "cannot create table '%s': the first record has no "
                       "field with a value",
                       spec->table);
    define_key(s);
    return pg_run_sql(s, "create", e) || pg_table_read(s, e) ? -1 : 0;
}

/* ---- a table that is there ---- */

/* A time in a date's column would lose its hours, and one that is none would
 * be refused row by row. */
static bool other_format(const struct column *c, const struct sink_column *d)
{
    const char *want = type_of_format(d->format);
    const char *have = c->type;
    if (strcmp(have, "timestamp with time zone") == 0)
        have = "timestamptz";
    return want && strcmp(have, want) != 0 &&
           (strcmp(have, "timestamptz") == 0 || strcmp(have, "date") == 0 ||
            strcmp(have, "uuid") == 0);
}

/* Does the column take what the schema declares? Numbers are widened. */
static int check_declared(struct pg_sink *s, struct column *c,
                          const struct sink_column *d, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    unsigned types = d->types & ~(1u << JSON_NULL | 1u << JSON_MISSING);
    /* A schema that says nothing of the types says nothing against one. */
    if (d->types == ~0u)
        return 0;
    if ((types & ~takes(c)) || other_format(c, d))
        return declared_clash(
            c, d, type_of_format(d->format) ? d->format : NULL, spec, e);
    bool wider =
        (c->kind == COLUMN_INTEGER && !d->integer) ||
        (c->kind == COLUMN_DECIMAL && c->bounded && d->places > (int)c->places);
    if (!wider)
        return 0;
    if (!spec->create)
        return err_set(e, ERR_CONFIG,
                       "column '%s' of table '%s' is %s, the schema says "
                       "number (--create widens it)",
                       c->name, spec->table, c->type);
    return pg_create_widen(s, c, e);
}

/* Columns of the schema and of the options that the table lacks. *added: there
 * were some. */
static int add_missing(struct pg_sink *s, bool *added, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    char out[32];
    for (size_t i = 0; i < spec->n_columns + spec->n_audit; i++) {
        bool declared = i < spec->n_columns;
        struct str name = declared ? spec->columns[i].name
                                   : spec->audit_names[i - spec->n_columns];
        if (table_find(&s->table, name))
            continue;
        if (!spec->create)
            return err_set(e, ERR_CONFIG,
                           "table '%s' has no column '%.*s'%s (--create adds "
                           "it)",
                           spec->table, STR_ARG(name),
                           declared ? " of the schema" : "");
        *added = true;
        if (add_column(s, name,
                       declared ? type_declared(&spec->columns[i], out)
                                : type_of_audit(name),
                       e))
            return -1;
    }
    return 0;
}

int pg_create_evolve(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    bool added = false;
    if (!s->table.exists)
        return spec->n_columns && spec->create ? pg_create(s, STR("{}"), e) : 0;
    for (size_t i = 0; i < spec->n_columns; i++) {
        struct column *c = table_find(&s->table, spec->columns[i].name);
        if (c && check_declared(s, c, &spec->columns[i], e))
            return -1;
    }
    if (add_missing(s, &added, e) || (added && pg_table_read(s, e)))
        return -1;
    for (size_t i = 0; spec->mode == SINK_SCD3 && i < spec->n_tracked; i++) {
        const struct column *c = table_find(&s->table, spec->tracked[i]);
        char type[128];
        if (!c)
            continue; /* it may come */
        snprintf(type, sizeof(type), "%s", c->type);
        if (add_previous(s, spec->tracked[i], type, e))
            return -1;
    }
    return spec->n_columns ? declared_drop_removed(&s->table, spec, e) : 0;
}
