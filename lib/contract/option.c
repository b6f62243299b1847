/* logicalTypeOptions of strings and numbers. */
#include "contract/odcs.h"

#include "json/number.h"
#include "schema/format.h"
#include "schema/pattern.h"

enum option {
    N_MINIMUM,
    N_MAXIMUM,
    N_EXCLUSIVE_MINIMUM,
    N_EXCLUSIVE_MAXIMUM,
    N_MULTIPLE_OF,
    N_FORMAT,
    N_KEYS
};

/* 3.0 has true or false for exclusive bounds, 3.1 the bounds themselves. */
static const struct odcs_key number_keys[] = {
    [N_MINIMUM] = { "minimum", T_NUMBER },
    [N_MAXIMUM] = { "maximum", T_NUMBER },
    [N_EXCLUSIVE_MINIMUM] = { "exclusiveMinimum", T_NUMBER | T_BOOLEAN },
    [N_EXCLUSIVE_MAXIMUM] = { "exclusiveMaximum", T_NUMBER | T_BOOLEAN },
    [N_MULTIPLE_OF] = { "multipleOf", T_NUMBER },
    [N_FORMAT] = { "format", T_STRING },
};

static int whole(struct odcs *o, const struct yaml *y, const char *key)
{
    struct number n = number_parse(y->text);
    if (number_is_integer(y->text) && !n.neg)
        return 0;
    odcs_key(o, key);
    return odcs_fail(o, y, "%.*s is no whole number from 0 up",
                     ODCS_SHOWN(y->text));
}

void odcs_member(struct odcs *o, const char *key, struct str json)
{
    struct buf *out = &o->c->schema;
    if (out->n && out->p[out->n - 1] != '{')
        buf_addc(out, ',');
    buf_addf(out, "\"%s\":", key);
    buf_add_str(out, json);
}

void odcs_text(struct odcs *o, const char *key, struct str text)
{
    odcs_member(o, key, STR(""));
    json_quote(&o->c->schema, text);
}

/* Lengths and counts: min and max of the keys that are there. */
int odcs_counts(struct odcs *o, const struct yaml *const *v,
                const struct odcs_key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!v[i])
            continue;
        if (whole(o, v[i], keys[i].name))
            return -1;
        odcs_member(o, keys[i].name, v[i]->text);
    }
    return 0;
}

/* ---- strings */

static int add_pattern(struct odcs *o, const struct yaml *y)
{
    struct buf why = { 0 };
    struct pattern *p = pattern_new(y->text, NULL, &why);
    int r = 0;
    if (!p) {
        odcs_key(o, "pattern");
        r = why.n && buf_z(&why) ? odcs_fail(o, y, "%s", why.p)
                                 : err_nomem(o->e);
    }
    pattern_free(p);
    buf_free(&why);
    if (r == 0)
        odcs_text(o, "pattern", y->text);
    return r;
}

/* Formats that the standard names beside those of JSON Schema. Of a password
 * or of any bytes nothing can be said. */
static int add_format(struct odcs *o, const struct yaml *y)
{
    size_t mark = odcs_key(o, "format");
    int r = 0;
    if (str_eq(y->text, STR("byte")))
        odcs_text(o, "pattern",
                  STR("^(?:[A-Za-z0-9+/]{4})*"
                      "(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"));
    else if (format_find(y->text))
        odcs_text(o, "format", y->text);
    else if (!str_eq(y->text, STR("password")) &&
             !str_eq(y->text, STR("binary")))
        r = odcs_beyond(o, CONTRACT_FORMAT, y, "format '%.*s' is not known",
                        ODCS_SHOWN(y->text));
    odcs_back(o, mark);
    return r < 0 ? -1 : 0;
}

int odcs_write_string(struct odcs *o, const struct yaml *options)
{
    enum { S_MIN, S_MAX, S_PATTERN, S_FORMAT, S_KEYS };
    static const struct odcs_key keys[] = {
        [S_MIN] = { "minLength", T_NUMBER },
        [S_MAX] = { "maxLength", T_NUMBER },
        [S_PATTERN] = { "pattern", T_STRING },
        [S_FORMAT] = { "format", T_STRING },
    };
    const struct yaml *v[S_KEYS];
    if (odcs_members(o, options, "options of a string", keys, S_KEYS, v) ||
        odcs_counts(o, v, keys, 2) ||
        (v[S_PATTERN] && add_pattern(o, v[S_PATTERN])))
        return -1;
    if (!v[S_FORMAT])
        return 0;
    if (!v[S_PATTERN] || !str_eq(v[S_FORMAT]->text, STR("byte")))
        return add_format(o, v[S_FORMAT]);
    /* Two patterns: one of them stands in a schema of its own. */
    odcs_member(o, "allOf", STR("[{"));
    int r = add_format(o, v[S_FORMAT]);
    buf_addz(&o->c->schema, "}]");
    return r;
}

