/* One value into a vector of DuckDB: exact, or refused. */
#include "sink/duck_stage.h"

#include "base/base64.h"
#include "base/date.h"
#include "json/number.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN 60 /* bytes of a value in a message */

static int shown(struct str s)
{
    return s.n > SHOWN ? SHOWN : (int)s.n;
}

/* ---- types ---- */

#define BITS(n) (((duck_int)1 << (n)) - 1)

static duck_int power10(unsigned n)
{
    duck_int v = 1;
    while (n--)
        v *= 10;
    return v;
}

static bool is_integer(struct column *c, struct duck_column *more)
{
    const struct {
        const char *name;
        unsigned bytes;
        duck_int least, most;
    } known[] = {
        { "BIGINT", 8, -BITS(63) - 1, BITS(63) },
        { "INTEGER", 4, -BITS(31) - 1, BITS(31) },
        { "SMALLINT", 2, -BITS(15) - 1, BITS(15) },
        { "TINYINT", 1, -BITS(7) - 1, BITS(7) },
        { "UBIGINT", 8, 0, BITS(64) },
        { "UINTEGER", 4, 0, BITS(32) },
        { "USMALLINT", 2, 0, BITS(16) },
        { "UTINYINT", 1, 0, BITS(8) },
        { "HUGEINT", 16, 1 - power10(DUCK_DIGITS), power10(DUCK_DIGITS) - 1 },
        { "UHUGEINT", 16, 0, power10(DUCK_DIGITS) - 1 },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(c->type, known[i].name) == 0) {
            c->kind = COLUMN_INTEGER;
            c->bytes = known[i].bytes;
            more->least = known[i].least;
            more->most = known[i].most;
            more->staged =
                more->most > BITS(63) ? STAGED_HUGEINT : STAGED_BIGINT;
            return true;
        }
    return false;
}

static bool is_decimal(struct column *c, struct duck_column *more)
{
    unsigned width, places;
    if (sscanf(c->type, "DECIMAL(%2u,%2u)", &width, &places) != 2)
        return false;
    c->kind = COLUMN_DECIMAL;
    c->bounded = true;
    c->precision = width;
    c->places = places;
    more->staged = width <= 18 ? STAGED_DECIMAL18 : STAGED_DECIMAL38;
    return true;
}

void duck_value_kind(struct column *c, struct duck_column *more)
{
    static const struct {
        const char *name;
        enum column_kind kind;
        enum duck_staged staged;
        unsigned precision;
    } known[] = {
        { "VARCHAR", COLUMN_TEXT, STAGED_TEXT, 0 },
        { "JSON", COLUMN_JSON, STAGED_TEXT, 0 },
        { "BOOLEAN", COLUMN_BOOLEAN, STAGED_BOOLEAN, 0 },
        { "DOUBLE", COLUMN_REAL, STAGED_DOUBLE, 15 },
        { "FLOAT", COLUMN_REAL, STAGED_DOUBLE, 6 },
        { "BLOB", COLUMN_BYTES, STAGED_BLOB, 0 },
        { "DATE", COLUMN_PARSED, STAGED_DATE, 0 },
        { "TIMESTAMP", COLUMN_PARSED, STAGED_TIMESTAMP, 0 },
        { "TIMESTAMP WITH TIME ZONE", COLUMN_PARSED, STAGED_TIMESTAMPTZ, 0 },
    };
    if (is_integer(c, more) || is_decimal(c, more))
        return;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(c->type, known[i].name) == 0) {
            c->kind = known[i].kind;
            c->precision = known[i].precision;
            more->staged = known[i].staged;
            return;
        }
    /* A list's or struct's text is not JSON. */
    size_t n = strlen(c->type);
    c->kind = COLUMN_PARSED;
    more->staged = STAGED_TEXT;
    more->parsed = true;
    more->unfit =
        (n && c->type[n - 1] == ']') || strncmp(c->type, "STRUCT(", 7) == 0 ||
        strncmp(c->type, "MAP(", 4) == 0 || strncmp(c->type, "UNION(", 6) == 0;
}

/* ---- numbers ---- */

