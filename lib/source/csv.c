/* csv, tsv: rows as records, cells as strings unless their column has a type.
 */
#include "json/utf8.h"
#include "json/value.h"
#include "source/cast.h"
#include "source/columns.h"
#include "source/csvbatch.h"
#include "source/csvrow.h"
#include "source/ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_MAX 16 /* reasons given for one row */
#define QUOTED_MAX 60 /* bytes of a cell shown in a message */

struct csv {
    struct source base;
    struct csvrow_reader rows;
    struct columns columns;
    struct csvbatch *batch; /* NULL: not made yet, or not wanted */
    bool batches;           /* is wanted, once the line ends are known */
    bool open;              /* rows is to be closed */
    bool held;           /* row was read to count columns: next hands it out */
    char looks_split_by; /* a delimiter in the only name of the header, or 0 */
    struct csvrow row;
    struct buf out;     /* the record */
    struct arena arena; /* messages of one item */
    struct source_fault faults[FAULTS_MAX];
    size_t n_faults;
};

static struct csvtok_dialect dialect_of(const struct source *s)
{
    const struct source_csv *o = &s->opts->csv;
    char delimiter = s->ops == &source_tsv_ops ? '\t' : ',';

    return (struct csvtok_dialect){
        .delimiter = o->delimiter ? o->delimiter : delimiter,
        .quote = o->quote ? o->quote : '"',
        .no_quote = o->no_quote,
    };
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
    struct csvtok_dialect d = dialect_of(&c->base);
    struct str raw = c->row.raw;

    if (c->base.opts->csv.delimiter || c->row.total != 1 || !raw.n ||
        (!d.no_quote && *raw.p == d.quote))
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
    size_t n = o->csv.n_columns;
    int r;

    if (o->csv.no_header && n > 0)
        return columns_init(&c->columns, names, n, o->types, c->base.uri, e);
    do {
        r = csvrow_next(&c->rows, &c->row, e);
    } while (r == 1 && c->row.kind == CSVROW_BLANK);
    if (r < 0)
        return -1;
    if (r == 0 && (o->csv.no_header || n > 0))
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
        c->held = o->csv.no_header;
        names = c->held ? NULL : c->row.cells;
        c->looks_split_by = c->held ? '\0' : find_delimiter(c);
    }
    return columns_init(&c->columns, names, n, o->types, c->base.uri, e);
}

static bool wants_libcsv(void)
{
    const char *reader = getenv("PIPE_SIMD");

    return reader && strcmp(reader, "libcsv") == 0;
}

static int csv_open(struct source *s, struct err *e)
{
    struct csv *c = (struct csv *)s;

    c->out.max = s->opts->max_record;
    c->open = true;
    if (csvrow_open(&c->rows, s->in, dialect_of(s), COLUMNS_MAX + 1,
                    s->opts->max_record, e) != 0 ||
        read_header(c, e) != 0)
        return -1;
    csvtok_keep(c->rows.tok, c->columns.n);
    c->batches = !s->opts->csv.libcsv && !wants_libcsv();
    return 0;
}

static void csv_close(struct source *s)
{
    struct csv *c = (struct csv *)s;

    if (c->open)
        csvrow_close(&c->rows);
    csvbatch_free(c->batch);
    columns_free(&c->columns);
    buf_free(&c->out);
    arena_free(&c->arena);
}

/* ---- rows ---- */

/* Adds a reason; path and code are borrowed, the message is copied. */
static int add_fault(struct csv *c, const char *code, struct str path,
                     struct str message, struct err *e)
{
    if (c->n_faults == FAULTS_MAX)
        return 0;
    message = arena_dup(&c->arena, message);
    if (!message.p)
        return err_nomem(e);
    c->faults[c->n_faults++] = (struct source_fault){ code, path, message };
    return 0;
}

