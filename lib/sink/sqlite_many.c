/* Rows held back and written by one statement, which reads them as a virtual
 * table: SQLite then opens its cursors, checks its locks and makes its program
 * ready once for all of them, which costs more than writing one row.
 *
 * INSERT OR FAIL stops at a row that the table refuses and leaves the ones
 * before it. That holds for constraints of the row itself; tables with
 * triggers, foreign keys, conflict clauses of their own or strict types get
 * their rows one by one. */
#include "sink/sqlite.h"

#include <stdlib.h>

#define TABLE "pipe_rows"
#define FEW 4                  /* rows that are as well written one by one */
#define LONG ((size_t)1 << 20) /* bytes of a record that goes alone */

/* ---- the virtual table */

struct rows {
    sqlite3_vtab base;
    struct many *many; /* borrowed */
};

static int rows_connect(sqlite3 *db, void *sink, int argc,
                        const char *const *argv, sqlite3_vtab **out,
                        char **message)
{
    struct sqlite_sink *s = sink;
    struct buf sql = { .max = (size_t)1 << 20 };
    (void)argc;
    (void)argv;
    (void)message;
    buf_addz(&sql, "CREATE TABLE x(c0");
    for (size_t i = 1; i < s->many.columns; i++)
        buf_addf(&sql, ", c%zu", i);
    buf_addc(&sql, ')');
    struct rows *t = sqlite3_malloc(sizeof(*t));
    int r = t && buf_z(&sql) ? sqlite3_declare_vtab(db, sql.p) : SQLITE_NOMEM;
    buf_free(&sql);
    if (r != SQLITE_OK) {
        sqlite3_free(t);
        return r;
    }
    *t = (struct rows){ .many = &s->many };
    *out = &t->base;
    return sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
}

static int rows_disconnect(sqlite3_vtab *t)
{
    sqlite3_free(t);
    return SQLITE_OK;
}

static int rows_plan(sqlite3_vtab *t, sqlite3_index_info *plan)
{
    (void)t;
    plan->estimatedRows = MANY_ROWS;
    plan->estimatedCost = MANY_ROWS;
    return SQLITE_OK;
}

static int rows_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
    (void)t;
    *out = sqlite3_malloc(sizeof(**out));
    if (!*out)
        return SQLITE_NOMEM;
    **out = (sqlite3_vtab_cursor){ 0 };
    return SQLITE_OK;
}

static int rows_close(sqlite3_vtab_cursor *c)
{
    sqlite3_free(c);
    return SQLITE_OK;
}

static struct many *many_of(sqlite3_vtab_cursor *c)
{
    return ((struct rows *)c->pVtab)->many;
}

/* Begins where `at` is; there is one cursor at a time. */
static int rows_filter(sqlite3_vtab_cursor *c, int number, const char *name,
                       int argc, sqlite3_value **argv)
{
    (void)c;
    (void)number;
    (void)name;
    (void)argc;
    (void)argv;
    return SQLITE_OK;
}

static int rows_next(sqlite3_vtab_cursor *c)
{
    many_of(c)->at++;
    return SQLITE_OK;
}

static int rows_eof(sqlite3_vtab_cursor *c)
{
    return many_of(c)->at >= many_of(c)->n;
}

static int rows_column(sqlite3_vtab_cursor *c, sqlite3_context *out, int i)
{
    const struct many *m = many_of(c);
    const struct cell *cell = &m->cells[m->at * m->width + (size_t)i];
    switch (cell->kind) {
    case CELL_NULL: sqlite3_result_null(out); break;
    case CELL_INTEGER: sqlite3_result_int64(out, cell->integer); break;
    case CELL_REAL: sqlite3_result_double(out, cell->real); break;
    case CELL_TEXT:
        sqlite3_result_text64(out, cell->text.p, cell->text.n, SQLITE_STATIC,
                              SQLITE_UTF8);
        break;
    }
    return SQLITE_OK;
}