static int too_precise(struct sink_refusal *why, const struct column *c,
                       struct str n)
{
    return sink_refusef(why, "number_precision", str_of(c->name),
                        "%.*s%s does not fit %s exactly", shown(n), n.p,
                        n.n > SHOWN ? "..." : "", c->type);
}

/* The next digit of a number, from the first significant one on. */
static int next_digit(const struct number *x, size_t i)
{
    size_t skip = 0;
    if (x->whole.n == 0)
        while (skip < x->frac.n && x->frac.p[skip] == '0')
            skip++;
    i += skip;
    if (i < x->whole.n)
        return x->whole.p[i] - '0';
    i -= x->whole.n;
    return i < x->frac.n ? x->frac.p[i] - '0' : 0;
}

/* The number times 10^places, if that is whole and has up to `digits`. */
static bool scaled(struct str text, unsigned places, unsigned digits,
                   duck_int *v)
{
    int64_t small;
    if (number_scaled_i64(text, places, &small)) {
        *v = small;
        return digits > 18 ||
               (small < power10(digits) && small > -power10(digits));
    }
    struct number x = number_parse(text);
    int64_t n = x.adjusted + 1 + (int64_t)places;
    *v = 0;
    if (x.zero)
        return true;
    if (n > (int64_t)digits || (int64_t)x.digits > n)
        return false;
    for (int64_t i = 0; i < n; i++)
        *v = *v * 10 + (i < (int64_t)x.digits ? next_digit(&x, (size_t)i) : 0);
    if (x.neg)
        *v = -*v;
    return true;
}

bool duck_value_plain(struct buf *out, struct str number)
{
    if (!memchr(number.p, 'e', number.n) && !memchr(number.p, 'E', number.n)) {
        buf_add_str(out, number);
        return number.n <= DUCK_DIGITS + 2 ||
               number_parse(number).digits <= DUCK_DIGITS;
    }
    struct number x = number_parse(number);
    if (x.adjusted >= DUCK_DIGITS || x.adjusted <= -DUCK_DIGITS ||
        x.digits > DUCK_DIGITS)
        return false;
    buf_addz(out, x.neg ? "-" : "");
    int64_t whole = x.zero || x.adjusted < 0 ? 0 : x.adjusted + 1;
    if (whole == 0)
        buf_addc(out, '0');
    for (int64_t i = 0; i < whole; i++)
        buf_addc(out, (char)('0' + next_digit(&x, (size_t)i)));
    if (x.zero || (int64_t)x.digits <= x.adjusted + 1)
        return true;
    buf_addc(out, '.');
    for (int64_t i = x.adjusted + 1; i < 0; i++)
        buf_addc(out, '0');
    for (int64_t i = whole; i < (int64_t)x.digits; i++)
        buf_addc(out, (char)('0' + next_digit(&x, (size_t)i)));
    return true;
}

/* Digits behind the point, as spelled: 1.10 has two. */
static unsigned places_of(struct str plain)
{
    const char *point = memchr(plain.p, '.', plain.n);
    return point ? (unsigned)(plain.p + plain.n - point - 1) : 0;
}

/* A number whose column waits for its type: it must fit with all others. */
static int put_waiting(struct duck_stage *s, size_t i, struct str n,
                       struct str *plain, struct sink_refusal *why)
{
    struct column *c = &s->table.v[i];
    struct duck_column *m = &s->more[i];
    int64_t v;
    buf_reset(&s->text);
    struct number x = number_parse(n);
    bool fits = duck_value_plain(&s->text, n);
    *plain = buf_str(&s->text);
    bool integer = number_is_integer(n);
    unsigned whole = x.zero || x.adjusted < 0 ? 0 : (unsigned)x.adjusted + 1;
    unsigned places = places_of(*plain);
    /* Zeros behind the last digit are kept where there is room. */
    unsigned needed = x.zero || (int64_t)x.digits <= x.adjusted + 1
                          ? 0
                          : (unsigned)((int64_t)x.digits - x.adjusted - 1);
    unsigned most = whole > m->whole ? whole : m->whole;
    if (fits && places > needed && most + places > DUCK_DIGITS) {
        plain->n -= places - needed;
        plain->n -= needed == 0;
        places = needed;
    }
    unsigned behind = places > m->places ? places : m->places;
    /* Of whole numbers the places do not count. */
    bool fraction = m->fraction || !integer;
    if (!fits || most + (fraction ? behind : 0) > DUCK_DIGITS)
        return sink_refusef(why, "number_precision", str_of(c->name),
                            "%.*s%s and the column's other numbers do not fit "
                            "a DECIMAL of %d digits",
                            shown(n), n.p, n.n > SHOWN ? "..." : "",
                            DUCK_DIGITS);
    m->whole = most;
    m->places = behind;
    m->fraction = fraction;
    m->long_integer |= integer && !number_to_i64(n, &v);
    return 1;
}

