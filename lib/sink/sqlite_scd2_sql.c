/* The statements that keep versions of rows. */
#include "sink/scd2.h"
#include "sink/sqlite.h"

void sqlite_scd2_add(struct sqlite_sink *s, enum sink_scd2_column c,
                     const char *after)
{
    sqlite_quote(&s->sql, s->base.spec->scd2_names[c]);
    buf_addz(&s->sql, after);
}

/* WHERE the key, from its first parameter on. */
static void add_where(struct sqlite_sink *s, int first)
{
    const struct sink_spec *spec = s->base.spec;
    buf_addz(&s->sql, " WHERE ");
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->sql, i ? " AND " : "");
        sqlite_quote(&s->sql, spec->keys[i]);
        buf_addf(&s->sql, " = ?%d", first + (int)i);
    }
}

static void write_select(struct sqlite_sink *s, enum scd2_stmt which)
{
    int n = (int)s->base.spec->n_keys;
    buf_addz(&s->sql, "SELECT ");
    sqlite_scd2_add(s, SINK_VALID_FROM, ", ");
    sqlite_scd2_add(s, SINK_VALID_TO, ", ");
    sqlite_scd2_add(s, SINK_ROW_HASH, " FROM ");
    sqlite_add_table(s);
    add_where(s, 1);
    if (which != SCD2_LAST) {
        buf_addz(&s->sql, " AND ");
        sqlite_scd2_add(s, SINK_VALID_FROM, which == SCD2_AT ? " <= " : " > ");
        buf_addf(&s->sql, "?%d", n + 1);
    }
    buf_addz(&s->sql, " ORDER BY ");
    sqlite_scd2_add(s, SINK_VALID_FROM,
                    which == SCD2_NEXT ? " LIMIT 1" : " DESC LIMIT 1");
}

/* Parameters: the fields, then valid_from, valid_to, is_current, row_hash. */
static void write_insert(struct sqlite_sink *s)
{
    int n = SINK_SCD2_COLUMNS;
    buf_addz(&s->sql, "INSERT INTO ");
    sqlite_add_table(s);
    buf_addc(&s->sql, '(');
    for (size_t i = 0; i < s->table.n; i++) {
        if (!scd2_is_field(&s->table.v[i]))
            continue;
        sqlite_quote(&s->sql, str_of(s->table.v[i].name));
        buf_addz(&s->sql, ", ");
        n++;
    }
    sqlite_scd2_add(s, SINK_VALID_FROM, ", ");
    sqlite_scd2_add(s, SINK_VALID_TO, ", ");
    sqlite_scd2_add(s, SINK_IS_CURRENT, ", ");
    sqlite_scd2_add(s, SINK_ROW_HASH, ") VALUES(");
    for (int i = 0; i < n; i++)
        buf_addz(&s->sql, i ? ", ?" : "?");
    buf_addc(&s->sql, ')');
}

/* Parameters: row_hash, valid_from, the key, the fields that are no keys.
 * Touches the row only if it differs: a run that changes nothing leaves the
 * audit columns alone. */
static void write_update(struct sqlite_sink *s)
{
    int first = 3 + (int)s->base.spec->n_keys, at = first;
    buf_addz(&s->sql, "UPDATE ");
    sqlite_add_table(s);
    buf_addz(&s->sql, " SET ");
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        if (!scd2_is_field(c) || c->key)
            continue;
        sqlite_quote(&s->sql, str_of(c->name));
        buf_addf(&s->sql, " = ?%d, ", at++);
    }
    sqlite_scd2_add(s, SINK_ROW_HASH, " = ?1");
    add_where(s, 3);
    buf_addz(&s->sql, " AND ");
    sqlite_scd2_add(s, SINK_VALID_FROM, " = ?2 AND (");
    at = first;
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        if (!scd2_is_field(c) || c->key)
            continue;
        if (!c->audit) {
            sqlite_quote(&s->sql, str_of(c->name));
            buf_addf(&s->sql, " IS NOT ?%d OR ", at);
        }
        at++;
    }
    sqlite_scd2_add(s, SINK_ROW_HASH, " IS NOT ?1)");
}

static void write_stage(struct sqlite_sink *s)
{
    buf_addz(&s->sql, "INSERT INTO " SQLITE_STAGE " VALUES(NULL");
    for (size_t i = 0; i < s->base.spec->n_keys + 7; i++)
        buf_addz(&s->sql, ", ?");
    buf_addc(&s->sql, ')');
}

static void write_sql(struct sqlite_sink *s, enum scd2_stmt which)
{
    int n = (int)s->base.spec->n_keys;
    buf_reset(&s->sql);
    switch (which) {
    case SCD2_STAGE: write_stage(s); return;
    case SCD2_LAST:
    case SCD2_AT:
    case SCD2_NEXT: write_select(s, which); return;
    case SCD2_INSERT: write_insert(s); return;
    case SCD2_UPDATE: write_update(s); return;
    case SCD2_END:
    case SCD2_START:
        buf_addz(&s->sql, "UPDATE ");
        sqlite_add_table(s);
        buf_addz(&s->sql, " SET ");
        sqlite_scd2_add(s, which == SCD2_END ? SINK_VALID_TO : SINK_VALID_FROM,
                        " = ");
        buf_addf(&s->sql, "?%d", n + 2);
        if (which == SCD2_END) {
            buf_addz(&s->sql, ", ");
            sqlite_scd2_add(s, SINK_IS_CURRENT, " = 0");
        }
        break;
    case SCD2_DELETE:
        buf_addz(&s->sql, "DELETE FROM ");
        sqlite_add_table(s);
        break;
    case SCD2_STMTS: return;
    }
    /* Of one version: the key, then its valid_from. */
    add_where(s, 1);
    buf_addz(&s->sql, " AND ");
    sqlite_scd2_add(s, SINK_VALID_FROM, " = ");
    buf_addf(&s->sql, "?%d", n + 1);
}

sqlite3_stmt *sqlite_scd2_stmt(struct sqlite_sink *s, enum scd2_stmt which,
                               struct err *e)
{
    if (!s->scd2[which]) {
        write_sql(s, which);
        s->scd2[which] = sqlite_prepare(s, "write to", e);
    }
    return s->scd2[which];
}
