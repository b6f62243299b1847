/* What a run read and wrote: its events taken together. */
#include "json/check.h"
#include "lineage/graph_parts.h"

#include <stdlib.h>

/* A run in the reading. */
struct reading {
    struct graph *g;
    const struct graph_run *run;
    struct graph_input *inputs; /* owned */
    size_t n, cap;
    size_t first; /* of its flows */
};

/* ---- values */

static bool count_of(struct val v, uint64_t *n)
{
    *n = 0;
    for (size_t i = 0; i < v.raw.n; i++) {
        if (v.type != JSON_NUMBER || v.raw.p[i] < '0' || v.raw.p[i] > '9' ||
            i > 17)
            return false;
        *n = *n * 10 + (uint64_t)(v.raw.p[i] - '0');
    }
    return v.type == JSON_NUMBER;
}

static void read_count(struct graph_count *c, struct val facets, struct str key)
{
    struct val v = json_get(facets, key);
    uint64_t n;
    if (count_of(json_get(v, STR("rowCount")), &n)) {
        c->has_rows = true;
        c->rows = n;
    }
    if (count_of(json_get(v, STR("size")), &n)) {
        c->has_bytes = true;
        c->bytes = n;
    }
}

/* The characters of a member that is a string, in g->scratch. False: none. */
static bool text_of(struct graph *g, struct val object, struct str key,
                    struct str *text)
{
    return json_get(object, key).type == JSON_STRING &&
           json_string(json_get(object, key), &g->scratch, text) == 0;
}

/* The number of a dataset with members namespace and name. */
static int dataset_of(struct reading *in, struct val v, uint32_t *dataset)
{
    struct graph *g = in->g;
    struct str space = event_string(v, STR("namespace"));
    struct str name = event_string(v, STR("name"));
    if (!space.p || !name.p)
        return 0;
    struct str key = graph_key(g, space, name);
    /* A pipe is one within its pipeline's run: numbers come again. */
    if (!in->run->whole && key.p && key.n > 5 &&
        memcmp(key.p, "pipe", 4) == 0 &&
        (key.p[4] == '\0' || key.p[4] == ':')) {
        buf_addf(&g->key, "%c%u", 0, in->run->unit);
        key = g->key.failed ? (struct str){ NULL, 0 } : buf_str(&g->key);
    }
    *dataset = key.p ? names_add(&g->datasets, key) : NAMES_NONE;
    return *dataset == NAMES_NONE ? -1 : 1;
}

/* ---- inputs */

static int add_input(struct reading *in, uint32_t dataset,
                     struct graph_count **count)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->inputs[i].dataset == dataset) {
            *count = &in->inputs[i].count;
            return 0;
        }
    if (in->n == in->cap) {
        size_t cap = in->cap ? in->cap * 2 : 4;
        struct graph_input *v = realloc(in->inputs, cap * sizeof(*v));
        if (!v)
            return -1;
        in->inputs = v;
        in->cap = cap;
    }
    in->inputs[in->n] = (struct graph_input){ .dataset = dataset };
    *count = &in->inputs[in->n++].count;
    return 0;
}

static int read_inputs(struct reading *in, struct val list)
{
    struct json_iter it = json_iter(list.raw);
    struct val v;
    while (list.type == JSON_ARRAY && json_next(&it, NULL, &v)) {
        struct graph_count *count, told = { 0 };
        uint32_t dataset;
        int r = dataset_of(in, v, &dataset);
        if (r == 0)
            continue;
        if (r < 0 || add_input(in, dataset, &count))
            return -1;
        read_count(&told, json_get(v, STR("inputFacets")),
                   STR("inputStatistics"));
        /* One that is listed twice was read in two pieces. */
        count->has_rows |= told.has_rows;
        count->has_bytes |= told.has_bytes;
        if (told.rows > count->rows)
            count->rows = told.rows;
        if (told.bytes > count->bytes)
            count->bytes = told.bytes;
    }
    return 0;
}

/* ---- columns */

