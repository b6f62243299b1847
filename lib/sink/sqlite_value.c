#include "sink/sqlite.h"

#include "base/digits.h"
#include "json/check.h"
#include "json/key.h"
#include "json/number.h"
#include "sink/range.h"

#include <math.h>
#include <stdlib.h>

#define REAL_DIGITS 15 /* every decimal of so many survives a double */

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

static int set_text(struct cell *cell, struct str text)
{
    cell->kind = CELL_TEXT;
    cell->text = text;
    return 1;
}

static int set_integer(struct cell *cell, int64_t v)
{
    cell->kind = CELL_INTEGER;
    cell->integer = v;
    return 1;
}

static int set_real(struct cell *cell, double v)
{
    cell->kind = CELL_REAL;
    cell->real = v;
    return 1;
}

static int take_string(struct sqlite_sink *s, const struct column *c,
                       struct val v, struct cell *cell,
                       struct sink_refusal *why)
{
    struct str text = { v.raw.p + 1, v.raw.n - 2 };
    /* Room for the whole record was made: earlier slices stay put. */
    if (!s->table.plain && table_characters(&s->text, c, v, &text, why) <= 0)
        return 0;
    if (c->kind == COLUMN_NUMERIC && looks_numeric(text))
        return sink_refusef(why, "type_mismatch", str_of(c->name),
                            "is a string that column type %s would turn into a "
                            "number",
                            c->type);
    return set_text(cell, text);
}

static int take_scaled(const struct column *c, struct val v, struct cell *cell,
                       struct sink_refusal *why)
{
    int64_t n;
    if (!number_scaled_i64(v.raw, c->places, &n))
        return sink_refusef(why, "decimal_scale", str_of(c->name),
                            "%.*s is no multiple of 10^-%u within 64 bits",
                            (int)(v.raw.n > 60 ? 60 : v.raw.n), v.raw.p,
                            c->places);
    return set_integer(cell, n);
}

/* Numbers of few digits, which most are: exact as integers, and a quotient of
 * two doubles that are exact is the nearest one. */
static bool take_short(const struct column *c, struct str text,
                       struct cell *cell)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3, 1e4,  1e5,
                                     1e6,  1e7,  1e8,  1e9, 1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15 };
    uint64_t v;
    int32_t scale;
    bool minus = *text.p == '-';
    if (text.n > REAL_DIGITS ||
        !digits_read(text.p + minus, text.n - minus, &v, &scale))
        return false;
    if (c->kind != COLUMN_REAL && c->kind != COLUMN_INTEGER &&
        c->kind != COLUMN_ANY && c->kind != COLUMN_NUMERIC)
        return false;
    while (c->kind != COLUMN_REAL && scale && v % 10 == 0) {
        v /= 10; /* 1.0 is whole */
        scale--;
    }
    if (c->kind == COLUMN_REAL || scale) {
        double d = (double)v / powers[scale];
        return set_real(cell, minus && v ? -d : d);
    }
    return set_integer(cell, minus ? -(int64_t)v : (int64_t)v);
}

static int take_number(const struct column *c, struct val v, struct cell *cell,
                       struct sink_refusal *why)
{
    int64_t i;
    if (take_short(c, v.raw, cell))
        return 1;
    if (c->kind == COLUMN_SCALED)
        return take_scaled(c, v, cell, why);
    if (c->kind == COLUMN_DECIMAL)
        return set_text(cell, v.raw);
    if (c->kind != COLUMN_REAL && number_to_i64(v.raw, &i))
        return set_integer(cell, i);
    struct number n = number_parse(v.raw);
    char text[400];
    double d = HUGE_VAL;
    if (n.digits <= REAL_DIGITS && v.raw.n < sizeof(text)) {
        memcpy(text, v.raw.p, v.raw.n);
        text[v.raw.n] = '\0';
        d = strtod(text, NULL);
        if (isfinite(d) && (n.zero || fabs(d) >= 2.2250738585072014e-308))
            return set_real(cell, d);
    }
    return sink_refusef(
        why, "number_precision", str_of(c->name),
        "%.*s%s does not fit: SQLite keeps 64-bit integers and 15 "
        "digits (--decimal %s=text or %s=scaled:N keeps it exact)",
        (int)(v.raw.n > 60 ? 60 : v.raw.n), v.raw.p, v.raw.n > 60 ? "..." : "",
        c->name, c->name);
}

int sqlite_cell(struct sqlite_sink *s, const struct column *c, struct val v,
                struct cell *cell, struct sink_refusal *why, struct err *e)
{
    enum column_kind k = c->kind;
    bool numbers = k == COLUMN_ANY || k == COLUMN_INTEGER || k == COLUMN_REAL ||
                   k == COLUMN_NUMERIC || k == COLUMN_DECIMAL ||
                   k == COLUMN_SCALED;
    switch (v.type) {
    case JSON_MISSING:
    case JSON_NULL: cell->kind = CELL_NULL; return 1;
    case JSON_TRUE:
    case JSON_FALSE:
        if (k != COLUMN_BOOLEAN && k != COLUMN_ANY && k != COLUMN_INTEGER &&
            k != COLUMN_NUMERIC)
            return table_mismatch(why, c, v);
        return set_integer(cell, v.type == JSON_TRUE);
    case JSON_NUMBER:
        return numbers ? take_number(c, v, cell, why)
                       : table_mismatch(why, c, v);
    case JSON_STRING:
        if (k != COLUMN_TEXT && k != COLUMN_ANY && k != COLUMN_NUMERIC)
            return table_mismatch(why, c, v);
        return take_string(s, c, v, cell, why);
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (k != COLUMN_JSON && k != COLUMN_ANY && k != COLUMN_TEXT)
            return table_mismatch(why, c, v);
        return set_text(cell, v.raw);
    }
    return err_set(e, ERR_BUG, "value of no type");
}

