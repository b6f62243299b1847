/* What was found, as a tree, as JSON, or for Graphviz. */
#include "base/date.h"
#include "impact.h"
#include "json/value.h"
#include "json/visible.h"

#include <stdlib.h>

static void add_place(struct buf *out, const struct graph *g,
                      const struct walk_node *n)
{
    impact_name(out, g, n->dataset);
    if (n->column.n)
        buf_addf(out, ".%.*s", STR_ARG(n->column));
}

static const struct graph_flow *flow_of(const struct graph *g, size_t i)
{
    const struct graph_flow *flows;
    (void)graph_flows(g, &flows);
    return &flows[i];
}

/* ---- text */

/* A tree in the making: the edges by the node they lead from. */
struct tree {
    struct stage *st;
    const struct graph *g;
    const struct walk *w;
    size_t *first, *next; /* owned: edge + 1 */
    struct buf line, plain;
};

static int put(struct tree *t)
{
    struct buf *line = &t->line;
    buf_reset(&t->plain);
    int r = line->failed || visible_text(&t->plain, buf_str(line))
                ? err_nomem(&t->st->err)
                : stage_emit(t->st, buf_str(&t->plain));
    buf_reset(line);
    return r;
}

/* What an edge does, where that is more than that it is there. */
static void add_how(struct buf *out, const struct walk_edge *e,
                    const struct walk_node *to, bool columns)
{
    if (e->reach == WALK_MAY)
        buf_addz(out, ", may reach: columns are not known");
    else if (e->reach == WALK_ROWS)
        buf_addf(out, ", decides about records: %s", colmap_kind_name(e->kind));
    else if (columns)
        buf_addf(out, ", %s", colmap_kind_name(e->kind));
    if (e->masks)
        buf_addz(out, ", masked");
    if (to->reach == WALK_MAY && e->reach != WALK_MAY)
        buf_addz(out, ", may reach");
}

static int print_edge(struct tree *t, size_t i)
{
    const struct walk_edge *e = &t->w->edges[i];
    const struct walk_node *to = &t->w->nodes[e->to];
    const struct graph_flow *f = flow_of(t->g, e->flow);
    bool columns = t->w->nodes[e->from].column.n > 0 && to->column.n > 0;
    for (unsigned d = 0; d <= t->w->nodes[e->from].depth; d++)
        buf_addz(&t->line, "  ");
    add_place(&t->line, t->g, to);
    buf_addf(&t->line, " (%.*s", STR_ARG(graph_job(t->g, f->job)));
    if (f->end == EVENT_FAIL || f->end == EVENT_ABORT)
        buf_addz(&t->line, ", failed");
    add_how(&t->line, e, to, columns);
    buf_addc(&t->line, ')');
    if (to->by != i)
        buf_addz(&t->line,
                 to->by == WALK_START ? ", where it began" : ", as elsewhere");
    return put(t);
}

/* The edges of a node in order, and below each those of where it leads, if it
 * was the first to lead there. */
static int print_tree(struct tree *t)
{
    size_t *stack = calloc(t->w->n_edges + 1, sizeof(*stack)), depth = 0;
    int r = stack ? 0 : err_nomem(&t->st->err);
    if (r == 0 && t->first[0])
        stack[depth++] = t->first[0];
    while (r == 0 && depth > 0) {
        size_t i = stack[depth - 1] - 1;
        const struct walk_edge *e = &t->w->edges[i];
        r = print_edge(t, i);
        if (t->next[i])
            stack[depth - 1] = t->next[i];
        else
            depth--;
        if (t->w->nodes[e->to].by == i && t->first[e->to])
            stack[depth++] = t->first[e->to];
    }
    free(stack);
    return r;
}

int impact_text(struct stage *st, const struct graph *g, const struct walk *w,
                bool upstream)
{
    struct tree t = { .st = st,
                      .g = g,
                      .w = w,
                      .first = calloc(w->n_nodes + 1, sizeof(size_t)),
                      .next = calloc(w->n_edges + 1, sizeof(size_t)) };
    int r = t.first && t.next ? 0 : err_nomem(&st->err);
    for (size_t i = w->n_edges; i-- > 0 && r == 0;) {
        t.next[i] = t.first[w->edges[i].from];
        t.first[w->edges[i].from] = i + 1;
    }
    if (r == 0) {
        add_place(&t.line, g, &w->nodes[0]);
        r = put(&t);
    }
    if (r == 0 && w->n_edges == 0) {
        buf_addf(&t.line, "  %s",
                 upstream ? "comes from nowhere that is known"
                          : "leads nowhere that is known");
        r = put(&t);
    }
    if (r == 0)
        r = print_tree(&t);
    free(t.first);
    free(t.next);
    buf_free(&t.line);
    buf_free(&t.plain);
    return r;
}

