/* wal2json's output (its README, "Examples" of format-version 1 and 2). */
#include "cdc/decoder.h"

#include "base/date.h"

static enum cdc_result no_event(struct cdc *c, const char *what)
{
    return cdc_refuse(c, "not_an_event", STR(""), "is no event of wal2json: %s",
                      what);
}

/* "2026-01-31 08:00:00.5+00": the zone may lack its minutes. */
static enum cdc_result take_time(struct cdc *c, struct val v)
{
    int64_t us;
    if (v.type != JSON_STRING || v.raw.n < 2)
        return CDC_OPS;
    buf_reset(&c->scratch);
    buf_add(&c->scratch, v.raw.p + 1, v.raw.n - 2);
    bool ok = time_parse(buf_str(&c->scratch), NULL, &us);
    if (!ok) {
        buf_addz(&c->scratch, ":00");
        ok = time_parse(buf_str(&c->scratch), NULL, &us);
    }
    if (c->scratch.failed)
        return CDC_NOMEM;
    return ok ? cdc_at(c, us) : CDC_OPS;
}

static void add_member(struct cdc *c, size_t from, struct str name,
                       struct str value)
{
    buf_addc(&c->text, c->text.n == from ? '{' : ',');
    buf_add_str(&c->text, name);
    buf_addc(&c->text, ':');
    buf_add_str(&c->text, value);
}

static enum cdc_result end_object(struct cdc *c, size_t from, struct str *row)
{
    if (c->text.n == from)
        return no_event(c, "a row without columns");
    buf_addc(&c->text, '}');
    *row = (struct str){ c->text.p + from, c->text.n - from };
    return c->text.failed ? CDC_NOMEM : CDC_OPS;
}

static enum cdc_result add_row(struct cdc *c, struct str row,
                               struct str identity)
{
    int changed = identity.n ? cdc_key_changed(c, identity, row) : 0;
    if (changed < 0)
        return CDC_NOMEM;
    return cdc_add(c, CDC_ROW, row, changed ? identity : STR(""));
}

/* ---- format 2 */

/* [{"name":"a","value":1}, ...] */
static enum cdc_result build_columns(struct cdc *c, struct val columns,
                                     struct str *row)
{
    struct json_iter it = json_iter(columns.raw);
    struct val item;
    size_t from = c->text.n;
    while (columns.type == JSON_ARRAY && json_next(&it, NULL, &item)) {
        struct val name = json_get(item, STR("name"));
        struct val value = json_get(item, STR("value"));
        if (name.type != JSON_STRING || value.type == JSON_MISSING)
            return no_event(c, "a column without name or value");
        add_member(c, from, name.raw, value.raw);
    }
    return end_object(c, from, row);
}

enum cdc_result wal2json_read_action(struct cdc *c, const struct event *ev)
{
    struct val event = json_val(ev->text), action = ev->v[TOP_ACTION];
    struct val identity = json_get(event, STR("identity"));
    char op = action.raw.n == 3 ? action.raw.p[1] : '\0';
    struct str row, old = STR("");
    if (op == 'B' || op == 'C' || op == 'M')
        return CDC_NOTHING;
    if (!op || !strchr("IUDT", op))
        return cdc_refuse(c, "unknown_op", STR(""), "has an action %.*s",
                          action.raw.n > 20 ? 20 : (int)action.raw.n,
                          action.raw.p);
    position_of_lsn(&c->position, json_get(event, STR("lsn")));
    enum cdc_result r = take_time(c, json_get(event, STR("timestamp")));
    if (r == CDC_OPS)
        r = cdc_table(c, ev->v[TOP_SCHEMA], json_get(event, STR("table")));
    if (r != CDC_OPS)
        return r;
    c->op = op == 'I' ? 'c' : (char)(op | ' ');
    if (op == 'T')
        return cdc_add(c, CDC_TRUNCATE, STR(""), STR(""));
    if (op == 'D' && identity.type != JSON_ARRAY)
        return cdc_refuse(c, "no_key", STR(""),
                          "has no identity: the table has no replica "
                          "identity");
    if (op == 'D') {
        r = build_columns(c, identity, &row);
        return r == CDC_OPS ? cdc_add(c, CDC_DELETE, row, STR("")) : r;
    }
    r = build_columns(c, json_get(event, STR("columns")), &row);
    if (r == CDC_OPS && op == 'U' && identity.type == JSON_ARRAY)
        r = build_columns(c, identity, &old);
    return r == CDC_OPS ? add_row(c, row, old) : r;
}

