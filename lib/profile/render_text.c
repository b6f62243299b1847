#include "profile/render.h"

#include "json/visible.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- words and numbers ---- */

int render_count(struct buf *out, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            buf_addc(out, ',');
        buf_addc(out, digits[i]);
    }
    return out->failed ? -1 : 0;
}

int render_bytes(struct buf *out, uint64_t n)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB" };
    double v = (double)n / 1000;
    size_t unit = 0;
    if (n < 1000)
        return buf_addf(out, "%" PRIu64 " bytes", n);
    for (; v >= 1000 && unit < 3; unit++)
        v /= 1000;
    return buf_addf(out, "%.1f %s", v, units[unit]);
}

int render_share(struct buf *out, uint64_t n, uint64_t of)
{
    double share = of ? (double)n / (double)of * 100 : 0;
    if (n && share < 0.1)
        return buf_addz(out, "<0.1%");
    if (n < of && share > 99.9)
        return buf_addz(out, ">99.9%");
    return buf_addf(out, n == 0 || n == of ? "%.0f%%" : "%.1f%%", share);
}

int render_number(struct buf *out, double v)
{
    return buf_addf(out, "%.6g", v);
}

struct type_count {
    const char *name;
    uint64_t n;
};

static int most_first(const void *a, const void *b)
{
    const struct type_count *x = a, *y = b;
    return (x->n < y->n) - (x->n > y->n);
}

int render_types(const struct summary_field *f, struct buf *out)
{
    const char *format = summary_format(f);
    struct type_count types[] = {
        { format ? format : "string", f->strings.n },
        { "integer", f->numbers.integers },
        { "decimal", f->numbers.n - f->numbers.integers },
        { "boolean", f->trues + f->falses },
        { "object", f->objects },
        { "array", f->arrays },
    };
    uint64_t all = summary_present(f);
    qsort(types, sizeof(types) / sizeof(*types), sizeof(*types), most_first);
    if (all == 0)
        return buf_addz(out, f->null ? "null" : "nothing");
    if (types[0].n == all)
        return buf_addz(out, types[0].name);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types) && types[i].n; i++) {
        buf_addf(out, "%s%s ", i ? ", " : "", types[i].name);
        render_share(out, types[i].n, all);
    }
    return out->failed ? -1 : 0;
}

/* ---- the table ---- */

enum { FIELD, TYPE, EMPTY, DISTINCT, LEAST, MIDDLE, MOST, FREQUENT, COLUMNS };

static const struct {
    const char *title;
    size_t most;  /* characters at most, where there is room */
    size_t least; /* where there is little */
    bool right;
    int leaves; /* the first column to go has 1; 0: none goes */
} columns[COLUMNS] = {
    { "field", 40, 12, false, 0 }, { "type", 24, 9, false, 0 },
    { "empty", 7, 6, true, 0 },    { "distinct", 12, 8, true, 0 },
    { "min", 20, 8, false, 2 },    { "median", 14, 8, true, 3 },
    { "max", 20, 8, false, 2 },    { "most frequent", 40, 14, false, 1 },
};

#define LEAVES 3

struct table {
    struct buf *cells; /* owned: COLUMNS for each row */
    size_t rows;
    size_t width[COLUMNS]; /* 0: it is left out */
};

/* Text of the data, for a terminal, cut to what a cell can show. */
static void add_visible(struct buf *cell, struct str text, bool cut)
{
    visible_text(cell, visible_start(text, 120));
    if (cut || text.n > 120)
        buf_addz(cell, "...");
}

static void fill_row(const struct summary_field *f, struct buf *row)
{
    bool numbers = f->numbers.n > f->strings.n;
    for (uint32_t i = 1; i < f->depth; i++)
        buf_addz(&row[FIELD], " ");
    visible_text(&row[FIELD], f->path);
    render_types(f, &row[TYPE]);
    render_share(&row[EMPTY], f->null + f->missing, f->of);
    if (f->numbers.n || f->strings.n)
        visible_text(&row[LEAST], numbers ? f->numbers.min : f->strings.min);
    if (f->numbers.n || f->strings.n)
        visible_text(&row[MOST], numbers ? f->numbers.max : f->strings.max);
    if (numbers && f->numbers.n_edges)
        render_number(&row[MIDDLE], f->numbers.quantiles[3]);
    if (!summary_scalars(f))
        return;
    buf_addz(&row[DISTINCT], f->distinct_error > 0 ? "~" : "");
    render_count(&row[DISTINCT], f->distinct);
    if (f->repeats && f->n_values &&
        f->values[0].count > f->lost + 1) { /* else all are as rare */
        render_share(&row[FREQUENT], f->values[0].count, summary_scalars(f));
        buf_addc(&row[FREQUENT], ' ');
        add_visible(&row[FREQUENT], f->values[0].text, f->values[0].cut);
    } else if (summary_is_unique(f)) {
        buf_addz(&row[FREQUENT], "all different");
    }
}