static int rows_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *id)
{
    *id = (sqlite3_int64)many_of(c)->at;
    return SQLITE_OK;
}

int sqlite_many_declare(struct sqlite_sink *s, struct err *e)
{
    static const sqlite3_module rows = {
        .iVersion = 1,
        .xConnect = rows_connect, /* and no xCreate: the module is the table */
        .xDisconnect = rows_disconnect,
        .xBestIndex = rows_plan,
        .xOpen = rows_open,
        .xClose = rows_close,
        .xFilter = rows_filter,
        .xNext = rows_next,
        .xEof = rows_eof,
        .xColumn = rows_column,
        .xRowid = rows_rowid,
    };
    struct many *m = &s->many;
    if (m->columns >= s->table.n)
        return 0;
    m->columns = s->table.n;
    if (sqlite3_create_module(s->db, TABLE, &rows, s) != SQLITE_OK)
        return sqlite_fail(s, e, "prepare to write to");
    return 0;
}

void sqlite_many_add_insert(struct sqlite_sink *s)
{
    buf_addz(&s->sql, "INSERT OR FAIL INTO ");
}

void sqlite_many_add_values(struct sqlite_sink *s, size_t width)
{
    for (size_t i = 0; i < width; i++)
        buf_addf(&s->sql, "%sc%zu", i ? ", " : "SELECT ", i);
    /* WHERE, so that ON CONFLICT is not taken for a join's ON. */
    buf_addz(&s->sql, " FROM " TABLE " WHERE true");
}

/* ---- what is held */

/* Of a primary key of one column with the type INTEGER, which is the rowid. */
static void look_for_rowid(struct sqlite_sink *s)
{
    const struct table *t = &s->table;
    int primary;
    s->many.rowid = SIZE_MAX; /* also of columns that will be added */
    for (size_t i = 0; i < t->n; i++)
        if (sqlite3_stricmp(t->v[i].type, "INTEGER") == 0 &&
            sqlite3_table_column_metadata(s->db, "main", buf_z(&s->name),
                                          t->v[i].name, NULL, NULL, NULL,
                                          &primary, NULL) == SQLITE_OK &&
            primary)
            s->many.rowid = i;
}

/* Does anything in the database do more for a row than check it? */
static int judge(struct sqlite_sink *s, struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM main.sqlite_schema WHERE sql LIKE '%references%'"
        " OR (tbl_name = ?1 COLLATE NOCASE AND"
        " (type = 'trigger' OR sql LIKE '%conflict%' OR sql LIKE '%strict%'"
        " OR sql LIKE 'create virtual%')) UNION ALL"
        " SELECT 1 FROM temp.sqlite_schema WHERE type = 'trigger'";
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_fail(s, e, "read");
    sqlite_bind_str(stmt, 1, buf_str(&s->name));
    int step = sqlite3_step(stmt);
    s->many.fits = step == SQLITE_DONE;
    s->many.judged = true;
    look_for_rowid(s);
    int r = step == SQLITE_DONE || step == SQLITE_ROW
                ? 0
                : sqlite_fail(s, e, "read");
    sqlite3_finalize(stmt);
    return r;
}

int sqlite_many_fits(struct sqlite_sink *s, struct err *e)
{
    if (!s->many.judged && judge(s, e))
        return -1;
    return s->many.fits;
}

struct cell *sqlite_many_room(struct sqlite_sink *s)
{
    struct many *m = &s->many;
    size_t width = s->shape->width, want = (m->n + 1) * width;
    m->width = width;
    if (want > m->cap || !m->cells) {
        size_t cap = (MANY_ROWS + 1) * (width ? width : 1);
        struct cell *grown = realloc(m->cells, cap * sizeof(*grown));
        if (!grown)
            return NULL;
        m->cells = grown;
        m->cap = cap;
    }
    return m->cells + m->n * width;
}

