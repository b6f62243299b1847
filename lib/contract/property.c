/* Properties: what a contract says of single values, as a JSON Schema. */
#include "contract/odcs.h"

#include "json/number.h"
#include "schema/format.h"
#include "schema/pattern.h"

#include <stdlib.h>

#define REQUIRED_MAX 1000 /* names in a list */

/* ---- logical types and their options */

static const char *const logical_names[] = {
    [LOGICAL_STRING] = "string",       [LOGICAL_DATE] = "date",
    [LOGICAL_TIMESTAMP] = "timestamp", [LOGICAL_TIME] = "time",
    [LOGICAL_NUMBER] = "number",       [LOGICAL_INTEGER] = "integer",
    [LOGICAL_OBJECT] = "object",       [LOGICAL_ARRAY] = "array",
    [LOGICAL_BOOLEAN] = "boolean"
};

enum logical odcs_logical(const struct yaml *property)
{
    const struct yaml *y = yaml_get(property, "logicalType");
    for (enum logical t = LOGICAL_STRING; y && t <= LOGICAL_BOOLEAN; t++)
        if (y->type == JSON_STRING && str_eq(y->text, str_of(logical_names[t])))
            return t;
    return LOGICAL_NONE;
}

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

static void add_member(struct odcs *o, const char *key, struct str json)
{
    struct buf *out = &o->c->schema;
    if (out->n && out->p[out->n - 1] != '{')
        buf_addc(out, ',');
    buf_addf(out, "\"%s\":", key);
    buf_add_str(out, json);
}

static void add_text(struct odcs *o, const char *key, struct str text)
{
    add_member(o, key, STR(""));
    json_quote(&o->c->schema, text);
}

/* Lengths and counts: min and max of the keys that are there. */
static int add_counts(struct odcs *o, const struct yaml *const *v,
                      const struct odcs_key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!v[i])
            continue;
        if (whole(o, v[i], keys[i].name))
            return -1;
        add_member(o, keys[i].name, v[i]->text);
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
        add_text(o, "pattern", y->text);
    return r;
}

/* Formats that the standard names beside those of JSON Schema. Of a password
 * or of any bytes nothing can be said. */
static int add_format(struct odcs *o, const struct yaml *y)
{
    size_t mark = odcs_key(o, "format");
    int r = 0;
    if (str_eq(y->text, STR("byte")))
        add_text(o, "pattern",
                 STR("^(?:[A-Za-z0-9+/]{4})*"
                     "(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"));
    else if (format_find(y->text))
        add_text(o, "format", y->text);
    else if (!str_eq(y->text, STR("password")) &&
             !str_eq(y->text, STR("binary")))
        r = odcs_beyond(o, CONTRACT_FORMAT, y, "format '%.*s' is not known",
                        ODCS_SHOWN(y->text));
    odcs_back(o, mark);
    return r < 0 ? -1 : 0;
}

static int write_string(struct odcs *o, const struct yaml *options)
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
        add_counts(o, v, keys, 2) ||
        (v[S_PATTERN] && add_pattern(o, v[S_PATTERN])))
        return -1;
    if (!v[S_FORMAT])
        return 0;
    if (!v[S_PATTERN] || !str_eq(v[S_FORMAT]->text, STR("byte")))
        return add_format(o, v[S_FORMAT]);
    /* Two patterns: one of them stands in a schema of its own. */
    add_member(o, "allOf", STR("[{"));
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
        add_member(o, "allOf", STR("[{"));
        add_member(o, "minimum", str_of(bits[i].min));
        add_member(o, "maximum", str_of(bits[i].max));
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
            add_member(o, number_keys[exclusive].name, v[inclusive]->text);
        else
            return odcs_fail(o, y, "%s is true, and there is no %s",
                             number_keys[exclusive].name,
                             number_keys[inclusive].name);
        return 0;
    }
    if (y && !flag)
        add_member(o, number_keys[exclusive].name, y->text);
    if (v[inclusive])
        add_member(o, number_keys[inclusive].name, v[inclusive]->text);
    return 0;
}

static int write_number(struct odcs *o, enum logical type,
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
        add_member(o, "multipleOf", y->text);
    }
    return v[N_FORMAT] ? add_bits(o, type, v[N_FORMAT]) : 0;
}

/* ---- objects and arrays */

