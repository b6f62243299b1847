#include "sink/sqlite.h"

#include "json/number.h"
#include "json/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REAL_DIGITS 15 /* every decimal of so many survives a double */

static int refuse(struct sink_refusal *why, const char *code,
                  const struct column *c, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(struct sink_refusal *why, const char *code,
                  const struct column *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->message, sizeof(why->message), fmt, ap);
    va_end(ap);
    why->code = code;
    why->column = c ? str_of(c->name) : STR("");
    return 0;
}

static int type_mismatch(struct sink_refusal *why, const struct column *c,
                         struct val v)
{
    return refuse(why, "type_mismatch", c, "is %s, column is %s",
                  json_type_name(v.type), *c->type ? c->type : "untyped");
}

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
            return refuse(why, "nul_in_text", c, "holds a NUL character");
        if (!utf8_valid(text))
            return refuse(why, "lone_surrogate", c,
                          "holds half a surrogate pair");
    }
    if (c->kind == COLUMN_NUMERIC && looks_numeric(text))
        return refuse(why, "type_mismatch", c,
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
        return refuse(why, "decimal_scale", c,
                      "%.*s is no multiple of 10^-%u within 64 bits",
                      (int)(v.raw.n > 60 ? 60 : v.raw.n), v.raw.p, c->places);
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
    return refuse(why, "number_precision", c,
                  "%.*s%s does not fit: SQLite keeps 64-bit integers and 15 "
                  "digits (--decimal %s=text or %s=scaled:N keeps it exact)",
                  (int)(v.raw.n > 60 ? 60 : v.raw.n), v.raw.p,
                  v.raw.n > 60 ? "..." : "", c->name, c->name);
}

int row_bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
             const struct column *c, struct val v, struct sink_refusal *why,
             struct err *e)
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
            return type_mismatch(why, c, v);
        sqlite3_bind_int(stmt, at, v.type == JSON_TRUE);
        return 1;
    case JSON_NUMBER:
        return numbers ? bind_number(stmt, at, c, v, why)
                       : type_mismatch(why, c, v);
    case JSON_STRING:
        if (k != COLUMN_TEXT && k != COLUMN_ANY && k != COLUMN_NUMERIC)
            return type_mismatch(why, c, v);
        return bind_string(s, stmt, at, c, v, why);
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (k != COLUMN_JSON && k != COLUMN_ANY && k != COLUMN_TEXT)
            return type_mismatch(why, c, v);
        sqlite3_bind_text64(stmt, at, v.raw.p, v.raw.n, SQLITE_STATIC,
                            SQLITE_UTF8);
        return 1;
    }
    return err_set(e, ERR_BUG, "value of no type");
}

/* ---- the record's fields ---- */

static int take_field(struct sqlite_sink *s, struct str name, struct val v,
                      struct sink_refusal *why, struct err *e)
{
    if (name.n == 0 || memchr(name.p, '\0', name.n))
        return refuse(why, "column_name", NULL,
                      "a field name is empty or holds NUL");
    struct column *c = table_find(s, name);
    if (!c) {
        if (!s->base.spec->create)
            return refuse(why, "unknown_column", NULL,
                          "table has no column '%.*s' (--create adds it)",
                          (int)(name.n > 200 ? 200 : name.n), name.p);
        if (s->n_columns == COLUMNS_MAX)
            return refuse(why, "unknown_column", NULL,
                          "table cannot have more than %d columns",
                          COLUMNS_MAX);
        if (table_add_column(s, name, v, e))
            return -1;
        c = &s->columns[s->n_columns - 1];
        c->val.type = JSON_MISSING;
    }
    if (c->val.type != JSON_MISSING && !str_eq(c->spelled, name))
        return refuse(why, "column_name", c,
                      "two fields differ only in case: column names do not");
    c->val = v;
    c->spelled = name;
    return 1;
}

/* Fills the columns' values from the record. */
static int take_fields(struct sqlite_sink *s, struct str record,
                       struct sink_refusal *why, struct err *e)
{
    struct json_iter it = json_iter(record);
    struct str raw;
    struct val v;
    s->guess = 0;
    for (size_t i = 0; i < s->n_columns; i++)
        s->columns[i].val.type = JSON_MISSING;
    while (json_next(&it, &raw, &v)) {
        struct str name = raw;
        if (memchr(raw.p, '\\', raw.n)) {
            size_t from = s->keys.n;
            json_unescape(&s->keys, raw);
            name = (struct str){ s->keys.p + from, s->keys.n - from };
            if (!utf8_valid(name))
                return refuse(why, "column_name", NULL,
                              "a field name holds half a surrogate pair");
        }
        int r = take_field(s, name, v, why, e);
        if (r <= 0)
            return r;
    }
    return it.broken ? refuse(why, "not_json", NULL, "not JSON") : 1;
}

