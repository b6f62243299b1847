/* Lineage of a pipeline as a whole: told by pipe-run, out of what its stages
 * have put into the folder of the run. */
#include "base/date.h"
#include "lineage/graph.h"
#include "observe/lineage.h"
#include "observe/unfinished.h"
#include "stage/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_MAX ((size_t)256 << 20) /* bytes that are read of a folder */

/* Sets path to that of the events in folder. False without memory. */
static bool find_events(struct buf *path, const char *folder)
{
    buf_addf(path, "%s/" LINEAGE_FILE, folder);
    return buf_z(path) != NULL;
}

/* Appends what stands in the file from byte `from` on. Where there is none
 * there is nothing to tell. */
static void read_events(const char *path, uint64_t from, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? 0 : 1;
    off_t at = (off_t)from;
    while (n > 0 && buf_reserve(out, 65536) == 0) {
        n = pread(fd, out->p + out->n, out->cap - out->n, at);
        if (n < 0 && errno == EINTR) {
            n = 1;
        } else if (n > 0) {
            out->n += (size_t)n;
            at += n;
        }
    }
    if (fd >= 0)
        close(fd);
}

static void tell_lines(struct stage *st, struct str lines, bool aside)
{
    const char *lf;
    while (lines.n && (lf = memchr(lines.p, '\n', lines.n)) != NULL) {
        size_t n = (size_t)(lf + 1 - lines.p);
        observe_line(st, (struct str){ lines.p, n }, aside);
        lines = (struct str){ lines.p + n, lines.n - n };
    }
}

/* Tells the end of those that did not, and, where a server is to have them, all
 * that stages have put aside: one process waits for the server, not each. */
static void tell_all(struct stage *st, struct str events, const char *message,
                     bool aside)
{
    struct buf out = { .max = EVENTS_MAX };
    struct err e = { 0 };
    if (observe_posts(st))
        tell_lines(st, events, false);
    if (unfinished_abort(&out, events, message, time_now(), &e))
        stage_warn(st, "lineage is not whole: %s", e.msg);
    tell_lines(st, buf_str(&out), aside);
    buf_free(&out);
}

/* ---- the run */

void stage_run_begin(struct stage *st, const char *folder, const char *owner,
                     const char *runbook)
{
    if (!observe_lineage(st))
        return;
    stage_facts(st)->owner = owner;
    stage_facts(st)->runbook = runbook;
    observe_begin(st, folder);
}

void stage_run_attempt(struct stage *st, const char *folder)
{
    struct buf path = { .max = 65536 };
    struct stat s;
    bool there = observe_lineage(st) && find_events(&path, folder) &&
                 stat(path.p, &s) == 0;
    st->priv->events_from = there ? (uint64_t)s.st_size : 0;
    buf_free(&path);
}

void stage_run_attempted(struct stage *st, const char *folder)
{
    struct buf path = { .max = 65536 }, events = { .max = EVENTS_MAX };
    if (observe_lineage(st) && find_events(&path, folder)) {
        read_events(path.p, st->priv->events_from, &events);
        tell_all(st, buf_str(&events), "the stage was killed", true);
    }
    buf_free(&path);
    buf_free(&events);
}

/* ---- what it has read and written */

static struct dataset *add_input(struct facts *f, const struct graph *g,
                                 uint32_t dataset, size_t *index)
{
    struct str space = graph_namespace(g, dataset);
    struct str name = graph_name(g, dataset);
    for (size_t i = 0; i < f->n_inputs; i++)
        if (str_eq(f->inputs[i].namespace, space) &&
            str_eq(f->inputs[i].name, name)) {
            *index = i;
            return &f->inputs[i];
        }
    *index = f->n_inputs;
    return facts_input(f, space, name);
}

static void take_count(struct dataset *d, const struct graph_count *c)
{
    d->has_rows |= c->has_rows;
    d->has_bytes |= c->has_bytes;
    d->rows = c->rows > d->rows ? c->rows : d->rows;
    d->bytes = c->bytes > d->bytes ? c->bytes : d->bytes;
}