static int write_object(struct odcs *o, const struct yaml *options,
                        const struct yaml *properties)
{
    enum { B_MIN, B_MAX, B_REQUIRED, B_KEYS };
    static const struct odcs_key keys[] = {
        [B_MIN] = { "minProperties", T_NUMBER },
        [B_MAX] = { "maxProperties", T_NUMBER },
        [B_REQUIRED] = { "required", T_ARRAY },
    };
    const struct yaml *v[B_KEYS] = { NULL };
    size_t mark = odcs_key(o, "logicalTypeOptions");
    if (options &&
        (odcs_members(o, options, "options of an object", keys, B_KEYS, v) ||
         add_counts(o, v, keys, 2)))
        return -1;
    if (v[B_REQUIRED] && v[B_REQUIRED]->n > REQUIRED_MAX)
        return odcs_fail(o, v[B_REQUIRED], "more than %d names are required",
                         REQUIRED_MAX);
    for (uint32_t i = 0; v[B_REQUIRED] && i < v[B_REQUIRED]->n; i++)
        if (odcs_check_type(o, v[B_REQUIRED]->v[i].value, "required", T_STRING))
            return -1;
    odcs_back(o, mark);
    return odcs_write_properties(o, properties, v[B_REQUIRED]);
}

static int write_property(struct odcs *o, const struct yaml *y, bool item);

static int write_array(struct odcs *o, const struct yaml *options,
                       const struct yaml *items)
{
    enum { A_MIN, A_MAX, A_UNIQUE, A_KEYS };
    static const struct odcs_key keys[] = {
        [A_MIN] = { "minItems", T_NUMBER },
        [A_MAX] = { "maxItems", T_NUMBER },
        [A_UNIQUE] = { "uniqueItems", T_BOOLEAN },
    };
    const struct yaml *v[A_KEYS] = { NULL };
    size_t mark = odcs_key(o, "logicalTypeOptions");
    if (options &&
        (odcs_members(o, options, "options of an array", keys, A_KEYS, v) ||
         add_counts(o, v, keys, 2)))
        return -1;
    odcs_back(o, mark);
    if (odcs_true(v[A_UNIQUE]))
        add_member(o, "uniqueItems", STR("true"));
    if (!items)
        return 0;
    odcs_key(o, "items");
    add_member(o, "items", STR(""));
    o->in_items++;
    int r = write_property(o, items, true);
    o->in_items--;
    odcs_back(o, mark);
    return r;
}

/* ---- properties */

enum property_key {
    P_NAME,
    P_PHYSICAL_NAME,
    P_LOGICAL_TYPE,
    P_OPTIONS,
    P_REQUIRED,
    P_UNIQUE,
    P_PRIMARY_KEY,
    P_PROPERTIES,
    P_ITEMS,
    P_QUALITY,
    P_RELATIONSHIPS,
    P_OTHERS
};

static const struct odcs_key property_keys[] = {
    [P_NAME] = { "name", T_STRING },
    [P_PHYSICAL_NAME] = { "physicalName", T_PROSE },
    [P_LOGICAL_TYPE] = { "logicalType", T_STRING },
    [P_OPTIONS] = { "logicalTypeOptions", T_OBJECT },
    [P_REQUIRED] = { "required", T_BOOLEAN },
    [P_UNIQUE] = { "unique", T_BOOLEAN },
    [P_PRIMARY_KEY] = { "primaryKey", T_BOOLEAN },
    [P_PROPERTIES] = { "properties", T_LIST },
    [P_ITEMS] = { "items", T_OBJECT },
    [P_QUALITY] = { "quality", T_LIST },
    [P_RELATIONSHIPS] = { "relationships", T_LIST },
    [P_OTHERS] = { "id", T_PROSE },
    { "primaryKeyPosition", T_NUMBER | T_NULL },
    { "physicalType", T_PROSE },
    { "description", T_PROSE },
    { "businessName", T_PROSE },
    { "authoritativeDefinitions", T_LIST },
    { "tags", T_LIST },
    { "customProperties", T_LIST },
    { "partitioned", T_BOOLEAN | T_NULL },
    { "partitionKeyPosition", T_NUMBER | T_NULL },
    { "classification", T_PROSE },
    { "encryptedName", T_PROSE },
    { "transformSourceObjects", T_LIST },
    { "transformLogic", T_PROSE },
    { "transformDescription", T_PROSE },
    { "examples", T_LIST },
    { "criticalDataElement", T_BOOLEAN | T_NULL },
};
#define PROPERTY_KEYS (sizeof(property_keys) / sizeof(*property_keys))

