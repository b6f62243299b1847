/* Service levels: how old the newest data may be and how much may be wrong are
 * judged; what is about the service and not about the data is noted. */
#include "contract/odcs.h"

#include "base/decimal.h"

#include <stdio.h>
#include <strings.h>

enum sla_key {
    S_PROPERTY,
    S_VALUE,
    S_VALUE_EXT,
    S_UNIT,
    S_ELEMENT,
    S_ID,
    S_OTHERS
};

static const struct odcs_key sla_keys[] = {
    [S_PROPERTY] = { "property", T_STRING },
    [S_VALUE] = { "value", T_STRING | T_NUMBER | T_BOOLEAN | T_NULL },
    [S_VALUE_EXT] = { "valueExt", T_STRING | T_NUMBER | T_BOOLEAN | T_NULL },
    [S_UNIT] = { "unit", T_PROSE },
    [S_ELEMENT] = { "element", T_PROSE },
    [S_ID] = { "id", T_PROSE },
    [S_OTHERS] = { "driver", T_PROSE },
    { "description", T_PROSE },
    { "scheduler", T_PROSE },
    { "schedule", T_PROSE },
};
#define SLA_KEYS (sizeof(sla_keys) / sizeof(*sla_keys))

struct sla {
    const struct yaml *y;
    const struct yaml *v[SLA_KEYS];
    const struct yaml *fallback; /* the contract's default element, or NULL */
};

static bool is_text(struct str s, const char *text)
{
    return s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

static int add_gate(struct odcs *o, const struct sla *s, struct buf *body)
{
    int r = body->failed
                ? err_nomem(o->e)
                : odcs_rule(o, true, false, s->v[S_ID], s->y, buf_str(body));
    buf_free(body);
    return r;
}

/* ---- elements: object.property, without the object where there is but one */

static bool is_called(const struct yaml *y, struct str name)
{
    const struct yaml *n = yaml_get(y, "name"),
                      *p = yaml_get(y, "physicalName");
    return (n && n->type == JSON_STRING && str_eq(n->text, name)) ||
           (p && p->type == JSON_STRING && str_eq(p->text, name));
}

/* Cuts the object's name and the dot off the front of text. */
static bool cut_object(const struct yaml *object, struct str *text)
{
    for (size_t n = 1; n + 1 < text->n; n++)
        if (text->p[n] == '.' &&
            is_called(object, (struct str){ text->p, n })) {
            *text = (struct str){ text->p + n + 1, text->n - n - 1 };
            return true;
        }
    return false;
}

/* Enters the field of a property by its path. NULL where there is none. */
static const struct yaml *enter(struct odcs *o, const struct yaml *parent,
                                struct str text)
{
    const struct yaml *list = yaml_get(parent, "properties");
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->n; i++) {
        const struct yaml *y = list->v[i].value, *found;
        for (size_t n = 1; n <= text.n; n++) {
            struct str name, rest = { text.p + n, text.n - n };
            if ((rest.n && *rest.p != '.') ||
                !is_called(y, (struct str){ text.p, n }) ||
                odcs_field(o, y, &name))
                continue;
            struct odcs_fields mark = odcs_enter_field(o, name);
            if (!rest.n)
                return y;
            found = enter(o, y, (struct str){ rest.p + 1, rest.n - 1 });
            if (found)
                return found;
            odcs_leave_field(o, mark);
        }
    }
    return NULL;
}

static const struct yaml *other_object(struct odcs *o, struct str text)
{
    const struct yaml *list = yaml_get(o->root, "schema");
    for (uint32_t i = 0; i < list->n; i++) {
        struct str rest = text;
        if (i != o->index && cut_object(list->v[i].value, &rest))
            return list->v[i].value;
    }
    return NULL;
}

/* 1 with the element's field entered and *y its property; 0 where it is of
 * another object; -1. */
