#include "cdc/decoder.h"

#include "base/date.h"
#include "json/check.h"
#include "json/key.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN 60

struct cdc *cdc_new(const struct str *keys, size_t n_keys, struct str table)
{
    struct cdc *c = calloc(1, sizeof(*c));
    if (c) {
        c->keys = keys;
        c->n_keys = n_keys;
        c->table = table;
    }
    return c;
}

void cdc_free(struct cdc *c)
{
    if (!c)
        return;
    free(c->ops);
    buf_free(&c->first);
    buf_free(&c->text);
    buf_free(&c->at);
    buf_free(&c->key[0]);
    buf_free(&c->key[1]);
    buf_free(&c->scratch);
    free(c);
}

enum cdc_result cdc_refuse(struct cdc *c, const char *code, struct str column,
                           const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->why->message, sizeof(c->why->message), fmt, ap);
    va_end(ap);
    c->why->code = code;
    c->why->column = column;
    return CDC_REFUSED;
}

enum cdc_result cdc_add(struct cdc *c, enum cdc_kind kind, struct str row,
                        struct str old_key)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        struct cdc_op *grown = realloc(c->ops, cap * sizeof(*grown));
        if (!grown)
            return CDC_NOMEM;
        c->ops = grown;
        c->cap = cap;
    }
    c->ops[c->n++] = (struct cdc_op){ .kind = kind,
                                      .op = c->op,
                                      .row = row,
                                      .old_key = old_key,
                                      .schema = c->schema,
                                      .table = c->whose };
    return CDC_OPS;
}

/* ---- the table */

/* The characters of a name; empty for anything but a string. */
static int name_of(struct cdc *c, struct val v, struct str *name)
{
    *name = STR("");
    return v.type == JSON_STRING ? json_string(v, &c->scratch, name) : 0;
}

/* Is it the table that was asked for, by its name or with its schema's? */
static bool is_wanted(struct str want, struct str schema, struct str table)
{
    if (str_eq(want, table))
        return true;
    return want.n == schema.n + 1 + table.n && want.p[schema.n] == '.' &&
           memcmp(want.p, schema.p, schema.n) == 0 &&
           memcmp(want.p + schema.n + 1, table.p, table.n) == 0;
}

/* All events are to be of the first one's table. */
static enum cdc_result same_as_first(struct cdc *c, struct str whole)
{
    if (c->first.n == 0)
        return buf_add_str(&c->first, whole) ? CDC_NOMEM : CDC_OPS;
    if (str_eq(buf_str(&c->first), whole))
        return CDC_OPS;
    size_t dot = strlen(whole.p), first = strlen(c->first.p);
    return cdc_refuse(c, "other_table", STR(""),
                      "is of table '%.*s.%.*s', the events before are of "
                      "'%.*s.%.*s' (--source-table chooses)",
                      dot > SHOWN ? SHOWN : (int)dot, whole.p, SHOWN,
                      whole.p + dot + 1, first > SHOWN ? SHOWN : (int)first,
                      c->first.p, SHOWN, c->first.p + first + 1);
}

enum cdc_result cdc_table(struct cdc *c, struct val schema, struct val table)
{
    struct buf whole = { 0 };
    struct str s, t;
    c->schema = schema.type == JSON_STRING ? schema.raw : STR("");
    c->whose = table.type == JSON_STRING ? table.raw : STR("");
    if (str_eq(c->table, STR("*")))
        return CDC_OPS;
    enum cdc_result r = CDC_NOMEM;
    if (name_of(c, schema, &s) == 0 && buf_add_str(&whole, s) == 0 &&
        buf_addc(&whole, '\0') == 0 && name_of(c, table, &t) == 0 &&
        buf_add_str(&whole, t) == 0 && buf_addc(&whole, '\0') == 0) {
        size_t n = strlen(whole.p);
        s = (struct str){ whole.p, n };
        t = (struct str){ whole.p + n + 1, strlen(whole.p + n + 1) };
        if (!c->table.n)
            r = same_as_first(c, buf_str(&whole));
        else
            r = is_wanted(c->table, s, t) ? CDC_OPS : CDC_NOTHING;
    }
    buf_free(&whole);
    return r;
}

/* ---- keys, numbers, times */

/* The key of a value. What is no JSON, in a stream that nobody checked, is
 * taken by its bytes. */
static int key_of(struct buf *out, struct val v)
{
    struct json_fault fault;
    buf_reset(out);
    if (v.raw.n && json_check_value(v.raw, JSON_DEPTH_DEFAULT, &fault))
        return buf_add_str(out, v.raw);
    return key_add(out, v);
}

int cdc_key_changed(struct cdc *c, struct str before, struct str after)
{
    for (size_t i = 0; i < c->n_keys; i++) {
        struct val was = json_get(json_val(before), c->keys[i]);
        struct val is = json_get(json_val(after), c->keys[i]);
        if (was.type == JSON_MISSING || str_eq(was.raw, is.raw))
            continue;
        if (key_of(&c->key[0], was) == -1 || key_of(&c->key[1], is) == -1)
            return -1;
        /* What is no key is refused by whoever takes the row. */
        if (!str_eq(buf_str(&c->key[0]), buf_str(&c->key[1])))
            return 1;
    }
    return 0;
}

