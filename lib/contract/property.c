/* Properties: what a contract says of single values, as a JSON Schema. */
#include "contract/odcs.h"

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
         odcs_counts(o, v, keys, 2)))
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
         odcs_counts(o, v, keys, 2)))
        return -1;
    odcs_back(o, mark);
    if (odcs_true(v[A_UNIQUE]))
        odcs_member(o, "uniqueItems", STR("true"));
    if (!items)
        return 0;
    odcs_key(o, "items");
    odcs_member(o, "items", STR(""));
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
            odcs_member(o, "type",
                        STR("[\"boolean\",\"number\",\"string\",\"array\","
                            "\"object\"]"));
        return odcs_note(o, y, "no logicalType: values of any type pass");
    }
    odcs_member(o, "type", STR(""));
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
        r = odcs_write_string(o, options);
    else if (options && (type == LOGICAL_NUMBER || type == LOGICAL_INTEGER))
        r = odcs_write_number(o, type, options);
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
    odcs_member(o, "properties", STR("{"));
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
        odcs_member(o, "required", STR("["));
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
