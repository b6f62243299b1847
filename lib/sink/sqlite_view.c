/* Views that the load keeps: of the latest rows, and of the table's current
 * version. Ours end with a mark; no others are touched. */
#include "sink/sqlite.h"
#include "sink/view.h"

#include <inttypes.h>
#include <stdlib.h>

#define MARK " /* kept by pipe-load */"

/* ---- what is there ---- */

enum found { FOUND_NOTHING, FOUND_OURS, FOUND_SAME };

/* What has this name: -1 with e if it is none of our views. FOUND_SAME: the
 * view that s->sql creates. */
static int look_at(struct sqlite_sink *s, const char *name, struct err *e)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(s->db,
                           "SELECT sql, type FROM sqlite_master"
                           " WHERE name = ? COLLATE NOCASE"
                           " AND type IN ('table', 'view')",
                           -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "read");
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    int r = FOUND_NOTHING;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(stmt, 0);
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        size_t n = sql ? strlen(sql) : 0, mark = strlen(MARK);
        if (n < mark || strcmp(sql + n - mark, MARK) != 0)
            r = view_taken(name, s->base.spec->target, type ? type : "table",
                           e);
        else
            r = str_eq((struct str){ sql, n }, buf_str(&s->sql)) ? FOUND_SAME
                                                                 : FOUND_OURS;
    }
    sqlite3_finalize(stmt);
    return r;
}

/* Creates the view that s->sql says, if it is another than there is. */
static int renew(struct sqlite_sink *s, const char *name, struct err *e)
{
    int found = look_at(s, name, e);
    if (found < 0 || found == FOUND_SAME)
        return found < 0 ? -1 : 0;
    if (found == FOUND_OURS) {
        struct buf drop = { .max = 65536 };
        buf_addz(&drop, "DROP VIEW ");
        sqlite_quote(&drop, str_of(name));
        const char *sql = buf_z(&drop);
        int r = !sql ? err_nomem(e)
                : sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
                    ? 0
                    : sqlite_fail(s, e, "drop the view in");
        buf_free(&drop);
        if (r)
            return -1;
    }
    return sqlite_run_sql(s, "create the view in", e);
}

/* ---- the latest rows ---- */

/* Rows are numbered as they were added, unless a column of the table gives
 * their numbers. */
static int check_load_order(struct sqlite_sink *s, const char **rowid,
                            struct err *e)
{
    static const char *const names[] = { "rowid", "_rowid_", "oid" };
    size_t i = 0;
    while (i < 3 && table_find(&s->table, str_of(names[i])))
        i++;
    bool good = i < 3;
    if (good) {
        sqlite3_stmt *stmt = NULL;
        *rowid = names[i];
        buf_reset(&s->sql);
        buf_addf(&s->sql, "SELECT %s, (SELECT count(*) FROM pragma_table_info(",
                 names[i]);
        sqlite_literal(&s->sql, buf_str(&s->name));
        buf_addz(&s->sql, ") WHERE pk AND upper(type) = 'INTEGER' AND NOT"
                          " EXISTS(SELECT 1 FROM pragma_table_info(");
        sqlite_literal(&s->sql, buf_str(&s->name));
        buf_addz(&s->sql, ") WHERE pk > 1)) FROM ");
        sqlite_add_table(s);
        buf_addz(&s->sql, " LIMIT 1");
        const char *sql = buf_z(&s->sql);
        if (!sql)
            return err_nomem(e);
        good = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
               (sqlite3_step(stmt) != SQLITE_ROW ||
                sqlite3_column_int(stmt, 1) == 0);
        sqlite3_finalize(stmt);
    }
    return good ? 0
                : err_set(e, ERR_CONFIG,
                          "option --latest-view: table '%s' does not keep the "
                          "order in which rows were added (an INTEGER PRIMARY "
                          "KEY or WITHOUT ROWID)",
                          s->base.spec->table);
}

int sqlite_latest_view(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf *b = &s->sql;
    const char *rowid = NULL;
    if (!s->table.exists)
        return 0;
    if (view_check_by(&s->table, spec, false, e) ||
        check_load_order(s, &rowid, e))
        return -1;
    buf_reset(b);
    buf_addz(b, "CREATE VIEW ");
    sqlite_quote(b, str_of(spec->latest_view));
    buf_addz(b, " AS SELECT ");
    for (size_t i = 0; i < s->table.n; i++) {
        buf_addz(b, i ? ", " : "");
        sqlite_quote(b, str_of(s->table.v[i].name));
    }
    buf_addz(b, " FROM (SELECT *, row_number() OVER (PARTITION BY ");
    sqlite_add_keys(s, "", "", ", ");
    buf_addz(b, " ORDER BY ");
    if (spec->latest_by.n) {
        sqlite_quote(b, spec->latest_by);
        buf_addz(b, " DESC, ");
    }
    buf_addf(b, "%s DESC) AS _pipe_rank FROM ", rowid);
    sqlite_add_table(s);
    buf_addz(b, ") WHERE _pipe_rank = 1" MARK);
    return renew(s, spec->latest_view, e);
}

/* ---- versions of the table ---- */

static int name_version(struct sqlite_sink *s, uint64_t version, struct err *e)
{
    buf_reset(&s->name);
    view_version_name(&s->name, s->base.spec->table, version);
    return buf_z(&s->name) ? 0 : err_nomem(e);
}

