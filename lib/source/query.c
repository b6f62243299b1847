#include "source/query.h"

#include "json/path.h"
#include "json/utf8.h"
#include "json/value.h"

#include <stdlib.h>

#define CURSOR "{cursor}"

/* ---- columns ---- */

static int position_of(const struct query_columns *c, const char *name)
{
    const char *p = c->names.p, *end = p + c->names.n;
    for (int i = 0; p < end; p += strlen(p) + 1, i++)
        if (strcmp(p, name) == 0)
            return i;
    return -1;
}

int query_column(struct query_columns *c, const char *name, struct err *e)
{
    if (!utf8_valid(str_of(name)))
        return err_set(e, ERR_USAGE, "column name '%s' is not UTF-8", name);
    if (position_of(c, name) >= 0)
        return err_set(e, ERR_USAGE,
                       "query has two columns '%s': give one another name "
                       "with AS",
                       name);
    struct buf *labels = realloc(c->labels, (c->n + 1) * sizeof(*labels));
    if (!labels)
        return err_nomem(e);
    c->labels = labels;
    struct buf *b = &labels[c->n];
    *b = (struct buf){ 0 };
    buf_addc(b, c->n ? ',' : '{');
    c->n++;
    json_quote(b, str_of(name));
    buf_addc(b, ':');
    buf_add(&c->names, name, strlen(name) + 1);
    return b->failed || c->names.failed ? err_nomem(e) : 0;
}

int query_find(const struct query_columns *c, const char *option,
               const char *name, struct err *e)
{
    int at = position_of(c, name);
    return at >= 0
               ? at
               : err_set(e, ERR_CONFIG, "%s: the database gives no column '%s'",
                         option, name);
}

void query_columns_free(struct query_columns *c)
{
    for (size_t i = 0; i < c->n; i++)
        buf_free(&c->labels[i]);
    free(c->labels);
    buf_free(&c->names);
    *c = (struct query_columns){ 0 };
}

/* ---- statements ---- */

/* Quotes a name as SQL does; of one in parts, each part. */
static void quote(struct buf *out, const char *name, bool parts)
{
    buf_addc(out, '"');
    for (; *name; name++) {
        if (parts && *name == '.') {
            buf_addz(out, "\".\"");
            continue;
        }
        if (*name == '"')
            buf_addc(out, '"');
        buf_addc(out, *name);
    }
    buf_addc(out, '"');
}

void query_name(struct buf *out, const char *name)
{
    quote(out, name, false);
}

void query_table(struct buf *out, const char *name)
{
    quote(out, name, true);
}

int query_text(struct buf *out, struct str text, struct err *e)
{
    if (text.n && memchr(text.p, '\0', text.n))
        return err_set(e, ERR_DATA,
                       "cursor has a NUL, which no database text "
                       "has");
    buf_addc(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_addc(out, '\'');
        buf_addc(out, text.p[i]);
    }
    return buf_addc(out, '\'') ? err_nomem(e) : 0;
}

/* A JSON scalar as a literal; NULL for none. */
static int add_literal(struct buf *out, struct str json, enum query_dialect d,
                       struct err *e)
{
    struct val v = json_val(json);
    if (v.type == JSON_MISSING || v.type == JSON_NULL)
        return buf_addz(out, "NULL") ? err_nomem(e) : 0;
    if (v.type != JSON_STRING && d == QUERY_POSTGRESQL)
        return query_text(out, v.raw, e);
    if (v.type != JSON_STRING)
        return buf_add_str(out, v.raw) ? err_nomem(e) : 0;
    struct buf scratch = { 0 };
    struct str text;
    int r = json_string(v, &scratch, &text) ? err_nomem(e)
                                            : query_text(out, text, e);
    buf_free(&scratch);
    return r;
}

/* The statement without what ends it: it is to stand in brackets. */
static struct str trim_end(struct str sql)
{
    while (sql.n && strchr(" \t\r\n;", sql.p[sql.n - 1]))
        sql.n--;
    return sql;
}