/* ---- numbers */

/* What fits into the bits that a format stands for. */
static int add_bits(struct odcs *o, enum logical type, const struct yaml *y)
{
    static const struct {
        const char *format, *min, *max;
        enum logical type;
    } bits[] = {
        { "i8", "-128", "127", LOGICAL_INTEGER },
        { "i16", "-32768", "32767", LOGICAL_INTEGER },
        { "i32", "-2147483648", "2147483647", LOGICAL_INTEGER },
        { "i64", "-9223372036854775808", "9223372036854775807",
          LOGICAL_INTEGER },
        { "i128", "-170141183460469231731687303715884105728",
          "170141183460469231731687303715884105727", LOGICAL_INTEGER },
        { "u8", "0", "255", LOGICAL_INTEGER },
        { "u16", "0", "65535", LOGICAL_INTEGER },
        { "u32", "0", "4294967295", LOGICAL_INTEGER },
        { "u64", "0", "18446744073709551615", LOGICAL_INTEGER },
        { "u128", "0", "340282366920938463463374607431768211455",
          LOGICAL_INTEGER },
        { "f32", "-3.4028234663852886e38", "3.4028234663852886e38",
          LOGICAL_NUMBER },
        { "f64", "-1.7976931348623157e308", "1.7976931348623157e308",
          LOGICAL_NUMBER },
    };
    for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
        if (bits[i].type != type || !str_eq(y->text, str_of(bits[i].format)))
            continue;
        odcs_member(o, "allOf", STR("[{"));
        odcs_member(o, "minimum", str_of(bits[i].min));
        odcs_member(o, "maximum", str_of(bits[i].max));
        buf_addz(&o->c->schema, "}]");
        return 0;
    }
    size_t mark = odcs_key(o, "format");
    int r = odcs_beyond(o, CONTRACT_FORMAT, y, "format '%.*s' is not known",
                        ODCS_SHOWN(y->text));
    odcs_back(o, mark);
    return r < 0 ? -1 : 0;
}

static int add_bound(struct odcs *o, const struct yaml *const *v,
                     enum option inclusive, enum option exclusive)
{
    const struct yaml *y = v[exclusive];
    bool flag = y && y->type != JSON_NUMBER;
    if (odcs_true(y)) {
        if (v[inclusive])
            odcs_member(o, number_keys[exclusive].name, v[inclusive]->text);
        else
            return odcs_fail(o, y, "%s is true, and there is no %s",
                             number_keys[exclusive].name,
                             number_keys[inclusive].name);
        return 0;
    }
    if (y && !flag)
        odcs_member(o, number_keys[exclusive].name, y->text);
    if (v[inclusive])
        odcs_member(o, number_keys[inclusive].name, v[inclusive]->text);
    return 0;
}

int odcs_write_number(struct odcs *o, enum logical type,
                      const struct yaml *options)
{
    const struct yaml *v[N_KEYS];
    if (odcs_members(o, options, "options of a number", number_keys, N_KEYS,
                     v) ||
        add_bound(o, v, N_MINIMUM, N_EXCLUSIVE_MINIMUM) ||
        add_bound(o, v, N_MAXIMUM, N_EXCLUSIVE_MAXIMUM))
        return -1;
    const struct yaml *y = v[N_MULTIPLE_OF];
    if (y) {
        struct number n = number_parse(y->text);
        odcs_key(o, "multipleOf");
        if (n.neg || n.zero)
            return odcs_fail(o, y, "%.*s is not above 0", ODCS_SHOWN(y->text));
        if (!number_in_range(&n))
            return odcs_fail(o, y, "%.*s has an exponent beyond %d",
                             ODCS_SHOWN(y->text), NUMBER_EXPONENT_MAX);
        odcs_member(o, "multipleOf", y->text);
    }
    return v[N_FORMAT] ? add_bits(o, type, v[N_FORMAT]) : 0;
}
