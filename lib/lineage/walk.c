#include "lineage/walk.h"

#include <stdio.h>
#include <stdlib.h>

/* Flows by the dataset that they are left or entered by. */
struct flow_index {
    uint32_t *first; /* owned: by dataset, entry + 1 */
    struct {
        uint32_t flow, next;
    } * entries; /* owned */
};

struct walking {
    struct walk *w;
    const struct graph *g;
    const struct graph_flow *flows;
    size_t n_flows;
    struct flow_index index;
    size_t *queue[WALK_MAY + 1]; /* owned: nodes to go through */
    size_t n[WALK_MAY + 1], cap[WALK_MAY + 1], at[WALK_MAY + 1];
    size_t from; /* the node in hand */
    size_t flow;
    bool upstream;
    struct buf key;
};

void walk_free(struct walk *w)
{
    free(w->nodes);
    free(w->edges);
    names_free(&w->places);
    *w = (struct walk){ 0 };
}

static int build_index(struct walking *k)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < k->n_flows; i++)
        total += k->upstream ? 1 : k->flows[i].n_inputs;
    k->index.first = calloc(graph_datasets(k->g) + 1, sizeof(*k->index.first));
    k->index.entries = malloc((total + 1) * sizeof(*k->index.entries));
    if (!k->index.first || !k->index.entries)
        return -1;
    for (size_t i = k->n_flows; i-- > 0;) {
        const struct graph_flow *f = &k->flows[i];
        for (size_t j = 0; j < (k->upstream ? 1 : f->n_inputs); j++) {
            uint32_t d = k->upstream ? f->to : f->inputs[j].dataset;
            k->index.entries[n].flow = (uint32_t)i;
            k->index.entries[n].next = k->index.first[d];
            k->index.first[d] = (uint32_t)++n;
        }
    }
    return 0;
}

/* Makes room for one more; NULL without memory. */
static void *grow(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    size_t more = *cap ? *cap * 2 : 64;
    void *grown = realloc(array, more * size);
    if (grown)
        *cap = more;
    return grown;
}

static int enqueue(struct walking *k, size_t node, enum walk_reach reach)
{
    size_t *q = grow(k->queue[reach], k->n[reach], &k->cap[reach], sizeof(*q));
    if (!q)
        return -1;
    k->queue[reach] = q;
    q[k->n[reach]++] = node;
    return 0;
}

/* The node of a place, new or known. -1 without memory; 1 where there is no
 * room for one more. */
static int node_of(struct walking *k, uint32_t dataset, struct str column,
                   size_t *node)
{
    struct walk *w = k->w;
    buf_reset(&k->key);
    buf_addf(&k->key, "%u ", dataset);
    size_t from = k->key.n;
    buf_add_str(&k->key, column);
    if (k->key.failed)
        return -1;
    uint32_t known = names_find(&w->places, buf_str(&k->key));
    if (known != NAMES_NONE) {
        *node = known;
        return 0;
    }
    if (w->n_nodes == WALK_NODES_MAX) {
        w->cut = true;
        return 1;
    }
    struct walk_node *v = grow(w->nodes, w->n_nodes, &w->cap_nodes, sizeof(*v));
    if (!v)
        return -1;
    w->nodes = v;
    *node = names_add(&w->places, buf_str(&k->key));
    if (*node == NAMES_NONE)
        return -1;
    struct str kept = w->places.v[*node];
    v[w->n_nodes++] = (struct walk_node){
        .dataset = dataset,
        .column = { kept.p + from, kept.n - from },
        .reach = (enum walk_reach)(WALK_MAY + 1),
        .by = WALK_START,
    };
    return 0;
}

static bool is_edge(const struct walk *w, const struct walk_edge *e)
{
    for (size_t i = w->n_edges; i-- > 0 && w->edges[i].from == e->from;)
        if (w->edges[i].to == e->to && w->edges[i].flow == e->flow &&
            w->edges[i].kind == e->kind)
            return true;
    return false;
}

/* A step of the flow in hand, from the node in hand. */
static int step(struct walking *k, uint32_t dataset, struct str column,
                enum walk_reach reach, enum colmap_kind kind, bool masks)
{
    struct walk *w = k->w;
    struct walk_edge e = { k->from, 0, k->flow, kind, masks, reach };
    int r = node_of(k, dataset, column, &e.to);
    if (r)
        return r < 0 ? -1 : 0;
    if (is_edge(w, &e))
        return 0;
    struct walk_edge *v = grow(w->edges, w->n_edges, &w->cap_edges, sizeof(*v));
    if (!v)
        return -1;
    w->edges = v;
    const struct walk_node *from = &w->nodes[k->from];
    struct walk_node *to = &w->nodes[e.to];
    enum walk_reach sure = from->reach > reach ? from->reach : reach;
    v[w->n_edges++] = e;
    if (to->done || to->reach <= sure)
        return 0;
    to->reach = sure;
    to->by = w->n_edges - 1;
    to->depth = from->depth + 1;
    return enqueue(k, e.to, sure);
}

/* ---- one flow */

