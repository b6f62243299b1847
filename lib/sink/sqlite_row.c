#include "sink/sqlite.h"

#include <stdlib.h>

/* ---- statements ---- */

static void add_list(struct sqlite_sink *s, const char *fields, bool marks)
{
    bool first = true;
    for (size_t i = 0; i < s->table.n; i++) {
        if (fields[i] == '0')
            continue;
        buf_addz(&s->sql, first ? "" : ", ");
        first = false;
        if (marks)
            buf_addc(&s->sql, '?');
        else
            sqlite_quote(&s->sql, str_of(s->table.v[i].name));
    }
}

/* ", previous = the old value, if the new one differs" */
static void add_previous(struct sqlite_sink *s, const struct column *c)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf *b = &s->sql;
    bool tracked = false;
    for (size_t i = 0; i < spec->n_tracked; i++)
        tracked |= table_find(&s->table, spec->tracked[i]) == c;
    if (!tracked)
        return;
    struct str name = str_of(c->name);
    bool by_value = c->kind == COLUMN_DECIMAL || c->kind == COLUMN_JSON;
    buf_addz(b, ", \"" SINK_PREVIOUS);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"')
            buf_addc(b, '"');
        buf_addc(b, name.p[i]);
    }
    buf_addz(b, by_value ? "\" = CASE WHEN NOT pipe_same(" : "\" = CASE WHEN ");
    sqlite_add_table(s);
    buf_addc(b, '.');
    sqlite_quote(b, name);
    buf_addz(b, by_value ? ", excluded." : " IS NOT excluded.");
    sqlite_quote(b, name);
    buf_addz(b, by_value ? ") THEN " : " COLLATE BINARY THEN ");
    sqlite_add_table(s);
    buf_addc(b, '.');
    sqlite_quote(b, name);
    buf_addz(b, " ELSE ");
    sqlite_add_table(s);
    buf_addz(b, ".\"" SINK_PREVIOUS);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"')
            buf_addc(b, '"');
        buf_addc(b, name.p[i]);
    }
    buf_addz(b, "\" END");
}

static void add_conflict(struct sqlite_sink *s, const char *fields)
{
    buf_addz(&s->sql, " ON CONFLICT(");
    sqlite_add_keys(s, "", "", ", ");
    bool first = true;
    for (size_t i = 0; s->base.spec->mode != SINK_INSERT && i < s->table.n;
         i++) {
        const struct column *c = &s->table.v[i];
        if (fields[i] == '0' || c->key)
            continue;
        buf_addz(&s->sql, first ? ") DO UPDATE SET " : ", ");
        first = false;
        sqlite_quote(&s->sql, str_of(c->name));
        buf_addz(&s->sql, " = excluded.");
        sqlite_quote(&s->sql, str_of(c->name));
        if (s->base.spec->mode == SINK_SCD3)
            add_previous(s, c);
    }
    if (first)
        buf_addz(&s->sql, ") DO NOTHING");
}

static void drop_shape(struct row_shape *sh)
{
    sqlite3_finalize(sh->stmt);
    sqlite3_finalize(sh->many);
    free(sh->fields);
    *sh = (struct row_shape){ 0 };
}

void sqlite_row_forget(struct sqlite_sink *s)
{
    for (size_t i = 0; i < s->n_shapes; i++)
        drop_shape(&s->shapes[i]);
    s->n_shapes = s->next_shape = 0;
    s->shape = NULL;
}

/* Of many: the rows that are held; else one, with a parameter a value. */
static sqlite3_stmt *prepare(struct sqlite_sink *s, const char *fields,
                             size_t width, bool many, struct err *e)
{
    enum sink_mode mode = s->base.spec->mode;
    buf_reset(&s->sql);
    if (many)
        sqlite_many_add_insert(s);
    else
        buf_addz(&s->sql, "INSERT INTO ");
    sqlite_add_table(s);
    if (width) {
        buf_addz(&s->sql, "(");
        add_list(s, fields, false);
        buf_addz(&s->sql, many ? ") " : ") VALUES(");
        if (many)
            sqlite_many_add_values(s, width);
        else
            add_list(s, fields, true);
        buf_addz(&s->sql, many ? "" : ")");
    } else {
        buf_addz(&s->sql, " DEFAULT VALUES");
    }
    if (mode == SINK_UPSERT || mode == SINK_INSERT || mode == SINK_SCD3 ||
        mode == SINK_CDC)
        add_conflict(s, fields);
    return sqlite_prepare(s, "prepare to write to", e);
}

sqlite3_stmt *sqlite_row_many(struct sqlite_sink *s, struct err *e)
{
    struct row_shape *sh = s->shape;
    if (!sh->many && sqlite_many_declare(s, e) == 0)
        sh->many = prepare(s, sh->fields, sh->width, true, e);
    return sh->many;
}

