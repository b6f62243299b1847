/* Pipes replaced by what comes in at their other end. */
#include "lineage/graph_parts.h"

#include <stdlib.h>

#define ROUNDS_MAX 10000 /* pipes on the way to one dataset */

struct joining {
    struct graph *g;
    uint32_t *writers; /* owned: by dataset, how many flows lead there */
    uint32_t *readers; /* owned: and from there */
};

/* What comes after the last NUL of a pipe's key: its run. */
static struct str unit_of(const struct graph *g, uint32_t pipe)
{
    struct str key = g->datasets.v[pipe];
    const char *last = memrchr(key.p, '\0', key.n);
    return last ? (struct str){ last + 1, key.n - (size_t)(last + 1 - key.p) }
                : STR("");
}

static int count_ends(struct joining *j)
{
    const struct graph *g = j->g;
    j->writers = calloc(g->datasets.n + 1, sizeof(*j->writers));
    j->readers = calloc(g->datasets.n + 1, sizeof(*j->readers));
    if (!j->writers || !j->readers)
        return -1;
    for (size_t i = 0; i < g->n_flows; i++) {
        j->writers[g->flows[i].to]++;
        for (size_t k = 0; k < g->flows[i].n_inputs; k++)
            j->readers[g->flows[i].inputs[k].dataset]++;
    }
    return 0;
}

/* ---- one pipe of a flow */

static int add_inputs(struct graph_flow *f, const struct graph_flow *up)
{
    struct graph_input *v =
        realloc(f->inputs, (f->n_inputs + up->n_inputs + 1) * sizeof(*v));
    if (!v)
        return -1;
    f->inputs = v;
    for (size_t i = 0; i < up->n_inputs; i++) {
        size_t k = 0;
        while (k < f->n_inputs && v[k].dataset != up->inputs[i].dataset)
            k++;
        if (k == f->n_inputs)
            v[f->n_inputs++] = up->inputs[i];
    }
    return 0;
}

static void remove_input(struct graph_flow *f, size_t i)
{
    f->n_inputs--;
    memmove(&f->inputs[i], &f->inputs[i + 1],
            (f->n_inputs - i) * sizeof(*f->inputs));
}

/* Does this flow lead into the pipe, or, where nobody is known to write it,
 * into the program that does, as far as anybody can tell? */
static bool leads_to(const struct joining *j, const struct graph_flow *up,
                     uint32_t pipe, bool known)
{
    const struct graph *g = j->g;
    if (known)
        return up->to == pipe;
    return graph_is_pipe(g, up->to) && j->readers[up->to] == 0 &&
           str_eq(unit_of(g, up->to), unit_of(g, pipe));
}

/* Replaces input i, a pipe. Where not exactly one is known to write it, what
 * becomes of the columns on the way is not known. */
static int join_pipe(struct joining *j, struct graph_flow *f, size_t i)
{
    const struct graph *g = j->g;
    uint32_t pipe = f->inputs[i].dataset;
    bool known = j->writers[pipe] > 0;
    struct colmap nothing;
    colmap_init(&nothing, COLMAP_UNKNOWN);
    nothing.numbered = true;
    remove_input(f, i);
    size_t before = f->n_inputs;
    for (size_t k = 0; k < g->n_flows; k++) {
        const struct graph_flow *up = &g->flows[k];
        if (up == f || !leads_to(j, up, pipe, known))
            continue;
        if (known && j->writers[pipe] == 1)
            colmap_behind(&f->map, pipe, &up->map);
        if (add_inputs(f, up))
            return -1;
    }
    if (j->writers[pipe] == 1)
        return 0;
    nothing.from = calloc(f->n_inputs + 1, sizeof(*nothing.from));
    if (!nothing.from)
        return -1;
    for (size_t k = before; k < f->n_inputs; k++)
        nothing.from[nothing.n_from++] = f->inputs[k].dataset;
    colmap_behind(&f->map, pipe, &nothing);
    colmap_free(&nothing);
    return 0;
}

static int join_flow(struct joining *j, struct graph_flow *f)
{
    /* A pipe that was replaced comes again where programs feed each other. */
    uint32_t *done = calloc(j->g->datasets.n / 32 + 1, sizeof(*done));
    int r = done ? 0 : -1;
    for (size_t i = 0, rounds = 0; r == 0 && i < f->n_inputs;) {
        uint32_t d = f->inputs[i].dataset;
        if (!graph_is_pipe(j->g, d)) {
            i++;
            continue;
        }
        if (done[d / 32] & 1U << d % 32 || ++rounds > ROUNDS_MAX) {
            remove_input(f, i);
            continue;
        }
        done[d / 32] |= 1U << d % 32;
        r = join_pipe(j, f, i);
        i = 0;
    }
    free(done);
    return r;
}

int graph_join_pipes(struct graph *g)
{
    struct joining j = { .g = g };
    int r = count_ends(&j);
    for (size_t i = 0; i < g->n_flows && r == 0; i++)
        if (!graph_is_pipe(g, g->flows[i].to))
            r = join_flow(&j, &g->flows[i]);
    size_t n = 0;
    for (size_t i = 0; i < g->n_flows; i++) {
        if (graph_is_pipe(g, g->flows[i].to))
            graph_flow_free(&g->flows[i]);
        else
            g->flows[n++] = g->flows[i];
    }
    g->n_flows = n;
    free(j.writers);
    free(j.readers);
    return r;
}
