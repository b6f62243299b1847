#include "sink/pg.h"

#include <stdlib.h>

/* ---- reading ---- */

/* What a type takes, by its name in the catalogue. */
void pg_table_kind(struct column *c, const char *type, int modifier,
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

/* Does the load fill it, and no field? */
static bool is_ours(const struct sink_spec *spec, struct str name)
{
    const size_t skip = strlen(SINK_PREVIOUS);
    if (str_eq(name, STR(PG_ORDER)))
        return true;
    if (spec->mode != SINK_SCD3 || name.n <= skip ||
        memcmp(name.p, SINK_PREVIOUS, skip) != 0)
        return false;
    name = (struct str){ name.p + skip, name.n - skip };
    for (size_t i = 0; i < spec->n_tracked; i++)
        if (str_eq(spec->tracked[i], name))
            return true;
    return false;
}

static int append_row(struct pg_sink *s, const PGresult *r, int row,
                      struct err *e)
{
    struct column *c =
        table_append(&s->table, s->base.spec, str_of(PQgetvalue(r, row, 0)),
                     PQgetvalue(r, row, 1), e);
    if (!c)
        return -1;
    pg_table_kind(c, PQgetvalue(r, row, 2), atoi(PQgetvalue(r, row, 3)),
                  *PQgetvalue(r, row, 4));
    c->derived =
        *PQgetvalue(r, row, 5) == 't' || is_ours(s->base.spec, str_of(c->name));
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

void pg_table_add_keys(struct pg_sink *s)
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
    pg_table_add_keys(s);
    buf_addz(&s->sql, " SELECT ");
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->sql, i ? ", " : "");
        pg_ident(&s->sql, spec->keys[i]);
    }
    buf_addz(&s->sql, " FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " ON CONFLICT ");
    pg_table_add_keys(s);
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
    pg_table_add_keys(s);
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
