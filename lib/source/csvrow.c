#include "source/csvrow.h"

#include "io/lines.h"

#include <string.h>

int csvrow_open(struct csvrow_reader *r, struct input *in,
                struct csvtok_dialect d, size_t keep, size_t max, struct err *e)
{
    *r = (struct csvrow_reader){ .dialect = d,
                                 .max = max,
                                 .head = { .max = LINES_KEEP } };
    sight_init(&r->w, in);
    if (csvtok_new(&r->tok, d, keep, e) != 0)
        return -1;
    return sight_skip_bom(&r->w, e);
}

void csvrow_close(struct csvrow_reader *r)
{
    sight_free(&r->w);
    csvtok_free(r->tok);
    buf_free(&r->head);
}

/* The end of a line in the sight at or behind p[*at], as a pointer behind
 * it; NULL where there is none yet. *at moves to where to look next. */
static const char *line_end(const struct csvrow_reader *r, size_t *at)
{
    const char *p = r->w.p + *at, *end = r->w.p + r->w.n;
    const char *lf = memchr(p, '\n', (size_t)(end - p));

    if (r->ends != CSVROW_LF) {
        const char *cr = memchr(p, '\r', (size_t)((lf ? lf : end) - p));
        if (cr && cr + 1 == end && !r->w.eof) {
            *at = (size_t)(cr - r->w.p); /* may become CRLF */
            return NULL;
        }
        if (cr)
            return cr + (cr + 1 < end && cr[1] == '\n' ? 2 : 1);
    }
    *at = r->w.n;
    return lf ? lf + 1 : NULL;
}

/* Drops the line at the sight's start, of any length: 1; 0 if there is none;
 * -1. */
static int pass_line(struct csvrow_reader *r, struct err *e)
{
    bool any = false;

    for (;;) {
        size_t at = 0;
        const char *end = r->w.n ? line_end(r, &at) : NULL;
        any = any || r->w.n;
        if (!end && r->w.eof) {
            r->lines += any;
            sight_drop(&r->w, r->w.n);
            return any;
        }
        if (end) {
            r->lines++;
            sight_drop(&r->w, (size_t)(end - r->w.p));
            return 1;
        }
        sight_drop(&r->w, at);
        if (sight_more(&r->w, e) < 0)
            return -1;
    }
}

int csvrow_skip(struct csvrow_reader *r, uint64_t n, struct err *e)
{
    int more = 1;

    for (; more > 0 && n > 0; n--)
        more = pass_line(r, e);
    return more < 0 ? -1 : 0;
}

/* Drops the lines at the sight's start that are comments. 0 or -1. */
static int pass_comments(struct csvrow_reader *r, struct err *e)
{
    for (;;) {
        while (r->w.n == 0 && !r->w.eof)
            if (sight_more(&r->w, e) < 0)
                return -1;
        if (r->w.n == 0 || *r->w.p != r->dialect.comment)
            return 0;
        if (pass_line(r, e) < 0)
            return -1;
    }
}

enum found { FOUND_END = 0, FOUND_LINE, FOUND_LONG };

/* Brings the next line of the row, p[from .. from + *n), into the sight.
 * Returns an enum found, or -1. */
static int find_line(struct csvrow_reader *r, size_t from, size_t *n,
                     struct err *e)
{
    /* Two more may be the CRLF of a row that just fits. What is too long must
     * not depend on how much of it has arrived. */
    size_t at = from, most = r->max + 2;

    for (;;) {
        const char *end = r->w.n > at ? line_end(r, &at) : NULL;
        if (!end && r->w.eof)
            end = r->w.p + r->w.n;
        if (r->w.n > most && (!end || (size_t)(end - r->w.p) > most))
            return FOUND_LONG;
        if (end) {
            *n = (size_t)(end - r->w.p) - from;
            return *n ? FOUND_LINE : FOUND_END;
        }
        if (sight_more(&r->w, e) < 0)
            return -1;
    }
}

static struct str without_end(struct str s)
{
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

static bool is_blank(struct str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] != '\r' && line.p[i] != '\n')
            return false;
    return true;
}

static int truncated(const struct csvrow_reader *r, const struct csvrow *row,
                     struct err *e)
{
    err_set(e, ERR_DATA,
            r->dialect.escape
                ? "'%s' is truncated: row of line %llu has no end"
                : "'%s' is truncated: quote of line %llu is never closed",
            input_name(r->w.in), (unsigned long long)row->line);
    e->line = row->line;
    return -1;
}

static int keep_head(struct csvrow_reader *r, struct csvrow *row, struct err *e)
{
    size_t keep = r->max < LINES_KEEP ? r->max : LINES_KEEP;

    row->kind = CSVROW_TOO_LONG;
    buf_reset(&r->head);
    if (buf_add(&r->head, r->w.p, keep < r->w.n ? keep : r->w.n) != 0)
        return err_nomem(e);
    row->raw = buf_str(&r->head);
    return 0;
}

enum skip_place { AT_CELL, IN_PLAIN, IN_QUOTED, AT_QUOTE };

struct skip {
    enum skip_place place;
    bool escaped; /* an escape was the last byte */
};

