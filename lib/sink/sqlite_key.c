#include "sink/sqlite.h"

/* Keys that came, and rows by key where the table has no index that finds
 * them. In the temporary database, which spills to a file. */
#define SEEN "temp._pipe_seen"
#define ROWS "temp._pipe_rows"

/* ---- statements ---- */

static void add_where(struct sqlite_sink *s)
{
    buf_addz(&s->sql, " WHERE ");
    sqlite_add_keys(s, "", " = ?", " AND ");
}

/* Ours are named k0, k1 ... */
static void add_ours(struct sqlite_sink *s, const char *after,
                     const char *between)
{
    for (size_t i = 0; i < s->base.spec->n_keys; i++)
        buf_addf(&s->sql, "%sk%zu%s", i ? between : "", i, after);
}

static void write_sql(struct sqlite_sink *s, enum key_stmt which)
{
    struct buf *b = &s->sql;
    buf_reset(b);
    switch (which) {
    case KEY_DELETE:
        buf_addz(b, "DELETE FROM ");
        sqlite_add_table(s);
        if (s->key_scan) {
            buf_addz(b, " WHERE rowid IN (SELECT r FROM " ROWS " WHERE ");
            add_ours(s, " = ?", " AND ");
            buf_addc(b, ')');
        } else {
            add_where(s);
        }
        break;
    case KEY_MOVE:
        buf_addz(b, "UPDATE OR REPLACE ");
        sqlite_add_table(s);
        buf_addz(b, " SET ");
        sqlite_add_keys(s, "", " = ?", ", ");
        add_where(s);
        break;
    case KEY_SEEN:
        buf_addz(b, "SELECT 1 FROM " SEEN " WHERE ");
        add_ours(s, " = ?", " AND ");
        break;
    case KEY_ADD:
        buf_addz(b, "INSERT INTO " SEEN " VALUES(");
        for (size_t i = 0; i < s->base.spec->n_keys; i++)
            buf_addz(b, i ? ", ?" : "?");
        buf_addc(b, ')');
        break;
    case KEY_STMTS: break;
    }
}

static sqlite3_stmt *statement(struct sqlite_sink *s, enum key_stmt which,
                               struct err *e)
{
    if (!s->by_key[which]) {
        write_sql(s, which);
        s->by_key[which] = sqlite_prepare(s, "write to", e);
    }
    return s->by_key[which];
}

/* Runs one of them for the keys of the record at hand. */
static int run(struct sqlite_sink *s, enum key_stmt which,
               struct sink_refusal *why, struct err *e)
{
    sqlite3_stmt *stmt = statement(s, which, e);
    if (!stmt)
        return -1;
    int r = sqlite_bind_keys(s, stmt, 1, why, e);
    return r > 0 ? sqlite_step(s, stmt, why, e) : r;
}

/* ---- delete-insert ---- */

static const char *affinity(const struct column *c)
{
    switch (c->kind) {
    case COLUMN_INTEGER:
    case COLUMN_SCALED: return "INTEGER";
    case COLUMN_REAL: return "REAL";
    case COLUMN_NUMERIC:
    case COLUMN_BOOLEAN: return "NUMERIC";
    case COLUMN_ANY: return "BLOB";
    default: return "TEXT";
    }
}

int sqlite_key_definitions(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        const struct column *c = table_find(&s->table, spec->keys[i]);
        const char *collation = NULL;
        if (!c || sqlite3_table_column_metadata(s->db, "main", buf_z(&s->name),
                                                c->name, NULL, &collation, NULL,
                                                NULL, NULL) != SQLITE_OK)
            return sqlite_fail(s, e, "read");
        buf_addf(&s->sql, "%sk%zu %s COLLATE ", i ? ", " : "", i, affinity(c));
        sqlite_quote(&s->sql, str_of(collation ? collation : "BINARY"));
    }
    return 0;
}

/* Does a DELETE by key have to read the whole table? */
static int look_for_index(struct sqlite_sink *s, struct err *e)
{
    s->key_scan = false;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "EXPLAIN QUERY PLAN DELETE FROM ");
    sqlite_add_table(s);
    add_where(s);
    sqlite3_stmt *stmt = sqlite_prepare(s, "read", e);
    if (!stmt)
        return -1;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *plan = (const char *)sqlite3_column_text(stmt, 3);
        s->key_scan |= plan && strncmp(plan, "SCAN", 4) == 0;
    }
    sqlite3_finalize(stmt);
    return 0;
}