static void read_kinds(struct colmap_sources *to, struct colmap_source s,
                       struct graph *g, struct val list)
{
    struct json_iter it = json_iter(list.raw);
    struct val v;
    struct str text;
    bool any = false;
    while (list.type == JSON_ARRAY && json_next(&it, NULL, &v)) {
        bool indirect =
            text_of(g, v, STR("type"), &text) && str_eq(text, STR("INDIRECT"));
        if (!text_of(g, v, STR("subtype"), &text))
            text = STR("");
        s.kind = colmap_kind_of(text, indirect);
        s.masks = json_get(v, STR("masking")).type == JSON_TRUE;
        colmap_source_add(to, &s);
        any = true;
    }
    if (!any)
        colmap_source_add(to, &s);
}

/* Appends input fields; their texts stay in the map. */
static int read_sources(struct reading *in, struct colmap *m,
                        struct colmap_sources *to, struct val list,
                        enum colmap_kind kind)
{
    struct json_iter it = json_iter(list.raw);
    struct val v;
    while (list.type == JSON_ARRAY && json_next(&it, NULL, &v)) {
        struct colmap_source s = { .kind = kind };
        struct str text;
        int r = dataset_of(in, v, &s.input);
        if (r < 0)
            return -1;
        if (r == 0 || !text_of(in->g, v, STR("field"), &text))
            continue;
        s.field = arena_dup(&m->text, text);
        if (!s.field.p)
            return -1;
        read_kinds(to, s, in->g, json_get(v, STR("transformations")));
    }
    return 0;
}

static int read_fields(struct reading *in, struct colmap *m, struct val fields)
{
    struct json_iter it = json_iter(fields.raw);
    struct buf name = { .max = 65536 };
    struct str key;
    struct val v;
    int r = 0;
    while (r == 0 && fields.type == JSON_OBJECT && json_next(&it, &key, &v)) {
        struct colmap_sources from = { 0 };
        buf_reset(&name);
        if (json_unescape(&name, key))
            continue;
        r = read_sources(in, m, &from, json_get(v, STR("inputFields")),
                         COLMAP_TRANSFORMATION);
        if (r == 0)
            colmap_put(m, buf_str(&name), &from);
        colmap_sources_free(&from);
    }
    buf_free(&name);
    return r;
}

/* The columns that may come from somewhere else, too. */
static int read_unsure(struct reading *in, struct colmap *m, struct val own)
{
    struct val list = json_get(own, STR("unsure")), v;
    struct json_iter it = json_iter(list.raw);
    struct str name;
    while (list.type == JSON_ARRAY && json_next(&it, NULL, &v)) {
        struct colmap_sources from = { 0 };
        if (v.type != JSON_STRING || json_string(v, &in->g->scratch, &name))
            continue;
        colmap_use(m, &from, name, COLMAP_IDENTITY, false);
        for (size_t i = 0; i < m->n_from; i++)
            colmap_source_add(
                &from, &(struct colmap_source){ STR(""), m->from[i],
                                                COLMAP_TRANSFORMATION, false });
        struct str kept = arena_dup(&m->text, name);
        if (kept.p)
            colmap_put(m, kept, &from);
        colmap_sources_free(&from);
        if (!kept.p)
            return -1;
    }
    return 0;
}

static int add_from(struct colmap *m, uint32_t dataset)
{
    uint32_t *from = realloc(m->from, (m->n_from + 1) * sizeof(*from));
    if (!from)
        return -1;
    m->from = from;
    from[m->n_from++] = dataset;
    return 0;
}

/* Of others: ours say what they are. Where one of another maker lists columns,
 * these are all. */
static int read_others(struct reading *in, struct colmap *m, struct val own,
                       bool listed)
{
    struct str others = event_string(own, STR("others"));
    struct val list = json_get(own, STR("from")), v;
    struct json_iter it = json_iter(list.raw);
    bool given = list.type == JSON_ARRAY;
    uint32_t dataset;
    int r = 0;
    while (given && r == 0 && json_next(&it, NULL, &v)) {
        int found = dataset_of(in, v, &dataset);
        r = found < 0 || (found > 0 && add_from(m, dataset)) ? -1 : 0;
    }
    for (size_t i = 0; i < in->n && !given && r == 0; i++)
        r = add_from(m, in->inputs[i].dataset);
    m->others = !others.p ? (listed ? COLMAP_NONE : COLMAP_UNKNOWN)
                : str_eq(others, STR("same")) ? COLMAP_SAME
                : str_eq(others, STR("none")) ? COLMAP_NONE
                                              : COLMAP_UNKNOWN;
    return r;
}