int query_sql(const struct source_opts *opts, enum query_dialect d,
              struct buf *out, bool *placed, struct err *e)
{
    const struct source_query *q = opts->query;
    *placed = false;
    if (!q || !q->sql == !q->table)
        return err_set(e, ERR_USAGE,
                       "a database is asked by --query or by --table");
    if (q->table) {
        buf_addz(out, "SELECT * FROM ");
        query_table(out, q->table);
        return out->failed ? err_nomem(e) : 0;
    }
    struct str rest = trim_end(str_of(q->sql));
    const char *end = rest.p + rest.n, *at;
    while ((at = memmem(rest.p, rest.n, CURSOR, strlen(CURSOR)))) {
        if (!opts->cursor)
            return err_set(e, ERR_USAGE,
                           "{cursor} in --query goes with "
                           "--cursor");
        *placed = true;
        buf_add(out, rest.p, (size_t)(at - rest.p));
        if (add_literal(out, opts->cursor->from, d, e))
            return -1;
        rest.p = at + strlen(CURSOR);
        rest.n = (size_t)(end - rest.p);
    }
    return buf_add_str(out, rest) ? err_nomem(e) : 0;
}

void query_select(const struct source_query *q, struct str sql, struct buf *out)
{
    buf_addz(out, "SELECT * FROM ");
    if (q->table) {
        query_table(out, q->table);
    } else {
        buf_addz(out, "(\n");
        buf_add_str(out, sql);
        buf_addz(out, "\n)");
    }
    buf_addz(out, " AS q");
}

int query_since(const struct source_cursor *c, enum query_dialect d,
                const char *collate, struct buf *out, struct err *e)
{
    if (c->from.n) {
        buf_addz(out, " WHERE q.");
        query_name(out, c->field);
        buf_addz(out, collate);
        buf_addz(out, " >= ");
        if (add_literal(out, c->from, d, e))
            return -1;
    }
    buf_addz(out, " ORDER BY q.");
    query_name(out, c->field);
    return buf_addz(out, collate) ? err_nomem(e) : 0;
}

/* ---- rows ---- */

int query_reject(struct query_rows *r, size_t from, const char *code,
                 const char *message, const char *column, struct err *e)
{
    r->text.failed = false; /* a row that did not fit is gone */
    r->text.n = from;
    buf_reset(&r->path);
    buf_reset(&r->raw);
    r->raw_length = 0;
    if (column && path_pointer(&r->path, str_of(column)))
        return err_nomem(e);
    r->fault =
        (struct source_fault){ code, buf_str(&r->path), str_of(message) };
    r->rejected = true;
    return 0;
}

int query_raw(struct query_rows *r, struct str raw, struct err *e)
{
    bool all = raw.n <= QUERY_KEEP;
    r->raw_length = all ? 0 : raw.n;
    return buf_add(&r->raw, raw.p, all ? raw.n : QUERY_KEEP) ? err_nomem(e) : 0;
}

int query_row(struct query_rows *r, size_t from, size_t max_record,
              struct err *e)
{
    if (r->text.failed || r->text.n - from > max_record)
        return query_reject(r, from, "too_long", "row is too long", NULL, e);
    if (buf_addc(&r->text, '\n'))
        return err_nomem(e);
    r->count++;
    return 0;
}

bool query_full(const struct query_rows *r, const struct source_opts *opts)
{
    return r->rejected || r->text.n >= QUERY_BLOCK ||
           (opts->each && r->count > 0);
}

int query_item(struct query_rows *r, struct source_item *item)
{
    struct str text = buf_str(&r->text);
    if (r->count) {
        bool one = r->count == 1;
        text.n -= one;
        *item =
            (struct source_item){ .kind = one ? SOURCE_RECORD : SOURCE_RECORDS,
                                  .text = text,
                                  .raw = text,
                                  .count = r->count };
        return 1;
    }
    if (!r->rejected)
        return 0;
    *item = (struct source_item){ .kind = SOURCE_REJECT,
                                  .text = STR(""),
                                  .raw = buf_str(&r->raw),
                                  .length = r->raw_length,
                                  .faults = &r->fault,
                                  .n_faults = 1 };
    return 1;
}

/* A row rejected behind records is still to be handed out. */
void query_begin(struct query_rows *r)
{
    if (!r->count)
        r->rejected = false;
    r->count = 0;
    buf_reset(&r->text);
}

void query_rows_free(struct query_rows *r)
{
    buf_free(&r->text);
    buf_free(&r->path);
    buf_free(&r->raw);
}
