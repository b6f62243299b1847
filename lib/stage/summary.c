/* The summary of rejects: a table for people, lines under --log json. */
#include "json/visible.h"
#include "stage/private.h"
#include "stage/tally.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS 10
#define CELL_MAX 100    /* characters */
#define CELL_MIN 6      /* where the terminal is narrow */
#define BESIDE_CELLS 15 /* columns of the count and of spaces */

enum { CODE, FIELD, SCHEMA, CELLS };

static const char *const names[CELLS] = { "CODE", "FIELD", "SCHEMA" };

struct table {
    struct buf cell[ROWS][CELLS];
    size_t width[CELLS];
    size_t rows;
    size_t columns; /* of the terminal; 0: none */
};

/* ---- cells ---- */

/* Places are told apart by their ends. */
static void add_end_of(struct buf *out, struct str s, size_t max)
{
    const char *p = s.p, *end = s.p + s.n;
    size_t n = visible_width(s);
    if (n > max) {
        for (n -= max - 3; p < end && n; p++)
            n -= p + 1 == end || ((unsigned char)p[1] & 0xc0) != 0x80;
        buf_addz(out, "...");
    }
    buf_add(out, p, (size_t)(end - p));
}

static void set_cell(struct table *t, size_t row, int cell, struct str text)
{
    struct buf *b = &t->cell[row][cell];
    visible_text(b, text);
    size_t width = visible_width(buf_str(b));
    if (width > CELL_MAX)
        width = CELL_MAX;
    if (width > t->width[cell])
        t->width[cell] = width;
}

static void set_field(struct table *t, size_t row, const struct tally_row *from)
{
    struct buf name = { 0 };
    if (from->check.n)
        buf_addf(&name, "check '%.*s'",
                 STR_ARG(visible_start(from->check, CELL_MAX / 2)));
    else
        buf_add_str(&name, from->rule.n ? from->rule : STR("-"));
    set_cell(t, row, FIELD, buf_str(&name));
    buf_free(&name);
}

static void set_row(struct table *t, size_t row, const struct tally_row *from)
{
    set_cell(t, row, CODE, str_of(from->code));
    set_field(t, row, from);
    set_cell(t, row, SCHEMA, from->schema);
}

/* Columns are as wide as their widest cell or their name; where the terminal
 * has no room for that, fields and places in the schema share what there is. */
static void fit(struct table *t)
{
    for (int i = 0; i < CELLS; i++)
        if (t->width[i] && t->width[i] < strlen(names[i]))
            t->width[i] = strlen(names[i]);
    size_t *field = &t->width[FIELD], *schema = &t->width[SCHEMA];
    size_t taken = BESIDE_CELLS + t->width[CODE];
    size_t room = t->columns > taken ? t->columns - taken : 0;
    if (t->columns == 0 || *field + *schema <= room)
        return;
    if (*schema > room / 2)
        *schema = room > *field + room / 2 ? room - *field : room / 2;
    if (*field > room - *schema)
        *field = room - *schema;
    *field = *field < CELL_MIN ? CELL_MIN : *field;
    *schema = *schema && *schema < CELL_MIN ? CELL_MIN : *schema;
}

/* ---- lines ---- */

static size_t terminal_width(void)
{
    struct winsize w;
    return isatty(STDERR_FILENO) && ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 &&
                   w.ws_col >= 40
               ? w.ws_col
               : 0;
}

/* Ends the line that began at from, without spaces at its end, cut to the
 * terminal's width. */
static void end_line(const struct table *t, struct buf *b, size_t from)
{
    size_t n = 0, i = from;
    for (; t->columns && i < b->n; i++) {
        n += ((unsigned char)b->p[i] & 0xc0) != 0x80;
        if (n > t->columns) {
            b->n = i;
            break;
        }
    }
    while (b->n > from && b->p[b->n - 1] == ' ')
        b->n--;
    buf_addc(b, '\n');
}

static void add_cell(const struct table *t, struct buf *b, int cell,
                     struct str text)
{
    buf_addz(b, "  ");
    add_end_of(b, text, t->width[cell]);
    for (size_t n = visible_width(text); n < t->width[cell]; n++)
        buf_addc(b, ' ');
}

