#include "lineage/graph.h"

#include "lineage/graph_parts.h"

#include <stdio.h>
#include <stdlib.h>

struct graph *graph_new(void)
{
    return calloc(1, sizeof(struct graph));
}

void graph_flow_free(struct graph_flow *f)
{
    free(f->inputs);
    colmap_free(&f->map);
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_flows; i++)
        graph_flow_free(&g->flows[i]);
    free(g->flows);
    free(g->runs);
    free(g->units_of);
    names_free(&g->datasets);
    names_free(&g->jobs);
    names_free(&g->run_ids);
    names_free(&g->units);
    arena_free(&g->events);
    buf_free(&g->key);
    buf_free(&g->scratch);
    free(g);
}

void graph_keep_stages(struct graph *g)
{
    g->keep_stages = true;
}

/* ---- names */

/* Appends the characters of a raw string. */
static void add_text(struct buf *out, struct str raw)
{
    if (memchr(raw.p, '\\', raw.n))
        (void)json_unescape(out, raw);
    else
        buf_add_str(out, raw);
}

struct str graph_key(struct graph *g, struct str namespace, struct str name)
{
    buf_reset(&g->key);
    add_text(&g->key, namespace);
    buf_addc(&g->key, '\0');
    add_text(&g->key, name);
    return g->key.failed ? (struct str){ NULL, 0 } : buf_str(&g->key);
}

static uint32_t add_name(struct names *t, struct str key)
{
    return key.p ? names_add(t, key) : NAMES_NONE;
}

/* The i-th of the parts of a key. */
static struct str part(struct str key, int i)
{
    for (; i > 0; i--) {
        const char *end = memchr(key.p, '\0', key.n);
        if (!end)
            return STR("");
        key.n -= (size_t)(end + 1 - key.p);
        key.p = end + 1;
    }
    const char *end = memchr(key.p, '\0', key.n);
    return (struct str){ key.p, end ? (size_t)(end - key.p) : key.n };
}

uint32_t graph_datasets(const struct graph *g)
{
    return g->datasets.n;
}

struct str graph_namespace(const struct graph *g, uint32_t dataset)
{
    return part(g->datasets.v[dataset], 0);
}

struct str graph_name(const struct graph *g, uint32_t dataset)
{
    return part(g->datasets.v[dataset], 1);
}

bool graph_is_pipe(const struct graph *g, uint32_t dataset)
{
    struct str space = graph_namespace(g, dataset);
    return str_eq(space, STR("pipe")) ||
           (space.n > 7 && memcmp(space.p, "pipe://", 7) == 0);
}

struct str graph_job_namespace(const struct graph *g, uint32_t job)
{
    return part(g->jobs.v[job], 0);
}

struct str graph_job(const struct graph *g, uint32_t job)
{
    return part(g->jobs.v[job], 1);
}

size_t graph_flows(const struct graph *g, const struct graph_flow **flows)
{
    *flows = g->flows;
    return g->n_flows;
}

/* ---- events by run */

/* Makes room for element i, zeroed, in an array; NULL without memory. */
static void *reach(void *array, size_t *cap, size_t i, size_t size)
{
    size_t n = *cap ? *cap : 64;
    if (i < *cap)
        return array;
    while (n <= i)
        n *= 2;
    char *grown = realloc(array, n * size);
    if (!grown)
        return NULL;
    memset(grown + *cap * size, 0, (n - *cap) * size);
    *cap = n;
    return grown;
}

static struct graph_run *run_of(struct graph *g, const struct event *e,
                                uint32_t job)
{
    struct str key = graph_key(g, e->run, e->job);
    uint32_t i = add_name(&g->run_ids, key);
    if (i == NAMES_NONE)
        return NULL;
    struct graph_run *runs = reach(g->runs, &g->cap_runs, i, sizeof(*runs));
    if (!runs)
        return NULL;
    g->runs = runs;
    runs[i].job = job;
    return &runs[i];
}

/* What the run counts with. A pipeline of ours counts as one, with the job of
 * that name; jobs of others under a parent count one by one. */
static struct graph_unit *unit_of(struct graph *g, const struct event *e,
                                  uint32_t job, struct graph_run *r)
{
    char group[16];
    uint32_t of = job;
    if (e->parent_run.p && e->ours)
        of = add_name(&g->jobs, graph_key(g, e->parent_namespace, e->parent));
    if (of == NAMES_NONE)
        return NULL;
    snprintf(group, sizeof(group), "%u", of);
    r->unit = add_name(
        &g->units,
        graph_key(g, e->parent_run.p ? e->parent_run : e->run, str_of(group)));
    if (r->unit == NAMES_NONE)
        return NULL;
    struct graph_unit *units =
        reach(g->units_of, &g->cap_units, r->unit, sizeof(*units));
    if (!units)
        return NULL;
    g->units_of = units;
    units[r->unit].group = of;
    units[r->unit].ours |= e->ours;
    return &units[r->unit];
}

