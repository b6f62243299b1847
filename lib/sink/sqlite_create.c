#include "sink/sqlite.h"

#include "json/number.h"
#include "sink/declared.h"

#include <stdio.h>
#include <stdlib.h>

const char *sqlite_wanted_type(const struct sqlite_sink *s, struct str name,
                               char out[32])
{
    const struct sink_decimal *d = table_decimal(&s->table, s->base.spec, name);
    if (!d || d->text)
        return d ? "DECIMAL_TEXT" : NULL;
    snprintf(out, 32, "SCALEDINT(%u)", d->places);
    return out;
}

static const char *type_for(const struct sqlite_sink *s, struct str name,
                            struct val v, char out[32])
{
    const char *wanted = sqlite_wanted_type(s, name, out);
    if (wanted)
        return wanted;
    switch (v.type) {
    case JSON_STRING: return "TEXT";
    case JSON_TRUE:
    case JSON_FALSE: return "BOOLEAN";
    case JSON_NUMBER: return number_is_integer(v.raw) ? "INTEGER" : "REAL";
    case JSON_ARRAY:
    case JSON_OBJECT: return "JSON_TEXT";
    default: return ""; /* null: any type may follow */
    }
}

static const char *type_declared(const struct sqlite_sink *s,
                                 const struct sink_column *c, char out[32])
{
    const char *wanted = sqlite_wanted_type(s, c->name, out);
    unsigned types = c->types & ~(1u << JSON_NULL | 1u << JSON_MISSING);
    const unsigned trees = 1u << JSON_ARRAY | 1u << JSON_OBJECT;
    if (wanted)
        return wanted;
    if (types == 1u << JSON_STRING)
        return "TEXT";
    if (types == 1u << JSON_NUMBER)
        return c->integer ? "INTEGER" : "REAL";
    if (types && !(types & ~(1u << JSON_TRUE | 1u << JSON_FALSE)))
        return "BOOLEAN";
    return types && !(types & ~trees) ? "JSON_TEXT" : "";
}

static bool is_tracked(const struct sqlite_sink *s, struct str name)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; spec->mode == SINK_SCD3 && i < spec->n_tracked; i++)
        if (sqlite3_stricmp(spec->tracked[i].p, name.p) == 0)
            return true;
    return false;
}

static int previous_name(struct buf *out, struct str name)
{
    buf_reset(out);
    buf_addz(out, SINK_PREVIOUS);
    buf_add_str(out, name);
    return buf_z(out) ? 0 : -1;
}

/* ---- adding columns ---- */

static int alter(struct sqlite_sink *s, struct str name, const char *type,
                 struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "ALTER TABLE ");
    sqlite_add_table(s);
    buf_addz(&s->sql, " ADD COLUMN ");
    sqlite_quote(&s->sql, name);
    buf_addf(&s->sql, " %s", type);
    if (sqlite_run_sql(s, "add a column to the table in", e))
        return -1;
    sqlite_forget(s); /* statements for the narrower table */
    return sqlite_table_append(s, name, type, e);
}

/* The column with the previous values of one that is tracked. */
static int add_previous(struct sqlite_sink *s, struct str name,
                        const char *type, struct err *e)
{
    struct buf previous = { .max = 65536 };
    int r = previous_name(&previous, name) ? err_nomem(e) : 0;
    if (r == 0 && !table_find(&s->table, buf_str(&previous)))
        r = s->base.spec->create
                ? alter(s, buf_str(&previous), type, e)
                : err_set(e, ERR_CONFIG,
                          "table '%s' has no column '%s' (--create adds it)",
                          s->base.spec->table, previous.p);
    buf_free(&previous);
    return r;
}

int sqlite_add(void *sink, struct str name, struct val v,
               struct sink_refusal *why, struct err *e)
{
    struct sqlite_sink *s = sink;
    char out[32];
    if (s->base.spec->n_columns)
        return sink_refusef(why, "unknown_column", STR(""),
                            "neither the table nor the schema has a column "
                            "'%.*s'",
                            (int)(name.n < 200 ? name.n : 200), name.p);
    if (sqlite_many_flush(s, e)) /* into the narrower table */
        return -1;
    const char *type = type_for(s, name, v, out);
    /* NUL-terminated, and not in the text that moves. */
    char *copy = strndup(name.p, name.n);
    struct str own = { copy, name.n };
    int r = !copy ? err_nomem(e) : 0;
    if (r == 0 && is_tracked(s, own))
        r = add_previous(s, own, type, e);
    if (r == 0)
        r = alter(s, own, type, e);
    free(copy);
    return r ? -1 : 1;
}