void sqlite_bind_cell(sqlite3_stmt *stmt, int at, const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_NULL: sqlite3_bind_null(stmt, at); break;
    case CELL_INTEGER: sqlite3_bind_int64(stmt, at, cell->integer); break;
    case CELL_REAL: sqlite3_bind_double(stmt, at, cell->real); break;
    case CELL_TEXT: sqlite_bind_str(stmt, at, cell->text); break;
    }
}

int sqlite_bind(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                const struct column *c, struct val v, struct sink_refusal *why,
                struct err *e)
{
    struct cell cell;
    int r = sqlite_cell(s, c, v, &cell, why, e);
    if (r > 0)
        sqlite_bind_cell(stmt, at, &cell);
    return r;
}

int sqlite_bind_keys(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                     struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int r = 1;
    for (size_t i = 0; r > 0 && i < spec->n_keys; i++) {
        const struct column *c = table_find(&s->table, spec->keys[i]);
        r = c ? sqlite_bind(s, stmt, at + (int)i, c, c->val, why, e)
              : err_set(e, ERR_BUG, "key column is gone");
    }
    return r;
}

void sqlite_bind_str(sqlite3_stmt *stmt, int at, struct str text)
{
    sqlite3_bind_text64(stmt, at, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
}

struct str sqlite_audit(const struct sqlite_sink *s, const struct column *c)
{
    const struct sink_spec *spec = s->base.spec;
    struct str text = STR("");
    for (size_t i = 0; i < spec->n_audit; i++)
        if (sqlite3_stricmp(spec->audit_names[i].p, c->name) == 0)
            text = spec->audit_values[i];
    return text;
}

/* ---- functions */

static struct str text_of(sqlite3_value *v)
{
    const unsigned char *p = sqlite3_value_text(v);
    return (struct str){ p ? (const char *)p : "",
                         p ? (size_t)sqlite3_value_bytes(v) : 0 };
}

/* pipe_in_range(value): is it within what the load replaces? */
static void in_range(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    const struct sink_spec *spec = sqlite3_user_data(ctx);
    int type = sqlite3_value_type(v[0]);
    (void)n;
    bool number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
    sqlite3_result_int(ctx, (number || type == SQLITE_TEXT) &&
                                range_has(spec->range_from, spec->range_to,
                                          number, text_of(v[0])));
}

/* The same for a column of decimals as text. */
static void decimal_in_range(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    const struct sink_spec *spec = sqlite3_user_data(ctx);
    (void)n;
    sqlite3_result_int(ctx, json_number_valid(text_of(v[0])) &&
                                range_has(spec->range_from, spec->range_to,
                                          true, text_of(v[0])));
}

/* pipe_overlap(partition, partition) */
static void overlap(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    (void)n;
    sqlite3_result_int(ctx, range_overlap(text_of(v[0]), text_of(v[1])));
}

/* pipe_same(value, value): the same JSON value, however it is written? */
static void same(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    struct buf a = { 0 }, b = { 0 };
    struct str x = text_of(v[0]), y = text_of(v[1]);
    bool nulls[] = { sqlite3_value_type(v[0]) == SQLITE_NULL,
                     sqlite3_value_type(v[1]) == SQLITE_NULL };
    (void)n;
    bool equal = nulls[0] && nulls[1];
    if (!nulls[0] && !nulls[1])
        equal = str_eq(x, y) || (key_add(&a, json_val(x)) == 0 &&
                                 key_add(&b, json_val(y)) == 0 &&
                                 str_eq(buf_str(&a), buf_str(&b)));
    buf_free(&a);
    buf_free(&b);
    sqlite3_result_int(ctx, equal);
}

int sqlite_functions(struct sqlite_sink *s, struct err *e)
{
    static const struct {
        const char *name;
        int n;
        void (*run)(sqlite3_context *ctx, int n, sqlite3_value **v);
    } f[] = { { "pipe_in_range", 1, in_range },
              { "pipe_decimal_in_range", 1, decimal_in_range },
              { "pipe_overlap", 2, overlap },
              { "pipe_same", 2, same } };
    for (size_t i = 0; i < sizeof(f) / sizeof(*f); i++)
        if (sqlite3_create_function(s->db, f[i].name, f[i].n,
                                    SQLITE_UTF8 | SQLITE_DETERMINISTIC |
                                        SQLITE_DIRECTONLY,
                                    (void *)(uintptr_t)s->base.spec, f[i].run,
                                    NULL, NULL) != SQLITE_OK)
            return sqlite_fail(s, e, "open");
    return 0;
}
