/* csv, tsv: rows as records, cells as strings unless their column has a type.
 */
#include "json/value.h"
#include "source/cells.h"
#include "source/csvbatch.h"
#include "source/csvrow.h"
#include "source/csvsniff.h"
#include "source/ops.h"

#include <stdlib.h>
#include <string.h>

struct csv {
    struct source base;
    struct csvrow_reader rows;
    struct csvsniff sniff; /* the dialect, and what was found out of it */
    struct cells cells;
    struct csvbatch *batch; /* NULL: not made yet, or not wanted */
    bool batches;           /* is wanted, once the line ends are known */
    bool open;              /* rows is to be closed */
    bool held;           /* row was read to count columns: next hands it out */
    char looks_split_by; /* a delimiter in the only name of the header, or 0 */
    struct csvrow row;
};

/* ---- dialect ---- */

static char usual_delimiter(const struct source *s)
{
    return s->ops == &source_tsv_ops ? '\t' : ',';
}

/* The dialect asked for, and of what was not said what the source tells. */
static int find_dialect(struct csv *c, struct err *e)
{
    const struct source *s = &c->base;
    const struct source_csv *o = &s->opts->csv;
    char delimiter = usual_delimiter(s);

    c->sniff = (struct csvsniff){
        .dialect = { .delimiter = o->delimiter ? o->delimiter : delimiter,
                     .quote = o->quote ? o->quote : '"',
                     .no_quote = o->no_quote,
                     .escape = o->escape,
                     .comment = s->opts->comment },
    };
    if (o->detect != SOURCE_DETECT_NONE &&
        csvsniff_said(&c->sniff, s->in, s->opts, e) != 0)
        return -1;
    if (c->sniff.said)
        return 0;
    if (o->detect == SOURCE_DETECT_AUTO)
        return csvsniff_auto(&c->sniff, s->in, s->opts, e);
    /* Rows without names of their own are too little to go by. */
    bool safe = o->detect == SOURCE_DETECT_SAFE && !o->delimiter &&
                !o->no_header && !o->n_columns && delimiter == ',';
    return safe ? csvsniff_safe(&c->sniff, s->in, s->opts, e) : 0;
}

/* ---- header ---- */

static int header_fault(const struct csv *c, const char *why, struct err *e)
{
    err_set(e, ERR_DATA, "header of '%s' at line %llu is no CSV: %s",
            c->base.uri, (unsigned long long)c->row.line, why);
    e->line = c->row.line;
    return -1;
}

static int check_count(const struct csv *c, struct err *e)
{
    size_t want = c->base.opts->csv.n_columns;

    if (c->row.total == want)
        return 0;
    return err_set(e, ERR_DATA,
                   "header of '%s' has %zu columns, --columns names %zu",
                   c->base.uri, c->row.total, want);
}

/* A delimiter in the text of a header of one cell, where none was chosen. */
static char find_delimiter(const struct csv *c)
{
    const struct csvtok_dialect *d = &c->sniff.dialect;
    struct str raw = c->row.raw;

    if (c->base.opts->csv.delimiter || c->sniff.said || c->row.total != 1 ||
        !raw.n || (!d->no_quote && *raw.p == d->quote))
        return '\0';
    for (const char *p = ";\t|,"; *p; p++)
        if (memchr(raw.p, *p, raw.n))
            return *p;
    return '\0';
}

/* Names the columns by the first row, or leaves that row for later. */
static int read_header(struct csv *c, struct err *e)
{
    const struct source_opts *o = c->base.opts;
    const struct str *names = o->csv.columns;
    bool no_header = o->csv.no_header || c->sniff.no_header;
    size_t n = o->csv.n_columns;
    int r;

    if (no_header && n > 0)
        return columns_init(&c->cells.columns, names, n, o->types, c->base.uri,
                            e);
    do {
        r = csvrow_next(&c->rows, &c->row, e);
    } while (r == 1 && c->row.kind == CSVROW_BLANK);
    if (r < 0)
        return -1;
    if (r == 0 && (no_header || n > 0))
        return 0;
    if (r == 0) /* what stands behind could take it for a day of nothing */
        return err_set(e, ERR_DATA,
                       "'%s' is empty: a header row is wanted (--no-header or "
                       "--columns for files without)",
                       c->base.uri);
    if (c->row.kind == CSVROW_BAD)
        return header_fault(c, c->row.message, e);
    if (c->row.kind == CSVROW_TOO_LONG)
        return header_fault(c, "it is too long", e);
    if (n > 0) {
        if (check_count(c, e) != 0)
            return -1;
    } else {
        n = c->row.total;
        c->held = no_header;
        names = c->held ? NULL : c->row.cells;
        c->looks_split_by = c->held ? '\0' : find_delimiter(c);
    }
    return columns_init(&c->cells.columns, names, n, o->types, c->base.uri, e);
}