/* Where the row ends, of which a part is in *s already: a pointer behind its
 * line end, or NULL. */
static const char *skip_row(struct csvrow_reader *r, struct skip *s)
{
    const struct csvtok_dialect *d = &r->dialect;
    const char *end = r->w.p + r->w.n;
    char stop = r->ends == CSVROW_CR ? '\r' : '\n';
    bool quotes = !d->no_quote;

    for (const char *p = r->w.p; p < end; p++) {
        if (s->escaped) {
            r->lines += *p == '\n';
            s->escaped = *p == '\r' && stop == '\n'; /* of CRLF both are */
        } else if (d->escape && *p == d->escape && s->place != AT_QUOTE) {
            s->escaped = true;
            s->place = s->place == IN_QUOTED ? IN_QUOTED : IN_PLAIN;
        } else if (s->place == IN_QUOTED) {
            r->lines += *p == '\n';
            if (*p == d->quote)
                s->place = AT_QUOTE;
        } else if (*p == stop) {
            r->lines++;
            return p + 1;
        } else if (quotes && *p == d->quote && s->place != IN_PLAIN) {
            s->place = IN_QUOTED;
        } else {
            s->place = *p == d->delimiter ? AT_CELL : IN_PLAIN;
        }
    }
    return NULL;
}

/* Reads over the row in the sight, which is too long, in bounded memory. */
static int read_over(struct csvrow_reader *r, struct csvrow *row, struct err *e)
{
    struct skip state = { .place = AT_CELL };
    const char *end;

    if (keep_head(r, row, e) != 0 || csvtok_reset(r->tok, e) != 0)
        return -1;
    r->lines = row->line - 1;
    r->taken = 0;
    while (!(end = skip_row(r, &state))) {
        sight_drop(&r->w, r->w.n);
        int more = sight_more(&r->w, e);
        if (more < 0)
            return -1;
        if (more == 0) {
            row->unterminated = true;
            r->lines++;
            break;
        }
    }
    if (end)
        r->taken = (size_t)(end - r->w.p);
    else if (state.place == IN_QUOTED || state.escaped)
        return truncated(r, row, e);
    row->length = r->w.offset + r->taken - row->offset;
    return 1;
}

/* The row that ends with line, whose state is ROW or BAD. */
static int finish_row(struct csvrow_reader *r, struct csvrow *row,
                      struct str line, enum csvtok_state state, struct err *e)
{
    char last = line.p[line.n - 1];

    row->unterminated = last != '\n' && last != '\r';
    if (r->ends == CSVROW_ANY_END)
        r->ends = last == '\r' ? CSVROW_CR : CSVROW_LF;
    row->raw = without_end((struct str){ r->w.p, r->taken });
    row->length = row->raw.n;
    if (row->raw.n > r->max)
        return keep_head(r, row, e) == 0 ? 1 : -1;
    if (state == CSVTOK_BAD) {
        row->kind = CSVROW_BAD;
        row->code = csvtok_fault(r->tok, &row->message);
    } else if (row->kind != CSVROW_BLANK) {
        row->cells = csvtok_cells(r->tok, &row->total);
    }
    return 1;
}

int csvrow_next(struct csvrow_reader *r, struct csvrow *row, struct err *e)
{
    size_t fed = 0;

    sight_drop(&r->w, r->taken);
    r->taken = 0;
    if (r->dialect.comment && pass_comments(r, e) != 0)
        return -1;
    *row = (struct csvrow){ .line = r->lines + 1, .offset = r->w.offset };
    for (;;) {
        enum csvtok_state state = CSVTOK_ROW;
        size_t n;
        int found = find_line(r, fed, &n, e);
        if (found == FOUND_LONG)
            return read_over(r, row, e);
        if (found < 0)
            return -1;
        if (found == FOUND_END)
            return fed ? truncated(r, row, e) : 0;

        struct str line = { r->w.p + fed, n };
        char last = line.p[n - 1];
        if (fed == 0 && is_blank(line))
            row->kind = CSVROW_BLANK;
        else if (csvtok_feed(r->tok, line, last != '\n' && last != '\r', &state,
                             e) != 0)
            return -1;
        /* A CR inside quotes is no end of a line to any editor. */
        if (state != CSVTOK_MORE || last != '\r')
            r->lines++;
        fed = r->taken = fed + n;
        if (state != CSVTOK_MORE)
            return finish_row(r, row, line, state, e);
    }
}

struct str csvrow_at_hand(struct csvrow_reader *r, uint64_t *line,
                          uint64_t *offset)
{
    sight_drop(&r->w, r->taken);
    r->taken = 0;
    *line = r->lines + 1;
    *offset = r->w.offset;
    return (struct str){ r->w.p, r->w.n };
}

void csvrow_pass(struct csvrow_reader *r, size_t n, uint64_t lines)
{
    r->taken = n;
    r->lines += lines;
}

int csvrow_more(struct csvrow_reader *r, struct err *e)
{
    sight_drop(&r->w, r->taken);
    r->taken = 0;
    return sight_more(&r->w, e);
}