bool sqlite_many_takes(const struct sqlite_sink *s, const struct cell *row,
                       const struct sink_record *r)
{
    /* What is no integer cannot be a rowid, and how a statement fails at that
     * is not documented; nor at rows that are too big. */
    const struct row_shape *sh = s->shape;
    if (r->text.n > LONG || !sh->width)
        return false;
    size_t at = s->many.rowid;
    if (at >= sh->n || sh->fields[at] == '0')
        return true;
    for (size_t i = 0; i < at; i++)
        row += sh->fields[i] == '1';
    return row->kind <= CELL_INTEGER;
}

int sqlite_many_hold(struct sqlite_sink *s, const struct sink_record *r,
                     struct err *e)
{
    struct many *m = &s->many;
    struct cell *row = m->cells + m->n * m->width;
    struct str own = buf_str(&s->text); /* which the next record overwrites */
    for (size_t i = 0; own.n && i < m->width; i++) {
        struct str *text = &row[i].text;
        if (row[i].kind != CELL_TEXT || text->p < own.p ||
            text->p >= own.p + own.n)
            continue;
        *text = arena_dup(&m->texts, *text);
        if (!text->p)
            return err_nomem(e);
    }
    m->recs[m->n++] = *r;
    return m->n == MANY_ROWS ? sqlite_many_flush(s, e) : 0;
}

/* ---- writing it */

static int write_one(struct sqlite_sink *s, size_t i, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct sink_refusal why;
    int r = sqlite_row_cells(s, s->many.cells + i * s->many.width, &why, e);
    return r != 0 ? (r < 0 ? -1 : 0)
                  : spec->refuse(spec->context, &s->many.recs[i], &why, e);
}

/* The statement has failed at row m->at. The rows before it are there; or none
 * is, where an upsert's update was refused, which undoes the statement. That
 * row, at least, is tried alone. */
static int after_refusal(struct sqlite_sink *s, size_t from, uint64_t changed,
                         struct err *e)
{
    struct many *m = &s->many;
    size_t bad = m->at, before = bad - from;
    bool ignores = s->base.spec->mode == SINK_INSERT;
    if (bad >= m->n || changed > before ||
        (!ignores && changed && changed != before))
        return err_set(e, ERR_BUG, "rows of a failed statement do not add up");
    bool kept = ignores || changed == before;
    if (ignores)
        s->base.ignored += before - changed;
    for (size_t i = kept ? bad : from; i <= bad; i++)
        if (write_one(s, i, e))
            return -1;
    m->at = bad + 1;
    return 0;
}

/* Writes rows from m->at on: all, or up to one that is refused. */
static int write_some(struct sqlite_sink *s, struct err *e)
{
    struct many *m = &s->many;
    size_t from = m->at;
    sqlite3_stmt *stmt = sqlite_row_many(s, e);
    if (!stmt)
        return -1;
    int step = sqlite3_step(stmt);
    uint64_t changed = (uint64_t)sqlite3_changes64(s->db);
    int r = 0;
    if (step != SQLITE_DONE && (step & 0xff) != SQLITE_CONSTRAINT)
        r = sqlite_fail(s, e, "write to");
    sqlite3_reset(stmt);
    if (step == SQLITE_DONE && s->base.spec->mode == SINK_INSERT)
        s->base.ignored += m->n - from - changed;
    return step == SQLITE_DONE || r ? r : after_refusal(s, from, changed, e);
}

int sqlite_many_flush(struct sqlite_sink *s, struct err *e)
{
    struct many *m = &s->many;
    if (m->n == 0)
        return 0;
    int r = 0;
    m->at = 0;
    while (r == 0 && m->at < m->n)
        r = m->n - m->at < FEW ? write_one(s, m->at++, e) : write_some(s, e);
    m->n = 0;
    arena_reset(&m->texts);
    return r;
}

void sqlite_many_free(struct sqlite_sink *s)
{
    free(s->many.cells);
    arena_free(&s->many.texts);
    s->many = (struct many){ 0 };
}