/* ---- format 1 */

/* Two arrays of one length. */
static enum cdc_result build_pairs(struct cdc *c, struct val names,
                                   struct val values, struct str *row)
{
    struct json_iter n = json_iter(names.raw), v = json_iter(values.raw);
    struct val name, value;
    size_t from = c->text.n;
    if (names.type != JSON_ARRAY || values.type != JSON_ARRAY)
        return no_event(c, "names or values are missing");
    while (json_next(&n, NULL, &name)) {
        if (name.type != JSON_STRING || !json_next(&v, NULL, &value))
            return no_event(c, "names and values do not match");
        add_member(c, from, name.raw, value.raw);
    }
    if (json_next(&v, NULL, &value))
        return no_event(c, "names and values do not match");
    return end_object(c, from, row);
}

static bool is_kind(struct val v, const char *kind)
{
    return v.type == JSON_STRING && v.raw.n == strlen(kind) + 2 &&
           memcmp(v.raw.p + 1, kind, v.raw.n - 2) == 0;
}

static enum cdc_result read_one(struct cdc *c, struct val change)
{
    struct val kind = json_get(change, STR("kind"));
    struct val keys = json_get(change, STR("oldkeys"));
    struct str row, old = STR("");
    if (is_kind(kind, "message"))
        return CDC_NOTHING;
    bool insert = is_kind(kind, "insert"), update = is_kind(kind, "update");
    bool delete = is_kind(kind, "delete");
    if (!insert && !update && !delete &&!is_kind(kind, "truncate"))
        return cdc_refuse(c, "unknown_op", STR(""), "has a kind %.*s",
                          kind.raw.n > 20 ? 20 : (int)kind.raw.n, kind.raw.p);
    enum cdc_result r = cdc_table(c, json_get(change, STR("schema")),
                                  json_get(change, STR("table")));
    if (r != CDC_OPS)
        return r;
    if (delete &&keys.type != JSON_OBJECT)
        return cdc_refuse(c, "no_key", STR(""),
                          "has no oldkeys: the table has no replica identity");
    if ((update || delete) && keys.type == JSON_OBJECT)
        r = build_pairs(c, json_get(keys, STR("keynames")),
                        json_get(keys, STR("keyvalues")), &old);
    if (r != CDC_OPS)
        return r;
    c->op = insert ? 'c' : update ? 'u' : delete ? 'd' : 't';
    if (delete)
        return cdc_add(c, CDC_DELETE, old, STR(""));
    if (!insert && !update)
        return cdc_add(c, CDC_TRUNCATE, STR(""), STR(""));
    r = build_pairs(c, json_get(change, STR("columnnames")),
                    json_get(change, STR("columnvalues")), &row);
    return r == CDC_OPS ? add_row(c, row, old) : r;
}

enum cdc_result wal2json_read_change(struct cdc *c, const struct event *ev)
{
    struct val event = json_val(ev->text), change;
    struct json_iter it = json_iter(ev->v[TOP_CHANGE].raw);
    position_of_lsn(&c->position, json_get(event, STR("nextlsn")));
    enum cdc_result r = take_time(c, json_get(event, STR("timestamp")));
    while (r >= CDC_NOTHING && json_next(&it, NULL, &change))
        r = read_one(c, change);
    return r == CDC_NOTHING ? CDC_OPS : r;
}
