#include "source/csvtok.h"

#include "base/buf.h"
#include "source/csvesc.h"

#include <csv.h>
#include <stdint.h>
#include <stdlib.h>

/* libcsv grows its cell by this many bytes at a time; its own step of 128
 * makes long cells quadratic. */
#define CELL_STEP 65536

/* libcsv's state between rows; its header leaves the name out. */
#define ROW_NOT_BEGUN 0

struct csvtok {
    struct csvtok_dialect dialect;
    size_t keep;
    struct csv_parser parser;
    struct csvesc escaped; /* in its place where the dialect has an escape */
    struct buf text;       /* the row's cells, end to end */
    struct str *cells;     /* owned; while the row is open .p is only NULL for
                              an unquoted empty cell, set to text at its end */
    size_t cap, total;
    bool nomem;      /* an addition failed: known after csv_parse */
    bool ended;      /* the row has ended */
    bool behind_end; /* something stood behind its end on the same line */
    const char *code, *message;
};

/* libcsv would trim blanks around unquoted cells: RFC 4180 section 2.4 makes
 * them part of the cell. */
static int never_space(unsigned char c)
{
    (void)c;
    return 0;
}

static int start_parser(struct csvtok *t, struct err *e)
{
    unsigned char options = CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL;

    csvesc_reset(&t->escaped, t->dialect);
    if (csv_init(&t->parser, options) != 0)
        return err_nomem(e);
    csv_set_delim(&t->parser, (unsigned char)t->dialect.delimiter);
    /* libcsv always quotes: by NUL, which csvtok_feed keeps from it. */
    csv_set_quote(&t->parser,
                  t->dialect.no_quote ? 0 : (unsigned char)t->dialect.quote);
    csv_set_space_func(&t->parser, never_space);
    csv_set_blk_size(&t->parser, CELL_STEP);
    return 0;
}

int csvtok_new(struct csvtok **tp, struct csvtok_dialect d, size_t keep,
               struct err *e)
{
    struct csvtok *t = calloc(1, sizeof(*t));

    if (!t)
        return err_nomem(e);
    t->dialect = d;
    t->keep = keep;
    if (start_parser(t, e) != 0) {
        free(t);
        return -1;
    }
    *tp = t;
    return 0;
}

void csvtok_keep(struct csvtok *t, size_t keep)
{
    t->keep = keep;
}

static int more_cells(struct csvtok *t)
{
    size_t cap = t->cap ? 2 * t->cap : 32;
    struct str *p = realloc(t->cells, cap * sizeof(*p));

    if (!p)
        return -1;
    t->cells = p;
    t->cap = cap;
    return 0;
}

/* libcsv's callback for a cell; data is NULL for an empty unquoted one. */
static void on_cell(void *data, size_t n, void *ctx)
{
    struct csvtok *t = ctx;

    if (t->ended) {
        t->behind_end = true;
        return;
    }
    if (t->total++ >= t->keep)
        return;
    if (t->total > t->cap && more_cells(t) != 0) {
        t->total--;
        t->nomem = true;
        return;
    }
    t->cells[t->total - 1] = (struct str){ data ? "" : NULL, n };
    if (buf_add(&t->text, data ? data : "", n) != 0)
        t->nomem = true;
}

static void on_row(int c, void *ctx)
{
    struct csvtok *t = ctx;

    (void)c;
    if (t->ended)
        t->behind_end = true;
    t->ended = true;
}

static void clear_row(struct csvtok *t)
{
    buf_reset(&t->text);
    t->total = 0;
    t->nomem = t->ended = t->behind_end = false;
}

int csvtok_reset(struct csvtok *t, struct err *e)
{
    clear_row(t);
    csv_free(&t->parser);
    return start_parser(t, e);
}

static int bad(struct csvtok *t, enum csvtok_state *state, const char *code,
               const char *message, struct err *e)
{
    *state = CSVTOK_BAD;
    t->code = code;
    t->message = message;
    return csvtok_reset(t, e);
}

static int bad_line_end(struct csvtok *t, enum csvtok_state *state,
                        struct err *e)
{
    return bad(t, state, "line_end",
               "a carriage return or line feed stands outside quotes", e);
}

/* Points the cells into the text, now that it stays where it is. */
static void place_cells(struct csvtok *t)
{
    size_t n = t->total < t->keep ? t->total : t->keep;
    const char *p = buf_str(&t->text).p;

    for (size_t i = 0; i < n; i++) {
        if (t->cells[i].p)
            t->cells[i].p = p;
        p += t->cells[i].n;
    }
}

/* Runs libcsv over the line; *whole is false where it found no CSV. In strict
 * mode libcsv refuses a quote inside an unquoted cell too. RFC 4180 has none
 * there, but every reader takes it as a character (5" pipe), and there is only
 * one way to read it: that byte is fed without strictness. Returns 0 or -1
 * (memory). */