/* The logical type, also where only what is in it says so. */
static int logical_of(struct odcs *o, const struct yaml *y,
                      const struct yaml *const *v, enum logical *type)
{
    *type = odcs_logical(y);
    if (v[P_LOGICAL_TYPE] && *type == LOGICAL_NONE) {
        odcs_key(o, "logicalType");
        return odcs_fail(o, v[P_LOGICAL_TYPE],
                         "'%.*s' is none of string, date, timestamp, time, "
                         "number, integer, object, array, boolean",
                         ODCS_SHOWN(v[P_LOGICAL_TYPE]->text));
    }
    if (*type == LOGICAL_NONE && v[P_PROPERTIES])
        *type = LOGICAL_OBJECT;
    else if (*type == LOGICAL_NONE && v[P_ITEMS])
        *type = LOGICAL_ARRAY;
    if (v[P_PROPERTIES] && *type != LOGICAL_OBJECT)
        return odcs_fail(o, v[P_PROPERTIES],
                         "properties are for logicalType object");
    if (v[P_ITEMS] && *type != LOGICAL_ARRAY)
        return odcs_fail(o, v[P_ITEMS], "items are for logicalType array");
    if (v[P_OPTIONS] && v[P_OPTIONS]->n &&
        (*type == LOGICAL_NONE || *type == LOGICAL_BOOLEAN))
        return odcs_fail(o, v[P_OPTIONS],
                         *type ? "a boolean has no logicalTypeOptions"
                               : "logicalTypeOptions without a logicalType");
    return 0;
}

/* Null is a value of what is not required. */
static int write_type(struct odcs *o, const struct yaml *y, enum logical type,
                      bool required)
{
    static const char *const json[] = {
        [LOGICAL_STRING] = "string",    [LOGICAL_DATE] = "string",
        [LOGICAL_TIMESTAMP] = "string", [LOGICAL_TIME] = "string",
        [LOGICAL_NUMBER] = "number",    [LOGICAL_INTEGER] = "integer",
        [LOGICAL_OBJECT] = "object",    [LOGICAL_ARRAY] = "array",
        [LOGICAL_BOOLEAN] = "boolean"
    };
    if (type == LOGICAL_NONE) {
        if (required)
            add_member(o, "type",
                       STR("[\"boolean\",\"number\",\"string\",\"array\","
                           "\"object\"]"));
        return odcs_note(o, y, "no logicalType: values of any type pass");
    }
    add_member(o, "type", STR(""));
    buf_addf(&o->c->schema, required ? "\"%s\"" : "[\"%s\",\"null\"]",
             json[type]);
    return 0;
}

static int write_options(struct odcs *o, enum logical type,
                         const struct yaml *const *v)
{
    const struct yaml *options = v[P_OPTIONS];
    size_t mark;
    int r = 0;
    if (type == LOGICAL_OBJECT)
        return write_object(o, options, v[P_PROPERTIES]);
    if (type == LOGICAL_ARRAY)
        return write_array(o, options, v[P_ITEMS]);
    mark = odcs_key(o, "logicalTypeOptions");
    if (type == LOGICAL_DATE || type == LOGICAL_TIMESTAMP ||
        type == LOGICAL_TIME)
        r = odcs_write_times(o, type, options);
    else if (options && type == LOGICAL_STRING)
        r = write_string(o, options);
    else if (options && (type == LOGICAL_NUMBER || type == LOGICAL_INTEGER))
        r = write_number(o, type, options);
    odcs_back(o, mark);
    return r;
}

/* ---- what a property says of all records together */

static int add_unique(struct odcs *o, const struct yaml *y)
{
    struct buf body = { 0 };
    buf_addz(&body, "unique ");
    buf_add_str(&body, buf_str(&o->field));
    int r = body.failed ? err_nomem(o->e)
                        : odcs_rule(o, true, false, NULL, y, buf_str(&body));
    buf_free(&body);
    return r;
}

static int add_key(struct odcs *o, const struct yaml *y)
{
    if (o->key_at)
        buf_addz(&o->keys, ", ");
    else
        o->key_at = y;
    return buf_add_str(&o->keys, buf_str(&o->field)) ? err_nomem(o->e) : 0;
}

static int read_batch_rules(struct odcs *o, const struct yaml *const *v,
                            const struct yaml *y)
{
    bool unique = odcs_true(v[P_UNIQUE]), key = odcs_true(v[P_PRIMARY_KEY]);
    const struct yaml *list = v[P_QUALITY];
    if (o->in_items && (unique || key)) {
        int r = odcs_beyond(o, CONTRACT_ITEMS, y,
                            "keys within arrays cannot be compared");
        if (r < 0)
            return -1;
        unique = key = false;
    }
    if ((unique && add_unique(o, v[P_UNIQUE])) ||
        (key && add_key(o, v[P_PRIMARY_KEY])) ||
        odcs_relationships(o, v[P_RELATIONSHIPS]))
        return -1;
    if (!list)
        return 0;
    odcs_key(o, "quality");
    return odcs_quality(o, list, y);
}

