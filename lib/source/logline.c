/* regex: lines, or runs of lines, as records of the named groups of a regular
 * expression. */
#include "json/utf8.h"
#include "json/value.h"
#include "regex/regex.h"
#include "source/cells.h"
#include "source/linerow.h"
#include "source/logpattern.h"
#include "source/ops.h"

struct logline {
    struct source base;
    struct linerow_reader rows;
    struct cells cells;
    struct regex_set *set;            /* owned */
    const struct regex *line, *start; /* borrowed from it; start may be NULL */
    unsigned group[REGEX_GROUPS_MAX]; /* of each column */
    struct buf clean;                 /* a line without what is no text */
};

static int no_pattern(const char *option, const char *pattern,
                      const struct regex_why *why, struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "--%s '%s' is no regular expression: %s at "
                   "byte %zu",
                   option, pattern, why->text, why->at + 1);
}

static int compile(struct logline *l, const char *option, const char *pattern,
                   const struct regex **re, struct err *e)
{
    struct regex_why why;
    struct str text = str_of(pattern);
    int r = regex_pin(l->set, text, 0, &why);

    if (r == 0)
        r = regex_get(l->set, text, 0, re, &why);
    if (r == -1)
        return no_pattern(option, pattern, &why, e);
    return r == 0 ? 0 : err_nomem(e);
}

/* Columns are the groups that have a name. */
static int name_columns(struct logline *l, struct err *e)
{
    const struct source_opts *o = l->base.opts;
    struct str names[REGEX_GROUPS_MAX];
    size_t n = 0;

    for (unsigned i = 1; i <= regex_groups(l->line); i++) {
        names[n] = regex_name(l->line, i);
        l->group[n] = i;
        n += names[n].n > 0;
    }
    if (n == 0)
        return err_set(e, ERR_USAGE,
                       "--regex '%s' names no group: (?<name>...) makes a "
                       "field",
                       o->regex);
    return columns_init(&l->cells.columns, names, n, o->types, l->base.uri, e);
}

/* Does a record start with the line? */
static int starts(void *ctx, struct str line, struct err *e)
{
    struct logline *l = ctx;
    struct regex_why why;
    const size_t *group;

    if (!utf8_valid(line)) {
        buf_reset(&l->clean);
        if (utf8_lossy(&l->clean, line) != 0)
            return err_nomem(e);
        line = buf_str(&l->clean);
    }
    int r = regex_search(l->set, l->start, line, 0, &group, &why);
    if (r == -1)
        return err_set(e, ERR_DATA,
                       "cannot search line %llu of '%s' for "
                       "--multiline: %s",
                       (unsigned long long)l->rows.lines + 1, l->base.uri,
                       why.text);
    return r == -2 ? err_nomem(e) : r;
}

static int logline_open(struct source *s, struct err *e)
{
    struct logline *l = (struct logline *)s;
    const struct source_opts *o = s->opts;

    cells_init(&l->cells, o);
    l->cells.unquoted = true;
    l->rows.comment = o->comment;
    l->rows.ctx = l;
    l->rows.starts = o->multiline ? starts : NULL;
    if (!o->regex)
        return err_set(e, ERR_USAGE, "format regex wants --regex");
    l->set = regex_set_new();
    if (!l->set)
        return err_nomem(e);
    const char *known = logpattern_find(o->regex);
    if (compile(l, "regex", known ? known : o->regex, &l->line, e) != 0 ||
        (o->multiline &&
         compile(l, "multiline", o->multiline, &l->start, e) != 0) ||
        name_columns(l, e) != 0)
        return -1;
    return linerow_open(&l->rows, s->in, o->max_record, o->skip, e);
}

static void logline_close(struct source *s)
{
    struct logline *l = (struct logline *)s;

    linerow_close(&l->rows);
    cells_free(&l->cells);
    regex_set_free(l->set);
    buf_free(&l->clean);
}

static int no_match(struct logline *l, const struct linerow *row, struct err *e)
{
    if (!row->unterminated)
        return cells_fault(&l->cells, "no_match", STR(""),
                           STR("the line does not match --regex"), e);
    err_set(e, ERR_DATA,
            "'%s' is truncated: line %llu has no end and does not match "
            "--regex",
            l->base.uri, (unsigned long long)row->line);
    e->line = row->line;
    return -1;
}

static int take_row(struct logline *l, const struct linerow *row, struct err *e)
{
    struct str cell[REGEX_GROUPS_MAX];
    struct cells *c = &l->cells;
    struct regex_why why;
    const size_t *group;

    if (row->too_long)
        return cells_faultf(
            c, e, "too_long", STR(""), "record of %llu bytes, limit is %zu",
            (unsigned long long)row->length, l->base.opts->max_record);
    if (!cells_is_text(row->text))
        return cells_write(c, NULL, row->text, e);
    int r = regex_search(l->set, l->line, row->text, 0, &group, &why);
    if (r == -2)
        return err_nomem(e);
    if (r < 0)
        return cells_faultf(c, e, "match_limit", STR(""),
                            "searching for --regex ended: %s", why.text);
    if (r == 0)
        return no_match(l, row, e);
    for (size_t i = 0; i < c->columns.n; i++) {
        const size_t *at = group + 2 * (size_t)l->group[i];
        bool absent = at[0] == SIZE_MAX;
        cell[i] = absent ? (struct str){ NULL, 0 }
                         : (struct str){ row->text.p + at[0], at[1] - at[0] };
    }
    return cells_write(c, cell, row->text, e);
}

static int logline_next(struct source *s, struct source_item *item,
                        struct err *e)
{
    struct logline *l = (struct logline *)s;
    struct linerow row;

    int r = linerow_next(&l->rows, &row, e);
    if (r <= 0)
        return r;
    cells_begin(&l->cells);
    if (take_row(l, &row, e) != 0)
        return -1;
    *item = (struct source_item){ .raw = row.text,
                                  .line = row.line,
                                  .offset = row.offset,
                                  .length = row.too_long ? row.length : 0 };
    cells_item(&l->cells, item);
    return 1;
}

/* ---- what a replay needs ---- */

static int logline_context(const struct source *s, struct buf *b)
{
    buf_addz(b, ",\"regex\":");
    json_quote(b, str_of(s->opts->regex));
    if (s->opts->multiline) {
        buf_addz(b, ",\"multiline\":");
        json_quote(b, str_of(s->opts->multiline));
    }
    return cells_context(&((const struct logline *)s)->cells, b);
}

static int logline_args(const struct source *s, struct buf *b)
{
    cells_option(b, "regex", str_of(s->opts->regex));
    if (s->opts->multiline)
        cells_option(b, "multiline", str_of(s->opts->multiline));
    return cells_args(&((const struct logline *)s)->cells, b);
}

const struct source_ops source_regex_ops = {
    .name = "regex",
    .size = sizeof(struct logline),
    .lines = true,
    .open = logline_open,
    .next = logline_next,
    .close = logline_close,
    .context = logline_context,
    .args = logline_args,
};