static int read_map(struct reading *in, struct colmap *m, struct val facets)
{
    struct val lineage = json_get(facets, STR("columnLineage"));
    struct val own = json_get(facets, STR("pipeutils_columns"));
    struct val absent = json_get(own, STR("absent")), v;
    struct json_iter it = json_iter(absent.raw);
    struct str name;
    struct colmap_sources whole = { 0 };
    colmap_init(m, COLMAP_SAME);
    m->numbered = true;
    /* Absent before fields: a field that went may have come again. */
    while (absent.type == JSON_ARRAY && json_next(&it, NULL, &v))
        if (v.type == JSON_STRING &&
            json_string(v, &in->g->scratch, &name) == 0)
            colmap_drop(m, name);
    int r = read_fields(in, m, json_get(lineage, STR("fields"))) ||
            read_sources(in, m, &whole, json_get(lineage, STR("dataset")),
                         COLMAP_CONDITIONAL) ||
            read_others(in, m, own, lineage.type == JSON_OBJECT) ||
            read_unsure(in, m, own);
    if (r)
        colmap_sources_free(&whole);
    m->whole = whole;
    return r ? -1 : 0;
}

/* ---- outputs */

static struct graph_flow *flow_to(struct reading *in, uint32_t dataset)
{
    struct graph *g = in->g;
    for (size_t i = in->first; i < g->n_flows; i++)
        if (g->flows[i].to == dataset)
            return &g->flows[i];
    if (g->n_flows == g->cap_flows) {
        size_t cap = g->cap_flows ? g->cap_flows * 2 : 16;
        struct graph_flow *v = realloc(g->flows, cap * sizeof(*v));
        if (!v)
            return NULL;
        g->flows = v;
        g->cap_flows = cap;
    }
    struct graph_flow *f = &g->flows[g->n_flows++];
    *f = (struct graph_flow){ .job = in->run->job,
                              .to = dataset,
                              .end = in->run->end,
                              .us = in->run->us };
    colmap_init(&f->map, COLMAP_UNKNOWN);
    f->map.numbered = true;
    return f;
}

static int read_outputs(struct reading *in, struct val list)
{
    struct json_iter it = json_iter(list.raw);
    struct val v;
    while (list.type == JSON_ARRAY && json_next(&it, NULL, &v)) {
        struct val facets = json_get(v, STR("facets"));
        struct colmap map;
        uint32_t dataset;
        int r = dataset_of(in, v, &dataset);
        if (r == 0)
            continue;
        struct graph_flow *f = r < 0 ? NULL : flow_to(in, dataset);
        if (!f || read_map(in, &map, facets)) {
            if (f)
                colmap_free(&map);
            return -1;
        }
        read_count(&f->count, json_get(v, STR("outputFacets")),
                   STR("outputStatistics"));
        /* A later event that says nothing takes nothing back. */
        if (f->map.n_from && map.others == COLMAP_UNKNOWN && map.n == 0) {
            colmap_free(&map);
        } else {
            colmap_free(&f->map);
            f->map = map;
        }
    }
    return 0;
}

static int read_event(struct reading *in, struct str text, bool outputs)
{
    struct json_fault fault;
    if (json_check_object(text, JSON_DEPTH_DEFAULT, &fault))
        return 0;
    struct val v = json_val(text);
    return outputs ? read_outputs(in, json_get(v, STR("outputs")))
                   : read_inputs(in, json_get(v, STR("inputs")));
}

int graph_read_run(struct graph *g, const struct graph_run *r)
{
    struct reading in = { .g = g, .run = r, .first = g->n_flows };
    int failed = 0;
    for (const struct graph_event *e = r->events; e && !failed; e = e->next)
        failed = read_event(&in, e->text, false);
    for (const struct graph_event *e = r->events; e && !failed; e = e->next)
        failed = read_event(&in, e->text, true);
    for (size_t i = in.first; i < g->n_flows && !failed; i++) {
        struct graph_flow *f = &g->flows[i];
        f->inputs = malloc((in.n + 1) * sizeof(*f->inputs));
        failed = !f->inputs;
        if (failed)
            break;
        memcpy(f->inputs, in.inputs, in.n * sizeof(*f->inputs));
        f->n_inputs = in.n;
    }
    free(in.inputs);
    return failed ? -1 : 0;
}
