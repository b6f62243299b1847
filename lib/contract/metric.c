/* Quality rules: the library's metrics become gates. */
#include "contract/odcs.h"

#include "base/decimal.h"
#include "json/number.h"
#include "schema/pattern.h"

#include <strings.h>

enum quality_key {
    Q_TYPE,
    Q_METRIC,
    Q_RULE,
    Q_ARGUMENTS,
    Q_VALID_VALUES,
    Q_UNIT,
    Q_SEVERITY,
    Q_ID,
    Q_NAME,
    Q_BE,
    Q_NOT_BE,
    Q_GREATER,
    Q_GREATER_OR_EQUAL,
    Q_LESS,
    Q_LESS_OR_EQUAL,
    Q_BETWEEN,
    Q_NOT_BETWEEN,
    Q_QUERY,
    Q_ENGINE,
    Q_IMPLEMENTATION,
    Q_OTHERS
};

static const struct odcs_key quality_keys[] = {
    [Q_TYPE] = { "type", T_STRING },
    [Q_METRIC] = { "metric", T_STRING },
    [Q_RULE] = { "rule", T_STRING },
    [Q_ARGUMENTS] = { "arguments", T_OBJECT | T_NULL },
    [Q_VALID_VALUES] = { "validValues", T_ARRAY },
    [Q_UNIT] = { "unit", T_STRING },
    [Q_SEVERITY] = { "severity", T_PROSE },
    [Q_ID] = { "id", T_PROSE },
    [Q_NAME] = { "name", T_PROSE },
    /* A query may give what is no number. */
    [Q_BE] = { "mustBe", T_ANY },
    [Q_NOT_BE] = { "mustNotBe", T_ANY },
    [Q_GREATER] = { "mustBeGreaterThan", T_NUMBER },
    [Q_GREATER_OR_EQUAL] = { "mustBeGreaterOrEqualTo", T_NUMBER },
    [Q_LESS] = { "mustBeLessThan", T_NUMBER },
    [Q_LESS_OR_EQUAL] = { "mustBeLessOrEqualTo", T_NUMBER },
    [Q_BETWEEN] = { "mustBeBetween", T_ARRAY },
    [Q_NOT_BETWEEN] = { "mustNotBeBetween", T_ARRAY },
    [Q_QUERY] = { "query", T_STRING },
    [Q_ENGINE] = { "engine", T_STRING },
    [Q_IMPLEMENTATION] = { "implementation", T_STRING | T_OBJECT },
    [Q_OTHERS] = { "description", T_PROSE },
    { "authoritativeDefinitions", T_LIST },
    { "businessImpact", T_PROSE },
    { "customProperties", T_LIST },
    { "dimension", T_PROSE },
    { "method", T_PROSE },
    { "schedule", T_PROSE },
    { "scheduler", T_PROSE },
    { "tags", T_LIST },
};
#define QUALITY_KEYS (sizeof(quality_keys) / sizeof(*quality_keys))

/* A rule that is being read. */
struct quality_rule {
    const struct yaml *y;
    const struct yaml *v[QUALITY_KEYS];
    const struct yaml *property; /* NULL: of the object */
    bool percent, warn;
    struct buf body;
};

/* ---- bounds */

/* Of a percentage the gate takes one from 0 to 100. */
static int add_number(struct odcs *o, struct quality_rule *r,
                      const struct yaml *y, const char *key)
{
    static const struct decimal hundred = { .small = 100 };
    struct decimal d = DECIMAL_ZERO;
    size_t mark = odcs_key(o, key);
    int rc = y->type == JSON_NUMBER ? 0 : odcs_fail(o, y, "is no number");
    int parsed = rc ? 0 : decimal_parse(&d, y->text);
    if (parsed == -1)
        rc = err_nomem(o->e);
    else if (parsed)
        rc = odcs_fail(o, y, "%.*s is out of range", ODCS_SHOWN(y->text));
    else if (rc == 0 && r->percent &&
             (decimal_cmp(&d, &DECIMAL_ZERO) < 0 ||
              decimal_cmp(&d, &hundred) > 0))
        rc = odcs_fail(o, y, "%.*s is no percentage from 0 to 100",
                       ODCS_SHOWN(y->text));
    decimal_free(&d);
    if (rc)
        return -1;
    buf_add_str(&r->body, y->text);
    if (r->percent)
        buf_addc(&r->body, '%');
    odcs_back(o, mark);
    return 0;
}

