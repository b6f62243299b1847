/* ndjson: a JSON object a line. Blank lines are skipped, as everywhere. */
#include "io/lines.h"
#include "json/check.h"
#include "source/ops.h"

#include <stdio.h>

struct ndjson {
    struct source base;
    struct lines lines;
    struct source_fault fault;
    char message[80];
};

static int ndjson_open(struct source *s, struct err *e)
{
    struct ndjson *n = (struct ndjson *)s;

    return lines_init(&n->lines, s->in, s->opts->max_record, e);
}

static void ndjson_close(struct source *s)
{
    lines_free(&((struct ndjson *)s)->lines);
}

static bool is_blank(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
            return false;
    return true;
}

static int truncated(const struct ndjson *n, const struct line *line,
                     struct err *e)
{
    err_set(e, ERR_DATA,
            "'%s' is truncated: line %llu has no end and is no whole object",
            n->base.uri, (unsigned long long)line->line);
    e->line = line->line;
    return -1;
}

static int ndjson_next(struct source *s, struct source_item *item,
                       struct err *e)
{
    struct ndjson *n = (struct ndjson *)s;
    unsigned depth = s->opts->max_depth;
    struct json_fault fault;
    struct line line;
    int r;

    do {
        r = lines_next(&n->lines, &line, e);
        if (r <= 0)
            return r;
    } while (is_blank(line.text) && !line.too_long);

    *item = (struct source_item){ .kind = SOURCE_UNCHECKED,
                                  .text = line.text,
                                  .raw = line.text,
                                  .line = line.line,
                                  .offset = line.offset };
    if (line.unterminated) {
        if (line.too_long || json_check_object(line.text, depth, &fault) != 0)
            return truncated(n, &line, e);
        item->kind = SOURCE_RECORD;
    }
    if (line.too_long) {
        snprintf(n->message, sizeof(n->message),
                 "record of %llu bytes, limit is %zu",
                 (unsigned long long)line.length, s->opts->max_record);
        n->fault =
            (struct source_fault){ "too_long", STR(""), str_of(n->message) };
        item->kind = SOURCE_REJECT;
        item->text = STR("");
        item->length = line.length;
        item->faults = &n->fault;
        item->n_faults = 1;
    }
    return 1;
}

const struct source_ops source_ndjson_ops = {
    .name = "ndjson",
    .size = sizeof(struct ndjson),
    .open = ndjson_open,
    .next = ndjson_next,
    .close = ndjson_close,
};
