#include "sink/table.h"

#include "base/hash.h"
#include "json/check.h"
#include "json/number.h"
#include "json/utf8.h"
#include "sink/range.h"

#include <stdlib.h>
#include <strings.h>

#define SHOWN 60       /* bytes of a value in a message */
#define SHOWN_NAME 200 /* of a name */

static int shown(struct str s, int max)
{
    return s.n > (size_t)max ? max : (int)s.n;
}

/* ---- columns ---- */

/* The partition's value in the records' own notation: a number where it is
 * spelled as one, else a string. */
int table_init(struct table *t, const struct sink_spec *spec, struct err *e)
{
    struct str v = spec->part_value;
    if (json_number_valid(v))
        buf_add_str(&t->part_buf, v);
    else
        json_quote(&t->part_buf, v);
    t->part_json = buf_str(&t->part_buf);
    return t->part_buf.failed ? err_nomem(e) : 0;
}

void table_clear(struct table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->v[i].name);
        free(t->v[i].type);
    }
    t->n = t->guess = 0;
    t->exists = false;
    t->pattern++;
    layout_forget(&t->layout);
}

void table_free(struct table *t)
{
    table_clear(t);
    free(t->v);
    layout_free(&t->layout);
    t->v = NULL;
    t->cap = 0;
    buf_free(&t->keys);
    buf_free(&t->part_buf);
}

bool table_same_name(const struct table *t, const char *name, struct str s)
{
    return strlen(name) == s.n &&
           (t->fold_case ? strncasecmp(name, s.p, s.n) == 0
                         : memcmp(name, s.p, s.n) == 0);
}

struct column *table_append(struct table *t, const struct sink_spec *spec,
                            struct str name, const char *type, struct err *e)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct column *grown = realloc(t->v, cap * sizeof(*grown));
        if (!grown) {
            err_nomem(e);
            return NULL;
        }
        t->v = grown;
        t->cap = cap;
    }
    struct column c = { .name = strndup(name.p, name.n), .type = strdup(type) };
    if (!c.name || !c.type) {
        free(c.name);
        free(c.type);
        err_nomem(e);
        return NULL;
    }
    c.val = (struct val){ JSON_MISSING, STR("") };
    for (size_t i = 0; i < spec->n_keys; i++)
        c.key |= table_same_name(t, c.name, spec->keys[i]);
    for (size_t i = 0; i < spec->n_audit; i++)
        c.audit |= table_same_name(t, c.name, spec->audit_names[i]);
    t->v[t->n] = c;
    t->pattern++;
    layout_forget(&t->layout);
    return &t->v[t->n++];
}

struct column *table_find(struct table *t, struct str name)
{
    size_t n = t->n;
    for (size_t i = 0, j = t->guess; i < n; i++, j++) {
        struct column *c = &t->v[j < n ? j : j - n];
        if (strlen(c->name) == name.n && memcmp(c->name, name.p, name.n) == 0) {
            size_t at = (size_t)(c - t->v) + 1;
            t->guess = at < n ? at : 0;
            return c;
        }
    }
    for (size_t i = 0; t->fold_case && i < n; i++)
        if (table_same_name(t, t->v[i].name, name))
            return &t->v[i];
    return NULL;
}

const struct sink_decimal *table_decimal(const struct table *t,
                                         const struct sink_spec *spec,
                                         struct str name)
{
    for (size_t i = 0; i < spec->n_decimals; i++) {
        struct str d = spec->decimals[i].column;
        if (d.n == name.n && (t->fold_case ? strncasecmp(d.p, name.p, d.n) == 0
                                           : memcmp(d.p, name.p, d.n) == 0))
            return &spec->decimals[i];
    }
    return NULL;
}

static int check_names(struct table *t, const struct sink_spec *spec,
                       const struct str *names, size_t n, const char *what,
                       struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!table_find(t, names[i]))
            return err_set(e, ERR_CONFIG,
                           "%s column '%.*s' is not in table '%s'", what,
                           STR_ARG(names[i]), spec->table);
    return 0;
}

int table_check_keys(struct table *t, const struct sink_spec *spec,
                     struct err *e)
{
    if (check_names(t, spec, spec->keys, spec->n_keys, "key", e))
        return -1;
    /* With --create they may still come. */
    return spec->create ? 0
                        : check_names(t, spec, spec->tracked, spec->n_tracked,
                                      "tracked", e);
}

void table_version(const struct table *t, struct buf *scratch, char hex[33])
{
    buf_reset(scratch);
    for (size_t i = 0; i < t->n; i++)
        buf_addf(scratch, "%s\n%s\n", t->v[i].name, t->v[i].type);
    hash128_hex(hash128(buf_str(scratch)), hex);
}

