/* html: one page of everything. */
#include "events.h"
#include "report/page.h"
#include "report_cmd.h"
#include "watched.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_MAX ((size_t)256 << 20)
#define DAYS_BACK 30
#define RUNS_LAST 50000
#define DAY_US ((int64_t)86400 * 1000000)

struct made {
    struct stage *st;
    struct watched w;
    struct runs runs;
    struct letters letters;
    struct dag dag;
    struct arena text; /* of nodes */
    struct page page;
    struct buf out;
};

/* The gravest first, then by name. */
static unsigned grave(const struct health *h)
{
    unsigned worst = 0;
    for (size_t i = 0; i < h->n_troubles; i++)
        if ((unsigned)h->troubles[i].severity > worst)
            worst = (unsigned)h->troubles[i].severity;
    return worst;
}

static int by_gravity(const void *a, const void *b)
{
    const struct health *x = a, *y = b;
    unsigned gx = grave(x), gy = grave(y);
    return gx != gy ? (gx < gy) - (gx > gy)
                    : strcmp(x->conf->pipeline, y->conf->pipeline);
}

/* ---- what feeds what: by the events, else as declared and as loaded */

/* The node of a copy of the texts. */
static int node(struct made *m, enum dag_kind kind, struct str name,
                struct str place)
{
    struct str n = arena_dup(&m->text, name);
    struct str p = place.n ? arena_dup(&m->text, place) : STR("");
    return n.p && p.p ? dag_node(&m->dag, kind, n, p) : -1;
}

static int dataset_node(struct made *m, const struct graph *g, uint32_t dataset)
{
    struct str space = graph_namespace(g, dataset);
    struct str name = graph_name(g, dataset);
    const char *slash =
        str_eq(space, STR("file")) ? memrchr(name.p, '/', name.n) : NULL;
    size_t n = slash ? (size_t)(slash + 1 - name.p) : 0;
    if (n && n < name.n)
        return node(m, DAG_DATASET, (struct str){ slash + 1, name.n - n },
                    (struct str){ name.p, n });
    return node(m, DAG_DATASET, name, space);
}

/* The pipeline that is on the page under that name; NULL: none is. */
static const struct health *watched_job(const struct made *m, struct str name)
{
    for (size_t i = 0; i < m->w.n; i++)
        if (str_eq(str_of(m->w.health[i].conf->pipeline), name))
            return &m->w.health[i];
    return NULL;
}

static void add_flow(struct made *m, const struct graph *g,
                     const struct graph_flow *f, const struct health *h)
{
    struct str space = graph_job_namespace(g, f->job);
    if (h || str_eq(space, STR("default")))
        space = STR("");
    int at = node(m, DAG_PIPELINE, graph_job(g, f->job), space);
    for (size_t i = 0; i < f->n_inputs; i++)
        dag_edge(&m->dag, dataset_node(m, g, f->inputs[i].dataset), at);
    dag_edge(&m->dag, at, dataset_node(m, g, f->to));
}

/* Those of the pipelines on the page first: they stay where not all fits.
 * Of chosen pipelines only these. */
static void add_events(struct made *m, const struct graph *g)
{
    const struct graph_flow *flows;
    size_t n = graph_flows(g, &flows);
    bool all = m->st->argc < 2;
    for (int others = 0; others < (all ? 2 : 1); others++)
        for (size_t i = 0; i < n && !m->dag.cut; i++) {
            const struct health *h = watched_job(m, graph_job(g, flows[i].job));
            if ((h == NULL) == (others == 1))
                add_flow(m, g, &flows[i], h);
        }
}

/* What was loaded says less than events, and names datasets in its own way. */
static bool has_flows(const struct made *m, int pipeline)
{
    for (size_t i = 0; i < m->dag.n_edges; i++)
        if (pipeline >= 0 && m->dag.edges[i].from == (unsigned)pipeline &&
            m->dag.v[m->dag.edges[i].to].kind == DAG_DATASET)
            return true;
    return false;
}

/* A page needs no events: none are there, or they went to a server. */
static void read_events(struct made *m)
{
    struct stage *st = m->st;
    struct events ev;
    if (events_read(st, &ev, m->page.from_us) == 0)
        add_events(m, ev.g);
    else if (st->err.code != ERR_NOINPUT && st->err.code != ERR_USAGE)
        stage_warn(st, "the page is without lineage: %s", st->err.msg);
    st->err = (struct err){ 0 };
    events_free(&ev);
}

