/* Debezium's change events (its documentation, "Change events" of the
 * connectors, and "New Record State Extraction"). */
#include "cdc/decoder.h"

/* ---- values that were not sent

 * A large value of PostgreSQL or Oracle that an update did not touch is not in
 * the log. Debezium sends a placeholder in its place, in a form that the
 * column's type can have. */

#define PLACEHOLDER "__debezium_unavailable_value"

static bool is_string(struct val v, struct str text)
{
    return v.type == JSON_STRING && v.raw.n >= 2 &&
           json_raw_equals((struct str){ v.raw.p + 1, v.raw.n - 2 }, text);
}

/* As text; as bytes in base64 and in hex. */
static bool is_placeholder_text(struct val v)
{
    return is_string(v, STR(PLACEHOLDER)) ||
           is_string(v, STR("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")) ||
           is_string(v, STR("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ")) ||
           is_string(v, STR("5f5f646562657a69756d5f756e617661696c61626c655f"
                            "76616c7565")) ||
           is_string(v, STR("5F5F646562657A69756D5F756E617661696C61626C655F"
                            "76616C7565"));
}

/* An array of one such text, or of its name-based UUID, or of its bytes as
 * numbers. */
static bool is_placeholder_array(struct val v)
{
    struct json_iter it = json_iter(v.raw);
    struct val item;
    struct str want = STR(PLACEHOLDER);
    size_t n = 0;
    uint64_t byte;
    while (json_next(&it, NULL, &item)) {
        if (n == 0 &&
            (is_placeholder_text(item) ||
             is_string(item, STR("b68a35a7-17ad-35b3-af2a-ae46edb4545a"))))
            return !json_next(&it, NULL, &item);
        if (n == want.n || item.type != JSON_NUMBER ||
            !cdc_number(item, &byte) || byte != (unsigned char)want.p[n])
            return false;
        n++;
    }
    return n == want.n;
}

/* A map of the placeholder to itself; a point or shape at a place that is
 * none. */
static bool is_placeholder_object(struct val v)
{
    static const char *const shapes[] = {
        "AQEAACDmEAAAAAAA/IPXl8EAAAD8g9eXwQ==", /* POINT(-99999999 -99999999) */
        "AQEAACDmEAAADCHn/f9/ZkAYQs77/39WQA==", /* near the north pole */
    };
    struct val wkb = json_get(v, STR("wkb")), x = json_get(v, STR("x")),
               y = json_get(v, STR("y"));
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        if (is_string(wkb, str_of(shapes[i])))
            return true;
    return is_string(json_get(v, STR(PLACEHOLDER)), STR(PLACEHOLDER)) ||
           (x.type == JSON_NUMBER && str_eq(x.raw, STR("-99999999.0")) &&
            y.type == JSON_NUMBER && str_eq(y.raw, STR("-99999999.0")));
}

static bool is_unavailable(struct val v)
{
    switch (v.type) {
    case JSON_STRING: return is_placeholder_text(v);
    case JSON_ARRAY: return is_placeholder_array(v);
    case JSON_OBJECT: return is_placeholder_object(v);
    default: return false;
    }
}

static enum cdc_result unavailable(struct cdc *c, struct str key)
{
    return cdc_refuse(c, "unavailable_value", key,
                      "was not sent, since it had not changed: the row is not "
                      "whole");
}

static enum cdc_result check_whole(struct cdc *c, struct str row)
{
    struct json_iter it = json_iter(row);
    struct str key;
    struct val v;
    while (json_next(&it, &key, &v))
        if (is_unavailable(v))
            return unavailable(c, key);
    return CDC_OPS;
}

/* ---- where and when */

/* The first of these that is a time, in microseconds. 0 stands for unknown. */
static enum cdc_result take_time(struct cdc *c, struct val us, struct val ns,
                                 struct val ms)
{
    uint64_t n;
    if (cdc_number(us, &n) && n && n <= INT64_MAX)
        return cdc_at(c, (int64_t)n);
    if (cdc_number(ns, &n) && n && n <= INT64_MAX)
        return cdc_at(c, (int64_t)(n / 1000));
    if (cdc_number(ms, &n) && n && n <= INT64_MAX / 1000)
        return cdc_at(c, (int64_t)n * 1000);
    return CDC_NOTHING;
}

static enum cdc_result take_source(struct cdc *c, const struct event *ev)
{
    struct val source = ev->v[TOP_SOURCE];
    struct val schema = json_get(source, STR("schema"));
    position_of_source(&c->position, source);
    enum cdc_result r = take_time(c, json_get(source, STR("ts_us")),
                                  json_get(source, STR("ts_ns")),
                                  json_get(source, STR("ts_ms")));
    if (r == CDC_NOTHING)
        r = take_time(c, ev->v[TOP_TS_US], ev->v[TOP_TS_NS], ev->v[TOP_TS_MS]);
    if (r == CDC_NOMEM)
        return r;
    return cdc_table(
        c, schema.type == JSON_STRING ? schema : json_get(source, STR("db")),
        json_get(source, STR("table")));
}

/* ---- events */

static enum cdc_result no_row(struct cdc *c, const char *what)
{
    return cdc_refuse(c, "no_row", STR(""), "has no object '%s'", what);
}

