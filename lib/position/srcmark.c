#include "position/srcmark.h"

#include "json/number.h"
#include "json/splice.h"
#include "json/value.h"

#include <inttypes.h>

#define FIELD "_src"

/* ---- adding ---- */

/* What was added from there on gets no brace: the last one of the record is to
 * be that of the field. Braces stand within strings here. */
static void hide_braces(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->n && !out->failed; i++) {
        if (out->p[i] != '{' || buf_addz(out, "xxxxx"))
            continue;
        memmove(out->p + i + 6, out->p + i + 1, out->n - i - 6);
        memcpy(out->p + i, "\\u007b", 6);
    }
}

static void add_value(struct buf *out, const char *name, struct str raw)
{
    buf_addf(out, ",\"%s\":", name);
    size_t from = out->n;
    buf_add_str(out, raw);
    hide_braces(out, from);
}

int srcmark_add(struct buf *out, struct str record, const struct srcmark *m)
{
    char hex[33];
    struct str end = json_object_end(record);
    bool empty = end.p > record.p && end.p[-1] == '{';
    buf_add(out, record.p, (size_t)(end.p - record.p));
    buf_addf(out, "%s\"" FIELD "\":{\"source\":", empty ? "" : ",");
    size_t from = out->n;
    json_quote(out, m->source);
    buf_addz(out, ",\"partition\":");
    json_quote(out, m->partition);
    hide_braces(out, from);
    buf_addf(out, ",\"kind\":\"%s\"", position_kinds[m->kind]);
    add_value(out, "value", m->value.n ? m->value : STR("null"));
    if (m->from.n)
        add_value(out, "from", m->from);
    if (m->rewind)
        buf_addz(out, ",\"rewind\":true");
    if (m->cursor) {
        hash128_hex(m->tie, hex);
        buf_addf(out, ",\"tie\":\"%s\"", hex);
    }
    if (m->lag)
        buf_addf(out, ",\"lag\":%" PRIu64, m->lag);
    return buf_addz(out, "}}");
}

/* ---- finding ---- */

/* The field as we write it: where its key starts, 0 where the end of the record
 * is another one. Its value has no object within, which tells it from one that
 * is deeper in the record. */
static size_t find_last(struct str record, struct str *value)
{
    static const char key[] = "\"" FIELD "\":";
    size_t n = sizeof(key) - 1;
    const char *brace = memrchr(record.p, '{', record.n);
    if (!brace || (size_t)(brace - record.p) <= n ||
        memcmp(brace - n, key, n) != 0)
        return 0;
    struct str v = { brace, (size_t)(record.p + record.n - 1 - brace) };
    if (v.n < 3 || v.p[v.n - 1] != '}' ||
        !strchr("\"el0123456789", v.p[v.n - 2]))
        return 0; /* neither a string, true, null nor a number is in front */
    *value = v;
    return (size_t)(brace - n - record.p);
}

/* The same where a stage has written the record anew. */
static size_t find_any(struct str record, struct str *value)
{
    if (!memmem(record.p, record.n, FIELD, sizeof(FIELD) - 1))
        return 0;
    struct json_iter it = json_iter(record);
    struct str name = { 0 };
    struct val v;
    size_t at = 0;
    while (json_next(&it, &name, &v)) {
        if (str_eq(name, STR(FIELD))) {
            at = (size_t)(name.p - 1 - record.p);
            *value = v.raw;
        }
    }
    return it.broken ? 0 : at;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What stays of the record in front of the field, and behind it: one of the two
 * commas about it goes. */
static void cut(struct str record, size_t at, struct str value, size_t *length,
                struct str *rest)
{
    const char *p = value.p + value.n, *end = record.p + record.n;
    size_t n = at;
    while (is_space(record.p[n - 1]))
        n--;
    while (p < end && is_space(*p))
        p++;
    if (record.p[n - 1] == ',')
        n--;
    else if (p < end && *p == ',')
        p++;
    if (p + 1 == end)
        while (is_space(record.p[n - 1]))
            n--;
    *length = n;
    *rest = (struct str){ p, (size_t)(end - p) };
}

static bool text_of(struct val v, struct buf *scratch, struct str *text)
{
    size_t from = scratch->n;
    if (v.type != JSON_STRING ||
        json_unescape(scratch, (struct str){ v.raw.p + 1, v.raw.n - 2 }))
        return false;
    /* The buffer may move: only lengths are sure. */
    *text = (struct str){ NULL, scratch->n - from };
    return true;
}

static bool kind_of(struct val v, enum position_kind *kind)
{
    for (size_t i = 0; v.raw.n > 2 && position_kinds[i]; i++) {
        if (str_eq((struct str){ v.raw.p + 1, v.raw.n - 2 },
                   str_of(position_kinds[i]))) {
            *kind = (enum position_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_field(struct val o, struct srcmark *m, struct buf *scratch)
{
    uint64_t lag = 0;
    int64_t number;
    struct val v = json_get(o, STR("lag")), tie = json_get(o, STR("tie"));
    if (v.type == JSON_NUMBER && number_to_i64(v.raw, &number) && number > 0)
        lag = (uint64_t)number;
    *m = (struct srcmark){ .value = json_get(o, STR("value")).raw,
                           .from = json_get(o, STR("from")).raw,
                           .rewind =
                               json_get(o, STR("rewind")).type == JSON_TRUE,
                           .lag = lag };
    if (json_get(o, STR("value")).type == JSON_NULL)
        m->value = STR("");
    m->cursor = tie.type == JSON_STRING && tie.raw.n == 34 &&
                hash128_read((struct str){ tie.raw.p + 1, 32 }, &m->tie);
    if (json_get(o, STR("value")).type == JSON_MISSING ||
        !kind_of(json_get(o, STR("kind")), &m->kind) ||
        !text_of(json_get(o, STR("source")), scratch, &m->source) ||
        !text_of(json_get(o, STR("partition")), scratch, &m->partition))
        return false;
    m->source.p = scratch->p;
    m->partition.p = scratch->p + m->source.n;
    return true;
}

int srcmark_find(struct str record, bool everywhere, struct srcmark *m,
                 size_t *length, struct str *rest, struct buf *scratch,
                 struct err *e)
{
    struct str value;
    while (record.n && record.p[record.n - 1] != '}')
        record.n--;
    size_t at = find_last(record, &value);
    if (!at && everywhere)
        at = find_any(record, &value);
    struct val field = json_val(at ? value : STR(""));
    if (!at || field.type != JSON_OBJECT)
        return 0;
    buf_reset(scratch);
    if (!read_field(field, m, scratch))
        return scratch->failed ? err_nomem(e) : 0;
    cut(record, at, value, length, rest);
    return 1;
}
