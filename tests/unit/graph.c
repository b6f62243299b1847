#include "unit.h"

#include "json/value.h"
#include "lineage/walk.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- events, as they are written by some producer */

struct made {
    struct buf text;
    int64_t at; /* seconds, for eventTime */
};

static void begin(struct made *m, const char *type, const char *job,
                  const char *run)
{
    m->at++;
    buf_addf(&m->text,
             "{\"eventType\":\"%s\",\"eventTime\":\"2026-01-01T%02d:%02d:%02d"
             "Z\",\"job\":{\"namespace\":\"ns\",\"name\":\"%s\"},",
             type, (int)(m->at / 3600), (int)(m->at / 60 % 60),
             (int)(m->at % 60), job);
    buf_addf(&m->text, "\"run\":{\"runId\":\"%s\"}", run);
}

/* The same by a stage of ours, in a pipeline's run. */
static void begin_ours(struct made *m, const char *type, const char *job,
                       const char *run, const char *parent, const char *whole)
{
    begin(m, type, job, run);
    m->text.n--; /* the run goes on */
    buf_addz(&m->text, ",\"facets\":{\"pipeutils_run\":{}");
    if (parent)
        buf_addf(&m->text,
                 ",\"parent\":{\"run\":{\"runId\":\"%s\"},\"job\":{"
                 "\"namespace\":\"ns\",\"name\":\"%s\"}}",
                 parent, whole);
    buf_addz(&m->text, "}}");
}

/* Inputs: "a b"; one output with its facets. A name that begins with pipe: is
 * one. */
static void end(struct made *m, const char *inputs, const char *output,
                const char *facets)
{
    char *list = strdup(inputs), *save = NULL;
    bool first = true;
    buf_addz(&m->text, ",\"inputs\":[");
    for (char *in = strtok_r(list, " ", &save); in;
         in = strtok_r(NULL, " ", &save)) {
        buf_addf(&m->text, "%s{\"namespace\":\"%s\",\"name\":\"%s\"}",
                 first ? "" : ",",
                 strncmp(in, "pipe:", 5) == 0 ? "pipe://boot" : "file", in);
        first = false;
    }
    free(list);
    buf_addz(&m->text, "],\"outputs\":[");
    if (output)
        buf_addf(&m->text,
                 "{\"namespace\":\"%s\",\"name\":\"%s\",\"facets\":{%s}}",
                 strncmp(output, "pipe:", 5) == 0 ? "pipe://boot" : "file",
                 output, facets ? facets : "");
    buf_addz(&m->text, "]}\n");
}

/* columnLineage of one column, made of one field. */
static const char *column(const char *name, const char *of, const char *field,
                          const char *kind)
{
    static char out[2048];
    snprintf(out, sizeof(out),
             "\"columnLineage\":{\"fields\":{\"%s\":{\"inputFields\":[{"
             "\"namespace\":\"%s\",\"name\":\"%s\",\"field\":\"%s\","
             "\"transformations\":[{\"type\":\"DIRECT\",\"subtype\":\"%s\"}]}"
             "]}}}",
             name, strncmp(of, "pipe:", 5) == 0 ? "pipe://boot" : "file", of,
             field, kind);
    return out;
}

static const char *same(const char *from, const char *more)
{
    static char out[4096];
    snprintf(out, sizeof(out),
             "\"pipeutils_columns\":{\"others\":\"same\",\"from\":[{"
             "\"namespace\":\"%s\",\"name\":\"%s\"}],\"absent\":[],"
             "\"unsure\":[]}%s%s",
             strncmp(from, "pipe:", 5) == 0 ? "pipe://boot" : "file", from,
             more ? "," : "", more ? more : "");
    return out;
}

/* ---- what is in the graph */

static struct graph *graph_of(struct made *m, int64_t since_us)
{
    struct graph *g = graph_new();
    struct err e;
    const char *p = m->text.p, *end = p + m->text.n, *lf;
    for (; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1)
        CHECK(graph_take(g, (struct str){ p, (size_t)(lf - p) }) >= 0);
    CHECK(graph_end(g, since_us, &e) == 0);
    return g;
}

/* The flows as "a b>c@job; ...". */
static const char *flows(const struct graph *g)
{
    static struct buf out;
    const struct graph_flow *f;
    size_t n = graph_flows(g, &f);
    buf_reset(&out);
    for (size_t i = 0; i < n; i++) {
        buf_addz(&out, i ? "; " : "");
        for (size_t k = 0; k < f[i].n_inputs; k++)
            buf_addf(&out, "%s%.*s", k ? " " : "",
                     STR_ARG(graph_name(g, f[i].inputs[k].dataset)));
        buf_addf(&out, ">%.*s@%.*s", STR_ARG(graph_name(g, f[i].to)),
                 STR_ARG(graph_job(g, f[i].job)));
    }
    return buf_z(&out);
}