bool cdc_number(struct val v, uint64_t *n)
{
    struct str s = v.raw;
    if (v.type == JSON_STRING && s.n >= 2)
        s = (struct str){ s.p + 1, s.n - 2 };
    else if (v.type != JSON_NUMBER)
        return false;
    *n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(*n, 10U, n) ||
            __builtin_add_overflow(*n, digit, n))
            return false;
    }
    return s.n > 0;
}

enum cdc_result cdc_at(struct cdc *c, int64_t us)
{
    buf_reset(&c->at);
    return time_format(&c->at, us) ? CDC_NOMEM : CDC_OPS;
}

/* ---- telling events apart */

static enum top top_of(struct str key)
{
    static const char *const names[] = {
        [TOP_PAYLOAD] = "payload",
        [TOP_SCHEMA] = "schema",
        [TOP_OP] = "op",
        [TOP_BEFORE] = "before",
        [TOP_AFTER] = "after",
        [TOP_SOURCE] = "source",
        [TOP_TS_MS] = "ts_ms",
        [TOP_TS_US] = "ts_us",
        [TOP_TS_NS] = "ts_ns",
        [TOP_ACTION] = "action",
        [TOP_CHANGE] = "change",
        [TOP_FLAT_OP] = "__op",
        [TOP_DELETED] = "__deleted",
        [TOP_STATUS] = "status",
        [TOP_ID] = "id",
        [TOP_DDL] = "ddl",
    };
    for (size_t i = 0; i < TOP_OTHER; i++)
        if (str_eq(key, str_of(names[i])))
            return (enum top)i;
    return TOP_OTHER;
}

/* The names are such that nobody writes them with escapes. */
static void read_members(struct event *ev, struct str text)
{
    struct json_iter it = json_iter(text);
    struct str key;
    struct val v;
    *ev = (struct event){ .text = text };
    while (json_next(&it, &key, &v)) {
        ev->v[top_of(key)] = v;
        ev->members++;
    }
}

static bool has(const struct event *ev, enum top t)
{
    return ev->v[t].type != JSON_MISSING;
}

/* What Debezium sends beside changes. */
static bool is_notice(const struct event *ev)
{
    size_t times =
        (size_t)has(ev, TOP_TS_MS) + has(ev, TOP_TS_US) + has(ev, TOP_TS_NS);
    bool heartbeat = times > 0 && ev->members == times;
    struct str status = ev->v[TOP_STATUS].raw;
    bool transaction =
        has(ev, TOP_ID) && times > 0 &&
        (str_eq(status, STR("\"BEGIN\"")) || str_eq(status, STR("\"END\""))) &&
        json_get(json_val(ev->text), STR("data_collections")).type !=
            JSON_MISSING;
    bool schema_change =
        has(ev, TOP_DDL) &&
        json_get(json_val(ev->text), STR("tableChanges")).type != JSON_MISSING;
    return heartbeat || transaction || schema_change;
}

static enum cdc_result read_event(struct cdc *c, const struct event *ev)
{
    if (ev->v[TOP_CHANGE].type == JSON_ARRAY)
        return wal2json_read_change(c, ev);
    if (ev->v[TOP_ACTION].type == JSON_STRING)
        return wal2json_read_action(c, ev);
    if (ev->v[TOP_OP].type == JSON_STRING &&
        (has(ev, TOP_AFTER) || has(ev, TOP_BEFORE) || has(ev, TOP_SOURCE)))
        return debezium_read(c, ev);
    if (has(ev, TOP_FLAT_OP) || has(ev, TOP_DELETED))
        return debezium_read_flat(c, ev);
    if (is_notice(ev))
        return CDC_NOTHING;
    return cdc_refuse(c, "not_an_event", STR(""),
                      "is no change event of Debezium or wal2json");
}

/* {"schema":...,"payload":...}: what is within; a tombstone has nothing. */
static bool is_wrapped(const struct event *ev)
{
    return has(ev, TOP_PAYLOAD) && ev->members == 1U + has(ev, TOP_SCHEMA) &&
           (ev->v[TOP_PAYLOAD].type == JSON_OBJECT ||
            ev->v[TOP_PAYLOAD].type == JSON_NULL);
}

enum cdc_result cdc_decode(struct cdc *c, struct str record,
                           struct cdc_event *event, struct cdc_fault *why)
{
    struct event ev;
    c->why = why;
    c->n = 0;
    c->op = 'u';
    c->schema = c->whose = STR("");
    c->position = (struct cdc_position){ 0 };
    buf_reset(&c->at);
    buf_reset(&c->text);
    *event = (struct cdc_event){ 0 };
    if (buf_reserve(&c->text, 2 * record.n + 64))
        return CDC_NOMEM;
    read_members(&ev, record);
    if (is_wrapped(&ev)) {
        if (ev.v[TOP_PAYLOAD].type == JSON_NULL)
            return CDC_NOTHING;
        read_members(&ev, ev.v[TOP_PAYLOAD].raw);
    }
    enum cdc_result r = read_event(c, &ev);
    if (r != CDC_OPS || c->n == 0)
        return r == CDC_OPS ? CDC_NOTHING : r;
    *event = (struct cdc_event){
        .ops = c->ops, .n = c->n, .at = buf_str(&c->at), .position = c->position
    };
    return CDC_OPS;
}
