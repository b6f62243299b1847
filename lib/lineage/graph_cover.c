/* Flows of single stages, where their pipeline tells the same as a whole. */
#include "lineage/graph_parts.h"

#include <stdlib.h>

/* Flows by the dataset that they lead to. */
struct by_target {
    uint32_t *first; /* owned: by dataset, flow + 1 */
    uint32_t *next;  /* owned: by flow */
};

static bool failed(const struct graph_flow *f)
{
    return f->end == EVENT_FAIL || f->end == EVENT_ABORT;
}

/* Is a job named PIPELINE.STAGE after the other? */
static bool is_stage_of(const struct graph *g, uint32_t stage, uint32_t whole)
{
    struct str s = graph_job(g, stage), w = graph_job(g, whole);
    return s.n > w.n + 6 && memcmp(s.p, w.p, w.n) == 0 &&
           memcmp(s.p + w.n, ".pipe-", 6) == 0 &&
           str_eq(graph_job_namespace(g, stage), graph_job_namespace(g, whole));
}

static bool reads(const struct graph_flow *f, uint32_t dataset)
{
    for (size_t i = 0; i < f->n_inputs; i++)
        if (f->inputs[i].dataset == dataset)
            return true;
    return false;
}

static bool covers(const struct graph *g, const struct graph_flow *whole,
                   const struct graph_flow *stage)
{
    if (!is_stage_of(g, stage->job, whole->job) ||
        (failed(whole) && !failed(stage)))
        return false;
    for (size_t i = 0; i < stage->n_inputs; i++)
        if (!reads(whole, stage->inputs[i].dataset))
            return false;
    return true;
}

static bool is_covered(const struct graph *g, const struct by_target *t,
                       const struct graph_flow *f)
{
    for (uint32_t i = t->first[f->to]; i; i = t->next[i - 1])
        if (covers(g, &g->flows[i - 1], f))
            return true;
    return false;
}

int graph_drop_covered(struct graph *g)
{
    struct by_target t = { calloc(g->datasets.n + 1, sizeof(*t.first)),
                           calloc(g->n_flows + 1, sizeof(*t.next)) };
    bool *drop = calloc(g->n_flows + 1, sizeof(*drop));
    size_t n = 0;
    int r = t.first && t.next && drop ? 0 : -1;
    for (size_t i = 0; i < g->n_flows && r == 0; i++) {
        t.next[i] = t.first[g->flows[i].to];
        t.first[g->flows[i].to] = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < g->n_flows && r == 0; i++)
        drop[i] = is_covered(g, &t, &g->flows[i]);
    for (size_t i = 0; i < g->n_flows && r == 0; i++)
        if (drop[i])
            graph_flow_free(&g->flows[i]);
        else
            g->flows[n++] = g->flows[i];
    if (r == 0)
        g->n_flows = n;
    free(t.first);
    free(t.next);
    free(drop);
    return r;
}