static void add_heading(const struct table *t, struct buf *b)
{
    size_t from = b->n;
    buf_addz(b, "  RECORDS");
    for (int i = 0; i < CELLS; i++) {
        if (t->width[i]) /* there may be no schema */
            add_cell(t, b, i, str_of(names[i]));
    }
    end_line(t, b, from);
}

static void add_example(const struct table *t, struct buf *b,
                        const struct tally_row *row)
{
    size_t from = b->n;
    buf_addz(b, "           first");
    if (row->line)
        buf_addf(b, " in line %llu", (unsigned long long)row->line);
    buf_addz(b, ": ");
    visible_text(b, row->path);
    if (row->path.n)
        buf_addc(b, ' ');
    visible_text(b, row->message);
    end_line(t, b, from);
}

static void add_row(const struct table *t, struct buf *b, size_t i,
                    const struct tally_row *row)
{
    size_t from = b->n;
    buf_addf(b, "  %7llu", (unsigned long long)row->records);
    for (int k = 0; k < CELLS; k++)
        add_cell(t, b, k, buf_str(&t->cell[i][k]));
    end_line(t, b, from);
    add_example(t, b, row);
}

static void add_others(struct buf *b, const struct tally *t)
{
    buf_addf(b, "and by %zu%s other rules", t->n - ROWS,
             t->others ? " or more" : "");
}

static void table(struct stage *st, const struct tally *from)
{
    struct buf b = { 0 };
    struct table *t = calloc(1, sizeof(*t));
    if (!t)
        return; /* it is not worth a failure */
    t->columns = terminal_width();
    t->rows = from->n < ROWS ? from->n : ROWS;
    for (size_t i = 0; i < t->rows; i++)
        set_row(t, i, &from->rows[i]);
    fit(t);
    buf_addf(&b, "%s: %llu record%s rejected, by rule:\n", st->cmd->name,
             (unsigned long long)from->records, from->records == 1 ? "" : "s");
    add_heading(t, &b);
    for (size_t i = 0; i < t->rows; i++)
        add_row(t, &b, i, &from->rows[i]);
    if (from->n > ROWS) {
        buf_addz(&b, "  ");
        add_others(&b, from);
        buf_addc(&b, '\n');
    }
    report_text(st, buf_str(&b));
    buf_free(&b);
    for (size_t i = 0; i < t->rows; i++)
        for (int k = 0; k < CELLS; k++)
            buf_free(&t->cell[i][k]);
    free(t);
}

/* ---- JSON ---- */

static void add_member(struct buf *b, const char *key, struct str value)
{
    if (value.n == 0)
        return;
    buf_addf(b, ",\"%s\":", key);
    json_quote(b, value);
}

static void line(struct stage *st, const struct tally_row *row)
{
    struct buf b = { 0 };
    buf_addf(&b, ",\"event\":\"rejected_by\",\"records\":%llu,\"code\":\"%s\"",
             (unsigned long long)row->records, row->code);
    add_member(&b, "path", row->rule);
    add_member(&b, "schema", row->schema);
    add_member(&b, "check", row->check);
    buf_addz(&b, ",\"first\":{");
    if (row->line)
        buf_addf(&b, "\"line\":%llu,", (unsigned long long)row->line);
    buf_addz(&b, "\"message\":");
    json_quote(&b, row->message);
    add_member(&b, "path", row->path);
    buf_addc(&b, '}');
    if (!b.failed)
        report_json(st, "info", buf_str(&b));
    buf_free(&b);
}

static void lines(struct stage *st, const struct tally *t)
{
    for (size_t i = 0; i < t->n && i < ROWS; i++)
        line(st, &t->rows[i]);
    if (t->n > ROWS) {
        struct buf b = { 0 };
        add_others(&b, t);
        stage_note(st, "%.*s", STR_ARG(buf_str(&b)));
        buf_free(&b);
    }
}

bool stage_summarises(const struct stage *st)
{
    return !st->opts.quiet && (st->opts.verbose || isatty(STDERR_FILENO));
}

void stage_summary(struct stage *st)
{
    struct tally *t = &st->tally;
    tally_sort(t);
    if (t->n == 0 || !stage_summarises(st))
        return;
    if (report_is_json(st))
        lines(st, t);
    else
        table(st, t);
}