/* The partition's value: filled in where the record has none, and no other. */
static int check_partition(struct sqlite_sink *s, struct sink_refusal *why,
                           struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (spec->part_column.n == 0)
        return 1;
    struct val want = json_val(s->part_json);
    struct column *c = table_find(s, spec->part_column);
    if (!c || c->val.type == JSON_MISSING)
        return take_field(s, spec->part_column, want, why, e);
    struct val have = c->val;
    bool same;
    if (have.type == JSON_NUMBER)
        same = want.type == JSON_NUMBER && number_cmp(have.raw, want.raw) == 0;
    else
        same = have.type == JSON_STRING &&
               json_raw_equals((struct str){ have.raw.p + 1, have.raw.n - 2 },
                               spec->part_value);
    if (same)
        return 1;
    return refuse(why, "wrong_partition", c,
                  "is %.*s, the load replaces '%.*s'",
                  (int)(have.raw.n > 60 ? 60 : have.raw.n), have.raw.p,
                  STR_ARG(spec->part_value));
}

static int null_key(struct sink_refusal *why, struct str key, struct val v)
{
    refuse(why, "null_key", NULL, "key '%.*s' is %s", STR_ARG(key),
           v.type == JSON_NULL ? "null" : "missing");
    why->column = key;
    return 0;
}

int row_has_keys(struct sqlite_sink *s, struct str record,
                 struct sink_refusal *why)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        struct val v = json_get(json_val(record), spec->keys[i]);
        if (v.type <= JSON_NULL)
            return null_key(why, spec->keys[i], v);
    }
    return 1;
}

static int check_keys(struct sqlite_sink *s, struct sink_refusal *why)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        struct column *c = table_find(s, spec->keys[i]);
        struct val v = c ? c->val : (struct val){ JSON_MISSING, STR("") };
        if (v.type <= JSON_NULL)
            return null_key(why, spec->keys[i], v);
    }
    return 1;
}

/* ---- statements ---- */

static void add_list(struct sqlite_sink *s, const char *fields, bool marks)
{
    bool first = true;
    for (size_t i = 0; i < s->n_columns; i++) {
        if (fields[i] == '0')
            continue;
        buf_addz(&s->sql, first ? "" : ", ");
        first = false;
        if (marks)
            buf_addc(&s->sql, '?');
        else
            sqlite_quote(&s->sql, str_of(s->columns[i].name));
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
    for (size_t i = 0; i < s->n_columns; i++) {
        if (fields[i] == '0' || s->columns[i].key)
            continue;
        buf_addz(&s->sql, first ? ") DO UPDATE SET " : ", ");
        first = false;
        sqlite_quote(&s->sql, str_of(s->columns[i].name));
        buf_addz(&s->sql, " = excluded.");
        sqlite_quote(&s->sql, str_of(s->columns[i].name));
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

void row_free(struct sqlite_sink *s)
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
        return refuse(why, "constraint", NULL, "%s", sqlite3_errmsg(s->db));
    return sqlite_fail(s, e, "write to");
}

int row_write(struct sqlite_sink *s, struct str record,
              struct sink_refusal *why, struct err *e)
{
    bool all = s->base.spec->mode == SINK_UPSERT && s->base.spec->missing_null;
    buf_reset(&s->text);
    buf_reset(&s->keys);
    buf_reset(&s->fields);
    if (buf_reserve(&s->text, record.n) || buf_reserve(&s->keys, record.n))
        return err_nomem(e);
    int r = take_fields(s, record, why, e);
    if (r > 0)
        r = check_partition(s, why, e);
    if (r > 0)
        r = check_keys(s, why);
    if (r <= 0)
        return r;
    for (size_t i = 0; i < s->n_columns; i++)
        buf_addc(&s->fields,
                 all || s->columns[i].val.type != JSON_MISSING ? '1' : '0');
    if (s->fields.failed)
        return err_nomem(e);
    sqlite3_stmt *stmt = statement(s, e);
    if (!stmt)
        return -1;
    for (size_t i = 0, at = 0; r > 0 && i < s->n_columns; i++)
        if (s->fields.p[i] == '1')
            r = row_bind(s, stmt, (int)++at, &s->columns[i], s->columns[i].val,
                         why, e);
    return r > 0 ? step_row(s, stmt, why, e) : r;
}
