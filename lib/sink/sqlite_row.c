#include "sink/sqlite.h"

#include "json/number.h"
#include "json/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REAL_DIGITS 15 /* every decimal of so many survives a double */

/* ---- values ---- */

/* Text that SQLite's numeric affinity would turn into a number. */
static bool looks_numeric(struct str s)
{
    char copy[64];
    while (s.n && (*s.p == ' ' || (*s.p >= '\t' && *s.p <= '\r')))
        s.p++, s.n--;
    if (s.n == 0 || s.n >= sizeof(copy) || !strchr("+-.0123456789", *s.p))
        return s.n >= sizeof(copy) && strspn(s.p, "+-.0123456789eE ") >= s.n;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    char *end;
    (void)strtod(copy, &end);
    while (*end == ' ')
        end++;
    return *end == '\0';
}

static int bind_string(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                       const struct column *c, struct val v,
                       struct sink_refusal *why)
{
    struct str text = { v.raw.p + 1, v.raw.n - 2 };
    if (memchr(text.p, '\\', text.n)) {
        /* Room for the whole record was made: earlier slices stay put. */
        size_t from = s->text.n;
        json_unescape(&s->text, text);
        text = (struct str){ s->text.p + from, s->text.n - from };
        if (memchr(text.p, '\0', text.n))
            return sink_refusef(why, "nul_in_text", str_of(c->name),
                                "holds a NUL character");
        if (!utf8_valid(text))
            return sink_refusef(why, "lone_surrogate", str_of(c->name),
                                "holds half a surrogate pair");
    }
    if (c->kind == COLUMN_NUMERIC && looks_numeric(text))
        return sink_refusef(why, "type_mismatch", str_of(c->name),
                            "is a string that column type %s would turn into a "
                            "number",
                            c->type);
    sqlite3_bind_text64(stmt, at, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
    return 1;
}

static int bind_scaled(sqlite3_stmt *stmt, int at, const struct column *c,
                       struct val v, struct sink_refusal *why)
{
    int64_t n;
    if (!number_scaled_i64(v.raw, c->places, &n))
        return sink_refusef(why, "decimal_scale", str_of(c->name),
                            "%.*s is no multiple of 10^-%u within 64 bits",
                            (int)(v.raw.n > 60 ? 60 : v.raw.n), v.raw.p,
                            c->places);
    sqlite3_bind_int64(stmt, at, n);
    return 1;
}

static int bind_number(sqlite3_stmt *stmt, int at, const struct column *c,
                       struct val v, struct sink_refusal *why)
{
    int64_t i;
    if (c->kind == COLUMN_SCALED)
        return bind_scaled(stmt, at, c, v, why);
    if (c->kind == COLUMN_DECIMAL) {
        sqlite3_bind_text64(stmt, at, v.raw.p, v.raw.n, SQLITE_STATIC,
                            SQLITE_UTF8);
        return 1;
    }
    if (c->kind != COLUMN_REAL && number_to_i64(v.raw, &i)) {
        sqlite3_bind_int64(stmt, at, i);
        return 1;
    }
    struct number n = number_parse(v.raw);
    char text[400];
    double d = HUGE_VAL;
    if (n.digits <= REAL_DIGITS && v.raw.n < sizeof(text)) {
        memcpy(text, v.raw.p, v.raw.n);
        text[v.raw.n] = '\0';
        d = strtod(text, NULL);
        if (isfinite(d) && (n.zero || fabs(d) >= 2.2250738585072014e-308)) {
            sqlite3_bind_double(stmt, at, d);
            return 1;
        }
    }
    return sink_refusef(
        why, "number_precision", str_of(c->name),
        "%.*s%s does not fit: SQLite keeps 64-bit integers and 15 "
        "digits (--decimal %s=text or %s=scaled:N keeps it exact)",
        (int)(v.raw.n > 60 ? 60 : v.raw.n), v.raw.p, v.raw.n > 60 ? "..." : "",
        c->name, c->name);
}

int sqlite_row_bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                    const struct column *c, struct val v,
                    struct sink_refusal *why, struct err *e)
{
    enum column_kind k = c->kind;
    bool numbers = k == COLUMN_ANY || k == COLUMN_INTEGER || k == COLUMN_REAL ||
                   k == COLUMN_NUMERIC || k == COLUMN_DECIMAL ||
                   k == COLUMN_SCALED;
    switch (v.type) {
    case JSON_MISSING:
    case JSON_NULL: sqlite3_bind_null(stmt, at); return 1;
    case JSON_TRUE:
    case JSON_FALSE:
        if (k != COLUMN_BOOLEAN && k != COLUMN_ANY && k != COLUMN_INTEGER &&
            k != COLUMN_NUMERIC)
            return table_mismatch(why, c, v);
        sqlite3_bind_int(stmt, at, v.type == JSON_TRUE);
        return 1;
    case JSON_NUMBER:
        return numbers ? bind_number(stmt, at, c, v, why)
                       : table_mismatch(why, c, v);
    case JSON_STRING:
        if (k != COLUMN_TEXT && k != COLUMN_ANY && k != COLUMN_NUMERIC)
            return table_mismatch(why, c, v);
        return bind_string(s, stmt, at, c, v, why);
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (k != COLUMN_JSON && k != COLUMN_ANY && k != COLUMN_TEXT)
            return table_mismatch(why, c, v);
        sqlite3_bind_text64(stmt, at, v.raw.p, v.raw.n, SQLITE_STATIC,
                            SQLITE_UTF8);
        return 1;
    }
    return err_set(e, ERR_BUG, "value of no type");
}

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