/* ---- JSON */

static const char *reach_name(enum walk_reach r)
{
    static const char *const names[] = {
        [WALK_EXACT] = "exact", [WALK_ROWS] = "rows", [WALK_MAY] = "may"
    };
    return names[r];
}

static void add_node(struct buf *out, const struct graph *g,
                     const struct walk_node *n, size_t id)
{
    buf_addf(out, "%s{\"id\":%zu,\"namespace\":", id ? "," : "", id);
    json_quote(out, graph_namespace(g, n->dataset));
    add_member(out, "name", graph_name(g, n->dataset));
    if (n->column.n)
        add_member(out, "column", n->column);
    buf_addf(out, ",\"depth\":%u,\"reach\":\"%s\"}", n->depth,
             reach_name(n->reach));
}

static void add_edge(struct buf *out, const struct graph *g,
                     const struct walk_edge *e, bool columns, bool first)
{
    static const char *const ends[] = { [EVENT_START] = "START",
                                        [EVENT_ABORT] = "ABORT",
                                        [EVENT_FAIL] = "FAIL",
                                        [EVENT_COMPLETE] = "COMPLETE" };
    const struct graph_flow *f = flow_of(g, e->flow);
    buf_addf(out, "%s{\"from\":%zu,\"to\":%zu,\"job\":{\"namespace\":",
             first ? "" : ",", e->from, e->to);
    json_quote(out, graph_job_namespace(g, f->job));
    add_member(out, "name", graph_job(g, f->job));
    buf_addf(out, "},\"run\":\"%s\"", ends[f->end]);
    if (f->us) {
        buf_addz(out, ",\"time\":\"");
        time_format(out, f->us);
        buf_addc(out, '"');
    }
    if (columns)
        buf_addf(out, ",\"kind\":\"%s\",\"masked\":%s",
                 colmap_kind_name(e->kind), e->masks ? "true" : "false");
    buf_addf(out, ",\"reach\":\"%s\"}", reach_name(e->reach));
}

int impact_json(struct stage *st, const struct graph *g, const struct walk *w,
                bool upstream)
{
    struct buf out = { .max = (size_t)1 << 30 };
    bool columns = w->nodes[0].column.n > 0;
    buf_addf(&out, "{\"direction\":\"%s\",\"whole\":%s,\"nodes\":[",
             upstream ? "upstream" : "downstream", w->cut ? "false" : "true");
    for (size_t i = 0; i < w->n_nodes; i++)
        add_node(&out, g, &w->nodes[i], i);
    buf_addz(&out, "],\"edges\":[");
    for (size_t i = 0; i < w->n_edges; i++)
        add_edge(&out, g, &w->edges[i], columns, i == 0);
    buf_addz(&out, "]}");
    int r = out.failed ? err_nomem(&st->err) : stage_emit(st, buf_str(&out));
    buf_free(&out);
    return r;
}

/* ---- DOT */

/* A string of Graphviz, whose quotes and backslashes are escaped. */
static void add_quoted(struct buf *out, struct str text)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\')
            buf_addc(out, '\\');
        buf_addc(out, c < ' ' || c == 127 ? ' ' : (char)c);
    }
    buf_addc(out, '"');
}

int impact_dot(struct stage *st, const struct graph *g, const struct walk *w,
               bool upstream)
{
    static const char *const styles[] = {
        [WALK_EXACT] = "solid", [WALK_ROWS] = "dashed", [WALK_MAY] = "dotted"
    };
    struct buf out = { .max = (size_t)1 << 30 }, name = { .max = 65536 };
    buf_addz(&out, "digraph lineage {\n  rankdir=LR;\n  node [shape=box];\n");
    for (size_t i = 0; i < w->n_nodes; i++) {
        buf_reset(&name);
        add_place(&name, g, &w->nodes[i]);
        buf_addf(&out, "  n%zu [label=", i);
        add_quoted(&out, buf_str(&name));
        buf_addz(&out, i ? "];\n" : ", penwidth=2];\n");
    }
    for (size_t i = 0; i < w->n_edges; i++) {
        const struct walk_edge *e = &w->edges[i];
        size_t from = upstream ? e->to : e->from;
        size_t to = upstream ? e->from : e->to;
        buf_addf(&out, "  n%zu -> n%zu [label=", from, to);
        add_quoted(&out, graph_job(g, flow_of(g, e->flow)->job));
        buf_addf(&out, ", style=%s];\n", styles[e->reach]);
    }
    buf_addc(&out, '}');
    int r = out.failed || name.failed ? err_nomem(&st->err)
                                      : stage_emit(st, buf_str(&out));
    buf_free(&out);
    buf_free(&name);
    return r;
}