static bool is_below(const struct yaml *a, const struct yaml *b)
{
    return a->type == JSON_NUMBER && b->type == JSON_NUMBER &&
           number_cmp(a->text, b->text) < 0;
}

/* By the standard's text mustBeBetween is the same as mustBeGreaterThan with
 * mustBeLessThan: without its ends. */
static int add_between(struct odcs *o, struct quality_rule *r,
                       const struct yaml *y, const char *key, bool inside)
{
    if (y->n != 2 || !is_below(y->v[0].value, y->v[1].value)) {
        odcs_key(o, key);
        return odcs_fail(o, y, "wants two numbers, the lower one first");
    }
    buf_addz(&r->body, inside ? " > " : " <= ");
    if (add_number(o, r, y->v[0].value, key))
        return -1;
    buf_addz(&r->body, inside ? " and < " : " or >= ");
    return add_number(o, r, y->v[1].value, key);
}

static int add_bound(struct odcs *o, struct quality_rule *r, enum quality_key k)
{
    static const char *const signs[] = {
        [Q_BE] = " = ",      [Q_NOT_BE] = " <> ",
        [Q_GREATER] = " > ", [Q_GREATER_OR_EQUAL] = " >= ",
        [Q_LESS] = " < ",    [Q_LESS_OR_EQUAL] = " <= ",
    };
    const char *key = quality_keys[k].name;
    if (k == Q_BETWEEN || k == Q_NOT_BETWEEN)
        return add_between(o, r, r->v[k], key, k == Q_BETWEEN);
    buf_addz(&r->body, signs[k]);
    return add_number(o, r, r->v[k], key);
}

/* ---- measures */

static bool must_be_zero(const struct quality_rule *r)
{
    const struct yaml *y = r->v[Q_BE];
    struct decimal d = DECIMAL_ZERO;
    if (!y || y->type != JSON_NUMBER)
        return false;
    bool zero = decimal_parse(&d, y->text) == 0 && decimal_is_zero(&d);
    decimal_free(&d);
    return zero;
}

static int add_gate(struct odcs *o, struct quality_rule *r)
{
    const struct yaml *name = r->v[Q_ID] ? r->v[Q_ID] : r->v[Q_NAME];
    if (r->body.failed)
        return err_nomem(o->e);
    return odcs_rule(o, true, r->warn, name, r->y, buf_str(&r->body));
}

/* A gate for each bound of the measure that stands in r->body. */
static int add_gates(struct odcs *o, struct quality_rule *r)
{
    size_t measure = r->body.n, n = 0;
    for (enum quality_key k = Q_BE; k <= Q_NOT_BETWEEN; k++) {
        if (!r->v[k])
            continue;
        r->body.n = measure;
        if (add_bound(o, r, k) || add_gate(o, r))
            return -1;
        n++;
    }
    return n ? 0 : odcs_fail(o, r->y, "rule has no mustBe and nothing like it");
}

static void add_measure(struct odcs *o, struct quality_rule *r,
                        const char *what)
{
    buf_addf(&r->body, "%s%s of ", what, r->percent ? "share" : "count");
    buf_add_str(&r->body, buf_str(&o->field));
}

static int no_arguments(struct odcs *o, const struct quality_rule *r)
{
    const struct yaml *y = r->v[Q_ARGUMENTS];
    return y && y->n ? odcs_fail(o, y, "this metric takes no arguments") : 0;
}

/* ---- lists of values */

static bool is_of_type(const struct yaml *y, enum logical type)
{
    unsigned t = T_OF(y->type);
    switch (type) {
    case LOGICAL_NONE: return t & (T_BOOLEAN | T_NUMBER | T_STRING | T_NULL);
    case LOGICAL_NUMBER:
    case LOGICAL_INTEGER: return t & (T_NUMBER | T_NULL);
    case LOGICAL_BOOLEAN: return t & (T_BOOLEAN | T_NULL);
    case LOGICAL_OBJECT:
    case LOGICAL_ARRAY: return false;
    default: return t & (T_STRING | T_NULL);
    }
}

