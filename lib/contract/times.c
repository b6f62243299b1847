/* Dates, timestamps and times: their formats, and bounds, which a JSON Schema
 * cannot state and checks can. */
#include "contract/odcs.h"

#include "base/date.h"
#include "contract/timefmt.h"
#include "schema/format.h"
#include "schema/pattern.h"

enum times_key {
    T_FORMAT,
    T_MINIMUM,
    T_MAXIMUM,
    T_EXCLUSIVE_MINIMUM,
    T_EXCLUSIVE_MAXIMUM,
    T_TIMEZONE,
    T_DEFAULT_TIMEZONE,
    T_KEYS
};

static const struct odcs_key times_keys[] = {
    [T_FORMAT] = { "format", T_STRING },
    [T_MINIMUM] = { "minimum", T_STRING },
    [T_MAXIMUM] = { "maximum", T_STRING },
    [T_EXCLUSIVE_MINIMUM] = { "exclusiveMinimum", T_STRING | T_BOOLEAN },
    [T_EXCLUSIVE_MAXIMUM] = { "exclusiveMaximum", T_STRING | T_BOOLEAN },
    [T_TIMEZONE] = { "timezone", T_BOOLEAN },
    [T_DEFAULT_TIMEZONE] = { "defaultTimezone", T_STRING },
};

/* What values look like. */
struct shape {
    enum { SHAPE_DATE, SHAPE_DATE_TIME, SHAPE_EITHER, SHAPE_PATTERN } kind;
    bool unknown; /* its format may go unchecked */
    struct timefmt fmt;
};

static void shape_free(struct shape *s)
{
    timefmt_free(&s->fmt);
}

/* ---- formats */

static int read_format(struct odcs *o, struct shape *s, enum logical type,
                       const struct yaml *const *v)
{
    const struct yaml *y = v[T_FORMAT], *zone = v[T_TIMEZONE];
    bool own = y->text.n && memchr(y->text.p, *TIMEFMT_FRACTION, y->text.n);
    int r = own ? 1 : timefmt_read(&s->fmt, y->text);
    size_t mark = odcs_key(o, "format");
    if (r < 0)
        return err_nomem(o->e);
    if (r) {
        r = odcs_beyond(o, CONTRACT_FORMAT, y, "format '%.*s' is not known",
                        ODCS_SHOWN(y->text));
        s->unknown = true;
    } else if (type == LOGICAL_TIME && s->fmt.date) {
        r = odcs_fail(o, y, "format of a time has a date");
    } else if (type == LOGICAL_DATE && o->minor && s->fmt.time) {
        r = odcs_fail(o, y, "format of a date has a time of day");
    } else if (zone && odcs_true(zone) != s->fmt.zone) {
        r = odcs_fail(o, y, "format has %s zone, and timezone is %s",
                      s->fmt.zone ? "a" : "no", zone->text.p);
    }
    odcs_back(o, mark);
    s->kind = s->fmt.plain_date ? SHAPE_DATE : SHAPE_PATTERN;
    return r < 0 ? -1 : 0;
}

/* What values look like where there is no format. Before 3.1 a date was any
 * point in time. */
static int default_shape(struct odcs *o, struct shape *s, enum logical type,
                         const struct yaml *zone)
{
    const char *format = "yyyy-MM-dd'T'HH:mm:ss" TIMEFMT_FRACTION "ZZZZZ";
    if (type == LOGICAL_DATE) {
        s->kind = o->minor ? SHAPE_DATE : SHAPE_EITHER;
        if (o->minor)
            format = "yyyy-MM-dd";
    } else if (type == LOGICAL_TIMESTAMP) {
        s->kind = !zone || odcs_true(zone) ? SHAPE_DATE_TIME : SHAPE_PATTERN;
        if (s->kind == SHAPE_PATTERN)
            format = "yyyy-MM-dd'T'HH:mm:ss" TIMEFMT_FRACTION;
    } else {
        s->kind = SHAPE_PATTERN;
        format = !zone             ? "HH:mm:ss" TIMEFMT_FRACTION "[ZZZZZ]"
                 : odcs_true(zone) ? "HH:mm:ss" TIMEFMT_FRACTION "ZZZZZ"
                                   : "HH:mm:ss" TIMEFMT_FRACTION;
    }
    return timefmt_read(&s->fmt, str_of(format)) ? err_nomem(o->e) : 0;
}