/* Numbers the sources of a map as inputs of the facts. */
static void number(struct colmap_sources *list, const uint32_t *numbers)
{
    for (size_t i = 0; i < list->n; i++)
        list->v[i].input = numbers[list->v[i].input];
}

static void number_all(struct colmap *m, const uint32_t *numbers)
{
    for (size_t i = 0; i < m->n; i++)
        number(&m->columns[i].from, numbers);
    number(&m->whole, numbers);
    for (size_t i = 0; i < m->n_from; i++)
        m->from[i] = numbers[m->from[i]];
}

/* The flows of the run as inputs and outputs of the whole. The maps stay the
 * graph's. */
static void take_flows(struct facts *f, struct graph *g, uint32_t *numbers)
{
    const struct graph_flow *flows;
    size_t n = graph_flows(g, &flows), index;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < flows[i].n_inputs; k++) {
            const struct graph_input *in = &flows[i].inputs[k];
            struct dataset *d = add_input(f, g, in->dataset, &index);
            numbers[in->dataset] = (uint32_t)index;
            if (d)
                take_count(d, &in->count);
        }
    for (size_t i = 0; i < n; i++) {
        struct dataset *d = facts_output(f, graph_namespace(g, flows[i].to),
                                         graph_name(g, flows[i].to));
        if (!d)
            continue;
        take_count(d, &flows[i].count);
        /* Each flow is numbered once. */
        struct colmap *m = (struct colmap *)(uintptr_t)&flows[i].map;
        number_all(m, numbers);
        d->columns = m;
    }
}

/* The graph of the events; NULL where there is nothing to tell. */
static struct graph *take_together(struct facts *f, struct str events,
                                   uint32_t **numbers)
{
    struct graph *g = graph_new();
    struct err ignored;
    int r = g ? 0 : -1;
    while (r >= 0 && events.n) {
        const char *lf = memchr(events.p, '\n', events.n);
        size_t n = lf ? (size_t)(lf - events.p) : events.n;
        r = graph_take(g, (struct str){ events.p, n });
        n += lf != NULL;
        events = (struct str){ events.p + n, events.n - n };
    }
    if (r >= 0 && graph_end(g, 0, &ignored) == 0)
        *numbers = calloc(graph_datasets(g) + 1, sizeof(**numbers));
    if (*numbers)
        take_flows(f, g, *numbers);
    else
        f->left_out++;
    return g;
}

void stage_run_end(struct stage *st, const char *folder)
{
    struct facts *f = stage_facts(st);
    struct buf path = { .max = 65536 }, events = { .max = EVENTS_MAX };
    uint32_t *numbers = NULL;
    struct graph *g = NULL;
    int sig = st->err.code == ERR_NONE ? 0 : stage_stop_signal();
    if (observe_lineage(st) && find_events(&path, folder)) {
        read_events(path.p, st->priv->events_from, &events);
        g = take_together(f, buf_str(&events), &numbers);
    }
    observe_finish(st, sig ? 128 + sig : (int)st->err.code, sig);
    if (g)
        (void)unlink(path.p);
    graph_free(g);
    free(numbers);
    buf_free(&path);
    buf_free(&events);
}

/* ---- runs before */

void stage_run_died(struct stage *st, const char *dead)
{
    struct buf path = { .max = 65536 }, mine = { .max = 65536 };
    struct buf events = { .max = EVENTS_MAX };
    if (observe_lineage(st) && find_events(&path, dead)) {
        buf_addf(&mine, "%s.%d", path.p, (int)getpid());
        /* Of several that find it one tells it. */
        if (buf_z(&mine) && rename(path.p, mine.p) == 0) {
            read_events(mine.p, 0, &events);
            tell_all(st, buf_str(&events), "pipe-run was killed", false);
            (void)unlink(mine.p);
        }
    }
    buf_free(&path);
    buf_free(&mine);
    buf_free(&events);
}
