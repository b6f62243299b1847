/* fixed: lines whose fields have a width each, in characters of UTF-8. */
#include "source/cells.h"
#include "source/linerow.h"
#include "source/ops.h"

#include <stdlib.h>

struct fixed {
    struct source base;
    struct linerow_reader rows;
    struct cells cells;
    struct str *cell; /* owned: one for each column */
    size_t width;     /* characters of a line, */
    bool rest;        /* and whatever follows */
};

/* Columns are the fields that have a name. */
static int name_columns(struct fixed *f, struct err *e)
{
    const struct source_opts *o = f->base.opts;
    struct str *names = calloc(o->n_widths, sizeof(*names));
    size_t n = 0;

    f->cell = calloc(o->n_widths, sizeof(*f->cell));
    if (!names || !f->cell) {
        free(names);
        return err_nomem(e);
    }
    for (size_t i = 0; i < o->n_widths; i++) {
        f->width += o->widths[i].width;
        f->rest = o->widths[i].width == 0;
        if (o->widths[i].name.n)
            names[n++] = o->widths[i].name;
    }
    int r =
        n ? columns_init(&f->cells.columns, names, n, o->types, f->base.uri, e)
          : err_set(e, ERR_USAGE, "--widths names no field");
    free(names);
    return r;
}

static int fixed_open(struct source *s, struct err *e)
{
    struct fixed *f = (struct fixed *)s;

    cells_init(&f->cells, s->opts);
    f->cells.unquoted = true;
    f->rows.comment = s->opts->comment;
    if (s->opts->n_widths == 0)
        return err_set(e, ERR_USAGE, "format fixed wants --widths");
    if (name_columns(f, e) != 0)
        return -1;
    return linerow_open(&f->rows, s->in, s->opts->max_record, s->opts->skip, e);
}

static void fixed_close(struct source *s)
{
    struct fixed *f = (struct fixed *)s;

    linerow_close(&f->rows);
    cells_free(&f->cells);
    free(f->cell);
}

/* Behind the first n characters at p, fewer where the text ends; the number
 * of those found is taken from *n. */
static const char *pass_chars(const char *p, const char *end, size_t *n)
{
    for (; *n > 0 && p < end; --*n) {
        p++;
        while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
            p++;
    }
    return p;
}

/* Cuts a line, which is text, into cells. Returns how many characters it has;
 * only if it has as many as it should the cells are set. */
static size_t cut_line(struct fixed *f, struct str line)
{
    const struct source_opts *o = f->base.opts;
    const char *p = line.p, *end = line.p + line.n;
    size_t found = 0, column = 0;

    for (size_t i = 0; i < o->n_widths; i++) {
        bool rest = f->rest && i + 1 == o->n_widths;
        size_t missing = o->widths[i].width;
        const char *to = rest ? end : pass_chars(p, end, &missing);
        struct str cell = str_trim((struct str){ p, (size_t)(to - p) });
        if (o->widths[i].name.n)
            f->cell[column++] = cell;
        found += o->widths[i].width - missing;
        if (missing)
            return found;
        p = to;
    }
    size_t most = SIZE_MAX, left = most;
    pass_chars(p, end, &left);
    return found + (most - left);
}

static int truncated(const struct fixed *f, const struct linerow *row,
                     size_t have, struct err *e)
{
    err_set(e, ERR_DATA,
            "'%s' is truncated: its last line %llu has no end and %zu of %zu "
            "characters",
            f->base.uri, (unsigned long long)row->line, have, f->width);
    e->line = row->line;
    return -1;
}

static int take_row(struct fixed *f, const struct linerow *row, struct err *e)
{
    struct cells *c = &f->cells;

    if (row->too_long)
        return cells_faultf(
            c, e, "too_long", STR(""), "line of %llu bytes, limit is %zu",
            (unsigned long long)row->length, f->base.opts->max_record);
    if (!cells_is_text(row->text))
        return cells_write(c, NULL, row->text, e);
    size_t have = cut_line(f, row->text);
    if (have < f->width && row->unterminated)
        return truncated(f, row, have, e);
    if (have < f->width || (have > f->width && !f->rest))
        return cells_faultf(c, e, "line_width", STR(""),
                            "expected %zu characters%s, found %zu", f->width,
                            f->rest ? " or more" : "", have);
    return cells_write(c, f->cell, row->text, e);
}

static int fixed_next(struct source *s, struct source_item *item, struct err *e)
{
    struct fixed *f = (struct fixed *)s;
    struct linerow row;

    int r = linerow_next(&f->rows, &row, e);
    if (r <= 0)
        return r;
    cells_begin(&f->cells);
    if (take_row(f, &row, e) != 0)
        return -1;
    *item = (struct source_item){ .raw = row.text,
                                  .line = row.line,
                                  .offset = row.offset,
                                  .length = row.too_long ? row.length : 0 };
    cells_item(&f->cells, item);
    return 1;
}

/* ---- what a replay needs ---- */

static int fixed_context(const struct source *s, struct buf *b)
{
    const struct source_opts *o = s->opts;

    buf_addz(b, ",\"widths\":[");
    for (size_t i = 0; i < o->n_widths; i++)
        buf_addf(b, "%s%zu", i ? "," : "", o->widths[i].width);
    buf_addc(b, ']');
    return cells_context(&((const struct fixed *)s)->cells, b);
}

static int fixed_args(const struct source *s, struct buf *b)
{
    const struct source_opts *o = s->opts;

    buf_addz(b, "--widths=");
    for (size_t i = 0; i < o->n_widths; i++) {
        struct buf width = { 0 };
        if (o->widths[i].width)
            buf_addf(&width, ":%zu", o->widths[i].width);
        else
            buf_addz(&width, ":*");
        const char *suffix = buf_z(&width);
        int r =
            suffix ? cells_list_add(b, i == 0, o->widths[i].name, suffix) : -1;
        buf_free(&width);
        if (r != 0)
            return -1;
    }
    buf_addc(b, '\0');
    return cells_args(&((const struct fixed *)s)->cells, b);
}

const struct source_ops source_fixed_ops = {
    .name = "fixed",
    .size = sizeof(struct fixed),
    .lines = true,
    .open = fixed_open,
    .next = fixed_next,
    .close = fixed_close,
    .context = fixed_context,
    .args = fixed_args,
};