static int parse(struct csvtok *t, struct str line, bool *whole)
{
    struct csv_parser *p = &t->parser;
    unsigned char options = (unsigned char)csv_get_opts(p);

    for (;;) {
        size_t n = csv_parse(p, line.p, line.n, on_cell, on_row, t);
        line.p += n;
        line.n -= n;
        *whole = line.n == 0;
        if (*whole)
            return 0;
        if (csv_error(p) != CSV_EPARSE)
            return -1;
        if (p->quoted)
            return 0;
        csv_set_opts(p, (unsigned char)(options & ~CSV_STRICT));
        n = csv_parse(p, line.p, 1, on_cell, on_row, t);
        csv_set_opts(p, options);
        if (n != 1)
            return -1;
        line.p++;
        line.n--;
    }
}

static int bad_quote(struct csvtok *t, enum csvtok_state *state, struct err *e)
{
    return bad(t, state, "bad_quote",
               "text stands behind the closing quote of a cell", e);
}

/* csvtok_feed where the dialect has an escape. */
static int feed_escaped(struct csvtok *t, struct str line, bool last,
                        enum csvtok_state *state, struct err *e)
{
    enum csvesc_found f = csvesc_run(&t->escaped, line, last, on_cell, t);

    if (t->nomem || f == CSVESC_NOMEM)
        return err_nomem(e);
    if (f == CSVESC_QUOTE)
        return bad_quote(t, state, e);
    if (f == CSVESC_BEHIND)
        return bad_line_end(t, state, e);
    *state = f == CSVESC_ROW ? CSVTOK_ROW : CSVTOK_MORE;
    t->ended = f == CSVESC_ROW;
    if (t->ended)
        place_cells(t);
    return 0;
}

int csvtok_feed(struct csvtok *t, struct str line, bool last,
                enum csvtok_state *state, struct err *e)
{
    if (t->ended)
        clear_row(t);
    if (t->dialect.escape)
        return feed_escaped(t, line, last, state, e);
    if (t->dialect.no_quote && memchr(line.p, 0, line.n))
        return bad(t, state, "nul_byte", "a cell holds a NUL byte", e);

    /* libcsv passes over line ends before a row; blank lines are not fed. */
    if (line.n && (*line.p == '\r' || *line.p == '\n') &&
        t->parser.pstate == ROW_NOT_BEGUN)
        return bad_line_end(t, state, e);
    bool parsed;
    if (parse(t, line, &parsed) != 0 || t->nomem)
        return err_nomem(e);
    if (!parsed)
        return bad_quote(t, state, e);
    if (last && !t->ended && csv_fini(&t->parser, on_cell, on_row, t) != 0) {
        *state = CSVTOK_MORE;
        return 0;
    }
    if (t->nomem)
        return err_nomem(e);
    /* Behind a row's end inside the line stands another row, reported (in
     * behind_end) or only begun (libcsv's state). */
    if (t->behind_end || (t->ended && t->parser.pstate != ROW_NOT_BEGUN))
        return bad_line_end(t, state, e);
    *state = t->ended ? CSVTOK_ROW : CSVTOK_MORE;
    if (t->ended)
        place_cells(t);
    return 0;
}

const struct str *csvtok_cells(const struct csvtok *t, size_t *total)
{
    *total = t->total;
    return t->cells;
}

const char *csvtok_fault(const struct csvtok *t, const char **message)
{
    *message = t->message;
    return t->code;
}

void csvtok_free(struct csvtok *t)
{
    if (!t)
        return;
    csv_free(&t->parser);
    csvesc_free(&t->escaped);
    buf_free(&t->text);
    free(t->cells);
    free(t);
}

static int copy_cells(const struct csvtok *t, struct arena *a,
                      struct str **cells, size_t *n, struct err *e)
{
    const struct str *from = csvtok_cells(t, n);
    struct str *to = arena_alloc(a, (*n + 1) * sizeof(*to));

    if (!to)
        return err_nomem(e);
    for (size_t i = 0; i < *n; i++) {
        to[i] = arena_dup(a, from[i].p ? from[i] : STR(""));
        if (!to[i].p)
            return err_nomem(e);
    }
    *cells = to;
    return 0;
}

int csvtok_split(struct str text, struct arena *a, const char *what,
                 struct str **cells, size_t *n, struct err *e)
{
    struct csvtok_dialect d = { .delimiter = ',', .quote = '"' };
    struct csvtok *t;
    enum csvtok_state state;

    if (text.n == 0)
        return err_set(e, ERR_USAGE, "%s is empty", what);
    if (csvtok_new(&t, d, SIZE_MAX, e) != 0)
        return -1;
    int r = csvtok_feed(t, text, true, &state, e);
    if (r == 0 && state != CSVTOK_ROW)
        r = err_set(e, ERR_USAGE, "%s is no comma-separated list: '%.*s'", what,
                    STR_ARG(text));
    if (r == 0)
        r = copy_cells(t, a, cells, n, e);
    csvtok_free(t);
    return r;
}