static size_t total_width(const struct table *t)
{
    size_t all = 0;
    for (size_t c = 0; c < COLUMNS; c++)
        all += t->width[c] ? t->width[c] + 2 : 0;
    return all - 2;
}

/* Takes from the widest until all fits; what is still too wide loses
 * columns. */
static void fit(struct table *t, size_t width)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        t->width[c] = strlen(columns[c].title);
        for (size_t r = 0; r < t->rows; r++) {
            size_t w = visible_width(buf_str(&t->cells[r * COLUMNS + c]));
            if (w > t->width[c])
                t->width[c] = w;
        }
        if (t->width[c] > columns[c].most)
            t->width[c] = columns[c].most;
    }
    for (int leaves = 0; total_width(t) > width; leaves++) {
        bool shrunk = true;
        while (shrunk && total_width(t) > width) {
            size_t widest = COLUMNS;
            for (size_t c = 0; c < COLUMNS; c++)
                if (t->width[c] > columns[c].least &&
                    (widest == COLUMNS || t->width[c] > t->width[widest]))
                    widest = c;
            shrunk = widest < COLUMNS;
            if (shrunk)
                t->width[widest]--;
        }
        if (leaves == LEAVES)
            return;
        for (size_t c = 0; c < COLUMNS && total_width(t) > width; c++)
            if (columns[c].leaves == leaves + 1)
                t->width[c] = 0;
    }
}

/* The first characters of text, with a mark where it goes on. */
static void add_cell(struct buf *out, struct str text, size_t width, bool right,
                     bool last)
{
    size_t have = visible_width(text);
    bool cut = have > width;
    for (size_t i = have; right && i < width; i++)
        buf_addc(out, ' ');
    if (cut) {
        size_t n = 0;
        for (size_t chars = 0; n < text.n; n++) {
            chars += ((unsigned char)text.p[n] & 0xc0) != 0x80;
            if (chars >= width)
                break;
        }
        buf_add(out, text.p, n);
        buf_addz(out, "~");
    } else {
        buf_add_str(out, text);
    }
    for (size_t i = have; !right && !last && i < width; i++)
        buf_addc(out, ' ');
}

static void trim_line(struct buf *out)
{
    while (out->n && out->p[out->n - 1] == ' ')
        out->n--;
    buf_addc(out, '\n');
}

static void print_table(const struct table *t, struct buf *out)
{
    for (size_t r = 0; r <= t->rows; r++) {
        bool first = true;
        for (size_t c = 0; c < COLUMNS; c++) {
            if (!t->width[c])
                continue;
            buf_addz(out, first ? "" : "  ");
            first = false;
            struct str text = r == 0
                                  ? str_of(columns[c].title)
                                  : buf_str(&t->cells[(r - 1) * COLUMNS + c]);
            add_cell(out, text, t->width[c], columns[c].right,
                     c + 1 == COLUMNS);
        }
        trim_line(out);
    }
}

static void print_head(const struct summary *s, struct buf *out)
{
    render_count(out, s->records);
    buf_addz(out, s->records == 1 ? " record, " : " records, ");
    render_bytes(out, s->bytes);
    if (s->twins_known) {
        buf_addz(out, ", ");
        render_count(out, s->twins);
        buf_addz(out, " repeated");
    }
    buf_addc(out, '\n');
}

static void print_findings(const struct rendering *r, struct buf *out)
{
    const struct comparison *c = r->comparison;
    buf_addz(out, "\nagainst the baseline of ");
    render_count(out, r->base->records);
    buf_addf(out, " records: fields compared %zu, with too few values %zu\n",
             c->judged, c->unjudged);
    for (size_t i = 0; i < c->n; i++) {
        buf_addz(out, c->v[i].fails ? "drift: " : "note: ");
        visible_text(out, c->v[i].message);
        buf_addc(out, '\n');
    }
}

int render_text(const struct rendering *r, size_t width, struct buf *out)
{
    const struct summary *s = r->now;
    struct table t = { .rows = s->n_fields };
    t.cells = calloc(t.rows * COLUMNS + 1, sizeof(*t.cells));
    if (!t.cells)
        return -1;
    bool failed = false;
    print_head(s, out);
    for (size_t i = 0; i < t.rows; i++)
        fill_row(&s->fields[i], &t.cells[i * COLUMNS]);
    fit(&t, width < RENDER_WIDTH_LEAST ? RENDER_WIDTH_LEAST : width);
    if (t.rows)
        print_table(&t, out);
    if (s->more_fields) {
        buf_addz(out, "and about ");
        render_count(out, s->more_fields);
        buf_addz(out, " more fields, for which there was no room\n");
    }
    if (r->comparison)
        print_findings(r, out);
    for (size_t i = 0; i < t.rows * COLUMNS; i++) {
        failed |= t.cells[i].failed;
        buf_free(&t.cells[i]);
    }
    free(t.cells);
    return failed || out->failed ? -1 : 0;
}
