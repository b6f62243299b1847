#include "sink/pg.h"

#include "base/base64.h"
#include "base/digits.h"
#include "json/number.h"

#include <limits.h>

#define SHOWN 60 /* bytes of a value in a message */

static int shown(struct str s)
{
    return s.n > SHOWN ? SHOWN : (int)s.n;
}

/* ---- text of COPY: backslash, tab, newline and return are escaped ---- */

static const char escapes[256] = {
    ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
    ['\t'] = 't', ['\v'] = 'v', ['\\'] = '\\'
};

static void add_escaped(struct buf *out, struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = escapes[(unsigned char)s.p[i]];
        if (!c)
            continue;
        buf_add(out, s.p + from, i - from);
        buf_addc(out, '\\');
        buf_addc(out, c);
        from = i + 1;
    }
    buf_add(out, s.p + from, s.n - from);
}

void pg_row_number(struct buf *out, uint64_t v)
{
    char digits[20], *p = digits + sizeof(digits);
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

/* The characters of a string value; 0 with why where they are no text. */
static int characters(struct pg_sink *s, const struct column *c, struct val v,
                      struct str *text, struct sink_refusal *why)
{
    buf_reset(&s->text);
    return table_characters(&s->text, c, v, text, why);
}

/* ---- numbers ---- */

static int too_precise(struct sink_refusal *why, const struct column *c,
                       struct str n)
{
    return sink_refusef(why, "number_precision", str_of(c->name),
                        "%.*s%s does not fit %s exactly", shown(n), n.p,
                        n.n > SHOWN ? "..." : "", c->type);
}

static int add_integer(struct buf *out, const struct column *c, struct str n,
                       struct sink_refusal *why)
{
    int64_t v;
    int64_t most = c->bytes == 2   ? INT16_MAX
                   : c->bytes == 4 ? INT32_MAX
                                   : INT64_MAX;
    if (!number_to_i64(n, &v) || v > most || v < -most - 1)
        return too_precise(why, c, n);
    /* 1.0 and 1e3 are whole numbers that the server would not take. */
    if (memchr(n.p, '.', n.n) || memchr(n.p, 'e', n.n) || memchr(n.p, 'E', n.n))
        buf_addf(out, "%lld", (long long)v);
    else
        buf_add_str(out, n);
    return 1;
}

/* The numbers that are most: no exponent, few digits. Any decimal takes them.
 */
static bool is_short(struct str n)
{
    uint64_t v;
    int32_t scale;
    bool minus = *n.p == '-';
    return digits_read(n.p + minus, n.n - minus, &v, &scale);
}

/* A decimal with a declared scale would be rounded to it. */
static int add_decimal(struct buf *out, const struct column *c, struct str n,
                       struct sink_refusal *why)
{
    if (!c->bounded && is_short(n)) {
        buf_add_str(out, n);
        return 1;
    }
    struct number x = number_parse(n);
    if (!number_in_range(&x))
        return too_precise(why, c, n);
    if (c->bounded && !x.zero) {
        int64_t lowest = x.adjusted - (int64_t)x.digits + 1;
        if (lowest < -(int64_t)c->places ||
            x.adjusted + 1 > (int64_t)c->precision - (int64_t)c->places)
            return too_precise(why, c, n);
    }
    buf_add_str(out, n);
    return 1;
}

static int add_number(struct pg_sink *s, struct buf *out, struct column *c,
                      struct str n, struct sink_refusal *why, struct err *e)
{
    int64_t i;
    switch (c->kind) {
    case COLUMN_INTEGER:
        /* What a schema declares stays as it is. */
        if (s->base.spec->create && !s->base.spec->n_columns && c->bytes == 8 &&
            !number_to_i64(n, &i)) {
            if (pg_create_widen(s, c, e))
                return -1;
            return add_decimal(out, c, n, why);
        }
        return add_integer(out, c, n, why);
    case COLUMN_REAL: {
        struct number x = number_parse(n);
        int64_t far = c->precision > 6 ? 300 : 36;
        if (x.digits > c->precision ||
            (!x.zero && (x.adjusted > far || x.adjusted < -far)))
            return too_precise(why, c, n);
        buf_add_str(out, n);
        return 1;
    }
    default: return add_decimal(out, c, n, why);
    }
}

/* Bytes come in hexadecimal as PostgreSQL writes them, or in base64. */
static int add_bytes(struct pg_sink *s, struct buf *out, const struct column *c,
                     struct str text, struct sink_refusal *why)
{
    static const char hex[] = "0123456789abcdef";
    if (text.n >= 2 && text.p[0] == '\\' && text.p[1] == 'x') {
        add_escaped(out, text);
        return 1;
    }
    buf_reset(&s->bytes);
    if (base64_decode(&s->bytes, text) == -2)
        return sink_refusef(why, "type_mismatch", str_of(c->name),
                            "is neither base64 nor \\x and hexadecimal");
    buf_addz(out, "\\\\x");
    for (size_t i = 0; i < s->bytes.n; i++) {
        unsigned char b = (unsigned char)s->bytes.p[i];
        buf_addc(out, hex[b >> 4]);
        buf_addc(out, hex[b & 15]);
    }
    return 1;
}

/* ---- arrays ---- */

static enum column_kind element_kind(const struct column *c)
{
    if (strcmp(c->type, "json[]") == 0 || strcmp(c->type, "jsonb[]") == 0)
        return COLUMN_JSON;
    return strcmp(c->type, "bytea[]") == 0 ? COLUMN_BYTES : COLUMN_TEXT;
}

static void add_quoted(struct buf *out, struct str text)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_addz(out, "\\\\"); /* one for COPY, one for it */
        add_escaped(out, (struct str){ text.p + i, 1 });
    }
    buf_addc(out, '"');
}