static int read_shape(struct odcs *o, struct shape *s, enum logical type,
                      const struct yaml *const *v)
{
    return v[T_FORMAT] ? read_format(o, s, type, v)
                       : default_shape(o, s, type, v[T_TIMEZONE]);
}

static void write_shape(struct buf *out, const struct shape *s)
{
    if (s->unknown)
        return;
    switch (s->kind) {
    case SHAPE_DATE: buf_addz(out, ",\"format\":\"date\""); break;
    case SHAPE_DATE_TIME: buf_addz(out, ",\"format\":\"date-time\""); break;
    case SHAPE_EITHER:
        buf_addz(out, ",\"anyOf\":[{\"format\":\"date\"},"
                      "{\"format\":\"date-time\"}]");
        break;
    case SHAPE_PATTERN:
        buf_addz(out, ",\"pattern\":");
        json_quote(out, buf_str(&s->fmt.pattern));
    }
}

/* ---- bounds */

/* 1 if text looks as the values do, 0 if not, -1 without memory. What is
 * compared as an instant may lack the zone that values need. */
static int fits(const struct shape *s, struct str text)
{
    struct buf why = { 0 };
    if (s->kind == SHAPE_DATE)
        return format_ok(FORMAT_DATE, text);
    if (s->kind != SHAPE_PATTERN)
        return 1;
    struct pattern *p = pattern_new(buf_str(&s->fmt.pattern), NULL, &why);
    struct pattern_run *run = p ? pattern_run_new() : NULL;
    int r = run ? pattern_match(p, run, text) > 0 : -1;
    pattern_run_free(run);
    pattern_free(p);
    buf_free(&why);
    return r;
}

/* Fields with a zone are compared as instants, others as the strings that they
 * are. */
static int add_check(struct odcs *o, const struct shape *s,
                     const struct yaml *y, const char *sign, const char *tz)
{
    struct buf b = { 0 }, literal = { 0 };
    int64_t us;
    int r = 0;
    if (s->fmt.ordered) {
        buf_add_str(&b, buf_str(&o->quoted));
        buf_addf(&b, " %s ", sign);
        odcs_literal(&b, y->text);
    } else if (time_parse(y->text, tz, &us)) {
        time_format(&literal, us);
        buf_addz(&b, "seconds(");
        buf_add_str(&b, buf_str(&o->quoted));
        buf_addz(&b, ", ");
        odcs_literal(&b, buf_str(&literal));
        buf_addf(&b, ") %s 0", sign);
    } else {
        r = odcs_fail(o, y, "'%.*s' is no time", ODCS_SHOWN(y->text));
    }
    if (r == 0)
        r = b.failed || literal.failed
                ? err_nomem(o->e)
                : odcs_rule(o, false, false, NULL, y, buf_str(&b));
    buf_free(&b);
    buf_free(&literal);
    return r;
}

static int read_bound(struct odcs *o, const struct shape *s,
                      const struct yaml *y, const char *key, const char *sign,
                      const struct yaml *zone)
{
    const char *tz = zone ? zone->text.p : NULL;
    size_t mark = odcs_key(o, key);
    int r = 0;
    if (s->unknown)
        r = odcs_note(o, y, "bound of an unknown format: not checked");
    else if (o->in_items)
        r = odcs_beyond(o, CONTRACT_ITEMS, y,
                        "bounds of times within arrays cannot be compared");
    else if (!s->fmt.ordered && !s->fmt.rfc3339)
        r = odcs_beyond(o, CONTRACT_RANGE, y,
                        "times of this format cannot be compared");
    else if ((r = fits(s, y->text)) <= 0)
        r = r ? err_nomem(o->e)
              : odcs_fail(o, y, "'%.*s' is not of the format",
                          ODCS_SHOWN(y->text));
    else
        r = add_check(o, s, y, sign, tz);
    odcs_back(o, mark);
    return r < 0 ? -1 : 0;
}

