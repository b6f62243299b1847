#include "source/csvsniff.h"

#include "base/buf.h"
#include "source/cells.h"
#include "source/csvrow.h"

#include <stdlib.h>

#define CELLS_MAX 1024 /* of a row that are looked at */
#define PROOF 2        /* quoted cells from which on a quote is believed */

/* ---- rows of the bytes at hand ---- */

struct memory {
    struct str left;
};

static ssize_t read_memory(void *from, void *buf, size_t n, struct err *e)
{
    struct memory *m = from;

    (void)e;
    if (n > m->left.n)
        n = m->left.n;
    memcpy(buf, m->left.p, n);
    m->left.p += n;
    m->left.n -= n;
    return (ssize_t)n;
}

struct head {
    const char *name; /* of the input */
    struct str text;
    bool whole; /* nothing follows */
};

struct rows {
    struct csvrow_reader reader;
    struct input in;
    struct memory memory;
    bool whole;
};

static int rows_open(struct rows *r, const struct head *head,
                     struct csvtok_dialect d, uint64_t skip, struct err *e)
{
    *r = (struct rows){ .memory.left = head->text, .whole = head->whole };
    /* May be the first half of a CRLF. */
    if (!head->whole && head->text.n && head->text.p[head->text.n - 1] == '\r')
        r->memory.left.n--;
    input_reader(&r->in, read_memory, &r->memory, 0, head->name);
    r->in.raw = true;
    if (csvrow_open(&r->reader, &r->in, d, CELLS_MAX, INPUT_PEEK_MAX, e) != 0)
        return -1;
    return csvrow_skip(&r->reader, skip, e);
}

static void rows_close(struct rows *r)
{
    csvrow_close(&r->reader);
    input_close(&r->in);
}

/* The next row that is all there and not blank: 1, 0, -1. One that is no CSV
 * is handed out too. */
static int rows_next(struct rows *r, struct csvrow *row, struct err *e)
{
    struct err cut = { 0 };
    int got;

    do {
        got = csvrow_next(&r->reader, row, &cut);
    } while (got > 0 && row->kind == CSVROW_BLANK);
    if (got < 0 && cut.code != ERR_DATA) {
        *e = cut;
        return -1;
    }
    return got > 0 && (r->whole || !row->unterminated);
}

/* How a dialect cuts the rows. */
struct cut {
    size_t rows;  /* looked at */
    size_t cells; /* of the first */
    bool even;    /* all rows have as many, and are CSV */
};

static int cut_rows(const struct head *head, struct csvtok_dialect d,
                    uint64_t skip, size_t most, struct cut *cut, struct err *e)
{
    struct csvrow row;
    struct rows r;
    int got = 0;

    *cut = (struct cut){ .even = true };
    if (rows_open(&r, head, d, skip, e) == 0)
        while (cut->rows < most && (got = rows_next(&r, &row, e)) > 0) {
            bool good = row.kind == CSVROW_CELLS;
            if (cut->rows++ == 0)
                cut->cells = good ? row.total : 0;
            cut->even = cut->even && good && row.total == cut->cells;
        }
    else
        got = -1;
    rows_close(&r);
    return got < 0 ? -1 : 0;
}

/* ---- the delimiter that the first line says ---- */

/* "sep=;", which spreadsheets write and take for no row. */
int csvsniff_said(struct csvsniff *s, struct input *in,
                  const struct source_opts *opts, struct err *e)
{
    static const struct str mark = { "\xef\xbb\xbf", 3 }, word = { "sep=", 4 };
    struct str head;

    /* Without a header it could be a row, such as one that is replayed. */
    if (opts->skip || opts->csv.delimiter || opts->csv.no_header ||
        opts->csv.n_columns)
        return 0;
    /* Only bytes that may become the line are worth waiting for. */
    for (size_t want = 1;; want = head.n + 1) {
        if (input_peek(in, want, &head, e) != 0)
            return -1;
        bool end = head.n < want;
        struct str at = head;
        if (at.n >= mark.n && memcmp(at.p, mark.p, mark.n) == 0)
            at = (struct str){ at.p + mark.n, at.n - mark.n };
        else if (at.n < mark.n && !end && memcmp(at.p, mark.p, at.n) == 0)
            continue;
        size_t n = at.n < word.n ? at.n : word.n;
        if (memcmp(at.p, word.p, n) != 0)
            return 0;
        if (at.n >= word.n + 2) {
            s->said = strchr(",;\t|", at.p[4]) &&
                      (at.p[5] == '\n' || at.p[5] == '\r');
            s->delimiter = s->said && s->dialect.delimiter != at.p[4];
            if (s->said)
                s->dialect.delimiter = at.p[4];
            return 0;
        }
        if (end)
            return 0;
    }
}

/* ---- the delimiter of two rows ---- */

/* Which of ; tab | cuts both rows alike? '\0': none or several. *more: rows
 * that tell have yet to come. A header with nothing behind it that is no CSV
 * with commas tells as well: days without rows have the delimiter of others. */