int table_mismatch(struct sink_refusal *why, const struct column *c,
                   struct val v)
{
    return sink_refusef(why, "type_mismatch", str_of(c->name),
                        "is %s, column is %s", json_type_name(v.type),
                        *c->type ? c->type : "untyped");
}

int table_characters(struct buf *unescaped, const struct column *c,
                     struct val v, struct str *text, struct sink_refusal *why)
{
    size_t from = unescaped->n;
    *text = (struct str){ v.raw.p + 1, v.raw.n - 2 };
    if (!memchr(text->p, '\\', text->n))
        return 1;
    json_unescape(unescaped, *text);
    *text = (struct str){ unescaped->p + from, unescaped->n - from };
    if (memchr(text->p, '\0', text->n))
        return sink_refusef(why, "nul_in_text", str_of(c->name),
                            "holds a NUL character");
    if (!utf8_valid(*text))
        return sink_refusef(why, "lone_surrogate", str_of(c->name),
                            "holds half a surrogate pair");
    return 1;
}

/* ---- fields ---- */

static int take_field(struct table *t, const struct sink_spec *spec,
                      struct str name, struct val v, struct sink_refusal *why,
                      struct err *e)
{
    if (name.n == 0 || memchr(name.p, '\0', name.n))
        return sink_refusef(why, "column_name", STR(""),
                            "a field name is empty or holds NUL");
    struct column *c = table_find(t, name);
    if (!c) {
        if (!t->add || !spec->create)
            return sink_refusef(why, "unknown_column", STR(""),
                                "table has no column '%.*s' (--create adds it)",
                                shown(name, SHOWN_NAME), name.p);
        if (t->n == t->max)
            return sink_refusef(why, "unknown_column", STR(""),
                                "table cannot have more than %zu columns",
                                t->max);
        int r = t->add(t->context, name, v, why, e);
        if (r <= 0 || r == 2)
            return r;
        c = &t->v[t->n - 1];
    }
    if (c->val.type != JSON_MISSING && !str_eq(c->spelled, name))
        return sink_refusef(why, "column_name", str_of(c->name),
                            "two fields differ only in case: column names do "
                            "not");
    if (c->dropped)
        return sink_refusef(why, "unknown_column", str_of(c->name),
                            "is no column of the schema any more");
    if (c->derived || c->audit)
        return sink_refusef(why, "column_name", str_of(c->name),
                            c->audit ? "is an audit column: the load fills it"
                                     : "is computed by the target");
    c->val = v;
    c->spelled = name;
    return 1;
}

/* The name that raw, a key as written, stands for: borrowed from the record or
 * from t->keys. */
static int spell(struct table *t, struct str raw, struct str *name,
                 struct sink_refusal *why)
{
    *name = raw;
    if (!memchr(raw.p, '\\', raw.n))
        return 1;
    /* Room for the whole record was made: earlier slices stay put. */
    size_t from = t->keys.n;
    json_unescape(&t->keys, raw);
    *name = (struct str){ t->keys.p + from, t->keys.n - from };
    return utf8_valid(*name)
               ? 1
               : sink_refusef(why, "column_name", STR(""),
                              "a field name holds half a surrogate pair");
}

static int start_record(struct table *t, struct str record, struct err *e)
{
    t->guess = 0;
    t->plain = false;
    t->pattern++;
    layout_forget(&t->layout);
    for (size_t i = 0; i < t->n; i++)
        t->v[i].val.type = JSON_MISSING;
    buf_reset(&t->keys);
    return buf_reserve(&t->keys, record.n) ? err_nomem(e) : 0;
}

static int take_fields(struct table *t, const struct sink_spec *spec,
                       struct str record, struct sink_refusal *why,
                       struct err *e)
{
    struct json_iter it = json_iter(record);
    struct str raw, name;
    struct val v;
    while (json_next(&it, &raw, &v)) {
        int r = spell(t, raw, &name, why);
        if (r > 0)
            r = take_field(t, spec, name, v, why, e);
        if (r <= 0)
            return r;
    }
    return it.broken ? sink_refusef(why, "not_json", STR(""), "not JSON") : 1;
}

/* ---- the partition ---- */

static bool equals_text(struct val have, struct str text)
{
    return have.type == JSON_STRING &&
           json_raw_equals((struct str){ have.raw.p + 1, have.raw.n - 2 },
                           text);
}