/* The versions that the ledger knows, the latest first: appended to out, a
 * uint64_t each. Read whole, since tables are dropped behind no open query. */
static int read_versions(struct sqlite_sink *s, struct buf *out, struct err *e)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(s->db,
                           "SELECT watermark FROM _pipe_loads WHERE table_name"
                           " = ? AND mode = 'versioned' ORDER BY id DESC",
                           -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "read the ledger in");
    sqlite3_bind_text(stmt, 1, s->base.spec->table, -1, SQLITE_STATIC);
    int step, r = 0;
    while (r == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
        r = view_add_version(out, (const char *)sqlite3_column_text(stmt, 0),
                             e);
    sqlite3_finalize(stmt);
    if (r == 0 && step != SQLITE_DONE)
        return sqlite_fail(s, e, "read the ledger in");
    return r;
}

/* The greatest number that a table's name has, ours or not. */
static int max_named(struct sqlite_sink *s, uint64_t *max, struct err *e)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(s->db, "SELECT name FROM sqlite_master", -1, &stmt,
                           NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "read");
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        uint64_t n =
            name ? view_version_of(name, s->base.spec->table, true) : 0;
        *max = n > *max ? n : *max;
    }
    sqlite3_finalize(stmt);
    return 0;
}

/* Makes a table with the columns of version `from`. */
static int copy_columns(struct sqlite_sink *s, uint64_t from, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    sqlite3_stmt *stmt;
    struct buf old = { .max = 65536 };
    bool first = true;
    view_version_name(&old, spec->table, from);
    const char *name = buf_z(&old);
    if (!name)
        return err_nomem(e);
    if (sqlite3_prepare_v2(s->db,
                           "SELECT name, type, \"notnull\" FROM "
                           "pragma_table_info(?)",
                           -1, &stmt, NULL) != SQLITE_OK) {
        buf_free(&old);
        return sqlite_fail(s, e, "read");
    }
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TABLE ");
    sqlite_add_table(s);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(stmt, 0);
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        buf_addz(&s->sql, first ? "(" : ", ");
        first = false;
        sqlite_quote(&s->sql, str_of(column ? column : ""));
        if (type && *type) {
            buf_addc(&s->sql, ' ');
            sqlite_quote(&s->sql, str_of(type));
        }
        buf_addz(&s->sql, sqlite3_column_int(stmt, 2) ? " NOT NULL" : "");
    }
    sqlite3_finalize(stmt);
    buf_free(&old);
    buf_addc(&s->sql, ')');
    if (first)
        return err_set(e, ERR_CONFIG,
                       "version %" PRIu64 " of table '%s' is "
                       "gone from '%s' (--create makes a new "
                       "one)",
                       from, spec->table, spec->target);
    return sqlite_run_sql(s, "create the table in", e) ||
                   sqlite_table_read(s, e)
               ? -1
               : 0;
}

int sqlite_version_begin(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    uint64_t max = 0;
    buf_reset(&s->sql);
    if (look_at(s, spec->table, e) < 0)
        return -1;
    if (!s->begun) /* only a look, before the records */
        return 0;
    sqlite_forget(s);
    table_clear(&s->table);
    struct buf known = { 0 };
    int r = read_versions(s, &known, e) || max_named(s, &max, e) ? -1 : 0;
    s->last_version = r == 0 && known.n ? view_version(&known, 0) : 0;
    buf_free(&known);
    if (r)
        return -1;
    s->version = (max > s->last_version ? max : s->last_version) + 1;
    if (name_version(s, s->version, e))
        return -1;
    if (spec->n_columns)
        return sqlite_create(s, STR("{}"), e);
    if (spec->create)
        return 0;
    if (!s->last_version)
        return err_set(e, ERR_CONFIG,
                       "table '%s' has no version in '%s' yet (--create makes "
                       "one)",
                       spec->table, spec->target);
    return copy_columns(s, s->last_version, e);
}

static int drop_version(struct sqlite_sink *s, uint64_t version, struct err *e)
{
    struct buf name = { .max = 65536 };
    view_version_name(&name, s->base.spec->table, version);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DROP TABLE IF EXISTS ");
    sqlite_quote(&s->sql, buf_str(&name));
    s->sql.failed |= name.failed;
    buf_free(&name);
    return sqlite_run_sql(s, "drop an old version in", e);
}

/* The new one is not in the ledger yet. */
static int drop_old(struct sqlite_sink *s, struct err *e)
{
    struct buf known = { 0 };
    int r = read_versions(s, &known, e);
    for (size_t i = s->base.spec->keep_versions - 1;
         r == 0 && i < view_versions(&known); i++)
        r = drop_version(s, view_version(&known, i), e);
    buf_free(&known);
    return r;
}

int sqlite_version_end(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    /* No record has shown the columns. */
    if (!s->table.exists && s->last_version &&
        copy_columns(s, s->last_version, e))
        return -1;
    if (!s->table.exists) {
        s->version = 0;
        return 0;
    }
    sqlite_forget(s);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE VIEW ");
    sqlite_quote(&s->sql, str_of(spec->table));
    buf_addz(&s->sql, " AS SELECT * FROM ");
    sqlite_add_table(s);
    buf_addz(&s->sql, MARK);
    if (renew(s, spec->table, e))
        return -1;
    return spec->keep_versions ? drop_old(s, e) : 0;
}
