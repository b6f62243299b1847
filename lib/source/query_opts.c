#include "source/query_opts.h"

#include "io/input.h"
#include "json/utf8.h"

#define QUERY_MAX ((size_t)1 << 20) /* bytes of a file */

static const char *sql, *table, *split;

enum { WHAT = 1 };

const struct opt query_opts[] = {
    { OPT_GROUP, 0, "databases", NULL, NULL, "Databases", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "query", "SQL", &sql,
      "read the rows of a statement, or of the one in @FILE; {cursor} in it is "
      "the value to go on from",
      NULL, 0, 0, WHAT, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "table", "[SCHEMA.]TABLE", &table,
      "read all rows of a table or view", NULL, 0, 0, WHAT, COMPLETE_NONE,
      NULL },
    { OPT_STRING, 0, "split", "COLUMN", &split,
      "share the rows out by ranges of COLUMN, or of ctid, among the "
      "connections of -j, in one snapshot",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static int read_bytes(struct buf *text, struct input *in, struct err *e)
{
    char part[4096];
    ssize_t n;
    while ((n = input_read(in, part, sizeof(part), e)) > 0) {
        if (text->n + (size_t)n > QUERY_MAX)
            return err_set(e, ERR_USAGE,
                           "statement in '%s' is longer than 1 MiB", in->uri);
        if (buf_add(text, part, (size_t)n))
            return err_nomem(e);
    }
    if (n == 0 && text->n && memchr(text->p, '\0', text->n))
        return err_set(e, ERR_USAGE, "'%s' is no text: it has a NUL", in->uri);
    return n < 0 ? -1 : 0;
}

static int read_file(struct buf *text, const char *path, struct err *e)
{
    struct input in;
    if (input_open(&in, path, e))
        return -1;
    in.raw = true;
    int r = read_bytes(text, &in, e);
    input_close(&in);
    return r;
}

static int expand_query(struct buf *memory, query_opts_expand *expand,
                        void *context, struct err *e)
{
    struct buf text = { 0 };
    int r = *sql == '@' ? read_file(&text, sql + 1, e) : 0;
    const char *z = *sql == '@' ? buf_z(&text) : sql;
    if (r == 0)
        r = z ? expand(context, memory, z) : err_nomem(e);
    if (r == 0 && !utf8_valid(buf_str(memory)))
        r = err_set(e, ERR_USAGE, "statement of --query is not UTF-8");
    buf_free(&text);
    return r;
}

int query_opts_take(struct source_query *q, struct buf *memory,
                    query_opts_expand *expand, void *context, struct err *e)
{
    *q = (struct source_query){ .split = split };
    if (!sql && !table)
        return split ? err_set(e, ERR_USAGE,
                               "--split goes with --query or --table")
                     : 0;
    if (sql ? expand_query(memory, expand, context, e)
            : expand(context, memory, table))
        return -1;
    const char *text = buf_z(memory);
    if (!text)
        return err_nomem(e);
    *(sql ? &q->sql : &q->table) = text;
    return 1;
}