/* ---- a new table ---- */

struct making {
    struct sqlite_sink *s;
    struct buf seen; /* names so far, in lower case, NUL around each */
    bool first;
};

/* True if the name is new. */
static bool note_name(struct making *m, struct str name)
{
    size_t from = m->seen.n;
    buf_addc(&m->seen, '\0');
    for (size_t i = 0; i < name.n; i++)
        buf_addc(&m->seen, name.p[i] >= 'A' && name.p[i] <= 'Z'
                               ? (char)(name.p[i] + 32)
                               : name.p[i]);
    buf_addc(&m->seen, '\0');
    size_t n = m->seen.n - from;
    if (m->seen.failed || !from ||
        !memmem(m->seen.p, from, m->seen.p + from, n))
        return true;
    m->seen.n = from;
    return false;
}

static void define_plain(struct making *m, struct str name, const char *type,
                         bool not_null)
{
    struct buf *b = &m->s->sql;
    if (!note_name(m, name))
        return;
    buf_addz(b, m->first ? "" : ", ");
    m->first = false;
    sqlite_quote(b, name);
    buf_addf(b, " %s%s", type, not_null ? " NOT NULL" : "");
}

/* A column, and what a mode keeps beside it. name is NUL-terminated. */
static void define(struct making *m, struct str name, const char *type,
                   bool not_null)
{
    const struct sink_spec *spec = m->s->base.spec;
    for (size_t i = 0; spec->mode != SINK_APPEND && i < spec->n_keys; i++)
        not_null |= str_eq(spec->keys[i], name);
    define_plain(m, name, type, not_null);
    if (!is_tracked(m->s, name))
        return;
    struct buf previous = { .max = 65536 };
    if (previous_name(&previous, name) == 0)
        define_plain(m, buf_str(&previous), type, false);
    else
        m->seen.failed = true;
    buf_free(&previous);
}

static void define_fields(struct making *m, struct str record)
{
    struct sqlite_sink *s = m->s;
    struct json_iter it = json_iter(record);
    struct str raw;
    struct val v;
    char out[32];
    while (json_next(&it, &raw, &v)) {
        buf_reset(&s->text);
        /* Names that cannot be one, and repeats: the row's business. */
        if (json_unescape(&s->text, raw) || !buf_z(&s->text))
            break;
        struct str name = buf_str(&s->text);
        if (name.n && !memchr(name.p, '\0', name.n))
            define(m, name, type_for(s, name, v, out), false);
    }
}

static void define_declared(struct making *m)
{
    const struct sink_spec *spec = m->s->base.spec;
    char out[32];
    for (size_t i = 0; i < spec->n_columns; i++) {
        const struct sink_column *c = &spec->columns[i];
        bool null = c->types & 1u << JSON_NULL;
        define(m, c->name, type_declared(m->s, c, out), c->required && !null);
    }
}

/* Columns that the load fills. */
static void define_own(struct making *m)
{
    const struct sink_spec *spec = m->s->base.spec;
    struct sqlite_sink *s = m->s;
    char out[32];
    if (spec->part_column.n && !spec->range_to.n) {
        struct val v = json_val(s->table.part_json);
        define(m, spec->part_column, type_for(s, spec->part_column, v, out),
               false);
    }
    if (spec->mode == SINK_SCD2) {
        define_plain(m, spec->scd2_names[SINK_VALID_FROM], "TEXT", true);
        define_plain(m, spec->scd2_names[SINK_VALID_TO], "TEXT", false);
        define_plain(m, spec->scd2_names[SINK_IS_CURRENT], "BOOLEAN", true);
        define_plain(m, spec->scd2_names[SINK_ROW_HASH], "TEXT", true);
    }
    for (size_t i = 0; i < spec->n_audit; i++)
        define_plain(m, spec->audit_names[i], "TEXT", false);
}