static struct row_shape *new_shape(struct sqlite_sink *s, struct str want,
                                   struct err *e)
{
    struct row_shape *sh = &s->shapes[s->next_shape];
    s->next_shape = (s->next_shape + 1) % SHAPES_MAX;
    drop_shape(sh);
    if (s->n_shapes < SHAPES_MAX)
        s->n_shapes++;
    for (size_t i = 0; i < want.n; i++)
        sh->width += want.p[i] == '1';
    sh->stmt = prepare(s, want.p, sh->width, false, e);
    sh->fields = malloc(want.n ? want.n : 1);
    if (!sh->stmt)
        return NULL;
    if (!sh->fields) {
        err_nomem(e);
        return NULL;
    }
    memcpy(sh->fields, want.p, want.n);
    sh->n = want.n;
    return sh;
}

static bool has_fields(const struct row_shape *sh, struct str want)
{
    return sh->fields && str_eq((struct str){ sh->fields, sh->n }, want);
}

/* The shape for the set of fields in s->fields. */
static struct row_shape *find_shape(struct sqlite_sink *s, struct err *e)
{
    struct str want = buf_str(&s->fields);
    if (s->shape && has_fields(s->shape, want))
        return s->shape;
    if (sqlite_many_flush(s, e)) /* what is held has another */
        return NULL;
    for (size_t i = 0; i < s->n_shapes; i++)
        if (has_fields(&s->shapes[i], want))
            return &s->shapes[i];
    return new_shape(s, want, e);
}

/* ---- rows ---- */

/* Makes s->shape that of the columns that the record at hand fills; found
 * already where the last record filled the same. */
static int choose_shape(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    const struct table *t = &s->table;
    bool all = spec->missing_null &&
               (spec->mode == SINK_UPSERT || spec->mode == SINK_SCD3);
    if (s->shape && s->pattern == t->pattern)
        return 0;
    buf_reset(&s->fields);
    if (buf_reserve(&s->fields, t->n))
        return err_nomem(e);
    for (size_t i = 0; i < t->n; i++) {
        const struct column *c = &t->v[i];
        bool there =
            all ? !c->derived && !c->dropped : c->val.type != JSON_MISSING;
        buf_addc(&s->fields, there || c->audit ? '1' : '0');
    }
    s->shape = find_shape(s, e);
    s->pattern = t->pattern;
    return s->shape ? 0 : -1;
}

/* The record at hand as cells, in the room behind those held. */
static int take_cells(struct sqlite_sink *s, struct cell **row,
                      struct sink_refusal *why, struct err *e)
{
    const struct table *t = &s->table;
    if (choose_shape(s, e))
        return -1;
    struct cell *cell = *row = sqlite_many_room(s);
    if (!cell)
        return err_nomem(e);
    const char *fields = s->shape->fields;
    int r = 1;
    for (size_t i = 0; r > 0 && i < t->n; i++) {
        if (fields[i] == '0')
            continue;
        const struct column *c = &t->v[i];
        /* Most of all values first. */
        if (t->plain && c->kind == COLUMN_TEXT && c->val.type == JSON_STRING)
            *cell =
                (struct cell){ .kind = CELL_TEXT,
                               .text = { c->val.raw.p + 1, c->val.raw.n - 2 } };
        else if (c->audit)
            *cell =
                (struct cell){ .kind = CELL_TEXT, .text = sqlite_audit(s, c) };
        else
            r = sqlite_cell(s, c, c->val, cell, why, e);
        cell++;
    }
    return r;
}

int sqlite_row_cells(struct sqlite_sink *s, const struct cell *cells,
                     struct sink_refusal *why, struct err *e)
{
    sqlite3_stmt *stmt = s->shape->stmt;
    for (size_t i = 0; i < s->shape->width; i++)
        sqlite_bind_cell(stmt, (int)i + 1, &cells[i]);
    int r = sqlite_step(s, stmt, why, e);
    if (r > 0 && s->base.spec->mode == SINK_INSERT &&
        sqlite3_changes64(s->db) == 0)
        s->base.ignored++;
    return r;
}

int sqlite_row_put(struct sqlite_sink *s, struct sink_refusal *why,
                   struct err *e)
{
    struct cell *row;
    int r = take_cells(s, &row, why, e);
    return r > 0 ? sqlite_row_cells(s, row, why, e) : r;
}

int sqlite_row_write(struct sqlite_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e)
{
    struct cell *row;
    if (sqlite_room(s, r->text.n, e))
        return -1;
    int done = table_take_record(&s->table, s->base.spec, r, why, e);
    if (done > 0)
        done = take_cells(s, &row, why, e);
    if (done <= 0)
        return done;
    int holds = r->stays ? sqlite_many_fits(s, e) : 0;
    if (holds < 0)
        return -1;
    if (holds && sqlite_many_takes(s, row, r))
        return sqlite_many_hold(s, r, e) ? -1 : 1;
    if (sqlite_many_flush(s, e))
        return -1;
    return sqlite_row_cells(s, row, why, e);
}