static bool touches(struct str a, struct str b)
{
    return str_eq(a, b) || colmap_within(a, b) || colmap_within(b, a);
}

static bool is_from(const struct colmap *m, uint32_t dataset)
{
    bool is = false;
    for (size_t i = 0; i < m->n_from && !is; i++)
        is = m->from[i] == dataset;
    return is;
}

/* Which columns is not known: any. */
static int may(struct walking *k, uint32_t dataset)
{
    return step(k, dataset, STR(""), WALK_MAY, COLMAP_TRANSFORMATION, false);
}

/* The column of a dataset goes into this column of the flow's output. */
static int down_column(struct walking *k, const struct graph_flow *f,
                       const struct colmap_column *c, uint32_t dataset,
                       struct str column)
{
    int r = 0;
    for (size_t i = 0; i < c->from.n && r == 0; i++) {
        const struct colmap_source *s = &c->from.v[i];
        if (s->input != dataset || (s->field.n && !touches(s->field, column)))
            continue;
        r = s->field.n ? step(k, f->to, c->name, WALK_EXACT, s->kind, s->masks)
                       : may(k, f->to);
    }
    return r;
}

static int down(struct walking *k, const struct graph_flow *f, uint32_t dataset,
                struct str column)
{
    const struct colmap *m = &f->map;
    int r = 0;
    if (!column.n)
        return step(k, f->to, STR(""), WALK_EXACT, COLMAP_TRANSFORMATION,
                    false);
    for (size_t i = 0; i < m->n && r == 0; i++)
        r = down_column(k, f, &m->columns[i], dataset, column);
    if (r == 0 && is_from(m, dataset) && colmap_passes(m, column))
        r = step(k, f->to, column, WALK_EXACT, COLMAP_IDENTITY, false);
    for (size_t i = 0; i < m->whole.n && r == 0; i++) {
        const struct colmap_source *s = &m->whole.v[i];
        if (s->input == dataset && touches(s->field, column))
            r = step(k, f->to, STR(""), WALK_ROWS, s->kind, s->masks);
    }
    if (r == 0 && is_from(m, dataset) && m->others == COLMAP_UNKNOWN)
        r = may(k, f->to);
    return r;
}

static int up(struct walking *k, const struct graph_flow *f, struct str column)
{
    struct colmap_sources from = { 0 };
    int r = 0;
    for (size_t i = 0; i < f->n_inputs && r == 0 && !column.n; i++)
        r = step(k, f->inputs[i].dataset, STR(""), WALK_EXACT,
                 COLMAP_TRANSFORMATION, false);
    if (!column.n)
        return r;
    colmap_use(&f->map, &from, column, COLMAP_IDENTITY, false);
    for (size_t i = 0; i < from.n && r == 0; i++)
        r = from.v[i].field.n
                ? step(k, from.v[i].input, from.v[i].field, WALK_EXACT,
                       from.v[i].kind, from.v[i].masks)
                : may(k, from.v[i].input);
    for (size_t i = 0; i < f->map.whole.n && r == 0; i++) {
        const struct colmap_source *s = &f->map.whole.v[i];
        r = s->field.n
                ? step(k, s->input, s->field, WALK_ROWS, s->kind, s->masks)
                : may(k, s->input);
    }
    colmap_sources_free(&from);
    return r;
}

/* ---- all */

static int go_on(struct walking *k, size_t node)
{
    const struct walk_node n = k->w->nodes[node];
    int r = 0;
    k->w->nodes[node].done = true;
    k->from = node;
    for (uint32_t i = k->index.first[n.dataset]; i && r == 0;
         i = k->index.entries[i - 1].next) {
        k->flow = k->index.entries[i - 1].flow;
        const struct graph_flow *f = &k->flows[k->flow];
        r = k->upstream ? up(k, f, n.column) : down(k, f, n.dataset, n.column);
    }
    return r;
}

/* The next node to go through, of the surest. */
static bool take_next(struct walking *k, size_t *node)
{
    for (int reach = WALK_EXACT; reach <= WALK_MAY; reach++)
        while (k->at[reach] < k->n[reach]) {
            *node = k->queue[reach][k->at[reach]++];
            if (!k->w->nodes[*node].done)
                return true;
        }
    return false;
}

int walk_from(struct walk *w, const struct graph *g, uint32_t dataset,
              struct str column, bool upstream, struct err *e)
{
    struct walking k = {
        .w = w, .g = g, .upstream = upstream, .key = { .max = (size_t)1 << 20 }
    };
    size_t node;
    *w = (struct walk){ 0 };
    k.n_flows = graph_flows(g, &k.flows);
    int r = build_index(&k) || node_of(&k, dataset, column, &node) ? -1 : 0;
    if (r == 0) {
        w->nodes[node].reach = WALK_EXACT;
        r = enqueue(&k, node, WALK_EXACT);
    }
    while (r == 0 && take_next(&k, &node))
        r = go_on(&k, node);
    free(k.index.first);
    free(k.index.entries);
    for (int i = 0; i <= WALK_MAY; i++)
        free(k.queue[i]);
    buf_free(&k.key);
    return r ? err_nomem(e) : 0;
}