/* Is the double that a number is read as the very same number? */
static bool is_double(struct str n)
{
    char text[64], back[64];
    if (n.n >= sizeof(text))
        return false;
    memcpy(text, n.p, n.n);
    text[n.n] = '\0';
    int k = snprintf(back, sizeof(back), "%.17g", strtod(text, NULL));
    return k > 0 && number_cmp(n, (struct str){ back, (size_t)k }) == 0;
}

static int put_real(struct duck_vector *v, size_t row, const struct column *c,
                    struct str n, struct sink_refusal *why)
{
    struct number x = number_parse(n);
    int64_t far = c->precision > 6 ? 300 : 36;
    bool fits = x.zero || (x.adjusted < far && x.adjusted > -far);
    if (!fits ||
        (x.digits > c->precision && !(c->precision == 15 && is_double(n))))
        return too_precise(why, c, n);
    char text[400];
    if (n.n >= sizeof(text))
        return too_precise(why, c, n);
    memcpy(text, n.p, n.n);
    text[n.n] = '\0';
    ((double *)v->data)[row] = strtod(text, NULL);
    return 1;
}

static int put_integer(struct duck_stage *s, size_t i, struct duck_vector *v,
                       struct str n, struct sink_refusal *why)
{
    const struct column *c = &s->table.v[i];
    const struct duck_column *m = &s->more[i];
    duck_int x = 0;
    bool decimal = c->kind == COLUMN_DECIMAL;
    bool fits = scaled(n, decimal ? c->places : 0,
                       decimal ? c->precision : DUCK_DIGITS, &x) &&
                (decimal || (x >= m->least && x <= m->most));
    if (!fits)
        return m->may_widen ? 2 : too_precise(why, c, n);
    if (m->staged == STAGED_BIGINT || m->staged == STAGED_DECIMAL18)
        ((int64_t *)v->data)[s->rows] = (int64_t)x;
    else
        ((duck_int *)v->data)[s->rows] = x;
    return 1;
}

/* ---- texts ---- */

/* The characters of a string value; 0 with why where they are no text. */
static int characters(struct duck_stage *s, const struct column *c,
                      struct val v, struct str *text, struct sink_refusal *why)
{
    buf_reset(&s->text);
    return table_characters(&s->text, c, v, text, why);
}

