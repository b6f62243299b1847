#include "source/linerow.h"

#include "io/lines.h"

#include <string.h>

void linerow_close(struct linerow_reader *r)
{
    sight_free(&r->w);
    buf_free(&r->head);
}

/* The line that starts at byte `from` of the sight, with its end; of one
 * longer than a record may be, with the longest end, the first r->max bytes:
 * what is said of it must not depend on how much has arrived. 1; 0 at the end;
 * -1. */
static int line_at(struct linerow_reader *r, size_t from, struct str *line,
                   bool *cut, struct err *e)
{
    size_t at = from;

    *cut = false;
    for (;;) {
        const char *p = r->w.p + from;
        const char *lf =
            r->w.n > at ? memchr(r->w.p + at, '\n', r->w.n - at) : NULL;
        size_t n = lf ? (size_t)(lf + 1 - p) : r->w.n - from;
        *line = (struct str){ p, n };
        if (n > r->max + 2) {
            line->n = r->max;
            *cut = true;
            return 1;
        }
        if (lf || r->w.eof)
            return n > 0;
        at = r->w.n;
        if (sight_more(&r->w, e) < 0)
            return -1;
    }
}

/* Drops the line at the sight's start, of any length. *ended: there was a line
 * feed. 0 or -1. */
static int pass_line(struct linerow_reader *r, bool *ended, struct err *e)
{
    for (;;) {
        const char *lf = r->w.n ? memchr(r->w.p, '\n', r->w.n) : NULL;
        *ended = lf != NULL;
        if (lf || r->w.eof) {
            r->lines += lf || r->w.n;
            sight_drop(&r->w, lf ? (size_t)(lf + 1 - r->w.p) : r->w.n);
            return 0;
        }
        sight_drop(&r->w, r->w.n);
        int more = sight_more(&r->w, e);
        if (more < 0)
            return -1;
        if (more == 0) {
            r->lines++;
            return 0;
        }
    }
}

int linerow_open(struct linerow_reader *r, struct input *in, size_t max,
                 uint64_t skip, struct err *e)
{
    bool ended;

    r->max = max;
    r->head.max = LINES_KEEP;
    sight_init(&r->w, in);
    if (sight_skip_bom(&r->w, e) != 0)
        return -1;
    for (; skip > 0 && !(r->w.eof && r->w.n == 0); skip--)
        if (pass_line(r, &ended, e) != 0)
            return -1;
    return 0;
}

static struct str without_end(struct str s)
{
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

static bool is_comment(const struct linerow_reader *r, struct str line)
{
    return r->comment && line.n && *line.p == r->comment;
}

/* Does the line go on with the record before it? 1, 0, -1. */
static int goes_on(struct linerow_reader *r, struct str line, struct err *e)
{
    if (!r->starts || is_comment(r, line))
        return 0;
    int s = r->starts(r->ctx, without_end(line), e);
    return s < 0 ? -1 : !s;
}

/* The record at the sight's start is too long: to its end. 0 or -1. */
static int read_over(struct linerow_reader *r, struct linerow *row,
                     struct err *e)
{
    size_t keep = r->max < LINES_KEEP ? r->max : LINES_KEEP;
    bool ended = false, cut;
    struct str line;
    int on = 1;

    row->too_long = true;
    buf_reset(&r->head);
    if (buf_add(&r->head, r->w.p, keep) != 0)
        return err_nomem(e);
    row->text = buf_str(&r->head);
    while (on > 0) {
        if (pass_line(r, &ended, e) != 0)
            return -1;
        on = r->starts ? line_at(r, 0, &line, &cut, e) : 0;
        if (on > 0)
            on = goes_on(r, line, e);
    }
    row->unterminated = !ended;
    row->length = r->w.offset - row->offset;
    return on;
}

/* Takes the lines that go on with the record, whose first n bytes are at hand.
 * 1 with *n of all; 0: it is too long; -1. */
static int take_more(struct linerow_reader *r, size_t *n, struct err *e)
{
    struct str line;
    bool cut;
    int on;

    while ((on = line_at(r, *n, &line, &cut, e)) > 0) {
        on = goes_on(r, line, e);
        if (on <= 0)
            break;
        *n += line.n;
        if (cut || *n > r->max + 2)
            return 0;
        r->lines++;
    }
    return on < 0 ? -1 : 1;
}

/* Moves to the first line of a record: 1 with it, 0 at the end, -1. */
static int find_first(struct linerow_reader *r, struct str *line, bool *cut,
                      struct err *e)
{
    int got;
    bool ended;

    while ((got = line_at(r, 0, line, cut, e)) > 0) {
        bool blank = !*cut && without_end(*line).n == 0;
        if (!blank && !is_comment(r, *line))
            break;
        if (pass_line(r, &ended, e) != 0)
            return -1;
    }
    return got;
}

int linerow_next(struct linerow_reader *r, struct linerow *row, struct err *e)
{
    struct str line;
    bool cut;

    sight_drop(&r->w, r->taken);
    r->taken = 0;
    int got = find_first(r, &line, &cut, e);
    if (got <= 0)
        return got;
    *row = (struct linerow){ .line = r->lines + 1, .offset = r->w.offset };
    size_t n = line.n;
    int fits = !cut;
    if (fits) {
        r->lines++;
        fits = r->starts ? take_more(r, &n, e) : 1;
    }
    struct str all = { r->w.p, n };
    if (fits < 0)
        return -1;
    row->text = without_end(all);
    if (fits == 0 || row->text.n > r->max) {
        r->lines = row->line - 1;
        return read_over(r, row, e) < 0 ? -1 : 1;
    }
    r->taken = n;
    row->length = row->text.n;
    row->unterminated = all.p[n - 1] != '\n';
    return 1;
}
