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
    free(sh->fields);
    *sh = (struct row_shape){ 0 };
}

void sqlite_row_forget(struct sqlite_sink *s)
{
    for (size_t i = 0; i < s->n_shapes; i++)
        drop_shape(&s->shapes[i]);
    s->n_shapes = s->next_shape = s->last_shape = 0;
    s->row = NULL;
}

static sqlite3_stmt *new_statement(struct sqlite_sink *s, struct str want,
                                   struct err *e)
{
    enum sink_mode mode = s->base.spec->mode;
    size_t at = s->next_shape;
    struct row_shape *sh = &s->shapes[at];
    s->next_shape = (at + 1) % SHAPES_MAX;
    drop_shape(sh);
    if (s->n_shapes < SHAPES_MAX)
        s->n_shapes++;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO ");
    sqlite_add_table(s);
    if (memchr(want.p, '1', want.n)) {
        buf_addz(&s->sql, "(");
        add_list(s, want.p, false);
        buf_addz(&s->sql, ") VALUES(");
        add_list(s, want.p, true);
        buf_addz(&s->sql, ")");
    } else {
        buf_addz(&s->sql, " DEFAULT VALUES");
    }
    if (mode == SINK_UPSERT || mode == SINK_INSERT || mode == SINK_SCD3 ||
        mode == SINK_CDC)
        add_conflict(s, want.p);
    sh->stmt = sqlite_prepare(s, "prepare to write to", e);
    sh->fields = malloc(want.n ? want.n : 1);
    if (!sh->stmt)
        return NULL;
    if (!sh->fields) {
        err_nomem(e);
        return NULL;
    }
    memcpy(sh->fields, want.p, want.n);
    sh->n = want.n;
    s->last_shape = at;
    return sh->stmt;
}

/* The statement for the set of fields in s->fields. */
static sqlite3_stmt *statement(struct sqlite_sink *s, struct err *e)
{
    struct str want = buf_str(&s->fields);
    for (size_t i = 0, j = s->last_shape; i < s->n_shapes; i++, j++) {
        if (j >= s->n_shapes)
            j = 0;
        struct row_shape *sh = &s->shapes[j];
        if (sh->fields && str_eq((struct str){ sh->fields, sh->n }, want)) {
            s->last_shape = j;
            return sh->stmt;
        }
    }
    return new_statement(s, want, e);
}

/* ---- rows ---- */

/* The statement for the columns that the record at hand fills, which s->fields
 * tells then; found already where the last record filled the same. */
static sqlite3_stmt *fitting(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    const struct table *t = &s->table;
    bool all = spec->missing_null &&
               (spec->mode == SINK_UPSERT || spec->mode == SINK_SCD3);
    if (s->row && s->pattern == t->pattern)
        return s->row;
    buf_reset(&s->fields);
    if (buf_reserve(&s->fields, t->n)) {
        err_nomem(e);
        return NULL;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct column *c = &t->v[i];
        bool there =
            all ? !c->derived && !c->dropped : c->val.type != JSON_MISSING;
        buf_addc(&s->fields, there || c->audit ? '1' : '0');
    }
    s->row = statement(s, e);
    s->pattern = t->pattern;
    return s->row;
}

int sqlite_row_put(struct sqlite_sink *s, struct sink_refusal *why,
                   struct err *e)
{
    const struct table *t = &s->table;
    sqlite3_stmt *stmt = fitting(s, e);
    if (!stmt)
        return -1;
    const char *fields = s->fields.p;
    int r = 1, at = 0;
    for (size_t i = 0; r > 0 && i < t->n; i++) {
        if (fields[i] == '0')
            continue;
        if (t->v[i].audit)
            sqlite_bind_audit(s, stmt, ++at, &t->v[i]);
        else
            r = sqlite_bind(s, stmt, ++at, &t->v[i], t->v[i].val, why, e);
    }
    if (r > 0)
        r = sqlite_step(s, stmt, why, e);
    if (r > 0 && s->base.spec->mode == SINK_INSERT &&
        sqlite3_changes64(s->db) == 0)
        s->base.ignored++;
    return r;
}

int sqlite_row_write(struct sqlite_sink *s, const struct sink_record *r,
                     struct sink_refusal *why, struct err *e)
{
    if (sqlite_room(s, r->text.n, e))
        return -1;
    int done = table_take_record(&s->table, s->base.spec, r, why, e);
    return done > 0 ? sqlite_row_put(s, why, e) : done;
}
