#include "sink/csvout.h"

#include "json/utf8.h"
#include "json/value.h"

#include <stdlib.h>

#define COLUMNS_MAX 16384
#define SHOWN_NAME 200

struct cell {
    char *name; /* owned */
    size_t n;
    struct val val;     /* of the record at hand */
    struct str spelled; /* its key there, as written */
};

struct csvout {
    struct cell *v; /* owned */
    size_t n, guess;
    struct buf scratch;
};

void csvout_free(struct csvout *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].name);
    free(c->v);
    buf_free(&c->scratch);
    free(c);
}

static int add_column(struct csvout *c, struct str name)
{
    if ((c->n & (c->n - 1)) == 0) {
        size_t cap = c->n ? c->n * 2 : 1;
        struct cell *grown = realloc(c->v, cap * sizeof(*grown));
        if (!grown)
            return -1;
        c->v = grown;
    }
    char *copy = malloc(name.n + 1);
    if (!copy)
        return -1;
    memcpy(copy, name.p, name.n);
    c->v[c->n++] = (struct cell){ .name = copy, .n = name.n };
    return 0;
}

struct csvout *csvout_new(const struct str *columns, size_t n)
{
    struct csvout *c = calloc(1, sizeof(*c));
    for (size_t i = 0; c && i < n; i++)
        if (add_column(c, columns[i])) {
            csvout_free(c);
            return NULL;
        }
    return c;
}

static struct cell *find(struct csvout *c, struct str name)
{
    for (size_t i = 0, j = c->guess; i < c->n; i++, j++) {
        struct cell *at = &c->v[j < c->n ? j : j - c->n];
        if (str_eq((struct str){ at->name, at->n }, name)) {
            c->guess =
                (size_t)(at - c->v) + 1 < c->n ? (size_t)(at - c->v) + 1 : 0;
            return at;
        }
    }
    return NULL;
}

/* The characters of a key; half a surrogate pair is no UTF-8. */
static int spell(struct csvout *c, struct str raw, struct str *name,
                 struct sink_refusal *why)
{
    *name = raw;
    if (!memchr(raw.p, '\\', raw.n))
        return 1;
    buf_reset(&c->scratch);
    if (json_unescape(&c->scratch, raw))
        return -1;
    *name = buf_str(&c->scratch);
    return utf8_valid(*name)
               ? 1
               : sink_refusef(why, "lone_surrogate", STR(""),
                              "a field name holds half a surrogate pair");
}

static int take_columns(struct csvout *c, struct str record,
                        struct sink_refusal *why)
{
    struct json_iter it = json_iter(record);
    struct str raw, name;
    struct val v;
    while (json_next(&it, &raw, &v)) {
        int r = spell(c, raw, &name, why);
        if (r <= 0)
            return r;
        if (find(c, name))
            continue;
        if (c->n == COLUMNS_MAX)
            return sink_refusef(why, "unknown_column", STR(""),
                                "CSV cannot have more than %d columns here",
                                COLUMNS_MAX);
        if (add_column(c, name))
            return -1;
    }
    return c->n ? 1
                : sink_refusef(why, "unknown_column", STR(""),
                               "the first record has no fields, so that CSV "
                               "has no columns");
}

static void forget_columns(struct csvout *c)
{
    while (c->n)
        free(c->v[--c->n].name);
    c->guess = 0;
}

static int take_fields(struct csvout *c, struct str record,
                       struct sink_refusal *why)
{
    struct json_iter it = json_iter(record);
    struct str raw, name;
    struct val v;
    c->guess = 0;
    for (size_t i = 0; i < c->n; i++)
        c->v[i].val = (struct val){ JSON_MISSING, STR("") };
    while (json_next(&it, &raw, &v)) {
        int r = spell(c, raw, &name, why);
        if (r <= 0)
            return r;
        struct cell *cell = find(c, name);
        if (!cell)
            return sink_refusef(
                why, "unknown_column", STR(""),
                "the file has no column '%.*s' (--columns names them)",
                name.n > SHOWN_NAME ? SHOWN_NAME : (int)name.n, name.p);
        cell->val = v;
        cell->spelled = raw;
    }
    return 1;
}

static void add_quoted(struct buf *out, struct str s)
{
    buf_addc(out, '"');
    while (s.n) {
        const char *quote = memchr(s.p, '"', s.n);
        size_t n = quote ? (size_t)(quote - s.p) + 1 : s.n;
        buf_add(out, s.p, n);
        if (quote)
            buf_addc(out, '"');
        s = (struct str){ s.p + n, s.n - n };
    }
    buf_addc(out, '"');
}

static bool wants_quotes(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r')
            return true;
    /* Unquoted it would be read as null. */
    return s.n == 0;
}

static void add_text(struct buf *out, struct str s)
{
    if (wants_quotes(s))
        add_quoted(out, s);
    else
        buf_add_str(out, s);
}

static int add_cell(struct csvout *c, const struct cell *cell, struct buf *out,
                    struct sink_refusal *why)
{
    struct str text = cell->val.raw;
    if (cell->val.type <= JSON_NULL)
        return 1;
    if (cell->val.type == JSON_STRING) {
        if (json_string(cell->val, &c->scratch, &text))
            return -1;
        if (text.p != cell->val.raw.p + 1 && !utf8_valid(text))
            return sink_refusef(why, "lone_surrogate", cell->spelled,
                                "holds half a surrogate pair");
    }
    add_text(out, text);
    return 1;
}

int csvout_row(struct csvout *c, struct str record, struct buf *out,
               struct sink_refusal *why)
{
    bool first = c->n == 0;
    int r = first ? take_columns(c, record, why) : 1;
    if (r > 0)
        r = take_fields(c, record, why);
    size_t from = out->n;
    for (size_t i = 0; r > 0 && i < c->n; i++) {
        if (i)
            buf_addc(out, ',');
        r = add_cell(c, &c->v[i], out, why);
    }
    /* What cannot be a row must not shape the file. */
    if (r <= 0 && first)
        forget_columns(c);
    if (r <= 0)
        return r;
    /* A blank line is no row to most readers. */
    if (out->n == from)
        buf_addz(out, "\"\"");
    buf_addc(out, '\n');
    return out->failed ? -1 : 1;
}

int csvout_header(const struct csvout *c, struct buf *out)
{
    for (size_t i = 0; i < c->n; i++) {
        if (i)
            buf_addc(out, ',');
        add_text(out, (struct str){ c->v[i].name, c->v[i].n });
    }
    return buf_addc(out, '\n');
}