/* 3.0 has true or false beside the bound, 3.1 the bound itself. */
static int read_bounds(struct odcs *o, const struct shape *s,
                       const struct yaml *const *v, enum times_key inclusive,
                       enum times_key exclusive, const char *sign)
{
    const struct yaml *y = v[exclusive], *zone = v[T_DEFAULT_TIMEZONE];
    char strict[2] = { sign[0], '\0' };
    bool flag = odcs_true(y);
    if (flag && !v[inclusive])
        return odcs_fail(o, y, "%s is true, and there is no %s",
                         times_keys[exclusive].name,
                         times_keys[inclusive].name);
    if (y && y->type == JSON_STRING &&
        read_bound(o, s, y, times_keys[exclusive].name, strict, zone))
        return -1;
    return v[inclusive]
               ? read_bound(o, s, v[inclusive], times_keys[inclusive].name,
                            flag ? strict : sign, zone)
               : 0;
}

static int read_keys(struct odcs *o, enum logical type,
                     const struct yaml *options, const struct yaml **v)
{
    size_t n = type == LOGICAL_DATE ? T_TIMEZONE : T_KEYS;
    memset(v, 0, T_KEYS * sizeof(*v));
    if (options && odcs_members(o, options,
                                type == LOGICAL_DATE ? "options of a date"
                                                     : "options of a time",
                                times_keys, n, v))
        return -1;
    const struct yaml *zone = v[T_DEFAULT_TIMEZONE];
    if (!zone || tz_known(zone->text.p))
        return 0;
    odcs_key(o, "defaultTimezone");
    return odcs_fail(o, zone, "'%.*s' is no time zone that is known",
                     ODCS_SHOWN(zone->text));
}

int odcs_write_times(struct odcs *o, enum logical type,
                     const struct yaml *options)
{
    const struct yaml *v[T_KEYS];
    struct shape s = { 0 };
    if (read_keys(o, type, options, v))
        return -1;
    int r = read_shape(o, &s, type, v);
    if (r == 0) {
        write_shape(&o->c->schema, &s);
        r = read_bounds(o, &s, v, T_MINIMUM, T_EXCLUSIVE_MINIMUM, ">=") ||
                    read_bounds(o, &s, v, T_MAXIMUM, T_EXCLUSIVE_MAXIMUM, "<=")
                ? -1
                : 0;
    }
    shape_free(&s);
    return r;
}

/* ---- for service levels */

static bool same_zone(const char *a, const char *b)
{
    static const char *const utc[] = { "UTC", "Etc/UTC", "GMT", "Etc/GMT",
                                       "Z",   "Zulu",    "UCT", NULL };
    bool a_utc = !a, b_utc = !b;
    for (size_t i = 0; utc[i]; i++) {
        a_utc |= a && strcmp(a, utc[i]) == 0;
        b_utc |= b && strcmp(b, utc[i]) == 0;
    }
    return (a_utc && b_utc) || (a && b && strcmp(a, b) == 0);
}

int odcs_check_instant(struct odcs *o, const struct yaml *property,
                       const struct yaml *at, const char **why)
{
    const struct yaml *options = yaml_get(property, "logicalTypeOptions");
    const struct yaml *v[T_KEYS];
    enum logical type = odcs_logical(property);
    struct shape s = { 0 };
    *why = NULL;
    if (type != LOGICAL_DATE && type != LOGICAL_TIMESTAMP) {
        *why = "is no date and no timestamp";
        return 0;
    }
    /* It was read before: what may be said of it was said. */
    if (read_keys(o, type, options, v))
        return -1;
    int r = v[T_FORMAT] ? timefmt_read(&s.fmt, v[T_FORMAT]->text)
                        : default_shape(o, &s, type, v[T_TIMEZONE]);
    const struct yaml *zone = v[T_DEFAULT_TIMEZONE];
    const char *tz = zone ? zone->text.p : "UTC";
    if (r < 0)
        r = err_nomem(o->e);
    else if (!s.fmt.rfc3339)
        *why = "has a format that is not read as a time";
    else if (type == LOGICAL_TIMESTAMP && !s.fmt.needs_zone &&
             !same_zone(tz, o->o->tz))
        r = err_set(o->e, ERR_USAGE,
                    "contract %s, line %u: times without a zone are in %s, and "
                    "--tz is %s",
                    o->file, at->line, tz, o->o->tz ? o->o->tz : "UTC");
    shape_free(&s);
    return r < 0 ? -1 : 0;
}
