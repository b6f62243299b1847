#include "sink/sqlite.h"

#include "json/number.h"

#include <stdio.h>
#include <stdlib.h>

static bool contains(const char *type, const char *word)
{
    size_t n = strlen(word);
    for (; *type; type++)
        if (sqlite3_strnicmp(type, word, (int)n) == 0)
            return true;
    return false;
}

/* The affinity rules of SQLite (Datatypes, section 3.1), ours before them. */
static void set_kind(struct column *c)
{
    const char *t = c->type;
    if (sqlite3_strnicmp(t, "SCALEDINT(", 10) == 0) {
        c->kind = COLUMN_SCALED;
        c->places = (unsigned)strtoul(t + 10, NULL, 10);
    } else if (sqlite3_stricmp(t, "DECIMAL_TEXT") == 0) {
        c->kind = COLUMN_DECIMAL;
    } else if (sqlite3_stricmp(t, "JSON_TEXT") == 0) {
        c->kind = COLUMN_JSON;
    } else if (contains(t, "INT")) {
        c->kind = COLUMN_INTEGER;
    } else if (contains(t, "CHAR") || contains(t, "CLOB") ||
               contains(t, "TEXT")) {
        c->kind = COLUMN_TEXT;
    } else if (!*t || contains(t, "BLOB")) {
        c->kind = COLUMN_ANY;
    } else if (contains(t, "REAL") || contains(t, "FLOA") ||
               contains(t, "DOUB")) {
        c->kind = COLUMN_REAL;
    } else if (contains(t, "BOOL")) {
        c->kind = COLUMN_BOOLEAN;
    } else {
        c->kind = COLUMN_NUMERIC;
    }
}

static int append_column(struct sqlite_sink *s, struct str name,
                         const char *type, struct err *e)
{
    struct column *c = table_append(&s->table, s->base.spec, name, type, e);
    if (c)
        set_kind(c);
    return c ? 0 : -1;
}

static int read_columns(struct sqlite_sink *s, struct err *e)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(s->db, "SELECT name, type FROM pragma_table_info(?)",
                           -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "read");
    sqlite3_bind_text(stmt, 1, s->base.spec->table, -1, SQLITE_STATIC);
    int step, r = 0;
    while (r == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        if (!name)
            r = err_nomem(e);
        else
            r = append_column(s, str_of(name), type ? type : "", e);
    }
    if (r == 0 && step != SQLITE_DONE)
        r = sqlite_fail(s, e, "read");
    sqlite3_finalize(stmt);
    s->table.exists = s->table.n > 0;
    return r;
}

/* The type that keeps numbers of a column as --decimal wants; NULL: default. */
static const char *wanted_type(const struct sqlite_sink *s, struct str name,
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
    const char *wanted = wanted_type(s, name, out);
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

/* An upsert needs an index that makes the key unique: SQLite tells when it
 * prepares one. */
static int check_unique(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf keys = { .max = 65536 };
    sqlite3_stmt *stmt = NULL;
    if (spec->n_keys == 0)
        return 0;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&keys, i ? ", " : "");
        sqlite_quote(&keys, spec->keys[i]);
    }
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO ");
    sqlite_quote(&s->sql, str_of(spec->table));
    buf_addf(&s->sql, "(%.*s) VALUES(", STR_ARG(buf_str(&keys)));
    for (size_t i = 0; i < spec->n_keys; i++)
        buf_addz(&s->sql, i ? ", ?" : "?");
    buf_addf(&s->sql, ") ON CONFLICT(%.*s", STR_ARG(buf_str(&keys)));
    buf_addz(&s->sql, ") DO NOTHING");
    const char *sql = buf_z(&s->sql);
    int r = 0;
    if (!sql || !buf_z(&keys))
        r = err_nomem(e);
    else if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        r = err_set(e, ERR_CONFIG,
                    "table '%s' has no primary key or unique index on (%s): "
                    "an upsert needs one",
                    spec->table, keys.p);
    sqlite3_finalize(stmt);
    buf_free(&keys);
    return r;
}

int sqlite_table_check_decimals(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; s->table.exists && i < spec->n_decimals; i++)
        if (!table_find(&s->table, spec->decimals[i].column))
            return err_set(e, ERR_CONFIG,
                           "option --decimal: table '%s' has no column '%.*s'",
                           spec->table, STR_ARG(spec->decimals[i].column));
    return 0;
}