/* Adds " in (...)". A value that no record can have is a mistake. */
static int add_list(struct odcs *o, struct quality_rule *r,
                    const struct yaml *list, const char *key, bool nulls)
{
    enum logical type = odcs_logical(r->property);
    struct buf *out = &r->body;
    size_t n = 0;
    odcs_key(o, key);
    buf_addz(out, " in (");
    for (uint32_t i = 0; i < list->n; i++) {
        const struct yaml *y = list->v[i].value;
        size_t mark = odcs_index(o, i);
        if (!is_of_type(y, type))
            return odcs_fail(o, y, "%s is no value of this property",
                             odcs_type(y));
        if (y->type == JSON_STRING &&
            memchr(y->text.p, '\0', y->text.n + 1) != y->text.p + y->text.n)
            return odcs_fail(o, y, "value has a NUL in it");
        odcs_back(o, mark);
        if (y->type == JSON_NULL && !nulls)
            continue;
        if (n++)
            buf_addz(out, ", ");
        if (y->type == JSON_STRING)
            odcs_literal(out, y->text);
        else
            buf_add_str(out, y->text);
    }
    buf_addc(out, ')');
    return n ? 0 : odcs_fail(o, list, "no values are given");
}

/* ---- the metrics */

static int row_count(struct odcs *o, struct quality_rule *r)
{
    if (r->property)
        return odcs_fail(o, r->y, "rowCount is for objects, not properties");
    if (r->percent)
        return odcs_fail(o, r->v[Q_UNIT], "rows of what? rowCount is no share");
    buf_addz(&r->body, "rows");
    return no_arguments(o, r) ? -1 : add_gates(o, r);
}

static int null_values(struct odcs *o, struct quality_rule *r)
{
    add_measure(o, r, "null ");
    return no_arguments(o, r) ? -1 : add_gates(o, r);
}

/* Null and missing are the same to a contract. */
static int missing_values(struct odcs *o, struct quality_rule *r)
{
    static const struct odcs_key keys[] = { { "missingValues", T_ARRAY } };
    const struct yaml *v[1] = { NULL }, *y = r->v[Q_ARGUMENTS];
    size_t mark = odcs_key(o, "arguments");
    if (y && odcs_members(o, y, "arguments of missingValues", keys, 1, v))
        return -1;
    if (!v[0])
        return odcs_fail(o, r->y,
                         "missingValues needs the argument missingValues");
    add_measure(o, r, "");
    if (add_list(o, r, v[0], keys[0].name, true))
        return -1;
    odcs_back(o, mark);
    return add_gates(o, r);
}

static int invalid_pattern(struct odcs *o, struct quality_rule *r,
                           const struct yaml *y)
{
    struct buf why = { 0 };
    size_t mark = odcs_key(o, "pattern");
    struct pattern *p = pattern_new(y->text, NULL, &why);
    int rc = 0;
    if (!p)
        rc = why.n && buf_z(&why) ? odcs_fail(o, y, "%s", why.p)
                                  : err_nomem(o->e);
    else if (memchr(y->text.p, '\0', y->text.n + 1) != y->text.p + y->text.n)
        rc = odcs_fail(o, y, "pattern has a NUL in it");
    pattern_free(p);
    buf_free(&why);
    if (rc)
        return -1;
    odcs_back(o, mark);
    add_measure(o, r, "");
    buf_addz(&r->body, " not matching ");
    odcs_literal(&r->body, y->text);
    return 0;
}

static int invalid_list(struct odcs *o, struct quality_rule *r,
                        const struct yaml *list, bool none)
{
    size_t mark = o->path.n;
    if (none) { /* there is a gate of its own for this */
        buf_addz(&r->body, "values of ");
        buf_add_str(&r->body, buf_str(&o->field));
    } else {
        add_measure(o, r, "");
        buf_addz(&r->body, " not");
    }
    int rc = add_list(o, r, list, "validValues", false);
    odcs_back(o, mark);
    return rc;
}