/* Keys are unique where the mode means it. */
static void define_key(struct sqlite_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    if (spec->n_keys && spec->mode != SINK_DELETE_INSERT &&
        spec->mode != SINK_APPEND) {
        buf_addz(&s->sql, ", PRIMARY KEY(");
        sqlite_add_keys(s, "", "", ", ");
        if (spec->mode == SINK_SCD2) {
            buf_addz(&s->sql, ", ");
            sqlite_quote(&s->sql, spec->scd2_names[SINK_VALID_FROM]);
        }
        buf_addc(&s->sql, ')');
    }
    buf_addc(&s->sql, ')');
    if (spec->mode != SINK_DELETE_INSERT)
        return;
    /* delete-insert looks for rows by key. */
    buf_addz(&s->sql, "; CREATE INDEX IF NOT EXISTS ");
    struct buf name = { .max = 65536 };
    buf_add_str(&name, buf_str(&s->name));
    buf_addz(&name, "_by_key");
    sqlite_quote(&s->sql, buf_str(&name));
    s->sql.failed |= name.failed;
    buf_free(&name);
    buf_addz(&s->sql, " ON ");
    sqlite_add_table(s);
    buf_addc(&s->sql, '(');
    sqlite_add_keys(s, "", "", ", ");
    buf_addc(&s->sql, ')');
}

/* Later fields are added as they come. */
int sqlite_create(struct sqlite_sink *s, struct str record, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct making m = { .s = s, .first = true };
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TABLE ");
    sqlite_add_table(s);
    buf_addc(&s->sql, '(');
    if (spec->n_columns)
        define_declared(&m);
    else
        define_fields(&m, record);
    bool none = m.first;
    define_own(&m);
    bool lost = m.seen.failed || s->text.failed;
    buf_free(&m.seen);
    if (none && m.first)
        return err_set(e, ERR_DATA,
                       "cannot create table '%s': the first record has no "
                       "field",
                       spec->table);
    define_key(s);
    if (lost)
        return err_nomem(e);
    if (sqlite_run_sql(s, "create the table in", e))
        return -1;
    return sqlite_table_read(s, e);
}

/* ---- a table that is there ---- */

/* Does the column take what the schema declares? */
static int check_declared(struct sqlite_sink *s, const struct column *c,
                          const struct sink_column *d, struct err *e)
{
    unsigned types = d->types & ~(1u << JSON_NULL | 1u << JSON_MISSING);
    /* A schema that says nothing of the types says nothing against one. */
    if (d->types == ~0u || !(types & ~sqlite_column_takes(c)))
        return 0;
    return declared_clash(c, d, NULL, s->base.spec, e);
}

static int meet_declared(struct sqlite_sink *s, const struct sink_column *d,
                         struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    const struct column *c = table_find(&s->table, d->name);
    char out[32];
    if (c)
        return check_declared(s, c, d, e);
    if (!spec->create)
        return err_set(e, ERR_CONFIG,
                       "table '%s' has no column '%.*s' of the schema "
                       "(--create adds it)",
                       spec->table, STR_ARG(d->name));
    return alter(s, d->name, type_declared(s, d, out), e);
}

static int meet_options(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_audit; i++) {
        if (table_find(&s->table, spec->audit_names[i]))
            continue;
        if (!spec->create)
            return err_set(e, ERR_CONFIG,
                           "table '%s' has no column '%s' (--create adds it)",
                           spec->table, spec->audit_names[i].p);
        if (alter(s, spec->audit_names[i], "TEXT", e))
            return -1;
    }
    for (size_t i = 0; spec->mode == SINK_SCD3 && i < spec->n_tracked; i++) {
        const struct column *c = table_find(&s->table, spec->tracked[i]);
        if (!c)
            continue; /* it may come: checked at the end */
        char type[128];
        snprintf(type, sizeof(type), "%s", c->type);
        if (add_previous(s, spec->tracked[i], type, e))
            return -1;
    }
    return 0;
}

int sqlite_evolve(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (!s->table.exists)
        return spec->n_columns && spec->create ? sqlite_create(s, STR("{}"), e)
                                               : 0;
    for (size_t i = 0; i < spec->n_columns; i++)
        if (meet_declared(s, &spec->columns[i], e))
            return -1;
    if (spec->n_columns && declared_drop_removed(&s->table, spec, e))
        return -1;
    return meet_options(s, e);
}
