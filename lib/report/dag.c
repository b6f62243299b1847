#include "report/dag.h"

#include "report/html.h"

#include <stdlib.h>

#define BOX_WIDE 190.0
#define BOX_HIGH 44.0
#define GAP_X 56.0
#define GAP_Y 14.0
#define MARGIN 6.0
#define TEXT_MAX_CHARS 25

int dag_node(struct dag *d, enum dag_kind kind, struct str name,
             struct str place)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].kind == kind && str_eq(d->v[i].name, name) &&
            str_eq(d->v[i].place, place))
            return (int)i;
    if (!d->v)
        d->v = calloc(DAG_NODES_MAX, sizeof(*d->v));
    if (!d->v || d->n == DAG_NODES_MAX) {
        d->cut = true;
        return -1;
    }
    d->v[d->n] =
        (struct dag_node){ .kind = kind, .name = name, .place = place };
    return (int)d->n++;
}

void dag_edge(struct dag *d, int from, int to)
{
    if (from < 0 || to < 0 || from == to)
        return;
    for (size_t i = 0; i < d->n_edges; i++)
        if (d->edges[i].from == (unsigned)from &&
            d->edges[i].to == (unsigned)to)
            return;
    if (!d->edges)
        d->edges = calloc(DAG_EDGES_MAX, sizeof(*d->edges));
    if (!d->edges || d->n_edges == DAG_EDGES_MAX) {
        d->cut = true;
        return;
    }
    d->edges[d->n_edges].from = (unsigned)from;
    d->edges[d->n_edges++].to = (unsigned)to;
}

void dag_free(struct dag *d)
{
    free(d->v);
    free(d->edges);
    *d = (struct dag){ 0 };
}

/* Marks edges that lead back to a node on the way (depth first), without which
 * there is no circle. */
static void visit(struct dag *d, unsigned node, char *seen)
{
    seen[node] = 1;
    for (size_t i = 0; i < d->n_edges; i++) {
        unsigned to = d->edges[i].to;
        if (d->edges[i].from != node)
            continue;
        d->edges[i].back = seen[to] == 1;
        if (!seen[to])
            visit(d, to, seen);
    }
    seen[node] = 2;
}

/* From where nothing leads to first, so that edges back are those that look so.
 */
static void mark_back(struct dag *d)
{
    char seen[DAG_NODES_MAX] = { 0 };
    bool fed[DAG_NODES_MAX] = { false };
    for (size_t i = 0; i < d->n_edges; i++)
        fed[d->edges[i].to] = true;
    for (int pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < d->n; i++)
            if (!seen[i] && (pass || !fed[i]))
                visit(d, i, seen);
}

/* Longest paths: relaxed until nothing moves. */
static void set_columns(struct dag *d)
{
    bool moved = true;
    for (size_t round = 0; moved && round < d->n; round++) {
        moved = false;
        for (size_t i = 0; i < d->n_edges; i++) {
            struct dag_node *to = &d->v[d->edges[i].to];
            unsigned column = d->v[d->edges[i].from].column + 1;
            if (!d->edges[i].back && to->column < column) {
                to->column = column;
                moved = true;
            }
        }
    }
}

/* Where a node would like to be: in the middle of what feeds it. */
static double wish(const struct dag *d, size_t node)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < d->n_edges; i++)
        if (d->edges[i].to == node && !d->edges[i].back) {
            sum += d->v[d->edges[i].from].row;
            n++;
        }
    return n ? sum / (double)n : d->v[node].row;
}

/* Sorts a column by the wishes of its nodes and gives them rows. */
static size_t set_rows(struct dag *d, unsigned column, size_t *order)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (d->v[i].column != column)
            continue;
        double mine = d->v[i].row = wish(d, i);
        size_t k = n++;
        for (; k > 0 && d->v[order[k - 1]].row > mine; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    for (size_t k = 0; k < n; k++)
        d->v[order[k]].row = (double)k;
    return n;
}

static double left(const struct dag_node *v)
{
    return MARGIN + v->column * (BOX_WIDE + GAP_X);
}

static double top(const struct dag_node *v)
{
    return MARGIN + v->row * (BOX_HIGH + GAP_Y);
}

static void draw_edges(struct buf *out, const struct dag *d)
{
    for (size_t i = 0; i < d->n_edges; i++) {
        const struct dag_node *a = &d->v[d->edges[i].from];
        const struct dag_node *b = &d->v[d->edges[i].to];
        double x = left(a) + BOX_WIDE, y = top(a) + BOX_HIGH / 2;
        double to_x = left(b) - 5, to_y = top(b) + BOX_HIGH / 2;
        buf_addf(out,
                 "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M%.0f %.0f"
                 "C%.0f %.0f %.0f %.0f %.0f %.0f\"/>",
                 x, y, x + GAP_X / 2, y, to_x - GAP_X / 2, to_y, to_x, to_y);
    }
}

/* The end of a long name is what tells it from others. */
static void draw_text(struct buf *out, struct str s)
{
    size_t chars = 0, i = s.n;
    while (i > 0 && chars < TEXT_MAX_CHARS) {
        i--;
        chars += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    if (i > 0)
        buf_addz(out, "\342\200\246");
    html_text(out, (struct str){ s.p + i, s.n - i });
}

static void draw_node(struct buf *out, const struct dag_node *v)
{
    bool data = v->kind == DAG_DATASET;
    buf_addf(out, "<g class=\"%s%s\"><title>", data ? "dataset" : "pipeline",
             v->unwell ? " unwell" : "");
    html_text(out, v->place);
    if (v->place.n)
        buf_addc(out, ' ');
    html_text(out, v->name);
    buf_addf(out,
             "</title><rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" "
             "height=\"%.0f\" rx=\"%d\"/>",
             left(v), top(v), BOX_WIDE, BOX_HIGH, data ? 3 : 22);
    buf_addf(out, "<text x=\"%.0f\" y=\"%.0f\">", left(v) + 14,
             top(v) + (v->place.n ? 19 : 27));
    draw_text(out, v->name);
    buf_addz(out, "</text>");
    if (v->place.n) {
        buf_addf(out, "<text class=\"place\" x=\"%.0f\" y=\"%.0f\">",
                 left(v) + 14, top(v) + 35);
        draw_text(out, v->place);
        buf_addz(out, "</text>");
    }
    buf_addz(out, "</g>");
}

void dag_draw(struct buf *out, struct dag *d)
{
    size_t *order = calloc(d->n + 1, sizeof(*order));
    size_t columns = 0, rows = 0;
    if (!order) {
        out->failed = true;
        return;
    }
    mark_back(d);
    set_columns(d);
    for (size_t i = 0; i < d->n; i++)
        columns = d->v[i].column >= columns ? d->v[i].column + 1 : columns;
    for (unsigned c = 0; c < columns; c++) {
        size_t n = set_rows(d, c, order);
        rows = n > rows ? n : rows;
    }
    free(order);
    double wide = 2 * MARGIN + (double)columns * (BOX_WIDE + GAP_X) - GAP_X;
    double high = 2 * MARGIN + (double)rows * (BOX_HIGH + GAP_Y) - GAP_Y;
    buf_addf(out,
             "<svg class=\"dag\" width=\"%.0f\" height=\"%.0f\" "
             "viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
             "aria-label=\"what feeds what\"><defs><marker id=\"tip\" "
             "viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
             "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/>"
             "</marker></defs>",
             wide, high, wide, high);
    draw_edges(out, d);
    for (size_t i = 0; i < d->n; i++)
        draw_node(out, &d->v[i]);
    buf_addz(out, "</svg>");
}