static int check_range(struct table *t, const struct sink_spec *spec,
                       const struct column *c, struct sink_refusal *why)
{
    struct val have = c ? c->val : (struct val){ JSON_MISSING, STR("") };
    struct str text = have.raw;
    if (have.type == JSON_STRING) {
        text = (struct str){ text.p + 1, text.n - 2 };
        if (memchr(text.p, '\\', text.n)) {
            size_t from = t->keys.n; /* room for the record was made */
            json_unescape(&t->keys, text);
            text = (struct str){ t->keys.p + from, t->keys.n - from };
        }
    }
    if ((have.type == JSON_STRING || have.type == JSON_NUMBER) &&
        range_has(spec->range_from, spec->range_to, have.type == JSON_NUMBER,
                  text))
        return 1;
    bool there = have.type != JSON_MISSING;
    return sink_refusef(
        why, "wrong_partition", c ? str_of(c->name) : spec->part_column,
        "is %.*s, the load is for '%.*s' up to, not "
        "including, '%.*s'",
        there ? shown(have.raw, SHOWN) : 7, there ? have.raw.p : "missing",
        STR_ARG(spec->range_from), STR_ARG(spec->range_to));
}

/* The partition's value: filled in where the record has none, and no other. */
static int check_partition(struct table *t, const struct sink_spec *spec,
                           struct sink_refusal *why, struct err *e)
{
    if (spec->part_column.n == 0)
        return 1;
    struct val want = json_val(t->part_json);
    struct column *c = table_find(t, spec->part_column);
    if (spec->range_to.n)
        return check_range(t, spec, c, why);
    if (!c || c->val.type == JSON_MISSING)
        return take_field(t, spec, spec->part_column, want, why, e);
    struct val have = c->val;
    bool same =
        have.type == JSON_NUMBER
            ? want.type == JSON_NUMBER && number_cmp(have.raw, want.raw) == 0
            : equals_text(have, spec->part_value);
    if (same)
        return 1;
    return sink_refusef(why, "wrong_partition", str_of(c->name),
                        "is %.*s, the load replaces '%.*s'",
                        shown(have.raw, SHOWN), have.raw.p,
                        STR_ARG(spec->part_value));
}

/* ---- keys ---- */

static int null_key(struct sink_refusal *why, struct str key, struct val v)
{
    return sink_refusef(why, "null_key", key, "key '%.*s' is %s", STR_ARG(key),
                        v.type == JSON_NULL ? "null" : "missing");
}

int table_has_keys(const struct sink_spec *spec, struct str record,
                   struct sink_refusal *why)
{
    for (size_t i = 0; i < spec->n_keys; i++) {
        struct val v = json_get(json_val(record), spec->keys[i]);
        if (v.type <= JSON_NULL)
            return null_key(why, spec->keys[i], v);
    }
    return 1;
}

static int check_keys(struct table *t, const struct sink_spec *spec,
                      struct sink_refusal *why)
{
    for (size_t i = 0; i < spec->n_keys; i++) {
        struct column *c = table_find(t, spec->keys[i]);
        struct val v = c ? c->val : (struct val){ JSON_MISSING, STR("") };
        if (v.type <= JSON_NULL)
            return null_key(why, spec->keys[i], v);
    }
    return 1;
}

int table_take(struct table *t, const struct sink_spec *spec, struct str record,
               struct sink_refusal *why, struct err *e)
{
    if (start_record(t, record, e))
        return -1;
    int r = take_fields(t, spec, record, why, e);
    if (r > 0)
        r = check_partition(t, spec, why, e);
    return r > 0 ? check_keys(t, spec, why) : r;
}

static size_t column_of(void *context, struct str key)
{
    struct table *t = context;
    return (size_t)(table_find(t, key) - t->v); /* was found just now */
}

/* Takes the fields of a record that is laid out as the one before. */
static void take_known(struct table *t, const struct shaped *r)
{
    const struct layout *l = &t->layout;
    for (size_t i = 0; i < l->n; i++)
        t->v[l->field[i].column].val = layout_value(l, r, i);
    t->plain = true;
}

int table_take_record(struct table *t, const struct sink_spec *spec,
                      const struct sink_record *r, struct sink_refusal *why,
                      struct err *e)
{
    if (!r->shaped)
        return table_take(t, spec, r->text, why, e);
    if (!layout_fits(&t->layout, r->shaped)) {
        int done = table_take(t, spec, r->text, why, e);
        if (done > 0)
            layout_learn(&t->layout, r->shaped, column_of, t);
        return done;
    }
    take_known(t, r->shaped);
    int done = check_partition(t, spec, why, e);
    return done > 0 ? check_keys(t, spec, why) : done;
}

int table_take_keys(struct table *t, const struct sink_spec *spec,
                    struct str record, struct sink_refusal *why, struct err *e)
{
    struct json_iter it = json_iter(record);
    struct str raw, name;
    struct val v;
    if (start_record(t, record, e))
        return -1;
    while (json_next(&it, &raw, &v)) {
        if (spell(t, raw, &name, why) <= 0)
            return 0;
        struct column *c = table_find(t, name);
        if (c && c->key) {
            c->val = v;
            c->spelled = name;
        }
    }
    return check_keys(t, spec, why);
}