static bool wants_libcsv(void)
{
    const char *reader = getenv("PIPE_SIMD");

    return reader && strcmp(reader, "libcsv") == 0;
}

static int csv_open(struct source *s, struct err *e)
{
    struct csv *c = (struct csv *)s;

    cells_init(&c->cells, s->opts);
    if (find_dialect(c, e) != 0)
        return -1;
    c->open = true;
    if (csvrow_open(&c->rows, s->in, c->sniff.dialect, COLUMNS_MAX + 1,
                    s->opts->max_record, e) != 0 ||
        csvrow_skip(&c->rows, s->opts->skip + c->sniff.said, e) != 0 ||
        read_header(c, e) != 0)
        return -1;
    csvtok_keep(c->rows.tok, c->cells.columns.n);
    c->batches = !s->opts->csv.libcsv && !wants_libcsv();
    return 0;
}

static void csv_close(struct source *s)
{
    struct csv *c = (struct csv *)s;

    if (c->open)
        csvrow_close(&c->rows);
    csvbatch_free(c->batch);
    cells_free(&c->cells);
}

/* ---- rows ---- */

/* Takes a row whose cells are told apart: writes a record or reasons. */
static int take_row(struct csv *c, const struct csvrow *row, struct err *e)
{
    static const struct str empty[1] = { { NULL, 0 } };
    bool blank = row->kind == CSVROW_BLANK;
    const struct str *cells = blank ? empty : row->cells;
    size_t total = blank ? 1 : row->total, want = c->cells.columns.n;

    if (total < want && row->unterminated) {
        err_set(e, ERR_DATA,
                "'%s' is truncated: its last line %llu has no end and %zu of "
                "%zu fields",
                c->base.uri, (unsigned long long)row->line, total, want);
        e->line = row->line;
        return -1;
    }
    if (total != want)
        return cells_faultf(&c->cells, e, "ragged_row", STR(""),
                            "expected %zu fields, found %zu", want, total);
    return cells_write(&c->cells, cells, row->raw, e);
}

static int judge_row(struct csv *c, const struct csvrow *row, struct err *e)
{
    switch (row->kind) {
    case CSVROW_BAD:
        return cells_fault(&c->cells, row->code, STR(""), str_of(row->message),
                           e);
    case CSVROW_TOO_LONG:
        return cells_faultf(&c->cells, e, "too_long", STR(""),
                            "row of %llu bytes, limit is %zu",
                            (unsigned long long)row->length,
                            c->base.opts->max_record);
    case CSVROW_BLANK:
    case CSVROW_CELLS: break;
    }
    return take_row(c, row, e);
}

/* Records from rows that need no second look. Returns 1, 0 where the next row
 * does, or -1. The first row is always one of these: it tells the line ends. */
static int next_batch(struct csv *c, struct source_item *item, struct err *e)
{
    const struct source_opts *o = c->base.opts;
    struct csvbatch_rows rows;

    if (!c->batches || c->held || c->rows.ends == CSVROW_ANY_END)
        return 0;
    if (!c->batch) {
        if (csvbatch_new(&c->batch, &c->cells.columns, &o->csv,
                         c->sniff.dialect, c->rows.ends == CSVROW_CR,
                         o->max_record, e) != 0)
            return -1;
        c->batches = c->batch != NULL;
        if (!c->batch)
            return 0;
    }
    int r = csvbatch_read(c->batch, &c->rows, &rows, e);
    if (r > 0)
        *item = (struct source_item){ .kind = SOURCE_RECORDS,
                                      .text = rows.text,
                                      .count = rows.n,
                                      .raw = rows.raw,
                                      .line = rows.line,
                                      .offset = rows.offset };
    return r;
}

