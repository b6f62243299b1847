#include "sink/sqlite.h"

#include "json/check.h"
#include "json/number.h"
#include "sink/range.h"

#include <stdlib.h>

static int unfit(struct sqlite_sink *s, const char *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (spec->range_to.n)
        return err_set(e, ERR_USAGE, "range '%.*s=%.*s..%.*s': %s",
                       STR_ARG(spec->part_column), STR_ARG(spec->range_from),
                       STR_ARG(spec->range_to), why);
    return err_set(e, ERR_USAGE, "partition '%.*s=%.*s': %s",
                   STR_ARG(spec->part_column), STR_ARG(spec->part_value), why);
}

static int bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                const struct column *c, struct val v, struct err *e)
{
    struct sink_refusal why;
    int r = sqlite_bind(s, stmt, at, c, v, &why, e);
    return r == 0 ? unfit(s, why.message, e) : r < 0 ? -1 : 0;
}

/* ---- a partition ---- */

static int bind_partition(struct sqlite_sink *s, sqlite3_stmt *stmt,
                          const struct column *c, struct err *e)
{
    struct val v = json_val(s->table.part_json);
    /* A text column keeps a value such as 2026 as text. */
    if (c->kind == COLUMN_TEXT && v.type == JSON_NUMBER) {
        sqlite_bind_str(stmt, 1, s->base.spec->part_value);
        return 0;
    }
    return sqlite_room(s, v.raw.n, e) || bind(s, stmt, 1, c, v, e) ? -1 : 0;
}

/* ---- a range ----
 *
 * Rows go by the same order that judges the records that come: by a function
 * where SQLite's own comparison is another. */

static bool by_number(const struct column *c)
{
    return c->kind == COLUMN_INTEGER || c->kind == COLUMN_REAL ||
           c->kind == COLUMN_SCALED;
}

static int check_range(struct sqlite_sink *s, const struct column *c,
                       struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    bool numbers = json_number_valid(spec->range_from) &&
                   json_number_valid(spec->range_to);
    if (c->kind == COLUMN_JSON || c->kind == COLUMN_BOOLEAN)
        return err_set(e, ERR_CONFIG,
                       "column '%s' of table '%s' is %s: it has no ranges",
                       c->name, spec->table, c->type);
    if ((by_number(c) || c->kind == COLUMN_DECIMAL) && !numbers)
        return unfit(s, "the column has numbers", e);
    return 0;
}

static void add_range(struct sqlite_sink *s, const struct column *c)
{
    const struct sink_spec *spec = s->base.spec;
    struct str name = spec->part_column;
    struct buf *b = &s->sql;
    char low[11], high[11];
    if (by_number(c)) {
        sqlite_quote(b, name);
        buf_addz(b, " >= ? AND ");
        sqlite_quote(b, name);
        buf_addz(b, " < ?");
        return;
    }
    buf_addz(b, c->kind == COLUMN_DECIMAL ? "pipe_decimal_in_range("
                                          : "pipe_in_range(");
    sqlite_quote(b, name);
    buf_addc(b, ')');
    if (c->kind != COLUMN_TEXT ||
        !range_dates(spec->range_from, spec->range_to, low, high))
        return;
    buf_addz(b, " AND ");
    sqlite_quote(b, name);
    buf_addf(b, " >= '%s' AND ", low);
    sqlite_quote(b, name);
    buf_addf(b, " < '%s'", high);
}

static int bind_range(struct sqlite_sink *s, sqlite3_stmt *stmt,
                      const struct column *c, struct err *e)
{
    if (!by_number(c))
        return 0;
    return bind(s, stmt, 1, c, json_val(s->base.spec->range_from), e) ||
                   bind(s, stmt, 2, c, json_val(s->base.spec->range_to), e)
               ? -1
               : 0;
}

int sqlite_replace(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (spec->mode != SINK_REPLACE || !s->table.exists)
        return 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DELETE FROM ");
    sqlite_add_table(s);
    if (spec->all)
        return sqlite_run_sql(s, "empty the table in", e);
    const struct column *c = table_find(&s->table, spec->part_column);
    if (!c)
        return spec->create ? 0
                            : err_set(e, ERR_CONFIG,
                                      "partition column '%.*s' is not in "
                                      "table '%s'",
                                      STR_ARG(spec->part_column), spec->table);
    bool range = spec->range_to.n > 0;
    if (range && check_range(s, c, e))
        return -1;
    buf_addz(&s->sql, " WHERE ");
    if (range) {
        add_range(s, c);
    } else {
        sqlite_quote(&s->sql, spec->part_column);
        buf_addz(&s->sql, " = ?");
    }
    sqlite3_stmt *stmt = sqlite_prepare(s, "empty the partition in", e);
    if (!stmt)
        return -1;
    int r = range ? bind_range(s, stmt, c, e) : bind_partition(s, stmt, c, e);
    if (r == 0 && sqlite3_step(stmt) != SQLITE_DONE)
        r = sqlite_fail(s, e, "empty the partition in");
    sqlite3_finalize(stmt);
    return r;
}