/* An end outdoes a start, and the later of two ends the earlier. */
static void advance(struct graph_run *r, const struct event *e)
{
    if (!r->events ||
        (e->type != EVENT_START && (r->end == EVENT_START || e->us >= r->us)))
        r->end = e->type;
    if (e->us > r->us)
        r->us = e->us;
}

int graph_take(struct graph *g, struct str text)
{
    struct event e;
    if (!event_read(&e, text))
        return 0;
    uint32_t job = add_name(&g->jobs, graph_key(g, e.job_namespace, e.job));
    struct graph_run *r = job == NAMES_NONE ? NULL : run_of(g, &e, job);
    struct graph_unit *u = r ? unit_of(g, &e, job, r) : NULL;
    struct graph_event *kept =
        u ? arena_alloc(&g->events, sizeof(*kept)) : NULL;
    if (!kept)
        return -1;
    *kept = (struct graph_event){ text, NULL };
    advance(r, &e);
    r->ours |= e.ours;
    r->whole |= e.ours && !e.parent_run.p;
    if (r->last)
        r->last->next = kept;
    else
        r->events = kept;
    r->last = kept;
    if (e.us > u->us)
        u->us = e.us;
    return 1;
}

/* ---- which runs count */

static void count_runs(struct graph *g)
{
    for (uint32_t i = 0; i < g->run_ids.n; i++) {
        const struct graph_run *r = &g->runs[i];
        struct graph_unit *u = &g->units_of[r->unit];
        u->runs++;
        u->good += r->end == EVENT_COMPLETE;
        u->bad += r->end == EVENT_FAIL || r->end == EVENT_ABORT;
        if (r->whole) {
            u->has_whole = true;
            u->whole_end = r->end;
        }
    }
}

static bool is_good(const struct graph_unit *u)
{
    return u->has_whole ? u->whole_end == EVENT_COMPLETE : u->good == u->runs;
}

/* True if a outdoes b. */
static bool is_better(const struct graph_unit *a, const struct graph_unit *b)
{
    return is_good(a) != is_good(b) ? is_good(a) : a->us >= b->us;
}

static int choose_units(struct graph *g, int64_t since_us)
{
    uint32_t *best = malloc((g->jobs.n + 1) * sizeof(*best));
    if (!best)
        return -1;
    for (uint32_t i = 0; i < g->jobs.n; i++)
        best[i] = NAMES_NONE;
    for (uint32_t i = 0; i < g->units.n; i++) {
        const struct graph_unit *u = &g->units_of[i];
        if (u->runs && u->us >= since_us &&
            (best[u->group] == NAMES_NONE ||
             is_better(u, &g->units_of[best[u->group]])))
            best[u->group] = i;
    }
    for (uint32_t i = 0; i < g->jobs.n; i++)
        if (best[i] != NAMES_NONE)
            g->units_of[best[i]].counts = true;
    free(best);
    return 0;
}

/* Of a good run, attempts that were not are no part. */
static bool is_part(const struct graph_run *r, const struct graph_unit *u)
{
    return u->counts && (!is_good(u) || r->end == EVENT_COMPLETE);
}

/* Reads the runs of the kind that count, and says for each unit whether it had
 * any. */
static int read_runs(struct graph *g, bool whole, bool *told)
{
    for (uint32_t i = 0; i < g->run_ids.n; i++) {
        const struct graph_run *r = &g->runs[i];
        size_t before = g->n_flows;
        if (r->whole != whole || !is_part(r, &g->units_of[r->unit]) ||
            (!whole && told[r->unit]))
            continue;
        if (graph_read_run(g, r))
            return -1;
        if (whole)
            told[r->unit] = g->n_flows > before;
    }
    return 0;
}

int graph_end(struct graph *g, int64_t since_us, struct err *e)
{
    bool *told = calloc(g->units.n + 1, sizeof(*told));
    count_runs(g);
    int r = !told || choose_units(g, since_us) || read_runs(g, true, told) ||
            read_runs(g, false, told) || graph_join_pipes(g) ||
            (!g->keep_stages && graph_drop_covered(g));
    free(told);
    return r ? err_nomem(e) : 0;
}