static int csv_next(struct source *s, struct source_item *item, struct err *e)
{
    struct csv *c = (struct csv *)s;
    struct csvrow *row = &c->row;

    if (c->cells.columns.n == 0)
        return 0;
    int batch = next_batch(c, item, e);
    if (batch != 0)
        return batch;
    do {
        int r = c->held ? 1 : csvrow_next(&c->rows, row, e);
        c->held = false;
        if (r <= 0)
            return r;
        /* With one column a line of nothing is a cell of nothing. */
    } while (row->kind == CSVROW_BLANK && c->cells.columns.n > 1);

    cells_begin(&c->cells);
    if (judge_row(c, row, e) != 0)
        return -1;
    *item = (struct source_item){
        .raw = row->raw,
        .line = row->line,
        .offset = row->offset,
        .length = row->kind == CSVROW_TOO_LONG ? row->length : 0,
    };
    cells_item(&c->cells, item);
    return 1;
}

/* ---- what a replay needs ---- */

static int add_json_char(struct buf *b, const char *name, char c)
{
    buf_addf(b, ",\"%s\":", name);
    return c ? json_quote(b, (struct str){ &c, 1 }) : buf_addz(b, "null");
}

static int csv_context(const struct source *s, struct buf *b)
{
    const struct csv *c = (const struct csv *)s;
    const struct csvtok_dialect *d = &c->sniff.dialect;

    add_json_char(b, "delimiter", d->delimiter);
    add_json_char(b, "quote", d->no_quote ? '\0' : d->quote);
    if (d->escape)
        add_json_char(b, "escape", d->escape);
    return cells_context(&c->cells, b);
}

static void add_char_option(struct buf *b, const char *name, char c)
{
    cells_option(b, name, (struct str){ &c, 1 });
}

static int csv_args(const struct source *s, struct buf *b)
{
    const struct csv *c = (const struct csv *)s;
    const struct csvtok_dialect *d = &c->sniff.dialect;
    const struct columns *columns = &c->cells.columns;

    buf_addf(b, "--no-header%c", 0);
    if (d->delimiter != usual_delimiter(s))
        add_char_option(b, "delimiter", d->delimiter);
    if (d->no_quote)
        cells_option(b, "quote", STR("none"));
    else if (d->quote != '"')
        add_char_option(b, "quote", d->quote);
    if (d->escape)
        add_char_option(b, "escape", d->escape);
    buf_addz(b, "--columns=");
    for (size_t i = 0; i < columns->n; i++)
        cells_list_add(b, i == 0, columns->names[i], "");
    buf_addc(b, '\0');
    return cells_args(&c->cells, b);
}

static int csv_found(const struct source *s, struct buf *text)
{
    return csvsniff_say(&((const struct csv *)s)->sniff, text);
}

static int csv_doubt(const struct source *s, struct buf *text)
{
    const struct csv *c = (const struct csv *)s;
    char by[] = { '\'', c->looks_split_by, '\'', '\0' };

    if (!c->looks_split_by)
        return 0;
    struct str name = c->cells.columns.names[0], shown = cells_excerpt(name);
    return buf_addf(text,
                    "header of '%s' is one column '%.*s'%s: is the delimiter "
                    "%s? (--delimiter)",
                    s->uri, STR_ARG(shown), shown.n < name.n ? "..." : "",
                    c->looks_split_by == '\t' ? "tab" : by);
}

const struct source_ops source_csv_ops = {
    .name = "csv",
    .size = sizeof(struct csv),
    .tabular = true,
    .lines = true,
    .open = csv_open,
    .next = csv_next,
    .close = csv_close,
    .context = csv_context,
    .args = csv_args,
    .found = csv_found,
    .doubt = csv_doubt,
};

const struct source_ops source_tsv_ops = {
    .name = "tsv",
    .size = sizeof(struct csv),
    .tabular = true,
    .lines = true,
    .open = csv_open,
    .next = csv_next,
    .close = csv_close,
    .context = csv_context,
    .args = csv_args,
    .found = csv_found,
    .doubt = csv_doubt,
};