static int find_safe(const struct head *head, struct csvtok_dialect d,
                     uint64_t skip, char *found, bool *more, struct err *e)
{
    struct cut cut;
    int n = 0;

    *found = '\0';
    if (cut_rows(head, d, skip, 1, &cut, e) != 0)
        return -1;
    *more = cut.rows == 0;
    if (*more || cut.cells > 1)
        return 0;
    size_t least = head->whole && !cut.even ? 1 : 2;
    for (const char *c = ";\t|"; *c; c++) {
        d.delimiter = *c;
        if (cut_rows(head, d, skip, 2, &cut, e) != 0)
            return -1;
        if (cut.cells < 2)
            continue;
        *more = *more || cut.rows < 2;
        if (cut.rows >= least && cut.even) {
            *found = *c;
            n++;
        }
    }
    if (n != 1)
        *found = '\0';
    return 0;
}

int csvsniff_safe(struct csvsniff *s, struct input *in,
                  const struct source_opts *opts, struct err *e)
{
    struct head head = { .name = input_name(in) };
    bool more = true;
    char found = '\0';

    for (size_t want = 1; more && !head.whole; want = head.text.n + 1) {
        if (want > INPUT_PEEK_MAX)
            return 0;
        if (input_peek(in, want, &head.text, e) != 0)
            return -1;
        head.whole = head.text.n < want;
        if (find_safe(&head, s->dialect, opts->skip, &found, &more, e) != 0)
            return -1;
    }
    s->delimiter = found != '\0';
    if (found)
        s->dialect.delimiter = found;
    return 0;
}

/* ---- all of the dialect ---- */

/* The delimiters that cut all rows alike; *n of them, the first in *found. */
static int find_delimiters(const struct head *head, struct csvtok_dialect d,
                           const struct source_opts *opts, char *found,
                           char *other, size_t *n, struct err *e)
{
    const char given[] = { opts->csv.delimiter, '\0' };
    struct cut cut;

    *n = 0;
    for (const char *c = *given ? given : ",;\t|"; *c; c++) {
        d.delimiter = *c;
        if (*c == d.quote || *c == d.escape)
            continue;
        if (cut_rows(head, d, opts->skip, SIZE_MAX, &cut, e) != 0)
            return -1;
        if (cut.rows < 2 || cut.cells < 2 || !cut.even)
            continue;
        *(*n == 0 ? found : other) = *c;
        ++*n;
    }
    return 0;
}

/* Do single quotes stand around whole cells, and nowhere else at the start of
 * one? Looked at without quotes. */
static int quotes_cells(const struct head *head, struct csvtok_dialect d,
                        uint64_t skip, char quote, bool *does, struct err *e)
{
    struct csvrow row;
    struct rows r;
    size_t around = 0, apart = 0;
    int got = 0;

    d.no_quote = true;
    if (rows_open(&r, head, d, skip, e) == 0)
        while ((got = rows_next(&r, &row, e)) > 0)
            for (size_t i = 0;
                 row.kind == CSVROW_CELLS && i < row.total && i < CELLS_MAX;
                 i++) {
                struct str c = row.cells[i];
                bool starts = c.n && c.p[0] == quote;
                bool ends = c.n && c.p[c.n - 1] == quote;
                around += starts && ends && c.n > 1;
                apart += starts != ends;
            }
    else
        got = -1;
    rows_close(&r);
    *does = around >= PROOF && apart == 0;
    return got < 0 ? -1 : 0;
}

/* The first of the quotes and escapes left open with which a delimiter does. */
static int find_dialect(struct csvsniff *s, const struct head *head,
                        const struct source_opts *opts, struct err *e)
{
    const struct source_csv *o = &opts->csv;
    bool quote_open = !o->quote && !o->no_quote, escape_open = !o->escape;

    for (int i = 0; i < 4; i++) {
        struct csvtok_dialect d = s->dialect;
        char found = '\0', other = '\0';
        bool does = true;
        size_t n;
        if (((i & 1) && !escape_open) || ((i & 2) && !quote_open))
            continue;
        d.escape = i & 1 ? '\\' : d.escape;
        d.quote = i & 2 ? '\'' : d.quote;
        if (find_delimiters(head, d, opts, &found, &other, &n, e) != 0)
            return -1;
        if (n > 1)
            return err_set(e, ERR_DATA,
                           "cannot tell whether '%s' is split by '%c' or '%c': "
                           "say --delimiter",
                           head->name, found, other);
        if (n == 0)
            continue;
        d.delimiter = found;
        if (quote_open && !(i & 2) &&
            !memchr(head->text.p, '"', head->text.n)) {
            if (quotes_cells(head, d, opts->skip, '\'', &does, e) != 0)
                return -1;
            d.quote = does ? '\'' : d.quote;
        }
        s->delimiter = d.delimiter != s->dialect.delimiter;
        s->quote = d.quote != s->dialect.quote;
        s->escape = d.escape != s->dialect.escape;
        s->dialect = d;
        return 0;
    }
    return 0;
}