static int find_element(struct odcs *o, const struct sla *s,
                        const struct yaml *at, struct str text,
                        const struct yaml **y)
{
    struct str rest = text;
    *y = cut_object(o->object, &rest) ? enter(o, o->object, rest) : NULL;
    if (!*y && o->n_objects == 1)
        *y = enter(o, o->object, text);
    if (*y)
        return 1;
    if (other_object(o, text))
        return 0;
    int r = odcs_beyond(o, CONTRACT_SLA, at ? at : s->y,
                        "element '%.*s' is no property of an object",
                        ODCS_SHOWN(text));
    return r < 0 ? -1 : 0;
}

/* ---- durations */

/* Milliseconds of value and unit. 0 or -1; 1 where they say nothing of use. */
static int read_time(struct odcs *o, const struct sla *s, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {
        { "ms", 1 },           { "millisecond", 1 }, { "milliseconds", 1 },
        { "s", 1000 },         { "sec", 1000 },      { "second", 1000 },
        { "seconds", 1000 },   { "min", 60000 },     { "minute", 60000 },
        { "minutes", 60000 },  { "h", 3600000 },     { "hr", 3600000 },
        { "hrs", 3600000 },    { "hour", 3600000 },  { "hours", 3600000 },
        { "d", 86400000 },     { "day", 86400000 },  { "days", 86400000 },
        { "w", 604800000 },    { "wk", 604800000 },  { "week", 604800000 },
        { "weeks", 604800000 }
    };
    const struct yaml *value = s->v[S_VALUE], *unit = s->v[S_UNIT];
    struct decimal d = DECIMAL_ZERO, n = DECIMAL_ZERO;
    size_t i = 0, last = sizeof(units) / sizeof(*units);
    while (unit && i < last && !is_text(unit->text, units[i].name))
        i++;
    if (!unit)
        return odcs_beyond(o, CONTRACT_SLA, s->y, "latency has no unit");
    if (i == last)
        return odcs_beyond(o, CONTRACT_SLA, unit,
                           "unit '%.*s' is no length of time that is always "
                           "the same",
                           ODCS_SHOWN(unit->text));
    int r = value->type == JSON_NUMBER ? decimal_parse(&d, value->text) : -2;
    if (r == 0)
        r = decimal_set_i64(&n, units[i].ms);
    if (r == 0)
        r = decimal_mul(&d, &d, &n);
    bool whole = r == 0 && decimal_to_i64(&d, ms) && *ms >= 0;
    decimal_free(&d);
    decimal_free(&n);
    if (r == -1)
        return err_nomem(o->e);
    return whole ? 0
                 : odcs_beyond(o, CONTRACT_SLA, value,
                               "'%.*s' is no number of milliseconds or more",
                               ODCS_SHOWN(value->text));
}

