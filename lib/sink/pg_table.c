#include "sink/pg.h"

#include "json/number.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

/* What a type takes, by its name in the catalogue. */
static void set_kind(struct column *c, const char *type, int modifier,
                     char category)
{
    static const struct {
        const char *name;
        enum column_kind kind;
        unsigned bytes, precision;
    } known[] = {
        { "int8", COLUMN_INTEGER, 8, 0 }, { "int4", COLUMN_INTEGER, 4, 0 },
        { "int2", COLUMN_INTEGER, 2, 0 }, { "numeric", COLUMN_DECIMAL, 0, 0 },
        { "float8", COLUMN_REAL, 8, 15 }, { "float4", COLUMN_REAL, 4, 6 },
        { "bool", COLUMN_BOOLEAN, 0, 0 }, { "text", COLUMN_TEXT, 0, 0 },
        { "varchar", COLUMN_TEXT, 0, 0 }, { "bpchar", COLUMN_TEXT, 0, 0 },
        { "name", COLUMN_TEXT, 0, 0 },    { "citext", COLUMN_TEXT, 0, 0 },
        { "jsonb", COLUMN_JSON, 0, 0 },   { "json", COLUMN_JSON, 0, 0 },
        { "bytea", COLUMN_BYTES, 0, 0 },
    };
    c->kind = category == 'A' ? COLUMN_ARRAY : COLUMN_PARSED;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(type, known[i].name) == 0) {
            c->kind = known[i].kind;
            c->bytes = known[i].bytes;
            c->precision = known[i].precision;
        }
    /* numeric(precision, scale): the scale has 11 bits and a sign. */
    if (c->kind == COLUMN_DECIMAL && modifier >= 4) {
        int scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
        c->bounded = scale >= 0;
        c->places = scale >= 0 ? (unsigned)scale : 0;
        c->precision = (unsigned)(modifier - 4) >> 16;
    }
}

static int append_row(struct pg_sink *s, const PGresult *r, int row,
                      struct err *e)
{
    struct column *c =
        table_append(&s->table, s->base.spec, str_of(PQgetvalue(r, row, 0)),
                     PQgetvalue(r, row, 1), e);
    if (!c)
        return -1;
    set_kind(c, PQgetvalue(r, row, 2), atoi(PQgetvalue(r, row, 3)),
             *PQgetvalue(r, row, 4));
    c->derived = *PQgetvalue(r, row, 5) == 't';
    return 0;
}

static int read_columns(struct pg_sink *s, struct err *e)
{
    /* A domain takes what its type takes. */
    buf_reset(&s->sql);
    buf_addz(&s->sql,
             "WITH RECURSIVE c AS (SELECT attnum, attname, atttypid AS type,"
             " atttypmod AS modifier, format_type(atttypid, atttypmod) AS"
             " shown, attgenerated <> '' OR attidentity = 'a' AS derived"
             " FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
             " AND attrelid = to_regclass(");
    pg_literal(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql,
             ")), t AS (SELECT c.*, typname, typcategory, typtype,"
             " typbasetype, typtypmod FROM c JOIN pg_type ON oid = type"
             " UNION ALL SELECT t.attnum, t.attname, t.typbasetype, CASE WHEN"
             " t.typtypmod >= 0 THEN t.typtypmod ELSE t.modifier END,"
             " t.shown, t.derived, p.typname, p.typcategory, p.typtype,"
             " p.typbasetype, p.typtypmod FROM t JOIN pg_type p"
             " ON p.oid = t.typbasetype WHERE t.typtype = 'd')"
             " SELECT attname, shown, typname, modifier, typcategory, derived"
             " FROM t WHERE typtype <> 'd' ORDER BY attnum");
    PGresult *r = pg_query(s, "read the columns of", e);
    int done = r ? 0 : -1;
    for (int i = 0; done == 0 && i < PQntuples(r); i++)
        done = append_row(s, r, i, e);
    PQclear(r);
    s->table.exists = done == 0 && s->table.n > 0;
    return done;
}

static void add_keys(struct pg_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->sql, i ? ", " : "(");
        pg_ident(&s->sql, spec->keys[i]);
    }
    buf_addc(&s->sql, ')');
}

static bool wants_unique(enum sink_mode m)
{
    return m == SINK_INSERT || m == SINK_UPSERT || m == SINK_SCD3 ||
           m == SINK_CDC;
}

/* The server tells whether there is an index that makes the key unique, when
 * it plans a statement that needs one. */