static enum cdc_result read_row(struct cdc *c, const struct event *ev)
{
    struct val after = ev->v[TOP_AFTER], before = ev->v[TOP_BEFORE];
    if (after.type != JSON_OBJECT)
        return no_row(c, "after");
    enum cdc_result r = check_whole(c, after.raw);
    if (r != CDC_OPS)
        return r;
    int changed = before.type == JSON_OBJECT
                      ? cdc_key_changed(c, before.raw, after.raw)
                      : 0;
    if (changed < 0)
        return CDC_NOMEM;
    return cdc_add(c, CDC_ROW, after.raw, changed ? before.raw : STR(""));
}

static enum cdc_result read_delete(struct cdc *c, struct val before)
{
    if (before.type != JSON_OBJECT)
        return no_row(c, "before");
    for (size_t i = 0; i < c->n_keys; i++)
        if (is_unavailable(json_get(before, c->keys[i])))
            return unavailable(c, c->keys[i]);
    return cdc_add(c, CDC_DELETE, before.raw, STR(""));
}

static enum cdc_result unknown_op(struct cdc *c, struct val op)
{
    return cdc_refuse(c, "unknown_op", STR(""), "has an op %.*s",
                      op.raw.n > 20 ? 20 : (int)op.raw.n, op.raw.p);
}

/* One letter in quotes; 0 if it is none. */
static char letter(struct val op)
{
    return op.type == JSON_STRING && op.raw.n == 3 ? op.raw.p[1] : '\0';
}

enum cdc_result debezium_read(struct cdc *c, const struct event *ev)
{
    char op = letter(ev->v[TOP_OP]);
    if (op == 'm') /* a message in the log, of no table */
        return CDC_NOTHING;
    enum cdc_result r = take_source(c, ev);
    if (r != CDC_OPS)
        return r;
    c->op = op;
    switch (op) {
    case 'c':
    case 'r':
    case 'u': return read_row(c, ev);
    case 'd': return read_delete(c, ev->v[TOP_BEFORE]);
    case 't': return cdc_add(c, CDC_TRUNCATE, STR(""), STR(""));
    default: return unknown_op(c, ev->v[TOP_OP]);
    }
}

/* ---- flattened events */

/* Without the fields that the extraction added. */
static struct str build_row(struct cdc *c, struct str event)
{
    struct json_iter it = json_iter(event);
    struct str key;
    struct val v;
    size_t from = c->text.n;
    while (json_next(&it, &key, &v)) {
        if (key.n >= 2 && memcmp(key.p, "__", 2) == 0)
            continue;
        buf_addz(&c->text, c->text.n == from ? "{\"" : ",\"");
        buf_add_str(&c->text, key);
        buf_addz(&c->text, "\":");
        buf_add_str(&c->text, v.raw);
    }
    buf_addz(&c->text, c->text.n == from ? "{}" : "}");
    return (struct str){ c->text.p + from, c->text.n - from };
}

static enum cdc_result take_flat_source(struct cdc *c, struct val event)
{
    struct val schema = json_get(event, STR("__schema"));
    struct val lsn = json_get(event, STR("__lsn"));
    uint64_t n;
    if (lsn.type == JSON_MISSING)
        lsn = json_get(event, STR("__source_lsn"));
    if (cdc_number(lsn, &n))
        c->position = (struct cdc_position){ CDC_LOG_LSN, { n } };
    struct val none = { JSON_MISSING, STR("") };
    enum cdc_result r =
        take_time(c, none, none, json_get(event, STR("__source_ts_ms")));
    if (r == CDC_NOTHING)
        r = take_time(c, none, none, json_get(event, STR("__ts_ms")));
    if (r == CDC_NOMEM)
        return r;
    return cdc_table(
        c, schema.type == JSON_STRING ? schema : json_get(event, STR("__db")),
        json_get(event, STR("__table")));
}

enum cdc_result debezium_read_flat(struct cdc *c, const struct event *ev)
{
    struct val deleted = ev->v[TOP_DELETED], op = ev->v[TOP_FLAT_OP];
    bool gone = deleted.type == JSON_TRUE || is_string(deleted, STR("true"));
    bool known =
        gone || deleted.type == JSON_FALSE || is_string(deleted, STR("false"));
    char ch = letter(op);
    if (op.type != JSON_MISSING ? !ch || !strchr("crudt", ch) : !known)
        return unknown_op(c, op.type != JSON_MISSING ? op : deleted);
    enum cdc_result r = take_flat_source(c, json_val(ev->text));
    if (r != CDC_OPS)
        return r;
    c->op = gone ? 'd' : op.type != JSON_MISSING ? ch : 'u';
    if (ch == 't')
        return cdc_add(c, CDC_TRUNCATE, STR(""), STR(""));
    struct str row = build_row(c, ev->text);
    if (c->text.failed)
        return CDC_NOMEM;
    if (ch == 'd' || gone)
        return cdc_add(c, CDC_DELETE, row, STR(""));
    r = check_whole(c, row);
    return r == CDC_OPS ? cdc_add(c, CDC_ROW, row, STR("")) : r;
}