/* A string as an element: 1, or 0 where it is refused. */
static int add_text(struct pg_sink *s, struct buf *out, const struct column *c,
                    enum column_kind kind, struct val v,
                    struct sink_refusal *why)
{
    struct str text;
    if (characters(s, c, v, &text, why) <= 0)
        return 0;
    if (kind != COLUMN_BYTES) {
        add_quoted(out, text);
        return 1;
    }
    buf_addz(out, "\"\\\\");
    if (add_bytes(s, out, c, text, why) <= 0)
        return 0;
    buf_addc(out, '"');
    return 1;
}

/* A JSON array as PostgreSQL writes one: {1,2,"x"}. Elements are quoted where
 * they are strings, or whole documents; the server parses them. */
static int add_array(struct pg_sink *s, struct buf *out, const struct column *c,
                     struct str array, struct sink_refusal *why)
{
    struct json_iter it = json_iter(array);
    enum column_kind kind = element_kind(c);
    struct val v;
    bool first = true;
    buf_addc(out, '{');
    while (json_next(&it, NULL, &v)) {
        if (!first)
            buf_addc(out, ',');
        first = false;
        if (v.type == JSON_NULL) {
            buf_addz(out, "NULL");
        } else if (kind == COLUMN_JSON || v.type == JSON_OBJECT) {
            add_quoted(out, v.raw);
        } else if (v.type == JSON_ARRAY) {
            if (add_array(s, out, c, v.raw, why) <= 0)
                return 0;
        } else if (v.type == JSON_STRING) {
            if (add_text(s, out, c, kind, v, why) <= 0)
                return 0;
        } else {
            buf_add_str(out, v.raw);
        }
    }
    buf_addc(out, '}');
    return 1;
}

/* ---- values ---- */

static int add_string(struct pg_sink *s, struct buf *out,
                      const struct column *c, struct val v,
                      struct sink_refusal *why)
{
    struct str text;
    int r = characters(s, c, v, &text, why);
    if (r <= 0)
        return r;
    if (c->kind == COLUMN_BYTES)
        return add_bytes(s, out, c, text, why);
    /* What COPY escapes JSON escapes, too. */
    if (text.p == v.raw.p + 1)
        buf_add_str(out, text);
    else
        add_escaped(out, text);
    return 1;
}

static int add_value(struct pg_sink *s, struct buf *out, struct column *c,
                     struct sink_refusal *why, struct err *e)
{
    struct val v = c->val;
    bool number = c->kind == COLUMN_INTEGER || c->kind == COLUMN_REAL ||
                  c->kind == COLUMN_DECIMAL;
    if (v.type <= JSON_NULL) {
        buf_addz(out, "\\N");
        return 1;
    }
    if (c->kind == COLUMN_JSON) {
        add_escaped(out, v.raw);
        return 1;
    }
    switch (v.type) {
    case JSON_TRUE:
    case JSON_FALSE:
        if (c->kind != COLUMN_BOOLEAN)
            return table_mismatch(why, c, v);
        buf_addc(out, v.type == JSON_TRUE ? 't' : 'f');
        return 1;
    case JSON_NUMBER:
        return number ? add_number(s, out, c, v.raw, why, e)
                      : table_mismatch(why, c, v);
    case JSON_STRING:
        if (c->kind != COLUMN_TEXT && c->kind != COLUMN_PARSED &&
            c->kind != COLUMN_BYTES)
            return table_mismatch(why, c, v);
        return add_string(s, out, c, v, why);
    case JSON_ARRAY:
        return c->kind == COLUMN_ARRAY ? add_array(s, out, c, v.raw, why)
                                       : table_mismatch(why, c, v);
    default: return table_mismatch(why, c, v);
    }
}

int pg_row_encode(struct pg_sink *s, const char *fields, struct buf *out,
                  struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    size_t from = out->n;
    bool first = true;
    for (size_t i = 0; i < s->table.n; i++) {
        struct column *c = &s->table.v[i];
        if (fields[i] == '0')
            continue;
        if (!first)
            buf_addc(out, '\t');
        first = false;
        if (c->audit) {
            for (size_t k = 0; k < spec->n_audit; k++)
                if (str_eq(spec->audit_names[k], str_of(c->name)))
                    add_escaped(out, spec->audit_values[k]);
            continue;
        }
        if (i == s->order_at) {
            pg_row_number(out, s->number);
            continue;
        }
        int r = add_value(s, out, c, why, e);
        if (r <= 0) {
            out->n = from;
            return r;
        }
    }
    return out->failed || s->bytes.failed ? err_nomem(e) : 1;
}