static int check_unique(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct err lost = { 0 };
    if (!spec->n_keys || !wants_unique(spec->mode))
        return 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SAVEPOINT _pipe_unique; EXPLAIN INSERT INTO ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    add_keys(s);
    buf_addz(&s->sql, " SELECT ");
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->sql, i ? ", " : "");
        pg_ident(&s->sql, spec->keys[i]);
    }
    buf_addz(&s->sql, " FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " ON CONFLICT ");
    add_keys(s);
    buf_addz(&s->sql, " DO NOTHING");
    PGresult *r = pg_query(s, "look for the key of", &lost);
    bool found = r != NULL;
    PQclear(r);
    if (s->dead) {
        *e = lost;
        return -1;
    }
    if (pg_run(s, "ROLLBACK TO SAVEPOINT _pipe_unique", "read", e))
        return -1;
    if (found)
        return 0;
    buf_reset(&s->sql);
    add_keys(s);
    return err_set(e, ERR_CONFIG,
                   "table '%s' has no primary key or unique index on %s: mode "
                   "%s needs one",
                   spec->table, buf_z(&s->sql) ? s->sql.p : "the key",
                   spec->mode_name);
}

int pg_table_read(struct pg_sink *s, struct err *e)
{
    table_clear(&s->table);
    if (read_columns(s, e) ||
        (s->table.exists && table_check_keys(&s->table, s->base.spec, e)))
        return -1;
    return s->table.exists && s->begun ? check_unique(s, e) : 0;
}

/* ---- creating and changing ---- */

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

static bool good_name(struct str name)
{
    return name.n > 0 && name.n < 64 && !memchr(name.p, '\0', name.n);
}

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

int pg_table_add(void *sink, struct str name, struct val v,
                 struct sink_refusal *why, struct err *e)
{
    struct pg_sink *s = sink;
    const char *type = type_for(v);
    if (!type)
        return 2;
    if (!good_name(name))
        return sink_refusef(why, "column_name", STR(""),
                            "a column name can have 63 bytes at most");
    /* Rows that wait have no place for it. */
    if (pg_copy_flush(s, e) ||
        add_column_to(s, buf_str(&s->qualified), name, type, e) ||
        (s->stage_made && add_column_to(s, STR("_pipe_stage"), name, type, e)))
        return -1;
    struct column *c = table_append(&s->table, s->base.spec, name, type, e);
    if (!c)
        return -1;
    set_kind(c,
             strcmp(type, "bigint") == 0    ? "int8"
             : strcmp(type, "boolean") == 0 ? "bool"
                                            : type,
             -1, ' ');
    return 1;
}

int pg_table_widen(struct pg_sink *s, struct column *c, struct err *e)
{
    struct str name = str_of(c->name);
    if (pg_copy_flush(s, e))
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
    set_kind(c, "numeric", -1, ' ');
    return 0;
}

static bool is_key(const struct sink_spec *spec, struct str name)
{
    for (size_t i = 0; i < spec->n_keys; i++)
        if (str_eq(spec->keys[i], name))
            return true;
    return false;
}

/* One definition of CREATE TABLE, unless the name was there before. */
static void add_definition(struct pg_sink *s, struct buf *seen, struct str name,
                           const char *type)
{
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
    buf_addz(&s->sql, from ? ", " : "");
    pg_ident(&s->sql, name);
    buf_addf(&s->sql, " %s%s", type,
             is_key(s->base.spec, name) ? " NOT NULL" : "");
}

/* The last of duplicate keys counts, also for the type. */
static void add_definitions(struct pg_sink *s, struct buf *seen,
                            struct str record)
{
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
            add_definition(s, seen, name, type);
    }
}

/* The table as the first record shows it. Later fields are added as they
 * come. */
int pg_table_create(struct pg_sink *s, struct str record, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf seen = { 0 };
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TABLE ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addc(&s->sql, '(');
    add_definitions(s, &seen, record);
    if (spec->part_column.n && !spec->range_to.n)
        add_definition(s, &seen, spec->part_column,
                       type_for(json_val(s->table.part_json)));
    for (size_t i = 0; i < spec->n_audit; i++)
        add_definition(s, &seen, spec->audit_names[i],
                       str_eq(spec->audit_names[i], STR("_loaded_at"))
                           ? "timestamptz"
                           : "text");
    bool none = seen.n == 0, lost = seen.failed || s->text.failed;
    buf_free(&seen);
    if (lost)
        return err_nomem(e);
    if (none)
        return err_set(e, ERR_DATA,
                       "cannot create table '%s': the first record has no "
                       "field with a value",
                       spec->table);
    if (spec->n_keys && spec->mode != SINK_DELETE_INSERT) {
        buf_addz(&s->sql, ", PRIMARY KEY ");
        add_keys(s);
    }
    buf_addc(&s->sql, ')');
    return pg_run_sql(s, "create", e) || pg_table_read(s, e) ? -1 : 0;
}
