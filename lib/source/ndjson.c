/* ndjson: a JSON object a line. Blank lines are skipped, as everywhere. */
#include "json/check.h"
#include "record/reader.h"
#include "source/ops.h"

#include <stdio.h>

/* Bytes of records from which on they are handed out: what output writes out
 * without a copy. */
#define BATCH ((size_t)256 << 10)

struct ndjson {
    struct source base;
    struct reader reader;
    struct reader_line line;
    bool open; /* reader is to be freed */
    bool held; /* line was read, and not handed out yet; whether it is good */
    bool good;
    struct source_fault fault;
    char message[80];
};

static int ndjson_open(struct source *s, struct err *e)
{
    struct ndjson *n = (struct ndjson *)s;

    n->open = reader_init(&n->reader, s->in, s->opts->max_record,
                          s->opts->max_depth, e) == 0;
    return n->open ? 0 : -1;
}

static void ndjson_close(struct source *s)
{
    struct ndjson *n = (struct ndjson *)s;

    if (n->open)
        reader_free(&n->reader);
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

/* Is the line a record, and is it ended by LF alone? Then its bytes and those
 * of the line before it are as good together as apart. */
static bool is_plain(const struct ndjson *n, const struct reader_line *l)
{
    return n->good && l->feed;
}

/* Behind a plain line in n->line: takes those that follow and are plain too. */
static int take_batch(struct ndjson *n, struct source_item *item, struct err *e)
{
    struct str text = n->line.line.text;
    int r = 1;

    *item = (struct source_item){ .kind = SOURCE_RECORDS,
                                  .line = n->line.line.line,
                                  .offset = n->line.line.offset };
    do {
        const struct line *line = &n->line.line;
        text.n = (size_t)(line->text.p - text.p) + line->text.n + 1;
        item->count++;
        r = text.n < BATCH ? reader_at_hand(&n->reader, &n->line, 1, e) : 0;
        if (r <= 0)
            break;
        n->good = n->line.shaped && reader_check(&n->line);
        n->held = !is_plain(n, &n->line);
    } while (!n->held);
    item->text = item->raw = text;
    return r < 0 ? -1 : 1;
}

/* Hands out n->line by itself. */
static int take_line(struct ndjson *n, struct source_item *item, struct err *e)
{
    const struct source_opts *opts = n->base.opts;
    const struct line *line = &n->line.line;
    struct json_fault fault;

    *item = (struct source_item){ .kind = SOURCE_UNCHECKED,
                                  .text = line->text,
                                  .raw = line->text,
                                  .line = line->line,
                                  .offset = line->offset };
    if (n->good)
        item->kind = SOURCE_RECORD;
    else if (line->unterminated &&
             (line->too_long ||
              json_check_object(line->text, opts->max_depth, &fault) != 0))
        return truncated(n, line, e);
    if (line->too_long) {
        snprintf(n->message, sizeof(n->message),
                 "record of %llu bytes, limit is %zu",
                 (unsigned long long)line->length, opts->max_record);
        n->fault =
            (struct source_fault){ "too_long", STR(""), str_of(n->message) };
        item->kind = SOURCE_REJECT;
        item->text = STR("");
        item->length = line->length;
        item->faults = &n->fault;
        item->n_faults = 1;
    }
    return 1;
}

static int ndjson_next(struct source *s, struct source_item *item,
                       struct err *e)
{
    struct ndjson *n = (struct ndjson *)s;

    do {
        int r = n->held ? 1 : reader_next(&n->reader, &n->line, e);
        if (r <= 0)
            return r;
        if (!n->held)
            n->good = n->line.shaped && reader_check(&n->line);
        n->held = false;
    } while (n->line.blank);
    return is_plain(n, &n->line) ? take_batch(n, item, e)
                                 : take_line(n, item, e);
}

const struct source_ops source_ndjson_ops = {
    .name = "ndjson",
    .size = sizeof(struct ndjson),
    .open = ndjson_open,
    .next = ndjson_next,
    .close = ndjson_close,
};