static int assign(struct duck_stage *s, struct duck_vector *v, struct str text)
{
    s->duck->api->vector_assign_string_element_len(v->vector, s->rows, text.p,
                                                   text.n);
    s->bytes += text.n;
    return 1;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Bytes come in base64, or as \x and hexadecimal. */
static int put_bytes(struct duck_stage *s, struct duck_vector *v,
                     const struct column *c, struct str text,
                     struct sink_refusal *why, struct err *e)
{
    struct buf bytes = { 0 };
    bool hex = text.n >= 2 && text.p[0] == '\\' && text.p[1] == 'x';
    bool good = !hex || text.n % 2 == 0;
    for (size_t i = 2; hex && good && i < text.n; i += 2) {
        int a = hex_digit(text.p[i]), b = hex_digit(text.p[i + 1]);
        good = a >= 0 && b >= 0;
        buf_addc(&bytes, (char)(a * 16 + b));
    }
    if (!hex)
        good = base64_decode(&bytes, text) != -2;
    int r = bytes.failed ? err_nomem(e)
            : !good      ? sink_refusef(why, "type_mismatch", str_of(c->name),
                                        "is neither base64 nor \\x and "
                                             "hexadecimal")
                         : assign(s, v, buf_str(&bytes));
    buf_free(&bytes);
    return r;
}

/* A timestamp without a zone is in UTC. */
static int put_time(struct duck_stage *s, struct duck_vector *v,
                    const struct column *c, enum duck_staged staged,
                    struct str text, struct sink_refusal *why)
{
    int64_t t;
    bool good = staged == STAGED_DATE ? date_parse(text, &t)
                                      : time_parse(text, s->spec->tz, &t);
    if (!good)
        return sink_refusef(why, "invalid_value", str_of(c->name),
                            "'%.*s'%s is no %s", shown(text), text.p,
                            text.n > SHOWN ? "..." : "",
                            staged == STAGED_DATE ? "date" : "time");
    if (staged == STAGED_DATE)
        ((int32_t *)v->data)[s->rows] = (int32_t)t;
    else
        ((int64_t *)v->data)[s->rows] = t;
    return 1;
}

static int put_string(struct duck_stage *s, size_t i, struct duck_vector *v,
                      struct val val, struct sink_refusal *why, struct err *e)
{
    const struct column *c = &s->table.v[i];
    struct str text;
    if (characters(s, c, val, &text, why) <= 0)
        return 0;
    switch (s->more[i].staged) {
    case STAGED_BLOB: return put_bytes(s, v, c, text, why, e);
    case STAGED_DATE:
    case STAGED_TIMESTAMP:
    case STAGED_TIMESTAMPTZ:
        return put_time(s, v, c, s->more[i].staged, text, why);
    default: return assign(s, v, text);
    }
}

/* ---- any ---- */

static void set_valid(struct duck_vector *v, size_t row, bool valid)
{
    uint64_t bit = (uint64_t)1 << row % 64;
    if (valid)
        v->valid[row / 64] |= bit;
    else
        v->valid[row / 64] &= ~bit;
}

/* Audit columns have texts, one of them a time. */
static int put_audit(struct duck_stage *s, size_t i, struct duck_vector *v,
                     struct sink_refusal *why)
{
    const struct sink_spec *spec = s->spec;
    struct str text = STR("");
    for (size_t k = 0; k < spec->n_audit; k++)
        if (str_eq(spec->audit_names[k], str_of(s->table.v[i].name)))
            text = spec->audit_values[k];
    if (s->more[i].staged == STAGED_TEXT)
        return assign(s, v, text);
    return put_time(s, v, &s->table.v[i], s->more[i].staged, text, why);
}

static int put_number(struct duck_stage *s, size_t i, struct duck_vector *v,
                      struct str n, struct sink_refusal *why)
{
    const struct column *c = &s->table.v[i];
    struct str plain;
    switch (c->kind) {
    case COLUMN_NUMERIC:
        if (put_waiting(s, i, n, &plain, why) <= 0)
            return 0;
        return assign(s, v, plain);
    case COLUMN_INTEGER:
    case COLUMN_DECIMAL: return put_integer(s, i, v, n, why);
    case COLUMN_REAL: return put_real(v, s->rows, c, n, why);
    default: return table_mismatch(why, c, (struct val){ JSON_NUMBER, n });
    }
}

int duck_value_put(struct duck_stage *s, size_t i, struct sink_refusal *why,
                   struct err *e)
{
    const struct column *c = &s->table.v[i];
    struct duck_vector *v = &s->vectors[i + 2];
    struct val val = c->val;
    bool null = val.type <= JSON_NULL && !c->audit;
    set_valid(v, s->rows, !null);
    if (null)
        return 1;
    if (c->audit)
        return put_audit(s, i, v, why);
    if (s->more[i].unfit)
        return table_mismatch(why, c, val);
    if (c->kind == COLUMN_JSON)
        return assign(s, v, val.raw);
    switch (val.type) {
    case JSON_TRUE:
    case JSON_FALSE:
        if (c->kind != COLUMN_BOOLEAN)
            return table_mismatch(why, c, val);
        ((bool *)v->data)[s->rows] = val.type == JSON_TRUE;
        return 1;
    case JSON_NUMBER: return put_number(s, i, v, val.raw, why);
    case JSON_STRING:
        if (c->kind != COLUMN_TEXT && c->kind != COLUMN_PARSED &&
            c->kind != COLUMN_BYTES)
            return table_mismatch(why, c, val);
        return put_string(s, i, v, val, why, e);
    default: return table_mismatch(why, c, val);
    }
}