static int add_faultf(struct csv *c, struct err *e, const char *code,
                      struct str path, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static int add_faultf(struct csv *c, struct err *e, const char *code,
                      struct str path, const char *fmt, ...)
{
    struct buf b = { 0 };
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    int r = b.failed ? err_nomem(e) : add_fault(c, code, path, buf_str(&b), e);
    buf_free(&b);
    return r;
}

/* The first bytes of a cell, whole characters only. */
static struct str excerpt(struct str cell)
{
    size_t n = 0, step;

    while (n < cell.n && (step = utf8_char(cell.p + n, cell.p + cell.n)) > 0 &&
           n + step <= QUOTED_MAX)
        n += step;
    return (struct str){ cell.p, n };
}

/* Names the cells that are not text; few rows ever come here. */
static int find_bad_text(struct csv *c, const struct str *cells, struct err *e)
{
    for (size_t i = 0; i < c->columns.n; i++) {
        struct str cell = cells[i], path = c->columns.at[i].pointer;
        if (cell.n && memchr(cell.p, 0, cell.n) &&
            add_faultf(c, e, "nul_byte", path, "a cell holds a NUL byte") != 0)
            return -1;
        if (!utf8_valid(cell) &&
            add_faultf(c, e, "invalid_utf8", path, "a cell is not UTF-8") != 0)
            return -1;
    }
    return 0;
}

static bool is_null(const struct source_csv *o, struct str cell)
{
    for (size_t i = 0; i < o->n_nulls; i++) {
        const char *token = o->nulls[i];
        if (*token ? str_eq(cell, str_of(token)) : !cell.p)
            return true;
    }
    return false;
}

/* Writes the cells as a record into c->out, or adds faults. */
static int write_record(struct csv *c, const struct str *cells, struct err *e)
{
    const struct source_csv *o = &c->base.opts->csv;

    buf_reset(&c->out);
    errno = 0;
    for (size_t i = 0; i < c->columns.n && !c->out.failed; i++) {
        const struct column *col = &c->columns.at[i];
        struct str cell = cells[i].p ? cells[i] : STR("");
        buf_add_str(&c->out, col->key);
        if (o->n_nulls && is_null(o, cells[i])) {
            buf_addz(&c->out, "null");
        } else if (cast_cell(&c->out, col->type, cell) > 0) {
            struct str text = excerpt(cell);
            if (add_faultf(c, e, "cast", col->pointer, "'%.*s'%s is no %s",
                           STR_ARG(text), text.n < cell.n ? "..." : "",
                           type_name(col->type)) != 0)
                return -1;
        }
    }
    buf_addc(&c->out, '}');
    if (c->out.failed && errno == ENOMEM)
        return err_nomem(e);
    if ((c->out.failed || c->out.n > c->out.max) && c->n_faults == 0)
        return add_faultf(c, e, "too_long", STR(""),
                          "record is longer than %zu bytes as JSON",
                          c->base.opts->max_record);
    return 0;
}

/* Takes a row whose cells are told apart: fills c->out or c->faults. */
static int take_row(struct csv *c, const struct csvrow *row, struct err *e)
{
    static const struct str empty[1] = { { NULL, 0 } };
    bool blank = row->kind == CSVROW_BLANK;
    const struct str *cells = blank ? empty : row->cells;
    size_t total = blank ? 1 : row->total, want = c->columns.n;

    if (total < want && row->unterminated) {
        err_set(e, ERR_DATA,
                "'%s' is truncated: its last line %llu has no end and %zu of "
                "%zu fields",
                c->base.uri, (unsigned long long)row->line, total, want);
        e->line = row->line;
        return -1;
    }
    if (total != want)
        return add_faultf(c, e, "ragged_row", STR(""),
                          "expected %zu fields, found %zu", want, total);
    if ((row->raw.n && memchr(row->raw.p, 0, row->raw.n)) ||
        !utf8_valid(row->raw))
        return find_bad_text(c, cells, e);
    return write_record(c, cells, e);
}

static int judge_row(struct csv *c, const struct csvrow *row, struct err *e)
{
    switch (row->kind) {
    case CSVROW_BAD:
        return add_fault(c, row->code, STR(""), str_of(row->message), e);
    case CSVROW_TOO_LONG:
        return add_faultf(
            c, e, "too_long", STR(""), "row of %llu bytes, limit is %zu",
            (unsigned long long)row->length, c->base.opts->max_record);
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
        if (csvbatch_new(&c->batch, &c->columns, &o->csv, dialect_of(&c->base),
                         c->rows.ends == CSVROW_CR, o->max_record, e) != 0)
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

    if (c->columns.n == 0)
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
    } while (row->kind == CSVROW_BLANK && c->columns.n > 1);

    arena_reset(&c->arena);
    c->n_faults = 0;
    if (judge_row(c, row, e) != 0)
        return -1;
    *item = (struct source_item){
        .kind = c->n_faults ? SOURCE_REJECT : SOURCE_RECORD,
        .text = c->n_faults ? STR("") : buf_str(&c->out),
        .raw = row->raw,
        .line = row->line,
        .offset = row->offset,
        .length = row->kind == CSVROW_TOO_LONG ? row->length : 0,
        .faults = c->faults,
        .n_faults = c->n_faults,
    };
    return 1;
}

/* ---- what a replay needs ---- */

static int add_json_pair(struct buf *b, const char *name, struct str value)
{
    buf_addf(b, ",\"%s\":", name);
    return json_quote(b, value);
}

static int csv_context(const struct source *s, struct buf *b)
{
    const struct csv *c = (const struct csv *)s;
    const struct source_csv *o = &s->opts->csv;
    struct csvtok_dialect d = dialect_of(s);

    add_json_pair(b, "delimiter", (struct str){ &d.delimiter, 1 });
    if (d.no_quote)
        buf_addz(b, ",\"quote\":null");
    else
        add_json_pair(b, "quote", (struct str){ &d.quote, 1 });
    buf_addz(b, ",\"header\":[");
    for (size_t i = 0; i < c->columns.n; i++) {
        buf_addz(b, i ? "," : "");
        json_quote(b, c->columns.names[i]);
    }
    buf_addz(b, "],\"null\":[");
    for (size_t i = 0; i < o->n_nulls; i++) {
        buf_addz(b, i ? "," : "");
        json_quote(b, str_of(o->nulls[i]));
    }
    return buf_addc(b, ']');
}

/* Adds "--name=value" and its NUL. */
static void add_option(struct buf *b, const char *name, struct str value)
{
    buf_addf(b, "--%s=", name);
    buf_add_str(b, value);
    buf_addc(b, '\0');
}

/* Adds text, then suffix, as a cell of a row that csvtok_split reads. */
static void add_cell(struct buf *b, bool first, struct str text,
                     const char *suffix)
{
    bool plain = true;

    for (size_t i = 0; i < text.n; i++)
        plain = plain && !memchr(",\"\r\n", text.p[i], 4);
    if (!first)
        buf_addc(b, ',');
    if (plain) {
        buf_add_str(b, text);
        buf_addz(b, suffix);
        return;
    }
    buf_addc(b, '"');
    for (size_t i = 0; i < text.n; i++)
        buf_add(b, text.p[i] == '"' ? "\"\"" : text.p + i,
                text.p[i] == '"' ? 2 : 1);
    buf_addz(b, suffix);
    buf_addc(b, '"');
}

static int csv_args(const struct source *s, struct buf *b)
{
    const struct csv *c = (const struct csv *)s;
    const struct source_csv *o = &s->opts->csv;
    bool typed = false;

    buf_addf(b, "--no-header%c", 0);
    if (o->delimiter)
        add_option(b, "delimiter", (struct str){ &o->delimiter, 1 });
    if (o->no_quote)
        add_option(b, "quote", STR("none"));
    else if (o->quote)
        add_option(b, "quote", (struct str){ &o->quote, 1 });
    for (size_t i = 0; i < o->n_nulls; i++)
        add_option(b, "null", str_of(o->nulls[i]));
    buf_addz(b, "--columns=");
    for (size_t i = 0; i < c->columns.n; i++)
        add_cell(b, i == 0, c->columns.names[i], "");
    buf_addc(b, '\0');
    for (size_t i = 0; i < c->columns.n; i++) {
        char type[16];
        if (c->columns.at[i].type == TYPE_STRING)
            continue;
        if (!typed)
            buf_addz(b, "--types=");
        snprintf(type, sizeof(type), "=%s", type_name(c->columns.at[i].type));
        add_cell(b, !typed, c->columns.names[i], type);
        typed = true;
    }
    if (typed)
        buf_addc(b, '\0');
    return b->failed ? -1 : 0;
}

static int csv_doubt(const struct source *s, struct buf *text)
{
    const struct csv *c = (const struct csv *)s;
    char by[] = { '\'', c->looks_split_by, '\'', '\0' };

    if (!c->looks_split_by)
        return 0;
    struct str name = c->columns.names[0], shown = excerpt(name);
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
    .open = csv_open,
    .next = csv_next,
    .close = csv_close,
    .context = csv_context,
    .args = csv_args,
    .doubt = csv_doubt,
};

const struct source_ops source_tsv_ops = {
    .name = "tsv",
    .size = sizeof(struct csv),
    .tabular = true,
    .open = csv_open,
    .next = csv_next,
    .close = csv_close,
    .context = csv_context,
    .args = csv_args,
    .doubt = csv_doubt,
};