/* The places that a walk reaches, in order: "b.x c?". */
static const char *reached(const struct graph *g, const char *name,
                           const char *col, bool upstream)
{
    static struct buf out;
    struct walk w;
    struct err e;
    buf_reset(&out);
    for (uint32_t d = 0; d < graph_datasets(g); d++) {
        if (!str_eq(graph_name(g, d), str_of(name)) || graph_is_pipe(g, d))
            continue;
        CHECK(walk_from(&w, g, d, str_of(col), upstream, &e) == 0);
        for (size_t i = 1; i < w.n_nodes; i++) {
            const struct walk_node *n = &w.nodes[i];
            buf_addf(&out, "%s%.*s%s%.*s%s", i > 1 ? " " : "",
                     STR_ARG(graph_name(g, n->dataset)), n->column.n ? "." : "",
                     STR_ARG(n->column),
                     n->reach == WALK_MAY    ? "?"
                     : n->reach == WALK_ROWS ? "!"
                                             : "");
        }
        walk_free(&w);
    }
    return buf_z(&out);
}

/* ---- which runs count */

TEST("the latest run that ended well counts, whatever comes after it")
{
    struct made m = { 0 };
    begin(&m, "COMPLETE", "j", "1");
    end(&m, "a", "old", NULL);
    begin(&m, "START", "j", "2");
    end(&m, "a", NULL, NULL);
    begin(&m, "COMPLETE", "j", "2");
    end(&m, "b", "new", NULL);
    begin(&m, "START", "j", "3");
    end(&m, "x", "running", NULL);
    begin(&m, "FAIL", "j", "4");
    end(&m, "y", "bad", NULL);
    begin(&m, "FAIL", "k", "5");
    end(&m, "z", "none", NULL);
    struct graph *g = graph_of(&m, 0);
    /* The events of a run add up; a job that never ended well is there, too. */
    CHECK_STR(flows(g), "a b>new@j; z>none@k");
    graph_free(g);
    g = graph_of(&m, INT64_MAX);
    CHECK_STR(flows(g), "");
    graph_free(g);
    buf_free(&m.text);
}

TEST("events may come twice and in any order")
{
    struct made m = { 0 }, n = { 0 };
    begin(&m, "COMPLETE", "j", "1");
    end(&m, "a", "b", NULL);
    begin(&n, "START", "j", "1");
    end(&n, "a", NULL, NULL);
    buf_add_str(&m.text, buf_str(&n.text));
    buf_add_str(&m.text, buf_str(&n.text));
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(flows(g), "a>b@j");
    const struct graph_flow *f;
    CHECK(graph_flows(g, &f) == 1 && f->end == EVENT_COMPLETE);
    graph_free(g);
    buf_free(&m.text);
    buf_free(&n.text);
}

TEST("what is no event is passed over")
{
    static const char *const lines[] = {
        "",
        " ",
        "[]",
        "{}",
        "{\"eventType\":\"COMPLETE\"}",
        "null",
        "{\"run\":{\"runId\":1},\"job\":{\"namespace\":\"a\",\"name\":\"b\"}}",
        "{\"run\":[],\"job\":[]}",
        "{\"eventType\":\"COMPL",
        "\xff\xfe",
    };
    struct graph *g = graph_new();
    struct err e;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        CHECK(graph_take(g, str_of(lines[i])) == 0);
    CHECK(graph_end(g, 0, &e) == 0);
    CHECK_STR(flows(g), "");
    graph_free(g);
}

TEST("no cut of an event does harm")
{
    struct made m = { 0 };
    begin_ours(&m, "COMPLETE", "p.s", "1", "9", "p");
    end(&m, "a pipe:[1]", "b", column("x", "a", "y\\n\\u00e9", "IDENTITY"));
    for (size_t n = 0; n < m.text.n; n++) {
        char *copy = malloc(n + 1); /* for the sanitizer: no byte more */
        struct graph *g = graph_new();
        struct err e;
        memcpy(copy, m.text.p, n);
        CHECK(graph_take(g, (struct str){ copy, n }) >= 0);
        CHECK(graph_end(g, 0, &e) == 0);
        if (n < m.text.n - 1)
            CHECK_STR(flows(g), "");
        graph_free(g);
        free(copy);
    }
    buf_free(&m.text);
}

/* ---- pipelines */

TEST("the stages of a pipeline are one, from the source to the table")
{
    struct made m = { 0 };
    begin_ours(&m, "COMPLETE", "p.extract", "1", "9", "p");
    end(&m, "a", "pipe:[1]", same("a", NULL));
    begin_ours(&m, "COMPLETE", "p.transform", "2", "9", "p");
    end(&m, "pipe:[1]", "pipe:[2]",
        same("pipe:[1]", column("y", "pipe:[1]", "x", "TRANSFORMATION")));
    begin_ours(&m, "COMPLETE", "p.load", "3", "9", "p");
    end(&m, "pipe:[2]", "t", same("pipe:[2]", NULL));
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(flows(g), "a>t@p.load");
    CHECK_STR(reached(g, "a", "x", false), "t.y t.x");
    CHECK_STR(reached(g, "a", "y", false), "");
    CHECK_STR(reached(g, "t", "y", true), "a.x");
    CHECK_STR(reached(g, "t", "z", true), "a.z");
    graph_free(g);
    /* Where the pipeline told it itself, that counts. */
    begin_ours(&m, "COMPLETE", "p", "9", NULL, NULL);
    end(&m, "a", "t", same("a", NULL));
    g = graph_of(&m, 0);
    CHECK_STR(flows(g), "a>t@p");
    CHECK_STR(reached(g, "a", "y", false), "t.y");
    graph_free(g);
    buf_free(&m.text);
}

