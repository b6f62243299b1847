#include "sink/scd2.h"
#include "sink/sqlite.h"

#include <stdlib.h>

/* Of pragma_table_xinfo's column "hidden". */
#define GENERATED_FROM 2

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

unsigned sqlite_column_takes(const struct column *c)
{
    const unsigned booleans = 1u << JSON_TRUE | 1u << JSON_FALSE;
    const unsigned trees = 1u << JSON_ARRAY | 1u << JSON_OBJECT;
    const unsigned number = 1u << JSON_NUMBER, string = 1u << JSON_STRING;
    switch (c->kind) {
    case COLUMN_INTEGER: return booleans | number;
    case COLUMN_REAL:
    case COLUMN_DECIMAL:
    case COLUMN_SCALED: return number;
    case COLUMN_NUMERIC: return booleans | number | string;
    case COLUMN_BOOLEAN: return booleans;
    case COLUMN_TEXT: return string | trees;
    case COLUMN_JSON: return trees;
    default: return ~0u;
    }
}

/* ---- reading ---- */

/* Does the load fill it, and no field? */
static bool is_ours(const struct sqlite_sink *s, const char *name)
{
    const struct sink_spec *spec = s->base.spec;
    size_t skip = strlen(SINK_PREVIOUS);
    if (scd2_is_ours(&s->table, spec, str_of(name)))
        return true;
    if (spec->mode != SINK_SCD3 ||
        sqlite3_strnicmp(name, SINK_PREVIOUS, (int)skip) != 0)
        return false;
    for (size_t i = 0; i < spec->n_tracked; i++)
        if (sqlite3_stricmp(name + skip, spec->tracked[i].p) == 0)
            return true;
    return false;
}

int sqlite_table_append(struct sqlite_sink *s, struct str name,
                        const char *type, struct err *e)
{
    struct column *c = table_append(&s->table, s->base.spec, name, type, e);
    if (!c)
        return -1;
    set_kind(c);
    c->derived = is_ours(s, c->name);
    return 0;
}

static int read_columns(struct sqlite_sink *s, struct err *e)
{
    sqlite3_stmt *stmt;
    const char *table = buf_z(&s->name);
    if (!table)
        return err_nomem(e);
    if (sqlite3_prepare_v2(s->db,
                           "SELECT name, type, hidden FROM "
                           "pragma_table_xinfo(?)",
                           -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "read");
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    int step, r = 0;
    while (r == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        if (!name)
            r = err_nomem(e);
        else
            r = sqlite_table_append(s, str_of(name), type ? type : "", e);
        if (r == 0 && sqlite3_column_int(stmt, 2) >= GENERATED_FROM)
            s->table.v[s->table.n - 1].derived = true;
    }
    if (r == 0 && step != SQLITE_DONE)
        r = sqlite_fail(s, e, "read");
    sqlite3_finalize(stmt);
    s->table.exists = s->table.n > 0;
    return r;
}

/* ---- checking ---- */

/* "a", "b" */
static void add_unique(struct sqlite_sink *s)
{
    const struct sink_spec *spec = s->base.spec;
    sqlite_add_keys(s, "", "", ", ");
    if (spec->mode == SINK_SCD2) {
        buf_addz(&s->sql, ", ");
        sqlite_quote(&s->sql, spec->scd2_names[SINK_VALID_FROM]);
    }
}

/* An upsert needs an index that makes the key unique: SQLite tells when it
 * prepares one. */
static int check_unique(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    sqlite3_stmt *stmt = NULL;
    enum sink_mode m = spec->mode;
    if (m != SINK_INSERT && m != SINK_UPSERT && m != SINK_SCD2 &&
        m != SINK_SCD3 && m != SINK_CDC)
        return 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO ");
    sqlite_add_table(s);
    buf_addc(&s->sql, '(');
    add_unique(s);
    buf_addz(&s->sql, m == SINK_SCD2 ? ") VALUES(?" : ") VALUES(");
    for (size_t i = 0; i < spec->n_keys; i++)
        buf_addz(&s->sql, i || m == SINK_SCD2 ? ", ?" : "?");
    buf_addz(&s->sql, ") ON CONFLICT(");
    add_unique(s);
    buf_addz(&s->sql, ") DO NOTHING");
    const char *sql = buf_z(&s->sql);
    if (!sql)
        return err_nomem(e);
    int code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    sqlite3_finalize(stmt);
    if (code == SQLITE_OK)
        return 0;
    buf_reset(&s->sql);
    add_unique(s);
    const char *keys = buf_z(&s->sql);
    return !keys ? err_nomem(e)
                 : err_set(e, ERR_CONFIG,
                           "table '%s' has no primary key or unique index on "
                           "(%s): mode %s needs one",
                           spec->table, keys, spec->mode_name);
}

static int check_decimals(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_decimals; i++) {
        char type[32];
        struct column *c = table_find(&s->table, spec->decimals[i].column);
        const char *want =
            sqlite_wanted_type(s, spec->decimals[i].column, type);
        if (c && sqlite3_stricmp(c->type, want) != 0)
            return err_set(e, ERR_CONFIG,
                           "column '%s' of table '%s' is %s, --decimal wants "
                           "%s",
                           c->name, spec->table, *c->type ? c->type : "untyped",
                           want);
    }
    return 0;
}

static int check(struct sqlite_sink *s, struct err *e)
{
    return table_check_keys(&s->table, s->base.spec, e) ||
                   (s->base.spec->mode == SINK_SCD2 &&
                    sqlite_scd2_check(s, e)) ||
                   check_unique(s, e) || check_decimals(s, e)
               ? -1
               : 0;
}

int sqlite_table_read(struct sqlite_sink *s, struct err *e)
{
    sqlite_forget(s);
    table_clear(&s->table);
    return read_columns(s, e) || (s->table.exists && check(s, e)) ? -1 : 0;
}

static int missing(struct sqlite_sink *s, const char *option, struct str name,
                   struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "option --%s: table '%s' has no column '%.*s'", option,
                   s->base.spec->table, STR_ARG(name));
}

int sqlite_table_check_end(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (!s->table.exists)
        return 0;
    for (size_t i = 0; i < spec->n_decimals; i++)
        if (!table_find(&s->table, spec->decimals[i].column))
            return missing(s, "decimal", spec->decimals[i].column, e);
    for (size_t i = 0; i < spec->n_tracked; i++)
        if (!table_find(&s->table, spec->tracked[i]))
            return missing(s, "track", spec->tracked[i], e);
    return 0;
}