/* Null and missing are neither valid nor invalid: nullValues asks for them. */
static int invalid_values(struct odcs *o, struct quality_rule *r)
{
    enum { I_VALUES, I_PATTERN, I_KEYS };
    static const struct odcs_key keys[] = {
        [I_VALUES] = { "validValues", T_ARRAY },
        [I_PATTERN] = { "pattern", T_STRING },
    };
    const struct yaml *v[I_KEYS] = { NULL }, *y = r->v[Q_ARGUMENTS];
    size_t mark = odcs_key(o, "arguments");
    if (y && odcs_members(o, y, "arguments of invalidValues", keys, I_KEYS, v))
        return -1;
    bool beside = !v[I_VALUES] && r->v[Q_VALID_VALUES];
    if (beside) /* as in 3.0 */
        v[I_VALUES] = r->v[Q_VALID_VALUES];
    if (v[I_VALUES] && v[I_PATTERN])
        return odcs_beyond(o, CONTRACT_METRIC, y,
                           "values that fail a list or a pattern cannot be "
                           "counted together") < 0
                   ? -1
                   : 0;
    if (!v[I_VALUES] && !v[I_PATTERN])
        return odcs_fail(o, r->y, "there is neither validValues nor pattern");
    if (beside)
        odcs_back(o, mark);
    bool bounded = false;
    for (enum quality_key k = Q_BE; k <= Q_NOT_BETWEEN; k++)
        bounded |= r->v[k] != NULL;
    /* "Valid values from a static list" is without a bound in 3.0. */
    bool none = must_be_zero(r) || (!bounded && r->v[Q_RULE]);
    if (v[I_PATTERN] ? invalid_pattern(o, r, v[I_PATTERN])
                     : invalid_list(o, r, v[I_VALUES], none))
        return -1;
    odcs_back(o, mark);
    if (!none || v[I_PATTERN])
        return add_gates(o, r);
    r->v[Q_BE] = NULL;
    if (add_gate(o, r))
        return -1;
    return 0;
}

/* The fields that `properties` names, separated by commas. */
static int add_fields(struct odcs *o, struct quality_rule *r,
                      const struct yaml *names)
{
    const struct yaml *list = yaml_get(o->object, "properties");
    if (!names->n)
        return odcs_fail(o, names, "no properties are given");
    for (uint32_t i = 0; i < names->n; i++) {
        const struct yaml *y = names->v[i].value, *found = NULL;
        struct str name;
        size_t mark = odcs_index(o, i);
        if (y->type != JSON_STRING)
            return odcs_fail(o, y, "is no name of a property");
        for (uint32_t k = 0; list && k < list->n; k++) {
            const struct yaml *p = list->v[k].value;
            if (str_eq(yaml_get(p, "name")->text, y->text))
                found = p;
        }
        if (!found)
            return odcs_fail(o, y, "'%.*s' is no property of the object",
                             ODCS_SHOWN(y->text));
        if (odcs_field(o, found, &name))
            return -1;
        struct odcs_fields field = odcs_enter_field(o, name);
        buf_addz(&r->body, i ? ", " : "");
        buf_add_str(&r->body, buf_str(&o->field));
        odcs_leave_field(o, field);
        odcs_back(o, mark);
    }
    return 0;
}

static int duplicate_values(struct odcs *o, struct quality_rule *r)
{
    static const struct odcs_key keys[] = { { "properties", T_ARRAY } };
    const struct yaml *v[1] = { NULL }, *y = r->v[Q_ARGUMENTS];
    bool none = must_be_zero(r);
    size_t mark = odcs_key(o, "arguments");
    if (r->property ? no_arguments(o, r)
                    : y && odcs_members(o, y, "arguments of duplicateValues",
                                        keys, 1, v))
        return -1;
    if (!r->property && !v[0])
        return odcs_fail(o, r->y,
                         "duplicateValues of an object needs the argument "
                         "properties");
    buf_addz(&r->body, none         ? "unique "
                       : r->percent ? "duplicate share of "
                                    : "duplicate count of ");
    odcs_key(o, "properties");
    if (r->property)
        buf_add_str(&r->body, buf_str(&o->field));
    else if (add_fields(o, r, v[0]))
        return -1;
    odcs_back(o, mark);
    return none ? add_gate(o, r) : add_gates(o, r);
}