TEST("a pipe's number in another run is another pipe")
{
    struct made m = { 0 };
    begin_ours(&m, "COMPLETE", "p.extract", "1", "9", "p");
    end(&m, "a", "pipe:[1]", same("a", NULL));
    begin_ours(&m, "COMPLETE", "q.load", "2", "8", "q");
    end(&m, "pipe:[1]", "t", same("pipe:[1]", NULL));
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(flows(g), ">t@q.load");
    graph_free(g);
    buf_free(&m.text);
}

TEST("through a program that nobody knows columns may come from anywhere")
{
    struct made m = { 0 };
    begin_ours(&m, "COMPLETE", "p.extract", "1", "9", "p");
    end(&m, "a", "pipe:[1]", same("a", NULL));
    begin_ours(&m, "COMPLETE", "p.load", "3", "9", "p");
    end(&m, "pipe:[2]", "t", same("pipe:[2]", NULL));
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(flows(g), "a>t@p.load");
    CHECK_STR(reached(g, "a", "x", false), "t?");
    CHECK_STR(reached(g, "a", "", false), "t");
    CHECK_STR(reached(g, "t", "x", true), "a?");
    graph_free(g);
    buf_free(&m.text);
}

TEST("stages that feed each other in a circle come to an end")
{
    struct made m = { 0 };
    begin_ours(&m, "COMPLETE", "p.a", "1", "9", "p");
    end(&m, "a pipe:[2]", "pipe:[1]", same("pipe:[2]", NULL));
    begin_ours(&m, "COMPLETE", "p.b", "2", "9", "p");
    end(&m, "pipe:[1]", "pipe:[2]", same("pipe:[1]", NULL));
    begin_ours(&m, "COMPLETE", "p.c", "3", "9", "p");
    end(&m, "pipe:[2]", "t", same("pipe:[2]", NULL));
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(flows(g), "a>t@p.c");
    graph_free(g);
    buf_free(&m.text);
}

/* ---- walking */

TEST("datasets lead on across jobs, each place once, in circles too")
{
    struct made m = { 0 };
    begin(&m, "COMPLETE", "j1", "1");
    end(&m, "a", "b", NULL);
    begin(&m, "COMPLETE", "j2", "2");
    end(&m, "b x", "c", NULL);
    begin(&m, "COMPLETE", "j3", "3");
    end(&m, "c", "a", NULL);
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(reached(g, "a", "", false), "b c");
    CHECK_STR(reached(g, "c", "", true), "b x a");
    CHECK_STR(reached(g, "x", "", false), "c a b");
    CHECK_STR(reached(g, "x", "", true), "");
    graph_free(g);
    buf_free(&m.text);
}

TEST("columns of other makers are all that they list")
{
    struct made m = { 0 };
    begin(&m, "COMPLETE", "model", "1");
    end(&m, "a", "b", column("y", "a", "x", "IDENTITY"));
    begin(&m, "COMPLETE", "unlisted", "2");
    end(&m, "b", "c", NULL);
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(reached(g, "a", "x", false), "b.y c?");
    CHECK_STR(reached(g, "a", "q", false), "");
    CHECK_STR(reached(g, "c", "z", true), "b? a?");
    graph_free(g);
    buf_free(&m.text);
}

TEST("what decides about records goes on with all of them")
{
    struct made m = { 0 };
    begin(&m, "COMPLETE", "j", "1");
    end(&m, "a", "b",
        "\"columnLineage\":{\"fields\":{\"y\":{\"inputFields\":[]}},"
        "\"dataset\":[{\"namespace\":\"file\",\"name\":\"a\",\"field\":\"k\","
        "\"transformations\":[{\"type\":\"INDIRECT\",\"subtype\":"
        "\"FILTER\"}]}]}");
    begin(&m, "COMPLETE", "j2", "2");
    end(&m, "b", "c", column("z", "b", "y", "IDENTITY"));
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(reached(g, "a", "k", false), "b! c!");
    CHECK_STR(reached(g, "c", "z", true), "b.y a.k!");
    graph_free(g);
    buf_free(&m.text);
}

TEST("a part of a column leads where the column does, and the other way round")
{
    struct made m = { 0 };
    begin(&m, "COMPLETE", "j", "1");
    end(&m, "a", "b", column("y", "a", "o.p", "IDENTITY"));
    struct graph *g = graph_of(&m, 0);
    CHECK_STR(reached(g, "a", "o", false), "b.y");
    CHECK_STR(reached(g, "a", "o.p.q", false), "b.y");
    CHECK_STR(reached(g, "a", "o.x", false), "");
    CHECK_STR(reached(g, "b", "y.z", true), "a.o.p.z");
    graph_free(g);
    buf_free(&m.text);
}

UNIT_MAIN