static int check(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (table_check_keys(&s->table, spec, e))
        return -1;
    if (check_unique(s, e))
        return -1;
    for (size_t i = 0; i < spec->n_decimals; i++) {
        char type[32];
        struct column *c = table_find(&s->table, spec->decimals[i].column);
        const char *want = wanted_type(s, spec->decimals[i].column, type);
        if (c && sqlite3_stricmp(c->type, want) != 0)
            return err_set(e, ERR_CONFIG,
                           "column '%s' of table '%s' is %s, --decimal wants "
                           "%s",
                           c->name, spec->table, *c->type ? c->type : "untyped",
                           want);
    }
    return 0;
}

int sqlite_table_read(struct sqlite_sink *s, struct err *e)
{
    table_clear(&s->table);
    return read_columns(s, e) || (s->table.exists && check(s, e)) ? -1 : 0;
}

int sqlite_table_add(void *sink, struct str name, struct val v,
                     struct sink_refusal *why, struct err *e)
{
    struct sqlite_sink *s = sink;
    char out[32];
    const char *type = type_for(s, name, v, out);
    (void)why;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "ALTER TABLE ");
    sqlite_quote(&s->sql, str_of(s->base.spec->table));
    buf_addz(&s->sql, " ADD COLUMN ");
    sqlite_quote(&s->sql, name);
    buf_addf(&s->sql, " %s", type);
    if (sqlite_run_sql(s, "add a column to the table in", e))
        return -1;
    sqlite_row_free(s); /* statements for the narrower table */
    return append_column(s, name, type, e) ? -1 : 1;
}

/* One definition of CREATE TABLE. */
static void add_definition(struct sqlite_sink *s, struct str name,
                           const char *type, bool *first)
{
    buf_addz(&s->sql, *first ? "" : ", ");
    *first = false;
    sqlite_quote(&s->sql, name);
    buf_addf(&s->sql, " %s", type);
    for (size_t i = 0; i < s->base.spec->n_keys; i++)
        if (str_eq(s->base.spec->keys[i], name))
            buf_addz(&s->sql, " NOT NULL");
}

/* The table as the first record shows it. Later fields are added as they
 * come. */
int sqlite_table_create(struct sqlite_sink *s, struct str record, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct json_iter it = json_iter(record);
    struct str raw;
    struct val v;
    bool first = true;
    bool has_part = spec->part_column.n == 0;
    struct buf seen = { 0 };
    char out[32];
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TABLE ");
    sqlite_quote(&s->sql, str_of(spec->table));
    buf_addc(&s->sql, '(');
    while (json_next(&it, &raw, &v)) {
        buf_reset(&s->text);
        if (json_unescape(&s->text, raw))
            break;
        struct str name = buf_str(&s->text);
        /* Names that cannot be one, and repeats: the row's business. */
        if (name.n == 0 || memchr(name.p, '\0', name.n))
            continue;
        size_t from = seen.n;
        buf_addc(&seen, '\0');
        for (size_t i = 0; i < name.n; i++)
            buf_addc(&seen, name.p[i] >= 'A' && name.p[i] <= 'Z'
                                ? (char)(name.p[i] + 32)
                                : name.p[i]);
        buf_addc(&seen, '\0');
        if (seen.failed)
            break;
        size_t n = seen.n - from;
        if (from && memmem(seen.p, from, seen.p + from, n)) {
            seen.n = from;
            continue;
        }
        has_part |= str_eq(name, spec->part_column);
        add_definition(s, name, type_for(s, name, v, out), &first);
    }
    bool lost = seen.failed || s->text.failed;
    buf_free(&seen);
    if (!has_part)
        add_definition(
            s, spec->part_column,
            type_for(s, spec->part_column, json_val(s->table.part_json), out),
            &first);
    if (first)
        return err_set(e, ERR_DATA,
                       "cannot create table '%s': the first record has no "
                       "field",
                       spec->table);
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->sql, i ? ", " : ", PRIMARY KEY(");
        sqlite_quote(&s->sql, spec->keys[i]);
    }
    buf_addz(&s->sql, spec->n_keys ? "))" : ")");
    if (lost)
        return err_nomem(e);
    if (sqlite_run_sql(s, "create the table in", e))
        return -1;
    return sqlite_table_read(s, e);
}
