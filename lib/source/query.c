#include "source/query.h"

#include "json/utf8.h"
#include "json/value.h"

#include <stdlib.h>

static bool is_there(const struct query_columns *c, const char *name)
{
    const char *p = c->names.p, *end = p + c->names.n;
    for (; p < end; p += strlen(p) + 1)
        if (strcmp(p, name) == 0)
            return true;
    return false;
}

int query_column(struct query_columns *c, const char *name, struct err *e)
{
    if (!utf8_valid(str_of(name)))
        return err_set(e, ERR_USAGE, "column name '%s' is not UTF-8", name);
    if (is_there(c, name))
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

void query_columns_free(struct query_columns *c)
{
    for (size_t i = 0; i < c->n; i++)
        buf_free(&c->labels[i]);
    free(c->labels);
    buf_free(&c->names);
    *c = (struct query_columns){ 0 };
}

/* Quotes each part of a name as SQL does. */
static void add_name(struct buf *out, const char *name)
{
    buf_addc(out, '"');
    for (; *name; name++) {
        if (*name == '.') {
            buf_addz(out, "\".\"");
            continue;
        }
        if (*name == '"')
            buf_addc(out, '"');
        buf_addc(out, *name);
    }
    buf_addc(out, '"');
}

int query_sql(const struct source_query *q, struct buf *out)
{
    if (q->sql)
        return buf_addz(out, q->sql);
    buf_addz(out, "SELECT * FROM ");
    add_name(out, q->table);
    return out->failed ? -1 : 0;
}