static int write_property(struct odcs *o, const struct yaml *y, bool item)
{
    const struct yaml *v[PROPERTY_KEYS];
    enum logical type;
    size_t mark = o->path.n;
    const char *what = item ? "items" : "a property";
    if (odcs_members(o, y, what, property_keys, PROPERTY_KEYS, v) ||
        logical_of(o, y, v, &type))
        return -1;
    if (!item && !v[P_NAME])
        return odcs_fail(o, y, "property has no name");
    bool required = odcs_true(v[P_REQUIRED]) || odcs_true(v[P_PRIMARY_KEY]);
    buf_addc(&o->c->schema, '{');
    if (write_type(o, y, type, required) || write_options(o, type, v) ||
        read_batch_rules(o, v, y))
        return -1;
    buf_addc(&o->c->schema, '}');
    odcs_back(o, mark);
    return o->c->schema.failed ? err_nomem(o->e) : 0;
}

/* ---- lists of properties */

struct named {
    struct str name;
    const struct yaml *y;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int c = str_cmp(x->name, y->name);
    return c ? c : x->y->line < y->y->line ? -1 : x->y->line > y->y->line;
}

static int check_names(struct odcs *o, const struct yaml *list)
{
    struct named *v = calloc(list->n + 1, sizeof(*v));
    int r = v ? 0 : err_nomem(o->e);
    for (uint32_t i = 0; r == 0 && i < list->n; i++) {
        const struct yaml *y = list->v[i].value;
        size_t mark = odcs_index(o, i);
        v[i].y = y;
        r = y->type == JSON_OBJECT ? odcs_field(o, y, &v[i].name)
                                   : odcs_fail(o, y, "property is no mapping");
        if (r == 0)
            odcs_back(o, mark);
    }
    if (r == 0)
        qsort(v, list->n, sizeof(*v), by_name);
    for (uint32_t i = 1; r == 0 && i < list->n; i++)
        if (str_eq(v[i].name, v[i - 1].name))
            r = odcs_fail(o, v[i].y,
                          "field '%.*s' is given twice, first in line %u",
                          ODCS_SHOWN(v[i].name), v[i - 1].y->line);
    free(v);
    return r;
}

static int write_each(struct odcs *o, const struct yaml *list)
{
    struct buf *out = &o->c->schema;
    add_member(o, "properties", STR("{"));
    for (uint32_t i = 0; i < list->n; i++) {
        struct str name;
        size_t mark = odcs_index(o, i);
        if (odcs_field(o, list->v[i].value, &name))
            return -1;
        struct odcs_fields field = odcs_enter_field(o, name);
        if (i)
            buf_addc(out, ',');
        json_quote(out, name);
        buf_addc(out, ':');
        if (write_property(o, list->v[i].value, false))
            return -1;
        odcs_leave_field(o, field);
        odcs_back(o, mark);
    }
    return buf_addc(out, '}') ? err_nomem(o->e) : 0;
}

static bool is_required(const struct yaml *property)
{
    return odcs_true(yaml_get(property, "required")) ||
           odcs_true(yaml_get(property, "primaryKey"));
}

static void add_required(struct odcs *o, struct str name, bool *any)
{
    struct buf *out = &o->c->schema;
    if (*any)
        buf_addc(out, ',');
    else
        add_member(o, "required", STR("["));
    json_quote(out, name);
    *any = true;
}

/* The i-th name in `required`, as records have it, unless it is required
 * already. */
static int add_listed(struct odcs *o, const struct yaml *properties,
                      const struct yaml *required, uint32_t i, bool *any)
{
    struct str name = required->v[i].value->text;
    for (uint32_t k = 0; k < i; k++)
        if (str_eq(required->v[k].value->text, name))
            return 0;
    for (uint32_t k = 0; properties && k < properties->n; k++) {
        const struct yaml *property = properties->v[k].value;
        struct str field;
        if (odcs_field(o, property, &field))
            return -1;
        if (!str_eq(yaml_get(property, "name")->text, name) &&
            !str_eq(field, name))
            continue;
        if (is_required(property))
            return 0;
        name = field;
    }
    add_required(o, name, any);
    return 0;
}

int odcs_write_properties(struct odcs *o, const struct yaml *properties,
                          const struct yaml *required)
{
    bool any = false;
    struct str name;
    size_t mark = odcs_key(o, "properties");
    if (properties && (check_names(o, properties) || write_each(o, properties)))
        return -1;
    odcs_back(o, mark);
    for (uint32_t i = 0; properties && i < properties->n; i++) {
        const struct yaml *y = properties->v[i].value;
        if (!is_required(y))
            continue;
        if (odcs_field(o, y, &name))
            return -1;
        add_required(o, name, &any);
    }
    for (uint32_t i = 0; required && i < required->n; i++)
        if (add_listed(o, properties, required, i, &any))
            return -1;
    if (any)
        buf_addc(&o->c->schema, ']');
    return o->c->schema.failed ? err_nomem(o->e) : 0;
}