/* ---- the header ---- */

/* What a cell looks like where names do not: a number that is no year, a date.
 * A name may be a year: YEAR proves nothing. */
enum look { LOOK_EMPTY, LOOK_TEXT, LOOK_YEAR, LOOK_NUMBER, LOOK_DATE };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum look look_at(struct str c)
{
    static const char date[] = "0000-00-00";
    size_t digits = 0, points = 0, i = 0;

    if (c.n == 0)
        return LOOK_EMPTY;
    if (c.n >= sizeof(date) - 1) {
        while (i < sizeof(date) - 1 &&
               (date[i] == '0' ? is_digit(c.p[i]) : c.p[i] == date[i]))
            i++;
        if (i == sizeof(date) - 1)
            return LOOK_DATE;
    }
    for (i = *c.p == '-' || *c.p == '+'; i < c.n; i++) {
        digits += is_digit(c.p[i]);
        points += c.p[i] == '.';
        if (!is_digit(c.p[i]) && c.p[i] != '.')
            return LOOK_TEXT;
    }
    if (digits == 0 || points > 1)
        return LOOK_TEXT;
    bool year =
        c.n == 4 && (memcmp(c.p, "19", 2) == 0 || memcmp(c.p, "20", 2) == 0);
    return year ? LOOK_YEAR : LOOK_NUMBER;
}

struct column_looks {
    enum look first, rest; /* rest TEXT: of several kinds */
};

static void look_at_row(struct column_looks *at, const struct csvrow *row,
                        size_t n, bool first)
{
    for (size_t i = 0; i < n && i < row->total && i < CELLS_MAX; i++) {
        struct str cell = row->cells[i].p ? row->cells[i] : STR("");
        enum look look = look_at(cell);
        if (first)
            at[i].first = look;
        else if (look == LOOK_YEAR)
            look = LOOK_NUMBER;
        if (first || look == LOOK_EMPTY)
            continue;
        if (at[i].rest == LOOK_EMPTY)
            at[i].rest = look;
        else if (at[i].rest != look)
            at[i].rest = LOOK_TEXT;
    }
}

/* There is none if the first row has a number or date in each column of those,
 * at least one of which could be no name. */
static bool lacks_names(const struct column_looks *at, size_t n)
{
    size_t proofs = 0;

    for (size_t i = 0; i < n; i++) {
        bool data = at[i].rest == LOOK_NUMBER || at[i].rest == LOOK_DATE;
        bool text = at[i].first == LOOK_TEXT || at[i].first == LOOK_EMPTY;
        if (data && text)
            return false;
        proofs += data && at[i].first == at[i].rest;
    }
    return proofs > 0;
}

static int find_header(struct csvsniff *s, const struct head *head,
                       uint64_t skip, struct err *e)
{
    struct column_looks *at = calloc(CELLS_MAX, sizeof(*at));
    size_t rows = 0, n = 0;
    struct csvrow row;
    struct rows r;
    int got = 0;

    if (!at)
        return err_nomem(e);
    if (rows_open(&r, head, s->dialect, skip, e) == 0)
        while ((got = rows_next(&r, &row, e)) > 0) {
            if (row.kind != CSVROW_CELLS)
                continue;
            if (rows == 0)
                n = row.total < CELLS_MAX ? row.total : CELLS_MAX;
            look_at_row(at, &row, n, rows == 0);
            rows++;
        }
    else
        got = -1;
    rows_close(&r);
    s->no_header = got == 0 && rows >= 3 && lacks_names(at, n);
    free(at);
    return got < 0 ? -1 : 0;
}

int csvsniff_auto(struct csvsniff *s, struct input *in,
                  const struct source_opts *opts, struct err *e)
{
    struct head head = { .name = input_name(in) };

    if (input_peek(in, INPUT_PEEK_MAX, &head.text, e) != 0)
        return -1;
    head.whole = head.text.n < INPUT_PEEK_MAX;
    if (find_dialect(s, &head, opts, e) != 0)
        return -1;
    bool open = !opts->csv.no_header && opts->csv.n_columns == 0;
    return open ? find_header(s, &head, opts->skip, e) : 0;
}

/* ---- in words ---- */

static void say_char(struct buf *text, const char *what, char c)
{
    buf_addz(text, text->n ? ", " : "");
    if (c == '\t')
        buf_addf(text, "the %s is tab", what);
    else
        buf_addf(text, "the %s is '%c'", what, c);
}

int csvsniff_say(const struct csvsniff *s, struct buf *text)
{
    if (s->delimiter)
        say_char(text, "delimiter", s->dialect.delimiter);
    if (s->quote)
        say_char(text, "quote", s->dialect.quote);
    if (s->escape)
        say_char(text, "escape", s->dialect.escape);
    if (s->no_header)
        buf_addf(text, "%sthere is no header", text->n ? ", " : "");
    return text->failed ? -1 : 0;
}