static int make_rows(struct sqlite_sink *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DROP TABLE IF EXISTS " ROWS "; CREATE TABLE " ROWS "(");
    if (sqlite_key_definitions(s, e))
        return -1;
    buf_addz(&s->sql, ", r INTEGER); INSERT INTO " ROWS " SELECT ");
    sqlite_add_keys(s, "", "", ", ");
    buf_addz(&s->sql, ", rowid FROM ");
    sqlite_add_table(s);
    buf_addz(&s->sql, "; CREATE INDEX temp._pipe_rows_of ON _pipe_rows(");
    add_ours(s, "", ", ");
    buf_addc(&s->sql, ')');
    return sqlite_run_sql(s, "read", e);
}

static int make_tables(struct sqlite_sink *s, struct err *e)
{
    if (s->keys_made)
        return 0;
    if (look_for_index(s, e) || (s->key_scan && make_rows(s, e)))
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DROP TABLE IF EXISTS " SEEN "; CREATE TABLE " SEEN "(");
    if (sqlite_key_definitions(s, e))
        return -1;
    buf_addz(&s->sql, ", PRIMARY KEY(");
    add_ours(s, "", ", ");
    buf_addz(&s->sql, ")) WITHOUT ROWID");
    if (sqlite_run_sql(s, "write to", e))
        return -1;
    s->keys_made = true;
    return 0;
}

static int replace_key(struct sqlite_sink *s, void *context,
                       struct sink_refusal *why, struct err *e)
{
    (void)context;
    int r = run(s, KEY_DELETE, why, e);
    if (r > 0)
        r = run(s, KEY_ADD, why, e);
    return r > 0 ? sqlite_row_put(s, why, e) : r;
}

int sqlite_key_write(struct sqlite_sink *s, const struct sink_record *record,
                     struct sink_refusal *why, struct err *e)
{
    /* Keys are bound up to three times, unescaped each time. */
    if (sqlite_room(s, 4 * record->text.n, e))
        return -1;
    int r = table_take_record(&s->table, s->base.spec, record, why, e);
    if (r <= 0)
        return r;
    if (make_tables(s, e))
        return -1;
    sqlite3_stmt *seen = statement(s, KEY_SEEN, e);
    if (!seen)
        return -1;
    r = sqlite_bind_keys(s, seen, 1, why, e);
    if (r <= 0)
        return r;
    int step = sqlite3_step(seen);
    sqlite3_reset(seen);
    if (step == SQLITE_ROW)
        return sqlite_row_put(s, why, e);
    if (step != SQLITE_DONE)
        return sqlite_fail(s, e, "write to");
    return sqlite_atomically(s, replace_key, NULL, why, e);
}

/* ---- change events ---- */

static int truncate_table(struct sqlite_sink *s, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DELETE FROM ");
    sqlite_add_table(s);
    return sqlite_run_sql(s, "empty the table in", e) ? -1 : 1;
}

/* The row with the old key gets the new one; whatever had that goes. Columns
 * that the event does not tell of stay. */
static int move_row(struct sqlite_sink *s, void *context,
                    struct sink_refusal *why, struct err *e)
{
    const struct sink_record *rec = context;
    const struct sink_spec *spec = s->base.spec;
    sqlite3_stmt *stmt = statement(s, KEY_MOVE, e);
    if (!stmt)
        return -1;
    int n = (int)spec->n_keys;
    int r = table_take_keys(&s->table, spec, rec->old_key, why, e);
    if (r > 0)
        r = sqlite_bind_keys(s, stmt, 1 + n, why, e);
    if (r > 0)
        r = table_take(&s->table, spec, rec->text, why, e);
    /* What was bound first borrows from s->text, which stays. */
    if (r > 0)
        r = sqlite_bind_keys(s, stmt, 1, why, e);
    if (r > 0)
        r = sqlite_step(s, stmt, why, e);
    return r > 0 ? sqlite_row_put(s, why, e) : r;
}

int sqlite_key_apply(struct sqlite_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e)
{
    if (sqlite_room(s, r->old_key.n + 2 * r->text.n, e))
        return -1;
    if (!s->table.exists)
        return 1; /* nothing there to delete */
    switch (r->op) {
    case SINK_TRUNCATE: return truncate_table(s, e);
    case SINK_DELETE: {
        int fit = table_take_keys(&s->table, s->base.spec, r->text, why, e);
        return fit > 0 ? run(s, KEY_DELETE, why, e) : fit;
    }
    case SINK_ROW: break;
    }
    if (r->old_key.n)
        return sqlite_atomically(s, move_row, (void *)(uintptr_t)r, why, e);
    return sqlite_row_write(s, r, why, e);
}