static const struct {
    const char *name;
    bool of_objects;
    int (*read)(struct odcs *o, struct quality_rule *r);
} metrics[] = {
    { "rowCount", true, row_count },
    { "nullValues", false, null_values },
    { "missingValues", false, missing_values },
    { "invalidValues", false, invalid_values },
    { "duplicateValues", true, duplicate_values },
    /* The names of 3.0. */
    { "duplicateCount", true, duplicate_values },
    { "validValues", false, invalid_values },
};

static int read_metric(struct odcs *o, struct quality_rule *r)
{
    const struct yaml *y = r->v[Q_METRIC] ? r->v[Q_METRIC] : r->v[Q_RULE];
    if (!y)
        return odcs_fail(o, r->y, "rule has no metric");
    if (r->v[Q_METRIC] && r->v[Q_RULE] &&
        !str_eq(r->v[Q_METRIC]->text, r->v[Q_RULE]->text))
        return odcs_fail(o, r->v[Q_RULE], "rule has a metric, too");
    for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++) {
        if (!str_eq(y->text, str_of(metrics[i].name)))
            continue;
        if (!r->property && !metrics[i].of_objects)
            return odcs_fail(o, y, "%s is for properties, not objects",
                             metrics[i].name);
        if (o->in_items)
            return odcs_beyond(o, CONTRACT_ITEMS, r->y,
                               "values within arrays cannot be counted") < 0
                       ? -1
                       : 0;
        return metrics[i].read(o, r);
    }
    return odcs_beyond(o, CONTRACT_METRIC, y, "metric '%.*s' is not known",
                       ODCS_SHOWN(y->text)) < 0
               ? -1
               : 0;
}

/* ---- rules */

static bool is_word(const struct yaml *y, const char *const *words)
{
    for (; y && *words; words++)
        if (y->text.n == strlen(*words) &&
            strncasecmp(y->text.p, *words, y->text.n) == 0)
            return true;
    return false;
}

static int read_unit(struct odcs *o, struct quality_rule *r)
{
    static const char *const rows[] = { "rows", "row", NULL };
    static const char *const percent[] = { "percent", "%", NULL };
    const struct yaml *y = r->v[Q_UNIT];
    r->percent = is_word(y, percent);
    if (!y || r->percent || is_word(y, rows))
        return 0;
    return odcs_fail(o, y, "unit '%.*s' is neither rows nor percent",
                     ODCS_SHOWN(y->text));
}

static int read_library(struct odcs *o, struct quality_rule *r)
{
    static const char *const mild[] = { "warning", "warn", "info",
                                        "information", NULL };
    const struct yaml *stray = r->v[Q_QUERY]    ? r->v[Q_QUERY]
                               : r->v[Q_ENGINE] ? r->v[Q_ENGINE]
                                                : r->v[Q_IMPLEMENTATION];
    if (stray)
        return odcs_fail(o, stray, "key is for rules of another type");
    r->warn = is_word(r->v[Q_SEVERITY], mild);
    return read_unit(o, r) || read_metric(o, r) ? -1 : 0;
}

static int read_rule(struct odcs *o, struct quality_rule *r)
{
    if (odcs_members(o, r->y, "a quality rule", quality_keys, QUALITY_KEYS,
                     r->v))
        return -1;
    const struct yaml *y = r->v[Q_TYPE];
    if (!y || str_eq(y->text, STR("library")))
        return read_library(o, r);
    if (str_eq(y->text, STR("text")))
        return odcs_note(o, r->y, "a rule in prose: not checked");
    if (str_eq(y->text, STR("sql")))
        return odcs_beyond(o, CONTRACT_SQL, r->y,
                           "SQL cannot be run over a stream") < 0
                   ? -1
                   : 0;
    if (str_eq(y->text, STR("custom")))
        return odcs_beyond(o, CONTRACT_CUSTOM, r->y,
                           "the rule is for another engine") < 0
                   ? -1
                   : 0;
    odcs_key(o, "type");
    return odcs_fail(o, y, "'%.*s' is none of library, text, sql, custom",
                     ODCS_SHOWN(y->text));
}

int odcs_quality(struct odcs *o, const struct yaml *list,
                 const struct yaml *property)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct quality_rule r = { .y = list->v[i].value, .property = property };
        size_t mark = odcs_index(o, i);
        int rc = read_rule(o, &r);
        buf_free(&r.body);
        if (rc)
            return -1;
        odcs_back(o, mark);
    }
    return 0;
}