static void add_time(struct buf *out, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {
        { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (ms % units[i].ms == 0) {
            buf_addf(out, "%lld%s", (long long)(ms / units[i].ms),
                     units[i].unit);
            return;
        }
    buf_addf(out, "%lldms", (long long)ms);
}

/* ---- latency */

static int judge_element(struct odcs *o, const struct sla *s,
                         const struct yaml *at, struct str text, int64_t ms)
{
    const struct yaml *y;
    const char *why;
    struct odcs_fields mark = { o->field.n, o->quoted.n };
    int r = find_element(o, s, at, text, &y);
    if (r <= 0)
        return r;
    if (odcs_check_instant(o, y, s->y, &why))
        return -1;
    if (why) {
        r = odcs_beyond(o, CONTRACT_SLA, at, "element '%.*s' %s",
                        ODCS_SHOWN(text), why);
        odcs_leave_field(o, mark);
        return r < 0 ? -1 : 0;
    }
    struct buf body = { 0 };
    buf_addz(&body, "newest ");
    buf_add_str(&body, buf_str(&o->field));
    buf_addz(&body, " within ");
    add_time(&body, ms);
    buf_addz(&body, " of date");
    odcs_leave_field(o, mark);
    return add_gate(o, s, &body);
}

/* How old the newest data may be, seen from the end of the run's date. */
static int latency(struct odcs *o, const struct sla *s)
{
    const struct yaml *at = s->v[S_ELEMENT] ? s->v[S_ELEMENT] : s->fallback;
    int64_t ms;
    if (s->v[S_VALUE_EXT])
        return odcs_beyond(o, CONTRACT_SLA, s->v[S_VALUE_EXT],
                           "what valueExt adds to a latency is not known");
    if (!at)
        return odcs_beyond(o, CONTRACT_SLA, s->y, "latency has no element");
    int r = read_time(o, s, &ms);
    if (r)
        return r;
    struct str rest = at->text;
    while (rest.n) {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct str text = { rest.p, comma ? (size_t)(comma - rest.p) : rest.n };
        rest.p += text.n + (comma != NULL);
        rest.n -= text.n + (comma != NULL);
        while (text.n && *text.p == ' ')
            text.p++, text.n--;
        while (text.n && text.p[text.n - 1] == ' ')
            text.n--;
        if (judge_element(o, s, at, text, ms))
            return -1;
    }
    return 0;
}

/* ---- the rate of errors */

static int error_rate(struct odcs *o, const struct sla *s)
{
    const struct yaml *value = s->v[S_VALUE], *unit = s->v[S_UNIT];
    static const struct decimal hundred = { .small = 100 };
    struct decimal d = DECIMAL_ZERO;
    struct buf body = { 0 };
    bool percent =
        unit && (is_text(unit->text, "percent") || is_text(unit->text, "%"));
    int r = value->type == JSON_NUMBER ? decimal_parse(&d, value->text) : -2;
    bool good = percent && r == 0 && decimal_cmp(&d, &DECIMAL_ZERO) >= 0 &&
                decimal_cmp(&d, &hundred) <= 0 && !s->v[S_VALUE_EXT];
    decimal_free(&d);
    if (r == -1)
        return err_nomem(o->e);
    if (!good)
        return odcs_beyond(o, CONTRACT_SLA, value,
                           "errorRate is no percentage of records");
    buf_addz(&body, "reject share <= ");
    buf_add_str(&body, value->text);
    buf_addc(&body, '%');
    return add_gate(o, s, &body);
}

/* ---- service levels */

/* What the service does, and when: no record can break it. */
static const char *const of_the_service[] = {
    "availability", "av", "throughput",          "th", "retention",    "re",
    "frequency",    "fy", "endOfLife",           "el", "endOfSupport", "es",
    "timeToDetect", "td", "generalAvailability", "ga", "timeToNotify", "tn",
    "timeToRepair", "tr", "timeOfAvailability",  NULL
};

static int read_sla(struct odcs *o, struct sla *s)
{
    if (odcs_members(o, s->y, "a service level", sla_keys, SLA_KEYS, s->v))
        return -1;
    if (!s->v[S_PROPERTY])
        return odcs_fail(o, s->y, "service level has no property");
    struct str property = s->v[S_PROPERTY]->text;
    for (size_t i = 0; of_the_service[i]; i++)
        if (is_text(property, of_the_service[i]))
            return odcs_note(o, s->y, "%s is of the service: not checked",
                             of_the_service[i]);
    if (!s->v[S_VALUE])
        return odcs_fail(o, s->y, "service level has no value");
    if (is_text(property, "latency") || is_text(property, "ly") ||
        is_text(property, "freshness"))
        return latency(o, s);
    if (is_text(property, "errorRate") || is_text(property, "er"))
        return error_rate(o, s);
    return odcs_beyond(o, CONTRACT_SLA, s->v[S_PROPERTY],
                       "service level '%.*s' is not known",
                       ODCS_SHOWN(property));
}

int odcs_sla(struct odcs *o, const struct yaml *list,
             const struct yaml *fallback)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct sla s = { .y = list->v[i].value, .fallback = fallback };
        size_t mark = odcs_index(o, i);
        if (read_sla(o, &s) < 0)
            return -1;
        odcs_back(o, mark);
    }
    return 0;
}
