/* html: one page of everything. */
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

/* ---- what feeds what: as declared, and as loaded */

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
        if (h->has_ok && add_loads(m, &h->ok, at))
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