static int add_loads(struct made *m, const struct run *r, int pipeline)
{
    struct val list = json_val(r->loads), l;
    struct json_iter it = json_iter(r->loads);
    while (list.type == JSON_ARRAY && json_next(&it, NULL, &l)) {
        struct buf target = { 0 }, table = { 0 };
        run_text(&target, json_get(l, STR("target")));
        run_text(&table, json_get(l, STR("table")));
        struct str place = arena_dup(&m->text, buf_str(&target));
        struct str name = arena_dup(&m->text, buf_str(&table));
        buf_free(&target);
        buf_free(&table);
        if (!place.p || !name.p)
            return err_nomem(&m->st->err);
        dag_edge(&m->dag, pipeline,
                 name.n ? dag_node(&m->dag, DAG_DATASET, name, place)
                        : dag_node(&m->dag, DAG_DATASET, place, STR("")));
    }
    return 0;
}

static int add_flows(struct made *m)
{
    for (size_t i = 0; i < m->w.n; i++)
        (void)dag_node(&m->dag, DAG_PIPELINE,
                       str_of(m->w.health[i].conf->pipeline), STR(""));
    read_events(m);
    for (size_t i = 0; i < m->w.n; i++) {
        const struct health *h = &m->w.health[i];
        struct str name = str_of(h->conf->pipeline);
        int at = dag_node(&m->dag, DAG_PIPELINE, name, STR(""));
        if (at >= 0)
            m->dag.v[at].unwell = h->n_troubles != 0;
        for (size_t k = 0; k < h->conf->n_upstream; k++)
            dag_edge(&m->dag,
                     dag_node(&m->dag, DAG_PIPELINE,
                              str_of(h->conf->upstream[k]), STR("")),
                     at);
        if (h->has_ok && !has_flows(m, at) && add_loads(m, &h->ok, at))
            return -1;
    }
    return 0;
}

/* ---- the page */

static int gather(struct made *m, const struct args *a, const char *state)
{
    struct stage *st = m->st;
    struct page *p = &m->page;
    struct runs_filter f = { .last = a->last ? a->last : RUNS_LAST,
                             .usual = true };
    if (where_bounds(st, a, &f.since_us, &f.until_us) ||
        where_now(st, a, &p->now_us))
        return -1;
    if (!a->since)
        f.since_us = p->now_us - DAYS_BACK * DAY_US;
    if (!a->until)
        f.until_us = p->now_us;
    p->from_us = f.since_us;
    if (st->argc > 1) {
        f.pipelines = (const char *const *)st->argv + 1;
        f.n_pipelines = (size_t)st->argc - 1;
    }
    if (runs_read(&m->runs, state, &f, &st->err) ||
        letters_read(&m->letters, state, &st->err) ||
        watched_seen(&m->w, st, a, state, &m->runs, p->now_us))
        return -1;
    for (size_t i = 0; i < m->runs.n; i++)
        if (m->runs.v[i].live)
            m->runs.v[i].seconds =
                (double)(p->now_us - m->runs.v[i].started_us) / 1e6;
    if (m->w.n)
        qsort(m->w.health, m->w.n, sizeof(*m->w.health), by_gravity);
    p->health = m->w.health;
    p->n_health = m->w.n;
    p->runs = &m->runs;
    p->letters = &m->letters;
    p->dag = &m->dag;
    p->tz = st->opts.tz;
    return add_flows(m);
}

static int put(struct made *m, const struct args *a)
{
    struct stage *st = m->st;
    if (page_write(&m->out, &m->page, &st->err))
        return -1;
    if (a->output) {
        output_close(&st->out);
        if (output_file(&st->out, a->output, &st->err))
            return -1;
    }
    return stage_emit(st, buf_str(&m->out));
}

int report_html(struct stage *st, const struct args *a)
{
    struct made m = { .st = st, .out.max = PAGE_MAX };
    struct buf path = { .max = 65536 };
    const char *state = where_state(st, &path);
    int r = state ? gather(&m, a, state) : -1;
    if (r == 0)
        r = put(&m, a);
    if (r == 0 && m.runs.cut)
        stage_warn(st, "only the newest %zu runs are on the page", m.runs.n);
    watched_close(&m.w);
    runs_free(&m.runs);
    letters_free(&m.letters);
    dag_free(&m.dag);
    arena_free(&m.text);
    buf_free(&m.out);
    buf_free(&path);
    return r;
}