static void add_conflict(struct sqlite_sink *s, const char *fields)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(&s->sql, i ? ", " : " ON CONFLICT(");
        sqlite_quote(&s->sql, spec->keys[i]);
    }
    bool first = true;
    for (size_t i = 0; i < s->table.n; i++) {
        if (fields[i] == '0' || s->table.v[i].key)
            continue;
        buf_addz(&s->sql, first ? ") DO UPDATE SET " : ", ");
        first = false;
        sqlite_quote(&s->sql, str_of(s->table.v[i].name));
        buf_addz(&s->sql, " = excluded.");
        sqlite_quote(&s->sql, str_of(s->table.v[i].name));
    }
    if (first)
        buf_addz(&s->sql, ") DO NOTHING");
}

static void drop_shape(struct shape *sh)
{
    sqlite3_finalize(sh->stmt);
    free(sh->fields);
    *sh = (struct shape){ 0 };
}

void sqlite_row_free(struct sqlite_sink *s)
{
    for (size_t i = 0; i < s->n_shapes; i++)
        drop_shape(&s->shapes[i]);
    s->n_shapes = s->next_shape = 0;
}

/* The statement for the set of fields in s->fields. */
static sqlite3_stmt *statement(struct sqlite_sink *s, struct err *e)
{
    struct str want = buf_str(&s->fields);
    for (size_t i = 0; i < s->n_shapes; i++)
        if (str_eq((struct str){ s->shapes[i].fields, s->shapes[i].n }, want))
            return s->shapes[i].stmt;
    struct shape *sh = &s->shapes[s->next_shape];
    s->next_shape = (s->next_shape + 1) % SHAPES_MAX;
    drop_shape(sh);
    if (s->n_shapes < SHAPES_MAX)
        s->n_shapes++;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO ");
    sqlite_quote(&s->sql, str_of(s->base.spec->table));
    if (memchr(want.p, '1', want.n)) {
        buf_addz(&s->sql, "(");
        add_list(s, want.p, false);
        buf_addz(&s->sql, ") VALUES(");
        add_list(s, want.p, true);
        buf_addz(&s->sql, ")");
    } else {
        buf_addz(&s->sql, " DEFAULT VALUES");
    }
    if (s->base.spec->mode == SINK_UPSERT)
        add_conflict(s, want.p);
    const char *sql = buf_z(&s->sql);
    sh->fields = malloc(want.n ? want.n : 1);
    if (!sql || !sh->fields) {
        err_nomem(e);
        return NULL;
    }
    memcpy(sh->fields, want.p, want.n);
    sh->n = want.n;
    if (sqlite3_prepare_v3(s->db, sql, (int)s->sql.n, SQLITE_PREPARE_PERSISTENT,
                           &sh->stmt, NULL) != SQLITE_OK)
        sqlite_fail(s, e, "prepare to write to");
    return sh->stmt;
}

static int step_row(struct sqlite_sink *s, sqlite3_stmt *stmt,
                    struct sink_refusal *why, struct err *e)
{
    int step = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    if (step == SQLITE_DONE)
        return 1;
    /* The statement is undone, the transaction stands. */
    if ((step & 0xff) == SQLITE_CONSTRAINT ||
        (step & 0xff) == SQLITE_MISMATCH || (step & 0xff) == SQLITE_TOOBIG)
        return sink_refusef(why, "constraint", STR(""), "%s",
                            sqlite3_errmsg(s->db));
    return sqlite_fail(s, e, "write to");
}

int sqlite_row_write(struct sqlite_sink *s, struct str record,
                     struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct table *t = &s->table;
    bool all = spec->mode == SINK_UPSERT && spec->missing_null;
    buf_reset(&s->text);
    buf_reset(&s->fields);
    if (buf_reserve(&s->text, record.n))
        return err_nomem(e);
    int r = table_take(t, spec, record, why, e);
    if (r <= 0)
        return r;
    for (size_t i = 0; i < t->n; i++)
        buf_addc(&s->fields,
                 all || t->v[i].val.type != JSON_MISSING ? '1' : '0');
    if (s->fields.failed)
        return err_nomem(e);
    sqlite3_stmt *stmt = statement(s, e);
    if (!stmt)
        return -1;
    for (size_t i = 0, at = 0; r > 0 && i < t->n; i++)
        if (s->fields.p[i] == '1')
            r = sqlite_row_bind(s, stmt, (int)++at, &t->v[i], t->v[i].val, why,
                                e);
    return r > 0 ? step_row(s, stmt, why, e) : r;
}
